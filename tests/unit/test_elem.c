/* The tile engine: loops over any strides, broadcasts, transposes, in place, conversions at loads and stores, chains,
 * threads, faults, random numbers. What each operator computes is in test_elem_math.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/philox.h"
#include "cpu/core/elem.h"
#include "cpu/core/half.h"

enum { MOST_ISAS = 3 };

static int isa_count(void)
{
    return cpu_isa_best() >= CPU_AVX512 ? 3 : cpu_isa_best() >= CPU_AVX2 ? 2 : 1;
}

static uint64_t state = 88172645463325252u;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}
static int below(int n)
{
    return (int)(next() % (uint64_t)n);
}

/* Plans and runs once; the description must be right. */
static void run(const cpu_elem_desc *d, cpu_isa isa, int threads, const void *const in[], void *const out[],
                const cpu_elem_env *env)
{
    base_arena arena = {0};
    base_error error = {0};
    cpu_elem *e = cpu_elem_new(&arena, d, isa, threads, &error);
    if (!e)
        fail_msg("%s", error.text);
    unsigned char *scratch = malloc(cpu_elem_scratch(e) + 1);
    assert_non_null(scratch);
    cpu_elem_run(e, in, out, scratch + 1, env); /* + 1: any alignment */
    free(scratch);
    base_arena_free(&arena);
}

static cpu_elem_instr instr(const char *name, cpu_domain domain, int a, int b, int c)
{
    cpu_elem_instr in = {.fn = cpu_elem_find(name), .domain = domain, .src = {a, b, c}};
    assert_non_null(in.fn);
    return in;
}

/* ---- loops ----------------------------------------------------------------------------------------------------- */

/* A tensor with guards: a buffer, where its first element is, and its strides. */
typedef struct place {
    int32_t *memory;
    int64_t first, count, strides[TN_MAX_RANK];
} place;

enum { GUARD = -7777777 };

