/* sounds.c: sound files, decoded by libsndfile and measured: seconds, rate, hash of the samples, and what they sound like. Where there is no
 * libsndfile, by their headers: WAV (RIFF, "Multimedia Programming Interface and Data Specifications 1.0") and FLAC (RFC 9639, section
 * 8.2); of OGG (RFC 3533) the first page alone. Then those are equal whose samples are stored alike. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "data/check/check.h"
#include "data/names.h"
#include "data/sound/sound.h"

typedef struct sound {
    double seconds, rate;
    const unsigned char *data;
    size_t bytes;
} sound;

static uint32_t little(const unsigned char *p, int n)
{
    uint32_t v = 0;
    for (int i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* NULL, or why it cannot be read. */
static const char *parse_wav(const check_file *f, sound *s)
{
    uint32_t rate = 0, block = 0;
    if (f->bytes < 12 || memcmp(f->data, "RIFF", 4) != 0 || memcmp(f->data + 8, "WAVE", 4) != 0)
        return "this is no WAV file: it does not begin with RIFF and WAVE";
    for (size_t at = 12; at + 8 <= f->bytes;) {
        const unsigned char *p = f->data + at;
        size_t size = little(p + 4, 4), left = f->bytes - at - 8;
        size = size < left ? size : left; /* who wrote to a pipe said the most there can be */
        if (memcmp(p, "fmt ", 4) == 0 && size >= 16) {
            rate = little(p + 12, 4);
            block = little(p + 20, 2);
        } else if (memcmp(p, "data", 4) == 0) {
            s->data = p + 8;
            s->bytes = size;
        }
        at += 8 + size + (size & 1 && size < left);
    }
    if (!s->data || rate == 0 || block == 0)
        return "a WAV file without a chunk \"fmt \" or without \"data\"";
    s->rate = rate;
    s->seconds = (double)s->bytes / block / rate;
    return NULL;
}

static const char *parse_flac(const check_file *f, sound *s)
{
    if (f->bytes < 42 || memcmp(f->data, "fLaC", 4) != 0 || (f->data[4] & 0x7F) != 0)
        return "this is no FLAC file: it does not begin with fLaC and its stream's figures";
    const unsigned char *p = f->data + 18;
    uint32_t rate = (uint32_t)p[0] << 12 | (uint32_t)p[1] << 4 | p[2] >> 4;
    double samples = (double)(p[3] & 15) * 4294967296.0 +
                     (double)((uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7]);
    if (rate == 0)
        return "a FLAC file whose rate is 0";
    s->rate = rate;
    s->seconds = samples / rate;
    return NULL;
}

static tn_status by_header(data_check *c, const check_file *f)
{
    sound s = {.data = f->data, .bytes = f->bytes};
    const char *wrong =
        data_sound_is_cut(f->data, f->bytes) ? "it is cut off: it says that there are more samples" : NULL;
    if (wrong)
        return check_add_bad(c, f->where, wrong);
    if (f->bytes >= 4 && memcmp(f->data, "fLaC", 4) == 0)
        wrong = parse_flac(f, &s);
    else if (data_name_ends(f->name, ".wav") && (f->bytes < 4 || memcmp(f->data, "OggS", 4) != 0))
        wrong = parse_wav(f, &s);
    if (wrong)
        return check_add_bad(c, f->where, wrong);
    if (!c->by_headers) {
        c->by_headers = true;
        BASE_TRY(check_add_note(c,
                                "sounds were looked at by their headers alone: there is no libsndfile to decode them "
                                "(Debian package libsndfile1)"));
    }
    if (s.rate > 0) {
        check_moments_add(&c->seconds, s.seconds);
        check_moments_add(&c->rate, s.rate);
    }
    return check_add(c, f, TN_SAMPLES_SOUNDS, -1, base_hash(s.data, s.bytes, TN_SAMPLES_SOUNDS));
}

/* ---- what it sounds like ------------------------------------------------------------------------------------------- */

enum { TIMES = 9, BANDS = 8 };

/* The energy of each band of an octave in each ninth of the time. A band is what halving the rate takes away: differences of
 * neighbours; sums go on to the next. `a` holds n samples of one channel and is written over. */
static void measure_bands(float *a, int64_t n, double energy[BANDS][TIMES])
{
    for (int b = 0; b < BANDS; b++, n /= 2)
        for (int64_t i = 0; i < n / 2; i++) {
            const double d = (double)(a[2 * i] - a[2 * i + 1]) / 2;
            energy[b][i * TIMES / (n / 2)] += d * d * (double)(1 << b);
            a[i] = (a[2 * i] + a[2 * i + 1]) / 2;
        }
}

/* As of a picture: decibels below the loudest in place of grey, and where a band gets louder. How loud all of it is does not count. */
static tn_status add_look(data_check *c, const tn_sound *s)
{
    static const double DEEPEST = 60; /* decibels */
    enum { LESS = 4 };
    double energy[BANDS][TIMES] = {{0}}, most = 0;
    check_look look = {.item = c->items.n - 1};
    float *mono = calloc((size_t)s->frames + 1, sizeof *mono);
    if (!mono)
        return base_no_memory(c->err, "checking data");
    for (int64_t i = 0; i < s->frames * s->channels; i++)
        mono[i / s->channels] += s->samples[i] / (float)s->channels;
    measure_bands(mono, s->frames, energy);
    free(mono);
    for (int i = 0; i < CHECK_LOOK; i++)
        most = fmax(most, energy[i / TIMES][i % TIMES]);
    for (int i = 0; most > 0 && i < CHECK_LOOK; i++) {
        const double below = -10 * log10(energy[i / TIMES][i % TIMES] / most + 1e-12);
        look.grey[i] = (uint8_t)(below > DEEPEST ? 0 : 255 * (1 - below / DEEPEST));
    }
    for (int b = 0; b < BANDS; b++)
        for (int t = 0; t + 1 < TIMES; t++)
            if (look.grey[b * TIMES + t + 1] > look.grey[b * TIMES + t] + LESS)
                look.bits |= (uint64_t)1 << (b * (TIMES - 1) + t);
    return base_vec_push(&c->looks, look) ? TN_OK : base_no_memory(c->err, "checking data");
}

static uint64_t hash_of(const tn_sound *s)
{
    const int64_t shape[3] = {s->frames, s->channels, s->rate};
    return base_hash(s->samples, (size_t)(s->frames * s->channels) * sizeof *s->samples,
                     base_hash(shape, sizeof shape, TN_SAMPLES_SOUNDS));
}

tn_status check_sound(data_check *c, const check_file *f)
{
    tn_sound *s = tn_sound_decode(c->context, f->data, f->bytes, f->where, NULL);
    if (!s) {
        const base_error *why = &c->context->err;
        return why->status == TN_UNSUPPORTED ? by_header(c, f)
               : why->status == TN_MEMORY    ? base_no_memory(c->err, "checking data")
                                             : check_add_bad(c, f->where, why->text);
    }
    check_moments_add(&c->seconds, (double)s->frames / s->rate);
    check_moments_add(&c->rate, s->rate);
    tn_status status = check_add(c, f, TN_SAMPLES_SOUNDS, -1, hash_of(s));
    if (status == TN_OK)
        status = add_look(c, s);
    tn_sound_free(s);
    return status;
}
