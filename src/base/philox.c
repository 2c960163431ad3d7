/* philox.c: see philox.h. */
#include "base/philox.h"

#include <math.h>

base_random base_random_new(uint64_t key, uint64_t stream)
{
    base_random r = {.key = key, .stream = stream};
    return r;
}

uint32_t base_random_u32(base_random *r)
{
    if (r->n % 4 == 0)
        r->block = base_philox_at(r->key, r->n / 4, r->stream);
    return r->block.v[r->n++ % 4];
}

static uint64_t next_u64(base_random *r)
{
    uint64_t high = base_random_u32(r);
    return high << 32 | base_random_u32(r);
}

uint64_t base_random_below(base_random *r, uint64_t bound)
{
    if (bound == 0)
        return 0;
    uint64_t reject_below = (0 - bound) % bound; /* 2^64 mod bound */
    uint64_t x;
    do
        x = next_u64(r);
    while (x < reject_below);
    return x % bound;
}

double base_random_f64(base_random *r)
{
    uint32_t a = base_random_u32(r);
    return base_philox_f64(a, base_random_u32(r));
}

double base_random_normal(base_random *r)
{
    double u = 1.0 - base_random_f64(r); /* in (0, 1]: the logarithm is finite */
    double angle = 6.283185307179586 * base_random_f64(r);
    return sqrt(-2.0 * log(u)) * cos(angle);
}
