/* scratch.c: see scratch.h. */
#include "support/scratch.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[256];

const char *scratch_new(void)
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/tarn-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        abort();
    }
    return folder;
}

/* Calls visit for every entry of a folder and returns how many there are. */
static int each(const char *path, void (*visit)(const char *path))
{
    DIR *dir = opendir(path);
    int n = 0;
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        char inner[1024];
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        n++;
        (void)snprintf(inner, sizeof inner, "%s/%s", path, d->d_name);
        if (visit)
            visit(inner);
    }
    if (dir)
        closedir(dir);
    return n;
}

static void remove_tree(const char *path)
{
    if (unlink(path) == 0)
        return;
    each(path, remove_tree);
    (void)rmdir(path);
}

void scratch_remove(void)
{
    if (folder[0])
        remove_tree(folder);
    folder[0] = '\0';
}

const char *scratch_path(const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

int scratch_count(void)
{
    return each(folder, NULL);
}

void scratch_disk_full(size_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}

void scratch_disk_free(void)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}
