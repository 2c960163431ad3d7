/* sort: the elements along an axis in rising order (or falling), and where they were. Equal ones keep their order. NaN is larger
 * than everything, as in PyTorch. */
#include "op/internal.h"

enum { AXIS, DESCENDING };

static tn_status sort_infer(const op_infer *c)
{
    if (op_axis(c, AXIS, c->in[0]->rank) < 0)
        return c->error->status;
    op_like(c, 1, c->in[0]);
    return op_infer_same(c);
}

static tn_status sort_backward(const op_grad *c)
{
    tn_tensor *none = op_full_like(op_in(c, 0), TN_NONE, 0);
    return op_give(c, 0, tn_scatter_add(none, (int)op_arg(c, AXIS)->i, op_out(c, 1), op_dout(c, 0)));
}

/* A row that is sorted: places in x, and the numbers of its elements in their order so far. */
typedef struct line {
    const op_array *x;
    int64_t first, stride, *order;
    bool descending;
} line;

/* Whether element a of the row comes behind element b. */
static bool behind(const line *l, int64_t a, int64_t b)
{
    int64_t p = l->first + a * l->stride, q = l->first + b * l->stride;
    int order = op_ref_order(l->x, p, q) * (l->descending ? -1 : 1);
    return order ? order > 0 : a > b;
}

/* Heapsort: needs no memory, and as no two elements are equal to `behind` it is stable. */
static void sift(const line *l, int64_t root, int64_t n)
{
    int64_t value = l->order[root * l->stride];
    for (int64_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && behind(l, l->order[(child + 1) * l->stride], l->order[child * l->stride]))
            child++;
        if (!behind(l, l->order[child * l->stride], value))
            break;
        l->order[root * l->stride] = l->order[child * l->stride];
        root = child;
    }
    l->order[root * l->stride] = value;
}

static void sort_line(const line *l, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        l->order[i * l->stride] = i;
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift(l, i, n);
    for (int64_t last = n - 1; last > 0; last--) {
        int64_t most = l->order[0];
        l->order[0] = l->order[last * l->stride];
        l->order[last * l->stride] = most;
        sift(l, 0, last);
    }
}

static void sort_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0], *index = c->out[1];
    op_row row = op_row_of(x, c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++) {
        line l = {.x = x, .first = op_row_first(&row, r), .stride = row.stride, .descending = c->arg[DESCENDING].i};
        l.order = index->i + l.first;
        sort_line(&l, row.size);
        for (int64_t i = l.first; i < l.first + row.size * row.stride; i += row.stride) {
            int64_t from = l.first + index->i[i] * row.stride;
            if (y->f)
                y->f[i] = x->f[from];
            else
                y->i[i] = x->i[from];
        }
    }
}

const op_def op_sort = {
    .name = "sort",
    .doc = "The elements along an axis in order, equal ones in theirs, and where they were.",
    .torch = "torch.sort",
    .in = {{"x", OP_ANY, 'T'}},
    .out = {{"y", 0, 'T'}, {"index", OP_BIT(TN_I64)}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1), [DESCENDING] = OP_ARG_BOOL("descending", false)},
    .infer = sort_infer,
    .grad = sort_backward,
    .ref = sort_ref,
    .cases =
        (const char *const[]){"x=x[5]", "x=x[2x3x4] axis=1", "x=x[4x6] axis=0 descending=true", "x=x[20]:ties",
                              "x=x[3x7]:ties descending=true", "x=x[1]", "x=x[0x3]", "x=x[3x0]", "x=x[2x70]", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"}, {"x=x[]", "axis -1 of a 0-d tensor"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_sorted tn_sort(tn_tensor *x, int axis, bool descending)
{
    tn_tensor *y = OP_MAKE(&op_sort, OP_ARGS([AXIS] = OP_I(axis), [DESCENDING] = OP_I(descending)), x);
    return (tn_sorted){y, y ? op_sibling(y, 1) : NULL};
}

tn_tensor *tn_argsort(tn_tensor *x, int axis, bool descending)
{
    return tn_sort(x, axis, descending).index;
}
