/* Operators against PyTorch's: every case of ops.safetensors, vocabulary.safetensors, sequence.safetensors and vision.safetensors (see
 * golden_cases.py) through compiled programs (support/golden.h). A case that names Tarn's operator and its arguments needs
 * nothing here; the others have a row in the table. What Tarn has not is listed there by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden.h"

enum { MOST = GOLDEN_MOST };

static tn_reduction reduction(const golden *c)
{
    const char *how = golden_word(c, "reduction");
    return strcmp(how, "sum") == 0 ? TN_REDUCE_SUM : strcmp(how, "none") == 0 ? TN_REDUCE_NONE : TN_REDUCE_MEAN;
}

/* ---- operators: each sets out[] from in[]; false for a case that Tarn has not ------------------------------------ */

static bool make_conv2d(golden *c)
{
    tn_conv_opt o = {.groups = (int)golden_number(c, "groups", 1)};
    int padding[2] = {0};
    golden_pair(c, "stride", o.strides);
    golden_pair(c, "dilation", o.dilations);
    golden_pair(c, "padding", padding);
    for (int side = 0; side < 4; side++)
        o.paddings[side] = padding[side % 2];
    c->out[0] = tn_conv2d(c->in[0], c->in[1], c->in[2], &o);
    return true;
}

static tn_pool_opt pool_options(const golden *c)
{
    tn_pool_opt o = {.ceil_mode = golden_flag(c, "ceil_mode", false),
                     .exclude_padding = !golden_flag(c, "count_include_pad", true),
                     .divisor = (int)golden_number(c, "divisor_override", 0)};
    int padding[2] = {0}, dilation[2] = {0};
    golden_pair(c, "kernel_size", o.kernels);
    golden_pair(c, "stride", o.strides);
    golden_pair(c, "padding", padding);
    golden_pair(c, "dilation", dilation);
    o.dilation = dilation[0];
    for (int side = 0; side < 4; side++)
        o.paddings[side] = padding[side % 2];
    return o;
}

static bool make_max_pool2d(golden *c)
{
    tn_pool_opt o = pool_options(c);
    c->out[0] = tn_max_pool2d(c->in[0], 0, &o);
    return true;
}

static bool make_avg_pool2d(golden *c)
{
    tn_pool_opt o = pool_options(c);
    c->out[0] = tn_avg_pool2d(c->in[0], 0, &o);
    return true;
}

static bool make_batch_norm(golden *c)
{
    tn_batch_norm_result r = tn_batch_norm(c->in[0], c->in[1], c->in[2], c->in[3], c->in[4],
                                           golden_number(c, "eps", 1e-5), golden_number(c, "momentum", 0.1));
    c->training = golden_flag(c, "training", true);
    c->out[0] = r.y;
    if (c->training) {
        c->out[1] = r.new_running_mean;
        c->out[2] = r.new_running_var;
    }
    return true;
}

#define UNARY(name)                                                                                                    \
    static bool make_##name(golden *c)                                                                                 \
    {                                                                                                                  \
        c->out[0] = tn_##name(c->in[0]);                                                                               \
        return true;                                                                                                   \
    }
#define BINARY(name)                                                                                                   \
    static bool make_##name(golden *c)                                                                                 \
    {                                                                                                                  \
        c->out[0] = tn_##name(c->in[0], c->in[1]);                                                                     \
        return true;                                                                                                   \
    }
UNARY(relu)
UNARY(sigmoid)
UNARY(tanh)
UNARY(silu)
UNARY(round)
UNARY(sqrt)
UNARY(abs)
UNARY(sign)
BINARY(pow)
BINARY(maximum)
BINARY(minimum)
BINARY(add)
BINARY(div)
UNARY(log_sigmoid)
BINARY(remainder)
BINARY(fmod)
BINARY(floor_div)

static bool make_gelu(golden *c)
{
    c->out[0] = strcmp(golden_word(c, "approximate"), "tanh") == 0 ? tn_gelu_tanh(c->in[0]) : tn_gelu(c->in[0]);
    return true;
}

static bool make_softplus(golden *c)
{
    c->out[0] = tn_softplus(c->in[0], golden_number(c, "beta", 1), golden_number(c, "threshold", 20));
    return true;
}

