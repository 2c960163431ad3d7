/* reference.c: the kernel of last resort: the operator's reference in double. Slow and right; the profile says so. */
#include "cpu/core/kernels.h"

typedef struct reference_plan {
    op_eval eval;
} reference_plan;

static kernel_layout want_any(const kernel_bind *b, int i)
{
    (void)b, (void)i;
    return KERNEL_ANY;
}

static tn_status prepare(kernel_bind *b)
{
    reference_plan *plan = BASE_NEW(b->arena, reference_plan);
    op_operand *in = base_arena_copy(b->arena, b->in, (size_t)b->n_in * sizeof *in);
    op_operand *out = base_arena_copy(b->arena, b->out, (size_t)b->n_out * sizeof *out);
    if (!plan || !in || !out)
        return base_no_memory(b->error, "preparing a kernel");
    plan->eval =
        (op_eval){.node = b->node, .n_in = b->n_in, .n_out = b->n_out, .in = in, .out = out, .training = b->training};
    b->plan = plan;
    b->scratch = op_eval_scratch(&plan->eval);
    return TN_OK;
}

static void run(const kernel_call *c)
{
    const reference_plan *plan = c->plan;
    op_eval eval = plan->eval;
    eval.seed = c->seed;
    eval.step = c->step;
    const char *fault = NULL;
    op_eval_run(&eval, c->in, c->out, c->scratch, &fault);
    if (fault && !c->fault->what)
        c->fault->what = fault;
}

const kernel cpu_reference = {.name = "reference", .want = want_any, .prepare = prepare, .run = run};
