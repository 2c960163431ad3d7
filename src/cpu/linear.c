/* linear: one product with the bias added, and the activation applied, where it is written. Weights that stay are packed
 * once. */
#include "cpu/core/gemm.h"
#include "cpu/core/kernels.h"
#include "op/scheme/activation.h"

#include <string.h>

static kernel_layout want(const kernel_bind *b, int i)
{
    (void)b;
    return i == 1 ? KERNEL_ANY : KERNEL_ROW_MAJOR; /* the weight may be a transposed view */
}

static tn_status prepare(kernel_bind *b)
{
    const kernel_operand *x = &b->in[0], *w = &b->in[1];
    cpu_gemm *g = BASE_NEW(b->arena, cpu_gemm);
    if (!g)
        return base_no_memory(b->error, "preparing a kernel");
    int64_t k = w->dims[1], n = w->dims[0], rows = 1;
    for (int i = 0; i < x->rank - 1; i++)
        rows *= x->dims[i];
    *g = (cpu_gemm){.isa = (cpu_isa)b->isa,
                    .threads = b->threads,
                    .dtype = x->dtype,
                    .narrow = b->narrow,
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
    b->plan = g;
    if (b->fixed && b->fixed[1] && (strcmp(cpu_gemm_path(g), "tile") == 0 || strcmp(cpu_gemm_path(g), "amx") == 0)) {
        b->pack =
            (kernel_pack){1, cpu_gemm_packed_size(g), base_arena_printf(b->arena, "gemm %d %d", b->isa, b->narrow)};
        if (!b->pack.form)
            return base_no_memory(b->error, "preparing a kernel");
        g->b_packed = true;
    }
    b->scratch = cpu_gemm_scratch(g);
    b->path = base_arena_printf(b->arena, "linear/%s", cpu_gemm_path(g));
    return TN_OK;
}

static void pack(const void *plan, const void *from, void *to)
{
    cpu_gemm_pack_b(plan, from, to);
}

static void run(const kernel_call *c)
{
    cpu_gemm_run(c->plan, c->in[0], c->in[1], c->out[0], c->in[2], c->scratch);
}

const kernel cpu_kernels_linear[] = {
    {.op = "linear", .name = "linear/gemm", .want = want, .prepare = prepare, .run = run, .pack = pack}, {0}};
