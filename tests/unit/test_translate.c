/* test_translate.c: models with a second input: padding changes nothing, translations by the likeliest token, the preparation that goes with
 * the model file, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/scratch.h"

#include <tarn/tarn.h>

#if defined(TARN_HAVE_JANSSON) && defined(TARN_HAVE_UTF8PROC)

enum { ROWS = 12, WIDTH = 8, TOKENS = 7 }; /* more outputs than the target has tokens */

static tn_context *context;

static int setup(void **state)
{
    (void)state;
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    return context && scratch_new() ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    tn_context_free(context);
    scratch_remove();
    return 0;
}

static tn_dataset *pairs_of(void)
{
    static const char *const specials[] = {"<pad>", "<unk>", "<s>", "</s>"};
    static const tn_text from[] = {{"one two three", 13}, {"three", 5}}, to[] = {{"a b c", 5}, {"c", 1}};
    const tn_tokenizer_train_opt opt = {.kind = "words", .specials = specials, .n_specials = 4};
    tn_tokenizer *s = tn_tokenizer_train(context, from, 2, &opt), *t = tn_tokenizer_train(context, to, 2, &opt);
    tn_dataset *d =
        s && t ? tn_dataset_pairs(context, s, t, from, to, 2, TN_OPT(tn_pairs_opt, .target_length = 20)) : NULL;
    if (!d)
        fail_msg("%s", tn_context_error(context));
    tn_tokenizer_free(s);
    tn_tokenizer_free(t);
    return d;
}

/* `hears`: with a decoder; else a step for each token of the source. */
static tn_model *model_of(const tn_dataset *d, bool hears)
{
    tn_graph *g = tn_graph_new(context);
    tn_dim batch = tn_symbol(g, "batch");
    tn_tensor *x = tn_input(g, "x", TN_I64, TN_SHAPE(batch, tn_symbol(g, "time")));
    const tn_transformer_opt opt = {.feed_forward = 16, .dropout = tn_f64(0), .norm_first = true, .last_norm = true};
    const tn_sight source = {.key_mask = tn_ne(x, tn_scalar(g, TN_I64, 0))}, said = {.causal = true};
    tn_tensor *y = tn_layer_embedding(x, "source", ROWS, WIDTH, NULL);
    y = tn_add(y, tn_sinusoids(g, TN_F32, tn_dim_of(x, 1), WIDTH));
    y = tn_layer_transformer_encoder(y, "encoder", 2, 1, &source, &opt);
    if (hears) {
        tn_tensor *given = tn_input(g, "given", TN_I64, TN_SHAPE(batch, tn_symbol(g, "said")));
        tn_tensor *z = tn_layer_embedding(given, "target", ROWS, WIDTH, NULL);
        z = tn_add(z, tn_sinusoids(g, TN_F32, tn_dim_of(given, 1), WIDTH));
        y = tn_layer_transformer_decoder(z, y, "decoder", 2, 1, &said, &source, &opt);
    }
    y = tn_layer_linear(y, "fc", ROWS, NULL);
    tn_model *m = tn_model_new(context, g, y, TN_OPT(tn_model_opt, .preparation = tn_dataset_preparation(d)));
    if (!m || tn_model_init(m, 3) != TN_OK)
        fail_msg("%s", m ? tn_model_error(m) : tn_context_error(context));
    return m;
}

static void run(tn_session *s, int64_t *x, int64_t n, int64_t places, int64_t *given, int64_t said, float *y)
{
    const tn_feed feeds[] = {{"x", tn_view_of(x, TN_I64, 2, (const int64_t[]){n, places})},
                             {"given", tn_view_of(given, TN_I64, 2, (const int64_t[]){n, said})}};
    const tn_feed fetch = {"y", tn_view_of(y, TN_F32, 3, (const int64_t[]){n, said, ROWS})};
    if (tn_run(s, "predict", 2, feeds, 1, &fetch) != TN_OK)
        fail_msg("%s", tn_session_error(s));
}

static void padding_changes_nothing(void **state)
{
    int64_t both[] = {4, 5, 6, 6, 0, 0}, one[] = {6}, heard[] = {2, 4, 2, 5};
    float two[2 * 2 * ROWS], alone[2 * ROWS];
    (void)state;
    tn_dataset *d = pairs_of();
    tn_model *m = model_of(d, true);
    assert_non_null(tn_model_heard(m));
    tn_program *p = tn_compile_entry(tn_model_graph(m), "predict", NULL);
    tn_session *s = tn_session_new(p, tn_model_state(m));
    run(s, both, 2, 3, heard, 2, two);
    run(s, one, 1, 1, heard + 2, 2, alone);
    for (int i = 0; i < 2 * ROWS; i++)
        assert_true(fabs((double)two[2 * ROWS + i] - (double)alone[i]) < 1e-5);
    tn_session_free(s);
    tn_program_free(p);
    tn_model_free(m);
    tn_dataset_free(d);
}

