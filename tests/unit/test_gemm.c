/* test_gemm.c: the matrix product against sums in double, over shapes, strides, dtypes, epilogues, batches, threads and
 * every instruction set of this machine. Operands end where an unreadable page begins. */
#include "base/philox.h"
#include "cpu/core/gemm.h"
#include "cpu/core/half.h"
#include "cpu/core/par.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- memory that ends at an unreadable page --------------------------------------------------------------------- */

typedef struct fenced {
    char *map, *at;
    size_t mapped, bytes;
} fenced;

static fenced fence(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + 2 * page - 1) / page * page;
    fenced f = {.mapped = body + page, .bytes = bytes};
    int zero = -1;
#ifdef MAP_ANONYMOUS
    f.map = mmap(NULL, f.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, zero, 0);
#else
    FILE *z = fopen("/dev/zero", "r+");
    assert_non_null(z);
    zero = fileno(z);
    f.map = mmap(NULL, f.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    fclose(z);
#endif
    assert_true(f.map != MAP_FAILED);
    assert_int_equal(mprotect(f.map + body, page, PROT_NONE), 0);
    f.at = f.map + body - bytes;
    memset(f.map, 0x5a, body);
    return f;
}

/* The bytes in front of the memory are as they were. */
static void check_front(const fenced *f)
{
    for (const char *p = f->at - 64; p < f->at; p++)
        if (p >= f->map)
            assert_int_equal(*p, 0x5a);
}

