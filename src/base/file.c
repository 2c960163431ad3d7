/* file.c: see file.h. realpath is in the X/Open part of POSIX. */
#define _XOPEN_SOURCE 700
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beside.h"

static tn_status fail_errno(base_error *e, const char *verb, const char *path)
{
    int code = errno;
    char text[128] = "unknown error";
    (void)!strerror_r(code, text, sizeof text);
    tn_status status = code == ENOENT ? TN_NOT_FOUND : code == ENOMEM ? TN_MEMORY : TN_IO;
    return base_fail(e, status, "cannot %s %s: %s", verb, path, text);
}

static tn_status no_file(base_error *e, const char *verb, const char *path, const struct stat *st)
{
    return base_fail(e, TN_IO, "cannot %s %s: it is %s, not a file", verb, path,
                     S_ISDIR(st->st_mode) ? "a folder" : "a device or pipe");
}

static int open_regular(const char *path, struct stat *st, base_error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fail_errno(e, "open", path);
        return -1;
    }
    if (fstat(fd, st) != 0) {
        fail_errno(e, "read", path);
    } else if (!S_ISREG(st->st_mode)) {
        no_file(e, "read", path, st);
    } else {
        return fd;
    }
    close(fd);
    return -1;
}

tn_status base_file_read(const char *path, size_t limit, void **data, size_t *bytes, base_error *e)
{
    struct stat st;
    int fd = open_regular(path, &st, e);
    if (fd < 0)
        return e ? e->status : TN_IO;
    size_t size = (size_t)st.st_size, got = 0;
    if (size > limit) {
        close(fd);
        return base_fail(e, TN_LIMIT, "%s has %zu bytes; at most %zu are read", path, size, limit);
    }
    char *p = malloc(size + 1);
    tn_status status = p ? TN_OK : base_no_memory(e, "reading a file");
    while (status == TN_OK && got < size) {
        ssize_t n = read(fd, p + got, size - got);
        if (n > 0)
            got += (size_t)n;
        else if (n == 0)
            break; /* it became shorter meanwhile: what is there is what we read */
        else if (errno != EINTR)
            status = fail_errno(e, "read", path);
    }
    close(fd);
    if (status != TN_OK) {
        free(p);
        return status;
    }
    p[got] = '\0';
    *data = p;
    *bytes = got;
    return TN_OK;
}

tn_status base_file_map(const char *path, base_mapping *m, base_error *e)
{
    struct stat st;
    int fd = open_regular(path, &st, e);
    if (fd < 0)
        return e ? e->status : TN_IO;
    tn_status status = TN_OK;
    *m = (base_mapping){.data = "", .bytes = (size_t)st.st_size};
    if (m->bytes) {
        void *p = mmap(NULL, m->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            status = fail_errno(e, "map", path);
        else {
            m->data = p;
            m->mapped = true;
        }
    }
    close(fd);
    return status;
}

tn_status base_reader_open(base_reader *r, const char *path, base_error *e)
{
    struct stat st;
    const int fd = open_regular(path, &st, e);
    if (fd < 0)
        return e ? e->status : TN_IO;
    *r = (base_reader){fd, (size_t)st.st_size, path};
    return TN_OK;
}

tn_status base_reader_at(const base_reader *r, size_t offset, void *to, size_t bytes, base_error *e)
{
    for (char *p = to; bytes > 0;) {
        ssize_t n = pread(r->fd, p, bytes, (off_t)offset);
        if (n == 0)
            return base_fail(e, TN_IO, "cannot read %s: it became shorter meanwhile", r->path);
        if (n < 0 && errno != EINTR)
            return fail_errno(e, "read", r->path);
        if (n > 0) {
            p += n;
            offset += (size_t)n;
            bytes -= (size_t)n;
        }
    }
    return TN_OK;
}

void base_reader_close(base_reader *r)
{
    close(r->fd);
    r->fd = -1;
}

void base_file_unmap(base_mapping *m)
{
    if (m->mapped)
        munmap((void *)(uintptr_t)m->data, m->bytes);
    *m = (base_mapping){0};
}

struct base_writer {
    int fd;
    tn_status status;
    base_error *e;
    char *path; /* free of links */
    char *beside;
};

static void writer_free(base_writer *w)
{
    free(w->path);
    free(w->beside);
    free(w);
}

/* Where a file of this name is to be written: what a link leads to, or the name itself where nothing is there yet. */
static char *target_of(const char *path, base_error *e)
{
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (there && !S_ISREG(st.st_mode)) {
        no_file(e, "write", path, &st);
        return NULL;
    }
    char *target = there && lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(path, NULL) : strdup(path);
    if (!target)
        fail_errno(e, "write", path);
    return target;
}

base_writer *base_writer_new(const char *path, base_error *e)
{
    char *target = target_of(path, e);
    base_writer *w = target ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        if (target)
            base_no_memory(e, "opening a file");
        free(target);
        return NULL;
    }
    w->path = target;
    w->e = e;
    w->fd = base_beside_open(target, &w->beside);
    if (w->fd >= 0)
        return w;
    fail_errno(e, "write", path);
    writer_free(w);
    return NULL;
}

