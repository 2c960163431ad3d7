/* test_golden_unigram.c: Unigram training on tiny Shakespeare gives the entries and scores of the `tokenizers` library
 * (tests/golden/make_unigram.py), whatever the number of threads. Skipped where the text is not there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/text/tokenizer.h"
#include "support/shared.h"

static int hex(int c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* The bytes that a line's hexadecimal digits say. */
static size_t entry_of(const char *line, char *to)
{
    size_t n = 0;
    for (; line[0] && line[0] != '\t'; line += 2)
        to[n++] = (char)(16 * hex(line[0]) + hex(line[1]));
    to[n] = '\0';
    return n;
}

/* Characters that lost their entry get it back at the lowest score, 0.0001 apart, in the order of the library's hash table: theirs are
 * compared no closer. */
static void compare(const tn_tokenizer *t, FILE *file)
{
    char line[256], entry[128];
    size_t lines = 0;
    double least = 0;
    for (size_t i = 0; i < t->size; i++)
        least = fmin(least, t->model.scores[i]);
    while (fgets(line, sizeof line, file)) {
        entry_of(line, entry);
        const int32_t id = tn_tokenizer_id(t, entry);
        const double due = strtod(strchr(line, '\t'), NULL);
        if (id < 0)
            fail_msg("there is no entry \"%s\"", entry);
        const double score = t->model.scores[id], near = score < least + 0.001 ? 0.001 : 1e-6;
        if (fabs(score - due) > near)
            fail_msg("\"%s\" has %.9f; %.9f is due", entry, score, due);
        lines++;
    }
    assert_int_equal(lines + 4, t->size); /* <unk>, <pad>, <s>, </s> */
}

static void test_shakespeare(void **state)
{
    static const int sizes[] = {1000, 5000}, threads[] = {1, 3};
    char golden[4096];
    (void)state;
#ifndef TARN_HAVE_UTF8PROC
    print_message("skipped: NFKC needs utf8proc\n");
    skip();
#endif
    const char *path = shared_file("text/tinyshakespeare.txt");
    for (int i = 0; i < 2; i++) {
        const char *paths[] = {path};
        tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = threads[i]));
        tn_tokenizer *t = tn_tokenizer_train_files(
            c, paths, 1, TN_OPT(tn_tokenizer_train_opt, .kind = "unigram", .vocabulary = (size_t)sizes[i]));
        if (!t)
            fail_msg("%s", tn_context_error(c));
        (void)snprintf(golden, sizeof golden, TARN_SOURCE_DIR "/tests/golden/unigram_%d.tsv", sizes[i]);
        FILE *file = fopen(golden, "r");
        assert_non_null(file);
        compare(t, file);
        (void)fclose(file);
        tn_tokenizer_free(t);
        tn_context_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shakespeare)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
