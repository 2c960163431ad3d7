/* Operators against PyTorch's: every case of ops.safetensors and vocabulary.safetensors (see golden_cases.py) through compiled
 * programs in f32, forward, gradients and, where the file has them, second gradients. A case that names Tarn's operator and its
 * arguments needs nothing here; the others have a row in the table. What Tarn has not is listed there by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"
#include "format/safetensors.h"
#include "support/op_case.h"
#include <tarn/program.h>

enum { MOST = 8 };

typedef struct golden {
    const format_safetensors *file;
    const char *name; /* "conv2d.3" */
    format_json *options;
    tn_graph *graph;
    tn_tensor *in[MOST], *out[MOST];
    bool training;
    tn_tensor *gout[MOST]; /* inputs: what arrives at the outputs */
} golden;

/* ---- options and tensors ----------------------------------------------------------------------------------------- */

static double number(const golden *c, const char *key, double otherwise)
{
    const format_json *v = format_json_find(c->options, key);
    if (v)
        (void)format_json_as_f64(v, key, &otherwise, NULL);
    return otherwise;
}

static bool flag(const golden *c, const char *key, bool otherwise)
{
    const format_json *v = format_json_find(c->options, key);
    if (v)
        (void)format_json_as_bool(v, key, &otherwise, NULL);
    return otherwise;
}

static const char *word(const golden *c, const char *key)
{
    const char *text = "";
    const format_json *v = format_json_find(c->options, key);
    if (v)
        (void)format_json_as_string(v, key, &text, NULL);
    return text;
}

/* A number or a list of them; how many, 0 if the key is missing. */
static int numbers(const golden *c, const char *key, int64_t out[TN_MAX_RANK])
{
    size_t n = 0;
    const format_json *v = format_json_find(c->options, key);
    if (v && format_json_as_i64(v, key, -1000, 1000, out, NULL) == TN_OK)
        return 1;
    if (v)
        (void)format_json_as_i64s(v, key, out, TN_MAX_RANK, &n, NULL);
    return (int)n;
}

static const format_tensor *stored(const golden *c, const char *what, int i)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s%d", c->name, what, i);
    return format_safetensors_find(c->file, name);
}

static void pair(const golden *c, const char *key, int out[2])
{
    int64_t v[TN_MAX_RANK] = {0};
    if (numbers(c, key, v) == 2) {
        out[0] = (int)v[0];
        out[1] = (int)v[1];
    }
}

static tn_reduction reduction(const golden *c)
{
    const char *how = word(c, "reduction");
    return strcmp(how, "sum") == 0 ? TN_REDUCE_SUM : strcmp(how, "none") == 0 ? TN_REDUCE_NONE : TN_REDUCE_MEAN;
}

/* ---- operators: each sets out[] from in[]; false for a case that Tarn has not ------------------------------------ */

static bool make_conv2d(golden *c)
{
    tn_conv_opt o = {.groups = (int)number(c, "groups", 1)};
    int padding[2] = {0};
    pair(c, "stride", o.strides);
    pair(c, "dilation", o.dilations);
    pair(c, "padding", padding);
    for (int side = 0; side < 4; side++)
        o.paddings[side] = padding[side % 2];
    c->out[0] = tn_conv2d(c->in[0], c->in[1], c->in[2], &o);
    return true;
}

static tn_pool_opt pool_options(const golden *c)
{
    tn_pool_opt o = {.ceil_mode = flag(c, "ceil_mode", false), .exclude_padding = !flag(c, "count_include_pad", true)};
    int padding[2] = {0}, dilation[2] = {0};
    pair(c, "kernel_size", o.kernels);
    pair(c, "stride", o.strides);
    pair(c, "padding", padding);
    pair(c, "dilation", dilation);
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
    return !format_json_find(c->options, "divisor_override");
}

static bool make_batch_norm(golden *c)
{
    tn_batch_norm_result r = tn_batch_norm(c->in[0], c->in[1], c->in[2], c->in[3], c->in[4], number(c, "eps", 1e-5),
                                           number(c, "momentum", 0.1));
    c->training = flag(c, "training", true);
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
    c->out[0] = strcmp(word(c, "approximate"), "tanh") == 0 ? tn_gelu_tanh(c->in[0]) : tn_gelu(c->in[0]);
    return true;
}

