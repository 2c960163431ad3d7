/* test_tokenizer.c: tokenizers from files: GPT-2's cases to the id and any bytes there and back, BERT's rules, llama2.c's
 * cases; decoding id by id; batches on threads; what is wrong with files is said with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/philox.h"
#include "format/json.h"
#include "support/scratch.h"

#include <tarn/text.h>

static tn_context *context;
static tn_tokenizer *gpt2; /* NULL: no data here */

static const char *data_path(const char *name)
{
    static char path[4][4096];
    static int n;
    const char *root = getenv("TARN_DATA");
    n = (n + 1) % 4;
    (void)snprintf(path[n], sizeof path[n], "%s/%s", root ? root : TARN_SOURCE_DIR "/../shared/data", name);
    return path[n];
}

static bool have(const char *name)
{
#if defined(TARN_HAVE_JANSSON) && defined(TARN_HAVE_UTF8PROC)
    if (base_file_exists(data_path(name)))
        return true;
    print_message("skipped: there is no %s\n", data_path(name));
#else
    print_message("skipped: this build has no jansson or no utf8proc (%s)\n", name);
#endif
    return false;
}

static int setup(void **state)
{
    (void)state;
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 3));
    if (!context || !scratch_new())
        return 1;
    if (have("gpt2-bpe/vocab.json")) {
        gpt2 = tn_tokenizer_gpt2(context, data_path("gpt2-bpe/vocab.json"), data_path("gpt2-bpe/merges.txt"), NULL);
        if (!gpt2)
            print_message("%s\n", tn_context_error(context));
        return !gpt2;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tn_tokenizer_free(gpt2);
    tn_context_free(context);
    scratch_remove();
    return 0;
}

/* A parsed JSON file; the caller frees it. */
static format_json *read_json(const char *path)
{
    void *text;
    size_t bytes;
    base_error e = {0};
    format_json *root = NULL;
    assert_int_equal(base_file_read(path, SIZE_MAX, &text, &bytes, &e), TN_OK);
    for (char *nul = text; (nul = strstr(nul, "\\u0000"));
         nul[5] = '1') /* the reader takes no NUL; utf8_hex is what counts */
        continue;
    assert_int_equal(format_json_parse(text, bytes, NULL, path, &root, &e), TN_OK);
    free(text);
    return root;
}

static size_t from_hex(const char *hex, char *out)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return n;
}

static void assert_ids(const tn_tokens *got, const format_json *due, const char *name)
{
    base_error e = {0};
    if (got->n != format_json_count(due))
        fail_msg("%s: %zu ids, %zu are due", name, got->n, format_json_count(due));
    for (size_t i = 0; i < got->n; i++) {
        int64_t id;
        assert_int_equal(format_json_as_i64(format_json_at(due, i), "id", 0, 1 << 24, &id, &e), TN_OK);
        if (got->ids[i] != id)
            fail_msg("%s: id %zu is %d, %lld is due", name, i, got->ids[i], (long long)id);
    }
}

static void assert_decodes(const tn_tokenizer *t, const int32_t *ids, size_t n, const char *text, size_t bytes)
{
    char *out;
    size_t out_bytes;
    assert_int_equal(tn_decode(context, t, ids, n, NULL, &out, &out_bytes), TN_OK);
    assert_int_equal(out_bytes, bytes);
    assert_memory_equal(out, text, bytes);
    free(out);
}

