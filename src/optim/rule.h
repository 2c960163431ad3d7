/* rule.h: what an update rule is: a function that writes the update of one parameter as graph arithmetic, and a row of
 * defaults. The fuse pass makes one sweep over a parameter's elements of it, in place; numbers that are common to all
 * parameters (rates, corrections of bias) are values of rank 0 in f64, and equal ones are computed once. A new optimizer is a
 * function and a row here, an enumerator in optim.h, and a word in the recipe's table. */
#ifndef OPTIM_RULE_H
#define OPTIM_RULE_H

#include "base/vec.h"
#include "graph/graph.h"
#include <tarn/ops.h>
#include <tarn/optim.h>

typedef struct optim_trained {
    tn_tensor *param, *grad;
    const char *name;
    const tn_param_group *group; /* or NULL */
    int site;                    /* K-FAC: the number of its layer, from 1; 0: none */
} optim_trained;

/* A layer that K-FAC knows; weight and bias are places in the parameters, -1: there is none. */
typedef struct optim_site {
    const graph_node *node;
    int weight, bias;
    tn_tensor *slope; /* the loss's gradient at its result */
    tn_tensor *way;   /* of weight and bias together */
} optim_site;

typedef struct optim_minimizer {
    const char *prefix; /* of the names of all that is added: "" or "NAME." */
    tn_graph *g;
    tn_optim_opt o; /* every default filled in */
    tn_tensor *loss, *lr, *step, *new_step;
    tn_tensor *scale, *good; /* of loss scaling: the factor, and steps since it changed; or NULL */
    base_vec(optim_trained) params;
    bool applies; /* the entry being made does not compute the loss: gradients are sums that it finds */
    /* of K-FAC: */
    base_vec(optim_site) sites;
    const optim_trained *now; /* the parameters with the gradients that are gone by */
    tn_tensor *shorten;       /* all ways are multiplied by it; NULL: they are not made yet */
} optim_minimizer;

/* The update of one parameter. */
typedef struct optim_step {
    optim_minimizer *m;
    const tn_optim_opt *o;
    const optim_trained *p;
    tn_entry *entry;
    tn_tensor *ok;     /* bool, rank 0: whether anything may change; NULL: it may */
    tn_tensor *w, *g;  /* what the rule starts from: decay and L1 are in them, unless the rule has its own */
    tn_tensor *lr, *t; /* f64, rank 0: the parameter's rate; the number of this step, from 1 */
    tn_dtype dtype;    /* of w and g */
    double decay, l1;  /* of the parameter's group */
} optim_step;

typedef enum optim_decay_way {
    OPTIM_ON_GRADIENT, /* g += decay * w */
    OPTIM_ON_WEIGHTS,  /* w *= 1 - lr * decay */
    OPTIM_BY_RULE      /* the rule does it, and L1 */
} optim_decay_way;

typedef struct optim_rule {
    const char *name;
    tn_tensor *(*update)(optim_step *s); /* gives the new weights; slots are kept by optim_keep */
    optim_decay_way decay_by;
    double lr, decay, momentum, beta1, beta2, eps;
} optim_rule;

extern const optim_rule optim_rules[];
/* NULL for numbers without an optimizer. */
const optim_rule *optim_rule_of(int kind);

/* Defaults filled in, and checked: the sentence is the graph's. */
tn_status optim_options(tn_graph *g, const tn_optim_opt *opt, tn_optim_opt *out);

/* The parameters that are trained, and their gradients. */
tn_status optim_find(optim_minimizer *m);

/* State that belongs to the step's parameter: "optim.NAME.kind", all elements `initial` at first, of its dtype and shape; or of
 * others, zero at first. */
tn_tensor *optim_slot(optim_step *s, const char *kind, double initial);
tn_tensor *optim_slot_of(optim_step *s, const char *kind, tn_dtype dtype, tn_shape shape);
/* State common to all parameters: "optim.kind". */
tn_tensor *optim_common(optim_minimizer *m, const char *kind, tn_dtype dtype, double initial);
/* The state becomes this value at the end of the step, if the step counts. */
tn_tensor *optim_keep(optim_step *s, tn_tensor *slot, tn_tensor *value);

/* Lookahead and averages: what becomes of the weights after the rule. */
tn_tensor *optim_after(optim_step *s, tn_tensor *w);
/* The entry in which weights and their averages change places. */
void optim_add_swap(optim_minimizer *m);
/* The gradients become those at weights that are moved by m->o.sam along them. */
void optim_sharpness(optim_minimizer *m);

/* L1 and weight decay into s->g, or into s->w. */
void optim_decay(optim_step *s, bool decoupled);
/* x times, over, a number of rank 0, which is taken in x's dtype. */
tn_tensor *optim_times(tn_tensor *x, tn_tensor *number);
tn_tensor *optim_over(tn_tensor *x, tn_tensor *number);
/* old + rate * (new - old), and keep * old + (1 - keep) * new^2. */
tn_tensor *optim_towards(tn_tensor *old, tn_tensor *new_value, double rate);
tn_tensor *optim_squares(tn_tensor *old, tn_tensor *g, double keep);
/* x / (sqrt(squares / correction) + eps), the correction of rank 0 in f64 or NULL. */
tn_tensor *optim_over_root(optim_step *s, tn_tensor *x, tn_tensor *squares, tn_tensor *correction);
/* 1 - beta^t in f64. */
tn_tensor *optim_correction(optim_step *s, double beta);
/* The 2-norm of all gradients together, in f32. */
tn_tensor *optim_gradient_norm(const optim_trained *p, size_t n);
/* The 2-norm of all elements, in f64. */
tn_tensor *optim_norm(tn_tensor *x);

/* Rules that look at a parameter as a whole (layerwise.c). */
tn_tensor *optim_lamb(optim_step *s);
tn_tensor *optim_lars(optim_step *s);
tn_tensor *optim_adafactor(optim_step *s);
tn_tensor *optim_muon(optim_step *s);
tn_tensor *optim_shampoo(optim_step *s);
tn_tensor *optim_kfac(optim_step *s);
/* Whether inverses are due in this step: the first, and every `refresh` from there. */
tn_tensor *optim_due(optim_step *s);
/* The layers of the parameters (kfac.c); their slopes are for the caller. */
tn_status optim_find_sites(optim_minimizer *m);
/* The entry takes its batch into the factors. */
void optim_measure(optim_minimizer *m, tn_entry *entry);
/* The rules that Muon and Shampoo take for what is no matrix (rules.c). */
tn_tensor *optim_adam(optim_step *s);
tn_tensor *optim_adagrad(optim_step *s);

#endif
