/* elem_loop.c: the loop of an element-wise chain: which dims there are in the end, in which order, and how tiles are cut. */
#include "cpu/core/elem_plan.h"

static int64_t size_of(int64_t x)
{
    return x < 0 ? -x : x;
}

static void move_dim(cpu_elem_loop *l, int n_views, cpu_elem_view *views, int from, int to)
{
    int step = from < to ? 1 : -1;
    for (int d = from; d != to; d += step) {
        int64_t t = l->dims[d];
        l->dims[d] = l->dims[d + step];
        l->dims[d + step] = t;
        for (int v = 0; v < n_views; v++) {
            t = views[v].stride[d];
            views[v].stride[d] = views[v].stride[d + step];
            views[v].stride[d + step] = t;
        }
    }
}

static void drop_dim(cpu_elem_loop *l, int n_views, cpu_elem_view *views, int d)
{
    move_dim(l, n_views, views, d, l->outer - 1);
    l->outer--;
}

static void drop_ones(cpu_elem_loop *l, int n_views, cpu_elem_view *views)
{
    for (int d = l->outer - 1; d >= 0; d--)
        if (l->dims[d] == 1)
            drop_dim(l, n_views, views, d);
}

/* Whether dim a should be further out than dim b: the first view that tells them apart decides. */
static bool outside(int n_views, const cpu_elem_view *views, int a, int b)
{
    for (int v = 0; v < n_views; v++) {
        int64_t sa = size_of(views[v].stride[a]), sb = size_of(views[v].stride[b]);
        if (sa && sb && sa != sb)
            return sa > sb;
    }
    return false;
}

static void order(cpu_elem_loop *l, int n_views, cpu_elem_view *views)
{
    for (int d = 1; d < l->outer; d++)
        for (int e = d; e > 0 && outside(n_views, views, e, e - 1); e--)
            move_dim(l, n_views, views, e, e - 1);
}

static void merge(cpu_elem_loop *l, int n_views, cpu_elem_view *views)
{
    for (int d = l->outer - 2; d >= 0; d--) {
        bool one = true;
        for (int v = 0; v < n_views && one; v++)
            one = views[v].stride[d] == views[v].stride[d + 1] * l->dims[d + 1];
        if (!one)
            continue;
        l->dims[d + 1] *= l->dims[d];
        drop_dim(l, n_views, views, d);
    }
}

/* A tensor may run fastest along another dim than the columns (a transpose). Tiles are then blocks over both, so that
 * what a cache line holds is used while it is there. Moves that dim next to the columns and returns its size, or 0. */
static int64_t find_cross(cpu_elem_loop *l, int n_views, cpu_elem_view *views)
{
    int inner = l->outer - 1;
    for (int v = 0; v < n_views; v++) {
        int best = inner;
        for (int d = 0; d < inner; d++)
            if (views[v].stride[d] && size_of(views[v].stride[d]) < size_of(views[v].stride[best]))
                best = d;
        if (best != inner) {
            move_dim(l, n_views, views, best, inner - 1);
            return l->dims[inner - 1];
        }
    }
    return 0;
}

/* After how many rows a view repeats itself. */
static int64_t period_of(const cpu_elem_loop *l, const cpu_elem_view *v)
{
    int first = 0;
    while (first < l->outer && v->stride[first] == 0)
        first++;
    int64_t period = 1;
    for (int d = first; d < l->outer; d++)
        period *= l->dims[d];
    return period;
}

/* Tiles of many rows hold whole periods, so that operands that repeat need be loaded only once. */
static int64_t whole_periods(const cpu_elem_loop *l, int n_views, const cpu_elem_view *views, int64_t rows)
{
    int64_t best = 1;
    for (int v = 0; v < n_views; v++) {
        int64_t period = period_of(l, &views[v]);
        if (period <= rows && period < l->rows && period > best)
            best = period;
    }
    return rows / best * best;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t blocks(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

static void cut(cpu_elem_loop *l, int n_views, const cpu_elem_view *views, int64_t most, int64_t cross)
{
    enum { BAND = 16, LINE = 32 };
    if (cross) {
        l->tile_cols = least(l->cols, most / least(cross, BAND));
        l->tile_rows = least(l->rows, most / l->tile_cols);
    } else if (l->cols >= most) {
        int64_t even = blocks(l->cols, blocks(l->cols, most)); /* columns in equal parts, of whole cache lines */
        l->tile_cols = least(most, blocks(even, LINE) * LINE);
        l->tile_rows = 1;
    } else {
        l->tile_cols = l->cols;
        l->tile_rows = whole_periods(l, n_views, views, least(l->rows, most / l->cols));
    }
    l->col_blocks = blocks(l->cols, l->tile_cols);
    l->row_blocks = blocks(l->rows, l->tile_rows);
    l->tiles = l->col_blocks * l->row_blocks;
    l->down = cross > 0; /* the tensor that runs down the rows is then read along its lines and pages */
}

static void classify(const cpu_elem_loop *l, cpu_elem_view *v)
{
    bool dense = l->tile_cols == l->cols;
    int64_t expect = v->col * l->cols;
    for (int d = l->outer - 1; d >= 0; d--) {
        dense = dense && v->stride[d] == expect;
        expect *= l->dims[d];
    }
    v->regular = l->tile_rows == 1 || dense;
    v->direct = v->regular && v->col == 1;
    /* Tiles differ in their number of columns, and a dense tile with them, unless it is one value throughout. */
    int64_t period = period_of(l, v);
    v->uniform = period == 1 && v->col == 0 && l->rows * l->cols > 1;
    v->invariant = l->col_blocks == 1 ? l->tile_rows % period == 0 : v->col == 0 && period == 1;
}

void cpu_elem_plan_loop(cpu_elem_loop *l, int rank, const int64_t *dims, int n_views, cpu_elem_view *views,
                        int64_t most)
{
    *l = (cpu_elem_loop){.outer = rank,
                         .rows = 1,
                         .cols = 1,
                         .tile_rows = 1,
                         .tile_cols = 1,
                         .row_blocks = 1,
                         .col_blocks = 1,
                         .tiles = 1};
    for (int d = 0; d < rank; d++) {
        l->dims[d] = dims[d];
        l->empty = l->empty || dims[d] == 0;
    }
    drop_ones(l, n_views, views);
    order(l, n_views, views);
    merge(l, n_views, views);
    int64_t cross = l->empty || l->outer < 2 ? 0 : find_cross(l, n_views, views);
    if (l->outer) {
        l->outer--;
        l->cols = l->dims[l->outer];
    }
    for (int v = 0; v < n_views; v++)
        views[v].col = l->cols == 1 ? 1 : views[v].stride[l->outer];
    for (int d = 0; d < l->outer; d++)
        l->rows *= l->dims[d];
    if (l->empty) {
        l->tiles = 0;
        return;
    }
    cut(l, n_views, views, most, cross);
    for (int v = 0; v < n_views; v++)
        classify(l, &views[v]);
}
