/* metrics.c: see metrics.h. */
#include "train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* NaN is above everything, so that a net that has gone wrong does not look like one that predicts class 0. */
static bool above(float a, float b)
{
    return isnan(a) ? !isnan(b) : a > b;
}

void train_argmax(const float *scores, size_t rows, int classes, int64_t *predicted)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = scores + r * (size_t)classes;
        int best = 0;
        for (int k = 1; k < classes; k++)
            if (above(row[k], row[best]))
                best = k;
        predicted[r] = best;
    }
}

int64_t train_count_top(const float *scores, size_t rows, int classes, const int64_t *truth, int k)
{
    int64_t right = 0;
    for (size_t r = 0; r < rows; r++) {
        if (truth[r] < 0 || truth[r] >= classes)
            continue;
        const float *row = scores + r * (size_t)classes;
        int t = (int)truth[r], better = 0;
        for (int j = 0; j < classes; j++)
            better += above(row[j], row[t]) || (j < t && !above(row[t], row[j]));
        right += better < k;
    }
    return right;
}

static int by_score(const void *a, const void *b)
{
    float x = ((const train_ranked *)a)->score, y = ((const train_ranked *)b)->score;
    return above(y, x) ? -1 : above(x, y);
}

double train_auc(train_ranked *samples, size_t n)
{
    double below = 0, pairs = 0, positive = 0;
    if (n > 0)
        qsort(samples, n, sizeof *samples, by_score);
    for (size_t from = 0, to; from < n; from = to) {
        double zeros = 0, ones = 0;
        for (to = from; to < n && by_score(&samples[from], &samples[to]) == 0; to++) {
            ones += samples[to].positive;
            zeros += !samples[to].positive;
        }
        pairs += ones * (below + zeros / 2);
        below += zeros;
        positive += ones;
    }
    return positive > 0 && below > 0 ? pairs / (positive * below) : 0.5;
}

void train_mean_add(train_mean *m, double value, double weight)
{
    double term = value * weight, sum = m->sum + term;
    m->lost += fabs(m->sum) >= fabs(term) ? (m->sum - sum) + term : (term - sum) + m->sum;
    m->sum = sum;
    m->weight += weight;
}

double train_mean_value(const train_mean *m)
{
    if (m->weight == 0)
        return 0;
    /* After an infinity the compensation is NaN while the sum is still right. */
    return (isfinite(m->sum) ? m->sum + m->lost : m->sum) / m->weight;
}

tn_status train_confusion_init(train_confusion *c, int classes, base_error *e)
{
    *c = (train_confusion){0};
    if (classes < 1 || classes > TRAIN_MOST_CLASSES)
        return base_fail(e, TN_INVALID, "a confusion matrix of %d classes: there must be between 1 and %d", classes,
                         TRAIN_MOST_CLASSES);
    const bool small = classes <= TN_CONFUSION_CLASSES;
    c->sums = calloc((size_t)classes, sizeof *c->sums);
    c->counts = small ? calloc((size_t)classes * (size_t)classes, sizeof *c->counts) : NULL;
    if (!c->sums || (small && !c->counts)) {
        train_confusion_free(c);
        return base_no_memory(e, "making a confusion matrix");
    }
    c->classes = classes;
    return TN_OK;
}

void train_confusion_clear(train_confusion *c)
{
    if (c->sums)
        memset(c->sums, 0, (size_t)c->classes * sizeof *c->sums);
    if (c->counts)
        memset(c->counts, 0, (size_t)c->classes * (size_t)c->classes * sizeof *c->counts);
}

void train_confusion_free(train_confusion *c)
{
    free(c->counts);
    free(c->sums);
    *c = (train_confusion){0};
}

static int64_t *cell(const train_confusion *c, int64_t truth, int64_t predicted)
{
    return &c->counts[truth * c->classes + predicted];
}

