/* packed.c: what lies in a file of gzip: the members of a tar, or one file. It is unpacked once; the bytes of members, without
 * a tar's headers and padding, go to memory or, beyond the limit, to a file without a name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/files/inside.h"
#include "data/gzip.h"

/* ---- the sink -------------------------------------------------------------------------------------------------- */

static tn_status sink_failed(const files_sink *s, base_error *e)
{
    char text[128] = "unknown error";
    (void)!strerror_r(errno, text, sizeof text);
    return base_fail(e, TN_IO, "%s: what it holds is too large for memory, and a temporary file in %s failed: %s",
                     s->what, s->folder, text);
}

static tn_status write_out(const files_sink *s, const unsigned char *p, size_t n, base_error *e)
{
    while (n > 0) {
        ssize_t m = write(s->fd, p, n);
        if (m < 0 && errno == EINTR)
            continue;
        if (m <= 0)
            return sink_failed(s, e);
        p += m;
        n -= (size_t)m;
    }
    return TN_OK;
}

static tn_status move_to_file(files_sink *s, base_error *e)
{
    base_str path = {0};
    base_str_printf(&path, "%s/tarn-XXXXXX", s->folder);
    if (path.failed)
        return base_no_memory(e, "unpacking");
    s->fd = mkstemp(path.text);
    bool made = s->fd >= 0 && unlink(path.text) == 0;
    base_str_free(&path);
    if (!made)
        return sink_failed(s, e);
    BASE_TRY(write_out(s, s->memory, s->used, e));
    free(s->memory);
    s->memory = NULL;
    s->used = s->capacity = 0;
    return TN_OK;
}

static bool grow(files_sink *s, size_t due)
{
    size_t capacity = s->capacity ? s->capacity : 1 << 16;
    while (capacity < due)
        capacity = capacity > SIZE_MAX / 2 ? due : capacity * 2;
    unsigned char *memory = realloc(s->memory, capacity);
    if (!memory)
        return false;
    s->memory = memory;
    s->capacity = capacity;
    return true;
}

tn_status files_sink_put(files_sink *s, const void *data, size_t bytes, base_error *e)
{
    if ((uint64_t)bytes > (uint64_t)(s->limit - s->bytes))
        return base_fail(e, TN_LIMIT, "%s unpacks to more than %lld bytes", s->what, (long long)s->limit);
    if (bytes == 0)
        return TN_OK;
    s->bytes += (int64_t)bytes;
    if (s->fd < 0 &&
        (bytes > s->memory_limit - s->used || (bytes > s->capacity - s->used && !grow(s, s->used + bytes))))
        BASE_TRY(move_to_file(s, e));
    if (s->fd >= 0)
        return write_out(s, data, bytes, e);
    memcpy(s->memory + s->used, data, bytes);
    s->used += bytes;
    return TN_OK;
}

void files_sink_abandon(files_sink *s)
{
    free(s->memory);
    if (s->fd >= 0)
        close(s->fd);
    s->memory = NULL;
    s->fd = -1;
}

/* ---- the tape -------------------------------------------------------------------------------------------------- */

enum { PIECE = 1 << 16 };

typedef struct packed_tape {
    files_tape tape;
    data_gzip *gzip;
    files_sink sink;
    int64_t passed, limit;
    unsigned char *piece;
    unsigned char first[512]; /* read to see whether this is a tar */
    size_t first_bytes, first_given;
} packed_tape;

static tn_status packed_read(files_tape *t, void *to, size_t room, size_t *got, base_error *e)
{
    packed_tape *p = (packed_tape *)t;
    size_t n = p->first_bytes - p->first_given;
    n = n < room ? n : room;
    memcpy(to, p->first + p->first_given, n);
    p->first_given += n;
    *got = n;
    if (n < room) {
        size_t more = 0;
        BASE_TRY(data_gzip_read(p->gzip, (char *)to + n, room - n, &more, e));
        *got += more;
    }
    t->at += (int64_t)*got;
    return t->at <= p->limit
               ? TN_OK
               : base_fail(e, TN_LIMIT, "%s unpacks to more than %lld bytes", p->sink.what, (long long)p->limit);
}

