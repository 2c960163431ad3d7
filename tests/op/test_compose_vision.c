/* Builders of convolutions, pooling and pictures that make several nodes: open sizes and sentences (support/compose.h). Values are
 * compared with PyTorch's in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/compose.h"

/* The same numbers as a weight of this shape. */
static tn_tensor *weights(tn_tensor *x, tn_shape shape)
{
    tn_dim n = 1;
    for (int i = 0; i < shape.rank; i++)
        n *= shape.dims[i];
    return tn_reshape(tn_arange(tn_tensor_graph(x), TN_F32, -0.5, 0.125, n), shape);
}
static tn_tensor *line(tn_tensor *x)
{
    tn_tensor *y = tn_conv1d(x, weights(x, TN_SHAPE(4, 3, 2)), NULL, TN_OPT(tn_conv_opt, .same = true));
    return tn_conv_transpose1d(y, weights(x, TN_SHAPE(4, 2, 3)), NULL, TN_OPT(tn_conv_opt, .stride = 2));
}
static tn_tensor *body(tn_tensor *x)
{
    x = tn_reshape(x, TN_SHAPE(tn_dim_of(x, 0), 2, 3, 2, 1));
    tn_tensor *y =
        tn_conv3d(x, weights(x, TN_SHAPE(4, 1, 2, 2, 1)), NULL, TN_OPT(tn_conv_opt, .padding = 1, .groups = 2));
    return tn_conv_transpose3d(y, weights(x, TN_SHAPE(4, 1, 2, 2, 1)), NULL,
                               TN_OPT(tn_conv_opt, .groups = 2, .strides = {2}, .padding = 1, .output_paddings = {1}));
}
/* Pictures of open height. */
static tn_tensor *tall(tn_tensor *x)
{
    x = tn_reshape(x, TN_SHAPE(1, 2, tn_dim_of(x, 0), 6));
    tn_tensor *y = tn_interpolate(x, TN_OPT(tn_interpolate_opt, .scale = 2, .mode = TN_RESIZE_LINEAR));
    y = tn_conv_transpose2d(y, weights(x, TN_SHAPE(2, 4, 3, 3)), NULL,
                            TN_OPT(tn_conv_opt, .stride = 2, .padding = 1, .output_padding = 1));
    y = tn_interpolate(y, TN_OPT(tn_interpolate_opt, .scale = 0.5));
    return tn_pixel_unshuffle(tn_pixel_shuffle(y, 2), 4);
}

