/* par.h: one loop, several threads. The work is cut into chunks by the caller, by shape alone and never by the number
 * of threads, so that results have the same bits on any number of them.
 *
 * Threads come from a team that belongs to the context; a run enters it, and what the run calls finds it. A loop never
 * waits for a thread to start: the caller works from the first moment and takes over what nobody else has begun, so that
 * a team on a busy machine costs no more than what its threads have in hand. Threads that have nothing to do look out for
 * work for some tens of microseconds, then sleep. */
#ifndef CPU_PAR_H
#define CPU_PAR_H

#include <stdint.h>
#include <tarn/core.h>

/* `thread` is below the `threads` of the call, and no two chunks that run at once have the same. */
typedef void (*cpu_chunk_fn)(void *arg, int64_t chunk, int thread);

/* Calls fn for chunks 0 .. chunks-1, each once, in no promised order, and returns when all are done. Every thread begins
 * with a share of its own, the same one for the same numbers of chunks and threads, so that loops over the same data find
 * it in their caches; who is done helps the others. With one thread, one chunk, no team or a team at work for another run
 * the caller's thread does it all, in order. Subnormal numbers are flushed to zero meanwhile (on x86), and the caller's
 * mode is restored. */
void cpu_parallel(int threads, int64_t chunks, cpu_chunk_fn fn, void *arg);
/* The same, the chunks begun in ascending order: one may wait for another that is before it. */
void cpu_parallel_in_order(int threads, int64_t chunks, cpu_chunk_fn fn, void *arg);

/* The chunk that takes a chunk's turn where each thread shall go through its share from the end. */
int64_t cpu_chunk_from_the_end(int64_t threads, int64_t chunks, int64_t chunk);

typedef struct cpu_team cpu_team;

/* `threads` counts the caller; a system that gives fewer makes a smaller team. NULL: out of memory. */
cpu_team *cpu_team_new(int threads);
void cpu_team_free(cpu_team *team);
/* The context's team, made when first asked for; NULL where it would be the caller alone. */
cpu_team *cpu_team_of(tn_context *context);
/* Loops of this thread use the team from now on; gives the one before, to be entered again afterwards. NULL: none. */
cpu_team *cpu_team_enter(cpu_team *team);

/* Flushing of subnormals for code that computes outside cpu_parallel: the mode before, to be given back. */
unsigned cpu_flush_begin(void);
void cpu_flush_end(unsigned mode);

#endif
