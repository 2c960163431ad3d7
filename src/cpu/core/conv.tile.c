/* conv.tile.c: the inner loops of the convolution: tiles of output pixels x output channels (forward, gradient of data)
 * and of taps x output channels (gradient of weights), held in registers through the whole sum. See conv_parts.h.
 *
 * A step of a tile loads 1 or 2 vectors of weights and broadcasts one input float per pixel, so with 14 pixels and 2
 * vectors 16 loads feed 28 multiply-adds, and the weights stream from the second cache at 9 bytes a cycle. */
#include "cpu/core/conv_store.h"

#if CPU_VF == 16
enum { MOST = 14 }; /* 28 sums, 2 weights and a broadcast in 32 registers */
#else
enum { MOST = 6 }; /* 12 sums, 2 weights and a broadcast in 16 registers */
#endif
enum { SLOW_ENOUGH = 48 }; /* steps in which a line comes from memory */
/* Pixels are addressed as base, base + step, base + 2 * step, which x86 does within the load: a third of the pointers. */
enum { GROUP = 3, GROUPS = (MOST + GROUP - 1) / GROUP };

/* Keeps the compiler from turning a pointer back into arithmetic on another one. */
#define KEEP(pointer) __asm__("" : "+r"(pointer))

CPU_INLINE void load_bias(const conv_tile *a, cpu_vf *b, const int V)
{
    CPU_UNROLL for (int v = 0; v < V; v++)
    {
        b[v] = cpu_vf_set1(0.0f);
        if (a->bias)
            b[v] = v == V - 1 ? cpu_vf_load_n(a->bias + v * CPU_VF, a->last) : cpu_vf_load(a->bias + v * CPU_VF);
    }
}

/* Asks for the lines that the tile will write, which lie a pixel apart and would be waited for one by one. */
CPU_INLINE void fetch_outputs(const conv_tile *a, const int P, const int V)
{
    CPU_UNROLL for (int p = 0; p < P; p++)
    {
        CPU_UNROLL for (int v = 0; v < V; v++) __builtin_prefetch(a->y + p * a->y_pixel + v * CPU_VF, 1);
    }
}

CPU_INLINE void tile(const conv_tile *a, const int P, const int V)
{
    conv_sums acc;
    cpu_vf b[CONV_VECTORS];
    const float *w = a->w;
    const int64_t step = a->step, segments = a->segments;
    const float *ahead = a->ahead;
    load_bias(a, b, V);
    if (segments * a->length >= SLOW_ENOUGH)
        fetch_outputs(a, P, V);
    CPU_UNROLL for (int p = 0; p < P; p++)
    {
        CPU_UNROLL for (int v = 0; v < V; v++) acc[p][v] = b[v];
    }
    for (int64_t t = 0; t < segments; t++) {
        const float *x[GROUPS];
        CPU_UNROLL for (int g = 0; g * GROUP < P; g++) x[g] = a->x + a->off[t] + GROUP * g * step;
        const float *end = x[0] + a->length;
        while (x[0] < end) {
            CPU_UNROLL for (int v = 0; v < V; v++) b[v] = cpu_vf_load(w + v * CPU_VF);
            __builtin_prefetch(ahead);
            ahead += 16;
            CPU_UNROLL for (int v = 0; v < V; v++) __builtin_prefetch(w + (8 * V + v) * CPU_VF);
            CPU_UNROLL for (int p = 0; p < P; p++)
            {
                const float xp = x[p / GROUP][p % GROUP * step];
                CPU_UNROLL for (int v = 0; v < V; v++) acc[p][v] += b[v] * xp;
            }
            CPU_UNROLL for (int g = 0; g * GROUP < P; g++)
            {
                x[g]++;
                KEEP(x[g]);
            }
            w += V * CPU_VF;
        }
    }
    conv_store_tile(a, acc, P, V, false);
}

/* The sum of the lanes; four at a time by way of memory, which takes in a whole vector and gives out quarters. */
CPU_INLINE float lane_sum(cpu_vf v)
{
    typedef float four __attribute__((vector_size(16)));
    four part[CPU_VF / 4];
    memcpy(part, &v, sizeof v);
#if CPU_VF == 16
    part[0] += part[2];
    part[1] += part[3];
#endif
#if CPU_VF >= 8
    part[0] += part[1];
#endif
    return (part[0][0] + part[0][2]) + (part[0][1] + part[0][3]);
}