static tn_tensor *pooled(tn_tensor *x)
{
    tn_tensor *y = tn_max_pool1d(x, 2, TN_OPT(tn_pool_opt, .stride = 1));
    y = tn_add(tn_lp_pool(y, 2, 3, NULL), tn_adaptive_max_pool(x, (tn_dim[]){1}));
    tn_sorted m = tn_max_pool_index(x, 2, NULL);
    return tn_add(tn_max_unpool(m.values, m.index, (tn_dim[]){4}), y);
}
static tn_tensor *thick(tn_tensor *x)
{
    x = tn_reshape(x, TN_SHAPE(tn_dim_of(x, 0), 1, 3, 2, 2));
    tn_sorted m = tn_max_pool_index(x, 2, TN_OPT(tn_pool_opt, .stride = 1));
    return tn_add(tn_max_unpool(m.values, m.index, (tn_dim[]){3, 2, 2}), tn_avg_pool3d(x, 1, NULL));
}
static tn_tensor *sampled(tn_tensor *x)
{
    x = tn_unsqueeze(x, 1);
    tn_tensor *grid = tn_reshape(tn_slice(x, 2, 0, 2), TN_SHAPE(tn_dim_of(x, 0), 2, 2, 2));
    tn_tensor *far = tn_grid_sample(x, tn_mul_f(grid, 0.3), TN_OPT(tn_grid_opt, .border = TN_GRID_REFLECT));
    tn_tensor *theta = tn_reshape(tn_mul_f(tn_slice(x, 3, 0, 2), 0.1), TN_SHAPE(tn_dim_of(x, 0), 2, 3));
    tn_tensor *moved = tn_grid_sample(x, tn_affine_grid(theta, (tn_dim[]){2, 2}, true), NULL);
    return tn_add(far, moved);
}
static tn_tensor *regions(tn_tensor *x)
{
    tn_dim n = tn_dim_of(x, 0);
    tn_tensor *number = tn_unsqueeze(tn_arange(tn_tensor_graph(x), TN_F32, 0, 1, n), 1);
    tn_tensor *box[] = {
        number, tn_expand(tn_reshape(tn_arange(tn_tensor_graph(x), TN_F32, 0, 1, 4), TN_SHAPE(1, 4)), TN_SHAPE(n, 4))};
    tn_tensor *rois = tn_concat(2, box, 1);
    x = tn_unsqueeze(x, 1);
    return tn_add(tn_roi_align(x, rois, TN_OPT(tn_roi_opt, .height = 2, .width = 2)),
                  tn_roi_pool(x, rois, TN_OPT(tn_roi_opt, .height = 2, .width = 2)));
}
static tn_tensor *taken(tn_tensor *x)
{
    tn_tensor *boxes = tn_reshape(x, TN_SHAPE(tn_dim_mul(tn_tensor_graph(x), tn_dim_of(x, 0), 3), 4));
    tn_tensor *at = tn_nms(boxes, tn_sum_axes(boxes, 1, (int64_t[]){1}, false), 0.5, 5).values;
    return tn_cast(at, TN_F32);
}
static tn_tensor *normed(tn_tensor *x)
{
    tn_tensor *y = tn_local_response_norm(x, 3, 0.1, 0.75, 1);
    y = tn_bilinear(y, tn_detach(x), weights(x, TN_SHAPE(2, 4, 4)), NULL);
    return tn_weight_norm(y, weights(x, TN_SHAPE(2)), 2);
}
static tn_tensor *noisy(tn_tensor *x) /* nothing is dropped where nothing is trained */
{
    return tn_alpha_dropout(tn_drop_path(tn_dropout_channels(x, 0.5), 0.5), 0.5);
}
static tn_tensor *deformed(tn_tensor *x)
{
    tn_dim n = tn_dim_of(x, 0);
    tn_tensor *picture = tn_unsqueeze(x, 1), *part = tn_slice(tn_slice(picture, 2, 0, 2), 3, 0, 3);
    tn_tensor *offset = tn_mul_f(tn_expand(part, TN_SHAPE(n, 8, 2, 3)), 0.7);
    tn_tensor *mask = tn_expand(tn_sigmoid(part), TN_SHAPE(n, 4, 2, 3));
    return tn_deform_conv2d(picture, offset, mask, weights(x, TN_SHAPE(2, 1, 2, 2)), weights(x, TN_SHAPE(2)), NULL);
}
static tn_tensor *shrunk(tn_tensor *x)
{
    tn_tensor *samples = tn_full(tn_tensor_graph(x), TN_F32, TN_SHAPE(tn_dim_of(x, 0), 1, 2), 0.375);
    tn_sorted y = tn_fractional_max_pool(tn_unsqueeze(x, 1), (int[]){2, 1}, (tn_dim[]){2, 3}, samples);
    return tn_add(tn_max_unpool(y.values, y.index, (tn_dim[]){3, 4}), tn_unsqueeze(x, 1));
}

static compose_fn *const builders[] = {line,    body,  tall,   pooled, thick,    sampled,
                                       regions, taken, normed, noisy,  deformed, shrunk};

/* ---- sentences --------------------------------------------------------------------------------------------------- */

