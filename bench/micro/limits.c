/* limits.c: what this machine can do at most, for the rooflines of the benchmark: float32 multiply-adds in registers, bf16 ones
 * in tiles where there are some, and copying between arrays that no cache holds. Usage: bench_limits [THREADS]. Prints one line
 * of JSON; each figure is the best of several rounds, because a limit is what is asked for. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "cpu/core/isa.h"

enum { MOST_THREADS = 64, ROUNDS = 7, ACCUMULATORS = 12 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- multiply-adds: each function does `rounds` times ACCUMULATORS vectors, and returns something that depends on all -- */

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static float madd_avx512(long rounds)
{
    __m512 a[ACCUMULATORS], x = _mm512_set1_ps(1.0000001f), y = _mm512_set1_ps(1e-9f);
    for (int i = 0; i < ACCUMULATORS; i++)
        a[i] = _mm512_set1_ps((float)i);
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++)
            a[i] = _mm512_fmadd_ps(a[i], x, y);
    }
    for (int i = 1; i < ACCUMULATORS; i++)
        a[0] = _mm512_add_ps(a[0], a[i]);
    return _mm512_reduce_add_ps(a[0]);
}

__attribute__((target("avx2,fma"))) static float madd_avx2(long rounds)
{
    __m256 a[ACCUMULATORS], x = _mm256_set1_ps(1.0000001f), y = _mm256_set1_ps(1e-9f);
    float out[8], sum = 0;
    for (int i = 0; i < ACCUMULATORS; i++)
        a[i] = _mm256_set1_ps((float)i);
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < ACCUMULATORS; i++)
            a[i] = _mm256_fmadd_ps(a[i], x, y);
    }
    for (int i = 0; i < ACCUMULATORS; i++) {
        _mm256_storeu_ps(out, a[i]);
        for (int k = 0; k < 8; k++)
            sum += out[k];
    }
    return sum;
}
#endif

/* Four floats wide, which every 64-bit processor has; the compiler may or may not fuse. */
static float madd_plain(long rounds)
{
    float a[ACCUMULATORS][4], sum = 0;
    for (int i = 0; i < ACCUMULATORS; i++)
        for (int k = 0; k < 4; k++)
            a[i][k] = (float)i;
    for (long r = 0; r < rounds; r++)
        for (int i = 0; i < ACCUMULATORS; i++)
            for (int k = 0; k < 4; k++)
                a[i][k] = a[i][k] * 1.0000001f + 1e-9f;
    for (int i = 0; i < ACCUMULATORS; i++)
        for (int k = 0; k < 4; k++)
            sum += a[i][k];
    return sum;
}

typedef struct madd_kind {
    const char *name;
    float (*run)(long rounds);
    int width;
} madd_kind;

static madd_kind best_madd(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return (madd_kind){"avx512", madd_avx512, 16};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (madd_kind){"avx2", madd_avx2, 8};
#endif
    return (madd_kind){"plain", madd_plain, 4};
}

/* ---- multiply-adds of bf16 in tiles (AMX) ------------------------------------------------------------------------------ */

enum { TILE_OPERATIONS = 2 * 16 * 16 * 32, TILES = 4 };

