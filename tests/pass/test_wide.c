/* Operators on half floats take the kernels of f32 where there are none of their own, and what they give is rounded once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "op/scheme/op.h"
#include <tarn/tarn.h>

enum { SIDE = 6, N = 2 * 3 * SIDE * SIDE, MOST = 4 * N };

static tn_tensor *conv(tn_tensor *x)
{
    return tn_conv2d(x, tn_slice(tn_reshape(x, TN_SHAPE(24, 3, 3, 1)), 0, 0, 4), NULL, NULL);
}
static tn_tensor *pool(tn_tensor *x)
{
    return tn_max_pool2d(x, 2, NULL);
}
static tn_tensor *larger(tn_tensor *x)
{
    return tn_interpolate(x, TN_OPT(tn_interpolate_opt, .mode = TN_RESIZE_LINEAR, .sizes = {9, SIDE}));
}
static tn_tensor *largest(tn_tensor *x)
{
    return tn_segment_max(tn_reshape(x, TN_SHAPE(8, 27)), tn_arange(x->graph, TN_I64, 0, 0.5, 8), 4);
}

typedef tn_tensor *(*builder)(tn_tensor *x);
static const builder builders[] = {conv, pool, larger, largest};

/* x as this dtype goes through, y comes as f32; no step may be a reference. Returns how many numbers there are. */
static int64_t values(builder build, tn_dtype dtype, const float *x, float *y, tn_dtype rounded)
{
    const int64_t dims[] = {2, 3, SIDE, SIDE};
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    tn_graph *g = tn_graph_new(context);
    tn_tensor *in = tn_cast(tn_cast(tn_input(g, "x", TN_F32, TN_SHAPE(2, 3, SIDE, SIDE)), rounded), dtype);
    tn_tensor *out = tn_cast(tn_cast(build(in), rounded), TN_F32);
    tn_shape shape = tn_tensor_shape(out);
    tn_entry_output(tn_entry_new(g, "e", 0), "y", out);
    tn_program *p = tn_compile(g, NULL);
    if (!p)
        fail_msg("%s", tn_context_error(context));
    tn_state *state = tn_state_new(context);
    tn_session *s = tn_session_new(p, state);
    const tn_feed feed = {"x", tn_view_of((void *)(uintptr_t)x, TN_F32, 4, dims)};
    const tn_feed fetch = {"y", tn_view_of(y, TN_F32, shape.rank, shape.dims)};
    tn_session_profile(s, true);
    if (tn_run(s, "e", 1, &feed, 1, &fetch) != TN_OK)
        fail_msg("%s", tn_session_error(s));
    tn_profile_row row;
    for (int i = 0; tn_session_profile_row(s, "e", i, &row) == TN_OK; i++)
        if (strcmp(row.kernel, "reference") == 0 && !strstr(row.node, "arange"))
            fail_msg("%s of %s goes by the reference", row.node, tn_dtype_name(dtype));
    int64_t n = tn_view_count(&fetch.view);
    tn_session_free(s);
    tn_state_free(state);
    tn_program_free(p);
    tn_graph_free(g);
    tn_context_free(context);
    return n;
}

static void halves_are_widened_and_rounded_once(void **unused)
{
    (void)unused;
    static float x[N], want[MOST], got[MOST];
    for (int i = 0; i < N; i++)
        x[i] = (float)((i * 37 % 101) - 50) * 0.11F;
    for (tn_dtype half = TN_F16; half <= TN_BF16; half += TN_BF16 - TN_F16)
        for (size_t k = 0; k < sizeof builders / sizeof *builders; k++) {
            int64_t n = values(builders[k], TN_F32, x, want, half);
            assert_int_equal(values(builders[k], half, x, got, half), n);
            for (int64_t i = 0; i < n; i++)
                if (got[i] != want[i])
                    fail_msg("%s, builder %zu: number %lld is %.9g, not %.9g", tn_dtype_name(half), k, (long long)i,
                             (double)got[i], (double)want[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(halves_are_widened_and_rounded_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