/* Random strides: dims in random order, with gaps, backwards, or broadcast if allowed. */
static place place_new(int rank, const int64_t *dims, bool broadcast)
{
    place p = {.first = 8, .count = 1};
    int order[TN_MAX_RANK];
    bool shuffle = below(3) == 0;
    for (int i = 0; i < rank; i++)
        order[i] = i;
    for (int i = rank - 1; shuffle && i > 0; i--) {
        int j = below(i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        int d = order[i];
        bool back = below(8) == 0;
        if (broadcast && below(4) == 0)
            continue;
        if (below(10) == 0)
            stride += 1 + below(3);
        p.strides[d] = back ? -stride : stride;
        if (back && dims[d] > 0)
            p.first += (dims[d] - 1) * stride;
        stride *= dims[d] > 0 ? dims[d] : 1;
    }
    p.count = stride + 16;
    p.memory = malloc((size_t)p.count * sizeof *p.memory);
    assert_non_null(p.memory);
    for (int64_t i = 0; i < p.count; i++)
        p.memory[i] = GUARD;
    return p;
}

static int64_t at(const place *p, int rank, const int64_t *coordinates)
{
    int64_t offset = p->first;
    for (int i = 0; i < rank; i++)
        offset += coordinates[i] * p->strides[i];
    return offset;
}

static bool step(int rank, const int64_t *dims, int64_t *c)
{
    for (int i = rank - 1; i >= 0; i--) {
        if (++c[i] < dims[i])
            return true;
        c[i] = 0;
    }
    return false;
}

static int64_t pick_dim(int rank)
{
    static const int sizes[] = {1, 1, 2, 3, 5, 7, 10, 17, 33, 64, 130, 1500};
    int64_t d = sizes[below(rank <= 2 ? 12 : rank == 3 ? 8 : 5)];
    return below(60) == 0 ? 0 : d;
}

static void operand(cpu_elem_operand *o, const place *p, tn_dtype dtype)
{
    *o = (cpu_elem_operand){dtype, cpu_domain_of(dtype), {0}};
    memcpy(o->strides, p->strides, sizeof p->strides);
}

/* out0 = a + b * c (32-bit integers, exact in every way of computing), out1 = a - b, the second in place of a if its
 * strides allow. */
static void one_loop(tn_dtype dtype, bool in_place)
{
    int rank = below(TN_MAX_RANK + 1);
    int64_t dims[TN_MAX_RANK] = {0}, total = 1;
    for (int i = 0; i < rank; i++)
        total *= dims[i] = pick_dim(rank);
    place in[3], out[2];
    cpu_elem_operand in_op[3], out_op[2];
    for (int i = 0; i < 3; i++)
        in[i] = place_new(rank, dims, !(in_place && i == 0));
    for (int i = 0; i < 2; i++)
        out[i] = place_new(rank, dims, false);
    const place source = in_place ? place_new(rank, dims, false) : in[0]; /* keeps a */
    int64_t c[TN_MAX_RANK] = {0};
    for (int i = 0; i < 3; i++)
        for (int64_t k = 0; k < in[i].count; k++)
            in[i].memory[k] = dtype == TN_F32 ? (int32_t)cpu_bits_of_f32((float)below(100)) : below(100);
    int32_t *before = malloc((size_t)in[0].count * sizeof *before);
    assert_non_null(before);
    memcpy(before, in[0].memory, (size_t)in[0].count * sizeof *before);
    if (in_place) {
        free(out[1].memory);
        out[1] = in[0];
    }
    for (int i = 0; i < 3; i++)
        operand(&in_op[i], &in[i], dtype);
    for (int i = 0; i < 2; i++)
        operand(&out_op[i], &out[i], dtype);
    cpu_domain domain = cpu_domain_of(dtype);
    cpu_elem_instr code[3] = {instr("sub", domain, 0, 1, 0), instr("mul", domain, 1, 2, 0),
                              instr("add", domain, 0, 4, 0)};
    const int regs[2] = {5, 3};
    cpu_elem_desc d = {
        .rank = rank, .n_in = 3, .in = in_op, .n_out = 2, .out = out_op, .out_reg = regs, .n_instr = 3, .instr = code};
    memcpy(d.dims, dims, sizeof dims);
    const void *ins[3] = {in[0].memory + in[0].first, in[1].memory + in[1].first, in[2].memory + in[2].first};
    void *outs[2] = {out[0].memory + out[0].first, out[1].memory + out[1].first};
    run(&d, (cpu_isa)below(isa_count()), 1 + below(3), ins, outs, NULL);
    int64_t written = 0;
    if (total > 0)
        do {
            int32_t a = before[at(&in[0], rank, c)], b = in[1].memory[at(&in[1], rank, c)],
                    m = in[2].memory[at(&in[2], rank, c)], want0, want1;
            if (dtype == TN_F32) {
                float fa = cpu_f32_of_bits((uint32_t)a), fb = cpu_f32_of_bits((uint32_t)b);
                want0 = (int32_t)cpu_bits_of_f32(fa + fb * cpu_f32_of_bits((uint32_t)m));
                want1 = (int32_t)cpu_bits_of_f32(fa - fb);
            } else {
                want0 = a + b * m;
                want1 = a - b;
            }
            assert_int_equal(out[0].memory[at(&out[0], rank, c)], want0);
            assert_int_equal(out[1].memory[at(&out[1], rank, c)], want1);
            written++;
        } while (step(rank, dims, c));
    int64_t guards = 0;
    for (int64_t k = 0; k < out[0].count; k++)
        guards += out[0].memory[k] == GUARD;
    assert_int_equal(guards, out[0].count - written); /* nothing else was written */
    free(before);
    if (in_place)
        free(source.memory);
    else
        free(out[1].memory);
    free(out[0].memory);
    for (int i = 0; i < 3; i++)
        free(in[i].memory);
}

static void any_strides(void **unused)
{
    (void)unused;
    for (int i = 0; i < 600; i++)
        one_loop(i % 2 ? TN_F32 : TN_I32, i % 4 >= 2);
}

/* ---- conversions ----------------------------------------------------------------------------------------------- */

static void convert(tn_dtype from, tn_dtype to, cpu_domain domain, const void *in, void *out, int64_t n, cpu_isa isa)
{
    cpu_elem_operand a = {from, domain, {1}}, b = {to, domain, {1}};
    const int reg = 0;
    cpu_elem_desc d = {.rank = 1, .dims = {n}, .n_in = 1, .in = &a, .n_out = 1, .out = &b, .out_reg = &reg};
    run(&d, isa, 1, &in, &out, NULL);
}

/* Numerically, with a NaN equal to any NaN. */
static bool same(float a, float b)
{
    return a == b ? signbit(a) == signbit(b) : a != a && b != b;
}

static void halves(void **unused)
{
    (void)unused;
    enum { ALL = 65536 };
    uint16_t *h = malloc(ALL * 2), *back = malloc(ALL * 2);
    float *f = malloc(ALL * 4);
    double *g = malloc(ALL * 8);
    assert_true(h && back && f && g);
    for (int i = 0; i < ALL; i++)
        h[i] = (uint16_t)i;
    for (int isa = 0; isa < isa_count(); isa++)
        for (int which = 0; which < 2; which++) {
            tn_dtype t = which ? TN_BF16 : TN_F16;
            convert(t, TN_F32, CPU_F32, h, f, ALL, (cpu_isa)isa);
            for (int i = 0; i < ALL; i++) {
                float want = which ? cpu_f32_of_bf16(h[i]) : cpu_f32_of_f16(h[i]);
                if (!same(f[i], want))
                    fail_msg("%s %04x gives %g, not %g", cpu_isa_name((cpu_isa)isa), i, (double)f[i], (double)want);
            }
            convert(TN_F32, t, CPU_F32, f, back, ALL, (cpu_isa)isa);
            convert(t, TN_F64, CPU_F64, h, g, ALL, (cpu_isa)isa);
            for (int i = 0; i < ALL; i++) {
                if (f[i] == f[i])
                    assert_int_equal(back[i], i);
                if (!(fabsf(f[i]) < 0x1p-126f)) /* subnormal bf16 may be flushed */
                    assert_true(same((float)g[i], f[i]));
            }
            convert(TN_F64, t, CPU_F64, g, back, ALL, (cpu_isa)isa);
            for (int i = 0; i < ALL; i++)
                if (f[i] == f[i] && fabsf(f[i]) >= 0x1p-126f)
                    assert_int_equal(back[i], i);
        }
    free(h);
    free(back);
    free(f);
    free(g);
}

/* Between neighbours h and h + 1 a number goes to the nearer, the middle to the even one; from f64 with one rounding. */
static void halves_round_to_nearest_even(void **unused)
{
    (void)unused;
    enum { N = 31743 }; /* positive finite f16 without the largest */
    double *x = malloc(3 * N * 8);
    float *y = malloc(3 * N * 4);
    uint16_t *h = malloc(3 * N * 2);
    assert_true(x && y && h);
    for (int i = 0; i < N; i++) {
        double a = (double)cpu_f32_of_f16((uint16_t)i), b = (double)cpu_f32_of_f16((uint16_t)(i + 1)), m = (a + b) / 2;
        x[3 * i] = m * (1 - 0x1p-45);
        x[3 * i + 1] = m;
        x[3 * i + 2] = m * (1 + 0x1p-45);
        y[3 * i] = (float)(m * (1 - 0x1p-22));
        y[3 * i + 1] = (float)m;
        y[3 * i + 2] = (float)(m * (1 + 0x1p-22));
    }
    for (int isa = 0; isa < isa_count(); isa++)
        for (int wide = 0; wide < 2; wide++) {
            if (wide)
                convert(TN_F64, TN_F16, CPU_F64, x, h, 3 * N, (cpu_isa)isa);
            else
                convert(TN_F32, TN_F16, CPU_F32, y, h, 3 * N, (cpu_isa)isa);
            for (int i = 0; i < N; i++) {
                assert_int_equal(h[3 * i], i);
                assert_int_equal(h[3 * i + 1], i % 2 ? i + 1 : i);
                assert_int_equal(h[3 * i + 2], i + 1);
            }
        }
    free(x);
    free(y);
    free(h);
}

static double value_of(tn_dtype t, const void *p)
{
    switch (t) {
    case TN_F64: return *(const double *)p;
    case TN_F32: return (double)*(const float *)p;
    case TN_F16: return (double)cpu_f32_of_f16(*(const uint16_t *)p);
    case TN_BF16: return (double)cpu_f32_of_bf16(*(const uint16_t *)p);
    case TN_I64: return (double)*(const int64_t *)p;
    case TN_I32: return *(const int32_t *)p;
    case TN_I16: return *(const int16_t *)p;
    case TN_I8: return *(const int8_t *)p;
    case TN_U8: return *(const uint8_t *)p;
    default: return *(const uint8_t *)p != 0;
    }
}

/* Small whole numbers go through every dtype, domain and dtype unchanged (bool: as truth). */
static void every_conversion(void **unused)
{
    (void)unused;
    enum { N = 67 };
    int64_t whole[N];
    for (int i = 0; i < N; i++)
        whole[i] = i % 5 == 0 ? 0 : i;
    for (int isa = 0; isa < isa_count(); isa++)
        for (tn_dtype from = TN_F64; from < TN_DTYPE_END; from++)
            for (tn_dtype to = TN_F64; to < TN_DTYPE_END; to++)
                for (cpu_domain domain = CPU_F32; domain < CPU_DOMAIN_END; domain++) {
                    _Alignas(8) unsigned char a[N * 8], b[N * 8];
                    convert(TN_I64, from, CPU_I64, whole, a, N, (cpu_isa)isa);
                    convert(from, to, domain, a, b, N, (cpu_isa)isa);
                    for (int i = 0; i < N; i++) {
                        double want = from == TN_BOOL || to == TN_BOOL ? whole[i] != 0 : (double)whole[i];
                        double got = value_of(to, b + (size_t)i * tn_dtype_size(to));
                        if (got != want)
                            fail_msg("%s: %s in %s to %s: %g gives %g", cpu_isa_name((cpu_isa)isa), tn_dtype_name(from),
                                     cpu_domain_name(domain), tn_dtype_name(to), want, got);
                    }
                }
}

static void out_of_range_is_defined(void **unused)
{
    (void)unused;
    const float f[] = {NAN, INFINITY, -INFINITY, 1e20f, -1e20f, 2.9f, -2.9f, 300, -129};
    const int64_t want[] = {0, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, 2, -2, 300, -129};
    enum { N = 9 };
    for (int isa = 0; isa < isa_count(); isa++) {
        int64_t l[N];
        int8_t c[N];
        uint8_t b[N];
        convert(TN_F32, TN_I64, CPU_F32, f, l, N, (cpu_isa)isa);
        convert(TN_F32, TN_I8, CPU_F32, f, c, N, (cpu_isa)isa);
        convert(TN_F32, TN_BOOL, CPU_F32, f, b, N, (cpu_isa)isa);
        for (int i = 0; i < N; i++) {
            assert_int_equal(l[i], want[i]);
            assert_int_equal(c[i], (int8_t)want[i]);
            assert_int_equal(b[i], 1);
        }
    }
}

/* ---- integers -------------------------------------------------------------------------------------------------- */

static int64_t ints(const char *name, int64_t x, int64_t y, cpu_fault *fault, cpu_isa isa)
{
    cpu_elem_operand o[2] = {{TN_I64, CPU_I64, {0}}, {TN_I64, CPU_I64, {0}}};
    cpu_elem_instr code = instr(name, CPU_I64, 0, 1, 0);
    const int reg = 2;
    cpu_elem_desc d = {.n_in = 2, .in = o, .n_out = 1, .out = o, .out_reg = &reg, .n_instr = 1, .instr = &code};
    int64_t z = 99;
    const void *in[] = {&x, &y};
    void *out[] = {&z};
    cpu_elem_env env = {.node = 3, .fault = fault};
    run(&d, isa, 1, in, out, &env);
    return z;
}

static void integers(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        int64_t a, b, want;
    } t[] = {
        {"add", INT64_MAX, 1, INT64_MIN},
        {"mul", INT64_MAX, 2, -2},
        {"div", 7, 2, 3},
        {"div", -7, 2, -3},
        {"div", INT64_MIN, -1, INT64_MIN},
        {"floor_div", -7, 2, -4},
        {"floor_div", 7, -2, -4},
        {"floor_div", INT64_MIN, -1, INT64_MIN},
        {"fmod", -7, 2, -1},
        {"fmod", INT64_MIN, -1, 0},
        {"remainder", -7, 2, 1},
        {"remainder", 7, -2, -1},
        {"pow", 3, 4, 81},
        {"pow", -1, -3, -1},
        {"pow", 2, -1, 0},
        {"pow", 2, 64, 0},
        {"shift_left", 1, 63, INT64_MIN},
        {"shift_left", 1, 64, 0},
        {"shift_right", -8, 1, -4},
        {"shift_right", -8, 99, -1},
        {"bit_xor", 6, 3, 5},
        {"min", -3, 2, -3},
        {"max", -3, 2, 2},
        {"lt", -3, 2, 1},
        {"logical_xor", 7, 0, 1},
    };
    for (int isa = 0; isa < isa_count(); isa++)
        for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
            cpu_fault fault = {0};
            int64_t got = ints(t[i].name, t[i].a, t[i].b, &fault, (cpu_isa)isa);
            if (got != t[i].want || fault.set)
                fail_msg("%s(%lld, %lld) gives %lld", t[i].name, (long long)t[i].a, (long long)t[i].b, (long long)got);
        }
}

