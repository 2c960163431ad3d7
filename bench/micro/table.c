/* table.c: how fast CSV is read: the least time of some runs, rows a second, bytes held. bench_table FILE [RUNS [THREADS]] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <tarn/table.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    int runs = argc > 2 ? atoi(argv[2]) : 5, threads = argc > 3 ? atoi(argv[3]) : 0;
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = threads));
    double best = 1e30, rows = 0;
    size_t bytes = 0;
    for (int i = 0; argc > 1 && i < runs; i++) {
        double start = now();
        tn_table *t = tn_table_read(context, argv[1], NULL);
        double took = now() - start;
        if (!t) {
            fprintf(stderr, "%s\n", tn_context_error(context));
            return 1;
        }
        best = took < best ? took : best;
        rows = (double)tn_table_rows(t);
        bytes = tn_table_bytes(t);
        tn_table_free(t);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%.0f rows in %.1f ms: %.2f million rows/s, %.1f MB held, at most %.0f MB\n", rows, best * 1e3,
           rows / best / 1e6, (double)bytes / 1e6, (double)used.ru_maxrss / 1e3);
    tn_context_free(context);
    return argc > 1 ? 0 : 1;
}
