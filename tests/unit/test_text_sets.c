/* test_text_sets.c: data sets of texts: classes, next tokens, masks, windows, pairs; preparations through JSON and applied to
 * raw lines; what is wrong is said; tokens on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/scratch.h"

#include <tarn/text.h>

static tn_context *context;
static tn_tokenizer *words; /* <pad> 0 <unk> 1 <s> 2 </s> 3 <mask> 4 the 5 cat 6 dog 7 sat 8 */

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (s), sizeof(s) - 1                                                                                             \
    }
static const tn_text corpus[] = {TEXT("the cat sat"), TEXT("the dog"), TEXT("the cat the")};

static int setup(void **state)
{
    static const char *const specials[] = {"<pad>", "<unk>", "<s>", "</s>", "<mask>"};
    (void)state;
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    words = tn_tokenizer_train(context, corpus, 3,
                               TN_OPT(tn_tokenizer_train_opt, .kind = "words", .specials = specials, .n_specials = 5));
#ifdef TARN_HAVE_UTF8PROC
    if (!words)
        print_message("%s\n", tn_context_error(context));
    return !words;
#else
    return words != NULL || !strstr(tn_context_error(context), "libutf8proc-dev");
#endif
}

static int teardown(void **state)
{
    (void)state;
    tn_tokenizer_free(words);
    tn_context_free(context);
    return 0;
}

typedef struct sample {
    int64_t n[3], at[3][64];
} sample;

static sample get(const tn_dataset *d, int64_t i, uint64_t key)
{
    sample s;
    tn_view v[3];
    for (int f = 0; f < tn_dataset_fields(d); f++) {
        const tn_field *field = tn_dataset_field(d, f);
        v[f] = tn_view_of(s.at[f], TN_I64, field->rank, field->dims);
    }
    if (tn_dataset_get(context, d, i, key, v) != TN_OK)
        fail_msg("%s", tn_context_error(context));
    for (int f = 0; f < tn_dataset_fields(d); f++)
        s.n[f] = v[f].rank ? v[f].dims[0] : 1;
    return s;
}

static void assert_row(const int64_t *got, int64_t n, const char *due)
{
    char text[400] = "";
    for (int64_t i = 0, k = 0; i < n; i++)
        k += snprintf(text + k, sizeof text - (size_t)k, "%s%lld", i ? " " : "", (long long)got[i]);
    assert_string_equal(text, due);
}

static void test_words(void **state)
{
    (void)state;
    if (!words)
        skip();
    assert_int_equal(tn_tokenizer_size(words), 9);
    assert_int_equal(tn_tokenizer_id(words, "the"), 5);
    assert_int_equal(tn_tokenizer_id(words, "cat"), 6); /* twice; dog and sat once, in order */
    assert_int_equal(tn_tokenizer_id(words, "sat"), 8);
}

static void test_classes(void **state)
{
    static const char *const names[] = {"no", "yes"};
    static const int64_t labels[] = {1, 0, 1}, wrong[] = {1, 2, 0};
    (void)state;
    if (!words)
        skip();
    tn_preparation *p =
        tn_text_prepare(context, words, TN_OPT(tn_text_opt, .length = 2, .classes = 2, .class_names = names));
    tn_dataset *d = tn_dataset_texts(context, p, corpus, 3, labels);
    sample s = get(d, 0, 0);
    assert_row(s.at[0], s.n[0], "5 6");
    assert_int_equal(s.at[1][0], 1);
    assert_string_equal(tn_dataset_class_name(d, 1), "yes");
    assert_null(tn_dataset_texts(context, p, corpus, 3, wrong));
    assert_non_null(strstr(tn_context_error(context), "text 1 has class 2"));
    assert_null(tn_dataset_texts(context, p, corpus, 3, NULL));

    /* Through JSON, and on raw lines. */
    char *json = tn_preparation_json(context, p);
    assert_non_null(json);
    tn_preparation *q = tn_preparation_parse(context, json, strlen(json));
    if (!q)
        fail_msg("%s", tn_context_error(context));
    assert_non_null(tn_text_tokenizer(q));
    tn_dataset *raw = tn_preparation_read(context, q, "Dog unheard\n\nThe", 16, "test");
    assert_int_equal(tn_dataset_count(raw), 3); /* the empty line is one */
    assert_int_equal(tn_dataset_fields(raw), 1);
    s = get(raw, 0, 0);
    assert_row(s.at[0], s.n[0], "7 1");
    s = get(raw, 1, 0);
    assert_row(s.at[0], s.n[0], "0");
    s = get(raw, 2, 0);
    assert_row(s.at[0], s.n[0], "5");
    assert_null(tn_preparation_read(context, q, "", 0, "nothing"));
    assert_null(tn_preparation_read(context, q, "dog\n\ncat \xe2\x82", 11, "test"));
    assert_string_equal(
        tn_context_error(context),
        "test:3:5: the byte 0xE2 is not UTF-8, in which texts are read; convert the file first, as with "
        "iconv -f LATIN1 -t UTF-8");
    free(json);
    tn_dataset_free(raw);
    tn_preparation_free(q);
    tn_preparation_free(p);
    tn_dataset_free(d);
}

