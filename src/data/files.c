/* files.c: see files.h. What a path is, the sorted list of members, reading them. */
#include "data/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "data/files/inside.h"
#include "data/gzip.h"

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

static tn_status fail_errno(base_error *e, const char *verb, const char *path)
{
    char text[128] = "unknown error";
    int code = errno;
    (void)!strerror_r(code, text, sizeof text);
    return base_fail(e, code == ENOENT ? TN_NOT_FOUND : TN_IO, "cannot %s %s: %s", verb, path, text);
}

tn_status files_bytes_read(const files_bytes *b, int64_t at, void *to, size_t n, const char *name, base_error *e)
{
    if (at < 0 || at > b->bytes || (uint64_t)n > (uint64_t)(b->bytes - at))
        return base_fail(e, TN_FORMAT, "%s: it is cut short: %zu bytes are due at offset %lld", name, n, (long long)at);
    if (b->data) {
        memcpy(to, b->data + at, n);
        return TN_OK;
    }
    for (size_t got = 0; got < n;) {
        ssize_t m = pread(b->fd, (char *)to + got, n - got, (off_t)(at + (int64_t)got));
        if (m < 0 && errno == EINTR)
            continue;
        if (m < 0)
            return fail_errno(e, "read", name);
        if (m == 0)
            return base_fail(e, TN_IO, "%s became shorter while it was open", name);
        got += (size_t)m;
    }
    return TN_OK;
}

tn_status data_buffer_room(data_buffer *b, size_t bytes, base_error *e)
{
    if (bytes > b->capacity || !b->room) {
        free(b->room);
        b->capacity = 0;
        b->room = malloc(bytes ? bytes : 1);
        if (!b->room)
            return base_fail(e, TN_MEMORY, "out of memory: a file of %zu bytes does not fit", bytes);
        b->capacity = bytes;
    }
    b->data = b->room;
    b->bytes = bytes;
    return TN_OK;
}

void data_buffer_free(data_buffer *b)
{
    free(b->room);
    *b = (data_buffer){0};
}

/* ---- members --------------------------------------------------------------------------------------------------- */

/* "./a//b/./c" as "a/b/c": no empty parts, no points, no slash in front. */
static char *clean_name(base_arena *arena, const char *name)
{
    size_t n = strlen(name);
    char *clean = base_arena_alloc(arena, n + 1), *to = clean;
    if (!clean)
        return NULL;
    for (const char *p = name, *end = name + n; p < end;) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        size_t part = (size_t)((slash ? slash : end) - p);
        if (part > 0 && !(part == 1 && *p == '.')) {
            if (to > clean)
                *to++ = '/';
            memcpy(to, p, part);
            to += part;
        }
        p += part + 1;
    }
    *to = '\0';
    return clean;
}

/* Some part begins with a point, or is the folder that macOS puts into archives. ".." is such a part. */
static bool is_hidden(const char *name)
{
    for (const char *p = name; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (*p == '.')
            return true;
    }
    return strncmp(name, "__MACOSX/", 9) == 0;
}

static bool is_under(const data_files *f, const char *name)
{
    size_t n = f->under;
    return n == 0 || (strncmp(name, f->opt.under, n - 1) == 0 && name[n - 1] == '/' && name[n]);
}

/* Remembers the folders at the top, for "there is no folder trian in it; it holds test and train". */
static void note_top(data_files *f, const char *name)
{
    const char *slash = strchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;
    const char *seen = f->top ? f->top : "";
    if (n == 0 || n > 60 || strlen(seen) > 300)
        return;
    for (const char *p = strstr(seen, ", "); p; p = strstr(p + 2, ", "))
        if (strncmp(p + 2, name, n) == 0 && (p[2 + n] == ',' || !p[2 + n]))
            return;
    char *top = base_arena_printf(&f->arena, "%s, %.*s", seen, (int)n, name);
    f->top = top ? top : f->top;
}