static bool make_softplus(golden *c)
{
    c->out[0] = tn_softplus(c->in[0], number(c, "beta", 1), number(c, "threshold", 20));
    return true;
}

static bool make_elu(golden *c)
{
    c->out[0] = tn_elu(c->in[0], number(c, "alpha", 1));
    return true;
}

static bool make_leaky_relu(golden *c)
{
    c->out[0] = tn_leaky_relu(c->in[0], number(c, "negative_slope", 0.01));
    return true;
}

static bool make_clamp(golden *c)
{
    c->out[0] = tn_clamp(c->in[0], number(c, "min", -(double)INFINITY), number(c, "max", (double)INFINITY));
    return true;
}

static bool make_where(golden *c)
{
    c->out[0] = tn_where(c->in[0], c->in[1], c->in[2]);
    return true;
}

static bool make_cast(golden *c)
{
    c->out[0] = tn_cast(c->in[0], stored(c, "out", 0)->dtype);
    return true;
}

static bool arg_extreme(golden *c, tn_tensor *(*along)(tn_tensor *, int, bool), tn_tensor *(*all)(tn_tensor *))
{
    bool named = format_json_find(c->options, "dim");
    c->out[0] = named ? along(c->in[0], (int)number(c, "dim", 0), flag(c, "keepdim", false)) : all(c->in[0]);
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
    int n = numbers(c, "dim", axes);
    c->out[0] = how(c->in[0], n, axes, flag(c, "keepdim", false));
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
    tn_sorted y = tn_max_along(c->in[0], (int)number(c, "dim", 0), flag(c, "keepdim", false));
    c->out[0] = y.values;
    c->out[1] = y.index;
    return true;
}
static bool make_min_along(golden *c)
{
    tn_sorted y = tn_min_along(c->in[0], (int)number(c, "dim", 0), flag(c, "keepdim", false));
    c->out[0] = y.values;
    c->out[1] = y.index;
    return true;
}

static bool make_var(golden *c)
{
    int64_t axes[TN_MAX_RANK];
    int n = numbers(c, "dim", axes);
    c->out[0] = tn_var_axes(c->in[0], n, axes, number(c, "correction", 1), false);
    return true;
}

/* PyTorch's pairs begin with the last axis. */
static bool make_pad(golden *c)
{
    int64_t pairs[TN_MAX_RANK], low[TN_MAX_RANK] = {0}, high[TN_MAX_RANK] = {0};
    int n = numbers(c, "pad", pairs), rank = tn_tensor_rank(c->in[0]);
    for (int i = 0; i < n / 2; i++) {
        low[rank - 1 - i] = pairs[2 * i];
        high[rank - 1 - i] = pairs[2 * i + 1];
    }
    const char *mode = word(c, "mode");
    if (strcmp(mode, "constant") != 0) {
        tn_border how = strcmp(mode, "reflect") == 0     ? TN_BORDER_REFLECT
                        : strcmp(mode, "replicate") == 0 ? TN_BORDER_REPLICATE
                                                         : TN_BORDER_CIRCULAR;
        c->out[0] = tn_pad_border(c->in[0], low, high, how);
        return true;
    }
    c->out[0] = tn_pad(c->in[0], low, high, number(c, "value", 0));
    return true;
}

static bool make_gather(golden *c)
{
    c->out[0] = tn_gather(c->in[0], (int)number(c, "dim", 0), c->in[1]);
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
    c->out[0] = tn_softmax(c->in[0], (int)number(c, "dim", 0));
    return true;
}
static bool make_log_softmax(golden *c)
{
    c->out[0] = tn_log_softmax(c->in[0], (int)number(c, "dim", 0));
    return true;
}

