/* tar.c: the index of a tar: ustar, pax (path, linkpath, size) and GNU's long names; base-256 numbers. Nothing in it is
 * believed: checksums, lengths against what is there, numbers against 63 bits. See POSIX.1-2017, pax, "ustar Interchange
 * Format" and "pax Extended Header", and the GNU tar manual, "Basic Tar Format". */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/files/inside.h"

enum { BLOCK = 512, MOST_EXTRA = 1 << 20 };

/* Where things lie in a header. */
enum { NAME = 0, SIZE = 124, CHECKSUM = 148, TYPE = 156, LINK = 157, MAGIC = 257, PREFIX = 345 };

typedef struct reader {
    data_files *files;
    files_tape *tape;
    const char *what;
    char *extra;             /* of a long name or a pax header */
    const char *name, *link; /* said by what stands in front of a member; NULL: its own header counts */
    int64_t size;            /* so, or -1 */
    char own_name[257], own_link[101];
    base_error *e;
} reader;

/* Octal with spaces or zeros around, or binary behind a first byte of 0x80; -1 if it is neither or too large. */
static int64_t number(const unsigned char *p, int n)
{
    int64_t v = 0;
    if (p[0] & 0x80) {
        for (int i = 0; i < n; i++) {
            if (v > INT64_MAX >> 8)
                return -1;
            v = v << 8 | (i == 0 ? p[0] & 0x7f : p[i]);
        }
        return p[0] & 0x40 ? -1 : v;
    }
    int i = 0, digits = 0;
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++, digits++)
        v = v << 3 | (p[i] - '0'); /* at most 12 digits: 36 bits */
    while (i < n && (p[i] == ' ' || p[i] == 0))
        i++;
    return i == n || digits == 0 ? v : -1;
}

bool files_is_tar(const unsigned char block[BLOCK])
{
    int64_t due = number(block + CHECKSUM, 8), sum = 8 * ' ';
    if (!block[0])
        return false;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + 8 ? 0 : block[i];
    return sum == due;
}

static bool all_zero(const unsigned char *p)
{
    for (int i = 0; i < BLOCK; i++)
        if (p[i])
            return false;
    return true;
}

static int64_t padded(int64_t size)
{
    return (size + BLOCK - 1) & ~(int64_t)(BLOCK - 1);
}

static tn_status damaged(const reader *r, int64_t at, const char *why)
{
    return base_fail(r->e, TN_FORMAT, "%s is a damaged tar: offset %lld: %s", r->what, (long long)at, why);
}

/* What precedes a member about it, whole, with a zero behind. */
static tn_status read_extra(reader *r, int64_t size, int64_t at)
{
    size_t got = 0, n = (size_t)padded(size);
    if (size > MOST_EXTRA)
        return damaged(r, at, "a name or extended header of more than a megabyte");
    free(r->extra);
    r->extra = malloc(n + 1);
    if (!r->extra)
        return base_no_memory(r->e, "reading a tar");
    BASE_TRY(r->tape->read(r->tape, r->extra, n, &got, r->e));
    if (got < n)
        return damaged(r, at, "it ends inside an extended header: it is cut short");
    r->extra[size] = '\0';
    return TN_OK;
}

/* Keeps text of the extra as the name (or link) of what follows. */
static tn_status keep(reader *r, const char **field, const char *text, size_t n)
{
    char *copy = base_arena_alloc(&r->files->arena, n + 1);
    if (!copy)
        return base_no_memory(r->e, "reading a tar");
    memcpy(copy, text, n);
    *field = copy;
    return TN_OK;
}

