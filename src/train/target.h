/* target.h: what a model is measured against: numbers, a class for each sample, a class for each place of it, a probability for
 * each class, or boxes. */
#ifndef TRAIN_TARGET_H
#define TRAIN_TARGET_H

#include "train/trainer.h"

/* Losses whose targets are class numbers or their probabilities. */
bool train_takes_classes(tn_loss loss);
/* TN_LOSS_AUTO becomes what the data ask for; then whether model, data and loss go together. */
tn_status train_check_target(const tn_model *m, const tn_dataset *data, tn_loss *loss, train_target_kind *kind,
                             base_error *e);
/* The graph's input "target", and the loss of an output y beside it. */
tn_tensor *train_add_target(tn_model *m, train_target_kind kind);
tn_tensor *train_loss_of(tn_tensor *y, tn_loss loss, train_target_kind kind, tn_tensor *target, const tn_loss_opt *opt);
/* What each class counts for, as a constant [classes] of the graph; NULL where all count alike, or on failure. */
tn_tensor *train_class_weights(tn_model *m, const tn_dataset *data, tn_loss loss, const tn_train_opt *opt,
                               base_error *e);

/* Feeds of a batch, *n of them: "x" and "target", for a model with a second input "given", and the batch's lists by their names. */
tn_status train_feeds(train_scorer *s, const tn_loader *loader, const tn_batch *batch, tn_feed *feeds, int *n);
/* Are the outputs wanted, to see which class they take? Not where there are too many. */
bool train_has_scores(const train_scorer *s);
/* The output's classes: its last axis. */
int train_classes_of(const tn_model *m);
/* Output for what is fed: a view of the scorer's memory, of the model's output shape. */
tn_status train_output_view(train_scorer *s, const tn_feed *feeds, tn_view *view);
/* Samples, or places that have a class, of a batch: what its mean loss is the mean of. */
int64_t train_weight(const train_scorer *s, const tn_view *target);
/* The class that each row of scores takes, and the true ones (negative: none), in the scorer's memory; gives the rows. */
int64_t train_judge(train_scorer *s, const tn_view *scores, const tn_view *target, const int64_t **predicted,
                    const int64_t **truth);

#endif