static tn_loss_opt loss_options(const golden *c)
{
    return (tn_loss_opt){.reduction = reduction(c),
                         .weight = c->in[2],
                         .ignore = format_json_find(c->options, "ignore_index"),
                         .ignore_index = (int64_t)number(c, "ignore_index", 0),
                         .label_smoothing = number(c, "label_smoothing", 0)};
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

/* By the case's own word: "clamp min=-1 max=1". */
static bool make_named(golden *c)
{
    char name[64];
    op_case parsed;
    base_error e = {0};
    const char *text = word(c, "tarn");
    size_t length = strcspn(text, " ");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    const op_def *def = op_find(name);
    int n_in = 0;
    for (int i = 0; i < MOST; i++)
        n_in = c->in[i] ? i + 1 : n_in;
    if (!def)
        fail_msg("%s: there is no operator '%s'", c->name, name);
    if (op_case_parse(&parsed, def, text + length, &e) != TN_OK)
        fail_msg("%s: %s", c->name, e.text);
    graph_node *node = op_apply(c->graph, def, n_in, c->in, &parsed.args);
    for (int i = 0; node && i < node->n_out; i++)
        c->out[i] = &node->out[i];
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
    int n = numbers(c, "sizes", sizes);
    return tn_split(c->in[0], (int)number(c, "dim", 0), n ? n : (int)number(c, "parts", 0), n ? sizes : NULL, c->out) ==
           TN_OK;
}
static bool make_stack(golden *c)
{
    c->out[0] = tn_stack(how_many(c), c->in, (int)number(c, "dim", 0));
    return true;
}
static bool make_tile(golden *c)
{
    int64_t times[TN_MAX_RANK];
    int n = numbers(c, "dims", times);
    c->out[0] = tn_tile(c->in[0], n, times);
    return true;
}
static bool make_repeat_interleave(golden *c)
{
    c->out[0] = tn_repeat_interleave(c->in[0], (int)number(c, "dim", 0), (int64_t)number(c, "repeats", 1));
    return true;
}
static bool make_roll(golden *c)
{
    c->out[0] = tn_roll(c->in[0], (int)number(c, "dims", 0), (int64_t)number(c, "shifts", 0));
    return true;
}
static bool make_movedim(golden *c)
{
    c->out[0] = tn_move_axis(c->in[0], (int)number(c, "source", 0), (int)number(c, "destination", 0));
    return true;
}
static bool make_meshgrid(golden *c)
{
    return tn_meshgrid(how_many(c), c->in, c->out) == TN_OK;
}
/* x[start:end:step] of NumPy on one axis; a limit that is missing is left open. */
static bool make_strided(golden *c)
{
    int64_t axis = (int64_t)number(c, "dim", 0), step = (int64_t)number(c, "step", 1);
    tn_dim start = (tn_dim)number(c, "start", step > 0 ? 0 : TN_INFER), end = (tn_dim)number(c, "end", TN_INFER);
    c->out[0] = tn_slice_axes(c->in[0], 1, &axis, &start, &end, &step);
    return true;
}
static bool make_masked_fill(golden *c)
{
    c->out[0] = tn_masked_fill(c->in[0], c->in[1], number(c, "value", 0));
    return true;
}
static bool make_masked_select(golden *c)
{
    tn_found y = tn_masked_select(c->in[0], c->in[1], (tn_dim)number(c, "bound", 0));
    c->out[0] = y.values;
    c->out[1] = y.count;
    return true;
}
static bool make_nonzero(golden *c)
{
    tn_found y = tn_nonzero(c->in[0], (tn_dim)number(c, "bound", 0));
    c->out[0] = y.values;
    c->out[1] = y.count;
    return true;
}
static bool make_tril(golden *c)
{
    c->out[0] = tn_tril(c->in[0], (int64_t)number(c, "diagonal", 0));
    return true;
}
static bool make_triu(golden *c)
{
    c->out[0] = tn_triu(c->in[0], (int64_t)number(c, "diagonal", 0));
    return true;
}
static bool make_diag(golden *c)
{
    c->out[0] = tn_diag(c->in[0], (int64_t)number(c, "diagonal", 0));
    return true;
}
static bool make_one_hot(golden *c)
{
    c->out[0] = tn_one_hot(c->in[0], (tn_dim)number(c, "num_classes", 0), TN_I64);
    return true;
}
static bool make_take_along_dim(golden *c)
{
    c->out[0] = tn_take_along(c->in[0], (int)number(c, "dim", 0), c->in[1]);
    return true;
}
static bool make_scatter_mean(golden *c)
{
    c->out[0] = tn_scatter_mean(c->in[0], (int)number(c, "dim", 0), c->in[1], c->in[2], flag(c, "include_self", true));
    return true;
}
static bool make_eye(golden *c)
{
    c->out[0] = tn_eye(c->graph, TN_F32, (tn_dim)number(c, "n", 0), (tn_dim)number(c, "m", 0));
    return true;
}
static bool make_linspace(golden *c)
{
    c->out[0] =
        tn_linspace(c->graph, TN_F32, number(c, "start", 0), number(c, "end", 0), (int64_t)number(c, "steps", 0));
    return true;
}
static bool make_full(golden *c)
{
    tn_shape shape = {.rank = 0};
    shape.rank = numbers(c, "size", shape.dims);
    c->out[0] = tn_full(c->graph, TN_F32, shape, number(c, "fill_value", 0));
    return true;
}
static bool make_unfold(golden *c)
{
    int kernel[2] = {0};
    tn_conv_opt o = {.padding = (int)number(c, "padding", 0)};
    pair(c, "kernel_size", kernel);
    pair(c, "stride", o.strides);
    pair(c, "dilation", o.dilations);
    c->out[0] = tn_unfold(c->in[0], kernel, &o);
    return true;
}
static bool make_fold(golden *c)
{
    int kernel[2] = {0}, size[2] = {0};
    tn_conv_opt o = {.padding = (int)number(c, "padding", 0)};
    pair(c, "output_size", size);
    pair(c, "kernel_size", kernel);
    pair(c, "stride", o.strides);
    pair(c, "dilation", o.dilations);
    c->out[0] = tn_fold(c->in[0], size[0], size[1], kernel, &o);
    return true;
}
static bool make_einsum(golden *c)
{
    c->out[0] = tn_einsum(word(c, "equation"), how_many(c), c->in);
    return true;
}

static bool make_huber_loss(golden *c)
{
    c->out[0] = tn_huber(c->in[0], c->in[1], number(c, "delta", 1), reduction(c));
    return true;
}

static bool make_rotary(golden *c)
{
    c->out[0] = tn_rotary(c->in[0], tn_scalar(c->graph, TN_I64, number(c, "at", 0)), 0);
    return true;
}
static bool make_sinusoids(golden *c)
{
    c->out[0] = tn_sinusoids(c->graph, TN_F32, (tn_dim)number(c, "n", 0), (int64_t)number(c, "features", 0));
    return true;
}
static bool make_alibi(golden *c)
{
    c->out[0] = tn_alibi(c->graph, TN_F32, (int64_t)number(c, "heads", 0), (tn_dim)number(c, "keys", 0));
    return true;
}
static bool make_relative_buckets(golden *c)
{
    c->out[0] = tn_relative_buckets(c->graph, (tn_dim)number(c, "queries", 0), (tn_dim)number(c, "keys", 0), 32, 128,
                                    flag(c, "causal", false));
    return true;
}

static bool missing(golden *c)
{
    (void)c;
    return false;
}

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, make_##name                                                                                             \
    }
