/* pass.h: graph to graph. A pass reads one graph and fills another, node by node in order, so that a failing one leaves
 * the user's graph as it was. The graph a pass works on belongs to one entry: its `results` say what must be computed. */
#ifndef PASS_PASS_H
#define PASS_PASS_H

#include "op/scheme/op.h"

/* Gradients as tn_gradients, visiting only the nodes after `first`. */
tn_status pass_gradients_between(tn_tensor *loss, int first, int n, tn_tensor *const wrt[], tn_tensor *grads[]);

/* Where the values of `from` are in `to`. */
typedef struct pass_map {
    const tn_graph *from;
    tn_graph *to;
    tn_tensor **value; /* by id in `from`; NULL: not emitted */
    bool *needed;      /* by node of `from`: some result depends on it */
} pass_map;

tn_status pass_map_new(pass_map *m, const tn_graph *from, const graph_result *results, size_t n_results, base_error *e);
/* Frees the map; the graph is handed out, or freed on failure. */
tn_graph *pass_map_finish(pass_map *m, tn_status status);
/* Inputs of a node as values of `to`, into in[n_in]. */
void pass_inputs(const pass_map *m, const graph_node *node, tn_tensor **in);
/* The same node in `to` with these inputs. */
graph_node *pass_clone(pass_map *m, const graph_node *node, tn_tensor *const *in);
/* Says that the outputs of node are out[] in `to`; an output's place may be NULL if nobody uses it. */
void pass_set(pass_map *m, const graph_node *node, tn_tensor *const *out);
/* Carries the results over, after all nodes. */
tn_status pass_results(pass_map *m, const graph_result *results, size_t n, base_error *e);

/* Whether the node's operator has this name. */
bool pass_is(const graph_node *node, const char *op);
/* How many nodes and results read each tensor, by its id: an array to free(); NULL and e set when memory is out. */
int *pass_count_uses(const tn_graph *g, base_error *e);
/* What is built until pass_leave is named below the node; false: out of memory, and the graph has failed. */
bool pass_enter(pass_map *m, const graph_node *node);
void pass_leave(pass_map *m);

/* A rule is given a node with its inputs in the new graph, and either answers with outputs or returns false: clone. */
typedef bool (*pass_rule)(void *user, pass_map *m, const graph_node *node, tn_tensor *const *in, tn_tensor **out);
/* One walk over the needed nodes with a rule. NULL and e set on failure. */
tn_graph *pass_rewrite(const tn_graph *g, pass_rule rule, void *user, base_error *e);

/* What a pass asks the backend. */
typedef struct pass_backend {
    /* The backend has a kernel for this node as it stands (sizes not yet known): it is not lowered. */
    bool (*keeps)(const graph_node *node, bool training);
    /* The backend can run this element-wise node inside a fused one. */
    bool (*fuses)(const graph_node *node);
    /* The kernel of this node can apply that activation (its argument of that name) where it writes, */
    bool (*activates)(const graph_node *node, int64_t activation);
    /* and add a tensor like its result (its input `add`) before. */
    bool (*adds)(const graph_node *node);
} pass_backend;

/* The part of the graph that an entry needs, with its results and the training updates that it implies. */
tn_graph *pass_extract(const tn_entry *entry, base_error *e);
/* Operators written with others, wherever the backend has no kernel for the whole. */
tn_graph *pass_lower(const tn_graph *g, const pass_backend *backend, base_error *e);
/* Constants folded, common subexpressions merged, dead code dropped, algebra. */
tn_graph *pass_simplify(const tn_graph *g, base_error *e);
/* For an entry that does not train: batch norms folded into weights, linear layers that read pictures as they lie. */
tn_graph *pass_fold(const tn_graph *g, base_error *e);
/* Activations applied, and residuals added, by the products and convolutions that feed them. */
tn_graph *pass_epilogue(const tn_graph *g, const pass_backend *backend, base_error *e);
/* By node: gradients, and whatever is made from them. NULL: memory is out. An array to free(). */
bool *pass_find_backward(const tn_graph *g, base_error *e);
/* By node: those of regions (tn_recompute_begin) whose values nobody reads outside but gradients. An array to free(). */
bool *pass_find_regions(const tn_graph *g, base_error *e);
/* The nodes of `again` are computed a second time for the gradients that read them: their values are not kept until then. */
tn_graph *pass_recompute(const tn_graph *g, const bool *again, base_error *e);
/* Chains of element-wise nodes, with broadcasts, as one node each. */
tn_graph *pass_fuse(const tn_graph *g, const pass_backend *backend, base_error *e);

#endif