static tn_status pax_record(reader *r, const char *key, size_t key_bytes, const char *value, size_t n, int64_t at)
{
    bool is_path = key_bytes == 4 && memcmp(key, "path", 4) == 0;
    bool is_link = key_bytes == 8 && memcmp(key, "linkpath", 8) == 0;
    bool is_size = key_bytes == 4 && memcmp(key, "size", 4) == 0;
    if (key_bytes > 10 && memcmp(key, "GNU.sparse", 10) == 0)
        return base_fail(r->e, TN_UNSUPPORTED,
                         "%s: offset %lld: a sparse file, which is not read; pack it without --sparse", r->what,
                         (long long)at);
    if (is_path || is_link)
        return memchr(value, '\0', n) ? damaged(r, at, "a name with a zero byte inside")
                                      : keep(r, is_path ? &r->name : &r->link, value, n);
    if (!is_size)
        return TN_OK;
    int64_t v = 0;
    for (size_t i = 0; i < n; i++)
        if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, value[i] - '0', &v))
            return damaged(r, at, "a size that is not a number");
    r->size = v;
    return TN_OK;
}

/* Records "25 path=a/b/c.jpg\n", each with its own length in front. */
static tn_status read_pax(reader *r, int64_t size, int64_t at)
{
    for (const char *p = r->extra, *end = p + size; p < end;) {
        size_t length = 0, room = (size_t)(end - p), digits = 0;
        while (digits < room && digits < 8 && p[digits] >= '0' && p[digits] <= '9')
            length = length * 10 + (size_t)(p[digits++] - '0');
        if (digits == 0 && *p == '\0')
            return TN_OK; /* padding */
        const char *key = p + digits + 1;
        if (digits == 0 || digits >= room || p[digits] != ' ' || length > room || length < digits + 3 ||
            p[length - 1] != '\n')
            return damaged(r, at, "an extended header whose records do not fit");
        const char *equals = memchr(key, '=', (size_t)(p + length - 1 - key));
        if (!equals)
            return damaged(r, at, "a record without '=' in an extended header");
        BASE_TRY(pax_record(r, key, (size_t)(equals - key), equals + 1, (size_t)(p + length - 1 - equals - 1), at));
        p += length;
    }
    return TN_OK;
}

/* Name and prefix of the header itself. GNU's old magic has other things where the prefix is. */
static void own_names(reader *r, const unsigned char *h)
{
    size_t prefix = memcmp(h + MAGIC, "ustar\0", 6) == 0 ? strnlen((const char *)h + PREFIX, 155) : 0;
    size_t name = strnlen((const char *)h + NAME, 100), link = strnlen((const char *)h + LINK, 100);
    char *to = r->own_name;
    memcpy(to, h + PREFIX, prefix);
    to += prefix;
    if (prefix)
        *to++ = '/';
    memcpy(to, h + NAME, name);
    to[name] = '\0';
    memcpy(r->own_link, h + LINK, link);
    r->own_link[link] = '\0';
}

static tn_status add_member(reader *r, const unsigned char *h, int64_t size, int64_t at)
{
    char type = (char)h[TYPE];
    own_names(r, h);
    const char *name = r->name ? r->name : r->own_name;
    size_t length = strlen(name);
    bool file = type == '0' || type == '\0' || type == '7', hard = type == '1';
    if (type == '\0' && length && name[length - 1] == '/')
        file = false; /* a folder, as the oldest tars write it */
    if (type == 'S')
        return base_fail(r->e, TN_UNSUPPORTED,
                         "%s: offset %lld: %s is a sparse file, which is not read; pack it without --sparse", r->what,
                         (long long)at, BASE_SHOW(name));
    if (size > r->files->opt.member_limit)
        return base_fail(r->e, TN_LIMIT, "%s!%s has %lld bytes; files of at most %lld are read", r->what,
                         BASE_SHOW(name), (long long)size, (long long)r->files->opt.member_limit);
    files_member m = {.size = size, .link = hard ? (r->link ? r->link : r->own_link) : NULL};
    /* Links, folders and devices have no data, whatever their headers say of a size. */
    int64_t data = type >= '1' && type <= '6' ? 0 : padded(size);
    BASE_TRY(r->tape->pass(r->tape, size, data, file, &m.offset, r->e));
    r->files->passed_over += type >= '2' && type <= '6' && type != '5';
    tn_status status = file || hard  ? files_add(r->files, name, m, r->e)
                       : type == '5' ? files_add_folder(r->files, name, r->e)
                                     : TN_OK;
    r->name = r->link = NULL;
    r->size = -1;
    return status;
}