/* Every case as it is, with spans (which takes the long way), and back. */
static void test_gpt2_cases(void **state)
{
    (void)state;
    if (!gpt2)
        skip();
    format_json *root = read_json(data_path("gpt2-bpe/tokenizer_cases.json"));
    tn_encoder *enc = tn_encoder_new(context, gpt2);
    const format_json *cases = format_json_find(root, "cases");
    assert_int_equal(format_json_count(cases), 67);
    for (size_t i = 0; i < format_json_count(cases); i++) {
        const format_json *one = format_json_at(cases, i), *ids = format_json_find(one, "ids");
        const char *hex = NULL;
        char *text = malloc(100000);
        base_error e = {0};
        tn_tokens got;
        assert_int_equal(format_json_get_string(one, "case", "utf8_hex", &hex, &e), TN_OK);
        size_t n = from_hex(hex, text);
        assert_int_equal(tn_encode(enc, text, n, NULL, &got), TN_OK);
        assert_ids(&got, ids, hex);
        assert_decodes(gpt2, got.ids, got.n, text, n);
        assert_int_equal(tn_encode(enc, text, n, TN_OPT(tn_encode_opt, .spans = true), &got), TN_OK);
        assert_ids(&got, ids, hex);
        for (size_t k = 0, at = 0; k < got.n; k++) {
            assert_true(got.spans[k].begin <= at && got.spans[k].end >= at); /* bytes of one character share its span */
            at = got.spans[k].end;
        }
        free(text);
    }
    tn_encoder_free(enc);
    format_json_free(root);
}

/* Any bytes come back as they were, by either way of encoding. */
static void test_any_bytes(void **state)
{
    (void)state;
    if (!gpt2)
        skip();
    tn_encoder *enc = tn_encoder_new(context, gpt2);
    static const char *const bits[] = {" ",    "\n",   "  ", "a",        "the", "'", "'ll",         "\xE4\xBD\xA0",
                                       "\xC3", "\xA9", "9",  "\xF0\x9F", "\t",  "!", "\xE2\x80\x89"};
    char text[2000];
    for (int round = 0; round < 400; round++) {
        base_random r = base_random_new(7, (uint64_t)round);
        size_t n = 0, most = base_random_below(&r, 1900);
        while (n < most) {
            const char *bit = bits[base_random_below(&r, sizeof bits / sizeof bits[0])];
            if (round % 2 == 0) {
                text[n++] = (char)base_random_u32(&r);
            } else {
                memcpy(text + n, bit, strlen(bit));
                n += strlen(bit);
            }
        }
        tn_tokens got, again;
        assert_int_equal(tn_encode(enc, text, n, NULL, &got), TN_OK);
        assert_decodes(gpt2, got.ids, got.n, text, n);
        int32_t *ids = malloc((got.n + 1) * sizeof *ids);
        memcpy(ids, got.ids, got.n * sizeof *ids);
        size_t count = got.n;
        assert_int_equal(tn_encode(enc, text, n, TN_OPT(tn_encode_opt, .spans = true), &again), TN_OK);
        assert_int_equal(again.n, count);
        assert_memory_equal(again.ids, ids, count * sizeof *ids);
        free(ids);
    }
    tn_encoder_free(enc);
}

/* A piece of a hundred thousand bytes without a place to cut. */
static void test_long_piece(void **state)
{
    (void)state;
    if (!gpt2)
        skip();
    enum { N = 100000 };
    char *text = malloc(N);
    tn_encoder *enc = tn_encoder_new(context, gpt2);
    tn_tokens got;
    for (size_t i = 0; i < N; i++)
        text[i] = "abcaab"[base_philox_at(3, i, 0).v[0] % 6];
    assert_int_equal(tn_encode(enc, text, N, NULL, &got), TN_OK);
    assert_decodes(gpt2, got.ids, got.n, text, N);
    free(text);
    tn_encoder_free(enc);
}

static void test_special_on_request(void **state)
{
    (void)state;
    if (!gpt2)
        skip();
    static const char text[] = "one<|endoftext|>two";
    tn_tokenizer *t = tn_tokenizer_gpt2(context, data_path("gpt2-bpe/vocab.json"), data_path("gpt2-bpe/merges.txt"),
                                        TN_OPT(tn_tokenizer_gpt2_opt, .special = true));
    tn_encoder *enc = tn_encoder_new(context, t);
    tn_tokens got;
    char *out;
    size_t n;
    assert_int_equal(tn_encode(enc, text, sizeof text - 1, NULL, &got), TN_OK);
    assert_int_equal(got.n, 3);
    assert_int_equal(got.ids[1], 50256);
    assert_decodes(t, got.ids, got.n, "onetwo", 6);
    assert_int_equal(tn_decode(context, t, got.ids, got.n, TN_OPT(tn_decode_opt, .keep_special = true), &out, &n),
                     TN_OK);
    assert_string_equal(out, text);
    free(out);
    assert_int_equal(tn_tokenizer_id(t, "<|endoftext|>"), 50256);
    assert_int_equal(tn_tokenizer_id(t, "\xC4\xA0the"), 262);
    assert_int_equal(tn_tokenizer_size(t), 50257);
    tn_encoder_free(enc);
    tn_tokenizer_free(t);
}