static void unfence(fenced *f)
{
    check_front(f);
    munmap(f->map, f->mapped);
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

static double get(const void *p, tn_dtype dtype, int64_t i)
{
    switch (dtype) {
    case TN_F64: return ((const double *)p)[i];
    case TN_F32: return (double)((const float *)p)[i];
    case TN_F16: return (double)cpu_f32_of_f16(((const uint16_t *)p)[i]);
    default: return (double)cpu_f32_of_bf16(((const uint16_t *)p)[i]);
    }
}

static void put(void *p, tn_dtype dtype, int64_t i, double x)
{
    switch (dtype) {
    case TN_F64: ((double *)p)[i] = x; break;
    case TN_F32: ((float *)p)[i] = (float)x; break;
    case TN_F16: ((uint16_t *)p)[i] = cpu_f16_of_f32((float)x); break;
    default: ((uint16_t *)p)[i] = cpu_bf16_of_f32((float)x);
    }
}

/* Unit of rounding. */
static double unit(tn_dtype dtype)
{
    return dtype == TN_F64 ? 0x1p-53 : dtype == TN_F32 ? 0x1p-24 : dtype == TN_F16 ? 0x1p-11 : 0x1p-8;
}

static fenced random_matrix(int64_t count, tn_dtype dtype, base_random *r)
{
    fenced f = fence((size_t)count * tn_dtype_size(dtype));
    for (int64_t i = 0; i < count; i++)
        put(f.at, dtype, i, 2 * base_random_f64(r) - 1);
    return f;
}

/* ---- one problem ------------------------------------------------------------------------------------------------- */

typedef struct problem {
    cpu_gemm g;
    fenced a, b, c, bias;
    int64_t a_count, b_count, c_count;
    const char *what;
} problem;

static int64_t reach(int64_t rows, int64_t row, int64_t cols, int64_t col, int64_t batch, int64_t step)
{
    return rows && cols ? (rows - 1) * row + (cols - 1) * col + (batch - 1) * step + 1 : 0;
}

static void fill_problem(problem *p, base_random *r)
{
    cpu_gemm *g = &p->g;
    if (!g->c_dtype)
        g->c_dtype = g->dtype;
    if (!g->bias_dtype)
        g->bias_dtype = g->c_dtype;
    int64_t batch = g->batch ? g->batch : 1;
    p->a_count = reach(g->m, g->a_row, g->k, g->a_col, batch, g->a_batch);
    p->b_count = reach(g->k, g->b_row, g->n, g->b_col, batch, g->b_batch);
    p->c_count = reach(g->m, g->c_row, g->n, g->c_col, batch, g->c_batch);
    p->a = random_matrix(p->a_count, g->dtype, r);
    p->b = random_matrix(p->b_count, g->dtype, r);
    p->c = random_matrix(p->c_count, g->c_dtype, r);
    for (int64_t i = 0; g->narrow && i < p->a_count;
         i++) /* rounded already: whether it is done again makes no difference */
        put(p->a.at, g->dtype, i, (double)cpu_f32_of_bf16(cpu_bf16_of_f32((float)get(p->a.at, g->dtype, i))));
    for (int64_t i = 0; g->narrow && i < p->b_count; i++)
        put(p->b.at, g->dtype, i, (double)cpu_f32_of_bf16(cpu_bf16_of_f32((float)get(p->b.at, g->dtype, i))));
    p->bias = random_matrix(g->bias == CPU_BIAS_ROW ? g->m : g->n, g->bias_dtype, r);
}

static void free_problem(problem *p)
{
    unfence(&p->a), unfence(&p->b), unfence(&p->c), unfence(&p->bias);
}

static void run(const problem *p, int threads, fenced *c, const void *b)
{
    cpu_gemm g = p->g;
    g.threads = threads;
    *c = fence(p->c.bytes);
    memcpy(c->at, p->c.at, p->c.bytes);
    size_t bytes = cpu_gemm_scratch(&g);
    fenced scratch = fence((bytes + 63) / 64 * 64);
    memset(scratch.at, 0xff, bytes); /* NaN: whatever is read before it is written shows */
    cpu_gemm_run(&g, p->a.at, b, c->at, p->bias.at, scratch.at);
    unfence(&scratch);
}

static double bias_at(const problem *p, int64_t i, int64_t j)
{
    return p->g.bias == CPU_BIAS_NONE ? 0 : get(p->bias.at, p->g.bias_dtype, p->g.bias == CPU_BIAS_ROW ? i : j);
}

static void describe(const problem *p, char *text, size_t size)
{
    const cpu_gemm *g = &p->g;
    snprintf(text, size, "%s %s->%s isa %s %lldx%lldx%lld a %lld,%lld b %lld,%lld c %lld,%lld batch %lld path %s",
             p->what, tn_dtype_name(g->dtype), tn_dtype_name(g->c_dtype), cpu_isa_name(g->isa), (long long)g->m,
             (long long)g->n, (long long)g->k, (long long)g->a_row, (long long)g->a_col, (long long)g->b_row,
             (long long)g->b_col, (long long)g->c_row, (long long)g->c_col, (long long)g->batch, cpu_gemm_path(g));
}

static void check_element(const problem *p, const char *c, int64_t batch, int64_t i, int64_t j)
{
    const cpu_gemm *g = &p->g;
    int64_t a0 = g->offsets ? g->offsets[3 * batch] : batch * g->a_batch;
    int64_t b0 = g->offsets ? g->offsets[3 * batch + 1] : batch * g->b_batch;
    int64_t c0 = (g->offsets ? g->offsets[3 * batch + 2] : batch * g->c_batch) + i * g->c_row + j * g->c_col;
    double sum = 0, size = 0;
    for (int64_t k = 0; k < g->k; k++) {
        double term = get(p->a.at, g->dtype, a0 + i * g->a_row + k * g->a_col) *
                      get(p->b.at, g->dtype, b0 + k * g->b_row + j * g->b_col);
        sum += term, size += fabs(term);
    }
    double alpha = g->alpha.set ? g->alpha.value : 1, old = g->accumulate ? get(p->c.at, g->c_dtype, c0) : 0;
    double want = alpha * sum + old + bias_at(p, i, j);
    size = fabs(alpha) * size + fabs(old) + fabs(bias_at(p, i, j));
    if (g->act == CPU_ACT_RELU && want < 0)
        want = 0;
    double got = get(c, g->c_dtype, c0), inner = g->dtype == TN_F64 ? 0x1p-53 : 0x1p-24;
    double bound = size * inner * (8 + (double)g->k) +
                   (g->c_dtype == TN_F32 || g->c_dtype == TN_F64 ? 0 : fabs(want) * unit(g->c_dtype)) + 1e-37;
    if (isnan(want) ? !isnan(got) : isinf(want) ? got != want : !(fabs(got - want) <= bound)) {
        char text[400];
        describe(p, text, sizeof text);
        fail_msg("%s: C[%lld][%lld,%lld] is %.9g, must be %.9g +- %.3g", text, (long long)batch, (long long)i,
                 (long long)j, got, want, bound);
    }
}

/* All elements where they are few, else a sample of them. */
static void check_values(const problem *p, const char *c, base_random *r)
{
    const cpu_gemm *g = &p->g;
    for (int64_t batch = 0; batch < (g->batch ? g->batch : 1); batch++) {
        if (g->m * g->n * (g->k + 1) <= 60000) {
            for (int64_t i = 0; i < g->m; i++)
                for (int64_t j = 0; j < g->n; j++)
                    check_element(p, c, batch, i, j);
            continue;
        }
        for (int s = 0; s < 200 && g->m && g->n; s++)
            check_element(p, c, batch, (int64_t)base_random_below(r, (uint64_t)g->m),
                          (int64_t)base_random_below(r, (uint64_t)g->n));
        check_element(p, c, batch, g->m - 1, g->n - 1);
    }
}

/* Elements between those of C keep their bytes: all of C's are marked, and the others compared. */
static void check_gaps(const problem *p, const char *c)
{
    const cpu_gemm *g = &p->g;
    size_t size = tn_dtype_size(g->c_dtype);
    char *mine = calloc((size_t)p->c_count + 1, 1);
    assert_non_null(mine);
    for (int64_t batch = 0; batch < (g->batch ? g->batch : 1); batch++)
        for (int64_t i = 0; i < g->m; i++)
            for (int64_t j = 0; j < g->n; j++)
                mine[(g->offsets ? g->offsets[3 * batch + 2] : batch * g->c_batch) + i * g->c_row + j * g->c_col] = 1;
    for (int64_t at = 0; at < p->c_count; at++)
        if (!mine[at] && memcmp(c + (size_t)at * size, p->c.at + (size_t)at * size, size) != 0)
            fail_msg("%s: element %lld between the rows of C was written", p->what, (long long)at);
    free(mine);
}

static void check_threads(const problem *p, const fenced *c, const void *b, int threads)
{
    fenced other;
    run(p, threads, &other, b);
    if (memcmp(other.at, c->at, c->bytes) != 0) {
        char text[400];
        describe(p, text, sizeof text);
        fail_msg("%s: other bits on %d threads", text, threads);
    }
    unfence(&other);
}

static void check(problem *p, base_random *r, bool all_threads)
{
    fill_problem(p, r);
    fenced c;
    run(p, 1, &c, p->b.at);
    check_values(p, c.at, r);
    check_gaps(p, c.at);
    static const int threads[] = {2, 3, 7};
    for (int i = 0; i < (all_threads ? 3 : 1); i++)
        check_threads(p, &c, p->b.at, threads[i]);
    unfence(&c);
    free_problem(p);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

/* Strides of a matrix of rows x cols: along rows, along columns, or neither, with or without gaps. */
static void strides(int form, int64_t rows, int64_t cols, int64_t *row, int64_t *col)
{
    int64_t gap = form / 3 * 5;
    switch (form % 3) {
    case 0: *col = 1, *row = cols + gap; break;
    case 1: *row = 1, *col = rows + gap; break;
    default: *col = 2, *row = 2 * cols + gap;
    }
}

static problem shaped(cpu_isa isa, tn_dtype dtype, int64_t m, int64_t n, int64_t k, int a, int b, int c)
{
    problem p = {.g = {.isa = isa, .dtype = dtype, .m = m, .n = n, .k = k}, .what = "shape"};
    strides(a, m, k, &p.g.a_row, &p.g.a_col);
    strides(b, k, n, &p.g.b_row, &p.g.b_col);
    strides(c, m, n, &p.g.c_row, &p.g.c_col);
    return p;
}

static const tn_dtype dtypes[] = {TN_F32, TN_F64, TN_BF16, TN_F16};

static void test_random_shapes(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 1, 2, 3, 5, 7, 8, 13, 14, 15, 16, 17, 31, 32, 33, 47, 64, 65, 100, 129};
    base_random r = base_random_new(7, 1);
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (int i = 0; i < 250; i++) {
            uint32_t x = base_random_u32(&r), y = base_random_u32(&r);
            problem p = shaped(isa, dtypes[x % 4], sizes[x / 4 % SIZES], sizes[x / 100 % SIZES],
                               sizes[x / 3000 % SIZES], (int)(y % 6), (int)(y / 6 % 6), (int)(y / 36 % 6));
            p.g.bias = (cpu_gemm_bias)(y / 1000 % 3);
            p.g.act = (cpu_gemm_act)(y / 3000 % 2);
            p.g.backwards = y / 96000 % 2;
            p.g.accumulate = y / 6000 % 2;
            p.g.narrow = p.g.dtype == TN_F32 && y / 48000 % 2;
            if (y / 12000 % 2)
                p.g.alpha = tn_f64(-0.75);
            if (p.g.dtype != TN_F64 && y / 24000 % 2)
                p.g.c_dtype = p.g.bias_dtype = TN_F32;
            check(&p, &r, i % 16 == 0);
        }
}

/* Sizes around the edges of the blocks that gemm.c cuts, and the shapes that nets are made of. */
static void test_large_shapes(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{64, 128, 784}, {128, 784, 64}, {1, 128, 784},   {1, 1000, 33},
                                        {1, 10, 128},   {257, 65, 130}, {30, 600, 385},  {170, 40, 770},
                                        {16, 16, 5000}, {3, 20, 3100},  {500, 1, 90},    {700, 4, 64},
                                        {9, 300, 200},  {400, 330, 20}, {100, 130, 784}, {260, 300, 129}};
    base_random r = base_random_new(7, 2);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int form = 0; form < 4; form++) {
                problem p = shaped(isa, dtypes[(i + (size_t)form) % 4], shapes[i][0], shapes[i][1], shapes[i][2],
                                   form % 2, form / 2, 0);
                p.g.bias = CPU_BIAS_COLUMN;
                p.g.accumulate = form == 1;
                check(&p, &r, true);
                p = shaped(isa, TN_F32, shapes[i][0], shapes[i][1], shapes[i][2], form % 2, form / 2, form == 3);
                p.g.act = CPU_ACT_RELU;
                p.what = "large f32";
                check(&p, &r, true);
                p.g.narrow = true;
                p.what = "large f32, narrow";
                check(&p, &r, true);
            }
}

