/* conv.c: speed of the convolution kernels alone: GFLOP/s of forward, gradient of data, gradient of weights for usual
 * shapes. Usage: bench_conv [threads [part of a shape's name [column [instruction set [winograd|split|narrow|half|rules]]]]]; half: narrow,
 * with pictures of bf16 where forward takes them; rules: the way that the library chooses for f32 and for bf16 beside the fastest one. The
 * best of several runs is shown: the machine's limit is what matters here, not its other users. */
#include "cpu/core/conv.h"
#include "cpu/core/par.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct shape {
    const char *name;
    int n, c_in, size, c_out, k, stride, pad, groups;
} shape;

static const shape shapes[] = {
    {"16, 64 to 64, 56, 3x3", 16, 64, 56, 64, 3, 1, 1, 1},
    {"16, 256 to 256, 14, 3x3", 16, 256, 14, 256, 3, 1, 1, 1},
    {"16, 3 to 64, 224, 7x7/2", 16, 3, 224, 64, 7, 2, 3, 1},
    {"16, 256 to 64, 56, 1x1", 16, 256, 56, 64, 1, 1, 0, 1},
    {"128, 64 to 64, 32, 3x3", 128, 64, 32, 64, 3, 1, 1, 1},
    {"128, 512 to 512, 4, 3x3", 128, 512, 4, 512, 3, 1, 1, 1},
    {"64, 1 to 32, 28, 3x3 valid", 64, 1, 28, 32, 3, 1, 0, 1},
    {"64, 32 to 64, 26, 3x3 valid", 64, 32, 26, 64, 3, 1, 0, 1},
    {"16, 128 to 128, 28, 3x3", 16, 128, 28, 128, 3, 1, 1, 1},
    {"16, 512 to 512, 7, 3x3", 16, 512, 7, 512, 3, 1, 1, 1},
    {"16, 64 to 256, 56, 1x1", 16, 64, 56, 256, 1, 1, 0, 1},
    {"16, 512 to 128, 28, 1x1", 16, 512, 28, 128, 1, 1, 0, 1},
    {"16, 1024 to 256, 14, 1x1", 16, 1024, 14, 256, 1, 1, 0, 1},
    {"16, 512 to 2048, 7, 1x1", 16, 512, 7, 2048, 1, 1, 0, 1},
    {"16, 128 to 128, 56, 3x3/2", 16, 128, 56, 128, 3, 2, 1, 1},
    {"16, 256 to 512, 56, 1x1/2", 16, 256, 56, 512, 1, 2, 0, 1},
    {"64, 3 to 32, 32, 3x3", 64, 3, 32, 32, 3, 1, 1, 1},
    {"64, 32 to 64, 15, 3x3 valid", 64, 32, 15, 64, 3, 1, 0, 1},
    {"64, 64 to 64, 6, 3x3 valid", 64, 64, 6, 64, 3, 1, 0, 1},
    {"128, 128 to 128, 16, 3x3", 128, 128, 16, 128, 3, 1, 1, 1},
    {"128, 256 to 256, 8, 3x3", 128, 256, 8, 256, 3, 1, 1, 1},
    {"16, 16 to 96, 80, 1x1", 16, 16, 80, 96, 1, 1, 0, 1},
    {"16, 24 to 144, 40, 1x1", 16, 24, 40, 144, 1, 1, 0, 1},
    {"16, 96 to 24, 40, 1x1", 16, 96, 40, 24, 1, 1, 0, 1},
    {"16, 32 to 192, 20, 1x1", 16, 32, 20, 192, 1, 1, 0, 1},
    {"16, 32 to 16, 80, 1x1", 16, 32, 80, 16, 1, 1, 0, 1},
    {"16, 96, 80, 3x3 depthwise", 16, 96, 80, 96, 3, 1, 1, 96},
    {"16, 144, 40, 3x3/2 depthwise", 16, 144, 40, 144, 3, 2, 1, 144},
    {"4, 3 to 32, 416, 3x3", 4, 3, 416, 32, 3, 1, 1, 1},
    {"4, 32 to 64, 416, 3x3/2", 4, 32, 416, 64, 3, 2, 1, 1},
    {"4, 64 to 32, 208, 1x1", 4, 64, 208, 32, 1, 1, 0, 1},
    {"4, 32 to 64, 208, 3x3", 4, 32, 208, 64, 3, 1, 1, 1},
    {"4, 64 to 128, 208, 3x3/2", 4, 64, 208, 128, 3, 2, 1, 1},
    {"4, 64 to 128, 104, 3x3", 4, 64, 104, 128, 3, 1, 1, 1},
    {"4, 256 to 128, 52, 1x1", 4, 256, 52, 128, 1, 1, 0, 1},
    {"4, 128 to 256, 52, 3x3", 4, 128, 52, 256, 3, 1, 1, 1},
    {"4, 256 to 512, 26, 3x3", 4, 256, 26, 512, 3, 1, 1, 1},
    {"4, 1024 to 512, 13, 1x1", 4, 1024, 13, 512, 1, 1, 0, 1},
    {"4, 512 to 1024, 13, 3x3", 4, 512, 13, 1024, 3, 1, 1, 1},
    {"1, 1 to 32, 28, 3x3 valid", 1, 1, 28, 32, 3, 1, 0, 1},
    {"1, 32 to 64, 26, 3x3 valid", 1, 32, 26, 64, 3, 1, 0, 1},
    {"1, 64 to 64, 56, 3x3", 1, 64, 56, 64, 3, 1, 1, 1},
    {"1, 512 to 512, 7, 3x3", 1, 512, 7, 512, 3, 1, 1, 1},
};

