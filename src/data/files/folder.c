/* folder.c: the files in a folder and below. Symbolic links are followed, but not round in a circle. */
#define _XOPEN_SOURCE 700 /* for S_ISLNK and the like beside POSIX */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files/inside.h"

enum { DEPTH = 64 };

typedef struct place {
    dev_t dev;
    ino_t ino;
} place;

typedef struct walk {
    data_files *files;
    base_str path;          /* where we are */
    size_t root;            /* bytes of the path that names do not have */
    place above[DEPTH + 1]; /* the folders we are in */
    int depth;
    base_error *e;
} walk;

static tn_status walk_folder(walk *w);

static tn_status fail_at(const walk *w, const char *verb)
{
    char text[128] = "unknown error";
    (void)!strerror_r(errno, text, sizeof text);
    return base_fail(w->e, TN_IO, "cannot %s %s: %s", verb, base_str_text(&w->path), text);
}

static tn_status enter(walk *w, const struct stat *st)
{
    for (int d = 0; d < w->depth; d++)
        if (w->above[d].dev == st->st_dev && w->above[d].ino == st->st_ino)
            return TN_OK; /* a link to a folder that we are in */
    if (w->depth >= DEPTH)
        return base_fail(w->e, TN_LIMIT, "%s: folders lie more than %d deep", base_str_text(&w->path), DEPTH);
    w->above[w->depth++] = (place){st->st_dev, st->st_ino};
    tn_status status = walk_folder(w);
    w->depth--;
    return status;
}

static tn_status enter_below(walk *w, const struct stat *st)
{
    BASE_TRY(files_add_folder(w->files, w->path.text + w->root, w->e));
    return enter(w, st);
}

static tn_status add_file(walk *w, int64_t bytes)
{
    return files_add(w->files, w->path.text + w->root, (files_member){.size = bytes, .method = FILES_ON_DISK}, w->e);
}

/* A link to what is not there counts as a file: who reads it is told, others need not care. */
static tn_status visit(walk *w, const char *name)
{
    size_t length = w->path.length;
    struct stat st;
    base_str_printf(&w->path, "/%s", name);
    if (w->path.failed)
        return base_no_memory(w->e, "listing files");
    tn_status status = TN_OK;
    if (stat(w->path.text, &st) != 0)
        status = lstat(w->path.text, &st) == 0 && S_ISLNK(st.st_mode) ? add_file(w, 0) : fail_at(w, "look at");
    else if (S_ISDIR(st.st_mode))
        status = enter_below(w, &st);
    else if (S_ISREG(st.st_mode))
        status = add_file(w, (int64_t)st.st_size);
    else
        w->files->passed_over++;
    w->path.length = length;
    w->path.text[length] = '\0';
    return status;
}

static tn_status walk_folder(walk *w)
{
    DIR *dir = opendir(base_str_text(&w->path));
    if (!dir)
        return fail_at(w, "open the folder");
    tn_status status = TN_OK;
    while (status == TN_OK) {
        errno = 0;
        const struct dirent *d = readdir(dir);
        if (!d) {
            status = errno ? fail_at(w, "read the folder") : TN_OK;
            break;
        }
        if (d->d_name[0] != '.')
            status = visit(w, d->d_name);
    }
    closedir(dir);
    return status;
}

/* Only the part that is wanted is walked through. */
static bool start_at(walk *w, const char *path)
{
    base_str_add(&w->path, path);
    while (w->path.length > 1 && w->path.text[w->path.length - 1] == '/')
        w->path.text[--w->path.length] = '\0';
    w->root = w->path.length + 1;
    size_t root = w->path.length;
    if (w->files->under) {
        struct stat st;
        base_str_printf(&w->path, "/%s", w->files->opt.under);
        if (w->path.failed || stat(w->path.text, &st) != 0 || !S_ISDIR(st.st_mode)) {
            w->path.length = root; /* let all be listed, so that the sentence can say what is there */
            w->path.text[root] = '\0';
        }
    }
    return !w->path.failed;
}

tn_status files_folder_index(data_files *f, const char *path, base_error *e)
{
    walk w = {.files = f, .e = e};
    struct stat st;
    tn_status status = start_at(&w, path) ? TN_OK : base_no_memory(e, "listing files");
    if (status == TN_OK)
        status = stat(w.path.text, &st) == 0 ? enter(&w, &st) : fail_at(&w, "look at");
    base_str_free(&w.path);
    return status;
}