static void test_batches(void **state)
{
    (void)state;
    base_random r = base_random_new(7, 3);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (int i = 0; i < 24; i++) {
            int64_t m = i % 3 == 0 ? 1 : 5 + i, n = i % 5 == 0 ? 1 : 40 - i, k = 17 + 10 * i;
            problem p = shaped(isa, dtypes[i % 4], m, n, k, i % 2, i / 2 % 2, i / 4 % 2);
            p.what = "batch";
            p.g.batch = 3 + i % 2;
            p.g.a_batch = i % 7 == 0 ? 0 : m * k;
            p.g.b_batch = i % 6 == 0 ? 0 : n * k + 3;
            p.g.c_batch = m * n;
            p.g.bias = CPU_BIAS_ROW;
            check(&p, &r, true);
            int64_t offsets[12] = {0, 0,           p.g.c_batch,     p.g.a_batch, 0, 0,
                                   0, p.g.b_batch, 2 * p.g.c_batch, 0,           0, 3 * p.g.c_batch};
            p.g.offsets = offsets;
            check(&p, &r, false);
        }
}

/* One packed B serves products of any height, with the same sums as B itself up to rounding. */
static void test_packed(void **state)
{
    (void)state;
    base_random r = base_random_new(7, 4);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (int i = 0; i < 32; i++) {
            problem p = shaped(isa, dtypes[i % 4], i % 5 == 0 ? 1 : 7 * i, 33 + i, 20 * i + 1, 0, i / 4 % 3, 0);
            p.what = "packed";
            p.g.bias = CPU_BIAS_COLUMN;
            p.g.narrow = p.g.dtype == TN_F32 && i / 4 % 2;
            fill_problem(&p, &r);
            fenced packed = fence(cpu_gemm_packed_size(&p.g)), c;
            cpu_gemm_pack_b(&p.g, p.b.at, packed.at);
            p.g.b_packed = true;
            run(&p, 1, &c, packed.at);
            check_values(&p, c.at, &r);
            check_threads(&p, &c, packed.at, 3);
            unfence(&c), unfence(&packed);
            free_problem(&p);
        }
}

