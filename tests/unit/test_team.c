/* test_team.c: the threads of cpu_parallel: every chunk once, order where it is promised, loops within loops, two callers
 * at a time, many loops, a fork. Run under ThreadSanitizer. labels: threads */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/context.h"
#include "cpu/core/par.h"

enum { THREADS = 4, LOOPS = 20000, MOST = 64 };

typedef struct tally {
    int64_t chunks;
    int seen[MOST]; /* plain numbers: two threads with one chunk would be a race */
    atomic_int begun, bad;
} tally;

static void mark(void *arg, int64_t chunk, int thread)
{
    tally *t = arg;
    t->seen[chunk]++;
    if (thread < 0 || thread >= THREADS)
        t->bad++;
}

static void check(const tally *t, int each)
{
    for (int64_t i = 0; i < MOST; i++)
        assert_int_equal(t->seen[i], i < t->chunks ? each : 0);
    assert_int_equal(t->bad, 0);
}

static void test_many_loops(void **state)
{
    (void)state;
    cpu_team *team = cpu_team_new(THREADS), *before = cpu_team_enter(team);
    for (int64_t chunks = 1; chunks <= MOST; chunks = chunks * 2 + 1) {
        tally t = {.chunks = chunks};
        for (int i = 0; i < LOOPS / 4; i++)
            cpu_parallel(1 + i % (THREADS + 2), chunks, mark, &t);
        check(&t, LOOPS / 4);
    }
    assert_ptr_equal(cpu_team_enter(before), team);
    cpu_team_free(team);
}

/* Waits for all chunks before it to have begun. */
static void wait_for_earlier(void *arg, int64_t chunk, int thread)
{
    tally *t = arg;
    (void)thread;
    t->begun++;
    while (t->begun <= chunk)
        ;
    t->seen[chunk]++;
}

static void test_order(void **state)
{
    (void)state;
    cpu_team *team = cpu_team_new(THREADS), *before = cpu_team_enter(team);
    for (int i = 0; i < LOOPS / 10; i++) {
        tally t = {.chunks = MOST};
        cpu_parallel_in_order(THREADS, MOST, wait_for_earlier, &t);
        check(&t, 1);
    }
    (void)cpu_team_enter(before);
    cpu_team_free(team);
}

static void loop_within(void *arg, int64_t chunk, int thread)
{
    tally *t = arg;
    (void)thread;
    cpu_parallel(THREADS, t[chunk].chunks, mark, &t[chunk]);
}

static void test_nested(void **state)
{
    (void)state;
    cpu_team *team = cpu_team_new(THREADS), *before = cpu_team_enter(team);
    tally t[8] = {{0}};
    for (int i = 0; i < 8; i++)
        t[i].chunks = MOST - i;
    for (int i = 0; i < 100; i++)
        cpu_parallel(THREADS, 8, loop_within, t);
    for (int i = 0; i < 8; i++)
        check(&t[i], 100);
    (void)cpu_team_enter(before);
    cpu_team_free(team);
}

typedef struct caller {
    cpu_team *team;
    tally t;
} caller;

static void *call_often(void *p)
{
    caller *c = p;
    cpu_team *before = cpu_team_enter(c->team);
    for (int i = 0; i < LOOPS / 4; i++)
        cpu_parallel(THREADS, c->t.chunks, mark, &c->t);
    (void)cpu_team_enter(before);
    return NULL;
}

/* One team, three callers: who finds it at work runs alone. */
static void test_callers(void **state)
{
    (void)state;
    cpu_team *team = cpu_team_new(THREADS);
    caller c[3];
    pthread_t thread[3];
    memset(c, 0, sizeof c);
    for (int i = 0; i < 3; i++) {
        c[i].team = team;
        c[i].t.chunks = 7 + i;
        assert_int_equal(pthread_create(&thread[i], NULL, call_often, &c[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        check(&c[i].t, LOOPS / 4);
    }
    cpu_team_free(team);
}

/* Threads that sleep are woken; a context has one team. */
static void test_sleep(void **state)
{
    (void)state;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = THREADS));
    cpu_team *team = cpu_team_of(context), *before = cpu_team_enter(team);
    assert_ptr_equal(cpu_team_of(context), team);
    tally t = {.chunks = MOST};
    for (int i = 0; i < 20; i++) {
        const struct timespec while_they_fall_asleep = {.tv_nsec = 2000000};
        nanosleep(&while_they_fall_asleep, NULL);
        cpu_parallel(THREADS, MOST, mark, &t);
    }
    check(&t, 20);
    (void)cpu_team_enter(before);
    tn_context_free(context);
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    assert_null(cpu_team_of(context));
    tn_context_free(context);
}

/* A child has the caller only; it computes alone, and ends. */
static void test_fork(void **state)
{
    (void)state;
    cpu_team *team = cpu_team_new(THREADS), *before = cpu_team_enter(team);
    tally t = {.chunks = MOST};
    cpu_parallel(THREADS, MOST, mark, &t);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        cpu_parallel(THREADS, MOST, mark, &t);
        cpu_team_free(team);
        for (int i = 0; i < MOST; i++)
            if (t.seen[i] != 2)
                _exit(1);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check(&t, 1);
    (void)cpu_team_enter(before);
    cpu_team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_loops), cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_nested),     cmocka_unit_test(test_callers),
                                       cmocka_unit_test(test_sleep),      cmocka_unit_test(test_fork)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
