/* gemm.c: how fast the matrix product is, next to the processor's own limit.
 *
 *     bench_gemm [-t threads] [-i isa] [-c cpu] [-r copies] [m n k [nn|nt|tn|tt|np|tp [dtype]]]
 *
 * Prints the best of several runs of each shape, in GFLOP/s and in microseconds. nt: B is transposed, as a linear layer's
 * weights are; np: it is packed ahead, as those are in predictions. -r: so many copies of B
 * take turns, so that it comes from memory. -c cpu measures the time on the processor, for one thread on a busy machine. */
#include "cpu/core/gemm.h"
#include "base/room.h"
#include "cpu/core/par.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static clockid_t clock_used = CLOCK_MONOTONIC;
static int copies = 1; /* of B */

static double now(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the limit: independent fused multiply-adds in registers ------------------------------------------------------ */

enum { PEAK_ROUNDS = 2000000, PEAK_SUMS = 10 };

#if CPU_X86
#define FMA(reg, n) "vfmadd231ps %%" reg "0, %%" reg "1, %%" reg #n "\n"
#define FMAS(reg)                                                                                                      \
    FMA(reg, 2)                                                                                                        \
    FMA(reg, 3) FMA(reg, 4) FMA(reg, 5) FMA(reg, 6) FMA(reg, 7) FMA(reg, 8) FMA(reg, 9) FMA(reg, 10) FMA(reg, 11)
#define PEAK(name, reg)                                                                                                \
    static void name(void *arg, int64_t chunk, int thread)                                                             \
    {                                                                                                                  \
        (void)arg, (void)chunk, (void)thread;                                                                          \
        __asm__ volatile("vzeroall" ::: "memory");                                                                     \
        for (int64_t r = 0; r < PEAK_ROUNDS; r++)                                                                      \
            __asm__ volatile(FMAS(reg)::                                                                               \
                                 : "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");  \
        __asm__ volatile("vzeroupper");                                                                                \
    }
PEAK(peak_avx512, "zmm")
PEAK(peak_avx2, "ymm")
#endif

/* GFLOP/s of f32 that the processor can do; 0 where this program does not know. */
static double peak(cpu_isa isa, int threads)
{
#if CPU_X86
    int lanes = isa >= CPU_AVX512 ? 16 : 8;
    cpu_chunk_fn fn = isa >= CPU_AVX512 ? peak_avx512 : peak_avx2;
    double best = 1e9;
    for (int i = 0; i < 7 && isa > CPU_PORTABLE; i++) {
        double start = now();
        cpu_parallel(threads, threads, fn, NULL);
        double took = now() - start;
        best = took < best ? took : best;
    }
    return isa == CPU_PORTABLE ? 0 : 2e-9 * lanes * PEAK_SUMS * PEAK_ROUNDS * threads / best;
#else
    (void)isa, (void)threads;
    return 0;
#endif
}

/* ---- shapes ---------------------------------------------------------------------------------------------------- */

typedef struct shape {
    int64_t m, n, k;
    const char *form, *dtype;
} shape;

static const shape shapes[] = {
    {2048, 2048, 2048, "nn", "f32"},  {2048, 2048, 2048, "nt", "f32"},  {2048, 2048, 2048, "tn", "f32"},
    {1024, 1024, 1024, "nn", "f32"},  {512, 512, 512, "nn", "f32"},     {512, 512, 512, "nt", "f32"},
    {256, 256, 256, "nn", "f32"},     {128, 128, 128, "nn", "f32"},     {64, 64, 64, "nn", "f32"},
    {32, 32, 32, "nn", "f32"},        {64, 128, 784, "nn", "f32"},      {64, 128, 784, "nt", "f32"},
    {128, 784, 64, "tn", "f32"},      {64, 10, 128, "nt", "f32"},       {10, 128, 64, "tn", "f32"},
    {64, 128, 10, "nn", "f32"},       {1, 128, 784, "nn", "f32"},       {1, 128, 784, "nt", "f32"},
    {1, 10, 128, "nt", "f32"},        {1, 4096, 4096, "nn", "f32"},     {1, 4096, 4096, "nt", "f32"},
    {8, 4096, 4096, "nt", "f32"},     {8, 128, 784, "nt", "f32"},       {32, 768, 768, "nt", "f32"},
    {256, 3072, 768, "nt", "f32"},    {1024, 1, 1024, "nn", "f32"},     {16, 16, 100000, "tn", "f32"},
    {64, 576, 25088, "nt", "f32"},    {1024, 1024, 1024, "nn", "f64"},  {2048, 2048, 2048, "nn", "bf16"},
    {2048, 2048, 2048, "nt", "bf16"}, {2048, 2048, 2048, "tn", "bf16"}, {512, 512, 512, "nt", "bf16"},
    {64, 128, 784, "nt", "bf16"},     {1, 4096, 4096, "nt", "bf16"},    {1024, 1024, 1024, "nt", "f16"},
};

static void *filled(size_t count, tn_dtype dtype)
{
    size_t size = tn_dtype_size(dtype);
    char *p = base_room(count * size);
    if (!p)
        exit(1);
    uint32_t x = 12345;
    for (size_t i = 0; i < count; i++) {
        x = x * 1664525u + 1013904223u;
        float value = (float)(x >> 8) * 0x1p-23f - 1.0f;
        double wide = (double)value;
        uint32_t bits;
        memcpy(&bits, &value, 4);
        uint16_t narrow = dtype == TN_BF16 ? (uint16_t)(bits >> 16) : (uint16_t)(0x3000u | (x >> 22));
        memcpy(p + i * size,
               dtype == TN_F64   ? (void *)&wide
               : dtype == TN_F32 ? (void *)&value
                                 : (void *)&narrow,
               size);
    }
    return p;
}

/* So many copies of `bytes`, which takes over. */
static void *repeated(void *from, size_t bytes)
{
    char *all = copies > 1 ? base_room(bytes * (size_t)copies) : from;
    if (!all)
        exit(1);
    for (int i = 0; copies > 1 && i < copies; i++)
        memcpy(all + (size_t)i * bytes, from, bytes);
    if (all != from)
        free(from);
    return all;
}

static void measure(const shape *s, cpu_isa isa, int threads, double limit)
{
    bool narrow = strcmp(s->dtype, "narrow") == 0; /* f32 that may be rounded */
    bool plain = strcmp(s->dtype, "plain") == 0;   /* f32 by multiply-adds alone */
    bool high = strcmp(s->dtype, "high") == 0;     /* f32 of which 17 bits count */
    cpu_gemm g = {.isa = isa,
                  .threads = threads,
                  .dtype = narrow || plain || high ? TN_F32 : tn_dtype_from_name(s->dtype),
                  .narrow = narrow,
                  .plain = plain,
                  .high = high,
                  .m = s->m,
                  .n = s->n,
                  .k = s->k};
    g.c_dtype = g.dtype;
    g.a_row = s->form[0] == 'n' ? s->k : 1, g.a_col = s->form[0] == 'n' ? 1 : s->m;
    g.b_row = s->form[1] == 'n' ? s->n : 1, g.b_col = s->form[1] == 'n' ? 1 : s->k;
    g.c_row = s->n, g.c_col = 1;
    void *a = filled((size_t)(s->m * s->k), g.dtype), *b = filled((size_t)(s->k * s->n), g.dtype);
    void *c = filled((size_t)(s->m * s->n), g.c_dtype);
    size_t each = (size_t)(s->k * s->n) * tn_dtype_size(g.dtype);
    if (s->form[1] == 'p') {
        void *packed = base_room(each = cpu_gemm_packed_size(&g));
        if (!packed)
            exit(1);
        cpu_gemm_pack_b(&g, b, packed);
        free(b);
        b = packed;
        g.b_packed = true;
    }
    b = repeated(b, each);
    void *scratch = base_room(cpu_gemm_scratch(&g));
    if (!scratch)
        exit(1);
    double flops = 2.0 * (double)s->m * (double)s->n * (double)s->k, best = 1e9, start = now();
    for (int runs = 0; runs < 5 || (now() - start < 0.3 && runs < 2000); runs++) {
        double t = now();
        cpu_gemm_run(&g, a, (char *)b + (size_t)(runs % copies) * each, c, NULL, scratch);
        t = now() - t;
        best = t < best ? t : best;
    }
    printf("%6lld %6lld %6lld  %s %-5s %-6s %9.1f us %8.1f GFLOP/s", (long long)s->m, (long long)s->n, (long long)s->k,
           s->form, s->dtype, cpu_gemm_path(&g), best * 1e6, flops / best * 1e-9);
    if (limit > 0 && g.dtype != TN_BF16)
        printf("  %5.1f %% of the limit", flops / best * 1e-7 / (g.dtype == TN_F64 ? limit / 2 : limit));
    printf("  %.1f KB scratch\n", (double)cpu_gemm_scratch(&g) / 1024);
    free(a), free(b), free(c), free(scratch);
}

int main(int argc, char **argv)
{
    int threads = cpu_thread_count(), at = 1;
    cpu_isa isa = cpu_isa_best();
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2)
        if (argv[at][1] == 't')
            threads = atoi(argv[at + 1]);
        else if (argv[at][1] == 'r')
            copies = atoi(argv[at + 1]) > 1 ? atoi(argv[at + 1]) : 1;
        else if (argv[at][1] == 'c')
            clock_used = CLOCK_PROCESS_CPUTIME_ID;
        else if (!cpu_isa_from_name(argv[at + 1], &isa)) {
            fprintf(stderr, "no instruction set is called %s\n", argv[at + 1]);
            return 2;
        }
    (void)cpu_team_enter(cpu_team_new(threads));
    double limit = peak(isa, threads);
    printf("%s, %d threads, f32 limit %.1f GFLOP/s\n", cpu_isa_name(isa), threads, limit);
    if (at + 2 < argc) {
        shape s = {atoll(argv[at]), atoll(argv[at + 1]), atoll(argv[at + 2]), "nn", "f32"};
        if (at + 3 < argc)
            s.form = argv[at + 3];
        if (at + 4 < argc)
            s.dtype = argv[at + 4];
        measure(&s, isa, threads, limit);
        return 0;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        measure(&shapes[i], isa, threads, limit);
    return 0;
}