static tn_tensor *bad_line(tn_tensor *x)
{
    return tn_conv1d(tn_unsqueeze(x, 0), x, NULL, NULL);
}
static tn_tensor *bad_same(tn_tensor *x)
{
    return tn_conv1d(x, weights(x, TN_SHAPE(2, 3, 2)), NULL, TN_OPT(tn_conv_opt, .same = true, .stride = 2));
}
static tn_tensor *bad_border(tn_tensor *x)
{
    return tn_conv_transpose1d(x, weights(x, TN_SHAPE(3, 2, 2)), NULL,
                               TN_OPT(tn_conv_opt, .padding = 1, .border = TN_CONV_REFLECT));
}
static tn_tensor *bad_word(tn_tensor *x)
{
    return tn_conv1d(x, weights(x, TN_SHAPE(2, 3, 2)), NULL, TN_OPT(tn_conv_opt, .border = (tn_conv_border)4));
}
static tn_tensor *bad_body(tn_tensor *x)
{
    return tn_conv3d(tn_unsqueeze(tn_unsqueeze(x, 0), 0), weights(x, TN_SHAPE(2, 1, 9, 1, 1)), NULL, NULL);
}
static tn_tensor *bad_groups(tn_tensor *x)
{
    return tn_conv3d(tn_unsqueeze(tn_unsqueeze(x, 0), 0), weights(x, TN_SHAPE(2, 1, 1, 1, 1)), NULL,
                     TN_OPT(tn_conv_opt, .groups = 2));
}
static tn_tensor *bad_extra(tn_tensor *x)
{
    return tn_conv_transpose3d(tn_unsqueeze(tn_unsqueeze(x, 0), 0), weights(x, TN_SHAPE(1, 1, 1, 1, 1)), NULL,
                               TN_OPT(tn_conv_opt, .output_padding = 2));
}
static tn_tensor *bad_left(tn_tensor *x)
{
    tn_tensor *y = tn_reshape(x, TN_SHAPE(tn_dim_of(x, 0), 3, 1, 2, 2));
    return tn_conv_transpose3d(y, weights(x, TN_SHAPE(3, 1, 1, 1, 1)), NULL, TN_OPT(tn_conv_opt, .padding = 1));
}
static tn_tensor *bad_picture(tn_tensor *x)
{
    return tn_interpolate(tn_sum(x), NULL);
}
static tn_tensor *bad_scale(tn_tensor *x)
{
    return tn_interpolate(x, NULL);
}
static tn_tensor *bad_open(tn_tensor *x)
{
    tn_dim n = tn_symbol(tn_tensor_graph(x), "n");
    return tn_interpolate(tn_input(tn_tensor_graph(x), "open", TN_F32, TN_SHAPE(1, 1, n)),
                          TN_OPT(tn_interpolate_opt, .scale = 1.5));
}
static tn_tensor *bad_shuffle(tn_tensor *x)
{
    return tn_pixel_shuffle(tn_unsqueeze(x, 0), 2);
}
static tn_tensor *bad_unshuffle(tn_tensor *x)
{
    return tn_pixel_unshuffle(tn_unsqueeze(x, 0), 2);
}
static tn_tensor *bad_factor(tn_tensor *x)
{
    return tn_pixel_shuffle(x, 2);
}

static tn_tensor *bad_pool(tn_tensor *x)
{
    return tn_max_pool3d(x, 2, NULL);
}
static tn_tensor *bad_mean(tn_tensor *x)
{
    return tn_avg_pool1d(tn_sum(x), 2, NULL);
}
static tn_tensor *bad_norm(tn_tensor *x)
{
    return tn_lp_pool(x, 0, 2, NULL);
}
static tn_tensor *bad_index(tn_tensor *x)
{
    return tn_max_pool_index(tn_sum(x), 2, NULL).index;
}
static tn_tensor *bad_back(tn_tensor *x)
{
    return tn_max_unpool(tn_sum(x), tn_sum(x), NULL);
}
static tn_tensor *bad_adaptive(tn_tensor *x)
{
    return tn_adaptive_max_pool(x, (tn_dim[]){0});
}
static tn_tensor *bad_flat(tn_tensor *x)
{
    return tn_adaptive_max_pool(tn_sum(x), (tn_dim[]){0});
}

