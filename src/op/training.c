/* training: true in entries that train, false in those that only compute. Lets a lowered form hold for both modes, as it
 * must where gradients are made before the mode is known. */
#include "op/internal.h"

static tn_status training_infer(const op_infer *c)
{
    c->out[0].rank = 0;
    return TN_OK;
}

static tn_status training_lower(const op_lower *c)
{
    c->out[0] = tn_scalar(c->graph, TN_BOOL, c->training);
    return TN_OK;
}

static void training_ref(const op_ref *c)
{
    c->out[0]->i[0] = c->training;
}

const op_def op_training = {
    .name = "training",
    .doc = "Whether the entry trains.",
    .out = {{"y", OP_BOOLS}},
    .infer = training_infer,
    .grad = op_grad_zero,
    .lower = training_lower,
    .ref = training_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"", NULL},
    .tol = {OP_TOL_EXACT},
};

tn_tensor *op_training_of(tn_graph *g)
{
    graph_node *node = op_apply(g, &op_training, 0, NULL, NULL);
    return node ? &node->out[0] : &g->poison;
}