/* The first part of what the view shows of a name that goes on behind it (or is a folder as a whole). */
static tn_status note_folder(data_files *f, const char *clean, bool is_folder, base_error *e)
{
    const char *shown = clean + f->under, *slash = strchr(shown, '/');
    size_t n = slash ? (size_t)(slash - shown) : strlen(shown);
    if (n == 0 || (!slash && !is_folder))
        return TN_OK;
    const char *last = f->folders.n ? f->folders.at[f->folders.n - 1] : "";
    if (strlen(last) == n && memcmp(last, shown, n) == 0)
        return TN_OK;
    char *name = base_arena_printf(&f->arena, "%.*s", (int)n, shown);
    return name && base_vec_push(&f->folders, name) ? TN_OK : base_no_memory(e, "listing files");
}

tn_status files_add(data_files *f, const char *name, files_member m, base_error *e)
{
    char *clean = clean_name(&f->arena, name);
    if (!clean || (m.link && !(m.link = clean_name(&f->arena, m.link))))
        return base_no_memory(e, "listing files");
    if (!*clean || is_hidden(clean))
        return TN_OK;
    if (f->under && !is_under(f, clean)) {
        note_top(f, clean);
        return TN_OK;
    }
    if ((int64_t)f->members.n >= f->opt.count_limit)
        return base_fail(e, TN_LIMIT, "more than %lld files", (long long)f->opt.count_limit);
    if (m.size > f->opt.member_limit)
        return base_fail(e, TN_LIMIT, "%s has %lld bytes; files of at most %lld are read", BASE_SHOW(clean),
                         (long long)m.size, (long long)f->opt.member_limit);
    BASE_TRY(note_folder(f, clean, false, e));
    m.name = clean;
    m.order = (int64_t)f->members.n;
    return base_vec_push(&f->members, m) ? TN_OK : base_no_memory(e, "listing files");
}