/* The numbers of a matrix, which are rounded to bf16 already, as bf16. */
static fenced as_bf16(const fenced *f)
{
    const int64_t n = (int64_t)(f->bytes / sizeof(float));
    fenced half = fence((size_t)n * sizeof(uint16_t));
    for (int64_t i = 0; i < n; i++)
        ((uint16_t *)(void *)half.at)[i] = cpu_bf16_of_f32(((const float *)(const void *)f->at)[i]);
    return half;
}

/* Operands that lie as bf16 give the same bits as f32 that is rounded to it, and C as bf16 is C rounded. */
static void check_half(problem *p, base_random *r)
{
    p->g.narrow = true;
    p->g.bias = CPU_BIAS_COLUMN;
    p->g.bias_dtype = TN_F32;
    if (!cpu_gemm_takes_half(&p->g))
        return;
    fill_problem(p, r);
    fenced want, got, a = as_bf16(&p->a), b = as_bf16(&p->b);
    run(p, 2, &want, p->b.at);
    const fenced rounded = as_bf16(&want), full = p->a;
    for (int way = 1; way < 8; way++) {
        p->g.half_a = way & 1, p->g.half_b = way & 2, p->g.c_dtype = way & 4 ? TN_BF16 : TN_F32;
        p->a = p->g.half_a ? a : full;
        run(p, 1 + way % 3, &got, p->g.half_b ? b.at : p->b.at);
        const fenced *c = way & 4 ? &rounded : &want;
        if (memcmp(got.at, c->at, c->bytes) != 0)
            fail_msg("other bits with halves %d", way);
        unfence(&got);
    }
    p->a = full;
    fenced parts[] = {want, a, b, rounded};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        unfence(&parts[i]);
    free_problem(p);
}

