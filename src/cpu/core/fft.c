/* fft.c: plans of Fourier transforms (fft.h): the way, the radices and the tables, which are computed in double. */
#include "cpu/core/fft.h"
#include "op/scheme/fft.h"

extern const cpu_fft_fns cpu_fft_fns_portable[2], cpu_fft_fns_avx2[2], cpu_fft_fns_avx512[2];

const cpu_fft_fns *cpu_fft_fns_of(cpu_isa isa, bool f64)
{
    return CPU_OF_ISA(isa, cpu_fft_fns) + f64;
}

/* A table of f32 or f64. */
typedef struct table {
    bool f64;
    void *at;
} table;

static bool table_open(table *t, bool f64, int64_t count, base_arena *arena)
{
    *t = (table){f64, base_arena_array(arena, (size_t)count, f64 ? sizeof(double) : sizeof(float))};
    return t->at;
}

static void table_set(table *t, int64_t i, double v)
{
    if (t->f64)
        ((double *)t->at)[i] = v;
    else
        ((float *)t->at)[i] = (float)v;
}

/* ---- radices ------------------------------------------------------------------------------------------------------ */

/* A radix that divides n, those with code of their own first; n itself when it is a prime. */
static int64_t radix_of(int64_t n)
{
    static const int known[] = {8, 4, 2, 5, 3};
    for (int i = 0; i < 5; i++)
        if (n % known[i] == 0 && !(known[i] == 8 && n == 16))
            return known[i];
    for (int64_t r = 7; r * r <= n; r += 2)
        if (n % r == 0)
            return r;
    return n;
}

static bool is_smooth(int64_t n)
{
    for (int64_t r; n > 1; n /= r)
        if ((r = radix_of(n)) > CPU_FFT_LARGEST)
            return false;
    return true;
}

static bool plan_stage(cpu_fft_stage *st, int64_t n, bool f64, base_arena *arena)
{
    double w[2];
    table t;
    if (st->m > 1) {
        if (!table_open(&t, f64, 2 * st->m * (st->radix - 1), arena))
            return false;
        for (int64_t i = 0; i < st->m * (st->radix - 1); i++) {
            op_fft_turn(-(i / (st->radix - 1) * (i % (st->radix - 1) + 1)), n, w);
            table_set(&t, 2 * i, w[0]);
            table_set(&t, 2 * i + 1, w[1]);
        }
        st->turn = t.at;
    }
    if (st->radix > 5 && st->radix != 8) {
        if (!table_open(&t, f64, 2 * st->radix, arena))
            return false;
        for (int64_t i = 0; i < st->radix; i++) {
            op_fft_turn(-i, st->radix, w);
            table_set(&t, 2 * i, w[0]);
            table_set(&t, 2 * i + 1, w[1]);
        }
        st->roots = t.at;
    }
    return true;
}

static bool plan_line(cpu_fft_line *line, int64_t n, bool f64, base_arena *arena)
{
    int64_t s = 1;
    for (line->stages = 0; n > 1; line->stages++) {
        cpu_fft_stage *st = &line->stage[line->stages];
        *st = (cpu_fft_stage){.radix = radix_of(n), .s = s};
        st->m = n / st->radix;
        if (!plan_stage(st, n, f64, arena))
            return false;
        s *= st->radix;
        n = st->m;
    }
    return true;
}

/* ---- ways --------------------------------------------------------------------------------------------------------- */

static bool plan_within(cpu_fft *f, int64_t n, int64_t lanes, bool f64, base_arena *arena)
{
    table t;
    *f = (cpu_fft){.n = n, .way = CPU_FFT_WITHIN};
    if (!plan_line(&f->line, n / lanes, f64, arena) || !table_open(&t, f64, 2 * n, arena))
        return false;
    for (int64_t k = 0; k < n / lanes; k++)
        for (int64_t l = 0; l < lanes; l++) {
            double w[2];
            op_fft_turn(-(k * l), n, w);
            table_set(&t, 2 * k * lanes + l, w[0]);
            table_set(&t, (2 * k + 1) * lanes + l, w[1]);
        }
    f->turn = t.at;
    return true;
}

