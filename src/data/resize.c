/* resize.c: scaling pictures by a triangle filter that is as wide as a pixel of the smaller of the two pictures, one
 * direction after the other. Enlarging it is bilinear interpolation, shrinking every pixel counts. */
#include <math.h>
#include <stdlib.h>

#include "data/picture.h"

/* Which pixels make up one pixel of the result, and how much of each. */
typedef struct mix {
    int64_t first;
    int n;
    float *weights;
} mix;

typedef struct table {
    mix *mixes;
    float *weights;
} table;

static void table_free(table *t)
{
    free(t->mixes);
    free(t->weights);
}

static void fill_mix(mix *m, int64_t i, int64_t from, double scale, double reach)
{
    double centre = ((double)i + 0.5) * scale, sum = 0;
    int64_t first = (int64_t)floor(centre - reach), last = (int64_t)ceil(centre + reach);
    m->first = first < 0 ? 0 : first;
    last = last > from ? from : last;
    m->n = (int)(last - m->first);
    for (int k = 0; k < m->n; k++) {
        double distance = fabs((double)(m->first + k) + 0.5 - centre) / reach;
        double w = distance < 1 ? 1 - distance : 0;
        m->weights[k] = (float)w;
        sum += w;
    }
    for (int k = 0; k < m->n; k++)
        m->weights[k] = (float)((double)m->weights[k] / sum);
}

static bool table_init(table *t, int64_t from, int64_t to)
{
    double scale = (double)from / (double)to, reach = scale > 1 ? scale : 1;
    size_t most = (size_t)(2 * reach) + 3, total;
    *t = (table){0};
    if (__builtin_mul_overflow(most, (size_t)to, &total) || total > SIZE_MAX / 16)
        return false;
    t->mixes = calloc((size_t)to, sizeof *t->mixes);
    t->weights = calloc(total, sizeof *t->weights);
    if (!t->mixes || !t->weights)
        return false;
    for (int64_t i = 0; i < to; i++) {
        t->mixes[i].weights = t->weights + most * (size_t)i;
        fill_mix(&t->mixes[i], i, from, scale, reach);
    }
    return true;
}

/* One row scaled to `width`, still as floats. */
static void scale_row(const uint8_t *row, int channels, const table *t, int64_t width, float *out)
{
    for (int64_t x = 0; x < width; x++) {
        const mix *m = &t->mixes[x];
        for (int c = 0; c < channels; c++) {
            float sum = 0;
            for (int k = 0; k < m->n; k++)
                sum += m->weights[k] * (float)row[(m->first + k) * channels + c];
            *out++ = sum;
        }
    }
}

static void mix_rows(const float *rows, size_t row, const mix *m, float *sum, uint8_t *out)
{
    for (size_t i = 0; i < row; i++)
        sum[i] = 0;
    for (int k = 0; k < m->n; k++) {
        const float *from = rows + (size_t)(m->first + k) * row;
        for (size_t i = 0; i < row; i++)
            sum[i] += m->weights[k] * from[i];
    }
    for (size_t i = 0; i < row; i++)
        out[i] = (uint8_t)(sum[i] + 0.5f); /* weights sum up to 1: within 0 to 255 but for rounding */
}

tn_picture *data_picture_resize(const tn_picture *p, int64_t width, int64_t height, base_error *e)
{
    tn_picture *q = data_picture_new(width, height, p->channels, e);
    if (!q)
        return NULL;
    table across, down = {0};
    size_t row = (size_t)width * (size_t)p->channels, all;
    float *rows = NULL;
    bool room = !__builtin_mul_overflow(row, (size_t)p->height + 1, &all) && all < SIZE_MAX / 8;
    room = table_init(&across, p->width, width) && table_init(&down, p->height, height) && room;
    room = room && (rows = malloc(all * sizeof *rows)) != NULL;
    for (int64_t y = 0; room && y < p->height; y++)
        scale_row(p->pixels + y * p->width * p->channels, p->channels, &across, width, rows + (size_t)y * row);
    for (int64_t y = 0; room && y < height; y++)
        mix_rows(rows, row, &down.mixes[y], rows + (size_t)p->height * row, q->pixels + (size_t)y * row);
    free(rows);
    table_free(&across);
    table_free(&down);
    if (room)
        return q;
    base_no_memory(e, "scaling a picture");
    tn_picture_free(q);
    return NULL;
}
