/* concat.c: concat, pad and slice_grad of any dtype: blocks copied to their places, the rest filled (core/pieces.h). */
#include "cpu/core/pieces.h"

#include <string.h>

static kernel_layout want_any(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_ANY;
}

static tn_status concat_prepare(kernel_bind *b)
{
    const kernel_operand *y = &b->out[0];
    int64_t axis = cpu_arg_int(b->node, "axis"), from = 0;
    axis = axis < 0 ? axis + y->rank : axis;
    cpu_pieces_follow(b);
    cpu_pieces *p = cpu_pieces_new(b, b->n_in);
    b->plan = p;
    for (int i = 0; p && i < b->n_in; i++) {
        BASE_TRY(cpu_pieces_copy(b, p, i, from * y->strides[axis], y->strides));
        from += b->in[i].dims[axis];
    }
    return p ? TN_OK : b->error->status;
}

/* The input in a box that begins at `low`, and a value around it. */
static tn_status framed(kernel_bind *b, double value, const int64_t *low)
{
    const kernel_operand *x = &b->in[0], *y = &b->out[0];
    int64_t start = 0;
    cpu_pieces *p = cpu_pieces_new(b, 2 * y->rank + 1);
    b->plan = p;
    if (!p)
        return b->error->status;
    for (int i = 0; i < y->rank; i++)
        start += low[i] * y->strides[i];
    BASE_TRY(cpu_pieces_border(b, p, value, low, x->dims));
    return cpu_pieces_copy(b, p, 0, start, y->strides);
}

static tn_status pad_prepare(kernel_bind *b)
{
    cpu_pieces_follow(b);
    return framed(b, cpu_arg_float(b->node, "value"), cpu_arg(b->node, "low")->list);
}

static tn_status slice_grad_prepare(kernel_bind *b)
{
    const kernel_operand *y = &b->out[0];
    const op_value *axes = cpu_arg(b->node, "axes"), *from = cpu_arg(b->node, "start"), *by = cpu_arg(b->node, "step");
    int64_t low[TN_MAX_RANK] = {0}, strides[TN_MAX_RANK], start = 0;
    bool dense = true;
    cpu_pieces_follow(b);
    memcpy(strides, y->strides, sizeof strides);
    for (int i = 0; i < axes->n; i++) {
        int64_t axis = axes->list[i] < 0 ? axes->list[i] + y->rank : axes->list[i];
        low[axis] = from->list[i];
        start += from->list[i] * y->strides[axis];
        strides[axis] *= by->list[i];
        dense &= by->list[i] == 1;
    }
    if (dense)
        return framed(b, 0, low);
    cpu_pieces *p = cpu_pieces_new(b, 2); /* zeros throughout, and the slice into them */
    b->plan = p;
    if (!p)
        return b->error->status;
    BASE_TRY(cpu_pieces_fill(b, p, 0, 0, y->dims, y->strides));
    return cpu_pieces_copy(b, p, 0, start, strides);
}

#define ROW(text)                                                                                                      \
    {                                                                                                                  \
        .op = #text, .name = #text "/pieces", .want = want_any, .prepare = text##_prepare, .run = cpu_pieces_run       \
    }
const kernel cpu_kernels_concat[] = {ROW(concat), ROW(pad), ROW(slice_grad), {0}};