static bool make_elu(golden *c)
{
    c->out[0] = tn_elu(c->in[0], golden_number(c, "alpha", 1));
    return true;
}

static bool make_leaky_relu(golden *c)
{
    c->out[0] = tn_leaky_relu(c->in[0], golden_number(c, "negative_slope", 0.01));
    return true;
}

static bool make_clamp(golden *c)
{
    c->out[0] =
        tn_clamp(c->in[0], golden_number(c, "min", -(double)INFINITY), golden_number(c, "max", (double)INFINITY));
    return true;
}

static bool make_where(golden *c)
{
    c->out[0] = tn_where(c->in[0], c->in[1], c->in[2]);
    return true;
}

static bool make_cast(golden *c)
{
    c->out[0] = tn_cast(c->in[0], golden_stored(c, "out", 0)->dtype);
    return true;
}

static bool arg_extreme(golden *c, tn_tensor *(*along)(tn_tensor *, int, bool), tn_tensor *(*all)(tn_tensor *))
{
    bool named = format_json_find(c->options, "dim");
    c->out[0] =
        named ? along(c->in[0], (int)golden_number(c, "dim", 0), golden_flag(c, "keepdim", false)) : all(c->in[0]);
    return true;
}

static bool make_argmax(golden *c)
{
    return arg_extreme(c, tn_argmax, tn_argmax_all);
}
static bool make_argmin(golden *c)
{
    return arg_extreme(c, tn_argmin, tn_argmin_all);
}

static bool reduce(golden *c, tn_tensor *(*how)(tn_tensor *, int, const int64_t *, bool))
{
    int64_t axes[TN_MAX_RANK];
    int n = golden_numbers(c, "dim", axes);
    c->out[0] = how(c->in[0], n, axes, golden_flag(c, "keepdim", false));
    return true;
}

static bool make_amax(golden *c)
{
    return reduce(c, tn_max_axes);
}
static bool make_amin(golden *c)
{
    return reduce(c, tn_min_axes);
}
static bool make_sum(golden *c)
{
    return reduce(c, tn_sum_axes);
}
static bool make_mean(golden *c)
{
    return reduce(c, tn_mean_axes);
}

static bool make_prod(golden *c)
{
    return reduce(c, tn_prod_axes);
}
static bool make_logsumexp(golden *c)
{
    return reduce(c, tn_logsumexp);
}
static bool make_max_along(golden *c)
{
    tn_sorted y = tn_max_along(c->in[0], (int)golden_number(c, "dim", 0), golden_flag(c, "keepdim", false));
    c->out[0] = y.values;
    c->out[1] = y.index;
    return true;
}
static bool make_min_along(golden *c)
{
    tn_sorted y = tn_min_along(c->in[0], (int)golden_number(c, "dim", 0), golden_flag(c, "keepdim", false));
    c->out[0] = y.values;
    c->out[1] = y.index;
    return true;
}

static bool make_var(golden *c)
{
    int64_t axes[TN_MAX_RANK];
    int n = golden_numbers(c, "dim", axes);
    c->out[0] = tn_var_axes(c->in[0], n, axes, golden_number(c, "correction", 1), false);
    return true;
}

/* PyTorch's pairs begin with the last axis. */
static bool make_pad(golden *c)
{
    int64_t pairs[TN_MAX_RANK], low[TN_MAX_RANK] = {0}, high[TN_MAX_RANK] = {0};
    int n = golden_numbers(c, "pad", pairs), rank = tn_tensor_rank(c->in[0]);
    for (int i = 0; i < n / 2; i++) {
        low[rank - 1 - i] = pairs[2 * i];
        high[rank - 1 - i] = pairs[2 * i + 1];
    }
    const char *mode = golden_word(c, "mode");
    if (strcmp(mode, "constant") != 0) {
        tn_border how = strcmp(mode, "reflect") == 0     ? TN_BORDER_REFLECT
                        : strcmp(mode, "replicate") == 0 ? TN_BORDER_REPLICATE
                                                         : TN_BORDER_CIRCULAR;
        c->out[0] = tn_pad_border(c->in[0], low, high, how);
        return true;
    }
    c->out[0] = tn_pad(c->in[0], low, high, golden_number(c, "value", 0));
    return true;
}

