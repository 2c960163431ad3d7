/* test_tokenizer_json.c: tokenizer.json: each model with the steps around it, ids as the `tokenizers` library gives them; written and read
 * again; what is not known is refused by name; patterns; training, whose merges are those of that library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/map.h"
#include "data/text/pattern.h"
#include "support/scratch.h"
#include "support/shared.h"

#include <tarn/text.h>

static tn_context *context;

static int setup(void **state)
{
    (void)state;
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 3));
    return context && scratch_new() ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    tn_context_free(context);
    scratch_remove();
    return 0;
}

#if defined(TARN_HAVE_JANSSON) && defined(TARN_HAVE_UTF8PROC)

static tn_tokenizer *parse(const char *json)
{
    tn_tokenizer *t = tn_tokenizer_parse(context, json, strlen(json), NULL);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static void encode_as(const tn_tokenizer *t, const char *text, char due[200])
{
    tn_encoder *enc = tn_encoder_new(context, t);
    tn_tokens e;
    if (tn_encode(enc, text, strlen(text), NULL, &e) != TN_OK)
        fail_msg("%s", tn_encoder_error(enc));
    for (size_t i = 0, n = 0; i <= e.n; i++)
        n += (size_t)snprintf(due + n, 200 - n, i < e.n ? "%s%d" : "", i ? " " : "", i < e.n ? e.ids[i] : 0);
    tn_encoder_free(enc);
}

/* The ids of a text, as they are and after the tokenizer went through JSON; and what they decode to. */
static void assert_text(const char *json, const char *text, const char *ids, const char *back)
{
    tn_tokenizer *t = parse(json), *u;
    char got[200], *out;
    size_t n;
    encode_as(t, text, got);
    assert_string_equal(got, ids);
    assert_int_equal(tn_tokenizer_json(context, t, &out, &n), TN_OK);
    u = parse(out);
    free(out);
    encode_as(u, text, got);
    assert_string_equal(got, ids);
    tn_encoder *enc = tn_encoder_new(context, u);
    tn_tokens e;
    assert_int_equal(tn_encode(enc, text, strlen(text), TN_OPT(tn_encode_opt, .unpadded = true), &e), TN_OK);
    assert_int_equal(tn_decode(context, u, e.ids, e.n, NULL, &out, &n), TN_OK);
    assert_string_equal(out, back);
    free(out);
    tn_encoder_free(enc);
    tn_tokenizer_free(t);
    tn_tokenizer_free(u);
}

#define WORDS                                                                                                          \
    "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"[UNK]\":0,\"a\":1,\"b\":2,\"1\":3,\".\":4,\"ab\":5},\"unk_"        \
    "token\":\"[UNK]\"}"

static void test_models(void **state)
{
    (void)state;
    assert_text(
        "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true},\"decoder\":{\"type\":\"ByteLevel\"},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\xC4\xA0\":2,\"ab\":3,\"\xC4\xA0"
        "ab\":4},"
        "\"merges\":[[\"a\",\"b\"],\"\xC4\xA0 ab\"]}}",
        "ab abb a", "4 4 1 2 0", " ab abb a");
    assert_text(
        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},{\"type\":\"Lowercase\"}]},"
        "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"always\"},"
        "\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"always\"},"
        "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"\xE2\x96\x81\",-3],[\"f\",-4],[\"i\","
        "-4],"
        "[\"fi\",-5],[\"\xE2\x96\x81"
        "fi\",-9]]}}",
        "\xEF\xAC\x81 FI?!", "1 4 1 4 0", "fi fi<unk>"); /* -8 is better than -9 */
    assert_text(
        "{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
        "\"decoder\":{\"type\":\"WordPiece\"},\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",2],"
        "\"cls\":[\"[CLS]\",1]},\"added_tokens\":[{\"id\":1,\"content\":\"[CLS]\",\"special\":true},{\"id\":2,"
        "\"content\":"
        "\"[SEP]\",\"special\":true}],\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"vocab\":{\"[UNK]\":0,"
        "\"[CLS]\":1,\"[SEP]\":2,\"caf\":3,\"##e\":4,\"!\":5}}}",
        "Caf\xC3\xA9!", "1 3 4 5 2", "cafe!");
    assert_text("{\"pre_tokenizer\":{\"type\":\"Whitespace\"}," WORDS "}", "a ab. c", "1 5 4 0", "a ab . [UNK]");
}

