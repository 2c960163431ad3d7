/* tarn/optim.h: optimizers, gradient clipping, schedules. An optimizer adds nodes and state to a graph: gradients, clipping,
 * updates, written to the state by training entries. */
#ifndef TARN_OPTIM_H
#define TARN_OPTIM_H

#include <tarn/graph.h>
#include <tarn/program.h>

#ifdef __cplusplus
extern "C" {
#endif

/* With the rates, decays and other numbers that PyTorch's class of that name takes, where there is one.
 *
 * For Muon and Shampoo parameters of several axes are matrices [first, rest]. Others go by AdamW at the same rate, and by Adagrad. A
 * side of more than 512 is left as it is by Shampoo, and the other's root is then of degree 2.
 *
 * K-FAC knows linear layers and conv2d of one group with sides up to 4096; other parameters go by gradient and momentum. The loss must be
 * the mean over the batch, axis 0. */
typedef enum tn_optimizer {
    TN_SGD = 0,        /* torch.optim.SGD; momentum after Sutskever et al. 2013, section 2 */
    TN_ADAM = 1,       /* Kingma and Ba 2015, algorithm 1; weight decay is added to the gradient */
    TN_ADAMW = 2,      /* Loshchilov and Hutter 2019, algorithm 2; weight decay shrinks the weights themselves */
    TN_ADAGRAD = 3,    /* Duchi et al. 2011, figure 1, diagonal */
    TN_ADADELTA = 4,   /* Zeiler 2012, algorithm 1 */
    TN_RMSPROP = 5,    /* Hinton 2012, lecture 6e; centred after Graves 2013, eq. 38 to 45 */
    TN_ADAMAX = 6,     /* Kingma and Ba 2015, algorithm 2 */
    TN_NADAM = 7,      /* Dozat 2016, algorithm 2 */
    TN_RADAM = 8,      /* Liu et al. 2020, algorithm 2 */
    TN_LAMB = 9,       /* You et al. 2020, algorithm 2; one trust ratio for each parameter */
    TN_LARS = 10,      /* You et al. 2017, algorithm 1 */
    TN_LION = 11,      /* Chen et al. 2023, algorithm 2 */
    TN_ADAFACTOR = 12, /* Shazeer and Stern 2018, algorithms 4 and 5, as torch.optim.Adafactor */
    TN_MUON = 13,      /* Jordan et al. 2024: momentum made orthogonal; see below */
    TN_SHAMPOO = 14,   /* Gupta et al. 2018, algorithm 1 */
    TN_KFAC = 15,      /* Martens and Grosse 2015, with targets of the batch; convolutions: Grosse and Martens 2016 */
    TN_RPROP = 16, /* Riedmiller and Braun 1993, as torch.optim.Rprop: for gradients of all samples, not of batches */
    TN_ASGD = 17   /* Polyak and Juditsky 1992, as torch.optim.ASGD */
} tn_optimizer;

/* "sgd", "adam", ...; NULL from the last on. The learning rate that it has when nobody says another; 0 for no optimizer. */
TN_API const char *tn_optimizer_name(int kind);
TN_API double tn_optimizer_lr(tn_optimizer kind);

/* Parameters whose full name matches `pattern` ('*' any characters, '?' one) take these values instead of the optimizer's;
 * the first group that matches counts. */
typedef struct tn_param_group {
    const char *pattern;
    tn_opt_f64 lr_scale; /* the learning rate is multiplied by this; 1 */
    tn_opt_f64 weight_decay;
    tn_opt_f64 l1;
    bool frozen; /* not trained */
    bool
        rows; /* tables that only embeddings read, by SGD, Adagrad, Adam: rows that a batch does not use stay as they are,
                  with their averages, and cost nothing (PyTorch's sparse gradients, SparseAdam); best with no_gradient_norm */
    void *reserved[4];
} tn_param_group;

/* Weights that are averaged on the way, kept beside those that are trained. Until the average begins it is a copy. */
typedef enum tn_average {
    TN_AVERAGE_NONE = 0,
    TN_AVERAGE_EMA = 1, /* exponential, Polyak and Juditsky 1992; get_ema_multi_avg_fn of torch.optim.swa_utils */
    TN_AVERAGE_SWA = 2  /* the mean, Izmailov et al. 2018, algorithm 1; AveragedModel of torch.optim.swa_utils */
} tn_average;

/* How Muon's rate follows the size of a matrix [rows, columns]. */
typedef enum tn_muon_scale {
    TN_MUON_ORIGINAL = 0,    /* times sqrt(max(1, rows / columns)) */
    TN_MUON_MATCH_ADAMW = 1, /* times 0.2 * sqrt(max(rows, columns)): rates as for AdamW, Liu et al. 2025 */
    TN_MUON_PLAIN = 2
} tn_muon_scale;

typedef struct tn_optim_opt {
    tn_optimizer kind;
    double momentum;         /* SGD, RMSprop: 0; Muon: 0 means 0.95; LARS, K-FAC: 0 means 0.9 */
    double dampening;        /* SGD */
    bool nesterov;           /* SGD: needs momentum > 0 and dampening 0 */
    tn_opt_f64 beta1, beta2; /* 0.9, 0.999; Lion: 0.9, 0.99; K-FAC: beta2 is what averages keep at most, 0.95 */
    tn_opt_f64
        eps; /* 1e-8; Adagrad 1e-10; Adadelta, LAMB 1e-6; Muon 1e-7; Shampoo 1e-4; K-FAC: damping, 1e-3; Adafactor: that of the dtype */
    tn_opt_f64 weight_decay; /* L2; 0, and 0.01 for AdamW and LAMB, 0.1 for Muon */
    double l1;               /* adds l1 * sign(w) to the gradient */
    double clip_norm;        /* gradients are scaled so that their common 2-norm is at most this; 0: not */
    double clip_value;       /* gradients are cut to [-v, v]; 0: not */
    bool accumulate;         /* also make the entries for gradients summed over several batches */
    bool no_gradient_norm;   /* do not compute and check the norm of all gradients (one sweep over them) */
    const tn_param_group *groups;
    int n_groups;
    const char *name; /* for several optimizers in one graph: see below */
    /* of some optimizers */
    bool amsgrad;                     /* Adam, AdamW: Reddi et al. 2018, algorithm 2 */
    bool centered;                    /* RMSprop: less the square of the mean gradient */
    bool decoupled;                   /* Adam, NAdam, RAdam: weight decay shrinks the weights themselves */
    bool no_nesterov;                 /* Muon: plain momentum */
    tn_opt_f64 alpha;                 /* RMSprop: decay of the squares, 0.99; ASGD: the power of steps so far, 0.75 */
    tn_opt_f64 rho;                   /* Adadelta: decay of the squares, 0.9 */
    double lr_decay;                  /* Adagrad */
    double initial_accumulator_value; /* Adagrad */
    tn_opt_f64 momentum_decay;        /* NAdam: 0.004 */
    tn_opt_f64 trust_coefficient;     /* LARS: 0.001 */
    tn_opt_f64 beta2_decay;           /* Adafactor: -0.8 */
    tn_opt_f64 eps2, d;               /* Adafactor: the least size of a weight, 1e-3; where updates are cut, 1 */
    int ns_steps;                     /* Muon: iterations, 0 means 5 */
    tn_muon_scale adjust_lr;          /* Muon */
    int64_t refresh;                  /* Shampoo, K-FAC: steps from one root or inverse to the next; 0: 1, 10 */
    tn_opt_f64 kl_clip; /* K-FAC: the largest change of a step, lr^2 times way times gradient; 1e-3; 0: any */
    tn_opt_f64 eta_minus,
        eta_plus; /* Rprop: what a step of a weight becomes where its gradient turns, 0.5, and stays, 1.2 */
    tn_opt_f64 step_min, step_max; /* Rprop: 1e-6, 50 */
    tn_opt_f64 lambd, t0;          /* ASGD: how fast steps get shorter, 1e-4; steps before the mean begins, 1e6 */
    /* with any of them */
    bool centralize;   /* gradients of several axes less their mean over all but the first (Yong et al. 2020, eq. 1) */
    double sam;        /* radius in which the loss is looked at, as 0.05 (Foret et al. 2021, algorithm 1); 0: not */
    int64_t lookahead; /* steps after which the weights go back part of their way (Zhang et al. 2019); 0: not */
    tn_opt_f64 lookahead_alpha; /* how much of it they keep; 0.5 */
    tn_average average;         /* adds the entry "swap_average" */
    tn_opt_f64 average_decay;   /* EMA: 0.999 */
    int64_t average_start;      /* the first step that counts, from 1; 0: 1 */
    int64_t average_every;      /* steps from one that counts to the next; 0: 1 */
    bool scale_loss;            /* for gradients in f16: see below */
    double initial_scale;       /* 0: 65536 */
    int64_t scale_growth;       /* steps without an overflow after which it doubles; 0: 2000 */
    void *reserved[5];
} tn_optim_opt;

/* Trains every parameter that is not frozen and on which the loss depends, to make `loss` (rank 0) small. Adds
 *   input  "lr"             f32 rank 0: the learning rate of the run
 *   entry  "step"           gradients of one batch, then the update; outputs "loss" and "grad_norm" (before clipping)
 * and with `accumulate`
 *   entry  "accumulate_first", "accumulate"   add a batch's gradients up; output "loss"
 *   entry  "apply"          divides by input "accumulated" (f32 rank 0: how many batches) and updates; "grad_norm"
 * and with `average`, or ASGD, which has its own
 *   entry  "swap_average"   weights and averaged weights change places: before an evaluation, and again after it
 * Loss and gradient norm must be finite, else the run stops before any state is written. State: "optim.step" (i64) and per
 * parameter "optim.NAME.momentum", ".m", ".v", ..., ".slow" (lookahead), ".average" (ASGD ".ax") and ".grad". Returns the graph's status.
 *
 * With `sam` a step computes the loss's gradient, moves the weights by `sam` along it, computes the gradient there from the
 * same batch and the same random numbers, and updates the weights where they were; norm and clipping are of the second.
 *
 * With `scale_loss` gradients are those of the loss times "optim.loss_scale" and divided by it before anything else
 * (Micikevicius et al. 2018, section 3.2; torch.amp.GradScaler). Where they overflow, nothing but the scale, which halves,
 * changes, and "grad_norm" is no finite number.
 *
 * Nets that are trained in turn (a generator and its critic) have an optimizer each, with a name of its own, the other net's
 * parameters frozen by a group. With the name "critic" all that is added is called "critic.lr", "critic.step", ..., and the
 * state "optim.critic.step", "optim.critic.NAME.m", .... */
TN_API tn_status tn_minimize(tn_tensor *loss, const tn_optim_opt *opt);

/* ---- L-BFGS ------------------------------------------------------------------------------------------------------ */

/* For few samples and smooth losses: several evaluations a step, each of the whole (Nocedal and Wright 2006, algorithm 7.5). Names
 * are torch.optim.LBFGS's. */
typedef struct tn_lbfgs_opt {
    double lr;                  /* 0: 1 */
    int64_t max_iter, max_eval; /* of a step; 0: 20, and 5/4 of max_iter */
    double tolerance_grad;      /* 0: 1e-7: where no gradient is larger, a step ends */
    double tolerance_change;    /* 0: 1e-9: the same for changes of parameters and of the loss */
    int64_t history_size;       /* steps that the curvature is known from; 0: 10; 16 bytes a parameter for each */
    bool strong_wolfe;          /* a line search (algorithms 3.5 and 3.6); otherwise every step is as long as lr says */
    const tn_param_group *groups; /* only `frozen` counts */
    int n_groups;
    const char *name; /* as of tn_optim_opt */
    void *reserved[6];
} tn_lbfgs_opt;

/* Adds the entry "lbfgs", which gives "loss" (f64) and writes gradients to "optim.PARAMETER.lbfgs_grad", and the state
 * "optim.lbfgs.s", ".y", ".direction", ".gradient", ".numbers". Returns the graph's status. */
TN_API tn_status tn_lbfgs(tn_tensor *loss, const tn_lbfgs_opt *opt);
/* One step with the entry's feeds; *loss (may be NULL) is the one that it begins with. Every evaluation of a step sees the same random
 * numbers. Where it fails the parameters are those before the iteration that failed; the session has the sentence. */
TN_API tn_status tn_lbfgs_step(tn_session *session, const tn_lbfgs_opt *opt, int n_feeds, const tn_feed *feeds,
                               double *loss);

/* The graph's entry of this name, to which more outputs may be added; NULL. */
TN_API tn_entry *tn_graph_entry(tn_graph *graph, const char *name);

/* ---- schedules --------------------------------------------------------------------------------------------------- */

/* Steps and epochs count from 0. `at` is the step less the warm-up; the kinds that have a length end with `total`. Named as in
 * torch.optim.lr_scheduler. */
typedef enum tn_schedule_kind {
    TN_SCHEDULE_CONSTANT = 0,
    TN_SCHEDULE_STEP = 1,    /* times gamma every `every` epochs (StepLR) */
    TN_SCHEDULE_COSINE = 2,  /* from lr to lr_min over `total` steps (Loshchilov and Hutter 2017, eq. 5, one period) */
    TN_SCHEDULE_PLATEAU = 3, /* times gamma when the watched metric has not improved for more than `patience` epochs */
    TN_SCHEDULE_MULTI_STEP = 4,      /* times gamma at each of the epochs `milestones` (MultiStepLR) */
    TN_SCHEDULE_EXPONENTIAL = 5,     /* times gamma every epoch (ExponentialLR) */
    TN_SCHEDULE_POLYNOMIAL = 6,      /* lr_min + (lr - lr_min) * (1 - at / length)^power (PolynomialLR) */
    TN_SCHEDULE_LINEAR = 7,          /* from start_factor * lr to end_factor * lr (LinearLR) */
    TN_SCHEDULE_COSINE_RESTARTS = 8, /* cosines of `period` steps, each period_factor times as long as the one before
                                        (CosineAnnealingWarmRestarts; Loshchilov and Hutter 2017, section 3) */
    TN_SCHEDULE_ONE_CYCLE = 9,       /* up to lr and down (OneCycleLR; Smith and Topin 2018) */
    TN_SCHEDULE_CYCLIC = 10,         /* from lr_min up to lr and back, again and again (CyclicLR; Smith 2017) */
    TN_SCHEDULE_INVERSE_SQRT =
        11 /* lr * sqrt(w / (step + 1)) after w = warmup_steps (Vaswani et al. 2017, section 5.3) */
} tn_schedule_kind;

/* How the rate rises in the warm-up. */
typedef enum tn_warmup {
    TN_WARMUP_LINEAR = 0,
    TN_WARMUP_COSINE = 1,
    TN_WARMUP_EXPONENTIAL = 2, /* needs warmup_from > 0 */
    TN_WARMUP_CONSTANT = 3     /* warmup_from of the rate, then all of it (ConstantLR) */
} tn_warmup;

typedef enum tn_cycle { TN_CYCLE_TRIANGULAR = 0, TN_CYCLE_TRIANGULAR2 = 1, TN_CYCLE_EXP_RANGE = 2 } tn_cycle;

typedef struct tn_schedule_opt tn_schedule_opt;
struct tn_schedule_opt {
    tn_schedule_kind kind;
    double lr;     /* the base rate */
    double gamma;  /* 0: 0.1; exponential: 0.95; cyclic: 1 */
    int64_t every; /* epochs; 0: 1 */
    int64_t total; /* steps, warm-up included */
    double lr_min;
    int64_t patience;     /* epochs; as PyTorch's ReduceLROnPlateau with mode min */
    double threshold;     /* an improvement is relative: value < best * (1 - threshold); 0: 1e-4 */
    int64_t warmup_steps; /* step i has (i + 1) / warmup_steps of the rate, before the kind takes over */
    tn_warmup warmup;
    double warmup_from;        /* part of the rate at which the warm-up begins */
    const int64_t *milestones; /* epochs, rising */
    int n_milestones;
    double power;            /* polynomial; 0: 1 */
    tn_opt_f64 start_factor; /* linear; 1/3 */
    tn_opt_f64 end_factor;   /* linear; 1 */
    int64_t period;          /* restarts: steps; 0: 10 */
    int64_t period_factor;   /* 0: 1 */
    double pct_start;        /* one cycle: part of the steps that go up; 0: 0.3 */
    double div_factor;       /* it begins at lr / div_factor; 0: 25 */
    double final_div_factor; /* it ends at its beginning / final_div_factor; 0: 10000 */
    bool linear;             /* one cycle: lines in place of cosines */
    bool three_phase;        /* up, down to the beginning, and on to the end */
    int64_t up, down;        /* cyclic: steps; 0: 2000, and as many as up */
    tn_cycle mode;
    const tn_schedule_opt *then; /* what takes over at step `until` and counts its steps from there (SequentialLR) */
    int64_t until;
    const tn_schedule_opt *also; /* what else the rate is multiplied with: its rate for an lr of 1 (ChainedScheduler) */
    void *reserved[4];
};

/* Where a schedule is; all zero is the beginning. Belongs to what a checkpoint keeps. */
typedef struct tn_schedule {
    double best, factor; /* plateau */
    int64_t bad_epochs, seen;
    void *reserved[2];
} tn_schedule;

/* The rate for step number `step` (from 0) of epoch number `epoch` (from 0). */
TN_API double tn_schedule_rate(const tn_schedule_opt *opt, const tn_schedule *state, int64_t step, int64_t epoch);
/* At the end of an epoch, with the metric that is watched (smaller is better); needed by PLATEAU only, of which a chain has at
 * most one. */
TN_API void tn_schedule_epoch(const tn_schedule_opt *opt, tn_schedule *state, double metric);

#ifdef __cplusplus
}
#endif
#endif
