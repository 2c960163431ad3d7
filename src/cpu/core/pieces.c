/* pieces.c: see pieces.h. */
#include "cpu/core/pieces.h"

#include <string.h>

cpu_pieces *cpu_pieces_new(kernel_bind *b, int n)
{
    cpu_pieces *p = BASE_NEW(b->arena, cpu_pieces);
    if (p)
        p->piece = BASE_ARRAY(b->arena, cpu_piece, n + 1);
    if (p && p->piece)
        return p;
    base_no_memory(b->error, "preparing a kernel");
    return NULL;
}

/* Whether x's elements lie channels last, with gaps perhaps; what has one channel says nothing. */
static bool lies_channels_last(const kernel_operand *x)
{
    int64_t before = INT64_MAX;
    if (x->rank < 3 || x->dims[1] < 2)
        return false;
    for (int i = 0; i < x->rank; i++) {
        if (i == 1 || x->dims[i] == 1)
            continue;
        if (x->strides[i] > before || x->strides[i] <= x->strides[1])
            return false;
        before = x->strides[i];
    }
    return x->strides[1] > 0;
}

void cpu_pieces_follow(kernel_bind *b)
{
    int64_t most = 0, last = 0;
    for (int i = 0; i < b->n_in; i++) {
        int64_t count = kernel_count(&b->in[i]);
        most += count;
        last += lies_channels_last(&b->in[i]) ? count : 0;
    }
    if (2 * last > most)
        kernel_set_layout(&b->out[0], KERNEL_CHANNELS_LAST);
}

static tn_status add(kernel_bind *b, cpu_pieces *p, const cpu_elem_desc *d, int input, int64_t start)
{
    for (int i = 0; i < d->rank; i++)
        if (d->dims[i] == 0)
            return TN_OK;
    const cpu_elem *elem = cpu_elem_new(b->arena, d, (cpu_isa)b->isa, b->threads, b->error);
    if (!elem)
        return b->error->status;
    size_t scratch = cpu_elem_scratch(elem);
    b->scratch = scratch > b->scratch ? scratch : b->scratch;
    p->piece[p->n++] = (cpu_piece){elem, input, start * (int64_t)tn_dtype_size(b->out[0].dtype)};
    return TN_OK;
}

tn_status cpu_pieces_copy(kernel_bind *b, cpu_pieces *p, int input, int64_t start, const int64_t *strides)
{
    const kernel_operand *x = &b->in[input];
    const size_t bytes = (size_t)x->rank * sizeof *strides;
    const int reg = 0;
    cpu_elem_operand from = {.dtype = x->dtype, .domain = cpu_domain_of(x->dtype)}, to = from;
    cpu_elem_desc d = {.rank = x->rank, .n_in = 1, .in = &from, .n_out = 1, .out = &to, .out_reg = &reg};
    memcpy(d.dims, x->dims, bytes);
    memcpy(from.strides, x->strides, bytes);
    memcpy(to.strides, strides, bytes);
    return add(b, p, &d, input, start);
}

tn_status cpu_pieces_fill(kernel_bind *b, cpu_pieces *p, double value, int64_t start, const int64_t *dims,
                          const int64_t *strides)
{
    const kernel_operand *y = &b->out[0];
    const size_t bytes = (size_t)y->rank * sizeof *strides;
    const int reg = 0;
    cpu_elem_operand to = {.dtype = y->dtype, .domain = cpu_domain_of(y->dtype)};
    cpu_elem_instr value_of = {
        .fn = cpu_elem_find("const"), .domain = to.domain, .arg = {value}, .iarg = op_ref_to_int(y->dtype, value)};
    cpu_elem_desc d = {.rank = y->rank, .n_out = 1, .out = &to, .out_reg = &reg, .n_instr = 1, .instr = &value_of};
    memcpy(d.dims, dims, bytes);
    memcpy(to.strides, strides, bytes);
    return add(b, p, &d, -1, start);
}

/* Axis by axis: what is beside the box along it, the axes before within the box already, those behind as long as they are. */
tn_status cpu_pieces_border(kernel_bind *b, cpu_pieces *p, double value, const int64_t *low, const int64_t *dims)
{
    const kernel_operand *y = &b->out[0];
    int64_t size[TN_MAX_RANK], start = 0;
    memcpy(size, y->dims, sizeof size);
    for (int i = 0; i < y->rank; i++) {
        size[i] = low[i];
        BASE_TRY(cpu_pieces_fill(b, p, value, start, size, y->strides));
        size[i] = y->dims[i] - low[i] - dims[i];
        BASE_TRY(cpu_pieces_fill(b, p, value, start + (low[i] + dims[i]) * y->strides[i], size, y->strides));
        size[i] = dims[i];
        start += low[i] * y->strides[i];
    }
    return TN_OK;
}

void cpu_pieces_run(const kernel_call *c)
{
    const cpu_pieces *p = c->plan;
    for (int i = 0; i < p->n; i++) {
        const cpu_piece *piece = &p->piece[i];
        const void *in[1] = {piece->input < 0 ? NULL : c->in[piece->input]};
        void *out[1] = {(char *)c->out[0] + piece->offset};
        cpu_elem_run(piece->elem, in, out, c->scratch, NULL);
    }
}