static void test_steps(void **state)
{
    (void)state;
    assert_text("{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{\"type\":"
                "\"Digits\","
                "\"individual_digits\":true},{\"type\":\"Punctuation\"}]}," WORDS "}",
                "a11.b", "1 3 3 4 2", "a 1 1 . b");
    assert_text("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[ab]\"},\"behavior\":\"Isolated\"},"
                "\"decoder\":{\"type\":\"Fuse\"}," WORDS "}",
                "ab1a", "1 2 3 1", "ab1a");
    assert_text("{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x+\"},\"content\":\" "
                "\"},\"pre_tokenizer\":{\"type\":"
                "\"CharDelimiterSplit\",\"delimiter\":\" \"}," WORDS "}",
                "axxbx1", "1 2 3", "a b 1");
    assert_text("{\"truncation\":{\"max_length\":3,\"direction\":\"Left\"},\"padding\":{\"strategy\":{\"Fixed\":5},"
                "\"pad_id\":5},"
                "\"pre_tokenizer\":{\"type\":\"Whitespace\"}," WORDS "}",
                "a b 1 . a", "3 4 1 5 5", "1 . a");
    assert_text("{\"added_tokens\":[{\"id\":6,\"content\":\"<x>\",\"special\":false,\"lstrip\":true}],\"pre_"
                "tokenizer\":{\"type\":"
                "\"WhitespaceSplit\"}," WORDS "}",
                "a  <x>b", "1 6 2", "a <x> b");
}

static void assert_refused(const char *json, const char *words)
{
    assert_null(tn_tokenizer_parse(context, json, strlen(json), "t.json"));
    if (!strstr(tn_context_error(context), words))
        fail_msg("\"%s\" does not say \"%s\"", tn_context_error(context), words);
}

static void test_refused(void **state)
{
    (void)state;
    assert_refused("{\"model\":", "t.json");
    assert_refused("[]", "a list");
    assert_refused("{}", "model");
    assert_refused("{\"model\":{\"type\":\"Magic\",\"vocab\":{}}}", "\"Magic\"");
    assert_refused("{\"normalizer\":{\"type\":\"Nmt\"}," WORDS "}", "\"Nmt\"");
    assert_refused("{\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}," WORDS "}", "\"UnicodeScripts\"");
    assert_refused("{\"decoder\":{\"type\":\"CTC\"}," WORDS "}", "\"CTC\"");
    assert_refused("{\"post_processor\":{\"type\":\"Other\"}," WORDS "}", "\"Other\"");
    assert_refused(
        "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?<=a)b\"},\"behavior\":\"Isolated\"}," WORDS
        "}",
        "at byte 1");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"b\"]]}}",
                   "the second is not in the vocabulary");
    assert_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"unk_token\":\"?\"}}",
                   "unknown token \"?\"");
    assert_refused("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0,\"b\":0}}}", "same id");
    assert_refused("{\"model\":{\"type\":\"Unigram\",\"unk_id\":7,\"vocab\":[[\"a\",0]]}}", "unk_id");
    assert_null(tn_tokenizer_load(context, scratch_path("none.json")));
}

static void assert_matches(const char *pattern, const char *text, const char *due)
{
    base_arena arena = {0};
    base_error e = {0};
    const text_pattern *p = NULL;
    char got[200] = "";
    size_t n = strlen(text), begin, end;
    if (text_pattern_make(&arena, pattern, &p, &e) != TN_OK)
        fail_msg("%s", e.text);
    for (size_t at = 0; at <= n;) {
        bool found;
        assert_int_equal(text_pattern_find(p, text, at, n, &begin, &end, &found, &e), TN_OK);
        if (!found)
            break;
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "[%.*s]", (int)(end - begin), text + begin);
        at = end > begin ? end : end + 1;
    }
    base_arena_free(&arena);
    assert_string_equal(got, due);
}

static void test_patterns(void **state)
{
    (void)state;
    assert_matches("a+|b", "aab", "[aa][b]");
    assert_matches("(a|b)*c", "abac bc", "[abac][bc]");
    assert_matches("a{2,3}", "aaaaa", "[aaa][aa]");
    assert_matches("a+?b", "aab", "[aab]");
    assert_matches("\\p{L}+|\\p{N}{1,3}", "ab1234\xC3\xA9", "[ab][123][4][\xC3\xA9]");
    assert_matches("\\s+(?!\\S)|\\s+", "a   b", "[  ][ ]");
    assert_matches("(?i:'S)", "it's IT'S", "['s]['S]");
    assert_matches("[^a-c\\d]", "abc1x-", "[x][-]");
    assert_matches("(?:ab)+?c|^a", "aababc", "[a][ababc]");
    assert_matches("a++a|b", "aab", "[b]");
}

/* ---- training -------------------------------------------------------------------------------------------------- */

static const char CORPUS[] =
    "low low low low low lower lower newest newest newest newest newest newest widest widest widest\n"
    "The lowest of the widest; newer than the rest, wider than the lowest.\n";

static void test_train_bpe(void **state)
{
    /* What the `tokenizers` library learns of this text, in order. */
    static const char *const merges[] = {"es", "est", "lo", "low", "\xC4\xA0low", "ew"};
    (void)state;
    const tn_text text = {CORPUS, sizeof CORPUS - 1};
    tn_tokenizer *t = tn_tokenizer_train(context, &text, 1, TN_OPT(tn_tokenizer_train_opt, .vocabulary = 262));
    if (!t)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_tokenizer_size(t), 262);
    for (int i = 0; i < 6; i++) {
        char token[40];
        assert_true(tn_tokenizer_token(t, 256 + i, token, sizeof token));
        assert_string_equal(token, merges[i]);
    }
    tn_tokenizer_free(t);
}

