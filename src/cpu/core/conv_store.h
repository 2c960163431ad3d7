/* conv_store.h: the end of a tile of conv.tile.c or conv_pairs.amx.c: what is added and the activation, then y. `halves`, a
 * constant: y and what is added may be bf16, two in the place of a float. */
#ifndef CPU_CONV_STORE_H
#define CPU_CONV_STORE_H

#include "cpu/core/conv_act.h"
#include "cpu/core/conv_parts.h"

typedef cpu_vf conv_sums[CONV_MOST][CONV_VECTORS];

/* Floats to the next output pixel; `left` counts those of the row. */
CPU_INLINE int64_t conv_next_pixel(const conv_tile *a, int64_t *left)
{
    if (--*left > 0)
        return a->y_pixel;
    *left = a->width;
    return a->y_pixel + a->y_jump;
}

/* The processor's own rounding where it has it. */
CPU_INLINE void conv_put(float *y, int64_t at, cpu_vf x, int n, const bool half)
{
#ifdef __AVX512BF16__
    if (half)
        cpu_vh_store_n((uint16_t *)(void *)y + at, (cpu_vh)_mm512_cvtneps_pbh((__m512)x), n);
    else
#endif
        cpu_vf_store_as(y, at, x, n, half);
}

/* Bytes of `add` for a float of y: either may hold two bf16 in a float. */
CPU_INLINE int64_t conv_bytes_of_add(const conv_tile *a, const bool halves)
{
    return !halves ? 4 : (a->half_y ? 8 : 4) / (a->half_add ? 2 : 1);
}

CPU_INLINE void conv_store_pixel(const conv_tile *a, float *y, const void *add, const cpu_vf *acc, const int V,
                                 const bool halves)
{
    CPU_UNROLL for (int v = 0; v < V; v++)
    {
        const int n = v == V - 1 && a->last < CPU_VF ? a->last : CPU_VF;
        cpu_vf out = acc[v], more = out;
        if (add)
            more = cpu_vf_load_as(add, v * CPU_VF, n, halves && a->half_add);
        if (add && !a->add_last)
            out += more;
        if (a->relu)
            out = conv_activate(out, a->slope, a->most);
        if (add && a->add_last)
            out += more;
        conv_put(y, v * CPU_VF, out, n, halves && a->half_y);
    }
}

/* A tile of one line and of whole vectors to which nothing is added, as most are: one straight run of stores. The branches of the
 * general way are so many that where they lie in memory decides how well they are predicted, which cost a quarter of a short
 * sum's time. (With what is added, too, nothing is gained: it is waited for.) */
CPU_INLINE void conv_store_straight(const conv_tile *a, conv_sums acc, const int P, const int V, const bool half,
                                    const bool relu)
{
    CPU_UNROLL for (int p = 0; p < P; p++)
    {
        CPU_UNROLL for (int v = 0; v < V; v++)
        {
            const cpu_vf out = relu ? conv_activate(acc[p][v], a->slope, a->most) : acc[p][v];
            conv_put(a->y + p * a->y_pixel, v * CPU_VF, out, CPU_VF, half);
        }
    }
}

/* Pixel by pixel; y and add go on by the same pixels, each in floats of its own. */
CPU_INLINE void conv_store_pixels(const conv_tile *a, conv_sums acc, const int P, const int V, const bool halves)
{
    float *y = a->y;
    const char *add = (const char *)a->add;
    const int64_t of_add = conv_bytes_of_add(a, halves);
    int64_t left = a->left;
    CPU_UNROLL for (int p = 0; p < P; p++)
    {
        conv_store_pixel(a, y, add, acc[p], V, halves);
        const int64_t on = conv_next_pixel(a, &left);
        y += on;
        add = add ? add + on * of_add : NULL;
    }
}

CPU_INLINE void conv_store_tile(const conv_tile *a, conv_sums acc, const int P, const int V, const bool halves)
{
    const bool half = halves && a->half_y;
    if (a->add || a->left < P || a->last < CPU_VF)
        conv_store_pixels(a, acc, P, V, halves);
    else if (half)
        a->relu ? conv_store_straight(a, acc, P, V, true, true) : conv_store_straight(a, acc, P, V, true, false);
    else
        a->relu ? conv_store_straight(a, acc, P, V, false, true) : conv_store_straight(a, acc, P, V, false, false);
}

#endif
