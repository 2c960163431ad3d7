/* gzip.c: see gzip.h. */
#include "data/gzip.h"

#include <stdlib.h>

#include "data/deflate.h"

bool data_is_gzip(const void *data, size_t bytes)
{
    const unsigned char *p = data;
    return bytes >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

size_t data_gzip_most(size_t bytes)
{
    return bytes > SIZE_MAX / 1100 ? SIZE_MAX : bytes * 1032 + 1032;
}

#ifdef TARN_HAVE_ZLIB
#include <zlib.h>

/* By a faster library, if it is there. */
static bool unpack_at_once(const void *data, size_t bytes, size_t most, char **out, size_t *length)
{
    return data_deflate_all(data, bytes, most, out, length);
}

struct data_gzip {
    z_stream stream;
    const unsigned char *data, *end, *start;
    const char *name;
    bool done;
};

enum { GZIP_WINDOW = 15 + 16 }; /* largest window, gzip header */

data_gzip *data_gzip_new(const void *data, size_t bytes, const char *name, base_error *e)
{
    data_gzip *z = calloc(1, sizeof *z);
    if (z && inflateInit2(&z->stream, GZIP_WINDOW) == Z_OK) {
        z->data = z->start = data;
        z->end = z->data + bytes;
        z->name = name;
        return z;
    }
    free(z);
    base_no_memory(e, "unpacking gzip");
    return NULL;
}

static unsigned piece(size_t n)
{
    return n > (1u << 30) ? 1u << 30 : (unsigned)n;
}

/* A member ended: another may follow. Zero bytes after it are padding. */
static tn_status next_member(data_gzip *z, base_error *e)
{
    const unsigned char *p = z->data;
    while (p < z->end && *p == 0)
        p++;
    if (p == z->end) {
        z->done = true;
        return TN_OK;
    }
    if (p != z->data || !data_is_gzip(p, (size_t)(z->end - p)))
        return base_fail(e, TN_FORMAT, "%s: offset %zu: something that is not gzip follows the packed data", z->name,
                         (size_t)(p - z->start));
    return inflateReset(&z->stream) == Z_OK ? TN_OK : base_fail(e, TN_INTERNAL, "zlib cannot start again");
}

tn_status data_gzip_read(data_gzip *z, void *out, size_t room, size_t *got, base_error *e)
{
    unsigned char *to = out;
    *got = 0;
    while (*got < room && !z->done) {
        unsigned in = piece((size_t)(z->end - z->data)), space = piece(room - *got);
        z->stream.next_in = (unsigned char *)(uintptr_t)z->data;
        z->stream.avail_in = in;
        z->stream.next_out = to + *got;
        z->stream.avail_out = space;
        int code = inflate(&z->stream, Z_NO_FLUSH);
        z->data += in - z->stream.avail_in;
        *got += space - z->stream.avail_out;
        if (code == Z_STREAM_END)
            BASE_TRY(next_member(z, e));
        else if (code == Z_BUF_ERROR || (code == Z_OK && z->data == z->end && z->stream.avail_out != 0))
            return base_fail(e, TN_FORMAT, "%s: the gzip data ends too early, at offset %zu", z->name,
                             (size_t)(z->end - z->start));
        else if (code == Z_MEM_ERROR)
            return base_no_memory(e, "unpacking gzip");
        else if (code != Z_OK)
            return base_fail(e, TN_FORMAT, "%s: offset %zu: the gzip data is damaged (%s)", z->name,
                             (size_t)(z->data - z->start), z->stream.msg ? z->stream.msg : "unknown");
    }
    return TN_OK;
}

void data_gzip_free(data_gzip *z)
{
    if (!z)
        return;
    inflateEnd(&z->stream);
    free(z);
}

#else

static bool unpack_at_once(const void *data, size_t bytes, size_t most, char **out, size_t *length)
{
    (void)data, (void)bytes, (void)most, (void)out, (void)length;
    return false;
}

data_gzip *data_gzip_new(const void *data, size_t bytes, const char *name, base_error *e)
{
    (void)data;
    (void)bytes;
    base_fail(e, TN_UNSUPPORTED,
              "%s is packed with gzip, and this build is without zlib; install the Debian package zlib1g-dev and build "
              "again, or unpack the file",
              name);
    return NULL;
}

tn_status data_gzip_read(data_gzip *z, void *out, size_t room, size_t *got, base_error *e)
{
    (void)z;
    (void)out;
    (void)room;
    *got = 0;
    return base_fail(e, TN_UNSUPPORTED, "this build is without zlib");
}

void data_gzip_free(data_gzip *z)
{
    (void)z;
}
#endif

tn_status data_gzip_all(const void *data, size_t bytes, const char *name, size_t limit, char **out, size_t *length,
                        base_error *e)
{
    size_t most = data_gzip_most(bytes), room = bytes * 4 + 65536, n = 0, got;
    limit = limit && limit < most ? limit : most;
    if (unpack_at_once(data, bytes, limit, out, length))
        return TN_OK;
    data_gzip *z = data_gzip_new(data, bytes, name, e);
    if (!z)
        return e ? e->status : TN_UNSUPPORTED;
    char *text = NULL;
    tn_status status = TN_OK;
    for (bool end = false; !end && status == TN_OK;) {
        char *more = realloc(text, room + 1);
        if (!more) {
            status = base_no_memory(e, "unpacking a file");
            break;
        }
        text = more;
        status = data_gzip_read(z, text + n, room - n, &got, e);
        n += got;
        end = n < room;
        room += room / 2;
        if (status == TN_OK && n > limit)
            status = base_fail(e, TN_LIMIT, "%.300s: unpacked it has more than %zu bytes", name, limit);
    }
    data_gzip_free(z);
    if (status != TN_OK) {
        free(text);
        return status;
    }
    *out = text;
    *length = n;
    return TN_OK;
}