static tn_tensor *bad_grid(tn_tensor *x)
{
    return tn_grid_sample(tn_unsqueeze(x, 0), x, NULL);
}
static tn_tensor *bad_theta(tn_tensor *x)
{
    return tn_affine_grid(tn_transpose(x, 1, 2), (tn_dim[]){2, 2, 2}, false);
}
static tn_tensor *bad_regions(tn_tensor *x)
{
    return tn_roi_align(tn_unsqueeze(x, 0), weights(x, TN_SHAPE(2, 4)), TN_OPT(tn_roi_opt, .height = 2, .width = 2));
}
static tn_tensor *open_picture(tn_tensor *x)
{
    tn_graph *g = tn_tensor_graph(x);
    return tn_input(g, "open", TN_F32, TN_SHAPE(1, 1, tn_symbol(g, "h"), 4));
}
static tn_tensor *bad_samples(tn_tensor *x)
{
    return tn_roi_align(open_picture(x), weights(x, TN_SHAPE(2, 5)), TN_OPT(tn_roi_opt, .height = 2, .width = 2));
}
static tn_tensor *bad_pixels(tn_tensor *x)
{
    return tn_roi_pool(open_picture(x), weights(x, TN_SHAPE(2, 5)), TN_OPT(tn_roi_opt, .height = 2, .width = 2));
}
static tn_tensor *deform_by(tn_tensor *x, tn_shape offset, tn_shape mask, tn_shape w, const tn_conv_opt *opt)
{
    tn_tensor *m = mask.rank ? weights(x, mask) : NULL;
    return tn_deform_conv2d(tn_unsqueeze(x, 0), weights(x, offset), m, weights(x, w), NULL, opt);
}
static tn_tensor *bad_window(tn_tensor *x)
{
    return tn_deform_conv2d(x, x, NULL, x, NULL, NULL);
}
static tn_tensor *bad_inputs(tn_tensor *x)
{
    return deform_by(x, TN_SHAPE(1, 2, 3, 4), (tn_shape){0}, TN_SHAPE(2, 3, 1, 1), NULL);
}
static tn_tensor *bad_offset(tn_tensor *x)
{
    return deform_by(x, TN_SHAPE(1, 3, 3, 4), (tn_shape){0}, TN_SHAPE(2, 2, 1, 1), NULL);
}
static tn_tensor *bad_mask(tn_tensor *x)
{
    return deform_by(x, TN_SHAPE(1, 2, 3, 4), TN_SHAPE(1, 2, 3, 4), TN_SHAPE(2, 2, 1, 1), NULL);
}
static tn_tensor *bad_places(tn_tensor *x)
{
    return deform_by(x, TN_SHAPE(1, 2, 4, 3), (tn_shape){0}, TN_SHAPE(2, 2, 1, 1), NULL);
}
static tn_tensor *bad_steps(tn_tensor *x)
{
    return deform_by(x, TN_SHAPE(1, 2, 3, 4), (tn_shape){0}, TN_SHAPE(2, 2, 1, 1), TN_OPT(tn_conv_opt, .stride = -1));
}
static tn_tensor *bad_reach(tn_tensor *x)
{
    return deform_by(x, TN_SHAPE(1, 8, 1, 1), (tn_shape){0}, TN_SHAPE(2, 2, 4, 1), NULL);
}
static tn_tensor *bad_mirror(tn_tensor *x)
{
    return deform_by(x, TN_SHAPE(1, 2, 3, 4), (tn_shape){0}, TN_SHAPE(2, 2, 1, 1),
                     TN_OPT(tn_conv_opt, .padding = 1, .border = TN_CONV_REFLECT));
}
static tn_tensor *bad_weight(tn_tensor *x)
{
    return tn_deform_conv2d(
        tn_unsqueeze(x, 0), tn_unsqueeze(x, 0), NULL,
        tn_input(tn_tensor_graph(x), "w", TN_F32, TN_SHAPE(tn_symbol(tn_tensor_graph(x), "o"), 2, 1, 1)), NULL, NULL);
}
static tn_tensor *bad_shrinking(tn_tensor *x)
{
    return tn_fractional_max_pool(tn_unsqueeze(x, 0), (int[]){2, 2}, (tn_dim[]){3, 3}, NULL).values;
}
static tn_tensor *bad_draws(tn_tensor *x)
{
    return tn_fractional_max_pool(tn_unsqueeze(x, 0), (int[]){2, 2}, (tn_dim[]){2, 3}, weights(x, TN_SHAPE(1, 2, 3)))
        .values;
}
static tn_tensor *bad_slopes(tn_tensor *x)
{
    return tn_rrelu(x, 0.5, 0.25);
}
static tn_tensor *bad_spectrogram(tn_tensor *x)
{
    return tn_spec_augment(tn_sum(x), 1, 1, 1);
}
static tn_tensor *bad_stripes(tn_tensor *x)
{
    return tn_spec_augment(x, 65, 1, 1);
}
static tn_tensor *bad_channels(tn_tensor *x)
{
    return tn_dropout_channels(tn_sum(x), 0.5);
}
static tn_tensor *bad_path(tn_tensor *x)
{
    return tn_drop_path(tn_sum(x), 0.5);
}
static tn_tensor *bad_alpha(tn_tensor *x)
{
    return tn_alpha_dropout(x, 1);
}
static tn_tensor *bad_response(tn_tensor *x)
{
    return tn_local_response_norm(x, 0, 1, 1, 1);
}
static tn_tensor *bad_axis(tn_tensor *x)
{
    return tn_weight_norm(x, x, 3);
}
static tn_tensor *bad_rows(tn_tensor *x)
{
    return tn_spectral_norm(x, x, x, -4).w;
}

