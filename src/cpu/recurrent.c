/* recurrent and recurrent_grad: for now by their references, so that they are never unrolled. */
#include "cpu/core/kernels.h"

static kernel_layout want(const kernel_bind *b, int i)
{
    return cpu_reference.want(b, i);
}

static tn_status prepare(kernel_bind *b)
{
    return cpu_reference.prepare(b);
}

static void run(const kernel_call *c)
{
    cpu_reference.run(c);
}

const kernel cpu_kernels_recurrent[] = {
    {.op = "recurrent", .name = "recurrent/reference", .want = want, .prepare = prepare, .run = run},
    {.op = "recurrent_grad", .name = "recurrent_grad/reference", .want = want, .prepare = prepare, .run = run},
    {0}};
