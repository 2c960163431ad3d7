/* tarn/optim.h: optimizers, gradient clipping, schedules. An optimizer adds nodes and state to a graph: gradients, clipping,
 * updates, written to the state by training entries. */
#ifndef TARN_OPTIM_H
#define TARN_OPTIM_H

#include <tarn/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tn_optimizer {
    TN_SGD = 0,  /* torch.optim.SGD */
    TN_ADAM = 1, /* Kingma and Ba 2015, algorithm 1; weight decay is added to the gradient */
    TN_ADAMW = 2 /* Loshchilov and Hutter 2019, algorithm 2; weight decay shrinks the weights themselves */
} tn_optimizer;

/* Parameters whose full name matches `pattern` ('*' any characters, '?' one) take these values instead of the optimizer's;
 * the first group that matches counts. */
typedef struct tn_param_group {
    const char *pattern;
    tn_opt_f64 lr_scale; /* the learning rate is multiplied by this; 1 */
    tn_opt_f64 weight_decay;
    tn_opt_f64 l1;
    bool frozen; /* not trained */
    void *reserved[4];
} tn_param_group;

typedef struct tn_optim_opt {
    tn_optimizer kind;
    double momentum, dampening; /* SGD */
    bool nesterov;              /* SGD: needs momentum > 0 and dampening 0 */
    tn_opt_f64 beta1, beta2;    /* Adam: 0.9, 0.999 */
    tn_opt_f64 eps;             /* Adam: 1e-8 */
    tn_opt_f64 weight_decay;    /* L2; 0, and 0.01 for AdamW */
    double l1;                  /* adds l1 * sign(w) to the gradient */
    double clip_norm;           /* gradients are scaled so that their common 2-norm is at most this; 0: not */
    double clip_value;          /* gradients are cut to [-v, v]; 0: not */
    bool accumulate;            /* also make the entries for gradients summed over several batches */
    bool no_gradient_norm;      /* do not compute and check the norm of all gradients (one sweep over them) */
    const tn_param_group *groups;
    int n_groups;
    const char *name; /* for several optimizers in one graph: see below */
    void *reserved[7];
} tn_optim_opt;

/* Trains every parameter that is not frozen and on which the loss depends, to make `loss` (rank 0) small. Adds
 *   input  "lr"             f32 rank 0: the learning rate of the run
 *   entry  "step"           gradients of one batch, then the update; outputs "loss" and "grad_norm" (before clipping)
 * and with `accumulate`
 *   entry  "accumulate_first", "accumulate"   add a batch's gradients up; output "loss"
 *   entry  "apply"          divides by input "accumulated" (f32 rank 0: how many batches) and updates; "grad_norm"
 * Loss and gradient norm must be finite, else the run stops before any state is written. State: "optim.step" (i64) and per
 * parameter "optim.NAME.momentum", ".m", ".v" or ".grad". Returns the graph's status.
 *
 * Nets that are trained in turn (a generator and its critic) have an optimizer each, with a name of its own, the other net's
 * parameters frozen by a group. With the name "critic" all that is added is called "critic.lr", "critic.step", ..., and the
 * state "optim.critic.step", "optim.critic.NAME.m", .... */
TN_API tn_status tn_minimize(tn_tensor *loss, const tn_optim_opt *opt);

/* The graph's entry of this name, to which more outputs may be added; NULL. */
TN_API tn_entry *tn_graph_entry(tn_graph *graph, const char *name);

/* ---- schedules --------------------------------------------------------------------------------------------------- */

typedef enum tn_schedule_kind {
    TN_SCHEDULE_CONSTANT = 0,
    TN_SCHEDULE_STEP = 1,   /* times gamma every `every` epochs (StepLR) */
    TN_SCHEDULE_COSINE = 2, /* from lr to lr_min over `total` steps (Loshchilov and Hutter 2017, eq. 5, one period) */
    TN_SCHEDULE_PLATEAU = 3 /* times gamma when the watched metric has not improved for more than `patience` epochs */
} tn_schedule_kind;

typedef struct tn_schedule_opt {
    tn_schedule_kind kind;
    double lr;     /* the base rate */
    double gamma;  /* 0: 0.1 */
    int64_t every; /* epochs; 0: 1 */
    int64_t total; /* steps, warm-up included */
    double lr_min;
    int64_t patience;     /* epochs; as PyTorch's ReduceLROnPlateau with mode min */
    double threshold;     /* an improvement is relative: value < best * (1 - threshold); 0: 1e-4 */
    int64_t warmup_steps; /* linear from 0: step i has (i + 1) / warmup_steps of the rate, before the kind takes over */
    void *reserved[4];
} tn_schedule_opt;

/* Where a schedule is; all zero is the beginning. Belongs to what a checkpoint keeps. */
typedef struct tn_schedule {
    double best, factor; /* plateau */
    int64_t bad_epochs, seen;
    void *reserved[2];
} tn_schedule;

/* The rate for step number `step` (from 0) of epoch number `epoch` (from 0). */
TN_API double tn_schedule_rate(const tn_schedule_opt *opt, const tn_schedule *state, int64_t step, int64_t epoch);
/* At the end of an epoch, with the metric that is watched (smaller is better); needed by PLATEAU only. */
TN_API void tn_schedule_epoch(const tn_schedule_opt *opt, tn_schedule *state, double metric);

#ifdef __cplusplus
}
#endif
#endif
