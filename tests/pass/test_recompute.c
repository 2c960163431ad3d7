/* Values computed again for gradients, by regions and by a memory limit: every state and every loss is the same bit for bit, and
 * the memory that is said to be saved is. A net of dense layers, convolutions with batch norm, a Transformer with dropout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/tarn.h>

enum { STEPS = 3, BATCH = 128 };

typedef tn_tensor *builder(tn_graph *g, bool regions);

static tn_tensor *dense(tn_graph *g, bool regions)
{
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 64));
    char name[16];
    for (int i = 0; i < 8; i++) {
        if (regions && i % 2 == 0)
            tn_recompute_begin(g);
        (void)snprintf(name, sizeof name, "fc%d", i);
        x = tn_dropout(tn_gelu(tn_layer_linear(x, name, 64, NULL)), 0.1);
        if (regions && i % 2)
            tn_recompute_end(g);
    }
    return tn_mean(tn_square(x));
}

static tn_tensor *convolutions(tn_graph *g, bool regions)
{
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 4, 4, 4));
    char name[16];
    for (int i = 0; i < 6; i++) {
        tn_tensor *before = x;
        if (regions)
            tn_recompute_begin(g);
        (void)snprintf(name, sizeof name, "conv%d", i);
        x = tn_layer_conv2d(x, name, 16, 3, TN_OPT(tn_conv_opt, .padding = 1));
        (void)snprintf(name, sizeof name, "bn%d", i);
        x = tn_relu(tn_layer_batch_norm(x, name, NULL));
        if (regions)
            tn_recompute_end(g);
        x = i ? tn_add(x, before) : x;
    }
    return tn_mean(tn_square(tn_layer_linear(tn_flatten(x, 1), "fc", 10, NULL)));
}

static tn_tensor *transformer(tn_graph *g, bool regions)
{
    tn_tensor *x = tn_reshape(tn_input(g, "x", TN_F32, TN_SHAPE(tn_symbol(g, "batch"), 64)),
                              TN_SHAPE(tn_symbol(g, "batch"), 4, 16));
    char name[16];
    for (int i = 0; i < 4; i++) {
        if (regions)
            tn_recompute_begin(g);
        (void)snprintf(name, sizeof name, "layer%d", i);
        x = tn_layer_transformer_encoder_layer(x, name, 2, NULL, TN_OPT(tn_transformer_opt, .feed_forward = 48));
        if (regions)
            tn_recompute_end(g);
    }
    return tn_mean(tn_square(tn_sub_f(x, 0.5)));
}

typedef struct trained {
    tn_memory memory;
    float loss[STEPS];
    tn_state *state;
    tn_status status;
    char error[512];
} trained;

static tn_graph *graph_of(tn_context *c, builder *build, bool regions)
{
    tn_graph *g = tn_graph_new(c);
    tn_minimize(build(g, regions), TN_OPT(tn_optim_opt, .kind = TN_ADAM));
    if (tn_graph_status(g) != TN_OK)
        fail_msg("%s", tn_graph_error(g));
    return g;
}

static void step_on(trained *t, tn_session *s, int64_t batch)
{
    float x[BATCH * 64], lr = 0.01f;
    tn_feed in[2] = {{"x", tn_view_of(x, TN_F32, 2, (const int64_t[]){batch, 64})},
                     {"lr", tn_view_of(&lr, TN_F32, 0, NULL)}};
    if (tn_session_plan(s, "step", 2, in, &t->memory) == TN_SHAPE) /* pictures */
        in[0].view = tn_view_of(x, TN_F32, 4, (const int64_t[]){batch, 4, 4, 4});
    t->status = tn_session_plan(s, "step", 2, in, &t->memory);
    for (int i = 0; i < STEPS && t->status == TN_OK; i++) {
        tn_feed out = {"loss", tn_view_of(&t->loss[i], TN_F32, 0, NULL)};
        for (int k = 0; k < BATCH * 64; k++)
            x[k] = (float)((k * 7919 + i * 31) % 1000) / 500 - 1;
        t->status = tn_run(s, "step", 2, in, 1, &out);
    }
    (void)snprintf(t->error, sizeof t->error, "%s", tn_session_error(s));
}

static trained train(tn_context *c, builder *build, bool regions, const tn_compile_opt *opt)
{
    trained t = {.state = tn_state_new(c)};
    tn_graph *g = graph_of(c, build, regions);
    tn_program *p = tn_compile(g, opt);
    if (!p)
        fail_msg("%s", tn_context_error(c));
    assert_int_equal(tn_state_init(t.state, g, 7), TN_OK);
    tn_graph_free(g);
    tn_session *s = tn_session_new(p, t.state);
    tn_program_free(p);
    step_on(&t, s, BATCH);
    tn_session_free(s);
    return t;
}

static void expect_same(const trained *a, const trained *b, const char *what)
{
    tn_view v, w;
    const char *name;
    if (b->status != TN_OK)
        fail_msg("%s: %s", what, b->error);
    assert_memory_equal(a->loss, b->loss, sizeof a->loss);
    for (int i = 0; (name = tn_state_get(a->state, i, &v)) != NULL; i++) {
        assert_int_equal(tn_state_find(b->state, name, &w), TN_OK);
        if (memcmp(v.data, w.data, v.bytes) != 0)
            fail_msg("%s: '%s' is not the same", what, name);
    }
}

