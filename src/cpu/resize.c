/* resize.c: resize and resize_grad on f32, by core/resize.h. Values lie as they come, row-major or channels last: an axis is then
 * [outer, size, inner], and where inner is long, whole rows are added up. The weights are made when sizes are known. A gradient is
 * the same with the table turned round, whose rows are ranges again. */
#include "cpu/core/resize.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "op/scheme/resize.h"

extern const cpu_resize_fn cpu_resize_sweep_portable, cpu_resize_sweep_avx2, cpu_resize_sweep_avx512;

cpu_resize_fn cpu_resize_of(cpu_isa isa)
{
    return CPU_OF_ISA(isa, cpu_resize_sweep);
}

#ifdef TARN_HARD
enum { MUCH_MEMORY = 4096 };
#else
enum { MUCH_MEMORY = 16 << 20 };
#endif

typedef struct plan {
    cpu_resize_fn sweep;
    cpu_resize_row *row;
    int64_t outer, from, to, inner; /* [outer, from, inner] becomes [outer, to, inner] */
    int64_t per_chunk, chunks;      /* rows of the result */
    int threads;
    bool past; /* the result is too large for the caches */
} plan;

typedef struct job {
    const plan *p;
    const float *x;
    float *y;
} job;

static kernel_layout want(const kernel_bind *b, int i)
{
    const bool rows = kernel_is_row_major(&b->in[i]) && b->in[i].dtype != TN_BF16;
    return rows || b->in[i].rank < 3 ? KERNEL_ROW_MAJOR : KERNEL_CHANNELS_LAST;
}

static int64_t axis_of(const kernel_bind *b)
{
    const int64_t axis = cpu_arg_int(b->node, "axis");
    return axis < 0 ? axis + b->in[0].rank : axis;
}

/* Where numbers are copied as they are, two of bf16 side by side go as one f32. */
static kernel_half half(const kernel_bind *b, int i)
{
    const kernel_operand *x = &b->in[0];
    const int64_t axis = axis_of(b), to = b->out[0].dims[axis];
    bool copies = x->rank >= 3 && axis >= 2 && x->dims[1] % 2 == 0;
    for (int64_t k = 0; k < to && copies; k++) {
        const op_resize_row r = op_resize_row_of(b->node->arg, x->dims[axis], to, k);
        copies = r.n == 1 && (float)op_resize_weight(&r, r.first) == 1;
    }
    (void)i;
    return copies ? KERNEL_MOVES : KERNEL_NO_HALF;
}

static tn_status forward_table(kernel_bind *b, plan *p)
{
    const op_value *arg = b->node->arg;
    for (int64_t i = 0; i < p->to; i++) {
        op_resize_row r = op_resize_row_of(arg, p->from, p->to, i);
        float *w = BASE_ARRAY(b->arena, float, (size_t)r.n);
        if (!w)
            return base_no_memory(b->error, "preparing a kernel");
        for (int64_t k = 0; k < r.n; k++)
            w[k] = (float)op_resize_weight(&r, r.first + k);
        p->row[i] = (cpu_resize_row){r.first, r.n, w};
    }
    return TN_OK;
}

/* Rows of the argument, from the first to the last that uses it, for each of the result. */
static tn_status backward_table(kernel_bind *b, plan *p)
{
    const op_value *arg = b->node->arg;
    for (int64_t i = 0; i < p->from; i++) {
        op_resize_row r = op_resize_row_of(arg, p->to, p->from, i);
        for (int64_t j = r.first; j < r.first + r.n; j++) {
            if (!p->row[j].n)
                p->row[j].first = i;
            p->row[j].n = i + 1 - p->row[j].first;
        }
    }
    float **at = BASE_ARRAY(b->arena, float *, (size_t)p->to);
    for (int64_t j = 0; at && j < p->to; j++) {
        p->row[j].weight = at[j] = BASE_ARRAY(b->arena, float, (size_t)p->row[j].n + 1);
        if (!at[j])
            return base_no_memory(b->error, "preparing a kernel");
    }
    for (int64_t i = 0; at && i < p->from; i++) {
        op_resize_row r = op_resize_row_of(arg, p->to, p->from, i);
        for (int64_t j = r.first; j < r.first + r.n; j++)
            at[j][i - p->row[j].first] = (float)op_resize_weight(&r, j);
    }
    return at ? TN_OK : base_no_memory(b->error, "preparing a kernel");
}

static plan *plan_of(kernel_bind *b)
{
    enum { CHUNK = 1 << 14 /* elements, about */ };
    const kernel_operand *x = &b->in[0];
    plan *p = BASE_NEW(b->arena, plan);
    if (!p) {
        base_no_memory(b->error, "preparing a kernel");
        return NULL;
    }
    const bool rows = kernel_is_row_major(x) && x->dtype != TN_BF16;
    kernel_set_layout(&b->out[0], rows ? KERNEL_ROW_MAJOR : KERNEL_CHANNELS_LAST);
    const int64_t axis = axis_of(b);
    *p = (plan){.sweep = cpu_resize_of((cpu_isa)b->isa),
                .outer = 1,
                .from = x->dims[axis],
                .to = b->out[0].dims[axis],
                .inner = 1,
                .threads = b->threads};
    for (int k = 0; k < x->rank; k++) {
        bool before = rows || axis == 1 ? k < axis : k < axis && k != 1;
        if (k != axis)
            *(before || (!rows && axis == 1) ? &p->outer : &p->inner) *= x->dims[k];
    }
    if (x->dtype == TN_BF16)
        p->inner /= 2;
    p->past = kernel_count(&b->out[0]) * (int64_t)tn_dtype_size(x->dtype) >= MUCH_MEMORY;
    p->per_chunk = CHUNK / (p->inner + 1) + 1;
    p->chunks = (p->outer * p->to + p->per_chunk - 1) / p->per_chunk;
    p->row = BASE_ARRAY(b->arena, cpu_resize_row, (size_t)p->to);
    if (!p->row)
        base_no_memory(b->error, "preparing a kernel");
    b->plan = p;
    return p->row ? p : NULL;
}

static tn_status prepare(kernel_bind *b)
{
    plan *p = plan_of(b);
    return p ? forward_table(b, p) : b->error->status;
}

static tn_status prepare_grad(kernel_bind *b)
{
    plan *p = plan_of(b);
    return p ? backward_table(b, p) : b->error->status;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const job *j = arg;
    const plan *p = j->p;
    int64_t at = chunk * p->per_chunk, end = at + p->per_chunk, all = p->outer * p->to;
    (void)thread;
    end = end < all ? end : all;
    while (at < end) {
        int64_t o = at / p->to, from = at % p->to, to = from + (end - at) < p->to ? from + (end - at) : p->to;
        p->sweep(p->row, p->inner, j->x + o * p->from * p->inner, j->y + at * p->inner, from, to, p->past);
        at += to - from;
    }
}

static void run(const kernel_call *c)
{
    const plan *p = c->plan;
    job j = {p, c->in[0], c->out[0]};
    cpu_parallel(p->threads, p->chunks, run_chunk, &j);
}

const kernel cpu_kernels_resize[] = {{.op = "resize",
                                      .name = "resize/rows",
                                      .keeps = cpu_node_is_f32,
                                      .want = want,
                                      .prepare = prepare,
                                      .run = run,
                                      .half = half},
                                     {.op = "resize_grad",
                                      .name = "resize_grad/rows",
                                      .keeps = cpu_node_is_f32,
                                      .want = want,
                                      .prepare = prepare_grad,
                                      .run = run},
                                     {0}};