static bool make_gather(golden *c)
{
    c->out[0] = tn_gather(c->in[0], (int)golden_number(c, "dim", 0), c->in[1]);
    return true;
}

/* Vectors are matrices of one row or column. */
static bool make_matmul(golden *c)
{
    tn_tensor *a = c->in[0], *b = c->in[1];
    bool row = tn_tensor_rank(a) == 1, column = tn_tensor_rank(b) == 1;
    a = row ? tn_unsqueeze(a, 0) : a;
    b = column ? tn_unsqueeze(b, -1) : b;
    tn_tensor *y = tn_matmul(a, b);
    y = column ? tn_squeeze(y, -1) : y;
    c->out[0] = row ? tn_squeeze(y, column ? -1 : -2) : y;
    return true;
}

static bool make_softmax(golden *c)
{
    c->out[0] = tn_softmax(c->in[0], (int)golden_number(c, "dim", 0));
    return true;
}
static bool make_log_softmax(golden *c)
{
    c->out[0] = tn_log_softmax(c->in[0], (int)golden_number(c, "dim", 0));
    return true;
}

static tn_loss_opt loss_options(const golden *c)
{
    return (tn_loss_opt){.reduction = reduction(c),
                         .weight = c->in[2],
                         .ignore = format_json_find(c->options, "ignore_index"),
                         .ignore_index = (int64_t)golden_number(c, "ignore_index", 0),
                         .label_smoothing = golden_number(c, "label_smoothing", 0)};
}

static bool make_cross_entropy(golden *c)
{
    tn_loss_opt o = loss_options(c);
    c->out[0] = tn_cross_entropy(c->in[0], c->in[1], &o);
    return true;
}
static bool make_nll_loss(golden *c)
{
    tn_loss_opt o = loss_options(c);
    c->out[0] = tn_nll(c->in[0], c->in[1], &o);
    return true;
}
static bool make_bce_with_logits(golden *c)
{
    tn_loss_opt o = {.reduction = reduction(c), .weight = c->in[2], .pos_weight = c->in[3]};
    c->out[0] = tn_bce_with_logits(c->in[0], c->in[1], &o);
    return true;
}
static bool make_bce(golden *c)
{
    tn_loss_opt o = {.reduction = reduction(c)};
    c->out[0] = tn_bce(c->in[0], c->in[1], &o);
    return true;
}
static bool make_mse_loss(golden *c)
{
    c->out[0] = tn_mse(c->in[0], c->in[1], reduction(c));
    return true;
}
static bool make_l1_loss(golden *c)
{
    c->out[0] = tn_l1(c->in[0], c->in[1], reduction(c));
    return true;
}

/* ---- builders that are no operators: cases of compose --------------------------------------------------------------- */

static int how_many(const golden *c)
{
    int n = 0;
    while (n < MOST && c->in[n])
        n++;
    return n;
}

static bool make_split(golden *c)
{
    int64_t sizes[TN_MAX_RANK];
    int n = golden_numbers(c, "sizes", sizes);
    return tn_split(c->in[0], (int)golden_number(c, "dim", 0), n ? n : (int)golden_number(c, "parts", 0),
                    n ? sizes : NULL, c->out) == TN_OK;
}
static bool make_stack(golden *c)
{
    c->out[0] = tn_stack(how_many(c), c->in, (int)golden_number(c, "dim", 0));
    return true;
}
static bool make_tile(golden *c)
{
    int64_t times[TN_MAX_RANK];
    int n = golden_numbers(c, "dims", times);
    c->out[0] = tn_tile(c->in[0], n, times);
    return true;
}
static bool make_repeat_interleave(golden *c)
{
    c->out[0] =
        tn_repeat_interleave(c->in[0], (int)golden_number(c, "dim", 0), (int64_t)golden_number(c, "repeats", 1));
    return true;
}
static bool make_channel_shuffle(golden *c)
{
    c->out[0] = tn_channel_shuffle(c->in[0], (int64_t)golden_number(c, "groups", 1));
    return true;
}

static bool make_hardmax(golden *c)
{
    c->out[0] = tn_hardmax(c->in[0], (int)golden_number(c, "dim", 0));
    return true;
}

