/* parallel.h: pieces of work, each done by one of some threads. */
#ifndef DATA_PARALLEL_H
#define DATA_PARALLEL_H

#include <stdint.h>

/* run(user, i) for i in [0, n), the caller being one of `threads`; those that cannot be started are done without. */
void data_parallel(int threads, int64_t n, void (*run)(void *user, int64_t i), void *user);

#endif