static void test_next(void **state)
{
    static const tn_text texts[] = {TEXT("the cat sat"), TEXT("the"), TEXT("")};
    (void)state;
    if (!words)
        skip();
    tn_preparation *p = tn_text_prepare(context, words, TN_OPT(tn_text_opt, .task = TN_TEXT_NEXT, .length = 8));
    tn_dataset *d = tn_dataset_texts(context, p, texts, 3, NULL);
    sample s = get(d, 0, 0);
    assert_row(s.at[0], s.n[0], "5 6");
    assert_row(s.at[1], s.n[1], "6 8");
    s = get(d, 1, 0);
    assert_row(s.at[0], s.n[0], "5");
    assert_row(s.at[1], s.n[1], "-100");
    s = get(d, 2, 0);
    assert_row(s.at[0], s.n[0], "0");
    assert_int_equal(tn_dataset_classes(d), 9);
    tn_dataset_free(d);
    tn_preparation_free(p);
    p = tn_text_prepare(context, words, TN_OPT(tn_text_opt, .task = TN_TEXT_NEXT, .length = 4, .fixed = true));
    d = tn_dataset_texts(context, p, texts, 3, NULL);
    s = get(d, 0, 0);
    assert_row(s.at[0], s.n[0], "5 6 0 0");
    assert_row(s.at[1], s.n[1], "6 8 -100 -100");
    tn_dataset_free(d);
    tn_preparation_free(p);
    p = tn_text_prepare(context, words,
                        TN_OPT(tn_text_opt, .task = TN_TEXT_NEXT, .length = 4, .fixed = true, .pad_left = true));
    d = tn_dataset_texts(context, p, texts, 3, NULL);
    s = get(d, 0, 0);
    assert_row(s.at[0], s.n[0], "0 0 5 6");
    assert_row(s.at[1], s.n[1], "-100 -100 6 8");
    tn_dataset_free(d);
    tn_preparation_free(p);
}

static void test_windows(void **state)
{
    (void)state;
    if (!words)
        skip();
    tn_preparation *p = tn_text_prepare(context, words, TN_OPT(tn_text_opt, .task = TN_TEXT_NEXT, .length = 3));
    tn_dataset *d = tn_dataset_windows(context, p, corpus, 3, TN_OPT(tn_windows_opt, .stride = 2));
    assert_int_equal(tn_dataset_count(d), 3); /* 5 6 8 5 7 5 6 5 */
    sample s = get(d, 1, 0);
    assert_row(s.at[0], s.n[0], "8 5 7");
    assert_row(s.at[1], s.n[1], "5 7 5");
    tn_dataset_free(d);
    d = tn_dataset_windows(context, p, corpus, 3, TN_OPT(tn_windows_opt, .stride = 2, .shift = true));
    int moved = 0;
    for (uint64_t key = 0; key < 64; key++) {
        sample t = get(d, 1, key), again = get(d, 1, key);
        assert_memory_equal(t.at[0], again.at[0], 24);
        assert_true(t.at[0][0] == 8 || t.at[0][0] == 5);
        moved += t.at[0][0] == 5;
    }
    assert_in_range(moved, 16, 48);
    tn_dataset_free(d);
    assert_null(tn_dataset_windows(context, p, corpus, 1, NULL));
    assert_non_null(strstr(tn_context_error(context), "3 tokens"));
    tn_preparation_free(p);
}

