/* concat.c: concat, pad and slice_grad of any dtype: blocks copied to their places, the rest filled (core/pieces.h). */
#include "cpu/core/par.h"
#include "cpu/core/pieces.h"

#include <string.h>

static kernel_layout want_any(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_ANY;
}

/* ---- concat -------------------------------------------------------------------------------------------------------- */

/* Inputs that lie in the order of the output are rows that are put side by side: all of them at once, so that no line of the
 * output is fetched twice. */
typedef struct row_part {
    size_t bytes;
    int64_t step; /* bytes from one row to the next */
} row_part;

typedef struct concat_plan {
    cpu_pieces *pieces; /* NULL: by rows */
    row_part *part;
    int n, threads;
    int64_t rows, per_chunk;
    size_t bytes; /* of a row of the output */
} concat_plan;

typedef struct joining {
    const concat_plan *p;
    const kernel_call *c;
} joining;

/* x's part of each row, whose axes are the concat's and those that lie inside of it; false if it is no block, or rows are not evenly
 * spaced. order: from the slowest axis to the fastest. */
static bool part_of(const kernel_operand *x, const int *order, int axis, row_part *part)
{
    int64_t size = 1, step = 0, rows = 1;
    int k = x->rank - 1;
    for (bool inside = true; k >= 0 && inside; k--) {
        inside = order[k] != axis;
        if (x->dims[order[k]] != 1 && x->strides[order[k]] != size)
            return false;
        size *= x->dims[order[k]];
    }
    for (; k >= 0; k--) {
        int64_t dim = x->dims[order[k]], stride = x->strides[order[k]];
        if (dim == 1)
            continue;
        if (stride <= 0)
            return false;
        if (!step)
            step = stride;
        else if (stride != step * rows)
            return false;
        rows *= dim;
    }
    int64_t width = (int64_t)tn_dtype_size(x->dtype);
    *part = (row_part){(size_t)(size * width), step * width};
    return step > 0;
}

/* Whether it can go by rows, and pays: larger blocks are streamed past the caches as pieces. */
static bool by_rows(kernel_bind *b, concat_plan *p, int axis)
{
    enum { LEAST = 16, MOST = 1 << 15 };
    const kernel_operand *y = &b->out[0];
    bool last = !kernel_is_row_major(y);
    int order[TN_MAX_RANK], n = 0;
    for (int i = 0; i < y->rank; i++)
        if (!last || i != 1)
            order[n++] = i;
    if (last)
        order[n++] = 1;
    p->bytes = 0;
    p->n = b->n_in;
    for (int i = 0; i < b->n_in; i++) {
        if (!part_of(&b->in[i], order, axis, &p->part[i]) || p->part[i].bytes < LEAST)
            return false;
        p->bytes += p->part[i].bytes;
    }
    if (p->bytes > MOST)
        return false;
    p->rows = kernel_count(y) * (int64_t)tn_dtype_size(y->dtype) / (int64_t)p->bytes;
    p->per_chunk = (int64_t)((1 << 16) / p->bytes) + 1;
    return true;
}

static tn_status concat_prepare(kernel_bind *b)
{
    const kernel_operand *y = &b->out[0];
    int64_t axis = cpu_arg_int(b->node, "axis"), from = 0;
    concat_plan *p = BASE_NEW(b->arena, concat_plan);
    row_part *part = p ? BASE_ARRAY(b->arena, row_part, (size_t)b->n_in) : NULL;
    if (!part)
        return base_no_memory(b->error, "preparing a kernel");
    axis = axis < 0 ? axis + y->rank : axis;
    *p = (concat_plan){.part = part, .threads = b->threads};
    b->plan = p;
    cpu_pieces_follow(b);
    if (kernel_count(y) && by_rows(b, p, (int)axis)) {
        b->path = "concat/rows";
        return TN_OK;
    }
    p->pieces = cpu_pieces_new(b, b->n_in);
    for (int i = 0; p->pieces && i < b->n_in; i++) {
        BASE_TRY(cpu_pieces_copy(b, p->pieces, i, from * y->strides[axis], y->strides));
        from += b->in[i].dims[axis];
    }
    return p->pieces ? TN_OK : b->error->status;
}

static void join_rows(void *arg, int64_t chunk, int thread)
{
    const joining *j = arg;
    const concat_plan *p = j->p;
    int64_t to = (chunk + 1) * p->per_chunk < p->rows ? (chunk + 1) * p->per_chunk : p->rows;
    (void)thread;
    for (int64_t r = chunk * p->per_chunk; r < to; r++) {
        char *y = (char *)j->c->out[0] + r * (int64_t)p->bytes;
        for (int i = 0; i < p->n; i++) {
            memcpy(y, (const char *)j->c->in[i] + r * p->part[i].step, p->part[i].bytes);
            y += p->part[i].bytes;
        }
    }
}

static void concat_run(const kernel_call *c)
{
    const concat_plan *p = c->plan;
    joining j = {p, c};
    if (p->pieces) {
        kernel_call pieces = *c;
        pieces.plan = p->pieces;
        cpu_pieces_run(&pieces);
    } else {
        cpu_parallel(p->threads, (p->rows + p->per_chunk - 1) / p->per_chunk, join_rows, &j);
    }
}

/* ---- pad, slice_grad ------------------------------------------------------------------------------------------------ */

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

static kernel_half half(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_MOVES;
}

#define ROW(text, how)                                                                                                 \
    {                                                                                                                  \
        .op = #text, .name = #text "/pieces", .want = want_any, .prepare = text##_prepare, .run = how                  \
    }
const kernel cpu_kernels_concat[] = {{.op = "concat",
                                      .name = "concat/pieces",
                                      .want = want_any,
                                      .prepare = concat_prepare,
                                      .run = concat_run,
                                      .half = half},
                                     ROW(pad, cpu_pieces_run),
                                     ROW(slice_grad, cpu_pieces_run),
                                     {0}};
