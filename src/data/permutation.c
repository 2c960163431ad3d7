/* permutation.c: see permutation.h. */
#include "data/permutation.h"

#include "base/philox.h"

/* Of few things the network would make only few orders well; 16 places at least are permuted and walked. */
enum { LEAST_BITS = 4 };

data_permutation data_permutation_new(uint64_t n, uint64_t seed, uint64_t stream)
{
    data_permutation p = {.n = n};
    int bits = LEAST_BITS;
    while (bits < 64 && n > (uint64_t)1 << bits)
        bits++;
    p.low_bits = bits / 2;
    p.high_bits = bits - p.low_bits;
    for (int r = 0; r < DATA_PERMUTATION_ROUNDS; r++) {
        base_philox x = base_philox_at(seed, (uint64_t)r + ((uint64_t)0x5e0ff1e << 32), stream);
        p.keys[r] = (uint64_t)x.v[0] << 32 | x.v[1];
    }
    return p;
}

/* A good mixing of 64 bits (the finaliser of D. Stafford's variant 13 of MurmurHash3, as in SplitMix64). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t mask(int bits)
{
    return ((uint64_t)1 << bits) - 1;
}

/* Each round changes one half by what the other says, in turn; so every round can be undone: a permutation. */
static uint64_t network(const data_permutation *p, uint64_t x)
{
    uint64_t low = x & mask(p->low_bits), high = x >> p->low_bits;
    for (int r = 0; r < DATA_PERMUTATION_ROUNDS; r += 2) {
        high ^= mix(low + p->keys[r]) & mask(p->high_bits);
        low ^= mix(high + p->keys[r + 1]) & mask(p->low_bits);
    }
    return high << p->low_bits | low;
}

uint64_t data_permutation_at(const data_permutation *p, uint64_t position)
{
    uint64_t x = position;
    do
        x = network(p, x);
    while (x >= p->n);
    return x;
}
