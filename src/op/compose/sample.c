/* sample.c: pictures read at places that a tensor names: on a grid (Jaderberg et al. 2015), in regions (He et al. 2017; Girshick 2015).
 *
 * A picture is a table whose rows are the channels of a pixel, and what is read is a bag of rows: few of them, with weights. */
#include "op/compose/compose.h"

/* ---- what is shared -------------------------------------------------------------------------------------------------- */

/* Coordinates are computed in f32, those of f64 in f64. */
static tn_dtype exact(tn_tensor *x)
{
    return x->type.dtype == TN_F64 ? TN_F64 : TN_F32;
}

tn_tensor *op_size_as(tn_tensor *x, tn_dim size, tn_dtype dtype)
{
    return dim_literal(size) ? tn_scalar(x->graph, dtype, (double)size) : tn_cast(tn_size_value(x->graph, size), dtype);
}

/* x[N, C, H, W] or [N, C, D, H, W] as rows of channels [N D H W, C]. */
static tn_tensor *rows_of(tn_tensor *x)
{
    tn_shape s = tn_tensor_shape(x);
    tn_dim pixels = s.dims[0];
    for (int d = 2; d < s.rank; d++)
        pixels = tn_dim_mul(x->graph, pixels, s.dims[d]);
    return tn_reshape(tn_move_axis(x, 1, -1), TN_SHAPE(pixels, s.dims[1]));
}

/* The row of the pixel at coordinates `at` (of the axes from 2 on) of a picture, all i64. */
static tn_tensor *row_number(tn_tensor *of, tn_tensor *picture, tn_tensor *const *at)
{
    tn_tensor *row = picture;
    for (int d = 2; d < of->type.rank; d++)
        row = tn_add(tn_mul(row, op_size_as(of, of->type.dims[d], TN_I64)), at[d - 2]);
    return row;
}

/* min(max(x, 0), most). */
static tn_tensor *between(tn_tensor *x, tn_tensor *most)
{
    return tn_minimum(tn_maximum(x, op_like_scalar(x, 0)), most);
}

/* ---- grids ----------------------------------------------------------------------------------------------------------- */

/* What lies beyond the edges is mirrored: there and back again is a period of twice the span. */
static tn_tensor *mirrored(tn_tensor *at, tn_tensor *size, tn_dim open, bool align)
{
    if (align && open == 1)
        return op_full_like(at, TN_NONE, 0);
    tn_tensor *span = align ? tn_sub_f(size, 1) : size;
    double low = align ? 0 : -0.5;
    tn_tensor *away = tn_remainder(tn_abs(tn_sub_f(at, low)), tn_mul_f(span, 2));
    return tn_add_f(tn_sub(span, tn_abs(tn_sub(away, span))), low);
}

/* A coordinate in pixels kept within the picture, as the border says. */
static tn_tensor *kept(tn_tensor *x, tn_tensor *at, int axis, const tn_grid_opt *o)
{
    tn_tensor *size = op_size_as(x, x->type.dims[axis], at->type.dtype);
    if (o->border == TN_GRID_REFLECT)
        at = mirrored(at, size, x->type.dims[axis], o->align_corners);
    return o->border == TN_GRID_ZEROS ? at : between(at, tn_sub_f(size, 1));
}

/* The coordinate -1 .. 1 in pixels of an axis. */
static tn_tensor *in_pixels(tn_tensor *x, tn_tensor *at, int axis, bool align)
{
    tn_tensor *size = op_size_as(x, x->type.dims[axis], at->type.dtype);
    at = tn_add_f(at, 1);
    return align ? tn_mul(tn_mul_f(at, 0.5), tn_sub_f(size, 1)) : tn_mul_f(tn_sub_f(tn_mul(at, size), 1), 0.5);
}

/* The cubic filter (Keys 1981, a = -0.75) for neighbour k = -1 .. 2 of what is `part` behind neighbour 0. */
static tn_tensor *cubic(tn_tensor *part, int k)
{
    const double a = -0.75;
    tn_tensor *d = k > 0 ? tn_add_f(tn_neg(part), k) : tn_add_f(part, -k);
    if (k == 0 || k == 1) /* ((a + 2) d - (a + 3)) d d + 1 */
        return tn_add_f(tn_mul(tn_sub_f(tn_mul_f(d, a + 2), a + 3), tn_square(d)), 1);
    tn_tensor *inner = tn_add_f(tn_mul(tn_sub_f(d, 5), d), 8); /* (((d - 5) d + 8) d - 4) a */
    return tn_mul_f(tn_sub_f(tn_mul(inner, d), 4), a);
}