/* The transform of n numbers, a power of two, in double and in place. */
static void plain_fft(double *re, double *im, int64_t n)
{
    for (int64_t i = 1, j = 0; i < n; i++) {
        int64_t bit = n / 2;
        for (; j & bit; bit /= 2)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            double a = re[i], b = im[i];
            re[i] = re[j], im[i] = im[j];
            re[j] = a, im[j] = b;
        }
    }
    for (int64_t half = 1; half < n; half *= 2)
        for (int64_t k = 0; k < half; k++) {
            double w[2];
            op_fft_turn(-k, 2 * half, w);
            for (int64_t i = k; i < n; i += 2 * half) {
                double a = re[i + half] * w[0] - im[i + half] * w[1], b = re[i + half] * w[1] + im[i + half] * w[0];
                re[i + half] = re[i] - a, im[i + half] = im[i] - b;
                re[i] += a, im[i] += b;
            }
        }
}

/* exp(-pi i j^2 / n), and the transform of its conjugate as a circle of the longer length. */
static bool plan_chirp(cpu_fft *f, int64_t n, int64_t lanes, bool f64, base_arena *arena)
{
    int64_t more = lanes * lanes;
    while (more < 2 * n - 1)
        more *= 2;
    *f = (cpu_fft){.n = n, .way = CPU_FFT_CHIRP, .longer = BASE_NEW(arena, cpu_fft)};
    table chirp, spectrum;
    double *re = BASE_ARRAY(arena, double, more), *im = BASE_ARRAY(arena, double, more), w[2];
    if (!f->longer || !re || !im || !plan_within(f->longer, more, lanes, f64, arena) ||
        !table_open(&chirp, f64, 2 * n, arena) || !table_open(&spectrum, f64, 2 * more, arena))
        return false;
    for (int64_t j = 0; j < n; j++) {
        op_fft_turn(-(j * j % (2 * n)), 2 * n, w);
        table_set(&chirp, j, w[0]);
        table_set(&chirp, n + j, w[1]);
        re[j] = re[(more - j) % more] = w[0];
        im[j] = im[(more - j) % more] = -w[1];
    }
    plain_fft(re, im, more);
    for (int64_t j = 0; j < more; j++) {
        table_set(&spectrum, j, re[j] / (double)more);
        table_set(&spectrum, more + j, im[j] / (double)more);
    }
    f->chirp = chirp.at;
    f->spectrum = spectrum.at;
    return true;
}

/* Columns lie as lanes want them. */
static bool plan_core(cpu_fft *f, int64_t n, bool columns, int64_t lanes, bool f64, base_arena *arena)
{
    const bool smooth = is_smooth(n), row = !columns || n > CPU_FFT_LONG;
    if (smooth && row && n % lanes == 0 && n >= lanes * lanes)
        return plan_within(f, n, lanes, f64, arena);
    if (!smooth || n > CPU_FFT_LONG)
        return plan_chirp(f, n, lanes, f64, arena);
    *f = (cpu_fft){.n = n, .way = CPU_FFT_LANES};
    return plan_line(&f->line, n, f64, arena);
}

bool cpu_fft_prepare(cpu_fft_plan *p, cpu_isa isa, bool f64, base_arena *arena)
{
    const int64_t lanes = cpu_fft_fns_of(isa, f64)->lanes;
    const bool halved = p->kind != CPU_FFT_COMPLEX && p->n % 2 == 0;
    if (!plan_core(&p->core, halved ? p->n / 2 : p->n, p->inner > 1, lanes, f64, arena))
        return false;
    if (halved) {
        table t;
        const int64_t count = p->n / 4 + 1;
        if (!table_open(&t, f64, 2 * count, arena))
            return false;
        for (int64_t k = 0; k < count; k++) {
            double w[2];
            op_fft_turn(-k, p->n, w);
            table_set(&t, k, w[0]);
            table_set(&t, count + k, w[1]);
        }
        p->turn = t.at;
    }
    const int64_t size = p->core.way == CPU_FFT_CHIRP ? p->core.longer->n : p->core.n;
    p->units = p->inner == 1 ? p->outer : p->outer * ((p->inner + lanes - 1) / lanes);
    if (p->core.way == CPU_FFT_LANES) {
        p->units = p->inner == 1 ? (p->outer + lanes - 1) / lanes : p->units;
        p->scratch = 4 * (size + 1) * lanes;
    } else {
        p->array = (size + 64) / 64 * 64 + 16; /* no power of two apart */
        p->scratch = 4 * p->array + (p->inner == 1 ? 0 : 4 * lanes * (p->n + 2));
    }
    return true;
}