tn_status files_add_folder(data_files *f, const char *name, base_error *e)
{
    char *clean = clean_name(&f->arena, name);
    if (!clean)
        return base_no_memory(e, "listing files");
    return *clean && !is_hidden(clean) && is_under(f, clean) ? note_folder(f, clean, true, e) : TN_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_folders(data_files *f)
{
    size_t kept = 0;
    if (f->folders.n)
        qsort(f->folders.at, f->folders.n, sizeof *f->folders.at, by_text);
    for (size_t i = 0; i < f->folders.n; i++)
        if (i == 0 || strcmp(f->folders.at[i], f->folders.at[kept - 1]) != 0)
            f->folders.at[kept++] = f->folders.at[i];
    f->folders.n = kept;
}

const char *data_files_folder(const data_files *f, int64_t i)
{
    return i >= 0 && i < (int64_t)f->folders.n ? f->folders.at[i] : NULL;
}

static int by_name(const void *a, const void *b)
{
    const files_member *m = a, *o = b;
    int c = strcmp(m->name, o->name);
    return c ? c : (m->order > o->order) - (m->order < o->order);
}

static files_member *find_from(const data_files *f, int64_t first, int64_t count, const char *name)
{
    while (count > 0) {
        int64_t half = count / 2;
        files_member *m = &f->members.at[first + half];
        int c = strcmp(m->name, name);
        if (c == 0)
            return m;
        first = c < 0 ? first + half + 1 : first;
        count = c < 0 ? count - half - 1 : half;
    }
    return NULL;
}

/* A hard link has the bytes of a member that came before it; links of links are followed as far as there are members. */
static tn_status resolve_links(data_files *f, int64_t first, const char *what, base_error *e)
{
    int64_t count = (int64_t)f->members.n - first;
    for (int64_t i = first; i < first + count; i++) {
        files_member *m = &f->members.at[i];
        const char *link = m->link;
        const files_member *to = m;
        for (int64_t steps = 0; to && to->link && steps < 64; steps++)
            to = find_from(f, first, count, to->link);
        if (!to || to->link)
            return base_fail(e, TN_FORMAT, "%s: %s is a hard link to %s, which is not among the files of the view",
                             what, BASE_SHOW(m->name), BASE_SHOW(link));
        if (to == m)
            continue;
        m->offset = to->offset;
        m->size = to->size;
    }
    return TN_OK;
}

static tn_status sort_shard(data_files *f, files_shard *s, const char *what, base_error *e)
{
    size_t n = f->members.n - (size_t)s->first, kept = 0;
    files_member *m = n > 0 ? f->members.at + s->first : NULL;
    if (n > 0)
        qsort(m, n, sizeof *m, by_name);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || strcmp(m[i].name, m[i + 1].name) != 0)
            m[kept++] = m[i];
    f->members.n = (size_t)s->first + kept;
    s->count = (int64_t)kept;
    return resolve_links(f, s->first, what, e);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A file that is no archive is a set of one. */
static tn_status add_plain(data_files *f, files_shard *s, base_error *e)
{
    if (f->under)
        return base_fail(e, TN_INVALID, "%s is neither a folder nor an archive: there is no \"%s\" in it", s->path,
                         BASE_SHOW(f->opt.under));
    s->plain = true;
    char *name = base_arena_strdup(&f->arena, base_name(s->path));
    files_member m = {.name = name, .size = s->bytes.bytes, .order = (int64_t)f->members.n};
    if (m.size > f->opt.member_limit)
        return base_fail(e, TN_LIMIT, "%s has %lld bytes; files of at most %lld are read", s->path, (long long)m.size,
                         (long long)f->opt.member_limit);
    return name && base_vec_push(&f->members, m) ? TN_OK : base_no_memory(e, "listing files");
}

static tn_status open_file(data_files *f, files_shard *s, base_error *e)
{
    unsigned char block[512] = {0};
    size_t n = s->bytes.bytes < 512 ? (size_t)s->bytes.bytes : 512;
    BASE_TRY(files_bytes_read(&s->bytes, 0, block, n, s->path, e));
    bool zip = n >= 4 && (memcmp(block, "PK\3\4", 4) == 0 || memcmp(block, "PK\5\6", 4) == 0);
    if (zip || base_ends_with(s->path, ".zip")) {
        s->zip = true;
        return files_zip_index(f, &s->bytes, s->path, e);
    }
    if (data_is_gzip(block, n))
        return files_gzip_open(f, s, s->path, e);
    if ((n == 512 && files_is_tar(block)) || base_ends_with(s->path, ".tar"))
        return files_tar_plain(f, &s->bytes, s->path, e);
    return add_plain(f, s, e);
}

static tn_status open_shard(data_files *f, files_shard *s, base_error *e)
{
    struct stat st;
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return fail_errno(e, "open", s->path);
    if (S_ISDIR(st.st_mode)) {
        s->folder = true;
        close(s->fd);
        s->fd = -1;
        return files_folder_index(f, s->path, e);
    }
    if (!S_ISREG(st.st_mode))
        return base_fail(e, TN_IO, "cannot read %s: it is neither a folder nor a file", s->path);
    s->bytes = (files_bytes){.fd = s->fd, .bytes = (int64_t)st.st_size};
    return open_file(f, s, e);
}

static tn_status nothing_found(const data_files *f, const files_shard *s, base_error *e)
{
    if (f->under)
        return base_fail(e, TN_NOT_FOUND, "%s has no files in a folder \"%s\"%s%s", s->path, BASE_SHOW(f->opt.under),
                         f->top ? "; at its top there are: " : "", f->top ? f->top + 2 : "");
    return base_fail(e, TN_NOT_FOUND, "%s is empty: there is no file in it", s->path);
}

static bool fill_options(data_files *f, const data_files_opt *opt)
{
    f->opt = opt ? *opt : (data_files_opt){0};
    f->opt.memory_limit = f->opt.memory_limit ? f->opt.memory_limit : (size_t)512 << 20;
    f->opt.unpack_limit = f->opt.unpack_limit > 0 ? f->opt.unpack_limit : (int64_t)64 << 30;
    f->opt.member_limit = f->opt.member_limit > 0 ? f->opt.member_limit : (int64_t)2 << 30;
    f->opt.count_limit = f->opt.count_limit > 0 ? f->opt.count_limit : 20000000;
    f->opt.temporary = f->opt.temporary ? f->opt.temporary : "/tmp";
    f->opt.under = clean_name(&f->arena, f->opt.under ? f->opt.under : "");
    f->under = f->opt.under && *f->opt.under ? strlen(f->opt.under) + 1 : 0;
    return f->opt.under != NULL;
}

static tn_status open_all(data_files *f, const char *const *paths, base_error *e)
{
    for (int i = 0; i < f->n_shards; i++) {
        files_shard *s = &f->shards[i];
        s->first = (int64_t)f->members.n;
        s->path = base_arena_strdup(&f->arena, paths[i]);
        if (!s->path)
            return base_no_memory(e, "opening files");
        base_error inner = {0};
        tn_status status = s->bytes.data ? open_file(f, s, &inner) : open_shard(f, s, &inner);
        if (status == TN_OK)
            status = sort_shard(f, s, s->path, &inner);
        if (status == TN_OK && s->count == 0)
            status = nothing_found(f, s, &inner);
        if (status != TN_OK) {
            bool named = strstr(inner.text, s->path) != NULL;
            return base_fail(e, status, "%s%s%s", named ? "" : s->path, named ? "" : ": ", inner.text);
        }
    }
    sort_folders(f);
    return TN_OK;
}

static data_files *open_files(const char *const *paths, int n, files_bytes memory, const data_files_opt *opt,
                              base_error *e)
{
    if (n < 1) {
        base_fail(e, TN_INVALID, "no path was given");
        return NULL;
    }
    data_files *f = calloc(1, sizeof *f);
    files_shard *shards = f ? calloc((size_t)n, sizeof *shards) : NULL;
    if (!shards) {
        free(f);
        base_no_memory(e, "opening files");
        return NULL;
    }
    atomic_init(&f->references, 1);
    f->shards = shards;
    f->n_shards = n;
    for (int i = 0; i < n; i++)
        shards[i] = (files_shard){.fd = -1, .bytes = memory};
    if (!fill_options(f, opt))
        base_no_memory(e, "opening files");
    else if (open_all(f, paths, e) == TN_OK)
        return f;
    data_files_close(f);
    return NULL;
}

data_files *data_files_open_shards(const char *const *paths, int n, const data_files_opt *opt, base_error *e)
{
    return open_files(paths, n, (files_bytes){.fd = -1}, opt, e);
}

data_files *data_files_open(const char *path, const data_files_opt *opt, base_error *e)
{
    return open_files(&path, 1, (files_bytes){.fd = -1}, opt, e);
}

data_files *data_files_borrow(const void *data, size_t bytes, const char *name, const data_files_opt *opt,
                              base_error *e)
{
    files_bytes memory = {.data = data ? data : (const void *)"", .fd = -1, .bytes = (int64_t)bytes};
    return open_files(&name, 1, memory, opt, e);
}

data_files *data_files_retain(data_files *f)
{
    atomic_fetch_add_explicit(&f->references, 1, memory_order_relaxed);
    return f;
}

void data_files_close(data_files *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < f->n_shards; i++) {
        free(f->shards[i].memory);
        if (f->shards[i].fd >= 0)
            close(f->shards[i].fd);
    }
    base_vec_free(&f->members);
    base_vec_free(&f->folders);
    base_arena_free(&f->arena);
    free(f->shards);
    free(f);
}

