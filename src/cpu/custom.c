/* custom: hands the operands of a run to the operator of the program that uses the library (tarn/custom.h). */
#include <tarn/custom.h>

#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "op/internal.h"

typedef struct custom_plan {
    const tn_operator *op;
    tn_view in[TN_OPERATOR_INPUTS], out[TN_OPERATOR_OUTPUTS];
} custom_plan;

static tn_status prepare(kernel_bind *b)
{
    custom_plan *p = BASE_NEW(b->arena, custom_plan);
    if (!p)
        return base_no_memory(b->error, "preparing a kernel");
    p->op = op_custom_of(b->node);
    for (int i = 0; i < b->n_in; i++)
        p->in[i] = tn_view_of(NULL, b->in[i].dtype, b->in[i].rank, b->in[i].dims);
    for (int i = 0; i < b->n_out; i++)
        p->out[i] = tn_view_of(NULL, b->out[i].dtype, b->out[i].rank, b->out[i].dims);
    b->plan = p;
    b->path = p->op->name;
    return TN_OK;
}

static void run(const kernel_call *c)
{
    custom_plan p = *(const custom_plan *)c->plan;
    for (int i = 0; i < p.op->inputs; i++)
        p.in[i].data = (void *)(uintptr_t)c->in[i];
    for (int i = 0; i < p.op->outputs; i++)
        p.out[i].data = c->out[i];
    const char *wrong = p.op->run(p.op, p.in, p.out);
    if (wrong && !c->fault->what)
        c->fault->what = wrong;
}

typedef struct loop {
    void (*fn)(void *arg, int64_t chunk);
    void *arg;
} loop;

static void one_chunk(void *arg, int64_t chunk, int thread)
{
    const loop *l = arg;
    (void)thread;
    l->fn(l->arg, chunk);
}

void tn_custom_parallel(int64_t chunks, void (*fn)(void *arg, int64_t chunk), void *arg)
{
    loop l = {fn, arg};
    cpu_parallel(INT32_MAX, chunks, one_chunk, &l); /* the team that this run has entered knows how many there are */
}

const kernel cpu_kernels_custom[] = {{.op = "custom", .name = "custom", .prepare = prepare, .run = run}, {0}};
