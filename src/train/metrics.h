/* metrics.h: what a training run reports about its predictions. Pure arithmetic on counts: nothing here knows graphs.
 *
 * Where a quotient would be 0/0 the result is 0: the precision of a class that was never predicted, the recall of a
 * class without samples, every figure of an empty matrix. Averages over classes run over those that occur, as truth or
 * as prediction, so that classes without any sample do not pull a score down. */
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include <tarn/train.h>

/* ---- predictions ----------------------------------------------------------------------------------------------- */

/* Index of the largest of each row of scores[rows][classes]; the first of equals; a NaN counts as the largest, as in
 * PyTorch. classes >= 1. */
void train_argmax(const float *scores, size_t rows, int classes, int64_t *predicted);
/* How many rows have their truth among the k best scores. A score equal to the truth's counts against it only when it
 * stands before it, so that k = 1 agrees with train_argmax. Rows with a truth outside of 0..classes-1 are never right.
 */
int64_t train_count_top(const float *scores, size_t rows, int classes, const int64_t *truth, int k);

/* How often a sample of class 1 has a higher score than one of class 0, ties counting half: the area under the ROC curve.
 * The samples are put in order. 0.5 where a class has no sample. */
typedef struct train_ranked {
    float score;
    bool positive;
} train_ranked;
double train_auc(train_ranked *samples, size_t n);

/* ---- means ----------------------------------------------------------------------------------------------------- */

/* A running weighted mean (loss over batches of several sizes), summed with compensation (Neumaier 1974) so that the
 * result does not depend on how long the epoch is. {0} is the empty mean. */
typedef struct train_mean {
    double sum, lost, weight;
} train_mean;
void train_mean_add(train_mean *m, double value, double weight);
/* 0 when nothing was added. */
double train_mean_value(const train_mean *m);

/* ---- confusion matrix ------------------------------------------------------------------------------------------ */

/* Sums of each class, which all figures come from, and up to TN_CONFUSION_CLASSES classes the matrix itself: its size is their square. */
typedef struct train_class_sums {
    int64_t truth, predicted, correct;
} train_class_sums;

typedef struct train_confusion {
    int classes;
    int64_t *counts;        /* [truth][prediction]; NULL: too many classes */
    train_class_sums *sums; /* NULL: as the counts say */
} train_confusion;

enum { TRAIN_MOST_CLASSES = 32768 };

tn_status train_confusion_init(train_confusion *c, int classes, base_error *e);
void train_confusion_clear(train_confusion *c);
void train_confusion_free(train_confusion *c);
/* Counts n samples. A negative truth means "no label" and is left out. Any other label outside of 0..classes-1 is an
 * error that names the sample; then nothing of this call is counted. */
tn_status train_confusion_add(train_confusion *c, const int64_t *truth, const int64_t *predicted, size_t n,
                              base_error *e);
/* c += other; both have the same number of classes. */
tn_status train_confusion_merge(train_confusion *c, const train_confusion *other, base_error *e);

typedef struct train_class_score {
    int64_t support;   /* samples whose truth is this class */
    int64_t predicted; /* samples for which it was predicted */
    int64_t correct;
    double precision, recall, f1;
} train_class_score;

train_class_score train_confusion_class(const train_confusion *c, int class_index);

typedef struct train_average {
    double precision, recall, f1;
} train_average;

typedef struct train_score {
    int64_t total, correct;
    int classes_seen; /* those that occur as truth or as prediction */
    double accuracy;
    double balanced_accuracy; /* mean recall over the classes that have samples */
    double kappa;             /* agreement beyond chance (Cohen 1960); 0 where chance explains everything */
    train_average macro;      /* every class that occurs counts the same */
    train_average weighted;   /* classes count by their samples */
} train_score;

train_score train_confusion_score(const train_confusion *c);
/* correct / (support + predicted - correct), mean of the classes that occur: the Jaccard index of masks. */
double train_confusion_iou(const train_confusion *c);

#endif