/* ---- looking and reading --------------------------------------------------------------------------------------- */

int64_t data_files_count(const data_files *f)
{
    return (int64_t)f->members.n;
}

const char *data_files_name(const data_files *f, int64_t i)
{
    return f->members.at[i].name + f->under;
}

int64_t data_files_size(const data_files *f, int64_t i)
{
    return f->members.at[i].size;
}

int64_t data_files_passed_over(const data_files *f)
{
    return f->passed_over;
}

int data_files_shard(const data_files *f, int64_t i)
{
    int low = 0, high = f->n_shards - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (f->shards[middle].first <= i)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

int64_t data_files_find(const data_files *f, const char *name)
{
    base_str whole = {0};
    int64_t found = -1;
    base_str_printf(&whole, "%s%s%s", f->under ? f->opt.under : "", f->under ? "/" : "", name);
    for (int s = 0; !whole.failed && s < f->n_shards && found < 0; s++) {
        const files_member *m = find_from(f, f->shards[s].first, f->shards[s].count, whole.text);
        found = m ? (int64_t)(m - f->members.at) : -1;
    }
    base_str_free(&whole);
    return found;
}

void data_files_place(const data_files *f, int64_t i, base_str *to)
{
    const files_shard *s = &f->shards[data_files_shard(f, i)];
    if (s->plain)
        base_str_add(to, s->path);
    else
        base_str_printf(to, "%s%c%s", s->path, s->folder ? '/' : '!', f->members.at[i].name);
}

/* A name must not break lines, or steer a terminal. */
void data_files_where(const data_files *f, int64_t i, base_str *to)
{
    const size_t begin = to->length;
    data_files_place(f, i, to);
    for (size_t k = begin; !to->failed && k < to->length; k++)
        if ((unsigned char)to->text[k] < 0x20 || to->text[k] == 0x7F)
            to->text[k] = '?';
}

tn_status data_files_blame(const data_files *f, int64_t i, base_error *e)
{
    base_str where = {0};
    data_files_where(f, i, &where);
    if (e && !strstr(e->text, base_str_text(&where)))
        base_prefix(e, "%s: ", base_str_text(&where));
    base_str_free(&where);
    return e ? e->status : TN_FORMAT;
}

static tn_status read_from_disk(const char *path, const char *where, int64_t limit, data_buffer *b, base_error *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        tn_status status = fail_errno(e, "open", where);
        if (fd >= 0)
            close(fd);
        return status;
    }
    tn_status status = TN_OK;
    if (!S_ISREG(st.st_mode))
        status = base_fail(e, TN_IO, "cannot read %s: it is no longer a file", where);
    else if (st.st_size > limit)
        status = base_fail(e, TN_LIMIT, "%s has %lld bytes; files of at most %lld are read", where,
                           (long long)st.st_size, (long long)limit);
    else if ((status = data_buffer_room(b, (size_t)st.st_size, e)) == TN_OK)
        status = files_bytes_read(&(files_bytes){.fd = fd, .bytes = st.st_size}, 0, b->room, b->bytes, where, e);
    close(fd);
    return status;
}