static const struct {
    const char *name;
    bool (*build)(golden *);
} table[] = {ROW(conv2d),
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
             ROW(rotary),
             ROW(sinusoids),
             ROW(alibi),
             ROW(relative_buckets),
             /* no operators: tests of training look at them */
             {"clip_grad_norm", missing},
             {"schedule", missing},
             {"plateau", missing}};

/* ---- building, running, comparing -------------------------------------------------------------------------------- */

static tn_tensor *as_input(golden *c, const char *what, int i)
{
    const format_tensor *t = stored(c, what, i);
    char name[32];
    tn_shape shape = {.rank = 0};
    if (!t)
        return NULL;
    snprintf(name, sizeof name, "%s%d", what, i);
    shape.rank = t->rank;
    memcpy(shape.dims, t->dims, sizeof shape.dims);
    return tn_input(c->graph, name, t->dtype, shape);
}

static tn_tensor *add_product(tn_tensor *all, tn_tensor *a, tn_tensor *b)
{
    tn_tensor *part = tn_sum(tn_mul(a, b));
    return all ? tn_add(all, part) : part;
}

static void output(tn_entry *e, const char *what, int i, tn_tensor *value)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", what, i);
    tn_entry_output(e, name, value);
}

/* Second gradients: of s = sum(gin * v), in the inputs and in gout0. */
static void add_second(golden *c, tn_entry *e, int n, tn_tensor *const *wrt, tn_tensor *const *gin, const int *which)
{
    tn_tensor *s = NULL, *at[MOST], *got[MOST];
    for (int i = 0; i < n; i++) {
        s = add_product(s, gin[i], as_input(c, "v", which[i]));
        at[i] = wrt[i];
    }
    at[n] = c->gout[0];
    if (tn_gradients(s, n + 1, at, got) != TN_OK)
        return;
    for (int i = 0; i < n; i++)
        if (stored(c, "ggin", which[i]))
            output(e, "ggin", which[i], got[i]);
    output(e, "ggout", 0, got[n]);
}