/* One, two or four pixels beside a coordinate and their weights, 0 where there is no pixel. */
typedef struct beside {
    int n;
    tn_tensor *index[4], *weight[4];
} beside;

static beside beside_of(tn_tensor *x, tn_tensor *at, int axis, const tn_grid_opt *o)
{
    beside b = {.n = o->cubic ? 4 : o->nearest ? 1 : 2};
    at = in_pixels(x, at, axis, o->align_corners);
    at = o->cubic ? at : kept(x, at, axis, o); /* of a curve each point is kept within */
    tn_tensor *last = tn_sub_f(op_size_as(x, x->type.dims[axis], at->type.dtype), 1), *zero = op_like_scalar(at, 0);
    tn_tensor *low = o->nearest && !o->cubic ? tn_round(at) : tn_floor(at), *part = tn_sub(at, low);
    for (int i = 0; i < b.n; i++) {
        tn_tensor *place = tn_add_f(low, o->cubic ? i - 1 : i);
        tn_tensor *w = o->cubic   ? cubic(part, i - 1)
                       : b.n == 1 ? op_full_like(at, TN_NONE, 1)
                       : i        ? part
                                  : tn_add_f(tn_neg(part), 1);
        place = o->cubic ? kept(x, place, axis, o) : place;
        tn_tensor *there = tn_logical_and(tn_ge(place, zero), tn_le(place, last));
        b.weight[i] = tn_where(there, w, zero);
        b.index[i] = tn_cast(between(place, last), TN_I64);
    }
    return b;
}

/* Every combination of neighbours, `all` of them, as rows and weights [N, ..., all]. */
static void combine(tn_tensor *x, tn_tensor *picture, const beside *b, int n, int all, tn_tensor **rows,
                    tn_tensor **weights)
{
    tn_tensor *index[64], *weight[64];
    for (int k = 0; k < all; k++) {
        tn_tensor *at[3];
        for (int d = n - 1, rest = k; d >= 0; rest /= b[d].n, d--) {
            at[d] = b[d].index[rest % b[d].n];
            weight[k] = d == n - 1 ? b[d].weight[rest % b[d].n] : tn_mul(b[d].weight[rest % b[d].n], weight[k]);
        }
        index[k] = row_number(x, picture, at);
    }
    *rows = tn_stack(all, index, n + 1);
    *weights = tn_stack(all, weight, n + 1);
}

tn_tensor *tn_grid_sample(tn_tensor *x, tn_tensor *grid, const tn_grid_opt *opt)
{
    static const tn_grid_opt defaults;
    const tn_grid_opt *o = opt ? opt : &defaults;
    if (op_unusable(x) || op_unusable(grid))
        return op_unusable(x) ? x : grid;
    tn_graph *g = x->graph;
    tn_shape s = tn_tensor_shape(x), to = tn_tensor_shape(grid), start = {.rank = 0};
    int n = s.rank - 2, all = 1;
    if (n < 2 || n > 3 || to.rank != s.rank || to.dims[n + 1] != n ||
        !dim_same(g->dims, s.dims[0], to.dims[0], "grid_sample"))
        return OP_REFUSE(
            x, TN_SHAPE,
            "grid_sample of '%s' takes pictures [N, C, H, W] and a grid [N, H', W', 2], or bodies and a grid "
            "[N, D', H', W', 3]; they have %d and %d axes",
            tn_tensor_name(x), s.rank, to.rank);
    beside b[3];
    tn_dim pixels = s.dims[0];
    grid = op_cast_to(grid, exact(x));
    for (int d = 0; d < n; d++) { /* the last number of a point is of the first axis */
        tn_tensor *at = tn_squeeze(tn_slice(grid, n + 1, n - 1 - d, n - d), n + 1);
        b[d] = beside_of(x, at, d + 2, o);
        all *= b[d].n;
        pixels = tn_dim_mul(g, pixels, to.dims[d + 1]);
    }
    start.rank = n + 1;
    for (int i = 0; i <= n; i++)
        start.dims[i] = i ? 1 : s.dims[0];
    tn_tensor *rows, *weights;
    combine(x, tn_reshape(tn_arange(g, TN_I64, 0, 1, s.dims[0]), start), b, n, all, &rows, &weights);
    tn_tensor *by = op_cast_to(tn_reshape(weights, TN_SHAPE(pixels, all)), x->type.dtype);
    tn_tensor *y = tn_embedding_bag(rows_of(x), tn_reshape(rows, TN_SHAPE(pixels, all)), NULL,
                                    TN_OPT(tn_bag_opt, .mode = TN_BAG_SUM, .weights = by));
    to.dims[n + 1] = s.dims[1];
    return tn_move_axis(tn_reshape(y, to), -1, 1);
}

