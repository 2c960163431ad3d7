/* test_table_scan.c: the fast ways of reading a table give what the slow ones do: UTF-8 checked 32 bytes at a time, rows with quotes cell by
 * cell, digits eight at a time; and a file that is shorter than it was. labels: threads */
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
#include "base/text.h"
#include "data/table/table.h"
#include "support/scratch.h"

static tn_context *context;

static int setup(void **state)
{
    (void)state;
    scratch_new();
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    return context ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    tn_context_free(context);
    return 0;
}

static uint64_t drawn;
static unsigned draw(unsigned below)
{
    return (unsigned)(base_mix(++drawn) % below);
}

/* Characters of one to four bytes; now and then a byte is changed. */
static size_t draw_text(char *to, size_t most)
{
    static const char *const some[] = {
        "a", "b ", "\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"};
    size_t n = 0;
    const size_t length = draw((unsigned)most - 8);
    while (n < length) {
        const char *one = some[draw(draw(4) ? 2 : 7)];
        memcpy(to + n, one, strlen(one));
        n += strlen(one);
    }
    if (n > 0 && draw(2))
        to[draw((unsigned)n)] = (char)draw(256);
    return n;
}

static void utf8_is_checked(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[300];
        bool wide;
        const size_t n = draw_text(text, sizeof text);
        const char *from = text, *to = text + n;
        const bool valid = table_valid_piece(&from, &to, &wide);
        if (valid != base_utf8_valid(from, (size_t)(to - from)))
            fail_msg("case %d: %zu bytes are%s taken for UTF-8", i, n, valid ? "" : " not");
    }
}

/* The same rows, and one that is no UTF-8, for which every row goes by the states of quotes. */
static void quoted_rows_are_the_same(void **state)
{
    (void)state;
    static const char *const some[] = {"\"", "\"\"",     ",",   "\n",    "\r\n",   " ",
                                       "a",  "\xC3\xA9", "x,y", "\",\"", "\"\n\"", "\"\"\""};
    const tn_table_column_opt told[] = {{.name = "a", .type = TN_COLUMN_TEXT}, {.name = "b", .type = TN_COLUMN_TEXT}};
    const tn_table_opt opt = {
        .bad = TN_BAD_SKIP, .columns = told, .n_columns = 2, .delimiter = ',', .header = TN_HEADER_YES};
    for (int i = 0; i < 5000; i++) {
        char text[600] = "a,b\n\xC3\xA9,\"z\"\n", mixed[640];
        for (unsigned k = draw(60); k > 0; k--)
            strcat(text, some[draw(12)]);
        (void)snprintf(mixed, sizeof mixed, "a,b\n\xFF,\xFF\n%s", text + 4);
        tn_table *one = tn_table_parse(context, text, strlen(text), "t.csv", &opt);
        tn_table *two = tn_table_parse(context, mixed, strlen(mixed), "t.csv", &opt);
        if (!one || !two)
            fail_msg("%s: %s", text, tn_context_error(context));
        if (tn_table_rows(one) != tn_table_rows(two))
            fail_msg("%d and %d rows: %s", (int)tn_table_rows(one), (int)tn_table_rows(two), text);
        for (int64_t r = 0; r < tn_table_rows(one); r++)
            for (int k = 0; k < 2; k++) {
                size_t n, m;
                const char *a = tn_table_text(one, k, r, &n), *b = tn_table_text(two, k, r, &m);
                if (!a != !b || n != m || (a && memcmp(a, b, n) != 0))
                    fail_msg("row %d differs: %s", (int)r, text);
            }
        tn_table_free(one);
        tn_table_free(two);
    }
}

/* A file of several pieces: numbers of every length, texts whose characters lie across the ends of pieces. */
static void pieces_are_put_together(void **state)
{
    (void)state;
    const char *path = scratch_path("pieces.csv");
    const int64_t rows = 120000;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("n,text\n", f);
    for (int64_t i = 0, n = -1; i < rows; i++, n = n * 10 + i % 10 - 4, n %= 1000000000000000)
        fprintf(f, "%lld,\"%lld \xE4\xBD\xA0\xE5\xA5\xBD, \"\"%lld\"\"%s\"\n", (long long)n, (long long)i,
                (long long)(i * i), i % 7 ? "" : "\n");
    fclose(f);
    tn_table *t = tn_table_read(context, path, NULL);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_table_rows(t), rows);
    const int64_t *numbers = tn_table_column(t, 0)->values;
    for (int64_t i = 0, n = -1; i < rows; i++, n = n * 10 + i % 10 - 4, n %= 1000000000000000) {
        char due[100];
        size_t bytes;
        int length = snprintf(due, sizeof due, "%lld \xE4\xBD\xA0\xE5\xA5\xBD, \"%lld\"%s", (long long)i,
                              (long long)(i * i), i % 7 ? "" : "\n");
        const char *text = tn_table_text(t, 1, i, &bytes);
        if (numbers[i] != n || bytes != (size_t)length || memcmp(text, due, bytes) != 0)
            fail_msg("row %d: %lld, %.*s", (int)i, (long long)numbers[i], (int)bytes, text);
    }
    tn_table_free(t);
}

static void shorter_files_are_told(void **state)
{
    (void)state;
    const char *path = scratch_path("short.csv");
    base_error e = {0};
    base_reader r;
    char room[64];
    assert_int_equal(base_file_write(path, "a,b\n1,2\n", 8, &e), TN_OK);
    assert_int_equal(base_reader_open(&r, path, &e), TN_OK);
    assert_int_equal(r.bytes, 8);
    assert_int_equal(base_reader_at(&r, 4, room, 4, &e), TN_OK);
    assert_memory_equal(room, "1,2\n", 4);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("a,b\n", f);
    fclose(f);
    assert_int_equal(base_reader_at(&r, 0, room, 8, &e), TN_IO);
    assert_non_null(strstr(e.text, "became shorter"));
    base_reader_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(quoted_rows_are_the_same),
        cmocka_unit_test(pieces_are_put_together),
        cmocka_unit_test(shorter_files_are_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