static void add_gradients(golden *c, tn_entry *e)
{
    tn_tensor *loss = NULL, *wrt[MOST], *gin[MOST];
    int which[MOST], n = 0;
    for (int i = 0; i < MOST; i++)
        if (stored(c, "gout", i)) {
            c->gout[i] = as_input(c, "gout", i);
            loss = add_product(loss, c->out[i], c->gout[i]);
        }
    for (int i = 0; i < MOST; i++)
        if (stored(c, "gin", i)) {
            which[n] = i;
            wrt[n++] = c->in[i];
        }
    if (!loss || n == 0 || tn_gradients(loss, n, wrt, gin) != TN_OK)
        return;
    for (int i = 0; i < n; i++)
        output(e, "gin", which[i], gin[i]);
    if (stored(c, "v", which[0]))
        add_second(c, e, n, wrt, gin, which);
}

static tn_feed feed_of(const format_tensor *t, void *data, const golden *c)
{
    return (tn_feed){t->name + strlen(c->name) + 1, tn_view_of(data, t->dtype, t->rank, t->dims)};
}

static double largest_of(const format_tensor *t)
{
    double most = 0;
    for (size_t i = 0; i < t->bytes / tn_dtype_size(t->dtype); i++) {
        double v = fabs(op_element_to_f64(t->dtype, (const char *)t->data + i * tn_dtype_size(t->dtype)));
        most = isfinite(v) && v > most ? v : most;
    }
    return most;
}

