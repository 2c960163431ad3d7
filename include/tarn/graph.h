/* tarn/graph.h: graphs of operators, their values (tensors), sizes, state and entries.
 *
 * Builders never return NULL. The first error sticks to the graph, later builders pass a poison value on, and compiling
 * reports the sentence; so expressions nest and one check suffices. A NULL tensor always means "absent". */
#ifndef TARN_GRAPH_H
#define TARN_GRAPH_H

#include <tarn/core.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A graph owns its nodes and values; it has no mode (training or inference): entries have. One thread at a time. */
typedef struct tn_graph tn_graph;
/* A value in a graph: dtype, shape, producer, name. Lives as long as its graph. */
typedef struct tn_tensor tn_tensor;
/* A named way to run a graph: outputs to hand out, state to write. Lives as long as its graph. */
typedef struct tn_entry tn_entry;

/* ---- sizes ----------------------------------------------------------------------------------------------------- */

/* A size: >= 0 is that many; TN_INFER asks an operator to find it; anything else is an expression over symbols that only
 * its graph understands (tn_symbol, tn_dim_of). */
typedef int64_t tn_dim;
#define TN_INFER ((tn_dim)-1)

typedef struct tn_shape {
    int rank; /* 0 (a scalar) to TN_MAX_RANK */
    tn_dim dims[TN_MAX_RANK];
} tn_shape;