static void test_train_kinds(void **state)
{
    static const char *const kinds[] = {"bpe", "wordpiece", "unigram", "words", "characters"};
    const tn_text text = {CORPUS, sizeof CORPUS - 1};
    (void)state;
    for (int i = 0; i < 5; i++) {
        tn_tokenizer *t =
            tn_tokenizer_train(context, &text, 1, TN_OPT(tn_tokenizer_train_opt, .kind = kinds[i], .vocabulary = 300));
        if (!t)
            fail_msg("%s", tn_context_error(context));
        const char *path = scratch_path(kinds[i]);
        assert_int_equal(tn_tokenizer_save(context, t, path), TN_OK);
        tn_tokenizer *u = tn_tokenizer_load(context, path);
        if (!u)
            fail_msg("%s", tn_context_error(context));
        char a[200], b[200];
        encode_as(t, "the lowest wide", a);
        encode_as(u, "the lowest wide", b);
        assert_string_equal(a, b);
        tn_tokenizer_free(t);
        tn_tokenizer_free(u);
    }
    assert_null(tn_tokenizer_train(context, &text, 1, TN_OPT(tn_tokenizer_train_opt, .kind = "magic")));
    assert_non_null(strstr(tn_context_error(context), "magic"));
}

/* What no entry covers becomes its bytes, also after the tokenizer went through JSON. */
static void test_byte_fallback(void **state)
{
    static const char *const kinds[] = {"characters", "unigram"};
    static const char text[] = "the \xE2\x98\x83 low \xC3\xA9 wide";
    const tn_text corpus = {CORPUS, sizeof CORPUS - 1};
    (void)state;
    for (int i = 0; i < 2; i++) {
        tn_tokenizer *t = tn_tokenizer_train(
            context, &corpus, 1,
            TN_OPT(tn_tokenizer_train_opt, .kind = kinds[i], .vocabulary = 400, .byte_fallback = true, .cased = true));
        if (!t)
            fail_msg("%s", tn_context_error(context));
        const char *path = scratch_path(kinds[i]);
        assert_int_equal(tn_tokenizer_save(context, t, path), TN_OK);
        tn_tokenizer *u = tn_tokenizer_load(context, path);
        if (!u)
            fail_msg("%s", tn_context_error(context));
        tn_encoder *e = tn_encoder_new(context, u);
        tn_tokens got;
        char *back = NULL;
        size_t bytes = 0;
        assert_int_equal(tn_encode(e, text, sizeof text - 1, NULL, &got), TN_OK);
        assert_int_equal(tn_decode(context, u, got.ids, got.n, NULL, &back, &bytes), TN_OK);
        assert_string_equal(back, text);
        for (size_t k = 0; k < got.n; k++)
            assert_true(got.ids[k] != tn_tokenizer_roles(u).unknown);
        free(back);
        tn_encoder_free(e);
        tn_tokenizer_free(t);
        tn_tokenizer_free(u);
    }
    assert_null(
        tn_tokenizer_train(context, &corpus, 1, TN_OPT(tn_tokenizer_train_opt, .kind = "bpe", .byte_fallback = true)));
    assert_non_null(strstr(tn_context_error(context), "nothing is unknown"));
}

/* Tiny Shakespeare: the merges of 1,000 and 5,000 entries are, as a hash, those that the `tokenizers` library (0.23.3) learns from its
 * lines, each with its end: BpeTrainer(vocab_size=N, initial_alphabet=ByteLevel.alphabet()). The number of threads changes nothing. */
static void test_train_shakespeare(void **state)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } due[] = {{1000, 0xBDE9707E6A39093Eu}, {5000, 0xB228A6022A3C6246u}};
    (void)state;
    const char *path = shared_file("text/tinyshakespeare.txt");
    for (int i = 0; i < 2; i++) {
        const char *paths[] = {path};
        tn_tokenizer *t =
            tn_tokenizer_train_files(context, paths, 1, TN_OPT(tn_tokenizer_train_opt, .vocabulary = due[i].n));
        uint64_t hash = 0;
        for (size_t id = 256; id < due[i].n; id++) {
            char token[200];
            assert_true(tn_tokenizer_token(t, (int32_t)id, token, sizeof token));
            hash = base_hash(token, strlen(token), hash);
        }
        assert_true(hash == due[i].hash);
        tn_tokenizer_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_train_bpe),     cmocka_unit_test(test_train_kinds),
        cmocka_unit_test(test_byte_fallback), cmocka_unit_test(test_train_shakespeare),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

#else /* nothing can be read or trained: the sentence names what is missing */

static void test_missing(void **state)
{
    (void)state;
    assert_null(tn_tokenizer_train(context, &(tn_text){"a b", 3}, 1, NULL));
    assert_true(strstr(tn_context_error(context), "libutf8proc-dev") ||
                strstr(tn_context_error(context), "libjansson-dev") || tn_context_error(context)[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
#endif
