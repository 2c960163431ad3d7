/* Convolutions, pooling and whatever else is done with pictures against PyTorch's: every case of vision.safetensors (make_vision.py)
 * through compiled programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden.h"

/* ---- convolutions -------------------------------------------------------------------------------------------------- */

/* Up to three numbers, one for each direction, into out; sides: far ones too. */
static void each(const golden *c, const char *key, int *out, bool sides)
{
    int64_t v[TN_MAX_RANK] = {0};
    int n = golden_numbers(c, key, v);
    for (int d = 0; d < n; d++)
        out[d] = (int)v[d];
    for (int d = 0; sides && d < n; d++)
        out[n + d] = (int)v[d];
}

static bool convolution(golden *c, tn_tensor *(*how)(tn_tensor *, tn_tensor *, tn_tensor *, const tn_conv_opt *))
{
    tn_conv_opt o = {.groups = (int)golden_number(c, "groups", 1),
                     .same = strcmp(golden_word(c, "padding"), "same") == 0};
    each(c, "stride", o.strides, false);
    each(c, "dilation", o.dilations, false);
    each(c, "output_padding", o.output_paddings, false);
    if (!o.same)
        each(c, "padding", o.paddings, true);
    c->out[0] = how(c->in[0], c->in[1], c->in[2], &o);
    return true;
}

#define CONVOLUTION(name)                                                                                              \
    static bool make_##name(golden *c)                                                                                 \
    {                                                                                                                  \
        return convolution(c, tn_##name);                                                                              \
    }
CONVOLUTION(conv1d)
CONVOLUTION(conv2d)
CONVOLUTION(conv3d)
CONVOLUTION(conv_transpose1d)
CONVOLUTION(conv_transpose3d)

/* ---- pooling ------------------------------------------------------------------------------------------------------- */

static tn_pool_opt pool_options(const golden *c)
{
    int dilation[3] = {0};
    tn_pool_opt o = {.ceil_mode = golden_flag(c, "ceil_mode", false),
                     .exclude_padding = !golden_flag(c, "count_include_pad", true),
                     .divisor = (int)golden_number(c, "divisor_override", 0)};
    each(c, "kernel_size", o.kernels, false);
    each(c, "stride", o.strides, false);
    each(c, "padding", o.paddings, true);
    each(c, "dilation", dilation, false);
    o.dilation = dilation[0];
    return o;
}

#define POOL(name)                                                                                                     \
    static bool make_##name(golden *c)                                                                                 \
    {                                                                                                                  \
        tn_pool_opt o = pool_options(c);                                                                               \
        c->out[0] = tn_##name(c->in[0], 0, &o);                                                                        \
        return true;                                                                                                   \
    }
POOL(max_pool1d)
POOL(avg_pool1d)
POOL(max_pool3d)
POOL(avg_pool3d)

static bool make_lp_pool(golden *c)
{
    tn_pool_opt o = pool_options(c);
    c->out[0] = tn_lp_pool(c->in[0], golden_number(c, "norm_type", 2), 0, &o);
    return true;
}

static bool make_max_pool_index(golden *c)
{
    tn_pool_opt o = pool_options(c);
    tn_sorted y = tn_max_pool_index(c->in[0], 0, &o);
    c->out[0] = y.values;
    c->out[1] = y.index;
    return true;
}

static bool make_max_unpool(golden *c)
{
    int64_t sizes[TN_MAX_RANK];
    golden_numbers(c, "output_size", sizes);
    c->out[0] = tn_max_unpool(c->in[0], c->in[1], sizes);
    return true;
}

static bool make_adaptive_max_pool(golden *c)
{
    int64_t sizes[TN_MAX_RANK];
    golden_numbers(c, "output_size", sizes);
    c->out[0] = tn_adaptive_max_pool(c->in[0], sizes);
    return true;
}

/* ---- other sizes ----------------------------------------------------------------------------------------------------- */

static bool make_interpolate(golden *c)
{
    static const struct {
        const char *name;
        tn_resize_mode mode;
    } modes[] = {{"nearest", TN_RESIZE_NEAREST}, {"nearest-exact", TN_RESIZE_NEAREST_EXACT},
                 {"linear", TN_RESIZE_LINEAR},   {"bilinear", TN_RESIZE_LINEAR},
                 {"bicubic", TN_RESIZE_CUBIC},   {"trilinear", TN_RESIZE_LINEAR},
                 {"area", TN_RESIZE_AREA}};
    tn_interpolate_opt o = {.align_corners = golden_flag(c, "align_corners", false),
                            .antialias = golden_flag(c, "antialias", false)};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(golden_word(c, "mode"), modes[i].name) == 0)
            o.mode = modes[i].mode;
    golden_floats(c, "scale_factor", o.scales, 3);
    int64_t sizes[TN_MAX_RANK];
    int n = golden_numbers(c, "size", sizes);
    for (int d = 0; d < n; d++)
        o.sizes[d] = sizes[d];
    c->out[0] = tn_interpolate(c->in[0], &o);
    return true;
}

static bool make_adaptive_avg_pool(golden *c)
{
    int64_t sizes[TN_MAX_RANK];
    golden_numbers(c, "output_size", sizes);
    c->out[0] = tn_adaptive_avg_pool(c->in[0], sizes);
    return true;
}

static bool make_pixel_shuffle(golden *c)
{
    c->out[0] = tn_pixel_shuffle(c->in[0], (int64_t)golden_number(c, "upscale_factor", 1));
    return true;
}

