/* stretch.c: faster or slower at the same pitch, higher or lower at the same speed. Waveform similarity overlap-add (W. Verhelst,
 * M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA)", ICASSP 1993): windows are taken from the input
 * every hop * speed frames, each moved by up to a quarter of a window to where it goes on best from the one before. */
#include <math.h>
#include <stdlib.h>

#include "base/context.h"
#include "data/sound/sound.h"

static const double PI = 3.14159265358979323846, WINDOW_SECONDS = 0.04;

/* Sample `i` of the mean over channels; silence outside. */
static float mono(const tn_sound *s, int64_t i)
{
    float sum = 0;
    if (i < 0 || i >= s->frames)
        return 0;
    for (int c = 0; c < s->channels; c++)
        sum += s->samples[i * s->channels + c];
    return sum;
}

/* How well the input from `at` on looks like that from `like` on, over n frames. Every other one tells enough. */
static double likeness(const tn_sound *s, int64_t at, int64_t like, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += 2)
        sum += (double)mono(s, at + i) * (double)mono(s, like + i);
    return sum;
}

static int64_t best_start(const tn_sound *s, int64_t at, int64_t like, int64_t n, int64_t reach)
{
    int64_t best = at;
    double most = likeness(s, at, like, n);
    for (int64_t d = 1; d <= reach; d++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const double l = likeness(s, at + sign * d, like, n);
            if (l > most) {
                most = l;
                best = at + sign * d;
            }
        }
    return best;
}

static void add_window(const tn_sound *in, int64_t from, tn_sound *out, int64_t to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t a = from + i, b = to + i;
        if (a < 0 || a >= in->frames || b < 0 || b >= out->frames)
            continue;
        const float w = (float)(0.5 - 0.5 * cos(2 * PI * ((double)i + 0.5) / (double)n));
        for (int c = 0; c < in->channels; c++)
            out->samples[b * out->channels + c] += w * in->samples[a * in->channels + c];
    }
}

tn_sound *data_sound_stretch(const tn_sound *s, double speed, base_error *e)
{
    if (!(speed >= 0.25 && speed <= 4)) {
        base_fail(e, TN_INVALID, "a sound can be played 0.25 to 4 times as fast, not %g times", speed);
        return NULL;
    }
    const int64_t hop = (int64_t)(s->rate * WINDOW_SECONDS / 2) + 1, n = 2 * hop;
    tn_sound *out = data_sound_new(llround((double)s->frames / speed), s->channels, s->rate, e);
    int64_t start = -hop; /* of the window before: the next one goes on best at start + hop */
    for (int64_t k = 0; out && (k - 1) * hop < out->frames; k++) {
        const int64_t at = llround((double)((k - 1) * hop) * speed);
        start = k == 0 ? -hop : best_start(s, at, start + hop, hop, hop / 2);
        add_window(s, start, out, (k - 1) * hop, n);
    }
    return out;
}

tn_sound *data_sound_shift(const tn_sound *s, double semitones, base_error *e)
{
    if (!(semitones >= -24 && semitones <= 24)) {
        base_fail(e, TN_INVALID, "a sound can be shifted by -24 to 24 semitones, not by %g", semitones);
        return NULL;
    }
    const double factor = pow(2, semitones / 12);
    tn_sound *longer = data_sound_stretch(s, 1 / factor, e);
    tn_sound *out = longer ? data_sound_resample_by(longer, 1 / factor, s->frames, e) : NULL;
    tn_sound_free(longer);
    return out;
}

tn_sound *tn_sound_stretch(tn_context *context, const tn_sound *s, double speed)
{
    return data_sound_stretch(s, speed, base_context_begin(context));
}

tn_sound *tn_sound_shift(tn_context *context, const tn_sound *s, double semitones)
{
    return data_sound_shift(s, semitones, base_context_begin(context));
}
