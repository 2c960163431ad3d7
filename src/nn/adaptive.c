/* adaptive.c: the softmax for many classes of which few are frequent (Grave et al. 2017, "Efficient softmax approximation for GPUs"):
 * a head of the frequent classes and one place for each cluster of rarer ones, and for each cluster a product through fewer features.
 * Sizes do not depend on the data, so that clusters are computed for all rows; rows of other clusters take no part in the loss. */
#include "graph/graph.h"

#include <tarn/nn.h>

enum { MOST_CLUSTERS = 64 };

typedef struct adaptive {
    tn_graph *g;
    const tn_adaptive_opt *o;
    int64_t features, classes, start[MOST_CLUSTERS + 1]; /* where each cluster begins, and where the last one ends */
    int clusters;
    tn_tensor *head, *tail[MOST_CLUSTERS]; /* scores */
} adaptive;

static bool check(const adaptive *a, tn_tensor *x, tn_tensor *target, const char *name)
{
    int rank = tn_tensor_rank(x);
    if (rank < 1 || !tn_dtype_is_float(tn_tensor_dtype(x)) || a->features < 1)
        graph_fail(a->g, TN_SHAPE, "layer '%s': x needs a last axis of features, of floats and of a size that is known",
                   name);
    else if (a->clusters < 1 || a->clusters > MOST_CLUSTERS)
        graph_fail(a->g, TN_INVALID, "layer '%s': %d cutoffs; there may be 1 to %d", name, a->clusters, MOST_CLUSTERS);
    else if (target && tn_tensor_rank(target) != rank - 1)
        graph_fail(a->g, TN_SHAPE, "layer '%s': target has %d axes; it needs those of x without the last, %d", name,
                   tn_tensor_rank(target), rank - 1);
    else if (a->o->divide.set && !(a->o->divide.value > 0))
        graph_fail(a->g, TN_INVALID, "layer '%s': divide is %g; it must be more than 0", name, a->o->divide.value);
    return tn_graph_status(a->g) == TN_OK;
}

static bool take_cutoffs(adaptive *a, const int64_t *cutoffs, const char *name)
{
    for (int i = 0; i < a->clusters; i++) {
        a->start[i] = cutoffs[i];
        if (cutoffs[i] > (i ? cutoffs[i - 1] : 0) && cutoffs[i] < a->classes)
            continue;
        graph_fail(a->g, TN_INVALID,
                   "layer '%s': cutoff %d is %lld; cutoffs rise, from 1 to less than the %lld classes", name, i,
                   (long long)cutoffs[i], (long long)a->classes);
        return false;
    }
    a->start[a->clusters] = a->classes;
    return true;
}

/* The scores of the head and of the clusters, [N, ...]. */
static bool scores(adaptive *a, tn_tensor *x, const char *name)
{
    const tn_linear_opt plain = {.no_bias = true}, head = {.no_bias = !a->o->head_bias};
    double width = (double)a->features, by = a->o->divide.set ? a->o->divide.value : 4, power = 1;
    a->head = tn_layer_linear(x, "head", a->start[0] + a->clusters, &head);
    tn_scope_push(a->g, "tail");
    for (int i = 0; i < a->clusters; i++) {
        power *= by;
        int64_t narrow = (int64_t)(width / power);
        const char *number = base_arena_printf(a->g->arena, "%d", i);
        if (narrow < 1 || !number) {
            graph_fail(a->g, TN_INVALID,
                       "layer '%s': cluster %d has no features left: %lld divided by %g %d times; fewer cutoffs, or a "
                       "smaller divide, leave some",
                       name, i, (long long)a->features, by, i + 1);
            break;
        }
        tn_scope_push(a->g, number);
        tn_tensor *less = tn_layer_linear(x, "0", narrow, &plain);
        a->tail[i] = tn_layer_linear(less, "1", a->start[i + 1] - a->start[i], &plain);
        tn_scope_pop(a->g);
    }
    tn_scope_pop(a->g);
    return tn_graph_status(a->g) == TN_OK;
}