/* N output channels (few): lanes run along the sum, weights lie [output channel][tap][input channel]. */
CPU_INLINE void narrow(const conv_tile *a, const int P, const int N)
{
    cpu_vf acc[CONV_NARROW_MOST][CONV_NARROW];
    const int64_t sums = a->segments * a->length, step = a->step, whole = a->length / CPU_VF * CPU_VF;
    const float *w = a->w;
    CPU_UNROLL for (int p = 0; p < P; p++)
    {
        CPU_UNROLL for (int o = 0; o < N; o++) acc[p][o] = cpu_vf_set1(0.0f);
    }
    for (int64_t t = 0; t < a->segments; t++, w += a->length) {
        const float *x = a->x + a->off[t];
        for (int64_t k = 0; k < whole; k += CPU_VF) {
            cpu_vf b[CONV_NARROW];
            CPU_UNROLL for (int o = 0; o < N; o++) b[o] = cpu_vf_load(w + o * sums + k);
            CPU_UNROLL for (int p = 0; p < P; p++)
            {
                const cpu_vf xp = cpu_vf_load(x + p * step + k);
                CPU_UNROLL for (int o = 0; o < N; o++) acc[p][o] += b[o] * xp;
            }
        }
        for (int p = 0; whole < a->length && p < P; p++) {
            const int64_t n = a->length - whole;
            const cpu_vf xp = cpu_vf_load_n(x + p * step + whole, n);
            CPU_UNROLL for (int o = 0; o < N; o++) acc[p][o] += xp * cpu_vf_load_n(w + o * sums + whole, n);
        }
    }
    float *y = a->y;
    const float *add = a->add;
    int64_t left = a->left;
    CPU_UNROLL for (int p = 0; p < P; p++)
    {
        CPU_UNROLL for (int o = 0; o < N; o++)
        {
            const float more = add ? add[o] : 0.0f, sum = lane_sum(acc[p][o]) + (a->bias ? a->bias[o] : 0.0f);
            const float v = a->add_last ? sum : sum + more;
            y[o] = !a->relu ? v : v < 0.0f ? (a->slope > 0 ? a->slope * v : 0.0f) : v > a->most ? a->most : v;
            if (a->add_last)
                y[o] += more;
        }
        const int64_t on = conv_next_pixel(a, &left);
        y += on;
        add = add ? add + on : NULL;
    }
}

CPU_INLINE void weight(const conv_weight_tile *a, const int I, const int V)
{
    cpu_vf acc[MOST][CONV_VECTORS], b[CONV_VECTORS];
    CPU_UNROLL for (int i = 0; i < I; i++)
    {
        CPU_UNROLL for (int v = 0; v < V; v++) acc[i][v] =
            a->add ? cpu_vf_load(a->acc + (i * V + v) * CPU_VF) : cpu_vf_set1(0.0f);
    }
    const float *dy = a->dy;
    const int64_t next = a->far ? 2 * I - 1 : 0;
    for (int64_t pixel = 0; pixel < a->pixels; pixel++, dy += V * CPU_VF) {
        const float *x = a->x + a->at[pixel];
        CPU_UNROLL for (int v = 0; v < V; v++) b[v] = cpu_vf_load(dy + v * CPU_VF);
        /* Pixels are often a power of two apart and push each other out of the first cache: each is asked for shortly
         * before its use. If they come from memory, `next` also asks for what the next tile reads of this pixel. */
        const float *soon = a->x + a->at[pixel + CONV_SOON];
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + I - 1);
        __builtin_prefetch(x + next);
        CPU_UNROLL for (int i = 0; i < I; i++)
        {
            CPU_UNROLL for (int v = 0; v < V; v++) acc[i][v] += b[v] * x[i];
        }
    }
    CPU_UNROLL for (int i = 0; i < I; i++)
    {
        CPU_UNROLL for (int v = 0; v < V; v++) cpu_vf_store(a->acc + (i * V + v) * CPU_VF, acc[i][v]);
    }
}

CPU_INLINE void slice(const float *src, int64_t step, int64_t pixels, int64_t channels, float *dst, float *sum,
                      const int V)
{
    cpu_vf total[CONV_VECTORS];
    const int64_t last = channels - (V - 1) * CPU_VF;
    CPU_UNROLL for (int v = 0; v < V; v++) total[v] = cpu_vf_set1(0.0f);
    for (int64_t p = 0; p < pixels; p++, src += step, dst += V * CPU_VF) {
        CPU_UNROLL for (int v = 0; v < V; v++)
        {
            cpu_vf x =
                v == V - 1 && last < CPU_VF ? cpu_vf_load_n(src + v * CPU_VF, last) : cpu_vf_load(src + v * CPU_VF);
            total[v] += x;
            cpu_vf_store(dst + v * CPU_VF, x);
        }
    }
    CPU_UNROLL for (int v = 0; sum && v < V; v++)
        cpu_vf_store(sum + v * CPU_VF, cpu_vf_load(sum + v * CPU_VF) + total[v]);
}

