/* linear: one product with the bias added, and the activation applied, where it is written. Weights that stay are packed
 * once. */
#include "cpu/core/gemm.h"
#include "cpu/core/gemv.h"
#include "cpu/core/kernels.h"
#include "op/scheme/activation.h"

#include <stdatomic.h>

typedef struct linear_plan {
    cpu_gemm g;
    bool vector;      /* one row by a matrix that was put into order: gemv.h */
    atomic_uint turn; /* counts the calls: every other one goes through the weight backwards */
} linear_plan;

static kernel_layout want(const kernel_bind *b, int i)
{
    (void)b;
    return i == 1 ? KERNEL_ANY : KERNEL_ROW_MAJOR; /* the weight may be a transposed view */
}

static bool accepts(const kernel_bind *b)
{
    return cpu_arg_int(b->node, "activation") != OP_ACT_RELU6;
}

static cpu_gemm product_of(const kernel_bind *b)
{
    const kernel_operand *x = &b->in[0], *w = &b->in[1];
    int64_t k = w->dims[1], n = w->dims[0], rows = 1;
    for (int i = 0; i < x->rank - 1; i++)
        rows *= x->dims[i];
    return (cpu_gemm){.isa = (cpu_isa)b->isa,
                      .threads = b->threads,
                      .dtype = w->dtype,
                      .c_dtype = b->out[0].dtype,
                      .bias_dtype = w->dtype,
                      .half_a = x->dtype != w->dtype,
                      .narrow = b->precision == TN_PRECISION_BF16,
                      .high = b->precision == TN_PRECISION_HIGH && b->training,
                      .plain = b->precision == TN_PRECISION_EXACT,
                      .m = rows,
                      .n = n,
                      .k = k,
                      .a_row = k,
                      .a_col = 1,
                      .b_row = w->strides[1],
                      .b_col = w->strides[0],
                      .c_row = n,
                      .c_col = 1,
                      .act = cpu_arg_int(b->node, "activation") == OP_ACT_RELU ? CPU_ACT_RELU : CPU_ACT_NONE,
                      .bias = b->n_in > 2 && b->in[2].dtype ? CPU_BIAS_COLUMN : CPU_BIAS_NONE};
}

static tn_status prepare(kernel_bind *b)
{
    linear_plan *p = BASE_NEW(b->arena, linear_plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    cpu_gemm *g = &p->g;
    atomic_init(&p->turn, 0);
    *g = product_of(b);
    b->plan = p;
    const bool fixed = b->fixed && b->fixed[1];
    p->vector = fixed && cpu_gemv_pays(g);
    if (p->vector) {
        b->pack = (kernel_pack){1, cpu_gemv_packed_size(g), {2 + g->narrow}};
        b->scratch = cpu_gemv_scratch(g);
        b->path = "linear/vector";
        return TN_OK;
    }
    if (fixed && cpu_gemm_packs_b(g)) {
        b->pack = (kernel_pack){1, cpu_gemm_packed_size(g), {g->narrow}};
        g->b_packed = true;
    }
    b->scratch = cpu_gemm_scratch(g);
    b->path = base_arena_printf(b->arena, "linear/%s", cpu_gemm_path(g));
    return TN_OK;
}

/* x is rounded in any case; what comes out is rounded where all who read it can do with that, as in other frameworks' mixed
 * precision. */
static kernel_half half(const kernel_bind *b, int i)
{
    const cpu_gemm g = product_of(b);
    return (i == 0 || i == -1) && cpu_gemm_takes_half(&g) ? KERNEL_ROUNDS : KERNEL_NO_HALF;
}

static void pack(const void *plan, const void *from, void *to)
{
    const linear_plan *p = plan;
    (p->vector ? cpu_gemv_pack : cpu_gemm_pack_b)(&p->g, from, to);
}

static void run(const kernel_call *c)
{
    linear_plan *p = (linear_plan *)(uintptr_t)c->plan; /* the turn decides an order, not a result */
    cpu_gemm g = p->g;
    g.backwards = atomic_fetch_add_explicit(&p->turn, 1, memory_order_relaxed) & 1;
    (p->vector ? cpu_gemv_run : cpu_gemm_run)(&g, c->in[0], c->in[1], c->out[0], c->in[2], c->scratch);
}

const kernel cpu_kernels_linear[] = {{.op = "linear",
                                      .name = "linear/gemm",
                                      .accepts = accepts,
                                      .want = want,
                                      .prepare = prepare,
                                      .run = run,
                                      .pack = pack,
                                      .half = half},
                                     {0}};
