/* place.c: see place.h. Like isa.c it needs Linux calls that POSIX lacks, behind _GNU_SOURCE. */
#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif

#include "cpu/core/place.h"

#ifdef __linux__

int cpu_place(void)
{
    return sched_getcpu();
}

void cpu_place_apart(const int *taken, int count)
{
    cpu_set_t mine, rest, now;
    if (sched_getaffinity(0, sizeof mine, &mine) != 0) /* more processors than a set of fixed size holds, too */
        return;
    rest = mine;
    for (int i = 0; i < count; i++)
        if (taken[i] >= 0 && taken[i] < CPU_SETSIZE)
            CPU_CLR(taken[i], &rest);
    if (CPU_COUNT(&rest) == 0 || sched_setaffinity(0, sizeof rest, &rest) != 0)
        return;
    /* Unless somebody else has set another one meanwhile. */
    if (sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &rest))
        (void)sched_setaffinity(0, sizeof mine, &mine);
}

#else

int cpu_place(void)
{
    return -1;
}

void cpu_place_apart(const int *taken, int count)
{
    (void)taken, (void)count;
}

#endif
