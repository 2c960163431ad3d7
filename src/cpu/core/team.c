/* team.c: threads that share the chunks of one loop at a time.
 *
 * A loop is a generation. Its chunks lie in lanes, one for each thread (or a single one, where order counts), and a lane
 * is one word: the generation above, the chunks that are left below. To claim a chunk is to lower that word by a
 * compare-and-exchange, which fails for whoever comes late: no generation ends before all its chunks are done, so what a
 * thread has read of a loop before it claims is that loop's exactly if the claim succeeds. The caller counts what the
 * others report and never waits for one that has claimed nothing.
 *
 * A thread that wakes is sometimes put on the processor of the one that woke it, and left there for seconds, as those who look out
 * for work yield. Each notes where it is, and leaves a processor that one before it has. */
#include "cpu/core/team.h"

#include "base/context.h"
#include "cpu/core/isa.h"
#include "cpu/core/place.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, LOOK_OUT_US = 60, POLLS = 64, PATIENCE = 4000, SETTLE_US = 2000, KNOWN = 64 };

typedef struct lane {
    _Alignas(LINE) _Atomic uint64_t left;
    _Atomic int place; /* the processor that the thread was last seen on; -1: not known */
} lane;

typedef struct worker {
    cpu_team *team;
    int number;
    int64_t moved; /* when, in microseconds */
    pthread_t thread;
} worker;

struct cpu_team {
    base_owned owned; /* by the context */
    int threads;      /* with the caller */
    int most;         /* lanes that there are, and threads at most */
    bool polls;       /* there is a processor for each, so that looking out disturbs nobody */
    pid_t process;    /* threads do not survive a fork */
    worker *worker;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    _Atomic int asleep;
    _Atomic bool stop, busy;
    /* the loop: written by the caller between generations */
    _Alignas(LINE) _Atomic uint32_t generation;
    _Atomic cpu_chunk_fn fn;
    _Atomic(void *) arg;
    _Atomic int64_t chunks;
    _Atomic int lanes, limit;            /* threads from `limit` on take no part */
    _Alignas(LINE) _Atomic int64_t done; /* by others than the caller */
    lane lane[];
};

static void relax(void)
{
#if CPU_X86
    __builtin_ia32_pause();
#endif
}

static int64_t microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- processors -------------------------------------------------------------------------------------------------- */

static int note_place(cpu_team *t, int number)
{
    const int here = cpu_place();
    if (atomic_load_explicit(&t->lane[number].place, memory_order_relaxed) != here)
        atomic_store_explicit(&t->lane[number].place, here, memory_order_relaxed);
    return here;
}

/* Where a thread before this one has the same processor, another one: not again at once, as the kernel may know better. */
static void keep_apart(worker *w)
{
    cpu_team *t = w->team;
    const int here = t->polls ? note_place(t, w->number) : -1, threads = t->most < KNOWN ? t->most : KNOWN;
    int taken[KNOWN], count = 0;
    bool shared = false;
    for (int i = 0; i < threads && here >= 0; i++) {
        const int place = atomic_load_explicit(&t->lane[i].place, memory_order_relaxed);
        shared |= i < w->number && place == here;
        if (i != w->number && place >= 0)
            taken[count++] = place;
    }
    if (!shared || microseconds() < w->moved + SETTLE_US)
        return;
    w->moved = microseconds();
    cpu_place_apart(taken, count);
    (void)note_place(t, w->number);
}

/* ---- claiming ---------------------------------------------------------------------------------------------------- */