static void test_halves(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{70, 40, 65},   {5, 33, 31},    {400, 330, 300}, {33, 700, 1200},
                                        {300, 64, 700}, {16, 16, 5000}, {1600, 96, 64}};
    base_random r = base_random_new(7, 9);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int form = 0; form < 4; form++) {
                problem p =
                    shaped(isa, TN_F32, shapes[i][0], shapes[i][1], shapes[i][2], form % 2, form / 2, form == 3);
                check_half(&p, &r);
            }
}

/* A NaN and an infinity reach the elements whose sums they are in, and no other. */
static void test_nan(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{1, 40, 50},    {5, 40, 50},    {40, 70, 90},  {70, 5, 33},
                                        {16, 16, 3000}, {100, 90, 130}, {70, 300, 200}};
    base_random r = base_random_new(7, 5);
    for (cpu_isa isa = 0; isa <= cpu_isa_most(); isa++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int form = 0; form < 16; form++) {
                problem p =
                    shaped(isa, dtypes[form / 4], shapes[i][0], shapes[i][1], shapes[i][2], form % 2, form / 2 % 2, 0);
                p.what = "nan";
                p.g.act = form % 2 ? CPU_ACT_RELU : CPU_ACT_NONE;
                fill_problem(&p, &r);
                put(p.a.at, p.g.dtype, (p.g.m - 1) * p.g.a_row + (p.g.k - 1) * p.g.a_col, (double)NAN);
                put(p.b.at, p.g.dtype, 3 * p.g.b_row + 4 * p.g.b_col, (double)INFINITY);
                fenced c;
                run(&p, 2, &c, p.b.at);
                for (int64_t m = 0; m < p.g.m; m++)
                    for (int64_t n = 0; n < p.g.n; n++) {
                        double got = get(c.at, p.g.c_dtype, m * p.g.c_row + n * p.g.c_col);
                        if ((m == p.g.m - 1) != isnan(got))
                            fail_msg("%s %lldx%lldx%lld form %d isa %s: C[%lld,%lld] is %g", tn_dtype_name(p.g.dtype),
                                     (long long)p.g.m, (long long)p.g.n, (long long)p.g.k, form, cpu_isa_name(isa),
                                     (long long)m, (long long)n, got);
                        if (m < p.g.m - 1 && n != 4)
                            assert_true(isfinite(got));
                        if (m < p.g.m - 1 && n == 4 && !p.g.act)
                            assert_true(isinf(got));
                    }
                unfence(&c);
                free_problem(&p);
            }
}