static void runs(const float *src, int64_t src_step, float *dst, int64_t dst_step, int64_t length, int64_t count)
{
    for (int64_t at = 0; at < length; at += CPU_VF) {
        const int64_t n = conv_min(CPU_VF, length - at);
        for (int64_t i = 0; i < count; i++)
            cpu_vf_store_n(dst + i * dst_step + at, cpu_vf_load_n(src + i * src_step + at, n), n);
    }
}

static void gather(const float *src, int64_t step, float *dst, int64_t count)
{
    int64_t i = 0;
#if CPU_VEC_AVX512
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    if (step > INT32_MIN / 16 && step < INT32_MAX / 16)
        for (const __m512i at = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)step)); i + 16 <= count; i += 16)
            _mm512_storeu_ps(dst + i, _mm512_i32gather_ps(at, src + i * step, 4));
#endif
    for (; i < count; i++)
        dst[i] = src[i * step];
}

/* One function for each size of tile, and the tables of them. */
#define EACH(X, V)                                                                                                     \
    X(1, V)                                                                                                            \
    X(2, V)                                                                                                            \
    X(3, V)                                                                                                            \
    X(4, V)                                                                                                            \
    X(5, V)                                                                                                            \
    X(6, V)
#define EACH_WIDE(X, V)                                                                                                \
    X(7, V)                                                                                                            \
    X(8, V)                                                                                                            \
    X(9, V)                                                                                                            \
    X(10, V)                                                                                                           \
    X(11, V)                                                                                                           \
    X(12, V)                                                                                                           \
    X(13, V)                                                                                                           \
    X(14, V)

#define DEFINE(P, V)                                                                                                   \
    static void tile_##P##_##V(const conv_tile *a)                                                                     \
    {                                                                                                                  \
        tile(a, P, V);                                                                                                 \
    }                                                                                                                  \
    static void weight_##P##_##V(const conv_weight_tile *a)                                                            \
    {                                                                                                                  \
        weight(a, P, V);                                                                                               \
    }
#define TILE_NAME(P, V) tile_##P##_##V,
#define WEIGHT_NAME(P, V) weight_##P##_##V,

EACH(DEFINE, 1)
EACH(DEFINE, 2)
#if CPU_VF == 16
EACH_WIDE(DEFINE, 1)
EACH_WIDE(DEFINE, 2)
#define ALL(X, V) EACH(X, V) EACH_WIDE(X, V)
#else
#define ALL(X, V) EACH(X, V)
#endif

#define NARROW(P, N)                                                                                                   \
    static void narrow_##P##_##N(const conv_tile *a)                                                                   \
    {                                                                                                                  \
        narrow(a, P, N);                                                                                               \
    }
#define NARROW_NAME(P, N) narrow_##P##_##N,
#define EACH_NARROW(X, N) X(1, N) X(2, N) X(3, N) X(4, N)
#define EACH_LONG(X, N) EACH_NARROW(X, N) X(5, N) X(6, N) X(7, N) X(8, N)
EACH_LONG(NARROW, 1)
EACH_LONG(NARROW, 2)
EACH_NARROW(NARROW, 3)
EACH_NARROW(NARROW, 4)

static void slice_1(const float *src, int64_t step, int64_t pixels, int64_t channels, float *dst, float *sum)
{
    slice(src, step, pixels, channels, dst, sum, 1);
}
static void slice_2(const float *src, int64_t step, int64_t pixels, int64_t channels, float *dst, float *sum)
{
    slice(src, step, pixels, channels, dst, sum, 2);
}

const conv_kernels CPU_NAME(conv_kernels) = {
    .lanes = CPU_VF,
    .most = MOST,
    .tile = {{ALL(TILE_NAME, 1)}, {ALL(TILE_NAME, 2)}},
    .narrow = {{EACH_LONG(NARROW_NAME, 1)},
               {EACH_LONG(NARROW_NAME, 2)},
               {EACH_NARROW(NARROW_NAME, 3)},
               {EACH_NARROW(NARROW_NAME, 4)}},
    .weight = {{ALL(WEIGHT_NAME, 1)}, {ALL(WEIGHT_NAME, 2)}},
    .slice = {slice_1, slice_2},
    .runs = runs,
    .gather = gather,
};
