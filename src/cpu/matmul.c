/* matmul: the products of core/gemm.h. Operands may be transposed or broadcast views: their strides are given as they are. */
#include <string.h>

#include "cpu/core/gemm.h"
#include "cpu/core/kernels.h"

static kernel_layout want_any(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_ANY;
}

/* Offsets of every matrix of the batch in a, b and c. */
static int64_t *batch_offsets(kernel_bind *b, int64_t batch)
{
    const kernel_operand *x[3] = {&b->in[0], &b->in[1], &b->out[0]};
    int64_t *offsets = BASE_ARRAY(b->arena, int64_t, 3 * batch + 3);
    for (int64_t i = 0; offsets && i < batch; i++) {
        int64_t rest = i;
        for (int k = b->out[0].rank - 3; k >= 0; k--) {
            int64_t at = rest % b->out[0].dims[k];
            rest /= b->out[0].dims[k];
            for (int o = 0; o < 3; o++) {
                int axis = k - (b->out[0].rank - x[o]->rank);
                if (axis >= 0 && x[o]->dims[axis] != 1)
                    offsets[3 * i + o] += at * x[o]->strides[axis];
            }
        }
    }
    return offsets;
}

/* A batch over rows that lie evenly, times one matrix, is one product with more rows. */
static bool rows_continue(const kernel_operand *a)
{
    int64_t step = a->strides[a->rank - 2] * a->dims[a->rank - 2];
    for (int k = a->rank - 3; k >= 0; k--) {
        if (a->dims[k] != 1 && a->strides[k] != step)
            return false;
        step *= a->dims[k];
    }
    return true;
}

/* A product for each matrix of the batch. Operands that lie as bf16 are f32 in the graph. */
static cpu_gemm product_of(const kernel_bind *b)
{
    const kernel_operand *x = &b->in[0], *w = &b->in[1], *y = &b->out[0];
    const int r = x->rank, s = w->rank, t = y->rank;
    cpu_gemm g = {.isa = (cpu_isa)b->isa,
                  .threads = b->threads,
                  .dtype = y->dtype,
                  .half_a = x->dtype != y->dtype,
                  .half_b = w->dtype != y->dtype,
                  .narrow = b->precision == TN_PRECISION_BF16,
                  .high = b->precision == TN_PRECISION_HIGH && b->training,
                  .plain = b->precision == TN_PRECISION_EXACT,
                  .m = y->dims[t - 2],
                  .n = y->dims[t - 1],
                  .k = x->dims[r - 1],
                  .a_row = x->strides[r - 2],
                  .a_col = x->strides[r - 1],
                  .b_row = w->strides[s - 2],
                  .b_col = w->strides[s - 1],
                  .c_row = y->strides[t - 2],
                  .c_col = y->strides[t - 1],
                  .batch = 1};
    for (int k = 0; k < t - 2; k++)
        g.batch *= y->dims[k];
    return g;
}

static bool is_one_matrix(const kernel_operand *w)
{
    for (int k = 0; k < w->rank - 2; k++)
        if (w->dims[k] != 1)
            return false;
    return true;
}

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0], *y = &b->out[0];
    cpu_gemm *g = BASE_NEW(b->arena, cpu_gemm);
    if (!g)
        return base_no_memory(b->error, "preparing a kernel");
    *g = product_of(b);
    if (is_one_matrix(&b->in[1]) && x->rank == y->rank && rows_continue(x) && kernel_is_row_major(y)) {
        g->m *= g->batch;
        g->batch = 1;
    } else if (g->batch > 1 && !(g->offsets = batch_offsets(b, g->batch))) {
        return base_no_memory(b->error, "preparing a kernel");
    }
    b->plan = g;
    b->scratch = g->batch ? cpu_gemm_scratch(g) : 0;
    b->path = base_arena_printf(b->arena, "matmul/%s", cpu_gemm_path(g));
    return TN_OK;
}

/* Operands that a product of pairs rounds in any case, however they will lie: what it gives are often gradients of weights, and stays
 * f32. */
static kernel_half half(const kernel_bind *b, int i)
{
    const cpu_gemm g = product_of(b);
    return i >= 0 && cpu_gemm_rounds(&g) ? KERNEL_ROUNDS : KERNEL_NO_HALF;
}

static void run(const kernel_call *c)
{
    const cpu_gemm *g = c->plan;
    if (g->batch > 0)
        cpu_gemm_run(g, c->in[0], c->in[1], c->out[0], NULL, c->scratch);
}

const kernel cpu_kernels_matmul[] = {
    {.op = "matmul", .name = "matmul/gemm", .want = want_any, .prepare = prepare, .run = run, .half = half}, {0}};
