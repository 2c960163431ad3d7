/* zip.c: zip archives by their central directory (PKWARE, APPNOTE.TXT 6.3, sections 4.3 and 4.5.3), with zip64: members that
 * are stored or deflated, each unpacked on its own and checked by its CRC-32. Read by ourselves and zlib: a reader of members
 * by several threads at once needs no more, and .npz files are zips too. */
#include <string.h>

#ifdef TARN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/text.h"
#include "data/files/inside.h"
#include "data/gzip.h"

enum { END = 22, END64 = 56, LOCATOR = 20, CENTRAL = 46, LOCAL = 30, COMMENT = 65535 };

typedef struct reader {
    data_files *files;
    const files_bytes *bytes;
    const char *what;
    int64_t start, size, entries; /* the central directory */
    base_error *e;
} reader;

static uint64_t number(const unsigned char *p, int n)
{
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static tn_status damaged(const reader *r, int64_t at, const char *why)
{
    return base_fail(r->e, TN_FORMAT, "%s is a damaged zip archive: offset %lld: %s", r->what, (long long)at, why);
}

/* ---- the end of the archive ------------------------------------------------------------------------------------ */

/* Numbers that did not fit stand in a second record. */
static tn_status read_end64(reader *r, int64_t end)
{
    unsigned char p[END64];
    if (end < LOCATOR)
        return TN_OK;
    BASE_TRY(files_bytes_read(r->bytes, end - LOCATOR, p, LOCATOR, r->what, r->e));
    if (memcmp(p, "PK\6\7", 4) != 0)
        return TN_OK;
    uint64_t at = number(p + 8, 8);
    if (at > (uint64_t)r->bytes->bytes || r->bytes->bytes - (int64_t)at < END64)
        return damaged(r, end - LOCATOR, "it points behind its end");
    BASE_TRY(files_bytes_read(r->bytes, (int64_t)at, p, END64, r->what, r->e));
    if (memcmp(p, "PK\6\6", 4) != 0)
        return damaged(r, (int64_t)at, "the record of a large archive is not there");
    uint64_t entries = number(p + 32, 8), size = number(p + 40, 8), start = number(p + 48, 8);
    if (entries > INT64_MAX || size > INT64_MAX || start > INT64_MAX)
        return damaged(r, (int64_t)at, "numbers beyond 63 bits");
    r->entries = (int64_t)entries;
    r->size = (int64_t)size;
    r->start = (int64_t)start;
    return TN_OK;
}

static tn_status read_end(reader *r)
{
    int64_t bytes = r->bytes->bytes, tail = bytes < END + COMMENT ? bytes : END + COMMENT;
    data_buffer b = {0};
    BASE_TRY(data_buffer_room(&b, (size_t)tail, r->e));
    tn_status status = files_bytes_read(r->bytes, bytes - tail, b.room, (size_t)tail, r->what, r->e);
    int64_t at = tail - END;
    while (status == TN_OK && at >= 0 &&
           (memcmp(b.room + at, "PK\5\6", 4) != 0 || (int64_t)number(b.room + at + 20, 2) > tail - END - at))
        at--;
    if (status == TN_OK && at < 0)
        status = base_fail(r->e, TN_FORMAT, "%s is no zip archive, or cut short: the record that ends one is not there",
                           r->what);
    int64_t end = bytes - tail + at;
    if (status == TN_OK) {
        r->entries = (int64_t)number(b.room + at + 10, 2);
        r->size = (int64_t)number(b.room + at + 12, 4);
        r->start = (int64_t)number(b.room + at + 16, 4);
        status = read_end64(r, end);
    }
    data_buffer_free(&b);
    BASE_TRY(status);
    if (r->start > end || r->size > end - r->start)
        return damaged(r, end, "its directory lies outside of it");
    return TN_OK;
}

/* Something may stand in front of an archive (a program that unpacks it): then offsets are wrong, and it is refused. */
static tn_status find_directory(reader *r)
{
    unsigned char p[4] = {0};
    if (r->entries == 0)
        return TN_OK;
    if (r->size >= CENTRAL)
        BASE_TRY(files_bytes_read(r->bytes, r->start, p, 4, r->what, r->e));
    return memcmp(p, "PK\1\2", 4) == 0 ? TN_OK : damaged(r, r->start, "its directory is not where it should be");
}

/* ---- the central directory ------------------------------------------------------------------------------------- */

/* Sizes of all ones are in the extra field of zip64, in this order, each only if it is needed. */
static bool read_extra(const unsigned char *p, size_t n, files_member *m)
{
    int64_t *const fields[] = {&m->size, &m->packed, &m->offset};
    bool needed = false;
    for (int f = 0; f < 3; f++)
        needed = needed || *fields[f] == 0xffffffff;
    while (needed && n >= 4) {
        size_t id = (size_t)number(p, 2), length = (size_t)number(p + 2, 2);
        if (length > n - 4)
            return false;
        const unsigned char *q = p + 4, *end = q + length;
        for (int f = 0; id == 1 && f < 3; f++)
            if (*fields[f] == 0xffffffff) {
                if (end - q < 8 || number(q, 8) > INT64_MAX)
                    return false;
                *fields[f] = (int64_t)number(q, 8);
                q += 8;
            }
        needed = id != 1;
        p += 4 + length;
        n -= 4 + length;
    }
    return !needed;
}

static tn_status add_entry(reader *r, const unsigned char *p, size_t name, size_t extra, int64_t at)
{
    files_member m = {.flags = (uint16_t)number(p + 8, 2),
                      .method = (uint16_t)number(p + 10, 2),
                      .crc = (uint32_t)number(p + 16, 4),
                      .packed = (int64_t)number(p + 20, 4),
                      .size = (int64_t)number(p + 24, 4),
                      .offset = (int64_t)number(p + 42, 4)};
    const char *text = (const char *)p + CENTRAL;
    if (!read_extra(p + CENTRAL + name, extra, &m))
        return damaged(r, at, "the sizes of a large member are missing");
    bool folder = name == 0 || text[name - 1] == '/';
    if (memchr(text, '\0', name))
        return damaged(r, at, "a name with a zero byte inside");
    char *copy = base_arena_alloc(&r->files->arena, name + 1);
    if (!copy)
        return base_no_memory(r->e, "reading a zip archive");
    memcpy(copy, text, name);
    if (folder)
        return files_add_folder(r->files, copy, r->e);
    if (m.offset >= r->start || m.packed > r->start - m.offset)
        return damaged(r, at, "a member that lies outside of the archive");
    if ((m.method == FILES_STORED && m.size != m.packed) ||
        (m.method == FILES_DEFLATED && m.size > (int64_t)data_gzip_most((size_t)m.packed)))
        return damaged(r, at, "a member whose sizes cannot be");
    if (!strchr(copy, '/') && strchr(copy, '\\')) /* as some programs of Windows write them */
        for (char *c = copy; (c = strchr(c, '\\')) != NULL;)
            *c = '/';
    return files_add(r->files, copy, m, r->e);
}

static tn_status read_directory(reader *r)
{
    data_buffer b = {0};
    tn_status status = data_buffer_room(&b, (size_t)r->size, r->e);
    if (status == TN_OK)
        status = files_bytes_read(r->bytes, r->start, b.room, b.bytes, r->what, r->e);
    const unsigned char *p = b.data, *end = p ? p + b.bytes : p;
    for (int64_t i = 0; status == TN_OK && i < r->entries; i++) {
        int64_t at = r->start + (p - b.data);
        size_t left = (size_t)(end - p);
        if (left < CENTRAL || memcmp(p, "PK\1\2", 4) != 0) {
            status = damaged(r, at, "an entry of its directory is missing");
            break;
        }
        size_t name = (size_t)number(p + 28, 2), extra = (size_t)number(p + 30, 2);
        size_t all = CENTRAL + name + extra + (size_t)number(p + 32, 2);
        if (all > left) {
            status = damaged(r, at, "an entry of its directory reaches behind its end");
            break;
        }
        status = add_entry(r, p, name, extra, at);
        p += all;
    }
    data_buffer_free(&b);
    return status;
}

tn_status files_zip_index(data_files *f, const files_bytes *b, const char *what, base_error *e)
{
    reader r = {.files = f, .bytes = b, .what = what, .e = e};
    if (b->bytes < END)
        return base_fail(e, TN_FORMAT, "%s is no zip archive: it has %lld bytes", what, (long long)b->bytes);
    BASE_TRY(read_end(&r));
    BASE_TRY(find_directory(&r));
    return read_directory(&r);
}

/* ---- members --------------------------------------------------------------------------------------------------- */

#ifdef TARN_HAVE_ZLIB
static tn_status check(const data_buffer *b, const files_member *m, const char *what, base_error *e)
{
    uLong crc = crc32(0, NULL, 0);
    for (size_t at = 0; at < b->bytes;) {
        size_t n = b->bytes - at < (1u << 30) ? b->bytes - at : 1u << 30;
        crc = crc32(crc, b->data + at, (uInt)n);
        at += n;
    }
    return crc == m->crc ? TN_OK : base_fail(e, TN_FORMAT, "%s is damaged: its checksum is wrong", what);
}

static tn_status inflate_all(const files_bytes *b, int64_t at, const files_member *m, data_buffer *out,
                             const char *what, base_error *e)
{
    enum { PIECE = 1 << 15 };
    unsigned char piece[PIECE];
    z_stream z = {0};
    int code = Z_OK;
    tn_status status = TN_OK;
    if (inflateInit2(&z, -15) != Z_OK)
        return base_no_memory(e, "unpacking a zip archive");
    z.next_out = out->room;
    for (int64_t left = m->packed; status == TN_OK && code == Z_OK;) {
        if (z.avail_in == 0 && left > 0) {
            size_t n = left < PIECE ? (size_t)left : PIECE;
            status = files_bytes_read(b, at, piece, n, what, e);
            z.next_in = piece;
            z.avail_in = (uInt)n;
            at += (int64_t)n;
            left -= (int64_t)n;
        }
        size_t room = out->bytes - (size_t)z.total_out;
        z.avail_out = room < (1u << 30) ? (uInt)room : 1u << 30;
        if (status == TN_OK)
            code = inflate(&z, Z_NO_FLUSH);
    }
    bool whole = code == Z_STREAM_END && z.total_out == out->bytes;
    inflateEnd(&z);
    if (status == TN_OK && !whole)
        status = code == Z_MEM_ERROR ? base_no_memory(e, "unpacking a zip archive")
                                     : base_fail(e, TN_FORMAT, "%s is damaged: it cannot be unpacked", what);
    return status;
}
#else
static tn_status check(const data_buffer *b, const files_member *m, const char *what, base_error *e)
{
    (void)b;
    (void)m;
    (void)what;
    (void)e;
    return TN_OK;
}

static tn_status inflate_all(const files_bytes *b, int64_t at, const files_member *m, data_buffer *out,
                             const char *what, base_error *e)
{
    (void)b;
    (void)at;
    (void)m;
    (void)out;
    return base_fail(e, TN_UNSUPPORTED,
                     "%s is packed, and this build is without zlib; install the Debian package zlib1g-dev and build "
                     "again, or unpack the archive",
                     what);
}
#endif

tn_status files_zip_read(const files_bytes *b, const files_member *m, data_buffer *out, const char *what, base_error *e)
{
    unsigned char p[LOCAL];
    if (m->flags & 1)
        return base_fail(e, TN_UNSUPPORTED, "%s is encrypted, which is not read", what);
    if (m->method != FILES_STORED && m->method != FILES_DEFLATED)
        return base_fail(e, TN_UNSUPPORTED, "%s is packed by method %d; stored and deflated members are read", what,
                         m->method);
    BASE_TRY(files_bytes_read(b, m->offset, p, LOCAL, what, e));
    int64_t at = m->offset + LOCAL + (int64_t)number(p + 26, 2) + (int64_t)number(p + 28, 2);
    if (memcmp(p, "PK\3\4", 4) != 0 || at > b->bytes || m->packed > b->bytes - at)
        return base_fail(e, TN_FORMAT, "%s is damaged: offset %lld does not hold a member", what, (long long)m->offset);
    BASE_TRY(data_buffer_room(out, (size_t)m->size, e));
    BASE_TRY(m->method == FILES_STORED ? files_bytes_read(b, at, out->room, out->bytes, what, e)
                                       : inflate_all(b, at, m, out, what, e));
    return check(out, m, what, e);
}
