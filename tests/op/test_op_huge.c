/* Operators on more than 2^31 elements: nowhere is an index an int. Tensors are of one byte an element, and what is looked at lies
 * at both ends and around the places where 32 bits end. Needs 9 GiB of memory that are free and is skipped where they are not, and
 * under the address sanitizer.
 * labels: slow release */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>

#define COUNT (((int64_t)1 << 31) + 17)

/* KiB that may be taken without swapping; 0: it is not known. */
static long available(void)
{
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
            break;
    if (f)
        (void)fclose(f);
    return kib;
}

typedef struct huge {
    tn_context *context;
    uint8_t *x, *y;
} huge;

/* What stands at place i: different at places that are 2^31 or 2^32 apart. */
static uint8_t pattern(int64_t i)
{
    return (uint8_t)((uint64_t)i * 2654435761u >> 13);
}

static int set_up(void **p)
{
    static huge h;
    h.context = tn_context_new(NULL);
    h.x = aligned_alloc(64, (COUNT + 63) / 64 * 64);
    h.y = aligned_alloc(64, (COUNT + 63) / 64 * 64);
    if (!h.context || !h.x || !h.y)
        return -1;
    for (int64_t i = 0; i < COUNT; i++)
        h.x[i] = pattern(i);
    *p = &h;
    return 0;
}

static int tear_down(void **p)
{
    huge *h = *p;
    free(h->x);
    free(h->y);
    tn_context_free(h->context);
    return 0;
}

typedef struct net {
    tn_graph *g;
    tn_tensor *x;
} net;

static net net_of(huge *h, tn_dtype dtype, tn_shape shape)
{
    tn_graph *g = tn_graph_new(h->context);
    return (net){g, tn_input(g, "x", dtype, shape)};
}

/* y, made of x, into h->y (or, of rank 0 and small, into `to`). */
static void run(huge *h, net n, tn_tensor *y, void *to)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    tn_entry_output(tn_entry_new(n.g, "run", 0), "y", y);
    tn_program *p = tn_compile(n.g, NULL);
    if (!p)
        fail_msg("%s", tn_context_error(h->context));
    tn_session *s = tn_session_new(p, NULL);
    tn_shape in = tn_tensor_shape(n.x), out = tn_tensor_shape(y);
    tn_feed feed = {"x", tn_view_of(h->x, tn_tensor_dtype(n.x), in.rank, in.dims)};
    tn_feed fetch = {"y", tn_view_of(to ? to : h->y, tn_tensor_dtype(y), out.rank, out.dims)};
    if (tn_run(s, "run", 1, &feed, 1, &fetch) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_session_free(s);
    tn_program_free(p);
    tn_graph_free(n.g);
    clock_gettime(CLOCK_MONOTONIC, &end);
    print_message("  %.1f s\n", (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
}

/* Places worth a look among n: the ends, around 2^31 - 1, and every so often. */
static int64_t place(int64_t k, int64_t n)
{
    if (k < 40)
        return k;
    if (k < 80)
        return n - 1 - (k - 40);
    if (k < 120)
        return ((int64_t)1 << 31) - 20 + (k - 80);
    if (k < 160)
        return ((int64_t)1 << 30) - 20 + (k - 120);
    return (int64_t)((uint64_t)k * 0x9E3779B97F4A7C15u % (uint64_t)n);
}
enum { LOOKS = 20000 };

/* h->y[i] must be what `due` says of i. */
static void look(const huge *h, int64_t n, int64_t (*due)(int64_t i), const char *what)
{
    for (int64_t k = 0; k < LOOKS; k++) {
        int64_t i = place(k, n);
        if (i < n && h->y[i] != (uint8_t)due(i))
            fail_msg("%s: [%lld] is %d, not %d", what, (long long)i, h->y[i], (uint8_t)due(i));
    }
}

/* ---- element-wise --------------------------------------------------------------------------------------------------- */

static int64_t doubled(int64_t i)
{
    return (uint8_t)(pattern(i) * 2 + 1);
}

static void sums(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT));
    run(*p, n, tn_add(tn_add(n.x, n.x), tn_scalar(n.g, TN_U8, 1)), NULL);
    look(*p, COUNT, doubled, "x + x + 1");
}

static int64_t by_row(int64_t i)
{
    return (uint8_t)(pattern(i) + pattern(i % 5));
}

static void broadcasts(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT / 5, 5));
    run(*p, n, tn_add(n.x, tn_slice(n.x, 0, 0, 1)), NULL);
    look(*p, COUNT, by_row, "x + its first row");
}

static int64_t small(int64_t i)
{
    return pattern(i) < 100;
}

static void comparisons(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT));
    run(*p, n, tn_lt(n.x, tn_scalar(n.g, TN_U8, 100)), NULL);
    look(*p, COUNT, small, "x < 100");
}

static int64_t negated(int64_t i)
{
    int8_t v = (int8_t)pattern(i);
    return v < -100 ? 100 : -v;
}

static void casts(void **p)
{
    net n = net_of(*p, TN_I8, TN_SHAPE(COUNT));
    run(*p, n, tn_neg(tn_maximum(n.x, tn_scalar(n.g, TN_I8, -100))), NULL);
    look(*p, COUNT, negated, "-max(x, -100)");
}