static const compose_wrong wrong[] = {{bad_spectrogram, "takes spectrograms [..., bands, frames]"},
                                      {bad_stripes, "0 to 64 masks"},
                                      {bad_line, "takes lines [N, C, L]"},
                                      {bad_same, "keeps the size goes with stride 1, not 2"},
                                      {bad_border, "there is no border 1 where a border is cut off"},
                                      {bad_word, "there is no border 4"},
                                      {bad_body, "a window 9 deep does not fit into 2"},
                                      {bad_groups, "cannot be divided into the groups"},
                                      {bad_extra, "output_padding is 2"},
                                      {bad_left, "nothing is left of a depth of 1"},
                                      {bad_picture, "with one to three further axes; it has 0"},
                                      {bad_scale, "needs a size, or a scale above 0"},
                                      {bad_open, "must be a number to be multiplied by 1.5"},
                                      {bad_shuffle, "2 channels are no multiple of 4"},
                                      {bad_unshuffle, "axis 2 of size 3 is no multiple of 2"},
                                      {bad_factor, "it has 3 axes and 2"},
                                      {bad_pool, "max_pool3d of 'x' takes bodies"},
                                      {bad_mean, "takes lines [N, C, L]; it has 0"},
                                      {bad_norm, "p is 0"},
                                      {bad_index, "one to three further axes; it has 0"},
                                      {bad_back, "one to three further axes; it has 0"},
                                      {bad_adaptive, "axis 2 of size 4 cannot be brought to 0"},
                                      {bad_flat, "it has 0 axes"},
                                      {bad_grid, "takes pictures [N, C, H, W] and a grid"},
                                      {bad_theta, "takes matrices [N, 2, 3] or [N, 3, 4]"},
                                      {bad_regions, "regions [R, 5]"},
                                      {bad_samples, "without a number of samples the size of axis 2 must be a number"},
                                      {bad_pixels, "the size of axis 2 must be a number above 0"},
                                      {bad_window, "takes pictures [N, C, H, W], a weight, offsets and masks"},
                                      {bad_weight, "the sizes of the weight must be numbers above 0"},
                                      {bad_inputs, "those of the weight and the groups do not fit"},
                                      {bad_offset, "the offsets need 2 * kh * kw channels"},
                                      {bad_mask, "half as many channels as the offsets"},
                                      {bad_places, "need its batch and the size of the result"},
                                      {bad_steps, "stride and dilation must be 1 or more"},
                                      {bad_reach, "the window does not fit into the picture"},
                                      {bad_mirror, "and no other border"},
                                      {bad_shrinking, "sizes from 1 to theirs + 1"},
                                      {bad_draws, "samples need the shape [N, C, 2]"},
                                      {bad_slopes, "the slopes from 0.5 to 0.25 are no range"},
                                      {bad_channels, "it has 0 axes"},
                                      {bad_path, "it has no axis"},
                                      {bad_alpha, "p is 1; it must be from 0 to below 1"},
                                      {bad_response, "it has 3 axes and 0"},
                                      {bad_axis, "weight_norm of 'x': axis 3 of a 3-d tensor"},
                                      {bad_rows, "spectral_norm of 'x': axis -4 of a 3-d tensor"}};

/* ---- noise --------------------------------------------------------------------------------------------------------- */

enum { SAMPLES = 64, CHANNELS = 32, INNER = 9 };