static void division_by_zero_is_recorded(void **unused)
{
    (void)unused;
    enum { ROWS = 300, COLS = 500, N = ROWS * COLS };
    int32_t *x = malloc(N * 4), *y = malloc(N * 4), *z = malloc(N * 4);
    assert_true(x && y && z);
    for (int i = 0; i < N; i++)
        x[i] = i, y[i] = 7;
    y[140 * COLS + 77] = y[140 * COLS + 78] = y[299 * COLS] = 0;
    for (int transposed = 0; transposed < 2; transposed++)
        for (int threads = 1; threads < 4; threads++) {
            cpu_elem_operand o = {TN_I32, CPU_I64, {COLS, 1}};
            cpu_elem_desc d = {.rank = 2, .dims = {ROWS, COLS}, .n_in = 2, .n_out = 1, .n_instr = 1};
            cpu_elem_operand in[2] = {o, o};
            if (transposed) {
                d.dims[0] = COLS, d.dims[1] = ROWS;
                in[0].strides[0] = in[1].strides[0] = o.strides[0] = 1;
                in[0].strides[1] = in[1].strides[1] = o.strides[1] = COLS;
            }
            cpu_elem_instr code = instr("div", CPU_I64, 0, 1, 0);
            const int reg = 2;
            d.in = in, d.out = &o, d.out_reg = &reg, d.instr = &code;
            const void *ins[] = {x, y};
            void *outs[] = {z};
            cpu_fault fault = {0};
            cpu_elem_env env = {.node = 12, .fault = &fault};
            run(&d, cpu_isa_best(), threads, ins, outs, &env);
            assert_true(fault.set);
            assert_int_equal(fault.node, 12);
            assert_int_equal(fault.element, transposed ? 299 : 140 * COLS + 77);
            for (int i = 0; i < N; i++)
                assert_int_equal(z[i], y[i] ? x[i] / y[i] : 0);
        }
    free(x);
    free(y);
    free(z);
}

