/* tarn/train.h: the training loop: epochs of training and validation, metrics, schedules, early stopping, checkpoints, exact
 * resume. What a loop does by itself, tn_run with an entry "step" does by hand (examples/train_loop.c). */
#ifndef TARN_TRAIN_H
#define TARN_TRAIN_H

#include <tarn/data.h>
#include <tarn/model.h>
#include <tarn/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tn_loss {
    TN_LOSS_AUTO = 0, /* cross entropy for data sets with classes, that of boxes for boxes, else mean squared error */
    TN_LOSS_CROSS_ENTROPY = 1,
    TN_LOSS_MSE = 2,
    TN_LOSS_L1 = 3,
    TN_LOSS_BCE_WITH_LOGITS = 4,
    TN_LOSS_NLL = 5, /* of log-probabilities, as a last layer log_softmax gives them */
    TN_LOSS_BCE = 6, /* of probabilities */
    TN_LOSS_SMOOTH_L1 = 7,
    TN_LOSS_HUBER = 8,
    TN_LOSS_POISSON_NLL = 9, /* of counts, the outputs being logarithms of rates */
    TN_LOSS_BOXES = 10       /* of the layer boxes (tn_boxes_loss), beside boxes of the data */
} tn_loss;

/* What early stopping, the choice of the best model and the plateau schedule look at: on the validation set, or without one
 * the training loss. */
typedef enum tn_metric {
    TN_METRIC_LOSS = 0,
    TN_METRIC_ACCURACY = 1,
    TN_METRIC_F1 = 2,
    TN_METRIC_IOU = 3, /* of a class for each place */
    TN_METRIC_MAP = 4  /* of boxes */
} tn_metric;

/* What is known at the end of an epoch, or of a step (validation then unset: valid is false). */
typedef struct tn_progress {
    int64_t epoch, epochs; /* from 0; how many there will be */
    int64_t step, steps;   /* in the epoch */
    int64_t total_steps;   /* since the beginning */
    double loss, accuracy; /* means over the epoch so far, training; accuracy is NaN without classes */
    double lr, grad_norm;
    double samples_per_second, seconds;    /* of the epoch; since the beginning */
    bool epoch_end, valid, best;           /* validation was made; it is the best so far */
    double val_loss, val_accuracy, val_f1; /* macro F1 */
    double val_iou, val_map;               /* as in tn_evaluation */
    double waited;                         /* part of the time that the step waited for data, 0 to 1 */
    int64_t skipped, val_skipped; /* samples that were left out: of the epoch so far; of validation (skip_bad) */
} tn_progress;

/* Called on the calling thread, no lock held, after every step and every epoch; non-zero stops training (TN_CANCELLED) after
 * saving `last`. */
typedef int (*tn_progress_fn)(void *user, const tn_progress *progress);

typedef struct tn_train_opt {
    int64_t epochs; /* 0: 1 */
    int64_t batch;  /* 0: 64 */
    uint64_t seed;
    tn_loss loss;
    tn_optim_opt optim;
    tn_schedule_opt schedule;    /* schedule.lr is the learning rate: 0: 1e-3 (SGD: 1e-2) */
    int64_t accumulate;          /* batches whose gradients are summed before an update; 0: 1 */
    bool no_shuffle;             /* training samples always in the order of the data set */
    bool drop_last;              /* no smaller batch at the end of an epoch */
    int workers;                 /* loader threads */
    int prefetch;                /* batches made ahead; 0: two, and as many as workers */
    const tn_transform *augment; /* random moves for training samples, or NULL: of field "x" */
    tn_metric watch;             /* what early stopping and the best model look at */
    int64_t patience;            /* early stopping: epochs without progress of `watch`; 0: never */
    double min_delta;            /* less progress than this is none */
    tn_metric plateau;           /* what TN_SCHEDULE_PLATEAU looks at */
    const char
        *folder; /* run folder: last.safetensors, model.safetensors (best), metrics.jsonl; NULL: none is written */
    int64_t checkpoint_every; /* steps between checkpoints within an epoch; 0: at the end of epochs only */
    size_t memory_limit;      /* of a step, as in tn_compile_opt */
    tn_precision precision;   /* of products and convolutions */
    tn_progress_fn progress;
    void *user;
    double label_smoothing; /* cross entropy, in training alone: this part of the target is spread over all classes */
    const tn_lbfgs_opt
        *lbfgs;         /* not NULL: steps are those of L-BFGS, at the rate of `schedule` (0: 1). Of `optim` the groups
                                  count, and only `frozen` of them; what else changes gradients or steps is refused */
    int bucket, pad_to; /* of the loaders, as in tn_loader_opt */
    /* Of cross entropy and nll, in training alone: what each class counts for, as many as the model has outputs (NULL: 1 each);
     * or such that all classes of the training samples count alike (tn_class_weights). */
    const double *class_weights;
    int n_class_weights;
    bool balance_classes;
    bool skip_bad; /* samples of training and validation that cannot be had are left out, as in tn_loader_opt */
    void *reserved[4];
} tn_train_opt;

