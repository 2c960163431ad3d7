/* gemv.c: see gemv.h. B lies as [part of k][block of columns][k of the part][columns of the block], columns that are missing as zeros,
 * and behind it whether all of it is finite. */
#include "cpu/core/gemv.h"

#include "cpu/core/gemm_kernels.h"
#include "cpu/core/par.h"

#include <string.h>

enum { LEAST = 1 << 20, MOST = 6 << 20, PART = 256 << 10, PARTS_MAX = 16, BEHIND = 64 };

extern const gemv_kernels cpu_gemv_portable, cpu_gemv_avx2, cpu_gemv_avx512;

typedef struct gemv_plan {
    const gemm_kernels *kern;
    int64_t width, blocks, parts; /* columns of a block */
    tn_dtype dtype;               /* of what is packed */
    int64_t size;                 /* bytes of one */
} gemv_plan;

typedef struct gemv_job {
    const cpu_gemm *g;
    gemv_plan plan;
    const float *a;
    const char *b;
    bool finite; /* all of b */
    float *sums; /* [part][block][width] */
} gemv_job;

static gemv_plan make_plan(const cpu_gemm *g)
{
    gemv_plan p = {.kern = CPU_OF_ISA(g->isa, &gemm_f32)};
    p.width = (int64_t)GEMM_ROW_BLOCK * p.kern->lanes;
    p.blocks = (g->n + p.width - 1) / p.width;
    p.dtype = g->narrow ? TN_BF16 : TN_F32;
    p.size = (int64_t)tn_dtype_size(p.dtype);
    p.parts = g->k * p.width * p.size / PART;
    p.parts = p.parts < 1 ? 1 : p.parts > PARTS_MAX ? PARTS_MAX : p.parts;
    return p;
}

/* The first k of a part. */
static int64_t part_at(const cpu_gemm *g, const gemv_plan *p, int64_t part)
{
    return g->k * part / p->parts;
}

/* Bytes before a part's block. */
static int64_t block_at(const cpu_gemm *g, const gemv_plan *p, int64_t part, int64_t block)
{
    const int64_t from = part_at(g, p, part), deep = part_at(g, p, part + 1) - from;
    return (from * p->blocks + deep * block) * p->width * p->size;
}

bool cpu_gemv_pays(const cpu_gemm *g)
{
    const int64_t bytes = g->n * g->k * (int64_t)sizeof(float);
    return g->m == 1 && g->batch <= 1 && g->dtype == TN_F32 && !g->half_a && !g->accumulate && bytes >= LEAST &&
           (g->narrow || (bytes <= MOST && g->b_row == 1)) &&
           g->n >= (int64_t)GEMM_ROW_BLOCK * CPU_OF_ISA(g->isa, &gemm_f32)->lanes;
}

/* Bytes of the numbers. */
static int64_t matrix_size(const cpu_gemm *g, const gemv_plan *p)
{
    return g->k * p->blocks * p->width * p->size;
}

size_t cpu_gemv_packed_size(const cpu_gemm *g)
{
    const gemv_plan p = make_plan(g);
    return (size_t)matrix_size(g, &p) + BEHIND;
}

/* `rows` of a block, those from k0 on. */
static void pack_rows(const cpu_gemm *g, const gemv_plan *p, const float *b, int64_t k0, int64_t rows, int64_t block,
                      char *to)
{
    enum { TOGETHER = 32, WIDEST = GEMM_ROW_BLOCK * 16 };
    const int64_t j = block * p->width, have = g->n - j < p->width ? g->n - j : p->width;
    const float *from = b + k0 * g->b_row + j * g->b_col;
    if (p->dtype == TN_F32) {
        p->kern->pack_b(to, p->width, from, TN_F32, g->b_col, g->b_row, have, rows);
        return;
    }
    float wide[TOGETHER * WIDEST];
    for (int64_t i = 0; i < rows; i += TOGETHER) {
        const int64_t some = rows - i < TOGETHER ? rows - i : TOGETHER;
        p->kern->pack_b(wide, p->width, from + i * g->b_row, TN_F32, g->b_col, g->b_row, have, some);
        p->kern->finish(&(gemm_finish){.from = wide,
                                       .from_row = p->width,
                                       .m = some,
                                       .n = p->width,
                                       .c = to + i * p->width * p->size,
                                       .c_row = p->width,
                                       .c_col = 1,
                                       .c_dtype = p->dtype,
                                       .end = {.alpha = 1}});
    }
}

