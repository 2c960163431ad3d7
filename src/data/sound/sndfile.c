/* sndfile.c: sound files through libsndfile, which is opened when the first is read: it brings a dozen codecs along, and most
 * programs hear nothing. */
#include "data/sound/sound.h"

#include "base/library.h"

#ifdef TARN_HAVE_SNDFILE

#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

typedef struct sndfile_api {
    SNDFILE *(*open)(SF_VIRTUAL_IO *, int, SF_INFO *, void *);
    sf_count_t (*read)(SNDFILE *, float *, sf_count_t);
    const char *(*error)(SNDFILE *);
    int (*error_number)(SNDFILE *);
    int (*close)(SNDFILE *);
} sndfile_api;

/* Opening again what is open takes a microsecond, and needs no memory of ours. */
static tn_status open_library(sndfile_api *api, base_error *e)
{
    void *library = base_library_open("libsndfile.so.1");
    if (!library)
        return base_fail(e, TN_UNSUPPORTED,
                         "sound files need the library libsndfile, which is not on this system: install the Debian "
                         "package libsndfile1");
    if (base_library_find(library, "sf_open_virtual", &api->open) &&
        base_library_find(library, "sf_readf_float", &api->read) &&
        base_library_find(library, "sf_strerror", &api->error) &&
        base_library_find(library, "sf_error", &api->error_number) &&
        base_library_find(library, "sf_close", &api->close))
        return TN_OK;
    return base_fail(e, TN_UNSUPPORTED, "the libsndfile.so.1 of this system lacks functions that sound files need");
}

/* ---- a file in memory -------------------------------------------------------------------------------------------- */

typedef struct memory {
    const char *data;
    sf_count_t bytes, at;
} memory;

static sf_count_t length_of(void *user)
{
    return ((const memory *)user)->bytes;
}

static sf_count_t seek(sf_count_t offset, int whence, void *user)
{
    memory *m = user;
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : m->bytes;
    sf_count_t to;
    if (__builtin_add_overflow(base, offset, &to) || to < 0)
        return -1;
    m->at = to > m->bytes ? m->bytes : to;
    return m->at;
}

static sf_count_t read_bytes(void *to, sf_count_t count, void *user)
{
    memory *m = user;
    const sf_count_t left = m->bytes - m->at, n = count < left ? count : left;
    if (n <= 0)
        return 0;
    memcpy(to, m->data + m->at, (size_t)n);
    m->at += n;
    return n;
}

static sf_count_t write_bytes(const void *from, sf_count_t count, void *user)
{
    (void)from, (void)count, (void)user;
    return 0;
}

static sf_count_t tell(void *user)
{
    return ((const memory *)user)->at;
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

/* A header may promise more than there is: memory is taken as samples come. */
static tn_status read_all(const sndfile_api *api, SNDFILE *f, const SF_INFO *info, int64_t limit, const char *name,
                          tn_sound *s, base_error *e)
{
    enum { FIRST = 1 << 16 };
    const size_t channels = (size_t)info->channels;
    int64_t room = info->frames > 0 && info->frames < FIRST ? info->frames + 1 : FIRST;
    for (;;) {
        float *more = realloc(s->samples, (size_t)room * channels * sizeof *more);
        if (!more)
            return base_no_memory(e, "decoding a sound");
        s->samples = more;
        const sf_count_t n = api->read(f, more + (size_t)s->frames * channels, room - s->frames);
        s->frames += n > 0 ? n : 0;
        if (s->frames * info->channels > limit)
            return base_fail(e, TN_LIMIT, "%s has more than %lld samples, the limit", name, (long long)limit);
        if (s->frames < room)
            return TN_OK;
        room *= 2;
    }
}

/* Did all samples come? A file of OGG whose end is not there has no length for libsndfile, and one that lacks a page says a larger one,
 * as FLAC does. MP3 files say none that could be relied on. */
static tn_status check_whole(const sndfile_api *api, SNDFILE *f, const SF_INFO *info, const tn_sound *s,
                             const char *name, base_error *e)
{
    enum { BLOCK = 8192 }; /* what a decoder of OGG may leave out at the ends */
    const int kind = info->format & SF_FORMAT_TYPEMASK;
    const bool endless = info->frames == INT64_MAX;
    if (kind == SF_FORMAT_OGG ? endless || s->frames < info->frames - BLOCK
                              : kind == SF_FORMAT_FLAC && !endless && s->frames < info->frames) {
        if (endless)
            return base_fail(e, TN_FORMAT, "%s is cut off: the end of its stream is missing", name);
        return base_fail(e, TN_FORMAT, "%s is cut off or damaged: %lld of its %lld samples a channel can be read", name,
                         (long long)s->frames, (long long)info->frames);
    }
    if (api->error_number(f) != SF_ERR_NO_ERROR)
        return base_fail(e, TN_FORMAT, "%s is damaged: %.200s", name, api->error(f));
    for (int64_t i = 0; i < s->frames * info->channels; i++) /* of formats that hold floating point */
        if (!isfinite(s->samples[i]))
            return base_fail(e, TN_FORMAT, "%s: sample %lld is %s", name, (long long)(i / info->channels),
                             isnan(s->samples[i]) ? "a NaN" : "infinite");
    return s->frames > 0 ? TN_OK : base_fail(e, TN_FORMAT, "%s has no samples", name);
}

static tn_sound *decode(const sndfile_api *api, SNDFILE *f, const SF_INFO *info, int64_t limit, const char *name,
                        base_error *e)
{
    if (info->channels < 1 || info->channels > 1024 || info->samplerate < 1) {
        base_fail(e, TN_FORMAT, "%s has %d channels and %d samples a second", name, info->channels, info->samplerate);
        return NULL;
    }
    tn_sound *s = data_sound_new(0, info->channels, info->samplerate, e);
    if (s && read_all(api, f, info, limit, name, s, e) == TN_OK && check_whole(api, f, info, s, name, e) == TN_OK)
        return s;
    tn_sound_free(s);
    return NULL;
}

tn_sound *data_sndfile_decode(const void *data, size_t bytes, const char *name, int64_t limit, base_error *e)
{
    SF_VIRTUAL_IO io = {length_of, seek, read_bytes, write_bytes, tell};
    memory m = {data, (sf_count_t)bytes, 0};
    SF_INFO info = {0};
    sndfile_api api = {0};
    if (open_library(&api, e) != TN_OK)
        return NULL;
    if (data_sound_is_cut(data, bytes)) {
        base_fail(e, TN_FORMAT, "%s is cut off: it says that there are more samples", name);
        return NULL;
    }
    SNDFILE *f = api.open(&io, SFM_READ, &info, &m);
    if (!f) {
        base_fail(e, TN_FORMAT, "%s is no sound that libsndfile can read: %.200s", name, api.error(NULL));
        return NULL;
    }
    tn_sound *s = decode(&api, f, &info, limit, name, e);
    api.close(f);
    return s;
}

#else

tn_sound *data_sndfile_decode(const void *data, size_t bytes, const char *name, int64_t limit, base_error *e)
{
    (void)data, (void)bytes, (void)limit;
    base_fail(e, TN_UNSUPPORTED,
              "%s: this build reads no sound files; build it with the Debian package libsndfile1-dev", name);
    return NULL;
}

#endif
