/* embedding_bag: rows of a table put together, without the places of padding_index: index[B, L] has a bag in each row; with
 * offsets[B], bag b is index[offsets[b]] up to where the next begins (offsets ascend from 0). Sum (of rows times weights, if there
 * are), mean, or the largest of each feature; an empty bag gives 0. An index out of range is a fault at run time. */
#include "op/internal.h"

#include <math.h>

enum { MODE, PADDING };
enum { WEIGHT, INDEX, OFFSETS, WEIGHTS };
enum { SUM, MEAN, MAX };
static const char *const modes[] = {"sum", "mean", "max", NULL};

static tn_status embedding_bag_infer(const op_infer *c)
{
    const graph_type *weight = c->in[WEIGHT], *index = c->in[INDEX], *offsets = c->in[OFFSETS], *by = c->in[WEIGHTS];
    if (weight->rank != 2)
        return op_fail(c, TN_SHAPE, "weight has %d axes; it needs two: rows, features", weight->rank);
    if (index->rank != (offsets ? 1 : 2))
        return op_fail(c, TN_SHAPE, "index has %d axes; it needs two, or one with offsets", index->rank);
    if (offsets && offsets->rank != 1)
        return op_fail(c, TN_SHAPE, "offsets has %d axes; it needs one", offsets->rank);
    if (by && op_int(c, MODE) != SUM)
        return op_fail(c, TN_INVALID, "weights of samples go with mode=sum only");
    if (by && !graph_same_dims(c->dims, by, index, "embedding_bag"))
        return op_fail(c, TN_SHAPE, "weights must have the shape of index");
    c->out[0].rank = 2;
    c->out[0].dims[0] = offsets ? offsets->dims[0] : index->dims[0];
    c->out[0].dims[1] = weight->dims[1];
    return TN_OK;
}

/* The bag of every place of index[n] as i64: how many offsets are not behind it, less one. */
static tn_tensor *bags_of(const op_lower *c)
{
    tn_tensor *offsets = op_cast_to(c->in[OFFSETS], TN_I64);
    tn_tensor *place = tn_arange(c->graph, TN_I64, 0, 1, tn_dim_of(c->in[INDEX], 0));
    tn_tensor *before = tn_cast(tn_le(tn_unsqueeze(offsets, 0), tn_unsqueeze(place, 1)), TN_I64);
    return tn_sub_f(tn_sum_axes(before, 1, (const int64_t[]){1}, false), 1);
}

/* rows[.., n, d] of bags put together by sums. */
static tn_tensor *add_up(const op_lower *c, tn_tensor *rows, tn_tensor *bags)
{
    if (!bags)
        return tn_sum_axes(rows, 1, (const int64_t[]){1}, false);
    tn_shape shape = tn_tensor_shape(rows);
    shape.dims[0] = tn_dim_of(c->in[OFFSETS], 0);
    return tn_index_add(tn_full(c->graph, rows->type.dtype, shape, 0), 0, bags, rows);
}

static tn_tensor *largest(const op_lower *c, tn_tensor *rows, tn_tensor *bags, tn_tensor *count)
{
    tn_tensor *most;
    if (!bags) {
        most = tn_max_along(rows, 1, false).values;
    } else {
        tn_tensor *end = tn_cast(tn_size_value(c->graph, tn_dim_of(rows, 0)), TN_I64);
        tn_tensor *const parts[] = {op_cast_to(c->in[OFFSETS], TN_I64), tn_unsqueeze(end, 0)};
        most = op_spmm_of(rows, &(op_sparse){.indptr = tn_concat(2, parts, 0), .rows = bags}, 1);
    }
    return tn_masked_fill(most, tn_eq(count, op_like_scalar(count, 0)), 0);
}

static tn_status embedding_bag_lower(const op_lower *c)
{
    tn_tensor *weight = c->in[WEIGHT], *index = c->in[INDEX], *bags = c->in[OFFSETS] ? bags_of(c) : NULL;
    int64_t padding = c->node->arg[PADDING].i, mode = c->node->arg[MODE].i;
    tn_dtype dtype = weight->type.dtype;
    tn_tensor *rows = tn_embedding(weight, index, padding);
    tn_tensor *counts = tn_cast(tn_ne(index, op_like_scalar(index, (double)padding)), dtype);
    tn_tensor *keep = tn_unsqueeze(counts, -1), *by = c->in[WEIGHTS];
    if (mode == MAX) {
        tn_tensor *none = tn_eq(keep, op_like_scalar(keep, 0));
        c->out[0] = largest(c, tn_masked_fill(rows, none, -INFINITY), bags, add_up(c, keep, bags));
        return TN_OK;
    }
    if (padding >= 0)
        rows = tn_masked_fill(rows, tn_eq(keep, op_like_scalar(keep, 0)), 0); /* whatever stands there, NaN too */
    c->out[0] = add_up(c, by ? tn_mul(rows, tn_unsqueeze(by, -1)) : rows, bags);
    if (mode == MEAN)
        c->out[0] = tn_div(c->out[0], tn_maximum(add_up(c, keep, bags), op_like_scalar(keep, 1)));
    return TN_OK;
}

