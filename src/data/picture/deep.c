/* deep.c: see deep.h. */
#include "data/picture/deep.h"

#include <math.h>
#include <stdlib.h>

#include "data/picture/scene.h"
#include <tarn/picture.h>

/* What a value of the result is made of, along one side: `count` values from `first` on, by weights that add up to 1. */
typedef struct taps {
    int64_t first, count;
    float *weights;
} taps;

/* A triangle around the middle, as wide as a pixel of the result but no narrower than one of the source; nothing beside the part. */
static void fill_taps(taps *t, int64_t start, int64_t part, double scale, int64_t i)
{
    const double reach = scale > 1 ? scale : 1, middle = (double)start + ((double)i + 0.5) * scale;
    int64_t low = (int64_t)floor(middle - reach + 0.5), high = (int64_t)floor(middle + reach + 0.5);
    double sum = 0;
    low = low < start ? start : low;
    high = high > start + part ? start + part : high;
    t->first = low;
    t->count = high - low;
    for (int64_t k = low; k < high; k++) {
        const double far = fabs(((double)k + 0.5 - middle) / reach), w = far < 1 ? 1 - far : 0;
        t->weights[k - low] = (float)w;
        sum += w;
    }
    for (int64_t k = 0; k < t->count; k++)
        t->weights[k] /= (float)sum;
}

/* Taps of all values of a side: weights lie behind them, in the same memory. */
static taps *make_taps(int64_t start, int64_t part, int64_t to, base_error *e)
{
    const double scale = (double)part / (double)to;
    const size_t most = (size_t)(2 * ceil(scale > 1 ? scale : 1)) + 2;
    taps *t = malloc((sizeof *t + most * sizeof(float)) * (size_t)to + sizeof *t);
    float *weights = t ? (float *)(void *)(t + to) : NULL;
    if (!t) {
        base_no_memory(e, "scaling a picture");
        return NULL;
    }
    for (int64_t i = 0; i < to; i++, weights += most) {
        t[i].weights = weights;
        fill_taps(&t[i], start, part, scale, i);
    }
    return t;
}

/* One channel: rows are scaled as they are wanted, sideways first. `row` has room for part->to_width, `out` lies in rows of `stride`. */
static void scale_plane(const tn_picture16 *p, int channel, const taps *x, const taps *y, const data_part *part,
                        float *row, float *out, int64_t stride)
{
    for (int64_t v = 0; v < part->to_height; v++) {
        float *to = out + v * stride;
        for (int64_t u = 0; u < part->to_width; u++)
            to[u] = 0;
        for (int64_t k = 0; k < y[v].count; k++) {
            const uint16_t *from = p->values + (y[v].first + k) * p->width * p->channels + channel;
            for (int64_t u = 0; u < part->to_width; u++) {
                float sum = 0;
                for (int64_t i = 0; i < x[u].count; i++)
                    sum += x[u].weights[i] * (float)from[(x[u].first + i) * p->channels];
                row[u] = sum;
            }
            for (int64_t u = 0; u < part->to_width; u++)
                to[u] += y[v].weights[k] * row[u] / 65535;
        }
    }
}

tn_status picture_deep_planes(const tn_picture16 *p, int64_t width, int64_t height, int fit, double fill, float *planes,
                              base_error *e)
{
    const data_part part = scene_fit_window(p->width, p->height, width, height, fit);
    const int64_t left = (width - part.to_width) / 2, top = (height - part.to_height) / 2, plane = width * height;
    taps *x = make_taps(part.left, part.width, part.to_width, e);
    taps *y = x ? make_taps(part.top, part.height, part.to_height, e) : NULL;
    float *row = y ? malloc((size_t)part.to_width * sizeof *row) : NULL;
    tn_status status = row ? TN_OK : base_no_memory(e, "scaling a picture");
    for (int c = 0; row && c < p->channels; c++) {
        for (int64_t i = 0; i < plane; i++)
            planes[c * plane + i] = (float)(fill / 255);
        scale_plane(p, c, x, y, &part, row, planes + c * plane + top * width + left, width);
    }
    free(row);
    free(x);
    free(y);
    return status;
}
