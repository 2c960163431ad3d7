/* team.h: between par.c, which cuts loops, and team.c, which has the threads. */
#ifndef CPU_TEAM_H
#define CPU_TEAM_H

#include "cpu/core/par.h"

#include <stdbool.h>

/* Runs the loop on the team, the caller being thread 0; false if the team is at work already, and nothing was run. */
bool team_run(cpu_team *team, int threads, int64_t chunks, bool in_order, cpu_chunk_fn fn, void *arg);

#endif