/* ---- chains and threads ---------------------------------------------------------------------------------------- */

/* Adam with bf16 gradient: m and v in place, p in place, a bf16 copy of p besides. */
static void adam(int64_t n, cpu_isa isa, int threads, float *p, float *m, float *v, const uint16_t *g, uint16_t *copy)
{
    enum { P, M, V, G };
    cpu_elem_operand f = {TN_F32, CPU_F32, {1}}, h = {TN_BF16, CPU_F32, {1}};
    cpu_elem_operand in[4] = {f, f, f, h}, out[4] = {f, f, f, h};
    cpu_elem_instr c[] = {
        instr("const", CPU_F32, 0, 0, 0),  /* 4: 0.9 */
        instr("const", CPU_F32, 0, 0, 0),  /* 5: 0.1 */
        instr("mul", CPU_F32, G, 5, 0),    /* 6 */
        instr("fma", CPU_F32, M, 4, 6),    /* 7: m */
        instr("square", CPU_F32, G, 0, 0), /* 8 */
        instr("sub", CPU_F32, 8, V, 0),    /* 9 */
        instr("fma", CPU_F32, 9, 5, V),    /* 10: v */
        instr("sqrt", CPU_F32, 10, 0, 0),  /* 11 */
        instr("add", CPU_F32, 11, 5, 0),   /* 12 */
        instr("div", CPU_F32, 7, 12, 0),   /* 13 */
        instr("mul", CPU_F32, 13, 5, 0),   /* 14 */
        instr("sub", CPU_F32, P, 14, 0),   /* 15: p */
    };
    c[0].arg[0] = 0.9;
    c[1].arg[0] = 0.1;
    const int regs[4] = {15, 7, 10, 15};
    cpu_elem_desc d = {.rank = 1,
                       .dims = {n},
                       .n_in = 4,
                       .in = in,
                       .n_out = 4,
                       .out = out,
                       .out_reg = regs,
                       .n_instr = 12,
                       .instr = c};
    const void *ins[] = {p, m, v, g};
    void *outs[] = {p, m, v, copy};
    run(&d, isa, threads, ins, outs, NULL);
}

