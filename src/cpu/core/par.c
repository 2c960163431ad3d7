/* par.c: see par.h. This file cuts; team.c has the threads. */
#include "cpu/core/par.h"
#include "cpu/core/team.h"

#if CPU_X86
#include <xmmintrin.h>
#endif

/* The team of the run that this thread is in; set around a run, so that kernels need not hand it down. */
static _Thread_local cpu_team *entered;

cpu_team *cpu_team_enter(cpu_team *team)
{
    cpu_team *before = entered;
    entered = team;
    return before;
}

unsigned cpu_flush_begin(void)
{
#if CPU_X86
    unsigned mode = _mm_getcsr();
    if ((mode & 0x8040u) != 0x8040u) /* flush results to zero, take subnormal operands as zero */
        _mm_setcsr(mode | 0x8040u);
    return mode;
#else
    return 0;
#endif
}

void cpu_flush_end(unsigned mode)
{
#if CPU_X86
    if ((mode & 0x8040u) != 0x8040u)
        _mm_setcsr((_mm_getcsr() & ~0x8040u) | (mode & 0x8040u));
#else
    (void)mode;
#endif
}

static void run(int threads, int64_t chunks, bool in_order, cpu_chunk_fn fn, void *arg)
{
    unsigned mode = cpu_flush_begin();
    if (threads > chunks)
        threads = (int)chunks;
    if (threads < 2 || !entered || !team_run(entered, threads, chunks, in_order, fn, arg))
        for (int64_t i = 0; i < chunks; i++)
            fn(arg, i, 0);
    cpu_flush_end(mode);
}

void cpu_parallel(int threads, int64_t chunks, cpu_chunk_fn fn, void *arg)
{
    run(threads, chunks, false, fn, arg);
}

void cpu_parallel_in_order(int threads, int64_t chunks, cpu_chunk_fn fn, void *arg)
{
    run(threads, chunks, true, fn, arg);
}

int64_t cpu_chunk_from_the_end(int64_t threads, int64_t chunks, int64_t chunk)
{
    const int64_t lanes = threads < 1 ? 1 : threads > chunks ? chunks : threads;
    int64_t share = chunk * lanes / chunks;
    while (chunks * (share + 1) / lanes <= chunk)
        share++;
    return chunks * share / lanes + chunks * (share + 1) / lanes - 1 - chunk;
}
