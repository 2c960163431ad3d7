/* sounds.c: sound files by their headers: WAV (RIFF, "Multimedia Programming Interface and Data Specifications 1.0") and FLAC
 * (RFC 9639, section 8.2); of OGG (RFC 3533) the first page alone. Equal are those whose samples are stored alike. */
#include <string.h>

#include "data/check/check.h"

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
        if (size > left)
            return "it is cut off: a chunk says that it is longer than the file";
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

tn_status check_sound(data_check *c, const check_file *f)
{
    sound s = {.data = f->data, .bytes = f->bytes};
    const char *wrong = NULL;
    if (f->bytes >= 4 && memcmp(f->data, "OggS", 4) == 0)
        s.rate = 0;
    else
        wrong = f->bytes >= 4 && memcmp(f->data, "fLaC", 4) == 0 ? parse_flac(f, &s) : parse_wav(f, &s);
    if (wrong)
        return check_add_bad(c, f->where, wrong);
    if (s.rate > 0) {
        check_moments_add(&c->seconds, s.seconds);
        check_moments_add(&c->rate, s.rate);
    }
    return check_add(c, f, TN_SAMPLES_SOUNDS, -1, base_hash(s.data, s.bytes, TN_SAMPLES_SOUNDS));
}
