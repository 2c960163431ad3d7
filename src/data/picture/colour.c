/* colour.c: see colour.h. */
#include "data/picture/colour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture/gauss.h"

static size_t pixels_of(const tn_picture *p)
{
    return (size_t)p->width * (size_t)p->height;
}

static size_t values_of(const tn_picture *p)
{
    return pixels_of(p) * (size_t)p->channels;
}

/* from + factor * (to - from), cut to 0..255, the fraction dropped. */
static inline uint8_t blend(int from, int to, float factor)
{
    float v = (float)from + factor * (float)(to - from);
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)v;
}

static inline uint8_t luma_at(const tn_picture *p, size_t i)
{
    const uint8_t *v = p->pixels + i * (size_t)p->channels;
    return p->channels == 1 ? *v : data_luma(v[0], v[1], v[2]);
}

static void apply_table(tn_picture *p, int channel, const uint8_t table[256])
{
    size_t n = pixels_of(p), step = (size_t)p->channels;
    uint8_t *v = p->pixels + channel;
    for (size_t i = 0; i < n; i++, v += step)
        *v = table[*v];
}

static void apply_to_all(tn_picture *p, const uint8_t table[256])
{
    for (int c = 0; c < p->channels; c++)
        apply_table(p, c, table);
}

void colour_brightness(tn_picture *p, double factor)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = blend(0, i, (float)factor);
    apply_to_all(p, table);
}

void colour_contrast(tn_picture *p, double factor)
{
    uint64_t sum = 0;
    size_t n = pixels_of(p);
    for (size_t i = 0; i < n; i++)
        sum += luma_at(p, i);
    int mean = (int)((double)sum / (double)n + 0.5);
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = blend(mean, i, (float)factor);
    apply_to_all(p, table);
}

void colour_saturation(tn_picture *p, double factor)
{
    size_t n = pixels_of(p);
    uint8_t *v = p->pixels;
    for (size_t i = 0; p->channels == 3 && i < n; i++, v += 3) {
        int grey = data_luma(v[0], v[1], v[2]);
        for (int c = 0; c < 3; c++)
            v[c] = blend(grey, v[c], (float)factor);
    }
}

/* The picture smoothed by (1 1 1, 1 5 1, 1 1 1) / 13, its border left alone. */
static uint8_t smooth(const tn_picture *p, int64_t x, int64_t y, int c)
{
    int64_t row = p->width * p->channels;
    const uint8_t *v = p->pixels + y * row + x * p->channels + c;
    if (x == 0 || y == 0 || x == p->width - 1 || y == p->height - 1)
        return *v;
    int sum = 4 * *v;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            sum += v[dy * row + dx * p->channels];
    return (uint8_t)((2 * sum + 13) / 26);
}

tn_status colour_sharpness(tn_picture *p, double factor, base_error *e)
{
    uint8_t *out = malloc(values_of(p)), *to = out;
    if (!out)
        return base_no_memory(e, "sharpening a picture");
    const uint8_t *v = p->pixels;
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++)
            for (int c = 0; c < p->channels; c++)
                *to++ = blend(smooth(p, x, y, c), *v++, (float)factor);
    memcpy(p->pixels, out, values_of(p));
    free(out);
    return TN_OK;
}

/* ---- hue ------------------------------------------------------------------------------------------------------- */

/* Hue as 0 to 255, the way that 8-bit pictures hold it; rounded where Pillow rounds. */
static int hue_of(const uint8_t *v, int most, int least)
{
    float range = (float)(most - least), r = (float)(most - v[0]) / range, g = (float)(most - v[1]) / range,
          b = (float)(most - v[2]) / range;
    double sum = v[0] == most   ? (double)b - (double)g
                 : v[1] == most ? 2 + (double)r - (double)b
                                : 4 + (double)g - (double)r;
    float h = (float)sum;
    double turn = (double)h / 6 + 1;
    float part = (float)(turn >= 1 ? turn - 1 : turn);
    return (int)((double)part * 255);
}

static void from_hsv(int hue, int saturation, int value, uint8_t *out)
{
    float s = (float)saturation / 255, h = (float)hue * 6 / 255, f = h - floorf(h), v = (float)value;
    uint8_t p = (uint8_t)lrintf(v * (1 - s)), q = (uint8_t)lrintf(v * (1 - s * f)),
            t = (uint8_t)lrintf(v * (1 - s * (1 - f))), w = (uint8_t)value;
    const uint8_t sectors[6][3] = {{w, t, p}, {q, w, p}, {p, w, t}, {p, q, w}, {t, p, w}, {w, p, q}};
    memcpy(out, sectors[(int)h % 6], 3);
}

