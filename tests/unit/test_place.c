/* test_place.c: threads of a team leave a processor that the caller has. */
#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif

#include "cpu/core/isa.h"
#include "cpu/core/par.h"
#include "cpu/core/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static double milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The caller's processor, the other thread's, and whether that shall come to it. */
typedef struct meeting {
    atomic_int caller, other;
    atomic_bool come;
} meeting;

#ifdef __linux__
/* To a processor, and free to use the others again: the kernel leaves it there for a while. */
static void come_to(int processor)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    if (sched_getaffinity(0, sizeof all, &all) == 0 && sched_setaffinity(0, sizeof one, &one) == 0)
        (void)sched_setaffinity(0, sizeof all, &all);
}
#else
static void come_to(int processor)
{
    (void)processor;
}
#endif

static void meet(void *arg, int64_t chunk, int thread)
{
    meeting *m = arg;
    (void)chunk;
    if (thread == 0)
        m->caller = cpu_place();
    else if (m->come) {
        come_to(m->caller);
        m->come = false;
    } else {
        m->other = cpu_place();
    }
    for (double until = milliseconds() + 0.05; milliseconds() < until;)
        continue;
}

static void test_apart(void **state)
{
    (void)state;
    if (cpu_place() < 0 || cpu_thread_count() < 2)
        skip();
    cpu_team *team = cpu_team_new(2), *before = cpu_team_enter(team);
    meeting m = {.caller = -1, .other = -1};
    for (int round = 0; round < 20; round++) {
        m.come = true;
        m.other = -1;
        const double limit = milliseconds() + 5000; /* generous: the machine may be busy */
        while ((m.come || m.other < 0 || m.other == m.caller) && milliseconds() < limit)
            cpu_parallel(2, 4, meet, &m);
        assert_false(m.come);
        assert_true(m.other >= 0 && m.other != m.caller);
    }
    (void)cpu_team_enter(before);
    cpu_team_free(team);
}

/* No processor is left, or none is known: the thread stays, and may use all it could before. */
static void test_nowhere(void **state)
{
    (void)state;
    int all[4096];
    for (int i = 0; i < 4096; i++)
        all[i] = i;
    const int count = cpu_thread_count();
    cpu_place_apart(all, 4096);
    cpu_place_apart((const int[]){-1, 1 << 30}, 2);
    cpu_place_apart(NULL, 0);
    assert_int_equal(cpu_thread_count(), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_apart), cmocka_unit_test(test_nowhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
