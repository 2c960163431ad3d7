/* pool.c: pooling of lines, bodies and by norms, to a given size, and back.
 *
 * A window over a body is one over its pictures, then one over depths: the largest of the largest, the mean of means, are the same, and
 * so is who is first among equals. A line is a picture of one row. */
#include "op/compose/compose.h"
#include "op/scheme/window.h"

enum { DILATION = OP_POOL_MORE, MOST_SIZE = 1 << 16 };
typedef tn_tensor *pool_fn(tn_tensor *x, int kernel, const tn_pool_opt *opt);

static bool has_rank(tn_tensor *x, int rank, const char *builder, const char *what)
{
    if (op_unusable(x))
        return false;
    if (x->type.rank == rank)
        return true;
    graph_fail(x->graph, TN_SHAPE, "%s of '%s' takes %s; it has %d axes", builder, tn_tensor_name(x), what,
               x->type.rank);
    return false;
}

/* The options of directions [from, from + n) of `all` as those of a picture, whose other direction is left alone. */
static tn_pool_opt directions(int kernel, const tn_pool_opt *opt, int all, int from, int n)
{
    static const tn_pool_opt none = {0};
    const tn_pool_opt *o = opt ? opt : &none;
    tn_pool_opt p = {.dilation = o->dilation,
                     .ceil_mode = o->ceil_mode,
                     .exclude_padding = o->exclude_padding,
                     .divisor = o->divisor && from ? 1 : o->divisor, /* of a body's means: once, over depths */
                     .kernels = {1, 1},
                     .strides = {1, 1}};
    int at = all == 1 ? 1 : 0; /* lines run across */
    for (int d = 0; d < n; d++) {
        int size = o->kernels[from + d] ? o->kernels[from + d] : kernel;
        p.kernels[at + d] = size;
        p.strides[at + d] = o->strides[from + d] ? o->strides[from + d] : o->stride ? o->stride : size;
        p.paddings[at + d] = o->padding + o->paddings[from + d];
        p.paddings[at + d + 2] = o->padding + o->paddings[from + d + all];
    }
    return p;
}

/* ---- lines and bodies ---------------------------------------------------------------------------------------------- */

static tn_tensor *pool_line(tn_tensor *x, int kernel, const tn_pool_opt *opt, pool_fn *how)
{
    tn_pool_opt across = directions(kernel, opt, 1, 0, 1);
    return tn_squeeze(how(tn_unsqueeze(x, 2), 0, &across), 2);
}

/* [N, D, H, W, C] as pictures [N, C, D, H * W]. */
static tn_tensor *upright(tn_tensor *x)
{
    tn_shape s = tn_tensor_shape(x);
    tn_dim plane = tn_dim_mul(x->graph, s.dims[2], s.dims[3]);
    return tn_permute(tn_reshape(x, TN_SHAPE(s.dims[0], s.dims[1], plane, s.dims[4])), 4,
                      (const int64_t[]){0, 3, 1, 2});
}

/* Pictures [N, C, D, H * W] as [N, C, D, H, W], channels last. */
static tn_tensor *laid_down(tn_tensor *x, tn_dim height, tn_dim width)
{
    if (op_unusable(x))
        return x;
    tn_shape s = tn_tensor_shape(x);
    tn_tensor *y = tn_permute(x, 4, (const int64_t[]){0, 2, 3, 1});
    return op_channels_second(tn_reshape(y, TN_SHAPE(s.dims[0], s.dims[2], height, width, s.dims[1])));
}

static tn_tensor *pool_body(tn_tensor *x, int kernel, const tn_pool_opt *opt, pool_fn *how)
{
    tn_shape s = tn_tensor_shape(x);
    tn_pool_opt within = directions(kernel, opt, 3, 1, 2), deep = directions(kernel, opt, 3, 0, 1);
    tn_tensor *y = how(op_as_pictures(op_channels_last(x)), 0, &within);
    if (op_unusable(y))
        return &x->graph->poison;
    tn_dim height = y->type.dims[2], width = y->type.dims[3];
    return laid_down(how(upright(op_as_bodies(y, s.dims[0], s.dims[2])), 0, &deep), height, width);
}

tn_tensor *tn_max_pool1d(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    return has_rank(x, 3, "max_pool1d", "lines [N, C, L]") ? pool_line(x, kernel, opt, tn_max_pool2d) : x;
}

tn_tensor *tn_avg_pool1d(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    return has_rank(x, 3, "avg_pool1d", "lines [N, C, L]") ? pool_line(x, kernel, opt, tn_avg_pool2d) : x;
}