static void test_decoder_never_halves(void **state)
{
    (void)state;
    if (!gpt2)
        skip();
    static const char text[] = "na\xC3\xAFve \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\xA6\x8A fox \xF0\x9F";
    tn_encoder *enc = tn_encoder_new(context, gpt2);
    tn_decoder *dec = tn_decoder_new(context, gpt2, NULL);
    tn_tokens got;
    tn_text part;
    char all[100];
    size_t n = 0;
    assert_int_equal(tn_encode(enc, text, sizeof text - 1, NULL, &got), TN_OK);
    for (size_t i = 0; i < got.n; i++) {
        assert_int_equal(tn_decoder_push(dec, got.ids[i], &part), TN_OK);
        memcpy(all + n, part.at, part.bytes);
        n += part.bytes;
        if (n < sizeof text - 3)
            assert_true(n == 0 || ((unsigned char)text[n] & 0xC0) != 0x80);
    }
    assert_int_equal(n, sizeof text - 3);
    assert_int_equal(tn_decoder_finish(dec, &part), TN_OK);
    assert_int_equal(part.bytes, 2);
    assert_memory_equal(all, text, n);
    assert_int_equal(tn_decoder_push(dec, 999999, &part), TN_INVALID);
    assert_non_null(strstr(tn_decoder_error(dec), "999999"));
    tn_decoder_free(dec);
    tn_encoder_free(enc);
}

static void test_batch(void **state)
{
    (void)state;
    if (!gpt2)
        skip();
    enum { N = 1000 };
    static char texts[N][40];
    tn_text list[N];
    tn_token_rows rows;
    tn_encoder *enc = tn_encoder_new(context, gpt2);
    tn_tokens one;
    for (int i = 0; i < N; i++)
        list[i] = (tn_text){texts[i], (size_t)snprintf(texts[i], sizeof texts[i], "row %d of %x", i, i * 7919)};
    assert_int_equal(tn_encode_batch(context, gpt2, list, N, NULL, &rows), TN_OK);
    assert_int_equal(rows.rows, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(tn_encode(enc, list[i].at, list[i].bytes, NULL, &one), TN_OK);
        assert_int_equal(rows.starts[i + 1] - rows.starts[i], one.n);
        assert_memory_equal(rows.ids + rows.starts[i], one.ids, one.n * sizeof *one.ids);
    }
    tn_token_rows_free(&rows);
    assert_int_equal(tn_encode_batch(context, gpt2, NULL, 0, NULL, &rows), TN_OK);
    assert_int_equal(rows.rows, 0);
    tn_token_rows_free(&rows);
    tn_encoder_free(enc);
}

