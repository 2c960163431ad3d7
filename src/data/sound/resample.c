/* resample.c: other rates by a windowed sinc, the filter of tn_resample (src/op/compose/signal.c), which a test compares. */
#include <math.h>
#include <stdlib.h>

#include "base/context.h"
#include "data/sound/sound.h"

static const double PI = 3.14159265358979323846, WIDTH = 6, ROLLOFF = 0.99;

/* A tap at distance t, in zero crossings of the sinc. */
static double tap(double t)
{
    if (fabs(t) >= WIDTH)
        return 0;
    const double window = cos(t * PI / WIDTH / 2), sinc = t == 0 ? 1 : sin(PI * t) / (PI * t);
    return sinc * window * window;
}

/* Output frame `n` stands at input position n / ratio; `scale` is the sinc's frequency, in crossings per input frame. */
static void one_frame(const tn_sound *in, double at, double scale, const float *taps, int64_t first, int64_t last,
                      float *out)
{
    for (int c = 0; c < in->channels; c++) {
        double sum = 0;
        for (int64_t i = first < 0 ? 0 : first; i <= last && i < in->frames; i++)
            sum += (double)in->samples[i * in->channels + c] *
                   (taps ? (double)taps[i - first] : scale * tap(scale * ((double)i - at)));
        out[c] = (float)sum;
    }
}

tn_sound *data_sound_resample_by(const tn_sound *in, double ratio, int64_t frames, base_error *e)
{
    tn_sound *out = data_sound_new(frames, in->channels, in->rate, e);
    const double scale = (ratio < 1 ? ratio : 1) * ROLLOFF, reach = WIDTH / scale;
    for (int64_t n = 0; out && n < frames; n++) {
        const double at = (double)n / ratio;
        one_frame(in, at, scale, NULL, (int64_t)ceil(at - reach), (int64_t)floor(at + reach),
                  out->samples + n * out->channels);
    }
    return out;
}

/* Rates without their common factors repeat after `to` frames: the taps of each of them once. NULL: no memory for that. */
static float *bank(int64_t from, int64_t to, int64_t size, double scale)
{
    const double reach = WIDTH / scale;
    float *taps = size * to <= 1 << 22 ? malloc((size_t)(size * to) * sizeof *taps) : NULL;
    for (int64_t p = 0; taps && p < to; p++) {
        const double at = (double)(p * from) / (double)to;
        const int64_t first = (int64_t)ceil(at - reach);
        for (int64_t i = 0; i < size; i++)
            taps[p * size + i] = (float)(scale * tap(scale * ((double)(first + i) - at)));
    }
    return taps;
}

static void run(const tn_sound *in, int64_t from, int64_t to, tn_sound *out)
{
    const double scale = (from > to ? (double)to / (double)from : 1) * ROLLOFF, reach = WIDTH / scale;
    const int64_t size = (int64_t)floor(2 * reach) + 1;
    float *taps = bank(from, to, size, scale);
    for (int64_t n = 0; n < out->frames; n++) {
        const int64_t phase = n % to, base = n / to * from;
        const double at = (double)(phase * from) / (double)to;
        const int64_t first = (int64_t)ceil(at - reach) + base;
        one_frame(in, at + (double)base, scale, taps ? taps + phase * size : NULL, first, first + size - 1,
                  out->samples + n * out->channels);
    }
    free(taps);
}

tn_sound *data_sound_resample(const tn_sound *in, int rate, base_error *e)
{
    int64_t a = in->rate, b = rate;
    if (rate < 1) {
        base_fail(e, TN_INVALID, "a sound cannot have %d frames a second", rate);
        return NULL;
    }
    while (b) {
        const int64_t rest = a % b;
        a = b, b = rest;
    }
    const int64_t from = in->rate / a, to = rate / a;
    if (in->frames > (INT64_MAX - from) / to) {
        base_fail(e, TN_LIMIT, "a sound of %lld frames at %d a second would be too long", (long long)in->frames, rate);
        return NULL;
    }
    tn_sound *out = data_sound_new((in->frames * to + from - 1) / from, in->channels, rate, e);
    if (out)
        run(in, from, to, out);
    return out;
}

tn_sound *tn_sound_resample(tn_context *context, const tn_sound *s, int rate)
{
    return data_sound_resample(s, rate, base_context_begin(context));
}