tn_tensor *tn_max_pool3d(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    return has_rank(x, 5, "max_pool3d", "bodies [N, C, D, H, W]") ? pool_body(x, kernel, opt, tn_max_pool2d) : x;
}

tn_tensor *tn_avg_pool3d(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    return has_rank(x, 5, "avg_pool3d", "bodies [N, C, D, H, W]") ? pool_body(x, kernel, opt, tn_avg_pool2d) : x;
}

/* ---- norms ------------------------------------------------------------------------------------------------------------ */

tn_tensor *tn_lp_pool(tn_tensor *x, double p, int kernel, const tn_pool_opt *opt)
{
    static pool_fn *const avg[] = {tn_avg_pool1d, tn_avg_pool2d, tn_avg_pool3d};
    tn_pool_opt plain = opt ? *opt : (tn_pool_opt){0};
    if (op_unusable(x))
        return x;
    int n = x->type.rank - 2;
    if (n < 1 || n > 3 || !(p > 0))
        return OP_REFUSE(
            x, TN_INVALID,
            "lp_pool of '%s' takes [N, C, ...] with one to three further axes and p above 0; it has %d axes, "
            "p is %g",
            tn_tensor_name(x), x->type.rank, p);
    double size = 1;
    for (int d = 0; d < n; d++)
        size *= opt && opt->kernels[d] ? opt->kernels[d] : kernel;
    plain.divisor = 0;
    tn_tensor *mean = avg[n - 1](tn_pow_f(x, p), kernel, &plain);
    /* as PyTorch has it: odd powers may add up to something below 0 */
    tn_tensor *sum = tn_mul_f(tn_mul(tn_sign(mean), tn_relu(tn_abs(mean))), size);
    return tn_pow_f(sum, 1 / p);
}

/* ---- where the largest are, and back ---------------------------------------------------------------------------------- */

static tn_tensor *index_of(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    op_value pool[DILATION + 1];
    int64_t numbers[8], dilation[1] = {opt->dilation ? opt->dilation : 1};
    op_pool_options(kernel, opt, pool, numbers);
    pool[DILATION] = (op_value){.n = 1, .list = dilation};
    return op_max_pool2d_index_of(x, pool);
}

/* Of a body: the place in its picture, at the depth that is the largest. */
static tn_tensor *body_index(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    tn_graph *g = x->graph;
    tn_shape s = tn_tensor_shape(x);
    tn_pool_opt within = directions(kernel, opt, 3, 1, 2), deep = directions(kernel, opt, 3, 0, 1);
    tn_tensor *pictures = op_as_pictures(op_channels_last(x)), *y = tn_max_pool2d(pictures, 0, &within);
    if (op_unusable(y))
        return &g->poison;
    tn_dim height = y->type.dims[2], width = y->type.dims[3], plane = tn_dim_mul(g, height, width);
    tn_tensor *place = upright(op_as_bodies(index_of(pictures, 0, &within), s.dims[0], s.dims[2]));
    tn_tensor *depth = tn_arange(g, TN_I64, 0, 1, s.dims[2]);
    tn_tensor *before = tn_mul(depth, tn_size_value(g, tn_dim_mul(g, s.dims[3], s.dims[4])));
    place = tn_add(place, tn_unsqueeze(before, 1)); /* [N, C, D, H' W'] */
    tn_tensor *at = index_of(upright(op_as_bodies(y, s.dims[0], s.dims[2])), 0, &deep);
    if (op_unusable(at))
        return at;
    tn_dim deeper = at->type.dims[2];
    at = tn_gather(tn_flatten(place, 2), 2, tn_flatten(at, 2));
    return tn_reshape(at, TN_SHAPE(s.dims[0], s.dims[1], deeper, height, tn_dim_div(g, plane, height)));
}

tn_sorted tn_max_pool_index(tn_tensor *x, int kernel, const tn_pool_opt *opt)
{
    static const tn_pool_opt none = {0};
    const tn_pool_opt *o = opt ? opt : &none;
    if (op_unusable(x))
        return (tn_sorted){x, x};
    if (x->type.rank == 3) {
        tn_pool_opt across = directions(kernel, o, 1, 0, 1);
        return (tn_sorted){tn_max_pool1d(x, kernel, o), tn_squeeze(index_of(tn_unsqueeze(x, 2), 0, &across), 2)};
    }
    if (x->type.rank == 4)
        return (tn_sorted){tn_max_pool2d(x, kernel, o), index_of(x, kernel, o)};
    bool body = has_rank(x, 5, "max_pool_index", "[N, C, ...] with one to three further axes");
    return body ? (tn_sorted){tn_max_pool3d(x, kernel, o), body_index(x, kernel, o)}
                : (tn_sorted){&x->graph->poison, &x->graph->poison};
}

