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
static compose_fn *const builders[] = {line, body, tall, pooled, thick};

/* ---- sentences --------------------------------------------------------------------------------------------------- */

static tn_tensor *bad_line(tn_tensor *x)
{
    return tn_conv1d(tn_unsqueeze(x, 0), x, NULL, NULL);
}
static tn_tensor *bad_same(tn_tensor *x)
{
    return tn_conv1d(x, weights(x, TN_SHAPE(2, 3, 2)), NULL, TN_OPT(tn_conv_opt, .same = true, .stride = 2));
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

static const compose_wrong wrong[] = {{bad_line, "takes lines [N, C, L]"},
                                      {bad_same, "keeps the size goes with stride 1, not 2"},
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
                                      {bad_flat, "it has 0 axes"}};

static void open_sizes(void **state)
{
    (void)state;
    compose_open_sizes(builders, sizeof builders / sizeof *builders);
}

static void sentences(void **state)
{
    (void)state;
    compose_sentences(wrong, sizeof wrong / sizeof *wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(open_sizes), cmocka_unit_test(sentences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
