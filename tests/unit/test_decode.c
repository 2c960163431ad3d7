/* Decoding step by step with a cache of keys and values gives what one pass over the whole gives, positions turned or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include <tarn/tarn.h>

enum { STEPS = 7, WIDTH = 8, HEADS = 4, KEY_HEADS = 2, SIZE = WIDTH / HEADS };

static tn_program *whole(tn_graph *g, bool rotary)
{
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(1, STEPS, WIDTH));
    const tn_mha_opt o = {.causal = true, .key_heads = KEY_HEADS, .rotary = rotary};
    tn_entry_output(tn_entry_new(g, "e", 0), "y", tn_layer_multihead_attention(x, x, x, "m", HEADS, &o).y);
    return tn_compile(g, NULL);
}

static tn_program *one_step(tn_graph *g, bool rotary)
{
    tn_shape shape = TN_SHAPE(1, KEY_HEADS, STEPS, SIZE);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 1, WIDTH));
    tn_kv_cache cache = {.keys = tn_buffer(g, "keys", TN_F32, shape, NULL),
                         .values = tn_buffer(g, "values", TN_F32, shape, NULL),
                         .at = tn_buffer(g, "at", TN_I64, TN_SCALAR, NULL)};
    const tn_mha_opt o = {.cache = &cache, .key_heads = KEY_HEADS, .rotary = rotary, .rotary_at = cache.at};
    tn_tensor *y = tn_layer_multihead_attention(x, x, x, "m", HEADS, &o).y;
    tn_entry *e = tn_entry_new(g, "step", 0);
    tn_entry_output(e, "y", y);
    tn_entry_write(e, cache.keys, cache.new_keys);
    tn_entry_write(e, cache.values, cache.new_values);
    tn_entry_write(e, cache.at, tn_add(cache.at, tn_scalar(g, TN_I64, 1)));
    return tn_compile(g, NULL);
}

static void check(bool rotary)
{
    tn_context *context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_graph *a = tn_graph_new(context), *b = tn_graph_new(context);
    tn_program *all = whole(a, rotary), *step = one_step(b, rotary);
    if (!all || !step)
        fail_msg("%s%s", tn_graph_error(a), tn_graph_error(b));
    tn_state *state = tn_state_new(context);
    assert_int_equal(tn_state_init(state, b, 3), TN_OK);
    tn_session *sa = tn_session_new(all, state), *sb = tn_session_new(step, state);
    float x[STEPS * WIDTH], want[STEPS * WIDTH], got[WIDTH];
    for (int i = 0; i < STEPS * WIDTH; i++)
        x[i] = (float)sin(i * 1.7);
    tn_feed in = {"x", tn_view_of(x, TN_F32, 3, (const int64_t[]){1, STEPS, WIDTH})},
            out = {"y", tn_view_of(want, TN_F32, 3, (const int64_t[]){1, STEPS, WIDTH})};
    if (tn_run(sa, "e", 1, &in, 1, &out) != TN_OK)
        fail_msg("%s", tn_session_error(sa));
    for (int t = 0; t < STEPS; t++) {
        in.view = tn_view_of(x + t * WIDTH, TN_F32, 3, (const int64_t[]){1, 1, WIDTH});
        out.view = tn_view_of(got, TN_F32, 3, (const int64_t[]){1, 1, WIDTH});
        if (tn_run(sb, "step", 1, &in, 1, &out) != TN_OK)
            fail_msg("%s", tn_session_error(sb));
        for (int i = 0; i < WIDTH; i++)
            assert_true(fabsf(got[i] - want[t * WIDTH + i]) <= 2e-6F);
    }
    tn_session_free(sa);
    tn_session_free(sb);
    tn_state_free(state);
    tn_program_free(all);
    tn_program_free(step);
    tn_graph_free(a);
    tn_graph_free(b);
    tn_context_free(context);
}

static void steps_are_the_whole(void **unused)
{
    (void)unused;
    check(false);
    check(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_are_the_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