/* Coordinates of an axis, from -1 to 1: of the middles of its first and last pixels, or of their outer edges. */
static tn_tensor *spread(tn_tensor *theta, tn_dim size, bool align)
{
    tn_tensor *i = tn_arange(theta->graph, exact(theta), 0, 1, size), *n = op_size_as(theta, size, exact(theta));
    if (align)
        return size == 1 ? tn_mul_f(i, 0) : tn_sub_f(tn_div(tn_mul_f(i, 2), tn_sub_f(n, 1)), 1);
    return tn_sub_f(tn_div(tn_add_f(tn_mul_f(i, 2), 1), n), 1);
}

tn_tensor *tn_affine_grid(tn_tensor *theta, const tn_dim *sizes, bool align_corners)
{
    if (op_unusable(theta))
        return theta;
    tn_graph *g = theta->graph;
    tn_shape s = tn_tensor_shape(theta);
    int n = s.rank == 3 && s.dims[1] == 3 ? 3 : 2;
    if (s.rank != 3 || s.dims[1] != n || s.dims[2] != n + 1)
        return OP_REFUSE(theta, TN_SHAPE, "affine_grid of '%s' takes matrices [N, 2, 3] or [N, 3, 4]; it has %d axes",
                         tn_tensor_name(theta), s.rank);
    tn_shape whole = {.rank = n}, out = {.rank = n + 2, .dims = {s.dims[0]}};
    tn_dim places = 1;
    for (int d = 0; d < n; d++) {
        whole.dims[d] = out.dims[d + 1] = sizes[d];
        places = tn_dim_mul(g, places, sizes[d]);
    }
    out.dims[n + 1] = n;
    tn_tensor *base[4];
    for (int d = 0; d < n; d++) { /* x, y, z: the last axis first */
        tn_shape own = {.rank = n};
        for (int k = 0; k < n; k++)
            own.dims[k] = k == n - 1 - d ? sizes[k] : 1;
        base[d] = tn_expand(tn_reshape(spread(theta, sizes[n - 1 - d], align_corners), own), whole);
    }
    base[n] = tn_full(g, exact(theta), whole, 1);
    tn_tensor *points = tn_reshape(tn_stack(n + 1, base, n), TN_SHAPE(places, n + 1));
    tn_tensor *y = tn_matmul(op_cast_to(points, theta->type.dtype), tn_transpose(theta, 1, 2));
    return tn_reshape(y, out);
}

/* ---- regions --------------------------------------------------------------------------------------------------------- */

enum { MOST_SAMPLES = 1024 };

/* Number k of each region as [R, 1, 1]. */
static tn_tensor *number(tn_tensor *rois, int k)
{
    tn_tensor *v = op_cast_to(tn_slice(rois, 1, k, k + 1), exact(rois));
    return tn_unsqueeze(v, 2);
}

static bool takes_regions(tn_tensor *x, tn_tensor *rois, const tn_roi_opt *o, const char *builder)
{
    if (op_unusable(x) || op_unusable(rois))
        return false;
    if (x->type.rank == 4 && rois->type.rank == 2 && rois->type.dims[1] == 5 && o && o->height > 0 && o->width > 0 &&
        o->height <= MOST_SAMPLES && o->width <= MOST_SAMPLES && o->samples >= 0 && o->samples <= MOST_SAMPLES)
        return true;
    graph_fail(
        x->graph, TN_SHAPE,
        "%s of '%s' takes pictures [N, C, H, W], regions [R, 5] (picture, left, top, right, bottom), and a height and "
        "width from 1 to 1024",
        builder, tn_tensor_name(x));
    return false;
}

