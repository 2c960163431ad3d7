/* backend.c: the CPU backend: which kernel a node gets. */
#include <string.h>

#include "base/context.h"
#include "cpu/core/draw.h"
#include "cpu/core/kernels.h"
#include "cpu/core/par.h"
#include "op/scheme/activation.h"

#include "cpu_list.h"

#define X(name) extern const kernel cpu_kernels_##name[];
CPU_LIST(X)
#undef X

static const kernel *const tables[] = {
#define X(name) cpu_kernels_##name,
    CPU_LIST(X)
#undef X
        NULL};

const op_value *cpu_arg(const graph_node *node, const char *name)
{
    for (int i = 0; i < op_count_arg(node->def); i++)
        if (strcmp(node->def->arg[i].name, name) == 0)
            return &node->arg[i];
    return NULL;
}

int64_t cpu_arg_int(const graph_node *node, const char *name)
{
    const op_value *v = cpu_arg(node, name);
    return v ? v->i : 0;
}

double cpu_arg_float(const graph_node *node, const char *name)
{
    const op_value *v = cpu_arg(node, name);
    return v ? v->f : 0;
}

bool cpu_node_is_f32(const graph_node *node, bool training)
{
    (void)training;
    return node->out[0].type.dtype == TN_F32;
}

static bool keeps(const graph_node *node, bool training)
{
    if (cpu_elementwise_has(node))
        return true;
    for (int t = 0; tables[t]; t++)
        for (const kernel *k = tables[t]; k->name; k++)
            if (strcmp(k->op, node->def->name) == 0 && (!k->keeps || k->keeps(node, training)))
                return true;
    return false;
}

static bool adds(const graph_node *node)
{
    return strcmp(node->def->name, "conv2d") == 0 && node->out[0].type.dtype == TN_F32;
}

static bool activates(const graph_node *node, int64_t activation)
{
    return adds(node) || (strcmp(node->def->name, "conv_transpose2d") == 0 && activation != OP_ACT_LEAKY_RELU) ||
           (strcmp(node->def->name, "linear") == 0 && activation == OP_ACT_RELU);
}

static const kernel *select_kernel(const kernel_bind *b)
{
    if (b->node->sub || cpu_elementwise_has(b->node))
        return &cpu_elementwise;
    for (int t = 0; tables[t]; t++)
        for (const kernel *k = tables[t]; k->name; k++)
            if (strcmp(k->op, b->node->def->name) == 0 && (!k->keeps || k->keeps(b->node, b->training)) &&
                (!k->accepts || k->accepts(b)))
                return k;
    return &cpu_reference;
}

static kernel_half half(const kernel_bind *b, int i)
{
    const tn_tensor *t = i < 0 ? &b->node->out[-1 - i] : b->node->in[i];
    const kernel *k = t && t->type.dtype == TN_F32 ? select_kernel(b) : NULL;
    return k && k->half ? k->half(b, i) : KERNEL_NO_HALF;
}

static int isa_of(const tn_context *context)
{
    cpu_isa isa = CPU_PORTABLE;
    (void)cpu_isa_from_name(tn_context_isa(context), &isa);
    return (int)isa;
}

static void *enter(tn_context *context)
{
    return cpu_team_enter(cpu_team_of(context));
}

static void leave(void *before)
{
    (void)cpu_team_enter(before);
}

const backend backend_cpu = {
    .name = "cpu",
    .pass = {.keeps = keeps, .fuses = cpu_elementwise_has, .activates = activates, .adds = adds},
    .select = select_kernel,
    .half = half,
    .copy = &cpu_copy,
    .isa = isa_of,
    .enter = enter,
    .leave = leave,
    .share = cpu_parallel,
    .limits = cpu_limits,
    .draw = cpu_draw_numbers,
    .fill = cpu_draw_value};
