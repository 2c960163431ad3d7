/* faults.h: failures of the system on request: the n-th allocation, read or write of the process fails. Included by one file
 * of a test program: it puts itself in front of the C library's functions, libraries included, which a sanitizer does too,
 * so under one FAULTS_WORK is 0 and nothing can be made to fail. */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(__has_feature)
#define FAULTS_FEATURE(x) __has_feature(x)
#else
#define FAULTS_FEATURE(x) 0
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&                           \
    !FAULTS_FEATURE(address_sanitizer) && !FAULTS_FEATURE(thread_sanitizer)
#define FAULTS_WORK 1
#else
#define FAULTS_WORK 0
#endif

static struct {
    atomic_long allocations, live;              /* made so far; not yet freed */
    atomic_long allocate_in, read_in, write_in; /* calls until one fails; below 0: none does */
    atomic_bool fired;
} faults = {.allocate_in = -1, .read_in = -1, .write_in = -1};

/* Call n (0 the first) of a kind from here on fails; faults_clear says whether it came to that, and ends it. */
static inline void faults_set(atomic_long *kind, long n)
{
    faults.fired = false;
    *kind = n;
}

static inline bool faults_clear(void)
{
    faults.allocate_in = faults.read_in = faults.write_in = -1;
    return faults.fired;
}

static inline bool faults_strike(atomic_long *in)
{
    if (*in < 0 || atomic_fetch_sub(in, 1) != 0)
        return false;
    faults.fired = true;
    return true;
}

#if FAULTS_WORK
/* Seen by the libraries too, not only by this program. */
#define FAULTS_EVERYWHERE __attribute__((visibility("default")))

/* The C library's own, under the names it keeps for itself. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void __libc_free(void *p);
extern ssize_t __read(int fd, void *to, size_t bytes);
extern ssize_t __write(int fd, const void *from, size_t bytes);

static void *faults_count(void *p)
{
    if (p) {
        faults.allocations++;
        faults.live++;
    }
    return p;
}

static bool faults_no_memory(void)
{
    if (!faults_strike(&faults.allocate_in))
        return false;
    errno = ENOMEM;
    return true;
}

FAULTS_EVERYWHERE void *malloc(size_t bytes)
{
    return faults_no_memory() ? NULL : faults_count(__libc_malloc(bytes));
}

FAULTS_EVERYWHERE void *calloc(size_t n, size_t size)
{
    return faults_no_memory() ? NULL : faults_count(__libc_calloc(n, size));
}

FAULTS_EVERYWHERE void *realloc(void *p, size_t bytes)
{
    if (faults_no_memory())
        return NULL;
    void *q = __libc_realloc(p, bytes);
    return p ? q : faults_count(q);
}

FAULTS_EVERYWHERE void *aligned_alloc(size_t align, size_t bytes)
{
    return faults_no_memory() ? NULL : faults_count(__libc_memalign(align, bytes));
}

FAULTS_EVERYWHERE int posix_memalign(void **p, size_t align, size_t bytes)
{
    if (faults_no_memory())
        return ENOMEM;
    *p = faults_count(__libc_memalign(align, bytes));
    return *p ? 0 : ENOMEM;
}

FAULTS_EVERYWHERE void free(void *p)
{
    if (p)
        faults.live--;
    __libc_free(p);
}

FAULTS_EVERYWHERE ssize_t read(int fd, void *to, size_t bytes)
{
    if (!faults_strike(&faults.read_in))
        return __read(fd, to, bytes);
    errno = EIO;
    return -1;
}

FAULTS_EVERYWHERE ssize_t write(int fd, const void *from, size_t bytes)
{
    if (!faults_strike(&faults.write_in))
        return __write(fd, from, bytes);
    errno = ENOSPC;
    return -1;
}
#endif
#endif
