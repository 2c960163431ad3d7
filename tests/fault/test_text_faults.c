/* test_text_faults.c: tokenizers and data sets of texts when memory is out: each allocation in turn. What is asked for either comes,
 * or a sentence does, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "support/faults.h"

#include <tarn/text.h>

#if defined(TARN_HAVE_JANSSON) && defined(TARN_HAVE_UTF8PROC)

static const char CORPUS[] = "the cat sat on the mat, the dog sat on the cat; caf\xC3\xA9s are the best caf\xC3\xA9s";

/* A tokenizer of a kind is trained, written, used on a text with spans, and decodes it. It is not read again: out of memory inside of a
 * string, jansson ends the program by an assertion. */
static tn_status whole_life(tn_context *c, const char *kind, bool bytes)
{
    const tn_text text = {CORPUS, sizeof CORPUS - 1};
    tn_tokenizer *t = tn_tokenizer_train(
        c, &text, 1,
        TN_OPT(tn_tokenizer_train_opt, .kind = kind, .vocabulary = bytes ? 300 : 290, .byte_fallback = bytes));
    tn_encoder *enc = NULL;
    char *json = NULL, *back = NULL;
    size_t n;
    tn_tokens got;
    tn_status status = t ? tn_tokenizer_json(c, t, &json, &n) : c->err.status;
    if (status == TN_OK)
        status = (enc = tn_encoder_new(c, t)) ? TN_OK : c->err.status;
    if (status == TN_OK) {
        status = tn_encode(enc, CORPUS, sizeof CORPUS - 1, TN_OPT(tn_encode_opt, .spans = true, .types = true), &got);
        if (status != TN_OK)
            base_fail(&c->err, status, "%s", tn_encoder_error(enc));
    }
    if (status == TN_OK)
        status = tn_decode(c, t, got.ids, got.n, NULL, &back, &n);
    free(json);
    free(back);
    tn_encoder_free(enc);
    tn_tokenizer_free(t);
    return status;
}

static tn_status bpe(tn_context *c)
{
    return whole_life(c, "bpe", false);
}
static tn_status wordpiece(tn_context *c)
{
    return whole_life(c, "wordpiece", false);
}
static tn_status unigram(tn_context *c)
{
    return whole_life(c, "unigram", false);
}
static tn_status characters(tn_context *c)
{
    return whole_life(c, "characters", false);
}

static tn_status unigram_bytes(tn_context *c)
{
    return whole_life(c, "unigram", true);
}
static tn_status character_bytes(tn_context *c)
{
    return whole_life(c, "characters", true);
}

/* Pairs, their preparation as JSON, raw lines; masked windows of a text. */
static tn_status pairs(tn_context *c)
{
    static const char *const specials[] = {"<pad>", "<unk>", "<s>", "</s>", "<mask>"};
    const tn_text texts[] = {{CORPUS, 11}, {CORPUS + 12, 20}};
    tn_tokenizer *t = tn_tokenizer_train(
        c, texts, 2, TN_OPT(tn_tokenizer_train_opt, .kind = "words", .specials = specials, .n_specials = 5));
    tn_dataset *d = t ? tn_dataset_pairs(c, t, t, texts, texts, 2, NULL) : NULL, *raw = NULL, *windows = NULL;
    const tn_preparation *p = d ? tn_dataset_preparation(d) : NULL;
    char *json = d ? tn_preparation_json(c, p) : NULL;
    raw = json ? tn_preparation_read(c, p, CORPUS, sizeof CORPUS - 1, "lines") : NULL;
    tn_preparation *masked =
        raw ? tn_text_prepare(c, t, TN_OPT(tn_text_opt, .task = TN_TEXT_MASKED, .length = 2, .plain = true)) : NULL;
    windows = masked ? tn_dataset_windows(c, masked, texts, 2, NULL) : NULL;
    tn_status status = windows ? TN_OK : c->err.status;
    free(json);
    tn_dataset_free(d);
    tn_dataset_free(raw);
    tn_dataset_free(windows);
    tn_preparation_free(masked);
    tn_tokenizer_free(t);
    return status;
}

/* Texts with classes, the preparation as JSON, raw lines. */
static tn_status sets(tn_context *c)
{
    const tn_text texts[] = {{CORPUS, 11}, {CORPUS + 12, 20}};
    const int64_t labels[] = {0, 1};
    tn_tokenizer *t = tn_tokenizer_train(c, texts, 2, TN_OPT(tn_tokenizer_train_opt, .kind = "words"));
    tn_preparation *p = t ? tn_text_prepare(c, t, TN_OPT(tn_text_opt, .classes = 2)) : NULL;
    tn_dataset *d = p ? tn_dataset_texts(c, p, texts, 2, labels) : NULL, *raw = NULL;
    char *json = d ? tn_preparation_json(c, p) : NULL;
    raw = json ? tn_preparation_read(c, p, CORPUS, sizeof CORPUS - 1, "lines") : NULL;
    tn_status status = raw ? TN_OK : c->err.status;
    free(json);
    tn_dataset_free(d);
    tn_dataset_free(raw);
    tn_preparation_free(p);
    tn_tokenizer_free(t);
    return status;
}

static const struct {
    const char *name;
    tn_status (*run)(tn_context *c);
} jobs[] = {{"bpe", bpe},
            {"wordpiece", wordpiece},
            {"unigram", unigram},
            {"characters", characters},
            {"unigram with bytes", unigram_bytes},
            {"characters with bytes", character_bytes},
            {"pairs", pairs},
            {"sets", sets}};

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    if (!FAULTS_WORK)
        skip();
    long struck = 0;
    for (size_t j = 0; j < sizeof jobs / sizeof jobs[0]; j++) {
        tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
        if (jobs[j].run(c) != TN_OK)
            fail_msg("%s: %s", jobs[j].name, c->err.text);
        bool fired = true;
        for (long n = 0; fired; n += n < 400 ? 1 : 1 + n / 100) {
            long live = faults.live;
            base_clear(&c->err);
            faults_set(&faults.allocate_in, n);
            tn_status status = jobs[j].run(c);
            fired = faults_clear();
            struck += fired;
            if (status != TN_OK && (!fired || status != TN_MEMORY || !c->err.text[0]))
                fail_msg("%s, call %ld: %s: \"%s\"", jobs[j].name, n, tn_status_name(status), c->err.text);
            if (faults.live != live)
                fail_msg("%s, call %ld: %ld allocations are left", jobs[j].name, n, faults.live - live);
        }
        tn_context_free(c);
    }
    assert_true(struck >= 200);
}

#else

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    print_message("skipped: this build has no jansson or no utf8proc\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_in_turn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