/* Of more classes no confusion matrix is kept, whose size grows with their square; all other figures are the same. */
enum { TN_CONFUSION_CLASSES = 1024 };

/* Figures of an evaluation. */
typedef struct tn_evaluation {
    int64_t samples, skipped; /* looked at; left out, as they could not be had */
    double loss, accuracy;
    int classes; /* the model's outputs, of which the data may use fewer; 0: numbers are predicted */
    /* [truth][prediction], classes x classes; a trainer's lives until its next evaluation. NULL above TN_CONFUSION_CLASSES. */
    const int64_t *confusion;
    double macro_f1, weighted_f1;
    double auc; /* of two classes: the area under the ROC curve; else NaN */
    /* Of a class for each place: right ones of a class, divided by those that are it or are taken for it, mean of the classes that
     * occur. Of boxes: the area under the curve of precision over recall, mean of the classes that occur; a box is found where one of
     * its class shares at least half of the union; and the mean of that for 0.5, 0.55 to 0.95. Else NaN. */
    double mean_iou, map50, map;
} tn_evaluation;

typedef struct tn_trainer tn_trainer;

/* Prepares training of a model on data sets with fields "x" (as the model's preprocessing takes it) and "y". `valid` may be
 * NULL. Adds loss and optimizer to the model's graph. Wrong sizes, more classes in the data than outputs, a batch larger than
 * the data set, a learning rate that is no number: NULL and a sentence in the context. A model or data that could not be made, NULL, leaves the
 * sentence that says why. */
TN_API tn_trainer *tn_trainer_new(tn_context *context, tn_model *model, const tn_dataset *train,
                                  const tn_dataset *valid, const tn_train_opt *opt);
TN_API void tn_trainer_free(tn_trainer *trainer);
/* What a step of a whole batch needs: known before it runs. Lives as long as the trainer. */
TN_API const tn_memory *tn_trainer_memory(const tn_trainer *trainer);
/* Trains to the end (or from where a resumed run stood). */
TN_API tn_status tn_trainer_run(tn_trainer *trainer);
/* Everything that a run needs to go on as if it had never stopped: `last.safetensors`. */
TN_API tn_status tn_trainer_save(tn_trainer *trainer, const char *path);
TN_API tn_status tn_trainer_resume(tn_trainer *trainer, const char *path);
TN_API tn_status tn_trainer_evaluate(tn_trainer *trainer, const tn_dataset *data, tn_evaluation *result);
TN_API const char *tn_trainer_error(const tn_trainer *trainer);
/* Safe in a signal handler: stops after the current step with TN_CANCELLED, `last` saved. */
TN_API void tn_trainer_cancel(tn_trainer *trainer);

/* The same without training: loss and metrics of a model on a data set. confusion: NULL, or room for the square of the
 * model's outputs, whatever number of classes the data have; it is not written above TN_CONFUSION_CLASSES of them. */
TN_API tn_status tn_evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch,
                             tn_evaluation *result, int64_t *confusion);

#ifdef __cplusplus
}
#endif
#endif