static void test_limits_and_padding(void **state)
{
    (void)state;
    if (!gpt2)
        skip();
    static const char text[] = "one two three four five";
    tn_encoder *enc = tn_encoder_new(context, gpt2);
    tn_tokens all, got;
    int32_t ids[5];
    assert_int_equal(tn_encode(enc, text, sizeof text - 1, NULL, &all), TN_OK);
    assert_int_equal(all.n, 5);
    memcpy(ids, all.ids, sizeof ids);
    assert_int_equal(tn_encode(enc, text, sizeof text - 1, TN_OPT(tn_encode_opt, .max_length = 3), &got), TN_OK);
    assert_int_equal(got.n, 3);
    assert_memory_equal(got.ids, ids, 12);
    assert_int_equal(
        tn_encode(enc, text, sizeof text - 1, TN_OPT(tn_encode_opt, .max_length = 3, .truncate_left = true), &got),
        TN_OK);
    assert_memory_equal(got.ids, ids + 2, 12);
    assert_int_equal(tn_encode(enc, text, sizeof text - 1,
                               TN_OPT(tn_encode_opt, .pad_to = 8, .pad_left = true, .types = true), &got),
                     TN_OK);
    assert_int_equal(got.n, 8);
    assert_int_equal(got.first, 3);
    assert_int_equal(got.length, 5);
    assert_memory_equal(got.ids + 3, ids, 20);
    assert_int_equal(tn_encode(enc, "", 0, NULL, &got), TN_OK);
    assert_int_equal(got.n, 0);
    tn_encoder_free(enc);
}

static void test_llama2(void **state)
{
    (void)state;
    if (!have("stories260k/tok512.bin"))
        skip();
    tn_tokenizer *t = tn_tokenizer_llama2(context, data_path("stories260k/tok512.bin"), false);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    format_json *root = read_json(data_path("stories260k/expected.json"));
    tn_encoder *enc = tn_encoder_new(context, t);
    const format_json *cases = format_json_find(root, "encode");
    assert_true(format_json_count(cases) >= 10);
    for (size_t i = 0; i < format_json_count(cases); i++) {
        const format_json *one = format_json_at(cases, i);
        const char *hex = NULL;
        char text[10000];
        base_error e = {0};
        tn_tokens got;
        assert_int_equal(format_json_get_string(one, "case", "utf8_hex", &hex, &e), TN_OK);
        size_t n = from_hex(hex, text);
        assert_int_equal(tn_encode(enc, text, n, NULL, &got), TN_OK);
        assert_ids(&got, format_json_find(one, "ids"), hex);
        assert_decodes(t, got.ids, got.n, text, n);
    }
    tn_encoder_free(enc);
    format_json_free(root);
    tn_tokenizer_free(t);
}

/* ---- BERT ------------------------------------------------------------------------------------------------------ */

static const char *const BERT_VOCAB = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n,\n!"
                                      "\ncafe\n\xE4\xB8\xAD\n\xE6\x96\x87\nun\n##aff\n##able\n";

static const char *write_text(const char *name, const char *text)
{
    const char *path = scratch_path(name);
    base_error e = {0};
    assert_int_equal(base_file_write(path, text, strlen(text), &e), TN_OK);
    return path;
}

