/* resize.h: how an axis takes another size: each element of the result is a weighted sum of neighbours of the argument. */
#ifndef OP_RESIZE_H
#define OP_RESIZE_H

#include "op/scheme/op.h"

/* The arguments of resize and resize_grad; `size` is that of the output. */
enum { OP_RESIZE_AXIS, OP_RESIZE_SIZE, OP_RESIZE_MODE, OP_RESIZE_ALIGN, OP_RESIZE_ANTIALIAS, OP_RESIZE_SCALE };
extern const char *const op_resize_modes[];
#define OP_RESIZE_ARGS                                                                                                 \
    [OP_RESIZE_AXIS] = OP_ARG_INT("axis", -1), [OP_RESIZE_SIZE] = OP_ARG_DIMS("size"),                                 \
    [OP_RESIZE_MODE] = OP_ARG_ENUM("mode", 0, op_resize_modes),                                                        \
    [OP_RESIZE_ALIGN] = OP_ARG_BOOL("align_corners", false), [OP_RESIZE_ANTIALIAS] = OP_ARG_BOOL("antialias", false),  \
    [OP_RESIZE_SCALE] = OP_ARG_FLOAT_IN("scale", 0, 0, 1e9)

/* Checks the arguments and sets the output's shape: x's but for the axis. */
tn_status op_resize_infer(const op_infer *c);

/* What element i of a result of `out` elements is made of, from `in` elements: n of them from `first` on. */
typedef struct op_resize_row {
    int64_t first, n;
    /* for op_resize_weight alone */
    int64_t mode, in, at;
    bool antialias;
    double place, width, total;
} op_resize_row;
op_resize_row op_resize_row_of(const op_value *arg, int64_t in, int64_t out, int64_t i);
/* The weight of element j of the argument, first <= j < first + n. */
double op_resize_weight(const op_resize_row *row, int64_t j);

/* The reference of resize; `back`: of its gradient. */
void op_resize_ref(const op_ref *c, bool back);

#endif
