/* elem.c: speed of the element-wise engine: single operators and fused chains, in the second-level cache (where the
 * instructions count) and in memory (where the bytes do), some layouts, and the overhead of a call.
 *
 *     bench_elem [-t threads] [-i isa] [part of a name]
 *
 * The best of several runs is shown: the machine's limit is what matters here, not its other users. */
#include "cpu/core/elem.h"
#include "cpu/core/par.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int threads = 1;
static cpu_isa isa;
static float *memory[8];
enum { SMALL = 1 << 15, LARGE = 1 << 23 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The best time of one run, measured over about 20 ms each. */
static double best_time(const cpu_elem_desc *d, const void *const in[], void *const out[])
{
    base_arena arena = {0};
    base_error error = {0};
    cpu_elem *e = cpu_elem_new(&arena, d, isa, threads, &error);
    if (!e) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    void *scratch = malloc(cpu_elem_scratch(e));
    if (!scratch)
        exit(1);
    cpu_elem_env env = {.seed = 1};
    cpu_elem_run(e, in, out, scratch, &env);
    double start = seconds();
    cpu_elem_run(e, in, out, scratch, &env);
    int rounds = (int)(0.02 / (seconds() - start + 1e-7)) + 1;
    double best = 1e9;
    for (int k = 0; k < 7; k++) {
        start = seconds();
        for (int i = 0; i < rounds; i++)
            cpu_elem_run(e, in, out, scratch, &env);
        double took = (seconds() - start) / rounds;
        best = took < best ? took : best;
    }
    free(scratch);
    base_arena_free(&arena);
    return best;
}

static void show(const char *name, const char *place, double took, double elements, double bytes)
{
    printf("%-28s %-8s %9.3f us %8.3f G/s %8.1f GB/s\n", name, place, took * 1e6, elements / took * 1e-9,
           bytes / took * 1e-9);
}

static bool wanted(const char *name, const char *part)
{
    return !part || strstr(name, part);
}

/* One operator on contiguous data of one dtype. */
static void one(const char *name, tn_dtype dtype, double p, double q, const char *part)
{
    char title[64];
    snprintf(title, sizeof title, "%s %s", name, tn_dtype_name(dtype));
    if (!wanted(title, part))
        return;
    const cpu_elem_fn *fn = cpu_elem_find(name);
    cpu_elem_operand o = {dtype, cpu_domain_of(dtype), {1}}, in[3] = {o, o, o};
    cpu_elem_instr code = {.fn = fn, .domain = o.domain, .src = {0, 1, 2}, .arg = {p, q}, .index_strides = {1}};
    int reg = fn->arity;
    cpu_elem_desc d = {
        .rank = 1, .n_in = fn->arity, .in = in, .n_out = 1, .out = &o, .out_reg = &reg, .n_instr = 1, .instr = &code};
    const void *ins[] = {memory[0], memory[1], memory[2]};
    void *outs[] = {memory[3]};
    for (int large = 0; large < 2; large++) {
        d.dims[0] = large ? LARGE : SMALL;
        double n = (double)d.dims[0];
        show(title, large ? "memory" : "cache", best_time(&d, ins, outs), n,
             n * (double)tn_dtype_size(dtype) * (fn->arity + 1));
    }
}

static cpu_elem_instr op(const char *name, int a, int b, int c, double p)
{
    cpu_elem_instr in = {.fn = cpu_elem_find(name), .domain = CPU_F32, .src = {a, b, c}, .arg = {p}};
    return in;
}

/* The update of Adam with decoupled weight decay: four tensors read, three written, ten instructions and constants. */
static void adam(const char *part)
{
    if (!wanted("adam", part))
        return;
    enum { P, G, M, V };
    cpu_elem_operand o = {TN_F32, CPU_F32, {1}}, in[4] = {o, o, o, o};
    cpu_elem_instr code[] = {
        op("const", 0, 0, 0, 0.9),  op("const", 0, 0, 0, 0.1),  op("const", 0, 0, 0, 0.999), op("const", 0, 0, 0, 1e-3),
        op("const", 0, 0, 0, 1e-8), op("const", 0, 0, 0, 0.99), op("mul", G, 5, 0, 0),       op("fma", M, 4, 10, 0),
        op("square", G, 0, 0, 0),   op("mul", 12, 7, 0, 0),     op("fma", V, 6, 13, 0),      op("sqrt", 14, 0, 0, 0),
        op("add", 15, 8, 0, 0),     op("div", 11, 16, 0, 0),    op("mul", 17, 7, 0, 0),      op("mul", P, 9, 0, 0),
        op("sub", 19, 18, 0, 0),
    };
    const int regs[] = {20, 11, 14};
    cpu_elem_desc d = {.rank = 1,
                       .n_in = 4,
                       .in = in,
                       .n_out = 3,
                       .out = in,
                       .out_reg = regs,
                       .n_instr = sizeof code / sizeof *code,
                       .instr = code};
    const void *ins[] = {memory[0], memory[1], memory[2], memory[3]};
    void *outs[] = {memory[0], memory[2], memory[3]};
    for (int large = 0; large < 2; large++) {
        d.dims[0] = large ? LARGE : SMALL / 4;
        double n = (double)d.dims[0];
        show("adam f32", large ? "memory" : "cache", best_time(&d, ins, outs), n, n * 28);
    }
}

/* a op b over two dims with any strides. */
static void layout(const char *title, const char *name, tn_dtype dtype, int64_t rows, int64_t cols, int64_t ra,
                   int64_t ca, int64_t rb, int64_t cb, const char *part)
{
    if (!wanted(title, part))
        return;
    const cpu_elem_fn *fn = cpu_elem_find(name);
    cpu_elem_operand in[2] = {{dtype, CPU_F32, {ra, ca}}, {dtype, CPU_F32, {rb, cb}}}, o = {dtype, CPU_F32, {cols, 1}};
    cpu_elem_instr code = {.fn = fn, .domain = CPU_F32, .src = {0, 1}};
    int reg = fn->arity;
    cpu_elem_desc d = {.rank = 2,
                       .dims = {rows, cols},
                       .n_in = fn->arity,
                       .in = in,
                       .n_out = 1,
                       .out = &o,
                       .out_reg = &reg,
                       .n_instr = 1,
                       .instr = &code};
    const void *ins[] = {memory[0], memory[1]};
    void *outs[] = {memory[3]};
    double n = (double)(rows * cols);
    show(title, "", best_time(&d, ins, outs), n, n * (double)tn_dtype_size(dtype) * (ca && ra ? 2 + (cb && rb) : 1));
}

static void layouts(const char *part)
{
    layout("add 16", "add", TN_F32, 1, 16, 16, 1, 16, 1, part);
    layout("add 16 + scalar", "add", TN_F32, 1, 16, 16, 1, 0, 0, part);
    layout("add 64x10 + 10", "add", TN_F32, 64, 10, 10, 1, 0, 1, part);
    layout("add 64x10 + 64x1", "add", TN_F32, 64, 10, 10, 1, 1, 0, part);
    layout("add 32x4096 + 4096", "add", TN_F32, 32, 4096, 4096, 1, 0, 1, part);
    layout("add 128x768 + 768", "add", TN_F32, 128, 768, 768, 1, 0, 1, part);
    layout("add 128x768 + 128x1", "add", TN_F32, 128, 768, 768, 1, 1, 0, part);
    layout("add 4096x49 + 4096x1", "add", TN_F32, 4096, 49, 49, 1, 1, 0, part);
    layout("transpose 256x256", "copy", TN_F32, 256, 256, 1, 256, 0, 0, part);
    layout("transpose 2048x2048", "copy", TN_F32, 2048, 2048, 1, 2048, 0, 0, part);
    layout("transpose 50176x3", "copy", TN_F32, 50176, 3, 1, 50176, 0, 0, part);
    layout("transpose 3x50176", "copy", TN_F32, 3, 50176, 1, 3, 0, 0, part);
    layout("transpose bf16 256x256", "copy", TN_BF16, 256, 256, 1, 256, 0, 0, part);
}

int main(int argc, char **argv)
{
    const char *part = NULL;
    isa = cpu_isa_best();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "-i") == 0 && i + 1 < argc && cpu_isa_from_name(argv[i + 1], &isa))
            i++;
        else
            part = argv[i];
    }
    (void)cpu_team_enter(cpu_team_new(threads));
    for (int i = 0; i < 4; i++) {
        memory[i] = aligned_alloc(64, (size_t)LARGE * 8);
        if (!memory[i])
            return 1;
        for (int64_t k = 0; k < 2 * LARGE; k++)
            memory[i][k] = (float)(k % 1000) * 0.004f - (i == 3 ? 0 : 2);
    }
    static const char *const names[] = {"const", "copy",    "add",   "fma",       "div",         "sqrt",
                                        "max",   "where",   "round", "relu",      "exp",         "log",
                                        "tanh",  "sigmoid", "gelu",  "gelu_tanh", "gelu_grad",   "softplus",
                                        "pow",   "sin",     "fmod",  "uniform",   "dropout_mask"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        one(names[i], TN_F32, 0.1, 20, part);
    one("add", TN_BF16, 0, 0, part);
    one("gelu", TN_BF16, 0, 0, part);
    one("add", TN_F16, 0, 0, part);
    one("add", TN_F64, 0, 0, part);
    one("exp", TN_F64, 0, 0, part);
    one("add", TN_I64, 0, 0, part);
    one("add", TN_I32, 0, 0, part);
    one("lt", TN_U8, 0, 0, part);
    adam(part);
    layouts(part);
    for (int i = 0; i < 4; i++)
        free(memory[i]);
    return 0;
}