static bool make_reverse_sequence(golden *c)
{
    c->out[0] =
        tn_reverse_sequence(c->in[0], c->in[1], (int)golden_number(c, "time", 0), (int)golden_number(c, "batch", 1));
    return true;
}

static bool make_cdist(golden *c)
{
    c->out[0] = tn_cdist(c->in[0], c->in[1], golden_number(c, "p", (double)INFINITY));
    return true;
}

static bool make_roll(golden *c)
{
    c->out[0] = tn_roll(c->in[0], (int)golden_number(c, "dims", 0), (int64_t)golden_number(c, "shifts", 0));
    return true;
}
static bool make_movedim(golden *c)
{
    c->out[0] = tn_move_axis(c->in[0], (int)golden_number(c, "source", 0), (int)golden_number(c, "destination", 0));
    return true;
}
static bool make_meshgrid(golden *c)
{
    return tn_meshgrid(how_many(c), c->in, c->out) == TN_OK;
}
/* x[start:end:step] of NumPy on one axis; a limit that is missing is left open. */
static bool make_strided(golden *c)
{
    int64_t axis = (int64_t)golden_number(c, "dim", 0), step = (int64_t)golden_number(c, "step", 1);
    tn_dim start = (tn_dim)golden_number(c, "start", step > 0 ? 0 : TN_INFER),
           end = (tn_dim)golden_number(c, "end", TN_INFER);
    c->out[0] = tn_slice_axes(c->in[0], 1, &axis, &start, &end, &step);
    return true;
}
static bool make_masked_fill(golden *c)
{
    c->out[0] = tn_masked_fill(c->in[0], c->in[1], golden_number(c, "value", 0));
    return true;
}
static bool make_masked_select(golden *c)
{
    tn_found y = tn_masked_select(c->in[0], c->in[1], (tn_dim)golden_number(c, "bound", 0));
    c->out[0] = y.values;
    c->out[1] = y.count;
    return true;
}
static bool make_nonzero(golden *c)
{
    tn_found y = tn_nonzero(c->in[0], (tn_dim)golden_number(c, "bound", 0));
    c->out[0] = y.values;
    c->out[1] = y.count;
    return true;
}
static bool make_tril(golden *c)
{
    c->out[0] = tn_tril(c->in[0], (int64_t)golden_number(c, "diagonal", 0));
    return true;
}
static bool make_triu(golden *c)
{
    c->out[0] = tn_triu(c->in[0], (int64_t)golden_number(c, "diagonal", 0));
    return true;
}
static bool make_diag(golden *c)
{
    c->out[0] = tn_diag(c->in[0], (int64_t)golden_number(c, "diagonal", 0));
    return true;
}
static bool make_one_hot(golden *c)
{
    c->out[0] = tn_one_hot(c->in[0], (tn_dim)golden_number(c, "num_classes", 0), TN_I64);
    return true;
}
static bool make_take_along_dim(golden *c)
{
    c->out[0] = tn_take_along(c->in[0], (int)golden_number(c, "dim", 0), c->in[1]);
    return true;
}
static bool make_scatter_mean(golden *c)
{
    c->out[0] = tn_scatter_mean(c->in[0], (int)golden_number(c, "dim", 0), c->in[1], c->in[2],
                                golden_flag(c, "include_self", true));
    return true;
}
static bool make_eye(golden *c)
{
    c->out[0] = tn_eye(c->graph, TN_F32, (tn_dim)golden_number(c, "n", 0), (tn_dim)golden_number(c, "m", 0));
    return true;
}
static bool make_linspace(golden *c)
{
    c->out[0] = tn_linspace(c->graph, TN_F32, golden_number(c, "start", 0), golden_number(c, "end", 0),
                            (int64_t)golden_number(c, "steps", 0));
    return true;
}
static bool make_full(golden *c)
{
    tn_shape shape = {.rank = 0};
    shape.rank = golden_numbers(c, "size", shape.dims);
    c->out[0] = tn_full(c->graph, TN_F32, shape, golden_number(c, "fill_value", 0));
    return true;
}
static bool make_unfold(golden *c)
{
    int kernel[2] = {0};
    tn_conv_opt o = {.padding = (int)golden_number(c, "padding", 0)};
    golden_pair(c, "kernel_size", kernel);
    golden_pair(c, "stride", o.strides);
    golden_pair(c, "dilation", o.dilations);
    c->out[0] = tn_unfold(c->in[0], kernel, &o);
    return true;
}
static bool make_fold(golden *c)
{
    int kernel[2] = {0}, size[2] = {0};
    tn_conv_opt o = {.padding = (int)golden_number(c, "padding", 0)};
    golden_pair(c, "output_size", size);
    golden_pair(c, "kernel_size", kernel);
    golden_pair(c, "stride", o.strides);
    golden_pair(c, "dilation", o.dilations);
    c->out[0] = tn_fold(c->in[0], size[0], size[1], kernel, &o);
    return true;
}
static bool make_einsum(golden *c)
{
    c->out[0] = tn_einsum(golden_word(c, "equation"), how_many(c), c->in);
    return true;
}

