/* beside.c: see beside.h. Locks are fcntl's: they end with the process, however it ends, and hold across containers that share a folder,
 * where process numbers say nothing. A process does not see its own locks, so names of its own number are never swept. */
#include "base/beside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

enum { MOST_OF_ONE = 10000 };

static bool lock(int fd, bool wait)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int failed;
    do
        failed = fcntl(fd, wait ? F_SETLKW : F_SETLK, &all);
    while (failed && wait && errno == EINTR);
    return !failed;
}

/* Between being made and being locked it may have been taken for a leftover: then there is no name of it. */
static bool is_named(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

int base_beside_open(const char *target, char **path)
{
    *path = NULL;
    for (int i = 1; i < MOST_OF_ONE; i++) {
        base_str name = {0};
        base_str_printf(&name, "%s.%ld", target, (long)getpid());
        if (i > 1)
            base_str_printf(&name, "-%d", i);
        base_str_printf(&name, ".tmp");
        if (name.failed) {
            base_str_free(&name);
            errno = ENOMEM;
            return -1;
        }
        const int fd = open(name.text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        const int code = errno;
        if (fd >= 0) {
            (void)lock(fd, true); /* where a file system has no locks nothing is swept either */
            if (is_named(fd)) {
                *path = name.text;
                return fd;
            }
            close(fd);
        }
        base_str_free(&name);
        errno = code;
        if (fd < 0 && code != EEXIST)
            return -1;
    }
    errno = EEXIST;
    return -1;
}

bool base_beside_named(const char *name, long *process)
{
    static const char digits[] = "0123456789";
    const size_t n = strlen(name);
    if (n < 6 || strcmp(name + n - 4, ".tmp") != 0)
        return false;
    const char *end = name + n - 4, *at = end;
    while (at > name && strchr(digits, at[-1]))
        at--;
    if (at < end && at > name && at[-1] == '-') { /* the number behind the process */
        end = --at;
        while (at > name && strchr(digits, at[-1]))
            at--;
    }
    if (at == end || at < name + 2 || at[-1] != '.')
        return false;
    *process = strtol(at, NULL, 10);
    return true;
}

void base_beside_sweep(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *f; d && (f = readdir(d)) != NULL;) {
        long process;
        if (!base_beside_named(f->d_name, &process) || process == (long)getpid())
            continue;
        const int fd = openat(dirfd(d), f->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (lock(fd, false))
            (void)unlinkat(dirfd(d), f->d_name, 0);
        close(fd);
    }
    if (d)
        closedir(d);
}
