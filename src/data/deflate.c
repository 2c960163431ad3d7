/* deflate.c: see deflate.h. What is used of libdeflate is declared here, so that it needs no header; its interface has been the same since
 * its version 1.0, the library's name (.so.0) says so. */
#include "data/deflate.h"

#ifdef TARN_HAVE_DEFLATE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/room.h"
#include "data/gzip.h"

enum { DEFLATE_OK = 0, DEFLATE_NO_ROOM = 3, TRAILER = 8, LEAST = 18 };

typedef struct deflate {
    void *(*open)(void);
    int (*unpack)(void *self, const void *in, size_t in_bytes, void *out, size_t out_room, size_t *in_used,
                  size_t *out_made);
    void (*close)(void *self);
} deflate;

static bool find(deflate *d)
{
    void *library = base_library_open("libdeflate.so.0");
    return library && base_library_find(library, "libdeflate_alloc_decompressor", &d->open) &&
           base_library_find(library, "libdeflate_gzip_decompress_ex", &d->unpack) &&
           base_library_find(library, "libdeflate_free_decompressor", &d->close);
}

/* What the trailer says that the last member has, if that can be: of one member all. */
static size_t told_size(const unsigned char *p, size_t bytes, size_t most)
{
    const unsigned char *t = p + bytes - 4;
    const size_t told = (size_t)t[0] | (size_t)t[1] << 8 | (size_t)t[2] << 16 | (size_t)t[3] << 24;
    return told >= bytes / 2 && told <= most ? told : bytes * 4 < most ? bytes * 4 : most;
}

/* One member at `in` to text + *n. */
static bool unpack_member(const deflate *d, void *self, const unsigned char *in, size_t in_bytes, size_t most,
                          char **text, size_t *room, size_t *n, size_t *used)
{
    for (;;) {
        size_t made = 0;
        const int code = d->unpack(self, in, in_bytes, *text + *n, *room - *n, used, &made);
        if (code == DEFLATE_OK) {
            *n += made;
            return true;
        }
        const size_t more = *room > most / 2 ? most : 2 * *room;
        if (code != DEFLATE_NO_ROOM || *room >= most || !base_grow(text, more + 1))
            return false;
        *room = more;
    }
}

static bool unpack_all(const deflate *d, void *self, const unsigned char *in, size_t bytes, size_t most, char **text,
                       size_t *length)
{
    size_t room = told_size(in, bytes, most), n = 0;
    if (!(*text = base_room(room + 1)))
        return false;
    for (size_t used; bytes >= LEAST && data_is_gzip(in, bytes); in += used, bytes -= used)
        if (!unpack_member(d, self, in, bytes, most, text, &room, &n, &used))
            return false;
    while (bytes > 0 && *in == 0) { /* padding */
        in++;
        bytes--;
    }
    (*text)[n] = '\0';
    *length = n;
    return bytes == 0;
}

bool data_deflate_all(const void *data, size_t bytes, size_t most, char **out, size_t *length)
{
    deflate d = {0};
    void *self = bytes >= LEAST && find(&d) ? d.open() : NULL;
    char *text = NULL;
    if (!self)
        return false;
    const bool done = unpack_all(&d, self, data, bytes, most, &text, length);
    d.close(self);
    if (done)
        *out = text;
    else
        free(text);
    return done;
}

#else

bool data_deflate_all(const void *data, size_t bytes, size_t most, char **out, size_t *length)
{
    (void)data, (void)bytes, (void)most, (void)out, (void)length;
    return false;
}
#endif
