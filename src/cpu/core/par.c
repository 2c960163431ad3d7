/* par.c: see par.h. */
#include "cpu/core/par.h"

#include <stdatomic.h>
#if TARN_HAVE_OPENMP
#include <omp.h>
#endif
#if CPU_X86
#include <xmmintrin.h>
#endif

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

static void run_alone(int64_t chunks, cpu_chunk_fn fn, void *arg)
{
    unsigned mode = cpu_flush_begin();
    for (int64_t i = 0; i < chunks; i++)
        fn(arg, i, 0);
    cpu_flush_end(mode);
}

void cpu_parallel(int threads, int64_t chunks, cpu_chunk_fn fn, void *arg)
{
    if (threads > chunks)
        threads = (int)chunks;
#if TARN_HAVE_OPENMP
    if (threads > 1) {
        _Atomic int64_t next = 0;
#pragma omp parallel num_threads(threads)
        {
            unsigned mode = cpu_flush_begin();
            int thread = omp_get_thread_num();
            int64_t i;
            while ((i = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed)) < chunks)
                fn(arg, i, thread);
            cpu_flush_end(mode);
        }
        return;
    }
#endif
    run_alone(chunks, fn, arg);
}