/* Sums of three bf16 are as exact as f32: the error does not grow with k as that of a multiply-add for each would. What lies at the
 * ends of f32's range comes out as in plain sums. */
static void test_split(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{90, 85, 64}, {128, 512, 784}, {96, 100, 4000}, {300, 75, 1000}};
    base_random r = base_random_new(7, 6);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int form = 0; form < 9; form++) {
            problem p = shaped(cpu_isa_most(), TN_F32, shapes[i][0], shapes[i][1], shapes[i][2], form % 3, form / 3, 0);
            p.what = "split";
            fill_problem(&p, &r);
            put(p.a.at, TN_F32, 0, 0x1.fffffep127), put(p.a.at, TN_F32, p.g.a_col, 0x1p-140);
            put(p.b.at, TN_F32, 0, 0.25), put(p.b.at, TN_F32, p.g.b_row, 0x1p-20);
            const bool amx = cpu_isa_most() >= CPU_AMX_PAIRS;
            assert_string_equal(cpu_gemm_path(&p.g), amx ? "amx f32" : "tile");
            fenced c;
            run(&p, 1, &c, p.b.at);
            double worst = 0;
            for (int64_t m = 0; m < p.g.m; m += 1 + m % 3)
                for (int64_t n = 0; n < p.g.n; n += 1 + n % 3) {
                    double sum = 0, size = 0;
                    for (int64_t k = 0; k < p.g.k; k++) {
                        double term = get(p.a.at, TN_F32, m * p.g.a_row + k * p.g.a_col) *
                                      get(p.b.at, TN_F32, k * p.g.b_row + n * p.g.b_col);
                        sum += term, size += fabs(term);
                    }
                    double error = fabs(get(c.at, TN_F32, m * p.g.c_row + n * p.g.c_col) - sum) / size;
                    worst = error > worst ? error : worst;
                }
            if (!(worst <= (amx ? 0x1p-22 : 0x1p-20)))
                fail_msg("%lldx%lldx%lld form %d: off by %.3g of the sum of magnitudes", (long long)p.g.m,
                         (long long)p.g.n, (long long)p.g.k, form, worst);
            unfence(&c);
            free_problem(&p);
        }
}

static void test_nothing(void **state)
{
    (void)state;
    cpu_gemm g = {.isa = cpu_isa_most(), .dtype = TN_F32, .m = 0, .n = 5, .k = 3, .c_col = 1};
    assert_int_equal(cpu_gemm_scratch(&g), 0);
    cpu_gemm_run(&g, NULL, NULL, NULL, NULL, NULL);
    g.m = 5, g.n = 0;
    cpu_gemm_run(&g, NULL, NULL, NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes), cmocka_unit_test(test_large_shapes), cmocka_unit_test(test_batches),
        cmocka_unit_test(test_packed),        cmocka_unit_test(test_halves),       cmocka_unit_test(test_nan),
        cmocka_unit_test(test_split),         cmocka_unit_test(test_nothing),
    };
    cpu_team *team = cpu_team_new(7);
    (void)cpu_team_enter(team);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cpu_team_free(team);
    return failed;
}
