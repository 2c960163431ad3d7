/* sound.c: sounds in memory: made, read, mixed to one channel, written. */
#include "data/sound/sound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/file.h"
#include "data/names.h"

const char *const data_sound_endings[] = {".wav", ".flac", ".ogg", ".oga", ".opus",
                                          ".aif", ".aiff", ".au",  ".mp3", NULL};

bool data_sound_name(const char *name)
{
    return data_name_ends_in(name, data_sound_endings);
}

tn_sound *data_sound_new(int64_t frames, int channels, int rate, base_error *e)
{
    size_t n;
    if (frames < 0 || channels < 1 || rate < 1) {
        base_fail(e, TN_INVALID, "a sound cannot have %lld frames, %d channels and %d frames a second",
                  (long long)frames, channels, rate);
        return NULL;
    }
    tn_sound *s = calloc(1, sizeof *s);
    const bool fits = !__builtin_mul_overflow((size_t)frames, (size_t)channels, &n) && n < SIZE_MAX / 16;
    if (s && frames > 0 && fits)
        s->samples = calloc(n, sizeof *s->samples);
    if (!s || (frames > 0 && !s->samples)) {
        free(s);
        base_no_memory(e, "making a sound");
        return NULL;
    }
    s->frames = frames;
    s->channels = channels;
    s->rate = rate;
    return s;
}

tn_sound *tn_sound_new(tn_context *context, int64_t frames, int channels, int rate)
{
    return data_sound_new(frames, channels, rate, base_context_begin(context));
}

void tn_sound_free(tn_sound *s)
{
    if (s)
        free(s->samples);
    free(s);
}

/* The mean of all channels, in place. */
static void to_mono(tn_sound *s)
{
    const int n = s->channels;
    for (int64_t i = 0; n > 1 && i < s->frames; i++) {
        float sum = 0;
        for (int c = 0; c < n; c++)
            sum += s->samples[i * n + c];
        s->samples[i] = sum / (float)n;
    }
    s->channels = 1;
}

tn_sound *data_sound_decode(const void *data, size_t bytes, const char *name, const tn_sound_opt *opt, base_error *e)
{
    static const tn_sound_opt usual = {0};
    const tn_sound_opt *o = opt ? opt : &usual;
    if (o->channels < 0 || o->channels > 1 || o->rate < 0 || o->frames_limit < 0) {
        base_fail(e, TN_INVALID,
                  "sounds are read with 1 channel, or 0 for those of the file, and rates from 0 on; not %d and %d",
                  o->channels, o->rate);
        return NULL;
    }
    tn_sound *s = data_sndfile_decode(data, bytes, name, o->frames_limit ? o->frames_limit : 1 << 28, e);
    if (s && o->channels == 1)
        to_mono(s);
    if (!s || o->rate == 0 || o->rate == s->rate)
        return s;
    tn_sound *other = data_sound_resample(s, o->rate, e);
    tn_sound_free(s);
    return other;
}

tn_sound *tn_sound_decode(tn_context *context, const void *data, size_t bytes, const char *name,
                          const tn_sound_opt *opt)
{
    return data_sound_decode(data, bytes, name ? name : "the sound", opt, base_context_begin(context));
}

tn_sound *tn_sound_read(tn_context *context, const char *path, const tn_sound_opt *opt)
{
    base_error *e = base_context_begin(context);
    const size_t limit = opt && opt->file_limit ? opt->file_limit : (size_t)2 << 30;
    void *data = NULL;
    size_t bytes = 0;
    if (base_file_read(path, limit, &data, &bytes, e) != TN_OK)
        return NULL;
    tn_sound *s = data_sound_decode(data, bytes, path, opt, e);
    free(data);
    return s;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void put(unsigned char *to, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

/* The 44 bytes of Microsoft's RIFF WAVE with PCM format 1. */
static void put_header(unsigned char *h, const tn_sound *s, uint32_t bytes)
{
    const uint32_t channels = (uint32_t)s->channels, rate = (uint32_t)s->rate;
    memcpy(h, "RIFF", 4);
    put(h + 4, 36 + bytes, 4);
    memcpy(h + 8, "WAVEfmt ", 8);
    put(h + 16, 16, 4);
    put(h + 20, 1, 2);
    put(h + 22, channels, 2);
    put(h + 24, rate, 4);
    put(h + 28, rate * channels * 2, 4);
    put(h + 32, channels * 2, 2);
    put(h + 34, 16, 2);
    memcpy(h + 36, "data", 4);
    put(h + 40, bytes, 4);
}

tn_status tn_sound_write_wav(tn_context *context, const tn_sound *s, const char *path)
{
    enum { HEADER = 44 };
    base_error *e = base_context_begin(context);
    const int64_t n = s->frames * s->channels;
    if (n > (INT64_C(1) << 30) || s->channels > 65535)
        return base_fail(e, TN_LIMIT, "%s: a WAV of %lld samples would be larger than its format allows", path,
                         (long long)n);
    unsigned char *file = malloc(HEADER + 2 * (size_t)n);
    if (!file)
        return base_no_memory(e, "writing a sound");
    put_header(file, s, (uint32_t)(2 * n));
    for (int64_t i = 0; i < n; i++) {
        const float v = s->samples[i], cut = !(v > -1) ? -1 : v > 1 ? 1 : v;
        put(file + HEADER + 2 * i, (uint32_t)(int32_t)lrintf(cut * 32767), 2);
    }
    tn_status status = base_file_write(path, file, HEADER + 2 * (size_t)n, e);
    free(file);
    return status;
}