#ifdef __cplusplus
}
template <class... D> inline tn_shape tn_shape_of(D... d)
{
    return tn_shape{int(sizeof...(d)), {tn_dim(d)...}};
}
#define TN_SHAPE(...) tn_shape_of(__VA_ARGS__)
#define TN_SCALAR (tn_shape{0, {0}})
extern "C" {
#else
/* TN_SHAPE(64, 1, 28, 28) */
#define TN_SHAPE(...) ((tn_shape){(int)(sizeof((tn_dim[]){__VA_ARGS__}) / sizeof(tn_dim)), {__VA_ARGS__}})
#define TN_SCALAR ((tn_shape){0, {0}})
#endif

/* ---- graphs ---------------------------------------------------------------------------------------------------- */

/* NULL only when memory is out (the context then has the sentence). */
TN_API tn_graph *tn_graph_new(tn_context *context);
TN_API void tn_graph_free(tn_graph *graph);
/* The first failure of a builder, TN_OK if there was none, and its sentence ("" if none). */
TN_API tn_status tn_graph_status(const tn_graph *graph);
TN_API const char *tn_graph_error(const tn_graph *graph);

/* The size called `name`, bound to a number when inputs that have it are fed. The same name is the same size. */
TN_API tn_dim tn_symbol(tn_graph *graph, const char *name);
/* Arithmetic on sizes of one graph; division rounds down. */
TN_API tn_dim tn_dim_add(tn_graph *graph, tn_dim a, tn_dim b);
TN_API tn_dim tn_dim_mul(tn_graph *graph, tn_dim a, tn_dim b);
TN_API tn_dim tn_dim_div(tn_graph *graph, tn_dim a, tn_dim b);

/* Layers and operators made between push and pop are named "scope.name". Names must not be empty or hold '/'. */
TN_API void tn_scope_push(tn_graph *graph, const char *name);
TN_API void tn_scope_pop(tn_graph *graph);

/* ---- values ---------------------------------------------------------------------------------------------------- */

TN_API tn_dtype tn_tensor_dtype(const tn_tensor *x);
TN_API int tn_tensor_rank(const tn_tensor *x);
TN_API tn_shape tn_tensor_shape(const tn_tensor *x);
/* The size of one axis (negative: from the end); for use in other shapes. Sticks an error and gives 1 on a bad axis. */
TN_API tn_dim tn_dim_of(tn_tensor *x, int axis);
TN_API tn_graph *tn_tensor_graph(const tn_tensor *x);
/* Path of the node that makes the value: "conv1.weight", "fc1/matmul". */
TN_API const char *tn_tensor_name(const tn_tensor *x);
/* "f32[batch,1,28,28]" into buffer; returns buffer. */
TN_API char *tn_tensor_describe(const tn_tensor *x, char *buffer, size_t bytes);

/* A value that is fed at each run. Names are unique in a graph. */
TN_API tn_tensor *tn_input(tn_graph *graph, const char *name, tn_dtype dtype, tn_shape shape);
/* A value known now; the data is copied. */
TN_API tn_tensor *tn_constant(tn_graph *graph, const tn_view *view);
/* A rank-0 constant of any dtype. */
TN_API tn_tensor *tn_scalar(tn_graph *graph, tn_dtype dtype, double value);

/* ---- state ----------------------------------------------------------------------------------------------------- */

typedef enum tn_init_kind {
    TN_INIT_ZEROS = 0,
    TN_INIT_CONSTANT = 1,        /* a */
    TN_INIT_UNIFORM = 2,         /* in [a, b) */
    TN_INIT_NORMAL = 3,          /* mean a, standard deviation b */
    TN_INIT_TRUNC_NORMAL = 4,    /* mean a, standard deviation b, cut at a-2b and a+2b */
    TN_INIT_KAIMING_UNIFORM = 5, /* He et al. 2015, eq. 10; a: negative slope of the leaky relu that follows; fan_in */
    TN_INIT_KAIMING_NORMAL = 6,
    TN_INIT_XAVIER_UNIFORM = 7, /* Glorot and Bengio 2010, eq. 16; a: gain, 0 means 1 */
    TN_INIT_XAVIER_NORMAL = 8,
    TN_INIT_ORTHOGONAL = 9,     /* Saxe et al. 2013; a: gain, 0 means 1; at least 2 axes */
    TN_INIT_FAN_UNIFORM = 10,   /* uniform in +-1/sqrt(a): PyTorch's default for biases, a = fan_in of the weight */
    TN_INIT_NORMAL_BUT_ROW = 11 /* mean 0, standard deviation b; zeros in row a, which is an embedding's padding */
} tn_init_kind;

typedef struct tn_init {
    tn_init_kind kind;
    double a, b;
} tn_init;

/* A trained tensor of the state. The shape has numbers only. `name` is put below the scope; unique in the graph. */
TN_API tn_tensor *tn_param(tn_graph *graph, const char *name, tn_dtype dtype, tn_shape shape, const tn_init *init);
/* The same for what is kept but not trained by gradients: running statistics, optimizer slots, counters. */
TN_API tn_tensor *tn_buffer(tn_graph *graph, const char *name, tn_dtype dtype, tn_shape shape, const tn_init *init);
/* The state entry with this full name, or NULL. */
TN_API tn_tensor *tn_graph_state(tn_graph *graph, const char *name);
/* The i-th trainable parameter in order of creation; NULL from the end on. */
TN_API tn_tensor *tn_graph_param(tn_graph *graph, int i);
/* Excludes a parameter from training (fine-tuning), or takes it in again. */
TN_API void tn_param_freeze(tn_tensor *param, bool frozen);
/* In every training entry that computes `when` (NULL: `value` itself) and does not write `to` itself, state `to` becomes `value` at the
 * end of the run. An optimizer takes such a value of a parameter for what it updates. */
TN_API void tn_graph_update(tn_graph *graph, tn_tensor *to, tn_tensor *value, tn_tensor *when);

/* `value` (rank 0, float) times `weight` is to be made small too: a trainer adds it to the loss it trains by, not to that of
 * evaluations. Model files keep it. */
TN_API void tn_graph_add_loss(tn_tensor *value, double weight);

/* ---- entries --------------------------------------------------------------------------------------------------- */

enum { TN_TRAINING = 1 }; /* dropout drops, batch norm uses the batch's statistics, tn_graph_update's writes happen */

/* A repeated name is an error. */
TN_API tn_entry *tn_entry_new(tn_graph *graph, const char *name, unsigned flags);
/* Hands out a value under a name. */
TN_API void tn_entry_output(tn_entry *entry, const char *name, tn_tensor *value);
/* At the end of a run, state `to` becomes `value` (same dtype and shape). Nothing is written when the run fails. */
TN_API void tn_entry_write(tn_entry *entry, tn_tensor *to, tn_tensor *value);
/* The value must be finite, else the run stops with TN_NONFINITE before any state is written, and the sentence names the
 * first node that made a NaN or an infinity. */
TN_API void tn_entry_check(tn_entry *entry, tn_tensor *value);

/* ---- gradients ------------------------------------------------------------------------------------------------- */

/* Adds the nodes that compute d loss / d wrt[i] into grads[i]; loss has rank 0 and a float dtype. A value that does not
 * depend on wrt gives zeros. Gradients are ordinary values: they can be differentiated again. */
TN_API tn_status tn_gradients(tn_tensor *loss, int n, tn_tensor *const wrt[], tn_tensor *grads[]);

/* Values that are made between the two are not kept for gradients, but computed again when gradients need them, from what the
 * region reads and from its values that others read: less memory for more arithmetic, and the same numbers bit for bit, random
 * ones included. One region for each block of layers saves most; regions do not nest. Entries that do not train ignore it. A
 * memory limit (tn_compile_opt) chooses by itself. Model files keep regions. */
TN_API void tn_recompute_begin(tn_graph *graph);
TN_API void tn_recompute_end(tn_graph *graph);

/* ---- printing -------------------------------------------------------------------------------------------------- */

/* The graph as text, a line a node, or for Graphviz; malloc'ed, free() it; NULL when memory is out. */
TN_API char *tn_graph_text(const tn_graph *graph);
TN_API char *tn_graph_dot(const tn_graph *graph);

#ifdef __cplusplus
}
#endif
#endif
