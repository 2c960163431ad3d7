/* kernels.h: what kernel files share. Each src/cpu/NAME.c ends in `const kernel cpu_kernels_NAME[]`, best first, ended by a
 * row without a name; the lists are joined in file order, and the first kernel that accepts a node gets it. */
#ifndef CPU_KERNELS_H
#define CPU_KERNELS_H

#include "cpu/core/isa.h"
#include "program/backend.h"

/* An argument of the node by its name in the definition; NULL if there is none. */
const op_value *cpu_arg(const graph_node *node, const char *name);
int64_t cpu_arg_int(const graph_node *node, const char *name);
double cpu_arg_float(const graph_node *node, const char *name);
/* Whether the node's first output is f32. */
bool cpu_node_is_f32(const graph_node *node, bool training);

/* f32 operations and bytes copied a second that this machine can do at most, measured. */
tn_status cpu_limits(tn_context *context, double *flops, double *bytes, base_error *e);

/* Element-wise operators, single and fused. */
bool cpu_elementwise_has(const graph_node *node);
extern const kernel cpu_elementwise;
/* Copies of any dtype and strides. */
extern const kernel cpu_copy;
/* Runs an operator's reference: takes everything, slowly. */
extern const kernel cpu_reference;

#endif
