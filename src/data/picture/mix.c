/* mix.c: batches mixed with themselves: mixup (H. Zhang and others, "mixup: Beyond Empirical Risk Minimization", 2017) and CutMix
 * (S. Yun and others, 2019); labels as probabilities. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "data/picture/mix.h"

/* Gamma(a, 1) by G. Marsaglia and W. W. Tsang, "A Simple Method for Generating Gamma Variables", 2000. */
static double gamma_of(base_random *r, double a)
{
    if (a < 1)
        return gamma_of(r, a + 1) * pow(1 - base_random_f64(r), 1 / a);
    double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = base_random_normal(r), v = 1 + c * x, u = 1 - base_random_f64(r);
        v = v * v * v;
        if (v > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

double mix_beta(base_random *r, double a)
{
    double x = gamma_of(r, a), y = gamma_of(r, a);
    return x + y > 0 ? x / (x + y) : 0.5;
}

static tn_status check(const tn_view *v, const char *what, int least, base_error *e)
{
    if (v && v->data && v->dtype == TN_F32 && v->rank >= least && !v->strided && tn_view_count(v) > 0 &&
        v->bytes / sizeof(float) >= (size_t)tn_view_count(v) && (uintptr_t)v->data % sizeof(float) == 0)
        return TN_OK;
    return base_fail(e, TN_SHAPE, "%s must be a row-major view of f32 with at least %d dimensions", what, least);
}

/* Row i becomes l * row i + (1 - l) * row i - 1, the first with the last. */
static tn_status blend_rows(const tn_view *v, double l, base_error *e)
{
    size_t n = (size_t)v->dims[0], row = (size_t)tn_view_count(v) / n;
    float *data = v->data, *last = malloc(row * sizeof *last), a = (float)l, b = (float)(1 - l);
    if (!last)
        return base_no_memory(e, "mixing a batch");
    memcpy(last, data + (n - 1) * row, row * sizeof *last);
    for (size_t i = n; i-- > 0;) {
        float *to = data + i * row;
        const float *from = i ? to - row : last;
        for (size_t k = 0; k < row; k++)
            to[k] = a * to[k] + b * from[k];
    }
    free(last);
    return TN_OK;
}

/* The rectangle of the row before, from the last row backwards, so that each is read before it is changed. */
static tn_status cut_rows(const tn_view *v, const int64_t box[4], base_error *e)
{
    size_t n = (size_t)v->dims[0], row = (size_t)tn_view_count(v) / n;
    size_t height = (size_t)v->dims[v->rank - 2], width = (size_t)v->dims[v->rank - 1];
    float *data = v->data, *last = malloc(row * sizeof *last);
    if (!last)
        return base_no_memory(e, "mixing a batch");
    memcpy(last, data + (n - 1) * row, row * sizeof *last);
    for (size_t i = n; i-- > 0;) {
        const float *from = i ? data + (i - 1) * row : last;
        for (size_t plane = 0; plane < row; plane += height * width)
            for (int64_t y = box[1]; y < box[3]; y++)
                memcpy(data + i * row + plane + (size_t)y * width + (size_t)box[0],
                       from + plane + (size_t)y * width + (size_t)box[0], (size_t)(box[2] - box[0]) * sizeof(float));
    }
    free(last);
    return TN_OK;
}

static int64_t cut(double v, int64_t most)
{
    return v < 0 ? 0 : v > (double)most ? most : (int64_t)v;
}

void mix_box(base_random *r, double l, int64_t width, int64_t height, int64_t box[4])
{
    double cx = base_random_f64(r) * (double)width, cy = base_random_f64(r) * (double)height;
    double half_w = sqrt(1 - l) * (double)width / 2, half_h = sqrt(1 - l) * (double)height / 2;
    box[0] = cut(cx - half_w, width);
    box[1] = cut(cy - half_h, height);
    box[2] = cut(cx + half_w, width);
    box[3] = cut(cy + half_h, height);
}

tn_status tn_batch_mix(tn_context *context, const tn_view *x, const tn_view *y, const tn_mix_opt *opt, uint64_t key)
{
    base_error *e = base_context_begin(context);
    base_random r = base_random_new(key, 0x317);
    double up = opt ? opt->mixup : 0, cutting = opt ? opt->cutmix : 0;
    double probability = opt && opt->probability > 0 ? opt->probability : 1;
    BASE_TRY(check(x, "x of a mixed batch", 2, e));
    BASE_TRY(check(y, "y of a mixed batch", 2, e));
    if (x->dims[0] != y->dims[0])
        return base_fail(e, TN_SHAPE, "x has %lld samples, y has %lld", (long long)x->dims[0], (long long)y->dims[0]);
    if (!(up >= 0 && cutting >= 0 && up < 1e6 && cutting < 1e6) || (cutting > 0 && x->rank != 4))
        return base_fail(e, TN_INVALID, "mixup and cutmix are at least 0, and cutmix needs x [n, channels, h, w]");
    if ((up == 0 && cutting == 0) || base_random_f64(&r) >= probability)
        return TN_OK;
    bool cuts = cutting > 0 && (up == 0 || base_random_f64(&r) < 0.5);
    double l = mix_beta(&r, cuts ? cutting : up);
    if (!cuts) {
        BASE_TRY(blend_rows(x, l, e));
        return blend_rows(y, l, e);
    }
    int64_t width = x->dims[3], height = x->dims[2], box[4];
    mix_box(&r, l, width, height, box);
    BASE_TRY(cut_rows(x, box, e));
    double area = (double)((box[2] - box[0]) * (box[3] - box[1]));
    return blend_rows(y, 1 - area / ((double)width * (double)height), e); /* what was cut off at the border counts */
}

tn_status tn_batch_one_hot(tn_context *context, const tn_view *labels, double smoothing, const tn_view *y)
{
    base_error *e = base_context_begin(context);
    BASE_TRY(check(y, "y of a batch", 2, e));
    int64_t n = y->dims[0], classes = tn_view_count(y) / n;
    if (!labels || !labels->data || labels->dtype != TN_I64 || labels->strided || tn_view_count(labels) != n ||
        labels->bytes / sizeof(int64_t) < (size_t)n || y->rank != 2)
        return base_fail(e, TN_SHAPE, "labels must be i64 [%lld] for y f32 [%lld, classes]", (long long)n,
                         (long long)n);
    if (!(smoothing >= 0 && smoothing < 1))
        return base_fail(e, TN_INVALID, "smoothing is %g; it lies in 0 to 1", smoothing);
    float *out = y->data;
    for (int64_t i = 0; i < n; i++) {
        int64_t label;
        memcpy(&label, (const char *)labels->data + (size_t)i * sizeof label, sizeof label);
        if (label < 0 || label >= classes)
            return base_fail(e, TN_INVALID, "label %lld of sample %lld lies outside 0 to %lld", (long long)label,
                             (long long)i, (long long)classes - 1);
        for (int64_t c = 0; c < classes; c++)
            *out++ = (float)((c == label ? 1 - smoothing : 0) + smoothing / (double)classes);
    }
    return TN_OK;
}