static bool make_huber_loss(golden *c)
{
    c->out[0] = tn_huber(c->in[0], c->in[1], golden_number(c, "delta", 1), reduction(c));
    return true;
}

static bool make_rotary(golden *c)
{
    c->out[0] = tn_rotary(c->in[0], tn_scalar(c->graph, TN_I64, golden_number(c, "at", 0)), 0);
    return true;
}
static bool make_sinusoids(golden *c)
{
    c->out[0] =
        tn_sinusoids(c->graph, TN_F32, (tn_dim)golden_number(c, "n", 0), (int64_t)golden_number(c, "features", 0));
    return true;
}
static bool make_alibi(golden *c)
{
    c->out[0] = tn_alibi(c->graph, TN_F32, (int64_t)golden_number(c, "heads", 0), (tn_dim)golden_number(c, "keys", 0));
    return true;
}
static bool make_relative_buckets(golden *c)
{
    c->out[0] = tn_relative_buckets(c->graph, (tn_dim)golden_number(c, "queries", 0),
                                    (tn_dim)golden_number(c, "keys", 0), 32, 128, golden_flag(c, "causal", false));
    return true;
}

static bool make_logaddexp(golden *c)
{
    c->out[0] = tn_logaddexp(c->in[0], c->in[1]);
    return true;
}

static bool make_nan_to_num(golden *c)
{
    c->out[0] = tn_nan_to_num(c->in[0], golden_number(c, "nan", 0), golden_number(c, "posinf", 0),
                              golden_number(c, "neginf", 0));
    return true;
}

BINARY(logaddexp2)
BINARY(heaviside)
BINARY(fmax)
BINARY(fmin)
UNARY(frac)

static bool make_isclose(golden *c)
{
    c->out[0] = tn_isclose(c->in[0], c->in[1], golden_number(c, "rtol", 0), golden_number(c, "atol", 0));
    return true;
}

static bool make_addcmul(golden *c)
{
    c->out[0] = tn_addcmul(c->in[0], c->in[1], c->in[2], golden_number(c, "value", 1));
    return true;
}

static bool make_addcdiv(golden *c)
{
    c->out[0] = tn_addcdiv(c->in[0], c->in[1], c->in[2], golden_number(c, "value", 1));
    return true;
}

static bool make_copysign(golden *c)
{
    c->out[0] = tn_copysign(c->in[0], c->in[1]);
    return true;
}

static bool make_median(golden *c)
{
    tn_sorted y = tn_median(c->in[0], (int)golden_number(c, "dim", 0), golden_flag(c, "keepdim", false));
    c->out[0] = y.values;
    c->out[1] = y.index;
    return true;
}

static bool make_quantile(golden *c)
{
    c->out[0] = tn_quantile(c->in[0], golden_number(c, "q", 0), (int)golden_number(c, "dim", 0),
                            golden_flag(c, "keepdim", false), (tn_quantile_by)golden_number(c, "how", 0));
    return true;
}

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, make_##name                                                                                             \
    }
