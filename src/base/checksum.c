/* checksum.c: see checksum.h. Four sums side by side, so that no multiplication waits for the one before. */
#include "base/checksum.h"

#include <string.h>

static uint64_t stir(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

uint64_t base_checksum(uint64_t before, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t lanes[4] = {before, before + 1, before + 2, before + 3}, v[4];
    size_t left = bytes;
    for (; left >= sizeof v; left -= sizeof v, p += sizeof v) {
        memcpy(v, p, sizeof v);
        for (int i = 0; i < 4; i++)
            lanes[i] = stir(lanes[i], v[i]);
    }
    memset(v, 0, sizeof v);
    memcpy(v, p, left);
    uint64_t h = bytes;
    for (int i = 0; i < 4; i++)
        h = stir(h, stir(lanes[i], v[i]));
    return h;
}