typedef struct job {
    cpu_conv c;
    float *x, *w, *bias, *y, *packed;
    void *scratch;
} job;

/* Alone, a thread's own time is the better measure on a machine with other users. */
static double seconds(int threads)
{
    struct timespec t;
    clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *floats(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof *p + 127) / 64 * 64);
    if (!p)
        exit(1);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(i * 7919 % 1009) * 1e-3f - 0.5f;
    return p;
}

static void put_away(job *j)
{
    free(j->x), free(j->w), free(j->bias), free(j->y), free(j->scratch), free(j->packed);
}

static void run(job *j, int what)
{
    if (what == 0)
        cpu_conv_forward(&j->c, j->x, j->w, j->bias, NULL, j->y, j->scratch);
    else if (what == 1)
        cpu_conv_grad_data(&j->c, j->y, j->w, j->x, j->scratch);
    else if (what == 2)
        cpu_conv_grad_weight(&j->c, j->x, j->y, j->w, NULL, j->scratch);
    else
        cpu_conv_forward_packed(&j->c, j->x, j->packed, j->bias, NULL, j->y, j->scratch);
}

/* The shortest of the runs that fit into a third of a second, at least three. */
static double best(job *j, int what)
{
    double least = 1e9, begin = seconds(j->c.threads);
    for (int i = 0; i < 4 || seconds(j->c.threads) - begin < 0.33; i++) {
        double t = seconds(j->c.threads);
        run(j, what);
        t = seconds(j->c.threads) - t;
        least = t < least ? t : least;
    }
    return least;
}

/* The pictures are of bf16 where the way takes them, as they are in nets. */
static void set_halves(cpu_conv *c, int what)
{
    cpu_conv as_half = *c;
    as_half.half_x = true;
    if (what == CPU_CONV_GRAD_DATA)
        c->half_y = cpu_conv_data_takes_half(c);
    else if (what == CPU_CONV_GRAD_WEIGHT)
        c->half_x = cpu_conv_weight_takes_half(&as_half), c->half_y = cpu_conv_weight_takes_half(c);
    else
        c->half_x = cpu_conv_takes_half(&as_half), c->half_y = cpu_conv_takes_half(c);
}

static double time_of_way(const job *j, int what)
{
    job way = *j;
    set_halves(&way.c, what);
    way.scratch = floats((int64_t)cpu_conv_scratch(&way.c, what % 3) / 4);
    way.packed = floats((int64_t)cpu_conv_packed(&way.c, CPU_CONV_FORWARD) / 4);
    if (what == 3)
        cpu_conv_pack(&way.c, CPU_CONV_FORWARD, j->w, way.packed);
    const double t = best(&way, what);
    free(way.scratch), free(way.packed);
    return t;
}

static double lost_in_all = 0; /* sum of logarithms */
static int choices = 0;