/* Reads bags of `n` rows for the parts of regions, [R, h, w, n]. */
static tn_tensor *read_parts(tn_tensor *x, tn_tensor *index, tn_tensor *weight, const tn_roi_opt *o, tn_dim regions,
                             int64_t n)
{
    tn_tensor *rows = rows_of(x);
    tn_dim bags = tn_dim_mul(x->graph, regions, (int64_t)o->height * o->width);
    tn_bag_opt bag = {.mode = weight ? TN_BAG_SUM : TN_BAG_MAX};
    if (weight)
        bag.weights = op_cast_to(tn_reshape(weight, TN_SHAPE(bags, n)), x->type.dtype);
    tn_tensor *y = tn_embedding_bag(rows, tn_reshape(index, TN_SHAPE(bags, n)), NULL, &bag);
    return tn_permute(tn_reshape(y, TN_SHAPE(regions, o->height, o->width, x->type.dims[1])), 4,
                      (const int64_t[]){0, 3, 1, 2});
}

/* Pairs of what one direction has, [R, h, a], and the other, [R, w, b], as [R, h, w, a * b]. */
static void pair(tn_tensor **down, tn_tensor **across)
{
    *down = tn_unsqueeze(tn_unsqueeze(*down, 2), 4);
    *across = tn_unsqueeze(tn_unsqueeze(*across, 1), 3);
}

/* One direction of regions: how many parts, the picture's size there, and where regions begin and end in its pixels. */
typedef struct extent {
    tn_dtype dtype;
    int64_t parts;
    tn_dim open;
    tn_tensor *start, *end;
} extent;

static extent extent_of(tn_tensor *x, tn_tensor *rois, int axis, const tn_roi_opt *o)
{
    const double scale = o->scale != 0 ? o->scale : 1;
    const int first = axis == 2 ? 2 : 1;
    return (extent){.dtype = exact(rois),
                    .parts = axis == 2 ? o->height : o->width,
                    .open = x->type.dims[axis],
                    .start = tn_mul_f(number(rois, first), scale),
                    .end = tn_mul_f(number(rois, first + 2), scale)};
}

/* Samples of one direction: pixels [R, parts, 2 * samples] and their weights, which add up to 1 where all is inside. */
typedef struct samples {
    tn_tensor *index, *weight;
    int64_t n;
} samples;

static samples samples_of(tn_tensor *x, tn_tensor *rois, int axis, const tn_roi_opt *o)
{
    tn_graph *g = x->graph;
    const extent e = extent_of(x, rois, axis, o);
    const tn_dtype dtype = e.dtype;
    const int64_t parts = e.parts;
    const tn_dim open = e.open;
    int64_t n = o->samples;
    if (!n && dim_literal(open)) /* what a region of the whole picture needs */
        n = open / parts + 2 < MOST_SAMPLES ? open / parts + 2 : MOST_SAMPLES;
    if (!n)
        graph_fail(g, TN_SHAPE, "roi_align of '%s': without a number of samples the size of axis %d must be a number",
                   tn_tensor_name(x), axis);
    tn_tensor *start = tn_sub_f(e.start, o->aligned ? 0.5 : 0);
    tn_tensor *end = tn_sub_f(e.end, o->aligned ? 0.5 : 0);
    tn_tensor *size = tn_sub(end, start);
    size = o->aligned ? size : tn_maximum(size, tn_scalar(g, dtype, 1));
    tn_tensor *part = tn_div_f(size, (double)parts);
    tn_tensor *count = o->samples ? tn_scalar(g, dtype, (double)n)
                                  : tn_clamp(tn_ceil(part), 1, (double)n); /* as many as a part has pixels */
    tn_tensor *p = tn_unsqueeze(tn_arange(g, dtype, 0, 1, parts), 1), *k = tn_arange(g, dtype, 0, 1, n ? n : 1);
    tn_tensor *at = tn_add(start, tn_mul(part, tn_add(p, tn_div(tn_add_f(k, 0.5), count))));
    tn_tensor *pixels = op_size_as(x, open, dtype), *last = tn_sub_f(pixels, 1), *zero = tn_scalar(g, dtype, 0);
    tn_tensor *inside = tn_logical_and(tn_ge(at, tn_scalar(g, dtype, -1)), tn_le(at, pixels));
    inside = tn_logical_and(inside, tn_lt(k, count));
    at = between(at, last);
    tn_tensor *low = tn_floor(at), *high = tn_minimum(tn_add_f(low, 1), last), *over = tn_sub(at, low);
    tn_tensor *share = tn_div(tn_where(inside, tn_scalar(g, dtype, 1), zero), count);
    tn_tensor *index[] = {low, high}, *weight[] = {tn_mul(tn_add_f(tn_neg(over), 1), share), tn_mul(over, share)};
    return (samples){tn_cast(tn_concat(2, index, 2), TN_I64), tn_concat(2, weight, 2), 2 * n};
}