/* Of each row the logarithm of its class's probability. A class that is none is a fault: it has no place in the head either. */
static tn_tensor *of_target(const adaptive *a, tn_tensor *target)
{
    enum { NONE = -100 };
    const tn_loss_opt each = {.reduction = TN_REDUCE_NONE};
    tn_tensor *t = tn_cast(target, TN_I64), *none = tn_scalar(a->g, TN_I64, NONE), *place = t, *loss = NULL;
    for (int i = 0; i <= a->clusters; i++) { /* NONE itself must not pass for "does not count" in the head */
        tn_tensor *here = tn_scalar(a->g, TN_I64, (double)(a->start[0] + i)),
                  *from = tn_scalar(a->g, TN_I64, (double)a->start[i]);
        place = tn_where(tn_ge(t, from), here, place);
    }
    place = tn_where(tn_lt(t, tn_scalar(a->g, TN_I64, 0)), tn_scalar(a->g, TN_I64, -1), place);
    loss = tn_cross_entropy(a->head, place, &each);
    for (int i = 0; i < a->clusters; i++) {
        tn_tensor *from = tn_scalar(a->g, TN_I64, (double)a->start[i]),
                  *to = tn_scalar(a->g, TN_I64, (double)a->start[i + 1]);
        tn_tensor *within = tn_logical_and(tn_ge(t, from), tn_lt(t, to));
        tn_tensor *part = tn_cross_entropy(a->tail[i], tn_where(within, tn_sub(t, from), none), &each);
        loss = tn_add(loss, part);
    }
    return tn_neg(loss);
}

/* The logarithms of all classes' probabilities: [N, classes]. */
static tn_tensor *of_all(const adaptive *a)
{
    tn_tensor *part[MOST_CLUSTERS + 1], *head = tn_log_softmax(a->head, -1);
    part[0] = tn_slice(head, 1, 0, a->start[0]);
    for (int i = 0; i < a->clusters; i++) {
        tn_tensor *cluster = tn_slice(head, 1, a->start[0] + i, a->start[0] + i + 1);
        part[i + 1] = tn_add(tn_log_softmax(a->tail[i], -1), cluster);
    }
    return tn_concat(a->clusters + 1, part, 1);
}

tn_adaptive_result tn_layer_adaptive_log_softmax(tn_tensor *x, tn_tensor *target, const char *name, int64_t classes,
                                                 int n_cutoffs, const int64_t *cutoffs, const tn_adaptive_opt *opt)
{
    static const tn_adaptive_opt defaults;
    tn_adaptive_result r = {x, x, x, x};
    adaptive a = {.g = tn_tensor_graph(x), .o = opt ? opt : &defaults, .classes = classes, .clusters = n_cutoffs};
    if (tn_graph_status(a.g) != TN_OK)
        return r;
    int rank = tn_tensor_rank(x);
    a.features = rank ? tn_dim_of(x, rank - 1) : 0;
    if (!check(&a, x, target, name) || !take_cutoffs(&a, cutoffs, name))
        return r;
    tn_shape lead = tn_tensor_shape(x), all = lead;
    lead.rank--;
    all.dims[rank - 1] = classes;
    tn_scope_push(a.g, name);
    x = tn_reshape(x, TN_SHAPE(rank == 1 ? 1 : TN_INFER, a.features));
    if (scores(&a, x, name)) {
        tn_tensor *log_p = of_all(&a);
        r.log_prob = tn_reshape(log_p, all);
        r.prediction = tn_reshape(tn_argmax(log_p, 1, false), lead);
        r.output =
            target ? tn_reshape(of_target(&a, tn_reshape(target, TN_SHAPE(rank == 1 ? 1 : TN_INFER))), lead) : NULL;
        r.loss = target ? tn_neg(tn_mean(r.output)) : NULL;
    }
    tn_scope_pop(a.g);
    return r;
}