#if defined(__x86_64__)
__attribute__((target("amx-tile,amx-bf16"))) static float madd_tiles(long rounds)
{
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    static const uint8_t zeros[1024];
    float out[256], sum = 0;
    for (int i = 0; i < 6; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, zeros, 64);
    _tile_loadd(5, zeros, 64);
    for (long r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_stored(0, out, 64);
    _tile_release();
    for (int i = 0; i < 256; i++)
        sum += out[i];
    return sum + 1;
}
#else
static float madd_tiles(long rounds)
{
    return (float)rounds;
}
#endif

/* ---- and in pairs in vector registers (AVX512_BF16), which some processors do faster than f32 ----------------------------- */

enum { PAIR_OPERATIONS = 2 * 2 * 16 };

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512bf16"))) static float madd_pairs(long rounds)
{
    __m512 a[ACCUMULATORS], sum = _mm512_setzero_ps();
    const __m512bh x = (__m512bh)_mm512_set1_epi16(0x3f80), y = (__m512bh)_mm512_set1_epi16(0x3080);
    for (int i = 0; i < ACCUMULATORS; i++)
        a[i] = _mm512_set1_ps((float)i);
    for (long r = 0; r < rounds; r++)
#pragma GCC unroll 16
        for (int i = 0; i < ACCUMULATORS; i++)
            a[i] = _mm512_dpbf16_ps(a[i], x, y);
    for (int i = 0; i < ACCUMULATORS; i++)
        sum = _mm512_add_ps(sum, a[i]);
    return _mm512_reduce_add_ps(sum);
}
#else
static float madd_pairs(long rounds)
{
    return (float)rounds;
}
#endif

/* ---- threads ---------------------------------------------------------------------------------------------------------- */

typedef struct work {
    pthread_barrier_t *start, *end;
    madd_kind madd;
    long rounds;
    char *from, *to;
    size_t bytes;
    float sum;
    double began, ended; /* this round: by the thread itself, since who waits for all may be woken last */
} work;

static void *run_madd(void *argument)
{
    work *w = argument;
    for (int r = 0; r < ROUNDS; r++) {
        pthread_barrier_wait(w->start);
        w->began = now();
        w->sum += w->madd.run(w->rounds);
        w->ended = now();
        pthread_barrier_wait(w->end);
    }
    return NULL;
}

static void *run_copy(void *argument)
{
    work *w = argument;
    memset(w->from, 1, w->bytes); /* first touch by the thread that copies */
    memset(w->to, 2, w->bytes);
    for (int r = 0; r < ROUNDS; r++) {
        pthread_barrier_wait(w->start);
        w->began = now();
        memcpy(w->to, w->from, w->bytes);
        w->ended = now();
        pthread_barrier_wait(w->end);
    }
    return NULL;
}

static double from_first_to_last(const work *works, int threads)
{
    double first = works[0].began, last = works[0].ended;
    for (int i = 1; i < threads; i++) {
        first = works[i].began < first ? works[i].began : first;
        last = works[i].ended > last ? works[i].ended : last;
    }
    return last - first;
}

/* Seconds of the best round; negative when threads cannot be had. */
static double best_round(work *works, int threads, void *(*run)(void *))
{
    pthread_t thread[MOST_THREADS];
    pthread_barrier_t start, end;
    double best = -1;
    pthread_barrier_init(&start, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&end, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        works[i].start = &start;
        works[i].end = &end;
        if (pthread_create(&thread[i], NULL, run, &works[i]) != 0) {
            (void)fprintf(stderr, "bench_limits: cannot start %d threads\n", threads);
            exit(1);
        }
    }
    for (int r = 0; r < ROUNDS; r++) {
        pthread_barrier_wait(&start);
        pthread_barrier_wait(&end);
        const double seconds = from_first_to_last(works, threads);
        if (r > 0 && (best < 0 || seconds < best)) /* the first round warms up */
            best = seconds;
    }
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&start);
    pthread_barrier_destroy(&end);
    return best;
}

int main(int argc, char **argv)
{
    static work works[MOST_THREADS];
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    if (threads < 1 || threads > MOST_THREADS) {
        (void)fprintf(stderr, "bench_limits: threads must be between 1 and %d\n", MOST_THREADS);
        return 1;
    }
    madd_kind madd = best_madd();
    const long rounds = 10000000;
    const size_t bytes = (size_t)96 << 20;
    float sum = 0;
    double half = 0; /* of bf16; 0: no faster than f32, as far as is known here */
    if (cpu_isa_best() >= CPU_AVX512_BF16) {
        const bool tiles = cpu_isa_best() == CPU_AMX;
        const long half_rounds = tiles ? 1000000 : rounds;
        const double operations = tiles ? TILE_OPERATIONS * TILES : PAIR_OPERATIONS * ACCUMULATORS;
        for (int i = 0; i < threads; i++)
            works[i] = (work){.madd = {"bf16", tiles ? madd_tiles : madd_pairs, 0}, .rounds = half_rounds};
        half = operations * (double)half_rounds * threads / best_round(works, threads, run_madd) * 1e-9;
    }
    for (int i = 0; i < threads; i++)
        works[i] = (work){.madd = madd, .rounds = rounds};
    double seconds = best_round(works, threads, run_madd);
    double gflops = 2.0 * madd.width * ACCUMULATORS * (double)rounds * threads / seconds * 1e-9;
    for (int i = 0; i < threads; i++) {
        sum += works[i].sum;
        works[i] = (work){.from = malloc(bytes), .to = malloc(bytes), .bytes = bytes};
        if (!works[i].from || !works[i].to) {
            (void)fprintf(stderr, "bench_limits: no memory for two arrays of %zu bytes for each thread\n", bytes);
            return 1;
        }
    }
    seconds = best_round(works, threads, run_copy);
    double gbytes = 2.0 * (double)bytes * threads / seconds * 1e-9;
    for (int i = 0; i < threads; i++) {
        free(works[i].from);
        free(works[i].to);
    }
    printf("{\"threads\": %d, \"isa\": \"%s\", \"f32_gflops\": %.1f, \"bf16_gflops\": %.1f, "
           "\"copy_gbytes_per_second\": %.2f, \"own_clocks\": true, \"check\": %d}\n",
           threads, madd.name, gflops, half > gflops ? half : gflops, gbytes, sum != 0);
    return 0;
}