/* ---- places --------------------------------------------------------------------------------------------------------- */

static int64_t behind(int64_t i)
{
    return pattern(i + COUNT - 40);
}

static void slices(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT));
    run(*p, n, tn_neg(tn_slice(n.x, 0, COUNT - 40, COUNT)), NULL);
    for (int i = 0; i < 40; i++)
        assert_int_equal(((huge *)*p)->y[i], (uint8_t)-behind(i));
}

static int64_t every_second(int64_t i)
{
    return pattern(2 * i + 1);
}

static void strided_slices(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT));
    const tn_dim start = 1, end = COUNT;
    run(*p, n, tn_slice_axes(n.x, 1, (const int64_t[]){0}, &start, &end, (const int64_t[]){2}), NULL);
    look(*p, COUNT / 2, every_second, "x[1::2]");
}

static int64_t turned(int64_t i)
{
    const int64_t rows = COUNT / 5;
    return pattern(i % rows * 5 + i / rows);
}

static void transposes(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT / 5, 5));
    run(*p, n, tn_transpose(n.x, 0, 1), NULL);
    look(*p, COUNT, turned, "x'");
}

static int64_t put_together(int64_t i)
{
    return i < COUNT - 30 ? pattern(i) : pattern(i - (COUNT - 30));
}

static void concats(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT));
    tn_tensor *parts[2] = {tn_slice(n.x, 0, 0, COUNT - 30), tn_slice(n.x, 0, 0, 30)};
    run(*p, n, tn_concat(2, parts, 0), NULL);
    look(*p, COUNT, put_together, "concat");
}

static int64_t bordered(int64_t i)
{
    return i < 7 ? 9 : i >= COUNT - 3 ? 9 : pattern(i - 7);
}

static void pads(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT));
    run(*p, n, tn_pad(tn_slice(n.x, 0, 0, COUNT - 10), (int64_t[]){7}, (int64_t[]){3}, 9), NULL);
    look(*p, COUNT, bordered, "pad");
}

static int64_t backwards(int64_t i)
{
    return pattern(COUNT - 1 - i);
}

static void flips(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT));
    run(*p, n, tn_flip(n.x, 1, (const int64_t[]){0}), NULL);
    look(*p, COUNT, backwards, "flip");
}

static int64_t chosen(int64_t i)
{
    const int64_t rows[3] = {COUNT / 5 - 1, 0, COUNT / 5 - 2};
    return pattern(rows[i / 5] * 5 + i % 5);
}

static void selections(void **p)
{
    net n = net_of(*p, TN_U8, TN_SHAPE(COUNT / 5, 5));
    const int64_t rows[3] = {COUNT / 5 - 1, 0, COUNT / 5 - 2}, count = 3;
    const tn_view v = tn_view_of((void *)(uintptr_t)rows, TN_I64, 1, &count);
    run(*p, n, tn_index_select(n.x, 0, tn_constant(n.g, &v)), NULL);
    for (int i = 0; i < 15; i++)
        assert_int_equal(((huge *)*p)->y[i], (uint8_t)chosen(i));
}

/* ---- reductions: of numbers that are shown many times, so that they take no room ---------------------------------------- */

static void summed(huge *h, tn_shape from, tn_shape to, int64_t axis, double times)
{
    tn_graph *g = tn_graph_new(h->context);
    const net n = {g, tn_input(g, "x", TN_U8, from)};
    float y[5];
    tn_tensor *shown = tn_expand(tn_cast(n.x, TN_F32), to);
    run(h, n, axis < 0 ? tn_sum(shown) : tn_sum_axes(shown, 1, &axis, false), y);
    double all = 0;
    for (int i = 0; i < 5; i++)
        all += h->x[i];
    for (int i = 0; i < (axis < 0 ? 1 : 5); i++) {
        double due = (axis < 0 ? all : h->x[i]) * times;
        if (!((double)y[i] >= due * (1 - 1e-6) && (double)y[i] <= due * (1 + 1e-6)))
            fail_msg("axis %d, [%d] is %.9g, not %.9g", (int)axis, i, (double)y[i], due);
    }
}

static void reductions(void **p)
{
    const int64_t n = COUNT / 5;
    summed(*p, TN_SHAPE(1, 5), TN_SHAPE(n, 5), 0, (double)n);
    summed(*p, TN_SHAPE(5, 1), TN_SHAPE(5, n), -1, (double)n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),       cmocka_unit_test(broadcasts), cmocka_unit_test(comparisons),
        cmocka_unit_test(casts),      cmocka_unit_test(slices),     cmocka_unit_test(strided_slices),
        cmocka_unit_test(transposes), cmocka_unit_test(concats),    cmocka_unit_test(pads),
        cmocka_unit_test(flips),      cmocka_unit_test(selections), cmocka_unit_test(reductions),
    };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)printf("SKIPPED: operators on more than 2^31 elements, as this is a build with a sanitizer\n");
    return 0;
#endif
    if (available() < (long)9 << 20) {
        (void)printf("SKIPPED: operators on more than 2^31 elements: 9 GiB of memory are needed, %ld MiB are free\n",
                     available() >> 10);
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