tn_tensor *tn_max_unpool(tn_tensor *x, tn_tensor *index, const tn_dim *sizes)
{
    if (op_unusable(x) || op_unusable(index))
        return op_unusable(x) ? x : index;
    tn_shape s = tn_tensor_shape(x);
    if (s.rank < 3 || s.rank > 5)
        return OP_REFUSE(x, TN_SHAPE,
                         "max_unpool of '%s' takes [N, C, ...] with one to three further axes; it has %d axes",
                         tn_tensor_name(x), s.rank);
    tn_dim count = 1;
    for (int d = 2; d < s.rank; d++) {
        s.dims[d] = sizes[d - 2];
        count = tn_dim_mul(x->graph, count, sizes[d - 2]);
    }
    tn_tensor *flat = tn_flatten(x, 2);
    tn_tensor *empty = tn_full(x->graph, x->type.dtype, TN_SHAPE(s.dims[0], s.dims[1], count), 0);
    return tn_reshape(tn_scatter(empty, 2, tn_flatten(index, 2), flat), s);
}

/* ---- to a given size ---------------------------------------------------------------------------------------------------- */

/* The elements that an axis of `to` windows sees, one window's behind the other's, each as long as the longest: the last one stands
 * for what is missing. *longest gets that length. */
static tn_tensor *seen(tn_graph *g, int64_t from, int64_t to, int64_t *longest)
{
    int64_t most = 0;
    for (int64_t i = 0; i < to; i++) {
        int64_t n = ((i + 1) * from + to - 1) / to - i * from / to;
        most = n > most ? n : most;
    }
    int64_t *at = base_arena_alloc(g->arena, (size_t)(to * most) * sizeof *at), n = to * most;
    if (!at)
        return graph_fail(g, TN_MEMORY, "out of memory while making windows");
    for (int64_t i = 0; i < to; i++)
        for (int64_t k = 0; k < most; k++) {
            int64_t place = i * from / to + k, last = ((i + 1) * from + to - 1) / to - 1;
            at[i * most + k] = place < last ? place : last;
        }
    *longest = most;
    tn_view view = tn_view_of(at, TN_I64, 1, &n);
    return tn_constant(g, &view);
}

/* Axis `axis` by windows that do not overlap, of `size` elements. */
static tn_tensor *shorten(tn_tensor *x, int axis, int64_t size)
{
    static pool_fn *const max[] = {tn_max_pool1d, tn_max_pool2d, tn_max_pool3d};
    tn_pool_opt o = {.kernels = {1, 1, 1}};
    o.kernels[axis - 2] = (int)size;
    return max[x->type.rank - 3](x, 1, &o);
}

tn_tensor *tn_adaptive_max_pool(tn_tensor *x, const tn_dim *sizes)
{
    if (op_unusable(x))
        return x;
    tn_shape s = tn_tensor_shape(x);
    if (s.rank < 3 || s.rank > 5)
        return OP_REFUSE(x, TN_SHAPE,
                         "adaptive_max_pool of '%s' takes [N, C, ...] with one to three further axes; it has %d axes",
                         tn_tensor_name(x), s.rank);
    bool global = true;
    for (int d = 2; d < s.rank; d++)
        global &= sizes[d - 2] == 1;
    if (global) {
        tn_tensor *y = tn_max_along(tn_flatten(x, 2), 2, false).values;
        for (int d = 2; d < s.rank; d++)
            y = tn_unsqueeze(y, d);
        return y;
    }
    for (int d = 2; d < s.rank && !op_unusable(x); d++) {
        int64_t longest = 0, from = s.dims[d], to = sizes[d - 2];
        if (to < 1 || to > MOST_SIZE || from < 1 || from > MOST_SIZE)
            return OP_REFUSE(x, TN_SHAPE,
                             "adaptive_max_pool of '%s': axis %d of size %lld cannot be brought to %lld: both "
                             "must be numbers from 1 to 65536",
                             tn_tensor_name(x), d, (long long)from, (long long)to);
        if (from == to)
            continue;
        tn_tensor *at = seen(x->graph, from, to, &longest);
        x = from % to ? tn_index_select(x, d, at) : x;
        x = shorten(x, d, longest);
    }
    return x;
}