tn_status data_files_read(const data_files *f, int64_t i, data_buffer *b, base_error *e)
{
    if (i < 0 || i >= data_files_count(f))
        return base_fail(e, TN_INVALID, "there is no file %lld: there are %lld", (long long)i,
                         (long long)data_files_count(f));
    const files_member *m = &f->members.at[i];
    const files_shard *s = &f->shards[data_files_shard(f, i)];
    if (!s->folder && !s->zip && s->bytes.data) { /* in memory already */
        b->data = s->bytes.data + m->offset;
        b->bytes = (size_t)m->size;
        return TN_OK;
    }
    base_str where = {0}, place = {0};
    data_files_where(f, i, &where);
    data_files_place(f, i, &place);
    tn_status status = where.failed || place.failed ? base_no_memory(e, "reading a file") : TN_OK;
    if (status == TN_OK && s->folder)
        status = read_from_disk(place.text, where.text, f->opt.member_limit, b, e);
    else if (status == TN_OK && s->zip)
        status = files_zip_read(&s->bytes, m, b, where.text, e);
    else if (status == TN_OK && (status = data_buffer_room(b, (size_t)m->size, e)) == TN_OK)
        status = files_bytes_read(&s->bytes, m->offset, b->room, b->bytes, where.text, e);
    base_str_free(&where);
    base_str_free(&place);
    return status;
}