static bool claim(cpu_team *t, uint32_t generation, int number, int at, int64_t *chunk)
{
    uint64_t seen = atomic_load_explicit(&t->lane[at].left, memory_order_acquire);
    for (;;) {
        if ((uint32_t)(seen >> 32) != generation || (uint32_t)seen == 0)
            return false;
        if (number >= atomic_load_explicit(&t->limit, memory_order_relaxed))
            return false;
        int lanes = atomic_load_explicit(&t->lanes, memory_order_relaxed);
        int64_t end = atomic_load_explicit(&t->chunks, memory_order_relaxed) * (at + 1) / (lanes ? lanes : 1);
        if (atomic_compare_exchange_weak_explicit(&t->lane[at].left, &seen, seen - 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *chunk = end - (int64_t)(uint32_t)seen;
            return true;
        }
    }
}

/* Claims and runs until nothing is left; gives the number of chunks. */
static int64_t take_part(cpu_team *t, uint32_t generation, int number)
{
    int64_t chunk, ran = 0;
    int lanes = atomic_load_explicit(&t->lanes, memory_order_relaxed);
    for (int i = 0; i < lanes; i++)
        while (claim(t, generation, number, (number + i) % lanes, &chunk)) {
            cpu_chunk_fn fn = atomic_load_explicit(&t->fn, memory_order_relaxed);
            fn(atomic_load_explicit(&t->arg, memory_order_relaxed), chunk, number);
            ran++;
        }
    return ran;
}

/* ---- the others -------------------------------------------------------------------------------------------------- */

static bool news(cpu_team *t, uint32_t seen)
{
    return atomic_load(&t->generation) != seen || atomic_load(&t->stop);
}

static void await_news(worker *w, uint32_t seen)
{
    cpu_team *t = w->team;
    for (int64_t until = t->polls ? microseconds() + LOOK_OUT_US : 0; until && microseconds() < until;) {
        for (int i = 0; i < POLLS; i++) {
            if (news(t, seen))
                return;
            relax();
        }
        keep_apart(w);
        sched_yield(); /* whoever has something to do, such as a loader, goes first */
    }
    pthread_mutex_lock(&t->mutex);
    atomic_fetch_add(&t->asleep, 1);
    while (!news(t, seen))
        pthread_cond_wait(&t->wake, &t->mutex);
    atomic_fetch_sub(&t->asleep, 1);
    pthread_mutex_unlock(&t->mutex);
}

static void *work(void *p)
{
    worker *w = p;
    cpu_team *t = w->team;
    uint32_t seen = 0;
    (void)cpu_flush_begin();
    while (!atomic_load(&t->stop)) {
        uint32_t generation = atomic_load_explicit(&t->generation, memory_order_acquire);
        if (generation == seen) {
            await_news(w, seen);
            continue;
        }
        seen = generation;
        keep_apart(w);
        int64_t ran = take_part(t, generation, w->number);
        if (ran)
            atomic_fetch_add_explicit(&t->done, ran, memory_order_release);
    }
    return NULL;
}

/* ---- the caller -------------------------------------------------------------------------------------------------- */

static void wake_all(cpu_team *t)
{
    if (atomic_load(&t->asleep) == 0 || t->process != getpid())
        return; /* a child has none of the sleepers, and their lock may be held for ever */
    pthread_mutex_lock(&t->mutex);
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
}

/* A new generation, open to all. */
static uint32_t begin(cpu_team *t, int threads, int64_t chunks, int lanes, cpu_chunk_fn fn, void *arg)
{
    uint32_t generation = atomic_load_explicit(&t->generation, memory_order_relaxed) + 1;
    atomic_store_explicit(&t->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&t->arg, arg, memory_order_relaxed);
    atomic_store_explicit(&t->chunks, chunks, memory_order_relaxed);
    atomic_store_explicit(&t->lanes, lanes, memory_order_relaxed);
    atomic_store_explicit(&t->limit, threads, memory_order_relaxed);
    atomic_store_explicit(&t->done, 0, memory_order_relaxed);
    for (int i = 0; i < lanes; i++) {
        uint64_t left = (uint64_t)(chunks * (i + 1) / lanes - chunks * i / lanes);
        atomic_store_explicit(&t->lane[i].left, (uint64_t)generation << 32 | left, memory_order_release);
    }
    (void)note_place(t, 0);
    atomic_store(&t->generation, generation);
    wake_all(t);
    return generation;
}

bool team_run(cpu_team *t, int threads, int64_t chunks, bool in_order, cpu_chunk_fn fn, void *arg)
{
    if (threads > t->threads)
        threads = t->threads;
    if (threads < 2 || chunks > INT32_MAX || atomic_exchange_explicit(&t->busy, true, memory_order_acquire))
        return false;
    uint32_t generation = begin(t, threads, chunks, in_order ? 1 : threads, fn, arg);
    int64_t others = chunks - take_part(t, generation, 0);
    for (int i = 0; atomic_load_explicit(&t->done, memory_order_acquire) < others; i++) {
        relax();
        if (i > PATIENCE)
            sched_yield(); /* what is missing is in the hands of a thread that is not running */
    }
    atomic_store_explicit(&t->busy, false, memory_order_release);
    return true;
}

/* ---- making and ending ------------------------------------------------------------------------------------------- */

/* Signals are for the program's own threads. */
static void start_workers(cpu_team *t, int threads)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return;
    for (t->threads = 1; t->threads < threads; t->threads++) {
        worker *w = &t->worker[t->threads];
        *w = (worker){.team = t, .number = t->threads};
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            break;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void free_owned(base_owned *owned)
{
    cpu_team_free((cpu_team *)owned);
}

cpu_team *cpu_team_new(int threads)
{
    size_t bytes = sizeof(cpu_team) + (size_t)threads * sizeof(lane);
    cpu_team *t = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
    worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!t || !workers) {
        free(t);
        free(workers);
        return NULL;
    }
    *t = (cpu_team){.owned = {free_owned}, .process = getpid(), .worker = workers, .most = threads};
    t->polls = threads <= cpu_thread_count();
    for (int i = 0; i < threads; i++) {
        atomic_init(&t->lane[i].left, 0);
        atomic_init(&t->lane[i].place, -1);
    }
    (void)pthread_mutex_init(&t->mutex, NULL);
    (void)pthread_cond_init(&t->wake, NULL);
    start_workers(t, threads);
    return t;
}

void cpu_team_free(cpu_team *t)
{
    if (!t)
        return;
    if (t->process == getpid()) {
        pthread_mutex_lock(&t->mutex);
        atomic_store(&t->stop, true);
        pthread_cond_broadcast(&t->wake);
        pthread_mutex_unlock(&t->mutex);
        for (int i = 1; i < t->threads; i++)
            pthread_join(t->worker[i].thread, NULL);
        pthread_cond_destroy(&t->wake);
        pthread_mutex_destroy(&t->mutex);
    }
    free(t->worker);
    free(t);
}

cpu_team *cpu_team_of(tn_context *context)
{
    int threads = tn_context_threads(context);
    if (threads < 2)
        return NULL;
    base_owned *have = atomic_load_explicit(&context->team, memory_order_acquire);
    if (have)
        return (cpu_team *)have;
    cpu_team *made = cpu_team_new(threads); /* without memory for it the caller works alone */
    if (made && !atomic_compare_exchange_strong(&context->team, &have, &made->owned)) {
        cpu_team_free(made);
        made = (cpu_team *)have;
    }
    return made;
}