tn_status base_writer_write(base_writer *w, const void *data, size_t bytes)
{
    const char *p = data;
    while (w->status == TN_OK && bytes) {
        ssize_t n = write(w->fd, p, bytes);
        if (n >= 0) {
            p += n;
            bytes -= (size_t)n;
        } else if (errno != EINTR) {
            w->status = fail_errno(w->e, "write", w->path);
        }
    }
    return w->status;
}

base_reader base_writer_reader(const base_writer *w, size_t bytes)
{
    return (base_reader){w->fd, bytes, w->path};
}

tn_status base_writer_map(base_writer *w, base_mapping *m)
{
    struct stat st = {0};
    *m = (base_mapping){.data = ""};
    if (w->status == TN_OK && fstat(w->fd, &st) != 0)
        w->status = fail_errno(w->e, "write", w->path);
    if (w->status == TN_OK && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, w->fd, 0);
        if (p == MAP_FAILED)
            w->status = fail_errno(w->e, "map", w->path);
        else
            *m = (base_mapping){.data = p, .bytes = (size_t)st.st_size, .mapped = true};
    }
    const tn_status status = w->status;
    base_writer_abandon(w);
    return status;
}

/* After the rename the name itself must reach the disk: the folder is synced too, as far as the system can. */
static void sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return;
    char *slash = strrchr(copy, '/');
    if (slash)
        slash[slash == copy] = '\0';
    int fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(copy);
}

tn_status base_writer_commit(base_writer *w)
{
    if (w->status == TN_OK && fsync(w->fd) != 0 && errno != EINVAL)
        w->status = fail_errno(w->e, "write", w->path);
    if (close(w->fd) != 0 && w->status == TN_OK)
        w->status = fail_errno(w->e, "write", w->path);
    if (w->status == TN_OK && rename(w->beside, w->path) != 0)
        w->status = fail_errno(w->e, "write", w->path);
    tn_status status = w->status;
    if (status == TN_OK)
        sync_folder_of(w->path);
    else
        (void)unlink(w->beside);
    writer_free(w);
    return status;
}

void base_writer_abandon(base_writer *w)
{
    if (!w)
        return;
    close(w->fd);
    (void)unlink(w->beside);
    writer_free(w);
}

tn_status base_file_write(const char *path, const void *data, size_t bytes, base_error *e)
{
    base_writer *w = base_writer_new(path, e);
    if (!w)
        return e ? e->status : TN_IO;
    (void)base_writer_write(w, data, bytes);
    return base_writer_commit(w);
}

bool base_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool base_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

tn_status base_make_folder(const char *path, base_error *e)
{
    char *copy = strdup(path);
    if (!copy)
        return base_no_memory(e, "making a folder");
    tn_status status = TN_OK;
    for (char *p = copy + 1; status == TN_OK; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = fail_errno(e, "make the folder", copy);
        else if (!base_is_folder(copy))
            status = base_fail(e, TN_IO, "cannot make the folder %s: a file has that name", copy);
        *p = c;
        if (c == '\0')
            break;
    }
    free(copy);
    return status;
}