void colour_hue(tn_picture *p, double turn)
{
    size_t n = pixels_of(p);
    int add = (int)(turn * 255) & 255;
    uint8_t *v = p->pixels;
    for (size_t i = 0; p->channels == 3 && i < n; i++, v += 3) {
        int most = v[0] > v[1] ? v[0] : v[1], least = v[0] < v[1] ? v[0] : v[1];
        most = v[2] > most ? v[2] : most;
        least = v[2] < least ? v[2] : least;
        if (most == least)
            continue; /* grey has no hue */
        int saturation = (int)((double)((float)(most - least) / (float)most) * 255);
        from_hsv((hue_of(v, most, least) + add) & 255, saturation, most, v);
    }
}

/* ---- the simple ones ------------------------------------------------------------------------------------------- */

void colour_grey(tn_picture *p)
{
    size_t n = pixels_of(p);
    for (size_t i = 0; p->channels == 3 && i < n; i++)
        memset(p->pixels + 3 * i, luma_at(p, i), 3);
}

void colour_invert(tn_picture *p)
{
    size_t n = values_of(p);
    for (size_t i = 0; i < n; i++)
        p->pixels[i] = (uint8_t)(255 - p->pixels[i]);
}

void colour_posterize(tn_picture *p, int bits)
{
    size_t n = values_of(p);
    unsigned mask = 0xffu << (8 - bits) & 0xffu;
    for (size_t i = 0; i < n; i++)
        p->pixels[i] = (uint8_t)(p->pixels[i] & mask);
}

void colour_solarize(tn_picture *p, int threshold)
{
    size_t n = values_of(p);
    for (size_t i = 0; i < n; i++)
        p->pixels[i] = p->pixels[i] < threshold ? p->pixels[i] : (uint8_t)(255 - p->pixels[i]);
}

static void histogram(const tn_picture *p, int channel, size_t count[256])
{
    size_t n = pixels_of(p), step = (size_t)p->channels;
    const uint8_t *v = p->pixels + channel;
    memset(count, 0, 256 * sizeof *count);
    for (size_t i = 0; i < n; i++, v += step)
        count[*v]++;
}

void colour_autocontrast(tn_picture *p)
{
    for (int c = 0; c < p->channels; c++) {
        size_t count[256];
        uint8_t table[256];
        int low = 0, high = 255;
        histogram(p, c, count);
        while (low < 255 && !count[low])
            low++;
        while (high > 0 && !count[high])
            high--;
        if (high <= low)
            continue;
        double scale = 255.0 / (high - low), offset = -low * scale;
        for (int i = 0; i < 256; i++) {
            double v = i * scale + offset;
            table[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
        apply_table(p, c, table);
    }
}

void colour_equalize(tn_picture *p)
{
    for (int c = 0; c < p->channels; c++) {
        size_t count[256], sum = 0;
        uint8_t table[256];
        int last = 255, used = 0;
        histogram(p, c, count);
        for (int i = 0; i < 256; i++)
            used += count[i] > 0;
        while (last > 0 && !count[last])
            last--;
        size_t step = (pixels_of(p) - count[last]) / 255;
        if (used < 2 || step == 0)
            continue;
        sum = step / 2;
        for (int i = 0; i < 256; i++) {
            size_t v = sum / step;
            table[i] = (uint8_t)(v > 255 ? 255 : v);
            sum += count[i];
        }
        apply_table(p, c, table);
    }
}

/* ---- blur and noise -------------------------------------------------------------------------------------------- */

tn_status colour_blur(tn_picture *p, int kernel, double sigma, base_error *e)
{
    size_t n = values_of(p);
    float *field = malloc(n * sizeof *field);
    if (!field)
        return base_no_memory(e, "blurring a picture");
    for (size_t i = 0; i < n; i++)
        field[i] = p->pixels[i];
    tn_status status = gauss_smooth(field, p->width, p->height, p->channels, kernel / 2, sigma, e);
    for (size_t i = 0; status == TN_OK && i < n; i++)
        p->pixels[i] = (uint8_t)(field[i] + 0.5f);
    free(field);
    return status;
}

void colour_noise(tn_picture *p, double sigma, base_random *r)
{
    size_t n = values_of(p);
    for (size_t i = 0; i < n; i++) {
        double v = p->pixels[i] + sigma * base_random_normal(r) + 0.5;
        p->pixels[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}
