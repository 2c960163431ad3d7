/* par.h: one loop, several threads. The work is cut into chunks by the caller, by shape alone and never by the number
 * of threads, so that results have the same bits on any number of them. */
#ifndef CPU_PAR_H
#define CPU_PAR_H

#include <stdint.h>

/* `thread` is below the `threads` of the call, and no two chunks that run at once have the same. */
typedef void (*cpu_chunk_fn)(void *arg, int64_t chunk, int thread);

/* Calls fn for chunks 0 .. chunks-1, each once, in no promised order, and returns when all are done. Threads claim the
 * next chunk as they finish one. With one thread or one chunk the caller's thread does it all, in order. Subnormal
 * numbers are flushed to zero meanwhile (on x86), and the caller's mode is restored. */
void cpu_parallel(int threads, int64_t chunks, cpu_chunk_fn fn, void *arg);

/* Flushing of subnormals for code that computes outside cpu_parallel: the mode before, to be given back. */
unsigned cpu_flush_begin(void);
void cpu_flush_end(unsigned mode);

#endif
