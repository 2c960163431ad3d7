/* sum, sum of squares, mean, max, min over axes of f32, by core/reduce.h. */
#include "cpu/core/kernels.h"
#include "cpu/core/reduce.h"

#include <string.h>

/* Rows of channels that are added to each other may be bf16. */
static kernel_layout want(const kernel_bind *b, int i)
{
    return b->in[i].dtype == TN_BF16 ? KERNEL_CHANNELS_LAST : KERNEL_ANY;
}

/* Sums by channel over the pictures of a batch, or of a matrix's rows: gradients of biases, and whatever else is summed so of what
 * convolutions and products round. */
static kernel_half half(const kernel_bind *b, int i)
{
    enum { ROWS = 1 << 0, BUT_CHANNELS = 1 << 0 | 1 << 2 | 1 << 3 };
    const kernel_operand *x = &b->in[0];
    const bool by_channel = strcmp(b->node->def->name, "sum") == 0 && (x->rank == 2 || x->rank == 4) &&
                            x->dims[1] > 1 && kernel_count(x) > x->dims[1] &&
                            op_axes_mask(cpu_arg(b->node, "axes"), x->rank) == (x->rank == 2 ? ROWS : BUT_CHANNELS);
    return i == 0 && by_channel ? KERNEL_HALF : KERNEL_NO_HALF;
}

static bool keeps(const graph_node *node, bool training)
{
    (void)training;
    return node->in[0]->type.dtype == TN_F32;
}

/* A maximum of nothing is a matter for the reference, and its sentence. */
static bool accepts(const kernel_bind *b)
{
    return kernel_count(&b->in[0]) > 0 || strncmp(b->node->def->name, "sum", 3) == 0;
}

static tn_status prepare(kernel_bind *b)
{
    cpu_reduce *r = BASE_NEW(b->arena, cpu_reduce);
    const char *op = b->node->def->name;
    if (!r)
        return base_no_memory(b->error, "preparing a kernel");
    r->kind = strcmp(op, "sum_square") == 0 ? CPU_REDUCE_SQUARES
              : strcmp(op, "max") == 0      ? CPU_REDUCE_MAX
              : strcmp(op, "min") == 0      ? CPU_REDUCE_MIN
                                            : CPU_REDUCE_SUM;
    r->isa = (cpu_isa)b->isa;
    r->threads = b->threads;
    const kernel_operand *x = &b->in[0];
    const op_value *axes = cpu_arg(b->node, "axes"); /* sum_square has none: all */
    cpu_reduce_plan(r, x->rank, x->dims, x->strides, axes ? op_axes_mask(axes, x->rank) : ((int64_t)1 << x->rank) - 1);
    r->half = x->dtype == TN_BF16;
    if (strcmp(op, "mean") == 0)
        r->scale = 1.0 / (double)r->length;
    b->plan = r;
    b->scratch = cpu_reduce_scratch(r);
    b->path = r->columns ? "reduce/columns" : "reduce/rows";
    return TN_OK;
}

static void run(const kernel_call *c)
{
    cpu_reduce_run(c->plan, c->in[0], c->out[0], c->scratch);
}

#define ROW(text)                                                                                                      \
    {                                                                                                                  \
        .op = text, .name = text "/reduce", .keeps = keeps, .accepts = accepts, .want = want, .prepare = prepare,      \
        .run = run, .half = half                                                                                       \
    }
const kernel cpu_kernels_sum[] = {ROW("sum"), ROW("sum_square"), ROW("mean"), ROW("max"), ROW("min"), {0}};