/* Feature k of the row at `place` into bag b. */
static void put(const op_ref *c, int64_t b, int64_t k, int64_t place, bool first)
{
    op_array *y = c->out[0];
    int64_t at = b * y->dims[1] + k;
    double v = c->in[WEIGHT]->f[c->in[INDEX]->i[place] * y->dims[1] + k];
    v *= c->in[WEIGHTS] ? c->in[WEIGHTS]->f[place] : 1;
    if (c->arg[MODE].i == MAX) {
        y->f[at] = first || (!isnan(y->f[at]) && !(v <= y->f[at])) ? v : y->f[at];
        y->magnitude[at] = fabs(y->f[at]);
    } else {
        y->f[at] += v;
        y->magnitude[at] += fabs(v);
    }
}

static void embedding_bag_ref(const op_ref *c)
{
    const op_array *index = c->in[INDEX], *offsets = c->in[OFFSETS];
    op_array *y = c->out[0];
    for (int64_t b = 0; b < y->dims[0]; b++) {
        int64_t from = offsets ? offsets->i[b] : b * index->dims[1], n = 0;
        int64_t to = !offsets ? from + index->dims[1] : b + 1 < offsets->count ? offsets->i[b + 1] : index->count;
        for (int64_t i = from < 0 ? 0 : from; i < to && i < index->count; i++) {
            if (index->i[i] == c->arg[PADDING].i)
                continue;
            if (index->i[i] < 0 || index->i[i] >= c->in[WEIGHT]->dims[0]) {
                op_ref_fault(c, "an index of embedding is out of range");
                continue;
            }
            for (int64_t k = 0; k < y->dims[1]; k++)
                put(c, b, k, i, n == 0);
            n++;
        }
        for (int64_t k = 0; k < y->dims[1] && c->arg[MODE].i == MEAN && n; k++) {
            y->f[b * y->dims[1] + k] /= (double)n;
            y->magnitude[b * y->dims[1] + k] /= (double)n;
        }
    }
}

static double embedding_bag_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    return op_elements(in[INDEX]) * (double)in[WEIGHT]->dims[1];
}

const op_def op_embedding_bag = {
    .name = "embedding_bag",
    .doc = "Rows of a table that index names, put together in bags.",
    .torch = "torch.nn.functional.embedding_bag",
    .in = {{"weight", OP_FLOATS, 'T'},
           {"index", OP_INDEX},
           {"offsets", OP_INDEX, 0, OP_OPTIONAL},
           {"weights", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}},
    .arg = {[MODE] = OP_ARG_ENUM("mode", MEAN, modes), [PADDING] = OP_ARG_INT("padding_index", -1)},
    .flags = OP_FAULTS,
    .infer = embedding_bag_infer,
    .lower = embedding_bag_lower,
    .ref = embedding_bag_ref,
    .flops = embedding_bag_flops,
    .cases = (const char *const[]){"weight=x[5x3] index=i[2x4]:index=5",
                                   "weight=x[5x3] index=i[3x4]:index=5 mode=sum weights=x[3x4]",
                                   "weight=x[9x37] index=i[2x130]:index=9 mode=sum weights=x[2x130]",
                                   "weight=x[9x17] index=i[2x70]:index=9 mode=max padding_index=3",
                                   "weight=x[5x3] index=i[3x4]:index=5 mode=max padding_index=2",
                                   "weight=x[5x3] index=i[3x4]:index=5 mode=mean padding_index=1",
                                   "weight=x[5x3] index=i[6]:index=5 offsets=i[1]:index=1 mode=sum",
                                   "weight=x[5x3] index=i[6]:index=5 offsets=i[1]:index=1 mode=max", NULL},
    .bad = (const op_bad[]){{"weight=x[5] index=i[4]:index=5", "weight has 1 axes"},
                            {"weight=x[5x3] index=i[4]:index=5", "it needs two, or one with offsets"},
                            {"weight=x[5x3] index=i[4]:index=5 offsets=i[1x1]:index=1", "offsets has 2 axes"},
                            {"weight=x[5x3] index=i[2x4]:index=5 weights=x[2x4]", "go with mode=sum only"},
                            {"weight=x[5x3] index=i[2x4]:index=5 weights=x[2x3] mode=sum", "the shape of index"},
                            {0}},
    .fault = (const op_bad[]){{"weight=x[2x3] index=i[4x5]:index=9", "out of range"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_embedding_bag(tn_tensor *weight, tn_tensor *index, tn_tensor *offsets, const tn_bag_opt *opt)
{
    static const tn_bag_opt defaults;
    const tn_bag_opt *o = opt ? opt : &defaults;
    static const int64_t mode[] = {[TN_BAG_MEAN] = MEAN, [TN_BAG_SUM] = SUM, [TN_BAG_MAX] = MAX};
    return OP_MAKE(&op_embedding_bag,
                   OP_ARGS([MODE] = OP_I(mode[o->mode]), [PADDING] = OP_I(o->padding ? o->padding_index : -1)), weight,
                   index, offsets, o->weights);
}