/* The likeliest token again and again, by hand. */
static size_t by_hand(tn_model *m, int64_t *x, int64_t n, int32_t *ids)
{
    tn_program *p = tn_compile_entry(tn_model_graph(m), "predict", NULL);
    tn_session *s = tn_session_new(p, tn_model_state(m));
    int64_t said[20] = {2}; /* <s> */
    float y[20 * ROWS];
    size_t got = 0;
    for (int k = 1; k < 20; k++) {
        run(s, x, 1, n, said, k, y);
        int64_t best = 0;
        for (int i = 1; i < TOKENS; i++)
            if (y[(k - 1) * ROWS + i] > y[(k - 1) * ROWS + best])
                best = i;
        if (best == 3) /* </s> */
            break;
        said[k] = best;
        ids[got++] = (int32_t)best;
    }
    tn_session_free(s);
    tn_program_free(p);
    return got;
}

static void the_likeliest_token_follows(void **state)
{
    int64_t tokens[] = {4, 5, 6};
    int32_t due[20], got[20];
    size_t n = 20, bytes;
    char *text = NULL;
    (void)state;
    tn_dataset *d = pairs_of();
    tn_model *m = model_of(d, true);
    const size_t expected = by_hand(m, tokens, 3, due);
    const char *path = scratch_path("m.safetensors");
    assert_int_equal(tn_model_save(m, path), TN_OK);
    tn_model_free(m);
    m = tn_model_load(context, path);
    if (!m)
        fail_msg("%s", tn_context_error(context));
    assert_string_equal(tn_preparation_kind(tn_model_preparation(m)), "pairs");
    tn_predictor *p = tn_predictor_new(m);
    const tn_view x = tn_view_of(tokens, TN_I64, 2, (const int64_t[]){1, 3});
    if (tn_translate(p, &x, got, &n) != TN_OK)
        fail_msg("%s", tn_predictor_error(p));
    assert_int_equal(n, expected);
    assert_memory_equal(got, due, n * sizeof *got);
    assert_int_equal(tn_translate_text(p, &x, &text, &bytes), TN_OK);
    assert_int_equal(strlen(text), bytes);
    free(text);
    n = 1; /* room for one */
    assert_int_equal(tn_translate(p, &x, got, &n), TN_OK);
    assert_true(n <= 1);
    tn_predictor_free(p);
    tn_model_free(m);
    tn_dataset_free(d);
}

static void what_is_refused(void **state)
{
    int64_t tokens[] = {4, 5};
    int32_t ids[4];
    size_t n = 4;
    float y[2 * ROWS];
    tn_view shape;
    (void)state;
    tn_dataset *d = pairs_of();
    tn_model *m = model_of(d, true);
    tn_predictor *p = tn_predictor_new(m);
    const tn_view x = tn_view_of(tokens, TN_I64, 2, (const int64_t[]){1, 2}),
                  two = tn_view_of(tokens, TN_I64, 2, (const int64_t[]){2, 1}),
                  out = tn_view_of(y, TN_F32, 3, (const int64_t[]){1, 2, ROWS});
    assert_int_equal(tn_predict(p, &x, &out), TN_INVALID);
    assert_non_null(strstr(tn_predictor_error(p), "second input"));
    assert_int_equal(tn_predictor_shape_for(p, &x, &shape), TN_INVALID);
    assert_int_equal(tn_translate(p, &two, ids, &n), TN_SHAPE);
    tn_predictor_free(p);
    tn_model_free(m);
    m = model_of(d, false);
    p = tn_predictor_new(m);
    assert_null(tn_model_heard(m));
    assert_int_equal(tn_translate(p, &x, ids, &n), TN_INVALID);
    assert_non_null(strstr(tn_predictor_error(p), "translates nothing"));
    assert_null(tn_trainer_new(context, m, d, NULL, TN_OPT(tn_train_opt, .batch = 1)));
    assert_non_null(strstr(tn_context_error(context), "transformer_decoder"));
    tn_predictor_free(p);
    tn_model_free(m);
    tn_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(the_likeliest_token_follows),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

#else

int main(void)
{
    printf("SKIPPED: pairs need jansson and utf8proc\n");
    return 0;
}

#endif
