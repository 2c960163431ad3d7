/* custom.h: operators of one's own. A program that uses Tarn says what an operator computes, how its types follow, and its gradient
 * in terms of other operators; the graph, the compiler, training and memory planning treat it as any other.
 *
 *     static const tn_operator cube = {.name = "cube", .inputs = 1, .outputs = 1, .infer = same, .run = cube_run, .grad = cube_grad};
 *     tn_tensor *y = tn_custom(&cube, 1, &x);
 *
 * Models with such operators are saved like others. Who loads one registers its operators before (tn_operator_register).
 *
 * examples/custom_operator.c is a whole program. */
#ifndef TARN_CUSTOM_H
#define TARN_CUSTOM_H

#include <tarn/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TN_OPERATOR_INPUTS = 8, TN_OPERATOR_OUTPUTS = 4 };

typedef struct tn_operator_type {
    tn_dtype dtype;
    tn_shape shape; /* sizes may be symbols: copy them from inputs, compare them, or use numbers */
} tn_operator_type;

/* Functions are given the operator itself, so `user` may hold what they need. They answer NULL, or a sentence that says what is
 * wrong (static, or living as long as the operator), which becomes part of the error. They may be called by several threads at
 * once. The same inputs must give the same outputs: what is computed twice may be computed once. */
typedef struct tn_operator {
    const char *name;    /* of nodes, in profiles and sentences */
    int inputs, outputs; /* at most TN_OPERATOR_INPUTS, and 1 to TN_OPERATOR_OUTPUTS */
    /* The outputs' types from those of the inputs. Called when the graph is built, and again when sizes are numbers. */
    const char *(*infer)(const struct tn_operator *op, const tn_operator_type in[], tn_operator_type out[]);
    /* Computes: row-major views with numbers for sizes; writes every element of each output. A sentence stops the run before any
     * state is written. */
    const char *(*run)(const struct tn_operator *op, const tn_view in[], const tn_view out[]);
    /* Builds the gradient for each input, of its type, from those that arrive at the outputs (NULL: none arrives); what it leaves
     * NULL has none. NULL: the operator has no gradient, and asking for one is an error. */
    const char *(*grad)(const struct tn_operator *op, tn_tensor *const in[], tn_tensor *const out[],
                        tn_tensor *const dout[], tn_tensor *din[]);
    const void *user;
    /* How model files call it, with the name: whose it is ("org.example"; NULL: ""), and which version of it, 0 or more. Another meaning
     * or other weights deserve another version. */
    const char *domain;
    int64_t version;
} tn_operator;

/* Makes the operator known to what is loaded in this context: a model file names an operator by domain, name and version, and holds neither
 * code nor `user`. The struct is copied; what it points to must stay as long as the context and what was loaded in it. The same operator
 * may be registered twice; another one by the same domain, name and version is refused, as is one that tn_custom would refuse. Threads may
 * register at once. */
TN_API tn_status tn_operator_register(tn_context *context, const tn_operator *op);

/* Output 0 of the operator; tn_custom_output gives the others. The struct is copied; what it points to must stay as long as the
 * graph and the programs compiled from it. There must be at least one input: it says which graph. */
TN_API tn_tensor *tn_custom(const tn_operator *op, int n, tn_tensor *const in[]);
TN_API tn_tensor *tn_custom_output(tn_tensor *y, int i);

/* For `run` of an operator: calls fn for chunks 0 .. chunks - 1, each once, in no promised order, on the threads that the run has, and
 * returns when all are done. Work that is cut by sizes alone, and sums that are put together in the order of chunks, give the same bits
 * on any number of threads. Called from anywhere else, or by fn, the caller's thread does it all. */
TN_API void tn_custom_parallel(int64_t chunks, void (*fn)(void *arg, int64_t chunk), void *arg);

#ifdef __cplusplus
}
#endif
#endif