/* Within 1e-5 of the element and 1e-6 of the tensor's largest one: sums cancel. How many elements are not. */
static int compare(const golden *c, const format_tensor *want, const void *data)
{
    size_t size = tn_dtype_size(want->dtype);
    double most = largest_of(want);
    for (size_t i = 0; i < want->bytes / size; i++) {
        double y = op_element_to_f64(want->dtype, (const char *)data + i * size),
               w = op_element_to_f64(want->dtype, (const char *)want->data + i * size);
        double bound = want->dtype == TN_F32 ? 1e-5 * fabs(w) + 2e-6 * most + 1e-12 : 0;
        if (isnan(w) ? isnan(y) : y == w || fabs(y - w) <= bound)
            continue;
        print_error("%s: element %zu is %.9g; PyTorch says %.9g (%s)\n", want->name, i, y, w, word(c, "note"));
        return 1;
    }
    return 0;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Feeds everything that the file has for the case and is an input, fetches everything else; failures. */
static int run(const golden *c, tn_program *p)
{
    tn_feed feeds[32], fetches[32];
    const format_tensor *want[32];
    int n = 0, m = 0, failures = 0;
    for (size_t i = 0; i < c->file->n; i++) {
        const format_tensor *t = &c->file->tensors[i];
        size_t length = strlen(c->name);
        if (strncmp(t->name, c->name, length) != 0 || t->name[length] != '.')
            continue;
        const char *what = t->name + length + 1;
        if (begins(what, "in") || begins(what, "gout") || begins(what, "v")) {
            feeds[n++] = feed_of(t, (void *)(uintptr_t)t->data, c);
        } else {
            want[m] = t;
            fetches[m++] = feed_of(t, calloc(1, t->bytes + 1), c);
        }
    }
    tn_session *s = tn_session_new(p, NULL);
    if (tn_run(s, "e", n, feeds, m, fetches) != TN_OK) {
        print_error("%s: %s\n", c->name, tn_session_error(s));
        failures++;
    } else {
        for (int i = 0; i < m; i++)
            failures += compare(c, want[i], fetches[i].view.data);
    }
    for (int i = 0; i < m; i++)
        free(fetches[i].view.data);
    tn_session_free(s);
    return failures;
}

/* 1 or more failures, 0, or -1 for a case that Tarn has not. */
static int check(golden *c, bool (*build)(golden *))
{
    for (int i = 0; i < MOST; i++)
        c->in[i] = as_input(c, "in", i);
    if (build == missing || !build(c))
        return -1;
    tn_entry *e = tn_entry_new(c->graph, "e", c->training ? TN_TRAINING : 0);
    for (int i = 0; i < MOST; i++)
        if (c->out[i] && stored(c, "out", i))
            output(e, "out", i, c->out[i]);
    add_gradients(c, e);
    tn_program *p = tn_compile(c->graph, NULL);
    int failures = p ? run(c, p) : 1;
    if (!p)
        print_error("%s: %s\n", c->name, tn_graph_error(c->graph));
    tn_program_free(p);
    return failures;
}

static int check_named(const format_safetensors *file, tn_context *context, const char *name)
{
    golden c = {.file = file, .name = name, .graph = tn_graph_new(context)};
    const char *options = format_safetensors_metadata(file, name), *dot = strchr(name, '.');
    int result = 1;
    base_error e = {0};
    if (format_json_parse(options, strlen(options), NULL, name, &c.options, &e) != TN_OK)
        fail_msg("%s", e.text);
    bool named = format_json_find(c.options, "tarn");
    if (named)
        result = check(&c, make_named);
    for (size_t i = 0; !named && i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].name) == (size_t)(dot - name) && begins(name, table[i].name)) {
            result = check(&c, table[i].build);
            break;
        } else if (i + 1 == sizeof table / sizeof *table) {
            print_error("%s: this test knows no such operator\n", name);
        }
    format_json_free(c.options);
    tn_graph_free(c.graph);
    return result;
}

/* All cases of a file; at least `least` of them are of operators that are there. */
static void check_file(const char *path, int least)
{
    format_safetensors *file;
    base_error e = {0};
    if (format_safetensors_open(path, &file, &e) != TN_OK)
        fail_msg("%s", e.text);
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    char *cases = strdup(format_safetensors_metadata(file, "cases")), *save;
    int done = 0, not_there = 0, failures = 0;
    for (char *name = strtok_r(cases, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        int result = check_named(file, context, name);
        done += result >= 0;
        not_there += result < 0;
        failures += result > 0 ? result : 0;
    }
    print_message("%d cases of PyTorch's, %d failures; %d are of operators that are not there\n", done, failures,
                  not_there);
    free(cases);
    tn_context_free(context);
    format_safetensors_free(file);
    assert_int_equal(failures, 0);
    assert_true(done >= least);
}

static void skip_without_json(void)
{
#ifndef TARN_HAVE_JANSSON
    print_message("skipped: JSON cannot be read without jansson (libjansson-dev)\n");
    skip();
#endif
}

static void operators_are_as_in_pytorch(void **state)
{
    (void)state;
    skip_without_json();
    check_file(TARN_SOURCE_DIR "/tests/golden/ops.safetensors", 160);
}

static void vocabulary_is_as_in_pytorch(void **state)
{
    (void)state;
    skip_without_json();
    check_file(TARN_SOURCE_DIR "/tests/golden/vocabulary.safetensors", 300);
}

static void sequences_are_as_in_pytorch(void **state)
{
    (void)state;
    skip_without_json();
    check_file(TARN_SOURCE_DIR "/tests/golden/sequence.safetensors", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_are_as_in_pytorch),
                                       cmocka_unit_test(vocabulary_is_as_in_pytorch),
                                       cmocka_unit_test(sequences_are_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