tn_status train_confusion_add(train_confusion *c, const int64_t *truth, const int64_t *predicted, size_t n,
                              base_error *e)
{
    for (size_t i = 0; i < n; i++) {
        bool bad_truth = truth[i] >= c->classes;
        bool bad_guess = truth[i] >= 0 && (predicted[i] < 0 || predicted[i] >= c->classes);
        if (bad_truth || bad_guess)
            return base_fail(e, TN_INVALID, "sample %zu has the %s %lld, but the classes are 0 to %d", i,
                             bad_truth ? "label" : "prediction", (long long)(bad_truth ? truth[i] : predicted[i]),
                             c->classes - 1);
    }
    for (size_t i = 0; i < n; i++) {
        if (truth[i] < 0)
            continue;
        c->sums[truth[i]].truth++;
        c->sums[predicted[i]].predicted++;
        c->sums[truth[i]].correct += truth[i] == predicted[i];
        if (c->counts)
            ++*cell(c, truth[i], predicted[i]);
    }
    return TN_OK;
}

tn_status train_confusion_merge(train_confusion *c, const train_confusion *other, base_error *e)
{
    if (c->classes != other->classes)
        return base_fail(e, TN_SHAPE, "a confusion matrix of %d classes cannot be added to one of %d", other->classes,
                         c->classes);
    for (size_t i = 0; c->counts && i < (size_t)c->classes * (size_t)c->classes; i++)
        c->counts[i] += other->counts[i];
    for (int k = 0; k < c->classes; k++) {
        c->sums[k].truth += other->sums[k].truth;
        c->sums[k].predicted += other->sums[k].predicted;
        c->sums[k].correct += other->sums[k].correct;
    }
    return TN_OK;
}

static double quotient(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static train_class_sums sums_of(const train_confusion *c, int k)
{
    if (c->sums)
        return c->sums[k];
    train_class_sums s = {.correct = *cell(c, k, k)};
    for (int i = 0; i < c->classes; i++) {
        s.truth += *cell(c, k, i);
        s.predicted += *cell(c, i, k);
    }
    return s;
}

train_class_score train_confusion_class(const train_confusion *c, int class_index)
{
    const train_class_sums sums = sums_of(c, class_index);
    train_class_score s = {.support = sums.truth, .predicted = sums.predicted, .correct = sums.correct};
    s.precision = quotient((double)s.correct, (double)s.predicted);
    s.recall = quotient((double)s.correct, (double)s.support);
    s.f1 = quotient(2.0 * (double)s.correct, (double)(s.support + s.predicted));
    return s;
}

static void add_average(train_average *a, const train_class_score *s, double weight)
{
    a->precision += weight * s->precision;
    a->recall += weight * s->recall;
    a->f1 += weight * s->f1;
}

static train_average scaled(train_average a, double by)
{
    return (train_average){quotient(a.precision, by), quotient(a.recall, by), quotient(a.f1, by)};
}

train_score train_confusion_score(const train_confusion *c)
{
    train_score s = {0};
    double chance = 0, recalls = 0;
    int with_samples = 0;
    for (int k = 0; k < c->classes; k++) {
        train_class_score one = train_confusion_class(c, k);
        bool seen = one.support + one.predicted > 0;
        s.total += one.support;
        s.correct += one.correct;
        s.classes_seen += seen;
        with_samples += one.support > 0;
        recalls += one.recall;
        chance += (double)one.support * (double)one.predicted;
        add_average(&s.macro, &one, seen);
        add_average(&s.weighted, &one, (double)one.support);
    }
    double n = (double)s.total;
    s.accuracy = quotient((double)s.correct, n);
    s.balanced_accuracy = quotient(recalls, with_samples);
    s.macro = scaled(s.macro, s.classes_seen);
    s.weighted = scaled(s.weighted, n);
    chance = quotient(chance, n * n);
    s.kappa = quotient(s.accuracy - chance, 1.0 - chance);
    return s;
}

double train_confusion_iou(const train_confusion *c)
{
    double sum = 0;
    int seen = 0;
    for (int k = 0; k < c->classes; k++) {
        const train_class_score one = train_confusion_class(c, k);
        sum += quotient((double)one.correct, (double)(one.support + one.predicted - one.correct));
        seen += one.support + one.predicted > 0;
    }
    return quotient(sum, seen);
}
