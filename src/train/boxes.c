/* boxes.c: see boxes.h. */
#include "train/boxes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DUE = 5 };

tn_status train_boxes_init(train_boxes_score *s, int classes, base_error *e)
{
    train_boxes_free(s);
    s->there = calloc((size_t)classes + 1, sizeof *s->there);
    s->classes = classes;
    return s->there ? TN_OK : base_no_memory(e, "evaluating");
}

void train_boxes_free(train_boxes_score *s)
{
    free(s->there);
    base_vec_free(&s->found);
    *s = (train_boxes_score){0};
}

/* The box of the class that is most like what was found and not yet taken; -1 if none shares `least`. */
static int64_t best_match(const tn_detection *d, const float *truth, int64_t boxes, double least, const bool *taken)
{
    int64_t best = -1;
    for (int64_t i = 0; i < boxes; i++) {
        const float *t = truth + DUE * i;
        if (taken[i] || t[0] < 0 || (int)t[0] != d->of_class)
            continue;
        const double share = tn_detection_overlap(d, &(tn_detection){d->of_class, 1, t[1], t[2], t[3], t[4]});
        if (share >= least) {
            best = i;
            least = share;
        }
    }
    return best;
}

tn_status train_boxes_add(train_boxes_score *s, const tn_detection *found, int n, const float *truth, int64_t boxes,
                          base_error *e)
{
    const size_t first = s->found.n;
    bool *taken = malloc((size_t)boxes + 1);
    tn_status status = taken ? TN_OK : base_no_memory(e, "evaluating");
    for (int64_t i = 0; i < boxes; i++)
        if (truth[DUE * i] >= 0 && truth[DUE * i] < (float)s->classes)
            s->there[(int)truth[DUE * i]]++;
    for (int i = 0; status == TN_OK && i < n; i++)
        if (!base_vec_push(&s->found, (train_found){found[i].score, found[i].of_class, (int64_t)s->found.n, 0}))
            status = base_no_memory(e, "evaluating");
    for (int k = 0; status == TN_OK && k < TRAIN_OVERLAPS; k++) {
        memset(taken, 0, (size_t)boxes + 1);
        for (int i = 0; i < n; i++) {
            const int64_t match = best_match(&found[i], truth, boxes, 0.5 + 0.05 * k, taken);
            if (match < 0)
                continue;
            taken[match] = true;
            s->found.at[first + (size_t)i].right |= 1U << k;
        }
    }
    free(taken);
    return status;
}

static int by_class_and_score(const void *a, const void *b)
{
    const train_found *p = a, *q = b;
    if (p->of_class != q->of_class)
        return p->of_class < q->of_class ? -1 : 1;
    if (p->score > q->score || q->score > p->score)
        return p->score > q->score ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

/* Precision at 101 recalls, each the best of that recall or beyond, as COCO takes it. */
static double average_precision(const train_found *found, size_t n, int64_t there, int k)
{
    enum { POINTS = 101 };
    double best = 0, sum = 0;
    int64_t right = 0;
    for (size_t i = 0; i < n; i++)
        right += found[i].right >> k & 1;
    int point = POINTS - 1;
    for (size_t i = n; i-- > 0;) { /* from the highest recall down */
        const double recall = (double)right / (double)there, precision = (double)right / (double)(i + 1);
        for (; point >= 0 && (double)point / (POINTS - 1) > recall + 1e-12; point--)
            sum += best;
        best = precision > best ? precision : best;
        right -= found[i].right >> k & 1;
    }
    for (; n > 0 && point >= 0; point--)
        sum += best;
    return sum / POINTS;
}

void train_boxes_figures(train_boxes_score *s, double *map50, double *map)
{
    double sums[TRAIN_OVERLAPS] = {0}, all = 0;
    int64_t classes = 0;
    if (s->found.n)
        qsort(s->found.at, s->found.n, sizeof *s->found.at, by_class_and_score);
    for (size_t from = 0, to, c = 0; c < (size_t)s->classes; c++, from = to) {
        for (to = from; to < s->found.n && s->found.at[to].of_class == (int)c; to++)
            continue;
        classes += s->there[c] > 0;
        for (int k = 0; s->there[c] > 0 && k < TRAIN_OVERLAPS; k++)
            sums[k] += average_precision(s->found.at + from, to - from, s->there[c], k);
    }
    for (int k = 0; k < TRAIN_OVERLAPS; k++)
        all += sums[k];
    *map50 = classes ? sums[0] / (double)classes : (double)NAN;
    *map = classes ? all / (double)classes / TRAIN_OVERLAPS : (double)NAN;
}