static tn_status packed_pass(files_tape *t, int64_t size, int64_t bytes, bool keep, int64_t *offset, base_error *e)
{
    packed_tape *p = (packed_tape *)t;
    *offset = p->sink.bytes;
    while (bytes > 0) {
        size_t due = bytes < PIECE ? (size_t)bytes : PIECE, got = 0;
        BASE_TRY(packed_read(t, p->piece, due, &got, e));
        if (got < due)
            return base_fail(e, TN_FORMAT, "%s: the tar in it is cut short: it ends inside a member", p->sink.what);
        size_t kept = !keep ? 0 : size < (int64_t)got ? (size_t)size : got;
        BASE_TRY(files_sink_put(&p->sink, p->piece, kept, e));
        size -= (int64_t)kept;
        bytes -= (int64_t)got;
    }
    return TN_OK;
}

/* Not a tar: one file, named as the packed one without its ending. */
static tn_status unpack_single(packed_tape *p, data_files *f, files_shard *s, base_error *e)
{
    size_t got = 0;
    do {
        BASE_TRY(packed_read(&p->tape, p->piece, PIECE, &got, e));
        BASE_TRY(files_sink_put(&p->sink, p->piece, got, e));
    } while (got == PIECE);
    if (f->under)
        return base_fail(e, TN_INVALID, "%s holds one packed file and no folders", s->path);
    if (p->sink.bytes > f->opt.member_limit)
        return base_fail(e, TN_LIMIT, "%s unpacks to %lld bytes; files of at most %lld are read", s->path,
                         (long long)p->sink.bytes, (long long)f->opt.member_limit);
    const char *slash = strrchr(s->path, '/');
    char *name = base_arena_strdup(&f->arena, slash ? slash + 1 : s->path);
    if (!name)
        return base_no_memory(e, "listing files");
    size_t n = strlen(name);
    if (n > 3 && strcmp(name + n - 3, ".gz") == 0)
        name[n - 3] = '\0';
    s->plain = true;
    files_member m = {.name = name, .size = p->sink.bytes, .order = (int64_t)f->members.n};
    return base_vec_push(&f->members, m) ? TN_OK : base_no_memory(e, "listing files");
}

static tn_status unpack(packed_tape *p, data_files *f, files_shard *s, base_error *e)
{
    BASE_TRY(data_gzip_read(p->gzip, p->first, sizeof p->first, &p->first_bytes, e));
    if (p->first_bytes < sizeof p->first || !files_is_tar(p->first))
        return unpack_single(p, f, s, e);
    return files_tar_index(f, &p->tape, s->path, e);
}

tn_status files_gzip_open(data_files *f, files_shard *s, const char *what, base_error *e)
{
    base_mapping mapping = {.data = s->bytes.data, .bytes = (size_t)s->bytes.bytes};
    if (!s->bytes.data)
        BASE_TRY(base_file_map(s->path, &mapping, e));
    packed_tape *p = calloc(1, sizeof *p + PIECE);
    tn_status status = p ? TN_OK : base_no_memory(e, "unpacking");
    if (p) {
        p->piece = (unsigned char *)(p + 1);
        p->tape = (files_tape){.read = packed_read, .pass = packed_pass};
        p->limit = f->opt.unpack_limit;
        p->sink = (files_sink){.fd = -1,
                               .memory_limit = f->opt.memory_limit,
                               .limit = f->opt.unpack_limit,
                               .folder = f->opt.temporary,
                               .what = what};
        p->gzip = data_gzip_new(mapping.data, mapping.bytes, what, e);
        status = p->gzip ? unpack(p, f, s, e) : e ? e->status : TN_MEMORY;
        data_gzip_free(p->gzip);
    }
    if (status == TN_OK) { /* what was unpacked takes the place of the file */
        if (s->fd >= 0)
            close(s->fd);
        s->fd = p->sink.fd;
        s->memory = p->sink.memory;
        s->bytes = (files_bytes){.fd = s->fd, .bytes = p->sink.bytes};
        if (s->fd < 0)
            s->bytes.data = s->memory ? s->memory : (const unsigned char *)"";
    } else if (p) {
        files_sink_abandon(&p->sink);
    }
    free(p);
    base_file_unmap(&mapping);
    return status;
}