static void assert_encodes(tn_encoder *enc, const char *text, const tn_encode_opt *opt, const char *due)
{
    char got[1000] = "";
    tn_tokens e;
    if (tn_encode(enc, text, strlen(text), opt, &e) != TN_OK)
        fail_msg("%s: %s", text, tn_encoder_error(enc));
    for (size_t i = 0, n = 0; i < e.n; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%d", i ? " " : "", e.ids[i]);
    assert_string_equal(got, due);
}

static void test_bert(void **state)
{
    (void)state;
#ifndef TARN_HAVE_UTF8PROC
    assert_null(tn_tokenizer_bert(context, write_text("vocab.txt", BERT_VOCAB), NULL));
    assert_non_null(strstr(tn_context_error(context), "libutf8proc-dev"));
#else
    tn_tokenizer *t = tn_tokenizer_bert(context, write_text("vocab.txt", BERT_VOCAB), NULL);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    tn_encoder *enc = tn_encoder_new(context, t);
    tn_tokens e;
    assert_encodes(enc, "Hello, WORLDS!", NULL, "2 5 8 6 7 9 3");
    assert_encodes(enc, "Caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87unaffable", NULL, "2 10 11 12 13 14 15 3");
    assert_encodes(enc, "hello[SEP]xyz", NULL, "2 5 3 1 3");
    assert_encodes(enc, "hello\xFFworld", NULL, "2 1 3"); /* as U+FFFD, which goes: one word */
    assert_encodes(enc, "hello", TN_OPT(tn_encode_opt, .plain = true), "5");
    assert_encodes(enc, "hello", TN_OPT(tn_encode_opt, .pad_to = 5), "2 5 3 0 0");
    assert_encodes(enc, "hello world , !", TN_OPT(tn_encode_opt, .max_length = 4), "2 5 6 3");
    assert_int_equal(tn_encode_pair(enc, (tn_text){"hello", 5}, (tn_text){"worlds", 6},
                                    TN_OPT(tn_encode_opt, .types = true, .spans = true), &e),
                     TN_OK);
    assert_int_equal(e.n, 6);
    assert_memory_equal(e.types, "\0\0\0\1\1\1", 6);
    assert_memory_equal(e.ids, ((const int32_t[]){2, 5, 3, 6, 7, 3}), 24);
    assert_int_equal(e.spans[4].begin, 5);
    assert_int_equal(e.spans[4].end, 6);
    assert_decodes(t, e.ids, e.n, "hello worlds", 12);
    tn_token_roles roles = tn_tokenizer_roles(t);
    assert_int_equal(roles.pad, 0);
    assert_int_equal(roles.mask, 4);
    tn_encoder_free(enc);
    tn_tokenizer_free(t);
#endif
}

/* ---- what is wrong --------------------------------------------------------------------------------------------- */

static void assert_gpt2_fails(const char *vocab, const char *merges, const char *words)
{
    const char *v = vocab ? write_text("v.json", vocab) : scratch_path("none.json");
    const char *m = merges ? write_text("m.txt", merges) : scratch_path("none.txt");
    tn_tokenizer *t = tn_tokenizer_gpt2(context, v, m, NULL);
    assert_null(t);
    if (!strstr(tn_context_error(context), words))
        fail_msg("\"%s\" does not say \"%s\"", tn_context_error(context), words);
}

static void test_wrong_files(void **state)
{
    (void)state;
#if defined(TARN_HAVE_JANSSON) && defined(TARN_HAVE_UTF8PROC)
    static const char good[] = "{\"a\": 0, \"b\": 1, \"ab\": 2}";
    assert_gpt2_fails(NULL, "", "none.json");
    assert_gpt2_fails(good, NULL, "none.txt");
    assert_gpt2_fails("{\"a\": 0, ", "a b\n", "v.json");
    assert_gpt2_fails("{\"a\": 0, \"b\": 0}", "a b\n", "same id 0");
    assert_gpt2_fails("{\"a\": 0, \"a\": 1}", "a b\n", "\"a\"");
    assert_gpt2_fails("{\"a\": 0, \"b\": 9000000}", "", "9000000");
    assert_gpt2_fails("{\"a\": 0, \"b\": \"x\"}", "", "\"b\" is a string");
    assert_gpt2_fails("[1]", "", "a list");
    assert_gpt2_fails(good, "#version: 0.2\na b\nb a\n", "m.txt:3: merge of \"b\" and \"a\": what they give");
    assert_gpt2_fails(good, "a c\n", "the second");
    assert_gpt2_fails(good, "a\n", "m.txt:1");
    assert_gpt2_fails(good, "a b c\n", "m.txt:1");
#endif
    assert_null(tn_tokenizer_bert(context, scratch_path("none.txt"), NULL));
    assert_null(tn_tokenizer_bert(context, write_text("empty.txt", ""), NULL));
    assert_null(tn_tokenizer_bert(context, write_text("twice.txt", "a\nb\na\n"), NULL));
    assert_non_null(strstr(tn_context_error(context), "twice"));
    assert_null(tn_tokenizer_llama2(context, write_text("short.bin", "abc"), false));
    assert_null(tn_tokenizer_llama2(context, write_text("cut.bin", "abcdefghijkl"), false));
    assert_non_null(strstr(tn_context_error(context), "offset 4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpt2_cases),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_long_piece),
        cmocka_unit_test(test_special_on_request),
        cmocka_unit_test(test_decoder_never_halves),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_limits_and_padding),
        cmocka_unit_test(test_llama2),
        cmocka_unit_test(test_bert),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