/* What a builder makes of ones [SAMPLES, CHANNELS, INNER] when it trains. */
static void train(compose_fn *build, float *y)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *g = tn_graph_new(context);
    tn_tensor *x = tn_full(g, TN_F32, TN_SHAPE(SAMPLES, CHANNELS, INNER), 1);
    tn_entry_output(tn_entry_new(g, "e", TN_TRAINING), "y", build(x));
    tn_program *p = tn_compile(g, NULL);
    tn_state *state = tn_state_new(context);
    tn_session *s = tn_session_new(p, state);
    tn_feed out = {"y", tn_view_of(y, TN_F32, 3, (int64_t[]){SAMPLES, CHANNELS, INNER})};
    if (tn_run(s, "e", 0, NULL, 1, &out) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(p);
    tn_graph_free(g);
    tn_context_free(context);
}
static tn_tensor *channels(tn_tensor *x)
{
    return tn_dropout_channels(x, 0.25);
}
static tn_tensor *path(tn_tensor *x)
{
    return tn_drop_path(x, 0.25);
}
static tn_tensor *alpha(tn_tensor *x)
{
    return tn_alpha_dropout(tn_mul_f(x, 0), 0.25);
}

/* Blocks are kept or dropped as a whole, a quarter of them, and what is kept is scaled up. */
static void blocks_are_dropped(void **state)
{
    static float y[SAMPLES * CHANNELS * INNER];
    (void)state;
    for (int i = 0; i < 2; i++) {
        const int size = i ? CHANNELS * INNER : INNER, n = SAMPLES * CHANNELS * INNER / size;
        int dropped = 0;
        train(i ? path : channels, y);
        for (int b = 0; b < n; b++) {
            for (int k = 0; k < size; k++)
                assert_true(y[b * size + k] == y[b * size]);
            dropped += y[b * size] == 0;
            assert_true(y[b * size] == 0 || (y[b * size] > 1.3333F && y[b * size] < 1.3334F));
        }
        assert_in_range(dropped, n / 8, n * 3 / 8);
    }
}

/* Zeros become two values: where it is dropped, and where it is kept; their mean is 0. */
static void alpha_keeps_the_mean(void **state)
{
    static float y[SAMPLES * CHANNELS * INNER];
    double mean = 0;
    int n = SAMPLES * CHANNELS * INNER, values = 1;
    (void)state;
    train(alpha, y);
    for (int i = 0; i < n; i++) {
        mean += (double)y[i] / n;
        values += y[i] != y[0] && values == 1;
        assert_true(y[i] == y[0] || values == 2);
    }
    assert_int_equal(values, 2);
    assert_true(mean > -0.05 && mean < 0.05);
}

static tn_tensor *sloped(tn_tensor *x)
{
    return tn_rrelu(tn_mul_f(x, -1), 0.25, 0.75);
}
static tn_tensor *drawn_windows(tn_tensor *x)
{
    tn_tensor *rows = tn_arange(tn_tensor_graph(x), TN_F32, 0, 1, 36);
    tn_tensor *pictures = tn_expand(rows, TN_SHAPE(SAMPLES, CHANNELS, 1, 36));
    tn_tensor *y = tn_fractional_max_pool(pictures, (int[]){1, 1}, (tn_dim[]){1, INNER}, NULL).values;
    return tn_squeeze(y, 2);
}

/* Slopes spread evenly over their range, each by itself. */
static void slopes_are_drawn(void **state)
{
    static float y[SAMPLES * CHANNELS * INNER];
    const int n = SAMPLES * CHANNELS * INNER;
    double mean = 0, square = 0, beside = 0;
    (void)state;
    train(sloped, y);
    for (int i = 0; i < n; i++) {
        double part = (-(double)y[i] - 0.25) * 2 - 0.5;
        assert_true(part >= -0.5 && part <= 0.5);
        mean += part / n;
        square += part * part / n;
        beside += i ? part * ((-(double)y[i - 1] - 0.25) * 2 - 0.5) / n : 0;
    }
    assert_float_equal(mean, 0, 0.0107); /* five deviations of each */
    assert_float_equal(square, 1.0 / 12, 0.0028);
    assert_float_equal(beside, 0, 0.0031);
}

