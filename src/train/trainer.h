/* trainer.h: the insides of the training loop. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include <stdatomic.h>

#include "base/file.h"
#include "base/vec.h"
#include "model/core/model.h"
#include "train/boxes.h"
#include "train/metrics.h"
#include <tarn/train.h>

/* Where a run stands: what a checkpoint keeps beside the state. */
typedef struct train_position {
    int64_t epoch, batch, total; /* batch: how many of the epoch are done */
    tn_schedule schedule;
    double best; /* of the watched metric, smaller is better */
    double mark; /* where it stood when it made progress last: patience counts from there */
    int64_t bad_epochs;
    bool have_best, finished;
    train_mean loss;               /* of the epoch so far */
    int64_t correct, judged, seen; /* right ones among classes that were judged; samples */
    int64_t skipped;               /* samples that were left out */
} train_position;

enum { TRAIN_MOST_FEEDS = 3 + TN_MAX_FIELDS }; /* of train_feeds */

typedef enum train_target_kind {
    TRAIN_NUMBERS = 0,
    TRAIN_CLASS,  /* i64 [batch] for an output [batch, classes] */
    TRAIN_PLACES, /* i64 [batch, places] for an output [batch, places, classes]; negative: none there */
    TRAIN_SOFT,   /* f32 [batch, classes], as the output */
    TRAIN_BOXES   /* f32 [batch, boxes, 5] for an output of the layer boxes */
} train_target_kind;

/* Samples that cannot be had: an error; told and left out; left out. */
typedef enum train_bad { TRAIN_BAD_FAILS = 0, TRAIN_BAD_TOLD, TRAIN_BAD_PASSED } train_bad;

/* Everything that evaluation needs: a program with an entry that gives loss and outputs. */
typedef struct train_scorer {
    tn_context *context;
    tn_model *model;
    tn_session *session;
    const char *entry;
    train_target_kind target;
    float *scores;      /* of one batch */
    int64_t *predicted; /* room for two for each row of scores */
    size_t room;        /* floats that scores has room for */
    float *soft;        /* class numbers as probabilities */
    size_t soft_room;
    train_confusion confusion;
    base_vec(train_ranked) ranked; /* of two classes: for the area under the ROC curve */
    train_boxes_score boxes;
    train_mean loss;
    train_bad bad;
    const char *what; /* the scores are for */
    base_error *e;
} train_scorer;

struct tn_trainer {
    tn_context *context;
    tn_model *model;
    tn_train_opt opt;
    base_error error;
    base_arena arena;
    tn_loss loss;
    tn_program *program;
    tn_session *session;
    tn_loader *loader;
    const tn_dataset *valid;
    train_scorer scorer;
    train_position at;
    base_str history; /* metrics.jsonl */
    int64_t batches;  /* in an epoch */
    int64_t held;     /* batches whose gradients wait for the end of their group */
    double started, epoch_started;
    int64_t seen_before; /* samples of this epoch that another process saw, which was stopped */
    double grad_norm, lr;
    tn_memory memory; /* of a step */
    atomic_bool cancel;
};

/* "f32[3,4]": dtype and shape of a field in one sample. Returns buffer. */
const char *train_describe(const tn_field *field, char *buffer, size_t size);
/* Adds target, loss and, if train is not NULL, its optimizer to the model's graph. */
tn_status train_add_loss(tn_model *model, const tn_dataset *data, tn_loss *loss, train_target_kind *kind,
                         const tn_train_opt *train, base_error *e);
/* As tn_evaluate, by this loss. */
tn_status train_evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, tn_loss loss,
                         train_bad bad, tn_evaluation *result, int64_t *confusion);
/* The transform of "x" that the model's preprocessing asks for. */
tn_transform train_transform(const tn_model *model, const tn_transform *augment);
tn_loader *train_loader(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, bool train,
                        const tn_train_opt *opt, base_error *e);
void train_score_figures(const train_confusion *confusion, tn_evaluation *result);
tn_status train_score_data(train_scorer *s, const tn_dataset *data, int64_t batch, tn_evaluation *result);
void train_scorer_free(train_scorer *s);

/* Whether nothing is left to do after an epoch; NULL where something is, else why not. */
const char *train_finished(const tn_trainer *t);
tn_status train_save(tn_trainer *t, const char *path);
double train_now(void);

#endif