static void chain_in_place_on_any_threads(void **unused)
{
    (void)unused;
    enum { N = 100003 };
    float *w[2][3];
    uint16_t *g = malloc(N * 2), *copy[2];
    for (int k = 0; k < 2; k++) {
        copy[k] = malloc(N * 2);
        for (int i = 0; i < 3; i++)
            w[k][i] = malloc(N * 4);
    }
    for (int i = 0; i < N; i++)
        g[i] = cpu_bf16_of_f32((float)(below(2001) - 1000) / 500);
    static const int threads[] = {1, 2, 3, 7};
    for (int isa = 0; isa < isa_count(); isa++)
        for (int t = 0; t < 4; t++) {
            int k = t > 0;
            for (int i = 0; i < N; i++) {
                w[k][0][i] = (float)i / N;
                w[k][1][i] = (float)(i % 17) / 16;
                w[k][2][i] = (float)(i % 19) / 16;
            }
            adam(N, (cpu_isa)isa, threads[t], w[k][0], w[k][1], w[k][2], g, copy[k]);
            for (int j = 0; j < 3 && k; j++)
                assert_memory_equal(w[0][j], w[1][j], N * 4);
            assert_memory_equal(copy[0], copy[k], N * 2);
            for (int i = 0; i < N && !k; i++) {
                double x = (double)cpu_f32_of_bf16(g[i]), m = 0.9 * (i % 17) / 16 + 0.1 * x, v = (i % 19) / 16.0;
                v += 0.1 * (x * x - v);
                double p = (double)i / N - m / (sqrt(v) + 0.1) * 0.1;
                if (!(fabs(p - (double)w[0][0][i]) < 1e-5 && fabs(m - (double)w[0][1][i]) < 1e-6 &&
                      fabs(v - (double)w[0][2][i]) < 1e-6))
                    fail_msg("element %d: p %g, not %g", i, (double)w[0][0][i], p);
            }
        }
    for (int k = 0; k < 2; k++) {
        free(copy[k]);
        for (int i = 0; i < 3; i++)
            free(w[k][i]);
    }
    free(g);
}

