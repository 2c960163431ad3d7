/* permutation.h: a random order of n things that takes no memory: position -> thing is computed, by a Feistel network
 * over the next power of two (M. Luby, C. Rackoff, "How to construct pseudorandom permutations from pseudorandom
 * functions", SIAM J. Computing 17, 1988) that is walked until it lands below n (J. Black, P. Rogaway, "Ciphers with
 * arbitrary finite domains", CT-RSA 2002). So a loader can begin anywhere in any epoch, and threads need no shared
 * array. */
#ifndef DATA_PERMUTATION_H
#define DATA_PERMUTATION_H

#include <stdint.h>

enum { DATA_PERMUTATION_ROUNDS = 8 };

typedef struct data_permutation {
    uint64_t n;
    int low_bits, high_bits; /* the two halves of a position */
    uint64_t keys[DATA_PERMUTATION_ROUNDS];
} data_permutation;

/* One order for every (seed, stream). */
data_permutation data_permutation_new(uint64_t n, uint64_t seed, uint64_t stream);
/* What stands at `position` < n. */
uint64_t data_permutation_at(const data_permutation *p, uint64_t position);

#endif