/* Whether no exponent has all its bits. */
static bool all_finite(const char *packed, int64_t bytes, tn_dtype dtype)
{
    enum { F32_EXPONENT = 0x7f800000, BF16_EXPONENT = 0x7f80 };
    bool wild = false;
    for (int64_t i = 0; i < bytes; i += 4) {
        uint32_t bits;
        memcpy(&bits, packed + i, sizeof bits);
        if (dtype == TN_F32)
            wild |= (bits & F32_EXPONENT) == F32_EXPONENT;
        else
            wild |= (bits & BF16_EXPONENT) == BF16_EXPONENT || (bits >> 16 & BF16_EXPONENT) == BF16_EXPONENT;
    }
    return !wild;
}

void cpu_gemv_pack(const cpu_gemm *g, const void *b, void *packed)
{
    const gemv_plan p = make_plan(g);
    for (int64_t part = 0; part < p.parts; part++)
        for (int64_t block = 0; block < p.blocks; block++)
            pack_rows(g, &p, b, part_at(g, &p, part), part_at(g, &p, part + 1) - part_at(g, &p, part), block,
                      (char *)packed + block_at(g, &p, part, block));
    const int64_t size = matrix_size(g, &p);
    *((char *)packed + size) = all_finite(packed, size, p.dtype);
}

size_t cpu_gemv_scratch(const cpu_gemm *g)
{
    const gemv_plan p = make_plan(g);
    return (size_t)(p.parts * p.blocks * p.width) * sizeof(float);
}

/* On the way back a chunk's end is not followed by the next one's beginning, which is asked for meanwhile. */
static void ask_for(const gemv_job *j, int64_t chunk)
{
    enum { LINE = 64, LINES = 48 };
    if (chunk < 0)
        return;
    const char *from = j->b + block_at(j->g, &j->plan, chunk / j->plan.blocks, chunk % j->plan.blocks);
    for (int64_t i = 0; i < LINES; i++)
        __builtin_prefetch(from + i * LINE, 0, 2);
}

/* Skips the zeros of a[k]; false, and nothing done, if they are too few for that. */
static bool by_places(const cpu_gemm *g, const gemv_plan *p, const float *a, int64_t k, const char *b, float *sums)
{
    enum { TOGETHER = 1024, VECTOR = 16 };
    const gemv_kernels *kern = CPU_OF_ISA(g->isa, &cpu_gemv);
    int32_t at[TOGETHER + VECTOR];
    for (int64_t i = 0; i < k; i += TOGETHER) {
        const int64_t n = k - i < TOGETHER ? k - i : TOGETHER, some = kern->places(a + i, n, at);
        if (i == 0 && 8 * some > 7 * n)
            return false;
        kern->rows(a + i, at, some, b + i * p->width * p->size, p->dtype == TN_BF16, i > 0, sums);
    }
    return true;
}

static void chunk_run(void *arg, int64_t chunk, int thread)
{
    (void)thread;
    const gemv_job *j = arg;
    const gemv_plan *p = &j->plan;
    if (j->g->backwards) {
        chunk = cpu_chunk_from_the_end(j->g->threads, p->parts * p->blocks, chunk);
        ask_for(j, chunk - 1);
    }
    const int64_t part = chunk / p->blocks, from = part_at(j->g, p, part), k = part_at(j->g, p, part + 1) - from;
    const float *a = j->a + from;
    const char *b = j->b + block_at(j->g, p, part, chunk % p->blocks);
    float *sums = j->sums + chunk * p->width;
    if (!j->finite || !by_places(j->g, p, a, k, b, sums))
        p->kern->row(p->width, k, a, b, p->dtype, p->width, sums);
}

void cpu_gemv_run(const cpu_gemm *g, const void *a, const void *packed, void *c, const void *bias, void *scratch)
{
    gemv_job j = {.g = g, .plan = make_plan(g), .a = a, .b = packed, .sums = scratch};
    const gemv_plan *p = &j.plan;
    j.finite = j.b[matrix_size(g, p)];
    const int64_t n = p->blocks * p->width;
    cpu_parallel(g->threads, p->parts * p->blocks, chunk_run, &j);
    for (int64_t part = 1; part < p->parts; part++)
        for (int64_t i = 0; i < n; i++)
            j.sums[i] += j.sums[part * n + i];
    gemm_finish f = {.from = j.sums, .from_row = n, .m = 1, .n = g->n, .c = c, .c_row = g->c_row, .c_col = g->c_col};
    f.c_dtype = g->c_dtype ? g->c_dtype : TN_F32;
    f.end = (gemm_end){.alpha = g->alpha.set ? g->alpha.value : 1,
                       .relu = g->act == CPU_ACT_RELU,
                       .bias_col = g->bias == CPU_BIAS_COLUMN ? bias : NULL};
    p->kern->finish(&f);
}