/* out0 = a + b is computed where a is, while a is still needed: a direct result must not destroy it. */
static void late_reads_of_what_is_overwritten(void **unused)
{
    (void)unused;
    enum { N = 3000 };
    float a[N], b[N], c[N];
    for (int i = 0; i < N; i++)
        a[i] = (float)i, b[i] = 3;
    cpu_elem_operand f = {TN_F32, CPU_F32, {1}}, ops[2] = {f, f};
    cpu_elem_instr code[2] = {instr("add", CPU_F32, 0, 1, 0), instr("mul", CPU_F32, 0, 1, 0)};
    const int regs[2] = {2, 3};
    cpu_elem_desc d = {.rank = 1,
                       .dims = {N},
                       .n_in = 2,
                       .in = ops,
                       .n_out = 2,
                       .out = ops,
                       .out_reg = regs,
                       .n_instr = 2,
                       .instr = code};
    const void *in[] = {a, b};
    void *out[] = {a, c};
    run(&d, cpu_isa_best(), 1, in, out, NULL);
    for (int i = 0; i < N; i++)
        assert_true(a[i] == (float)(i + 3) && c[i] == (float)(3 * i));
}

/* What is one number for all elements is computed once, and read by tiles, by other single numbers, and by outputs. */
static void single_values_in_a_chain(void **unused)
{
    (void)unused;
    enum { N = 2500 };
    float x[N], y[N], all[N], half = 0.5f;
    uint8_t flags[N];
    int64_t steps = 3;
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    cpu_elem_operand in[3] = {{TN_F32, CPU_F32, {1}}, {TN_I64, CPU_I64, {0}}, {TN_F32, CPU_F32, {0}}};
    cpu_elem_operand out[3] = {in[0], in[0], {TN_BOOL, CPU_I64, {1}}};
    cpu_elem_instr code[] = {
        instr("to_f32", CPU_F32, 1, 0, 0), /* 3 */
        instr("pow", CPU_F32, 2, 3, 0),    /* 4 */
        instr("mul", CPU_F32, 0, 4, 0),    /* 5 */
        instr("const", CPU_I64, 0, 0, 0),  /* 6 */
        instr("lt", CPU_I64, 1, 6, 0),     /* 7 */
    };
    code[3].iarg = 4;
    const int regs[3] = {5, 4, 7};
    for (int n = 1; n <= N; n += n < 20 ? 1 : 620)
        for (int isa = 0; isa < isa_count(); isa++) {
            cpu_elem_desc d = {.rank = 1,
                               .dims = {n},
                               .n_in = 3,
                               .in = in,
                               .n_out = 3,
                               .out = out,
                               .out_reg = regs,
                               .n_instr = 5,
                               .instr = code};
            const void *ins[] = {x, &steps, &half};
            void *outs[] = {y, all, flags};
            run(&d, (cpu_isa)isa, 1, ins, outs, NULL);
            for (int i = 0; i < n; i++)
                assert_true(y[i] == x[i] * 0.125f && all[i] == 0.125f && flags[i] == 1);
        }
}

/* Results that are large go past the caches: all of them, wherever they begin. */
static void large_results(void **unused)
{
    (void)unused;
    enum { N = 9000001 };
    float *a = malloc((N + 1) * 4), *b = malloc((N + 2) * 4);
    uint16_t *h = malloc(N * 2);
    assert_true(a && b && h);
    for (int i = 0; i <= N; i++)
        a[i] = (float)(i % 1000 - 500);
    cpu_elem_operand f = {TN_F32, CPU_F32, {1}}, out[2] = {f, {TN_BF16, CPU_F32, {1}}};
    cpu_elem_instr code = instr("relu", CPU_F32, 0, 0, 0);
    const int regs[2] = {1, 1};
    cpu_elem_desc d = {.rank = 1,
                       .dims = {N},
                       .n_in = 1,
                       .in = &f,
                       .n_out = 2,
                       .out = out,
                       .out_reg = regs,
                       .n_instr = 1,
                       .instr = &code};
    for (int isa = 0; isa < isa_count(); isa++) {
        b[0] = b[N + 1] = GUARD;
        const void *ins[] = {a + 1};
        void *outs[] = {b + 1, h};
        run(&d, (cpu_isa)isa, 2, ins, outs, NULL);
        for (int i = 0; i < N; i++)
            if (b[i + 1] != (a[i + 1] > 0 ? a[i + 1] : 0) || h[i] != cpu_bf16_of_f32(b[i + 1]))
                fail_msg("element %d is %g", i, (double)b[i + 1]);
        assert_true(b[0] == GUARD && b[N + 1] == GUARD);
        memset(b, 0, N * 4);
    }
    free(a);
    free(b);
    free(h);
}