static bool make_pixel_unshuffle(golden *c)
{
    c->out[0] = tn_pixel_unshuffle(c->in[0], (int64_t)golden_number(c, "downscale_factor", 1));
    return true;
}

/* ---- sampling, norms ------------------------------------------------------------------------------------------------- */

static bool make_grid_sample(golden *c)
{
    const char *border = golden_word(c, "padding_mode");
    tn_grid_opt o = {.nearest = strcmp(golden_word(c, "mode"), "nearest") == 0,
                     .cubic = strcmp(golden_word(c, "mode"), "bicubic") == 0,
                     .border = strcmp(border, "border") == 0       ? TN_GRID_BORDER
                               : strcmp(border, "reflection") == 0 ? TN_GRID_REFLECT
                                                                   : TN_GRID_ZEROS,
                     .align_corners = golden_flag(c, "align_corners", false)};
    c->out[0] = tn_grid_sample(c->in[0], c->in[1], &o);
    return true;
}

static bool make_affine_grid(golden *c)
{
    int64_t sizes[TN_MAX_RANK];
    golden_numbers(c, "size", sizes);
    c->out[0] = tn_affine_grid(c->in[0], sizes + 2, golden_flag(c, "align_corners", false));
    return true;
}

static tn_roi_opt region_options(const golden *c)
{
    int size[3] = {0};
    each(c, "output_size", size, false);
    return (tn_roi_opt){.height = size[0],
                        .width = size[1],
                        .scale = golden_number(c, "spatial_scale", 1),
                        .samples = (int)golden_number(c, "sampling_ratio", 0),
                        .aligned = golden_flag(c, "aligned", false)};
}

static bool make_roi_align(golden *c)
{
    tn_roi_opt o = region_options(c);
    c->out[0] = tn_roi_align(c->in[0], c->in[1], &o);
    return true;
}

static bool make_roi_pool(golden *c)
{
    tn_roi_opt o = region_options(c);
    c->out[0] = tn_roi_pool(c->in[0], c->in[1], &o);
    return true;
}

static bool make_nms(golden *c)
{
    tn_found y = tn_nms(c->in[0], c->in[1], golden_number(c, "iou", 0), (tn_dim)golden_number(c, "bound", 0));
    c->out[0] = y.values;
    c->out[1] = y.count;
    return true;
}

static bool make_deform_conv2d(golden *c)
{
    tn_conv_opt o = {.groups = (int)(tn_dim_of(c->in[0], 1) / tn_dim_of(c->in[3], 1))};
    each(c, "stride", o.strides, false);
    each(c, "padding", o.paddings, true);
    each(c, "dilation", o.dilations, false);
    c->out[0] = tn_deform_conv2d(c->in[0], c->in[1], c->in[2], c->in[3], c->in[4], &o);
    return true;
}

static bool make_fractional_max_pool(golden *c)
{
    int64_t sizes[TN_MAX_RANK];
    int kernel[3];
    golden_numbers(c, "output_size", sizes);
    each(c, "kernel_size", kernel, false);
    tn_sorted y = tn_fractional_max_pool(c->in[0], kernel, sizes, c->in[1]);
    c->out[0] = y.values;
    c->out[1] = y.index;
    return true;
}

static bool make_rrelu(golden *c)
{
    c->out[0] = tn_rrelu(c->in[0], golden_number(c, "lower", 0), golden_number(c, "upper", 0));
    return true;
}

static bool make_local_response_norm(golden *c)
{
    c->out[0] = tn_local_response_norm(c->in[0], (int64_t)golden_number(c, "size", 0), golden_number(c, "alpha", 0),
                                       golden_number(c, "beta", 0), golden_number(c, "k", 0));
    return true;
}

static bool make_bilinear(golden *c)
{
    c->out[0] = tn_bilinear(c->in[0], c->in[1], c->in[2], c->in[3]);
    return true;
}

static bool make_weight_norm(golden *c)
{
    c->out[0] = tn_weight_norm(c->in[0], c->in[1], (int)golden_number(c, "dim", 0));
    return true;
}

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, make_##name                                                                                             \
    }
static const golden_row table[] = {ROW(conv1d),
                                   ROW(conv2d),
                                   ROW(conv3d),
                                   ROW(conv_transpose1d),
                                   ROW(conv_transpose3d),
                                   ROW(max_pool1d),
                                   ROW(avg_pool1d),
                                   ROW(max_pool3d),
                                   ROW(avg_pool3d),
                                   ROW(lp_pool),
                                   ROW(max_pool_index),
                                   ROW(max_unpool),
                                   ROW(adaptive_max_pool),
                                   ROW(interpolate),
                                   ROW(grid_sample),
                                   ROW(affine_grid),
                                   ROW(roi_align),
                                   ROW(roi_pool),
                                   ROW(nms),
                                   ROW(deform_conv2d),
                                   ROW(fractional_max_pool),
                                   ROW(rrelu),
                                   ROW(local_response_norm),
                                   ROW(bilinear),
                                   ROW(weight_norm),
                                   ROW(adaptive_avg_pool),
                                   ROW(pixel_shuffle),
                                   ROW(pixel_unshuffle),
                                   {NULL, NULL}};

/* Rounded inputs are other pixels, or become equal. */
static const char *const moved[] = {"deform_conv2d",  "grid_sample",       "fractional_max_pool",
                                    "max_pool_index", "adaptive_max_pool", NULL};

static void vision_is_as_in_pytorch(void **state)
{
    (void)state;
    golden_check_file("vision", 130, table);
    golden_check_halves("vision", 100, table, moved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vision_is_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
