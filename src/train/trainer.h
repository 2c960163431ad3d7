/* trainer.h: the insides of the training loop. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include <stdatomic.h>

#include "base/file.h"
#include "model/core/model.h"
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
    train_mean loss; /* of the epoch so far */
    int64_t correct, seen;
} train_position;

/* Everything that evaluation needs: a program with an entry that gives loss and outputs. */
typedef struct train_scorer {
    tn_context *context;
    tn_model *model;
    tn_session *session;
    const char *entry;
    bool classes;  /* targets are class numbers */
    float *scores; /* of one batch */
    int64_t *predicted;
    size_t room; /* floats that scores has room for */
    train_confusion confusion;
    train_mean loss;
    base_error *e;
} train_scorer;

struct tn_trainer {
    tn_context *context;
    tn_model *model;
    tn_train_opt opt;
    base_error error;
    base_arena arena;
    tn_loss loss;
    tn_tensor *target;
    tn_program *program;
    tn_session *session;
    tn_loader *loader;
    const tn_dataset *valid;
    train_scorer scorer;
    train_position at;
    base_str history; /* metrics.jsonl */
    int64_t batches;  /* in an epoch */
    double started, epoch_started;
    double grad_norm, lr;
    tn_memory memory; /* of a step */
    atomic_bool cancel;
};

/* Adds target, loss and, if train is not NULL, its optimizer to the model's graph; *target is the input that takes y. */
tn_status train_add_loss(tn_model *model, const tn_dataset *data, tn_loss *loss, tn_tensor **target,
                         const tn_train_opt *train, base_error *e);
/* Losses whose targets are class numbers. */
bool train_takes_classes(tn_loss loss);
/* As tn_evaluate, by this loss. */
tn_status train_evaluate(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, tn_loss loss,
                         tn_evaluation *result, int64_t *confusion);
/* The transform of "x" that the model's preprocessing asks for. */
tn_transform train_transform(const tn_model *model, const tn_transform *augment);
tn_loader *train_loader(tn_context *context, tn_model *model, const tn_dataset *data, int64_t batch, bool train,
                        const tn_train_opt *opt, base_error *e);
/* Feeds of a batch: "x" and "target". */
tn_status train_feeds(const tn_loader *loader, const tn_batch *batch, const tn_model *model, bool classes,
                      tn_feed *feeds, base_error *e);
/* Output of a batch of n samples: a view of the scorer's memory, of the model's output shape. */
tn_status train_output_view(train_scorer *s, int64_t n, tn_view *view);
void train_count_correct(train_scorer *s, const tn_view *scores, const tn_view *truth, int64_t *correct);

void train_score_figures(const train_confusion *confusion, tn_evaluation *result);
tn_status train_score_data(train_scorer *s, const tn_dataset *data, int64_t batch, tn_evaluation *result);
void train_scorer_free(train_scorer *s);

/* Whether nothing is left to do after an epoch; NULL where something is, else why not. */
const char *train_finished(const tn_trainer *t);
tn_status train_save(tn_trainer *t, const char *path);
double train_now(void);

#endif