/* Bands of a spectrogram whose values are their numbers: those of a stripe are the mean of all. */
static tn_tensor *without_bands(tn_tensor *x)
{
    tn_tensor *line = tn_arange(tn_tensor_graph(x), TN_F32, 0, 1, INNER);
    return tn_spec_augment(tn_expand(line, TN_SHAPE(SAMPLES, CHANNELS, INNER)), 1, 0, INNER / 2.0);
}

/* What is taken out is one stripe for each sample, up to half as wide as all, a quarter on average, at any place. */
static void stripes_are_drawn(void **state)
{
    static float y[SAMPLES * CHANNELS * INNER];
    const float mean = (INNER - 1) / 2.0F;
    int out = 0, first = 0, last = 0;
    (void)state;
    train(without_bands, y);
    for (int s = 0; s < SAMPLES; s++) {
        const float *sample = y + s * CHANNELS * INNER;
        int from = INNER, to = -1;
        for (int k = 0; k < INNER; k++)
            if (sample[k] != (float)k) {
                assert_float_equal(sample[k], mean, 1e-5);
                from = k < from ? k : from;
                to = k;
                out++;
            }
        for (int k = from; k <= to; k++)
            assert_true(sample[k] == mean || (float)k == mean);
        for (int c = 1; c < CHANNELS; c++)
            assert_memory_equal(sample, sample + c * INNER, sizeof(float) * INNER);
        assert_true(to - from < INNER / 2 + 1);
        first += from == 0;
        last += to == INNER - 1;
    }
    assert_in_range(out, SAMPLES * INNER / 6, SAMPLES * INNER / 3);
    assert_true(first > 0 && last > 0);
}

/* Nine of 36: the last is the last, the others begin before it, 4 or 5 apart, and both distances come, in different places. */
static void windows_are_drawn(void **state)
{
    static float y[SAMPLES * CHANNELS * INNER];
    int far = 0, others = 0;
    (void)state;
    train(drawn_windows, y);
    for (int r = 0; r < SAMPLES * CHANNELS; r++) {
        const float *row = y + (ptrdiff_t)r * INNER;
        assert_true(row[0] == 0 && row[INNER - 1] == 35);
        for (int i = 1; i < INNER; i++) {
            const float apart = row[i] - row[i - 1];
            assert_true(apart >= 4 && apart <= 5);
            far += apart == 5;
            others += r > 0 && row[i] != y[(ptrdiff_t)(r - 1) * INNER + i];
        }
    }
    assert_in_range(far, SAMPLES * CHANNELS * 3 - 60, SAMPLES * CHANNELS * 3 + 60); /* 35 = 5 * 4 + 3 * 5 */
    assert_true(others > SAMPLES * CHANNELS);
}

static tn_tensor *normal(tn_tensor *x)
{
    return tn_normal(tn_tensor_graph(x), TN_F32, tn_tensor_shape(x));
}

/* The first four moments of 18,432 numbers, each within five of its deviations, and the share beyond 2. */
static void normal_numbers_are_normal(void **state)
{
    static float y[SAMPLES * CHANNELS * INNER];
    const int n = SAMPLES * CHANNELS * INNER;
    double moment[5] = {0}, far = 0;
    (void)state;
    train(normal, y);
    for (int i = 0; i < n; i++) {
        double power = 1;
        for (int k = 0; k < 5; k++, power *= y[i])
            moment[k] += power / n;
        far += (y[i] > 2 || y[i] < -2) / (double)n;
    }
    assert_float_equal(moment[1], 0, 0.037);
    assert_float_equal(moment[2], 1, 0.052);
    assert_float_equal(moment[3], 0, 0.143);
    assert_float_equal(moment[4], 3, 0.361);
    assert_float_equal(far, 0.0455, 0.0077);
}

static compose_list list = COMPOSE_LIST(builders, wrong);

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(compose_open_sizes, &list),
                                       cmocka_unit_test_prestate(compose_sentences, &list),
                                       cmocka_unit_test(blocks_are_dropped),
                                       cmocka_unit_test(alpha_keeps_the_mean),
                                       cmocka_unit_test(slopes_are_drawn),
                                       cmocka_unit_test(stripes_are_drawn),
                                       cmocka_unit_test(windows_are_drawn),
                                       cmocka_unit_test(normal_numbers_are_normal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