/* The parts that are hidden, and how, over many keys. */
static void test_mask(void **state)
{
    enum { N = 40, KEYS = 2000 };
    int64_t x[N], y[N], hidden = 0, masked = 0, kept = 0;
    (void)state;
    if (!words)
        skip();
    for (uint64_t key = 0; key < KEYS; key++) {
        for (int i = 0; i < N; i++)
            x[i] = i == 0 ? 2 : 5 + i % 4;
        assert_int_equal(tn_text_mask(context, words, x, y, N, 0.15, key), TN_OK);
        assert_int_equal(y[0], -100); /* a special token is never asked for */
        bool any = false;
        for (int i = 1; i < N; i++) {
            assert_true(y[i] == -100 ? x[i] == 5 + i % 4 : y[i] == 5 + i % 4);
            hidden += y[i] != -100;
            masked += y[i] != -100 && x[i] == 4;
            kept += y[i] != -100 && x[i] == y[i];
            any = any || y[i] != -100;
        }
        assert_true(any);
    }
    double part = (double)hidden / (KEYS * (N - 1));
    assert_true(part > 0.145 && part < 0.16);
    assert_true((double)masked / (double)hidden > 0.79 && (double)masked / (double)hidden < 0.83); /* 0.8 + 0.1 / 9 */
    assert_true((double)kept / (double)hidden > 0.10 && (double)kept / (double)hidden < 0.13);
    tn_preparation *p = tn_text_prepare(context, words, TN_OPT(tn_text_opt, .task = TN_TEXT_MASKED, .length = 8));
    tn_dataset *d = tn_dataset_texts(context, p, corpus, 3, NULL);
    sample s = get(d, 0, 1), t = get(d, 0, 1);
    assert_memory_equal(s.at[0], t.at[0], 24);
    assert_int_equal(s.n[1], 3);
    tn_dataset_free(d);
    tn_preparation_free(p);
}

static void test_pairs(void **state)
{
    static const tn_text from[] = {TEXT("the cat"), TEXT("")}, to[] = {TEXT("dog sat the"), TEXT("cat")};
    (void)state;
    if (!words)
        skip();
    tn_dataset *d =
        tn_dataset_pairs(context, words, words, from, to, 2, TN_OPT(tn_pairs_opt, .length = 8, .target_length = 8));
    if (!d)
        fail_msg("%s", tn_context_error(context));
    sample s = get(d, 0, 0);
    assert_row(s.at[0], s.n[0], "5 6");
    assert_row(s.at[1], s.n[1], "2 7 8 5");
    assert_row(s.at[2], s.n[2], "7 8 5 3");
    s = get(d, 1, 0);
    assert_row(s.at[0], s.n[0], "0");
    tn_dataset_free(d);
}

static void put_file(const char *name, const char *text)
{
    base_error e = {0};
    assert_int_equal(base_file_write(scratch_path(name), text, strlen(text), &e), TN_OK);
}

static void test_folder(void **state)
{
    base_error e = {0};
    (void)state;
    assert_non_null(scratch_new());
    for (int i = 0; i < 2; i++)
        assert_int_equal(base_make_folder(scratch_path(i ? "set/pos" : "set/neg"), &e), TN_OK);
    put_file("set/pos/2.txt", "good");
    put_file("set/pos/1.txt", "");
    put_file("set/neg/a.txt", "bad\n");
    put_file("set/neg/a.png", "no text");
    tn_text_folder *f = tn_text_folder_read(context, scratch_path("set"), NULL);
    if (!f)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(f->n, 3);
    assert_int_equal(f->classes, 2);
    assert_string_equal(f->class_names[0], "neg");
    assert_string_equal(f->names[2], "pos/2.txt");
    assert_int_equal(f->labels[0], 0);
    assert_int_equal(f->labels[2], 1);
    assert_int_equal(f->texts[0].bytes, 4);
    assert_memory_equal(f->texts[2].at, "good", 4);
    tn_text_folder_free(f);
    assert_null(tn_text_folder_read(context, scratch_path("set/neg"), NULL));
    assert_non_null(strstr(tn_context_error(context), "a.txt"));
    assert_null(tn_text_folder_read(context, scratch_path("none"), NULL));
    scratch_remove();
}

