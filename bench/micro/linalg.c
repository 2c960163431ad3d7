/* linalg.c: speed of linear algebra: milliseconds of each operator for a batch of small matrices and for single ones, f32. Usage:
 * bench_linalg [threads [part of an operator's name]]. The best of several runs is shown: the machine's limit is what matters
 * here, not its other users. */
#include <tarn/ops.h>
#include <tarn/program.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static tn_tensor *inverse(tn_tensor *x)
{
    return tn_inverse(x);
}
static tn_tensor *solve(tn_tensor *x)
{
    return tn_solve(x, x);
}
static tn_tensor *cholesky(tn_tensor *x)
{
    return tn_cholesky(x, false, TN_TRIANGLE_LOWER);
}
static tn_tensor *slogdet(tn_tensor *x)
{
    return tn_slogdet(x).log_size;
}
static tn_tensor *eigh(tn_tensor *x)
{
    return tn_eigh(x, TN_TRIANGLE_LOWER).vectors;
}
static tn_tensor *svd(tn_tensor *x)
{
    return tn_svd(x).u;
}
static tn_tensor *qr(tn_tensor *x)
{
    return tn_qr(x, false).q;
}

static const struct {
    const char *name;
    tn_tensor *(*build)(tn_tensor *x);
    int64_t most; /* sides that take too long are left out */
} operators[] = {{"inverse", inverse, 1024},
                 {"solve", solve, 1024},
                 {"cholesky", cholesky, 1024},
                 {"slogdet", slogdet, 1024},
                 {"eigh", eigh, 256},
                 {"svd", svd, 256},
                 {"qr", qr, 256}};
static const int64_t sizes[][2] = {{64, 64}, {1, 256}, {1, 1024}};
enum { RUNS = 7 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Symmetric, with a diagonal that makes it positive definite. */
static void fill(float *x, int64_t batch, int64_t n)
{
    for (int64_t b = 0; b < batch; b++, x += n * n)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j <= i; j++)
                x[i * n + j] = x[j * n + i] =
                    ((float)rand() / (float)RAND_MAX - 0.5F) / (float)n + (i == j ? 1 + 0.01F * (float)i : 0);
}

static double measure(tn_tensor *(*build)(tn_tensor *x), int64_t batch, int64_t n, int threads)
{
    float *data = malloc((size_t)(batch * n * n) * sizeof *data), sum;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = threads));
    tn_graph *g = tn_graph_new(context);
    tn_entry *entry = tn_entry_new(g, "e", 0);
    tn_entry_output(entry, "y", tn_sum(build(tn_input(g, "x", TN_F32, TN_SHAPE(batch, n, n)))));
    tn_state *state = tn_state_new(context);
    tn_program *program = tn_compile(g, NULL);
    tn_session *session = program ? tn_session_new(program, state) : NULL;
    const tn_feed in = {"x", tn_view_of(data, TN_F32, 3, (int64_t[]){batch, n, n})},
                  out = {"y", tn_view_of(&sum, TN_F32, 0, NULL)};
    double best = 1e9;
    if (!data || !session)
        exit(1);
    fill(data, batch, n);
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        if (tn_run(session, "e", 1, &in, 1, &out) != TN_OK)
            exit(1);
        best = now() - start < best ? now() - start : best;
    }
    tn_session_free(session);
    tn_program_free(program);
    tn_state_free(state);
    tn_graph_free(g);
    tn_context_free(context);
    free(data);
    return best;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    for (size_t k = 0; k < sizeof operators / sizeof *operators; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            if (sizes[i][1] > operators[k].most || (argc > 2 && !strstr(operators[k].name, argv[2])))
                continue;
            double seconds = measure(operators[k].build, sizes[i][0], sizes[i][1], threads);
            printf("%-9s %2lld x %4lld x %4lld  %9.3f ms\n", operators[k].name, (long long)sizes[i][0],
                   (long long)sizes[i][1], (long long)sizes[i][1], 1e3 * seconds);
        }
    return 0;
}