/* What the library chooses, beside the fastest of what it may choose from. */
static void compare(const shape *s, job *j, int what, bool bf16)
{
    static const char *const names[] = {"direct", "winograd", "narrow"}, *const columns[] = {"forward", "data",
                                                                                             "weights", "packed"};
    cpu_conv_choose(&j->c, what % 3, CPU_CONV_MAY_WINOGRAD | (bf16 ? CPU_CONV_MAY_NARROW : 0), what == 3);
    const double chosen = time_of_way(j, what);
    const int way = j->c.narrow && !(j->c.winograd && j->c.isa == CPU_AVX512_BF16) ? 2 : j->c.winograd;
    double least = chosen;
    int fastest = way;
    for (int i = 0; i < (bf16 ? 3 : 2); i++) {
        if (i == way)
            continue;
        j->c.winograd = i == 1, j->c.narrow = i == 2;
        const double t = time_of_way(j, what);
        if (t < least)
            least = t, fastest = i;
    }
    lost_in_all += log(chosen / least), choices++;
    printf("%-30s  %-8s  %-5s  %-8s %9.3f ms", s->name, columns[what], bf16 ? "bf16" : "f32", names[way], chosen * 1e3);
    if (fastest != way)
        printf("  %-8s takes %3.0f%%", names[fastest], 100 * least / chosen);
    printf("\n");
    fflush(stdout);
}

static void measure(const shape *s, int threads, int only, cpu_isa isa, const char *way)
{
    job j = {.c = {.n = s->n,
                   .c_in = s->c_in,
                   .h = s->size,
                   .w = s->size,
                   .c_out = s->c_out,
                   .kh = s->k,
                   .kw = s->k,
                   .groups = s->groups,
                   .stride = {s->stride, s->stride},
                   .dilation = {1, 1},
                   .pad = {s->pad, s->pad, s->pad, s->pad},
                   .threads = threads,
                   .isa = isa,
                   .winograd = strcmp(way, "winograd") == 0,
                   .split = strcmp(way, "split") == 0,
                   .narrow = strcmp(way, "narrow") == 0 || strcmp(way, "half") == 0}};
    cpu_conv *c = &j.c;
    cpu_conv_shape(c);
    j.x = floats(c->n * c->h * c->w * c->c_in);
    j.w = floats(c->c_out * c->c_in / c->groups * c->kh * c->kw);
    j.bias = floats(c->c_out);
    j.y = floats(c->n * c->oh * c->ow * c->c_out);
    if (strcmp(way, "rules") == 0) {
        for (int what = 0; what < 4; what++)
            for (int bf16 = 0; bf16 < 2 && (only < 0 || what == only); bf16++)
                compare(s, &j, what, bf16);
        put_away(&j);
        return;
    }
    size_t bytes = 0;
    for (cpu_conv_job i = CPU_CONV_FORWARD; i <= CPU_CONV_GRAD_WEIGHT; i++)
        bytes = cpu_conv_scratch(c, i) > bytes ? cpu_conv_scratch(c, i) : bytes;
    j.scratch = floats((int64_t)bytes / 4);
    j.packed = floats((int64_t)cpu_conv_packed(c, CPU_CONV_FORWARD) / 4);
    cpu_conv_pack(c, CPU_CONV_FORWARD, j.w, j.packed);
    if (strcmp(way, "half") == 0) {
        set_halves(c, CPU_CONV_FORWARD);
        c->relu = true;
        c->slope = 0.1f;
    }
    double flops = 2.0 * (double)(c->n * c->oh * c->ow * c->c_out * (c->c_in / c->groups) * c->kh * c->kw);
    printf("%-30s", s->name);
    for (int what = 0; what < 4; what++) {
        if (only >= 0 && what != only)
            continue;
        double t = best(&j, what);
        printf("  %6.1f (%8.3f ms)", flops / t * 1e-9, t * 1e3);
        fflush(stdout);
    }
    printf("\n");
    put_away(&j);
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : cpu_thread_count(), only = argc > 3 ? atoi(argv[3]) : -1;
    cpu_isa isa = cpu_isa_best();
    (void)cpu_team_enter(cpu_team_new(threads));
    if (argc > 4 && !cpu_isa_from_name(argv[4], &isa)) {
        fprintf(stderr, "unknown instruction set %s: portable, avx2 or avx512\n", argv[4]);
        return 1;
    }
    printf("GFLOP/s, %d threads, %s\n%-30s  %-20s  %-20s  %-20s  %-20s\n", threads, cpu_isa_name(isa),
           "batch, channels, size, window", "forward", "gradient of data", "gradient of weights", "forward, packed");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (argc < 3 || strstr(shapes[i].name, argv[2]))
            measure(&shapes[i], threads, only, isa, argc > 5 ? argv[5] : "");
    if (choices)
        printf("%d choices take %.1f%% more time than the fastest ways, geometric mean\n", choices,
               100 * (exp(lost_in_all / choices) - 1));
    return 0;
}