/* Batches by a loader: as long as the longest, the same with any number of workers. */
static void test_batches(void **state)
{
    (void)state;
    if (!words)
        skip();
    tn_preparation *p = tn_text_prepare(context, words, TN_OPT(tn_text_opt, .task = TN_TEXT_MASKED, .length = 8));
    tn_dataset *d = tn_dataset_texts(context, p, corpus, 3, NULL);
    int64_t all[2][2][9];
    for (int workers = 0; workers < 2; workers++) {
        const tn_batch *b;
        tn_loader *l = tn_loader_new(context, d,
                                     TN_OPT(tn_loader_opt, .batch = 3, .shuffle = true, .seed = 5, .workers = workers));
        assert_int_equal(tn_loader_next(l, &b), TN_OK);
        assert_int_equal(b->fields[0].dims[1], 3);
        memcpy(all[workers][0], b->fields[0].data, sizeof all[0][0]);
        memcpy(all[workers][1], b->fields[1].data, sizeof all[0][1]);
        tn_loader_free(l);
    }
    assert_memory_equal(all[0], all[1], sizeof all[0]);
    tn_dataset_free(d);
    tn_preparation_free(p);
}

/* ---- larger than memory -------------------------------------------------------------------------------------------- */

static void same_samples(const tn_dataset *a, const tn_dataset *b)
{
    assert_true(a && b);
    assert_int_equal(tn_dataset_count(a), tn_dataset_count(b));
    for (int64_t i = 0; i < tn_dataset_count(a); i++) {
        const sample x = get(a, i, 3), y = get(b, i, 3);
        for (int f = 0; f < tn_dataset_fields(a); f++) {
            assert_int_equal(x.n[f], y.n[f]);
            assert_memory_equal(x.at[f], y.at[f], (size_t)x.n[f] * sizeof x.at[f][0]);
        }
    }
}

/* Tokens in a file are those in memory, and of the file nothing is left. */
static void test_on_disk(void **state)
{
    (void)state;
    if (!words)
        skip();
    scratch_new();
    char folder[600];
    (void)snprintf(folder, sizeof folder, "%s", scratch_path("kept"));
    const int64_t labels[] = {1, 0, 1};
    tn_preparation *p = tn_text_prepare(context, words, TN_OPT(tn_text_opt, .length = 8, .classes = 2));
    tn_dataset *a = tn_dataset_texts(context, p, corpus, 3, labels);
    tn_dataset *b = tn_dataset_texts_kept(context, p, corpus, 3, labels, folder);
    same_samples(a, b);
    tn_dataset_free(a);
    tn_dataset_free(b);
    tn_preparation_free(p);
    a = tn_dataset_pairs(context, words, words, corpus, corpus, 3,
                         TN_OPT(tn_pairs_opt, .length = 8, .target_length = 8));
    b = tn_dataset_pairs(context, words, words, corpus, corpus, 3,
                         TN_OPT(tn_pairs_opt, .length = 8, .target_length = 8, .folder = folder));
    same_samples(a, b);
    tn_dataset_free(a);
    tn_dataset_free(b);
    /* a long text goes in pieces: of words, whose ends are never lost, the same tokens */
    enum { BYTES = 3000000 };
    char *text = malloc(BYTES);
    for (int i = 0; i < BYTES; i++)
        text[i] = "the cat sat\nthe dog "[i % 20];
    const tn_text whole = {text, BYTES};
    p = tn_text_prepare(context, words, TN_OPT(tn_text_opt, .task = TN_TEXT_NEXT, .length = 30, .plain = true));
    a = tn_dataset_windows(context, p, &whole, 1, TN_OPT(tn_windows_opt, .stride = 5000));
    b = tn_dataset_windows(context, p, &whole, 1, TN_OPT(tn_windows_opt, .stride = 5000, .folder = folder));
    same_samples(a, b);
    assert_int_equal(tn_dataset_count(a), (int64_t)BYTES / 20 * 5 / 5000);
    tn_dataset_free(a);
    char path[700];
    (void)snprintf(path, sizeof path, "test -z \"$(ls '%s')\"", folder);
    assert_int_equal(system(path), 0);
    tn_dataset_free(b);
    tn_preparation_free(p);
    /* a folder that cannot be made */
    (void)snprintf(path, sizeof path, "%s", scratch_path("file"));
    assert_int_equal(base_file_write(path, "x", 1, NULL), TN_OK);
    assert_null(tn_dataset_pairs(context, words, words, corpus, corpus, 3, TN_OPT(tn_pairs_opt, .folder = path)));
    assert_non_null(strstr(tn_context_error(context), path));
    free(text);
    scratch_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),   cmocka_unit_test(test_classes), cmocka_unit_test(test_next),
        cmocka_unit_test(test_windows), cmocka_unit_test(test_on_disk), cmocka_unit_test(test_mask),
        cmocka_unit_test(test_pairs),   cmocka_unit_test(test_batches), cmocka_unit_test(test_folder),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