static tn_status one_header(reader *r, const unsigned char *h, int64_t at)
{
    char type = (char)h[TYPE];
    int64_t size = number(h + SIZE, 12);
    if (!files_is_tar(h))
        return damaged(r, at, "the checksum of a header is wrong");
    if (size < 0 || size > INT64_MAX - BLOCK)
        return damaged(r, at, "a size that is not a number");
    bool name = type == 'L', link = type == 'K', pax = type == 'x', global = type == 'g' || type == 'X' || type == 'V';
    if (global) {
        int64_t unused;
        return r->tape->pass(r->tape, size, padded(size), false, &unused, r->e);
    }
    if (!name && !link && !pax) {
        if (r->size > INT64_MAX - BLOCK)
            return damaged(r, at, "a size beyond 63 bits");
        return add_member(r, h, r->size >= 0 ? r->size : size, at);
    }
    BASE_TRY(read_extra(r, size, at));
    if (pax)
        return read_pax(r, size, at);
    return keep(r, name ? &r->name : &r->link, r->extra, strlen(r->extra));
}

static tn_status read_headers(reader *r)
{
    for (int empty = 0;;) {
        unsigned char h[BLOCK];
        size_t got = 0;
        int64_t at = r->tape->at;
        BASE_TRY(r->tape->read(r->tape, h, BLOCK, &got, r->e));
        if (got == 0 && empty)
            return TN_OK; /* one empty block at the end is enough for us */
        if (got < BLOCK)
            return damaged(r, at, "it ends without the empty blocks that stand last: it is cut short");
        if (all_zero(h)) {
            if (++empty == 2)
                return TN_OK;
            continue;
        }
        if (empty)
            return damaged(r, at, "something follows an empty block");
        BASE_TRY(one_header(r, h, at));
    }
}

tn_status files_tar_index(data_files *f, files_tape *t, const char *what, base_error *e)
{
    reader r = {.files = f, .tape = t, .what = what, .size = -1, .e = e};
    tn_status status = read_headers(&r);
    free(r.extra);
    return status;
}

/* ---- a tar that lies in the open ------------------------------------------------------------------------------- */

typedef struct open_tape {
    files_tape tape;
    const files_bytes *bytes;
    const char *what;
} open_tape;

static tn_status open_read(files_tape *t, void *to, size_t room, size_t *got, base_error *e)
{
    open_tape *o = (open_tape *)t;
    int64_t left = o->bytes->bytes - t->at;
    *got = (uint64_t)left < room ? (size_t)left : room;
    BASE_TRY(files_bytes_read(o->bytes, t->at, to, *got, o->what, e));
    t->at += (int64_t)*got;
    return TN_OK;
}

static tn_status open_pass(files_tape *t, int64_t size, int64_t bytes, bool keep, int64_t *offset, base_error *e)
{
    open_tape *o = (open_tape *)t;
    (void)size;
    (void)keep;
    *offset = t->at;
    if (bytes > o->bytes->bytes - t->at)
        return base_fail(e, TN_FORMAT, "%s is cut short: offset %lld: a member of %lld bytes, and %lld are left",
                         o->what, (long long)t->at, (long long)size, (long long)(o->bytes->bytes - t->at));
    t->at += bytes;
    return TN_OK;
}

tn_status files_tar_plain(data_files *f, const files_bytes *b, const char *what, base_error *e)
{
    open_tape o = {.tape = {.read = open_read, .pass = open_pass}, .bytes = b, .what = what};
    return files_tar_index(f, &o.tape, what, e);
}
