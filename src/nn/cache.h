/* cache.h: keys and values of the steps before, for layers that decode step by step (tn_kv_cache). */
#ifndef NN_CACHE_H
#define NN_CACHE_H

#include <tarn/nn.h>

/* This step's keys or values [N, heads, 1, size] put into a cache [N, heads, capacity, size] at step `at`. */
tn_tensor *nn_cached(tn_tensor *at, tn_tensor *cache, tn_tensor *step);
/* Which places of a cache [N, heads, capacity, size] step `at` sees: those before and its own. */
tn_tensor *nn_past(tn_tensor *at, tn_tensor *cache);

#endif
