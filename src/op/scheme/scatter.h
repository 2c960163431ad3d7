/* scatter.h: what the operators share that put elements of source where index says along an axis:
 * y[.., index[.., i, ..], ..] = x there and source[.., i, ..], combined. Inputs are x, index, source; the axis is argument 0. */
#ifndef OP_SCATTER_H
#define OP_SCATTER_H

#include "op/internal.h"

tn_status op_infer_scatter(const op_infer *c);
/* One element of source at its place in y, both by position. */
typedef void (*op_scatter_fn)(op_array *y, int64_t at, const op_array *source, int64_t i);
void op_put_sum(op_array *y, int64_t at, const op_array *source, int64_t i);
/* y = x, then `put` for each element of source in order; `fault` is the sentence of an index out of range. */
void op_ref_scatter(const op_ref *c, op_scatter_fn put, const char *fault);
/* The same where index has one axis, and says where rows of source go. */
void op_ref_scatter_rows(const op_ref *c, op_scatter_fn put, const char *fault);
/* The gradient where the largest or smallest elements win: all that do share it. */
tn_status op_grad_scatter_extreme(const op_grad *c);
double op_scatter_flops(const op_value *arg, const graph_type *const *in, const graph_type *out);

#define OP_SCATTER_SLOTS                                                                                               \
    {                                                                                                                  \
        {"x", OP_NUMBERS, 'T'}, {"index", OP_INDEX},                                                                   \
        {                                                                                                              \
            "source", OP_NUMBERS, 'T'                                                                                  \
        }                                                                                                              \
    }
#define OP_SCATTER_CASES                                                                                               \
    "x=x[5] index=i[7]:index=5 source=x[7]", "x=x[4x3] index=i[6x2]:index=4 source=x[6x2] axis=0",                     \
        "x=x[2x3x4] index=i[2x3x7]:index=4 source=x[2x3x7] axis=-1", "x=x[2x3] index=i[0x3]:index=2 source=x[0x3]"
#define OP_SCATTER_BAD                                                                                                 \
    {"x=x[2x3] index=i[2]:index=2 source=x[2]", "index has 1 axes"},                                                   \
        {"x=x[2x3] index=i[3x4]:index=2 source=x[3x4] axis=0", "size 4 on axis 1"},                                    \
        {"x=x[2x3] index=i[2x3]:index=2 source=x[2x3] axis=2", "axis 2 of a 2-d tensor"},                              \
    {                                                                                                                  \
        "x=x[2x3] index=i[2x3]:index=2 source=x[2x2] axis=0", "source must have the shape of index"                    \
    }
#define OP_SCATTER_FAULT                                                                                               \
    {                                                                                                                  \
        "x=x[2] index=i[20]:index=5 source=x[20]", "out of range"                                                      \
    }

#endif