static const golden_row table[] = {ROW(conv2d),
                                   ROW(max_pool2d),
                                   ROW(avg_pool2d),
                                   ROW(batch_norm),
                                   ROW(relu),
                                   ROW(sigmoid),
                                   ROW(tanh),
                                   ROW(silu),
                                   ROW(round),
                                   ROW(sqrt),
                                   ROW(abs),
                                   ROW(sign),
                                   ROW(pow),
                                   ROW(maximum),
                                   ROW(minimum),
                                   ROW(add),
                                   ROW(div),
                                   ROW(gelu),
                                   ROW(softplus),
                                   ROW(elu),
                                   ROW(leaky_relu),
                                   ROW(clamp),
                                   ROW(where),
                                   ROW(cast),
                                   ROW(argmax),
                                   ROW(argmin),
                                   ROW(amax),
                                   ROW(amin),
                                   ROW(sum),
                                   ROW(mean),
                                   ROW(var),
                                   ROW(pad),
                                   ROW(gather),
                                   ROW(matmul),
                                   ROW(softmax),
                                   ROW(log_softmax),
                                   ROW(cross_entropy),
                                   ROW(nll_loss),
                                   ROW(bce_with_logits),
                                   ROW(bce),
                                   ROW(mse_loss),
                                   ROW(l1_loss),
                                   /* operators that are not there yet */
                                   ROW(log_sigmoid),
                                   ROW(remainder),
                                   ROW(fmod),
                                   {"floor_divide", make_floor_div},
                                   ROW(split),
                                   ROW(stack),
                                   ROW(tile),
                                   ROW(repeat_interleave),
                                   ROW(channel_shuffle),
                                   ROW(hardmax),
                                   ROW(reverse_sequence),
                                   ROW(cdist),
                                   ROW(roll),
                                   ROW(movedim),
                                   ROW(meshgrid),
                                   ROW(strided),
                                   ROW(masked_fill),
                                   ROW(masked_select),
                                   ROW(nonzero),
                                   ROW(tril),
                                   ROW(triu),
                                   ROW(diag),
                                   ROW(one_hot),
                                   ROW(take_along_dim),
                                   ROW(scatter_mean),
                                   ROW(eye),
                                   ROW(linspace),
                                   ROW(full),
                                   ROW(unfold),
                                   ROW(fold),
                                   ROW(einsum),
                                   ROW(max_along),
                                   ROW(min_along),
                                   ROW(prod),
                                   ROW(logsumexp),
                                   ROW(huber_loss),
                                   ROW(logaddexp),
                                   ROW(nan_to_num),
                                   ROW(copysign),
                                   ROW(logaddexp2),
                                   ROW(frac),
                                   ROW(heaviside),
                                   ROW(fmax),
                                   ROW(fmin),
                                   ROW(isclose),
                                   ROW(addcmul),
                                   ROW(addcdiv),
                                   ROW(median),
                                   ROW(quantile),
                                   ROW(rotary),
                                   ROW(sinusoids),
                                   ROW(alibi),
                                   ROW(relative_buckets),
                                   /* no operators: tests of training look at them */
                                   {"clip_grad_norm", golden_missing},
                                   {"schedule", golden_missing},
                                   {"plateau", golden_missing},
                                   {NULL, NULL}};

/* Looked at where they are steep or go beyond 65,504; cases of numbers that bf16 has not, and one whose point is a rounding. */
static const char *const steep[] = {
    "polygamma",     "sinh",   "cosh",         "exp",          "exp2",    "expm1",  "reciprocal",
    "leaky_relu",    "elu",    "log",          "log2",         "log10",   "logit",  "sqrt",
    "rsqrt",         "square", "relu",         "asin",         "acos",    "acosh",  "atanh",
    "hypot",         "cast",   "floor_divide", "erfinv",       "digamma", "lgamma", "softmax.3",
    "log_softmax.3", "bce.0",  "logaddexp.0",  "logaddexp2.0", NULL};

static void operators_are_as_in_pytorch(void **state)
{
    (void)state;
    golden_check_file("ops", 160, table);
    golden_check_halves("ops", 100, table, steep);
}

static void vocabulary_is_as_in_pytorch(void **state)
{
    (void)state;
    golden_check_file("vocabulary", 300, table);
    golden_check_halves("vocabulary", 300, table, steep);
}

static void sequences_are_as_in_pytorch(void **state)
{
    (void)state;
    golden_check_file("sequence", 20, table);
    golden_check_halves("sequence", 20, table, steep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_are_as_in_pytorch),
                                       cmocka_unit_test(vocabulary_is_as_in_pytorch),
                                       cmocka_unit_test(sequences_are_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