static void expect_saving(const trained *kept, const trained *again, const char *what)
{
    print_message("%s: %zu bytes instead of %zu, %.3g MFLOP instead of %.3g, %d operators twice\n", what,
                  again->memory.buffer, again->memory.buffer_kept, again->memory.flops / 1e6,
                  again->memory.flops_kept / 1e6, again->memory.again);
    assert_true(again->memory.again > 0);
    assert_int_equal(again->memory.buffer_kept, kept->memory.buffer);
    assert_true(again->memory.buffer < kept->memory.buffer);
    assert_true(again->memory.flops_kept == kept->memory.flops); /* NOLINT: the same sum */
    assert_true(again->memory.flops > kept->memory.flops);
}

static void same_bits(tn_context *c, builder *build, const char *what)
{
    trained kept = train(c, build, false, NULL);
    if (kept.status != TN_OK)
        fail_msg("%s: %s", what, kept.error);
    assert_int_equal(kept.memory.again, 0);
    assert_int_equal(kept.memory.buffer_kept, kept.memory.buffer);
    trained hand = train(c, build, true, NULL);
    expect_same(&kept, &hand, what);
    expect_saving(&kept, &hand, what);
    trained apart = train(c, build, true, TN_OPT(tn_compile_opt, .no_fuse = true));
    assert_int_equal(apart.status, TN_OK);
    assert_true(apart.memory.again > 0);
    trained off = train(c, build, true, TN_OPT(tn_compile_opt, .no_recompute = true));
    expect_same(&kept, &off, what);
    assert_int_equal(off.memory.again, 0);
    const size_t whole = kept.memory.buffer + kept.memory.scratch;
    int least = 100;
    for (int percent = 95; percent > 10; percent -= 10) {
        const size_t limit = whole * (size_t)percent / 100;
        trained t = train(c, build, percent % 20 == 15, TN_OPT(tn_compile_opt, .memory_limit = limit));
        if (t.status == TN_OK) {
            expect_same(&kept, &t, what);
            expect_saving(&kept, &t, what);
            assert_true(t.memory.buffer + t.memory.scratch <= limit);
            least = percent;
        } else {
            assert_int_equal(t.status, TN_LIMIT);
            assert_non_null(strstr(t.error, "Use a smaller batch or raise the limit"));
        }
        tn_state_free(t.state);
    }
    assert_true(least <= 75);
    tn_state_free(kept.state);
    tn_state_free(hand.state);
    tn_state_free(apart.state);
    tn_state_free(off.state);
}

static void nets_are_the_same_bit_for_bit(void **p)
{
    (void)p;
    for (int threads = 1; threads <= 2; threads++) {
        tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = threads));
        same_bits(c, dense, "dense layers");
        same_bits(c, convolutions, "convolutions");
        same_bits(c, transformer, "a Transformer");
        tn_context_free(c);
    }
}

/* The sentence says what would do; a little more than that does. */
static void the_least_that_is_named_suffices(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    trained t = train(c, transformer, false, TN_OPT(tn_compile_opt, .memory_limit = 1000));
    assert_int_equal(t.status, TN_LIMIT);
    assert_non_null(strstr(t.error, "with values computed again"));
    assert_non_null(strstr(t.error, "the limit is 1000"));
    const char *says = strstr(t.error, "needs at least ");
    assert_non_null(says);
    const size_t least = (size_t)strtoull(says + strlen("needs at least "), NULL, 10);
    tn_state_free(t.state);
    t = train(c, transformer, false, TN_OPT(tn_compile_opt, .memory_limit = least));
    if (t.status != TN_OK)
        fail_msg("%s", t.error);
    tn_state_free(t.state);
    tn_context_free(c);
}

static void entries_that_do_not_train_ignore_regions(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_entry_output(tn_entry_new(g, "predict", 0), "y", dense(g, true));
    tn_program *program = tn_compile(g, NULL);
    char *text = tn_program_text(program, "predict");
    assert_null(strstr(text, "again"));
    free(text);
    tn_program_free(program);
    tn_graph_free(g);
    tn_context_free(c);
}

static void wrong_regions(void **p)
{
    (void)p;
    tn_context *c = tn_context_new(NULL);
    tn_graph *g = tn_graph_new(c);
    tn_recompute_begin(g);
    tn_recompute_begin(g);
    assert_non_null(strstr(tn_graph_error(g), "cannot hold another"));
    tn_graph_free(g);
    g = tn_graph_new(c);
    tn_recompute_end(g);
    assert_non_null(strstr(tn_graph_error(g), "tn_recompute_end without tn_recompute_begin"));
    tn_graph_free(g);
    g = tn_graph_new(c);
    tn_recompute_begin(g);
    tn_entry_output(tn_entry_new(g, "predict", 0), "y", tn_relu(tn_input(g, "x", TN_F32, TN_SHAPE(2))));
    assert_null(tn_compile(g, NULL));
    assert_string_equal(tn_context_error(c), "tn_recompute_begin without tn_recompute_end");
    tn_graph_free(g);
    tn_context_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_are_the_same_bit_for_bit),
        cmocka_unit_test(the_least_that_is_named_suffices),
        cmocka_unit_test(entries_that_do_not_train_ignore_regions),
        cmocka_unit_test(wrong_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
