/* parallel.c: see parallel.h. */
#include "data/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct work {
    atomic_llong next;
    int64_t n;
    void (*run)(void *user, int64_t i);
    void *user;
} work;

static void *worker(void *user)
{
    work *w = user;
    for (;;) {
        int64_t i = atomic_fetch_add(&w->next, 1);
        if (i >= w->n)
            return NULL;
        w->run(w->user, i);
    }
}

void data_parallel(int threads, int64_t n, void (*run)(void *user, int64_t i), void *user)
{
    enum { MOST = 64 };
    pthread_t started[MOST];
    int count = 0;
    work w = {.n = n, .run = run, .user = user};
    atomic_init(&w.next, 0);
    while (count < MOST && count + 1 < threads && count + 1 < n &&
           pthread_create(&started[count], NULL, worker, &w) == 0)
        count++;
    (void)worker(&w);
    for (int i = 0; i < count; i++)
        (void)pthread_join(started[i], NULL);
}
