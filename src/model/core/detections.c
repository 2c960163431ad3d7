/* detections.c: what the rows of the layer boxes mean: the sure ones, of those that mean one thing the surest. */
#include <math.h>

#include <tarn/model.h>
#include <tarn/ops.h>

static double sure(float logit)
{
    return 1 / (1 + exp(-(double)logit));
}

double tn_detection_overlap(const tn_detection *a, const tn_detection *b)
{
    double w = fmin((double)a->right, (double)b->right) - fmax((double)a->left, (double)b->left);
    double h = fmin((double)a->bottom, (double)b->bottom) - fmax((double)a->top, (double)b->top);
    double common = w > 0 && h > 0 ? w * h : 0;
    double both = ((double)a->right - (double)a->left) * ((double)a->bottom - (double)a->top) +
                  ((double)b->right - (double)b->left) * ((double)b->bottom - (double)b->top) - common;
    return both > 0 ? common / both : 0;
}

/* Surest first; equal ones keep their order, which is that of the places. */
static void put(tn_detection *found, int *n, int room, const tn_detection *d)
{
    int at = *n;
    while (at > 0 && found[at - 1].score < d->score)
        at--;
    if (at >= room)
        return;
    *n += *n < room;
    for (int i = *n - 1; i > at; i--)
        found[i] = found[i - 1];
    found[at] = *d;
}

int tn_detections(const float *rows, int64_t places, int classes, double score, double most_overlap,
                  tn_detection *found, int room)
{
    int n = 0, kept = 0;
    for (int64_t p = 0; p < places; p++) {
        const float *r = rows + p * (TN_BOX_COLUMNS + classes);
        const double thing = sure(r[4]);
        for (int c = 0; thing >= score && c < classes; c++) {
            const double s = thing * sure(r[TN_BOX_COLUMNS + c]);
            const tn_detection d = {c, (float)s, r[0], r[1], r[2], r[3]};
            if (s >= score && isfinite(r[0] + r[1] + r[2] + r[3]))
                put(found, &n, room, &d);
        }
    }
    for (int i = 0; i < n; i++) {
        bool again = false;
        for (int k = 0; k < kept && !again; k++)
            again = found[k].of_class == found[i].of_class && tn_detection_overlap(&found[k], &found[i]) > most_overlap;
        if (!again)
            found[kept++] = found[i];
    }
    return kept;
}
