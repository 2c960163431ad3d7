/* gauss.c: see gauss.h. Rows are copied with their mirrored borders, so that the inner loops run over memory straight on. */
#include "data/picture/gauss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t mirrored(int64_t i, int64_t n)
{
    int64_t period = n > 1 ? 2 * (n - 1) : 1;
    i = ((i % period) + period) % period;
    return i < n ? i : period - i;
}

static void add_scaled(float *restrict to, const float *restrict from, float weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += weight * from[i];
}

static void across(float *row, float *line, int64_t width, size_t channels, int radius, const float *weights)
{
    size_t n = (size_t)width * channels;
    for (int64_t x = -radius; x < width + radius; x++)
        memcpy(line + (size_t)(x + radius) * channels, row + (size_t)mirrored(x, width) * channels,
               channels * sizeof *row);
    memset(row, 0, n * sizeof *row);
    for (int k = 0; k <= 2 * radius; k++)
        add_scaled(row, line + (size_t)k * channels, weights[k], n);
}

tn_status gauss_smooth(float *field, int64_t width, int64_t height, int channels, int radius, double sigma,
                       base_error *e)
{
    size_t row = (size_t)width * (size_t)channels, all = row * (size_t)height;
    float *weights = malloc(sizeof *weights * (size_t)(2 * radius + 1));
    float *line = malloc(sizeof *line * (row + 2 * (size_t)radius * (size_t)channels)), *out = calloc(all, sizeof *out);
    tn_status status = weights && line && out ? TN_OK : base_no_memory(e, "smoothing a picture");
    double sum = 0;
    for (int k = -radius; k <= radius; k++)
        sum += exp(-0.5 * k * k / (sigma * sigma));
    for (int k = -radius; status == TN_OK && k <= radius; k++)
        weights[k + radius] = (float)(exp(-0.5 * k * k / (sigma * sigma)) / sum);
    for (int64_t y = 0; status == TN_OK && y < height; y++)
        across(field + (size_t)y * row, line, width, (size_t)channels, radius, weights);
    for (int64_t y = 0; status == TN_OK && y < height; y++)
        for (int k = -radius; k <= radius; k++)
            add_scaled(out + (size_t)y * row, field + (size_t)mirrored(y + k, height) * row, weights[k + radius], row);
    if (status == TN_OK)
        memcpy(field, out, all * sizeof *out);
    free(weights);
    free(line);
    free(out);
    return status;
}