tn_tensor *tn_roi_align(tn_tensor *x, tn_tensor *rois, const tn_roi_opt *opt)
{
    if (!takes_regions(x, rois, opt, "roi_align"))
        return op_unusable(x) ? x : op_unusable(rois) ? rois : &x->graph->poison;
    samples down = samples_of(x, rois, 2, opt), across = samples_of(x, rois, 3, opt);
    if (op_unusable(down.index) || op_unusable(across.index))
        return &x->graph->poison;
    pair(&down.index, &across.index);
    pair(&down.weight, &across.weight);
    tn_tensor *picture = tn_unsqueeze(tn_unsqueeze(tn_cast(number(rois, 0), TN_I64), 3), 4);
    tn_tensor *index = row_number(x, picture, (tn_tensor *const[]){down.index, across.index});
    return read_parts(x, index, tn_mul(down.weight, across.weight), opt, rois->type.dims[0], down.n * across.n);
}

/* The pixels of one direction: [R, parts, most], those behind a part's last repeating it; parts without one are marked. */
static tn_tensor *pixels_of(tn_tensor *x, tn_tensor *rois, int axis, const tn_roi_opt *o, int64_t *most,
                            tn_tensor **none)
{
    tn_graph *g = x->graph;
    const extent e = extent_of(x, rois, axis, o);
    const tn_dtype dtype = e.dtype;
    const int64_t parts = e.parts;
    const tn_dim open = e.open;
    *most = dim_literal(open) ? ((open + 1) / parts + 2 < open ? (open + 1) / parts + 2 : open) : 0;
    if (*most < 1 || *most > MOST_SAMPLES) {
        graph_fail(g, TN_SHAPE, "roi_pool of '%s': the size of axis %d must be a number above 0", tn_tensor_name(x),
                   axis);
        *none = &g->poison;
        return *none;
    }
    /* rounded half away from 0, as C does */
    tn_tensor *start = tn_mul(tn_sign(e.start), tn_floor(tn_add_f(tn_abs(e.start), 0.5)));
    tn_tensor *end = tn_mul(tn_sign(e.end), tn_floor(tn_add_f(tn_abs(e.end), 0.5)));
    tn_tensor *size = tn_maximum(tn_add_f(tn_sub(end, start), 1), tn_scalar(g, dtype, 1));
    tn_tensor *part = tn_div_f(size, (double)parts), *p = tn_unsqueeze(tn_arange(g, dtype, 0, 1, parts), 1);
    tn_tensor *pixels = op_size_as(x, open, dtype);
    tn_tensor *from = between(tn_add(tn_floor(tn_mul(p, part)), start), pixels);
    tn_tensor *to = between(tn_add(tn_ceil(tn_mul(tn_add_f(p, 1), part)), start), pixels);
    *none = tn_le(to, from);
    tn_tensor *at = tn_minimum(tn_add(from, tn_arange(g, dtype, 0, 1, *most)), tn_sub_f(to, 1));
    return tn_cast(between(at, tn_sub_f(pixels, 1)), TN_I64);
}

tn_tensor *tn_roi_pool(tn_tensor *x, tn_tensor *rois, const tn_roi_opt *opt)
{
    int64_t high = 0, wide = 0;
    tn_tensor *no_rows, *no_columns;
    if (!takes_regions(x, rois, opt, "roi_pool"))
        return op_unusable(x) ? x : op_unusable(rois) ? rois : &x->graph->poison;
    tn_tensor *down = pixels_of(x, rois, 2, opt, &high, &no_rows);
    tn_tensor *across = pixels_of(x, rois, 3, opt, &wide, &no_columns);
    if (op_unusable(down) || op_unusable(across))
        return &x->graph->poison;
    pair(&down, &across);
    tn_tensor *picture = tn_unsqueeze(tn_unsqueeze(tn_cast(number(rois, 0), TN_I64), 3), 4);
    tn_tensor *y = read_parts(x, row_number(x, picture, (tn_tensor *const[]){down, across}), NULL, opt,
                              rois->type.dims[0], high * wide);
    tn_tensor *none = tn_logical_or(no_rows, tn_transpose(no_columns, 1, 2));
    return tn_masked_fill(y, tn_unsqueeze(none, 1), 0);
}