static void domains_change_within_a_chain(void **unused)
{
    (void)unused;
    enum { N = 1500 };
    float a[N];
    uint8_t mask[N];
    double z[N];
    int32_t k[N];
    for (int i = 0; i < N; i++)
        a[i] = (float)i / 8;
    cpu_elem_operand in = {TN_F32, CPU_F32, {1}};
    cpu_elem_operand out[3] = {{TN_F64, CPU_F64, {1}}, {TN_I32, CPU_I64, {1}}, {TN_BOOL, CPU_F32, {1}}};
    cpu_elem_instr code[] = {
        instr("to_i64", CPU_I64, 0, 0, 0), /* 1 */
        instr("mul", CPU_I64, 1, 1, 0),    /* 2 */
        instr("to_f64", CPU_F64, 2, 0, 0), /* 3 */
        instr("sqrt", CPU_F64, 3, 0, 0),   /* 4 */
        instr("to_f32", CPU_F32, 4, 0, 0), /* 5 */
        instr("lt", CPU_F32, 5, 0, 0),     /* 6 */
    };
    const int regs[3] = {4, 2, 6};
    cpu_elem_desc d = {.rank = 1,
                       .dims = {N},
                       .n_in = 1,
                       .in = &in,
                       .n_out = 3,
                       .out = out,
                       .out_reg = regs,
                       .n_instr = 6,
                       .instr = code};
    const void *ins[] = {a};
    void *outs[] = {z, k, mask};
    for (int isa = 0; isa < isa_count(); isa++) {
        run(&d, (cpu_isa)isa, 1, ins, outs, NULL);
        for (int i = 0; i < N; i++) {
            int whole = i / 8;
            assert_true(z[i] == whole && k[i] == whole * whole && mask[i] == (i % 8 != 0));
        }
    }
}

/* ---- random numbers -------------------------------------------------------------------------------------------- */

static void philox_known_answers(void **unused)
{
    (void)unused;
    base_philox zero = base_philox_at(0, 0, 0), ones = base_philox_at(UINT64_MAX, UINT64_MAX, UINT64_MAX);
    const uint32_t want0[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    const uint32_t want1[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(zero.v, want0, sizeof want0);
    assert_memory_equal(ones.v, want1, sizeof want1);
}

static float random_at(const cpu_elem_env *env, uint64_t key, int64_t i)
{
    base_philox b = base_philox_at(cpu_elem_random_key(env->seed, key), (uint64_t)i / 4, env->step);
    return base_philox_f32(b.v[i % 4]);
}

/* The numbers are those of their logical index, however the result lies in memory. */
static void random_numbers_follow_the_index(void **unused)
{
    (void)unused;
    enum { A = 37, B = 45, N = A * B };
    static const int64_t layouts[][2] = {{B, 1}, {1, A}, {B + 3, 1}};
    float *out = malloc((N + 3 * A) * 4);
    assert_non_null(out);
    for (int isa = 0; isa < isa_count(); isa++)
        for (int l = 0; l < 3; l++)
            for (int swapped = 0; swapped < 2; swapped++) {
                cpu_elem_operand o = {TN_F32, CPU_F32, {layouts[l][0], layouts[l][1]}};
                cpu_elem_instr code = instr("uniform", CPU_F32, 0, 0, 0);
                code.key = 77;
                code.index_strides[0] = swapped ? 1 : B;
                code.index_strides[1] = swapped ? A : 1;
                const int reg = 0;
                cpu_elem_desc d = {
                    .rank = 2, .dims = {A, B}, .n_out = 1, .out = &o, .out_reg = &reg, .n_instr = 1, .instr = &code};
                void *outs[] = {out};
                cpu_elem_env env = {.seed = 5, .step = (uint64_t)l << 40};
                run(&d, (cpu_isa)isa, 1 + l, NULL, outs, &env);
                for (int i = 0; i < A; i++)
                    for (int j = 0; j < B; j++) {
                        float want = random_at(&env, 77, swapped ? i + j * A : i * B + j);
                        assert_true(out[i * layouts[l][0] + j * layouts[l][1]] == want);
                    }
            }
    free(out);
}

static void dropout_keeps_what_it_should(void **unused)
{
    (void)unused;
    enum { N = 200000 };
    float *a = malloc(N * 4), *first = malloc(N * 4);
    double *wide = malloc(N * 8);
    assert_true(a && first && wide);
    static const double ps[] = {0, 0.1, 0.5, 1};
    for (int k = 0; k < 4; k++)
        for (int isa = 0; isa < isa_count(); isa++)
            for (int f64 = 0; f64 < 2; f64++) {
                cpu_elem_operand o = {f64 ? TN_F64 : TN_F32, f64 ? CPU_F64 : CPU_F32, {1}};
                cpu_elem_instr code = instr("dropout_mask", o.domain, 0, 0, 0);
                code.key = 1, code.index_strides[0] = 1, code.arg[0] = ps[k];
                const int reg = 0;
                cpu_elem_desc d = {
                    .rank = 1, .dims = {N}, .n_out = 1, .out = &o, .out_reg = &reg, .n_instr = 1, .instr = &code};
                void *outs[] = {f64 ? (void *)wide : isa ? a : first};
                cpu_elem_env env = {.seed = 1, .step = 2};
                run(&d, (cpu_isa)isa, 2, NULL, outs, &env);
                if (isa && !f64)
                    assert_memory_equal(a, first, N * 4);
                int kept = 0;
                for (int i = 0; i < N; i++) {
                    float keep = (float)ps[k] < 1 ? 1 / (1 - (float)ps[k]) : 0;
                    assert_true(first[i] == (random_at(&env, 1, i) < (float)ps[k] ? 0 : keep));
                    assert_true(!f64 || wide[i] == (first[i] != 0 ? 1 / (1 - ps[k]) : 0));
                    kept += first[i] != 0;
                }
                double expect = (1 - ps[k]) * N, sigma = sqrt(N * ps[k] * (1 - ps[k]));
                assert_true(fabs(kept - expect) <= 4 * sigma);
            }
    free(a);
    free(first);
    free(wide);
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

static void refuse(const cpu_elem_desc *d, const char *sentence)
{
    base_arena arena = {0};
    base_error error = {0};
    assert_null(cpu_elem_new(&arena, d, CPU_PORTABLE, 1, &error));
    if (!strstr(error.text, sentence))
        fail_msg("\"%s\" lacks \"%s\"", error.text, sentence);
    base_arena_free(&arena);
}

static void wrong_descriptions_are_refused(void **unused)
{
    (void)unused;
    cpu_elem_operand in[2] = {{TN_F32, CPU_F32, {1}}, {TN_I32, CPU_I64, {1}}}, out = in[0], none = {0};
    cpu_elem_instr code = instr("add", CPU_F32, 0, 0, 0);
    int reg = 2;
    const cpu_elem_desc good = {.rank = 1,
                                .dims = {4},
                                .n_in = 2,
                                .in = in,
                                .n_out = 1,
                                .out = &out,
                                .out_reg = &reg,
                                .n_instr = 1,
                                .instr = &code};
    cpu_elem_desc d = good;
    code.src[1] = 1;
    refuse(&d, "the sources of instruction 0 (add) are in f32 and in i64");
    code.src[1] = 2;
    refuse(&d, "reads register 2");
    code = instr("exp", CPU_I64, 1, 0, 0);
    refuse(&d, "exp, cannot be computed in i64");
    code = instr("to_f64", CPU_F32, 0, 0, 0);
    refuse(&d, "is in f64, not in f32");
    code = instr("add", CPU_F32, 0, 0, 0);
    reg = 3;
    refuse(&d, "output 0 is of register 3");
    reg = 1;
    refuse(&d, "output 0 is stored from f32");
    reg = 2;
    out.strides[0] = 0;
    refuse(&d, "output 0 has stride 0");
    out.strides[0] = 1;
    d.out = &none;
    refuse(&d, "output 0 has no dtype");
    d = good;
    d.dims[0] = -1;
    refuse(&d, "dim 0 is -1");
    d.rank = 9;
    refuse(&d, "rank 9");
    assert_null(cpu_elem_find("nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_strides),
        cmocka_unit_test(halves),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(every_conversion),
        cmocka_unit_test(out_of_range_is_defined),
        cmocka_unit_test(integers),
        cmocka_unit_test(division_by_zero_is_recorded),
        cmocka_unit_test(chain_in_place_on_any_threads),
        cmocka_unit_test(late_reads_of_what_is_overwritten),
        cmocka_unit_test(single_values_in_a_chain),
        cmocka_unit_test(large_results),
        cmocka_unit_test(domains_change_within_a_chain),
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(random_numbers_follow_the_index),
        cmocka_unit_test(dropout_keeps_what_it_should),
        cmocka_unit_test(wrong_descriptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
