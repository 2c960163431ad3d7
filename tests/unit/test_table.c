/* test_table.c: tables: what is read from CSV, JSON lines and SQLite, which types and assumptions come out, and the sentences for
 * what is wrong. labels: threads */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#ifdef TARN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/context.h"
#include "base/file.h"
#include "base/philox.h"
#include "data/table/table.h"
#include "support/scratch.h"

static tn_context *context;

static int setup(void **state)
{
    (void)state;
    context = tn_context_new(TN_OPT(tn_context_opt, .threads = 2));
    scratch_new();
    return context ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    tn_context_free(context);
    return 0;
}

static tn_table *read_as(const char *text, const char *name, const tn_table_opt *opt)
{
    tn_table *t = tn_table_parse(context, text, strlen(text), name, opt);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static tn_table *read_text(const char *text, const tn_table_opt *opt)
{
    return read_as(text, "t.csv", opt);
}

static void refuse_bytes(const char *text, size_t bytes, const char *name, const tn_table_opt *opt,
                         const char *sentence)
{
    tn_table *t = tn_table_parse(context, text, bytes, name, opt);
    if (t)
        fail_msg("%s passes", text);
    if (!strstr(tn_context_error(context), sentence))
        fail_msg("\"%s\" does not have \"%s\"", tn_context_error(context), sentence);
}

static void refuse(const char *text, const tn_table_opt *opt, const char *sentence)
{
    refuse_bytes(text, strlen(text), "t.csv", opt, sentence);
}

static bool noted(const tn_table *t, const char *part)
{
    for (int i = 0; tn_table_note(t, i); i++)
        if (strstr(tn_table_note(t, i), part))
            return true;
    return false;
}

static tn_column_type type_of(const tn_table *t, const char *name)
{
    const tn_column *c = tn_table_column(t, tn_table_find(t, name));
    assert_non_null(c);
    return c->type;
}

static int64_t integer(const tn_table *t, const char *name, int64_t row)
{
    assert_int_equal(type_of(t, name), TN_COLUMN_INTEGER);
    return ((const int64_t *)tn_table_column(t, tn_table_find(t, name))->values)[row];
}

static double real(const tn_table *t, const char *name, int64_t row)
{
    return ((const double *)tn_table_column(t, tn_table_find(t, name))->values)[row];
}

static void text_is(const tn_table *t, const char *name, int64_t row, const char *due)
{
    size_t n;
    const char *text = tn_table_text(t, tn_table_find(t, name), row, &n);
    if (!due) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    if (n != strlen(due) || memcmp(text, due, n) != 0)
        fail_msg("%.*s is not %s", (int)n, text, due);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void types_are_inferred(void **state)
{
    (void)state;
    tn_table *t = read_text("n,x,who,ok,when,none\n1,1.5,a,true,2016-07-01,\n-2,2,b,False,2016-07-01 13:30:00,NA\n"
                            "+3,-1e-3,a,,2016-07-02T00:00:00Z,?\n,nan,\"c \"\"d\"\"\",TRUE,,\n",
                            NULL);
    assert_int_equal(tn_table_rows(t), 4);
    assert_int_equal(tn_table_columns(t), 6);
    assert_int_equal(integer(t, "n", 0), 1);
    assert_int_equal(integer(t, "n", 1), -2);
    assert_int_equal(integer(t, "n", 2), 3);
    assert_true(tn_table_missing(t, 0, 3));
    assert_int_equal(tn_table_column(t, 0)->n_missing, 1);
    assert_int_equal(type_of(t, "x"), TN_COLUMN_NUMBER);
    assert_true(real(t, "x", 2) == -1e-3 && isnan(real(t, "x", 3)));
    assert_int_equal(type_of(t, "who"), TN_COLUMN_CATEGORY);
    text_is(t, "who", 3, "c \"d\"");
    assert_string_equal(tn_table_column(t, 2)->names[0], "a");
    assert_int_equal(tn_table_column(t, 2)->categories, 3);
    assert_int_equal(type_of(t, "ok"), TN_COLUMN_BOOLEAN);
    assert_int_equal(((const uint8_t *)tn_table_column(t, 3)->values)[3], 1);
    assert_int_equal(type_of(t, "when"), TN_COLUMN_TIME);
    assert_true(real(t, "when", 0) == 1467331200 && real(t, "when", 1) == 1467331200 + 13.5 * 3600);
    assert_true(real(t, "when", 2) == 1467331200 + 86400);
    assert_int_equal(tn_table_column(t, 5)->n_missing, 4);
    assert_true(noted(t, "the encoding is UTF-8") && noted(t, "separated by ,") && noted(t, "is a header"));
    tn_table_free(t);
}

/* Random doubles and awkward ones: as strtod reads them. */
static void numbers_are_exact(void **state)
{
    (void)state;
    const char *some[] = {"0.1",
                          "1.5989999771118164",
                          "9007199254740993",
                          "123456789012345678",
                          "1e22",
                          "1e23",
                          "5e-324",
                          "2.2250738585072011e-308",
                          "1.7976931348623157e308",
                          "0.000000000000000000000000001",
                          "12345678901234567890",
                          "123456789.123456789123456789",
                          "00001.50",
                          "-0",
                          ".5",
                          "5.",
                          "+7.25",
                          "1234567890.1234567",
                          "18446744073709551615e-27",
                          "9999999999999999999e-19",
                          "0e999",
                          "1e-400"};
    base_random r = base_random_new(7, 7);
    for (int i = 0; i < 20000 + (int)(sizeof some / sizeof *some); i++) {
        char text[64];
        double v = 0;
        if (i < (int)(sizeof some / sizeof *some))
            (void)snprintf(text, sizeof text, "%s", some[i]);
        else
            (void)snprintf(text, sizeof text, "%.*g", 1 + (int)base_random_below(&r, 19),
                           (base_random_f64(&r) - 0.5) * pow(10, (double)base_random_below(&r, 40) - 20));
        if (!table_parse_f64(text, strlen(text), &v) || v != strtod(text, NULL))
            fail_msg("%s gives %.17g", text, v);
    }
    double v;
    const char * not [] = {"", "-", ".", "1.2.3", "1e", "e5", "1,5", "0x10", "1 2", "--1", "1e+", "12345678a", "."};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        assert_false(table_parse_f64(not [i], strlen(not [i]), &v));
    int64_t n;
    assert_true(table_parse_i64("-9223372036854775808", 20, &n) && n == INT64_MIN);
    assert_false(table_parse_i64("9223372036854775808", 19, &n));
    assert_false(table_parse_i64("1.0", 3, &n));
}

static void times_are_read_and_written(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool day_first;
        double due;
    } some[] = {{"1970-01-01", false, 0},
                {"2000-02-29 12:00", false, 951825600},
                {"1969-12-31 23:59:59", false, -1},
                {"3/4/2021", false, 1614816000},
                {"3/4/2021", true, 1617408000},
                {"03.04.2021", false, 1617408000},
                {"2021/04/03", false, 1617408000},
                {"2021-04-03T02:00:00+02:00", false, 1617408000},
                {"2021-04-03 00:00:00.250", false, 1617408000.25}};
    double v;
    char text[40];
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        if (!table_parse_time(some[i].text, strlen(some[i].text), some[i].day_first, &v) || v != some[i].due)
            fail_msg("%s gives %.3f", some[i].text, v);
    const char *
        not [] = {"2021-02-29", "2021-13-01", "2021-1-1x", "12:00:00", "2021-01-01 24:00", "13/13/2021", "1.2.3.4567"};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        assert_false(table_parse_time(not [i], strlen(not [i]), false, &v));
    for (int64_t day = -200000; day < 200000; day += 37) {
        double t = (double)day * 86400 + 3723;
        table_format_time(t, text);
        assert_true(table_parse_time(text, strlen(text), false, &v) || day < -190000);
        assert_true(v == t || day < -190000);
    }
    assert_int_equal(table_date_of(1467331200).weekday, 4); /* a Friday */
    tn_table *t = read_text("d,v\n1/2/2020,1\n13/2/2020,2\n", NULL);
    assert_true(real(t, "d", 0) == 1580515200);
    tn_table_free(t);
}

/* ---- forms ------------------------------------------------------------------------------------------------------ */

static void forms_of_csv(void **state)
{
    (void)state;
    tn_table *t = read_text("\xEF\xBB\xBF"
                            "a;b\r\n\"x\r\ny\";1\r\n\r\n  z ;2",
                            NULL);
    assert_int_equal(tn_table_rows(t), 2);
    text_is(t, "a", 0, "x\r\ny");
    text_is(t, "a", 1, "z");
    assert_int_equal(integer(t, "b", 1), 2);
    tn_table_free(t);
    t = read_text("A11 6 A34 1\nA12 48 A32 2\nA14 12 A34 1\n", NULL);
    assert_int_equal(tn_table_columns(t), 4);
    assert_int_equal(integer(t, "column_2", 1), 48);
    assert_true(noted(t, "no header") && noted(t, "spaces"));
    tn_table_free(t);
    t = read_text("one , long\t0\nit 's , good\t1\n", NULL);
    assert_int_equal(tn_table_columns(t), 2);
    assert_int_equal(tn_table_rows(t), 2);
    tn_table_free(t);
    t = read_text("1,2\n3,4\n", TN_OPT(tn_table_opt, .header = TN_HEADER_YES));
    assert_int_equal(tn_table_rows(t), 1);
    assert_int_equal(integer(t, "2", 0), 4);
    tn_table_free(t);
    t = read_text("a,b\n5' 6\",x\n\"q\" ,y\n", NULL); /* a quote inside is a character */
    text_is(t, "a", 0, "5' 6\"");
    text_is(t, "a", 1, "q");
    tn_table_free(t);
    t = read_text("a,b\n", NULL);
    assert_int_equal(tn_table_rows(t), 0);
    tn_table_free(t);
    t = read_text("v\n1\n\n2\n", NULL);
    assert_int_equal(tn_table_rows(t), 2);
    tn_table_free(t);
    t = read_text("x,y\n-,1\n0,2\n", TN_OPT(tn_table_opt, .missing = (const char *const[]){"-"}, .n_missing = 1));
    assert_int_equal(type_of(t, "x"), TN_COLUMN_INTEGER);
    assert_true(tn_table_missing(t, 0, 0));
    tn_table_free(t);
}

static void encodings(void **state)
{
    (void)state;
    tn_table *t = read_text("name,v\nJos\xE9,1\n", NULL);
    text_is(t, "name", 0, "Jos\xC3\xA9");
    assert_true(noted(t, "Latin-1"));
    tn_table_free(t);
    base_str long_one = {0}; /* bytes above ASCII in a block that is not UTF-8 are no sign of UTF-8 */
    base_str_add(&long_one, "a,w,y\n");
    for (int i = 0; i < 40; i++)
        base_str_printf(&long_one, "%d,r\xF6\xDFt,yes\n%d,blau,no\n", i, i);
    t = read_text(base_str_text(&long_one), NULL);
    text_is(t, "w", 0, "r\xC3\xB6\xC3\x9Ft");
    assert_true(noted(t, "Latin-1"));
    tn_table_free(t);
    base_str_free(&long_one);
    const char little[] = "\xFF\xFE"
                          "a\0,\0b\0\n\0\x2C\x6F,\0"
                          "1\0\n\0"
                          "\x3D\xD8\x00\xDE,\0"
                          "2\0";
    t = tn_table_parse(context, little, sizeof little - 1, "t.csv", NULL);
    assert_non_null(t);
    text_is(t, "a", 0, "\xE6\xBC\xAC");
    text_is(t, "a", 1, "\xF0\x9F\x98\x80");
    tn_table_free(t);
    const char big[] = "\0a\0,\0b\0\n\0x\0,\0"
                       "1\0\n";
    t = tn_table_parse(context, big, sizeof big - 1, "t.csv", NULL);
    assert_non_null(t);
    assert_true(noted(t, "UTF-16 (big-endian)"));
    tn_table_free(t);
    const char *mixed = "name,v\nJos\xC3\xA9,1\nJos\xE9,2\nAna,3\n";
    refuse(mixed, NULL, "t.csv:3:4: the byte 0xE9 is not UTF-8");
    t = read_text(mixed, TN_OPT(tn_table_opt, .bad = TN_BAD_SKIP));
    assert_int_equal(tn_table_rows(t), 2);
    assert_int_equal(tn_table_skipped(t), 1);
    assert_true(noted(t, "mixture"));
    tn_table_free(t);
    refuse("n\xE9,\xC3\xA9\n1,2\n", TN_OPT(tn_table_opt, .bad = TN_BAD_SKIP), "t.csv:1: the first line is not UTF-8");
    refuse("a\n\xE9\n", TN_OPT(tn_table_opt, .encoding = TN_ENCODING_UTF8), "Latin-1, say so");
    t = read_text("a,b\n\xE9,1\n", TN_OPT(tn_table_opt, .encoding = TN_ENCODING_LATIN1));
    text_is(t, "a", 0, "\xC3\xA9");
    tn_table_free(t);
    refuse_bytes("\xFF\xFE"
                 "a",
                 3, "t.csv", NULL, "number of bytes is even");
    refuse_bytes("\xFF\xFE"
                 "a\0\0\xD8",
                 6, "t.csv", NULL, "surrogates");
}

/* Zero bytes, which would end a name or a category early. */
static void zeros(void **state)
{
    (void)state;
    static const char csv[] = "x,c\n1,red\n2,r\0d\n3,blue\n4,\"r\0\"\n5,red\n", head[] = "x\0,c\n1,2\n",
                      json[] =
                          "{\"x\":1,\"\xFF\":2}\n{\"x\":2,\"c\":\"\xC3\xA9\"}\n{\"x\":3,\"c\":\"a\0\"}\n{\"x\":4}\n";
    refuse_bytes(csv, sizeof csv - 1, "t.csv", NULL, "t.csv:3:4: the byte 0x00 is in no text");
    tn_table *t = tn_table_parse(context, csv, sizeof csv - 1, "t.csv", TN_OPT(tn_table_opt, .bad = TN_BAD_SKIP));
    assert_non_null(t);
    assert_true(tn_table_rows(t) == 3 && tn_table_skipped(t) == 2);
    text_is(t, "c", 1, "blue");
    assert_true(noted(t, "t.csv:3:1: this row holds a zero byte"));
    tn_table_free(t);
    refuse_bytes(head, sizeof head - 1, "t.csv", TN_OPT(tn_table_opt, .bad = TN_BAD_SKIP), "t.csv:1: the first line");
    refuse_bytes(json, sizeof json - 1, "t.jsonl", NULL, "t.jsonl:1:9: the byte 0xFF is not UTF-8");
    t = tn_table_parse(context, json, sizeof json - 1, "t.jsonl", TN_OPT(tn_table_opt, .bad = TN_BAD_SKIP));
    assert_non_null(t);
    assert_true(tn_table_rows(t) == 2 && tn_table_skipped(t) == 2 && tn_table_columns(t) == 2);
    tn_table_free(t);
    t = tn_table_parse(context, "{\"c\":\"a\\u0000b\"}", 16, "t.jsonl", NULL);
    assert_non_null(t);
    text_is(t, "c", 0,
            "a\xEF\xBF\xBD"
            "b");
    tn_table_free(t);
}

/* ---- what is wrong ---------------------------------------------------------------------------------------------- */

static void wrong_rows_are_told(void **state)
{
    (void)state;
    refuse("a,b\n1,2\n3\n", NULL, "t.csv:3:1: this row has 1 cell, but the table has 2 columns");
    refuse("a,b\n1,2\n3,4,5\n", NULL, "t.csv:3:1: this row has 3 cells");
    refuse("a,b\n1,\"x\" y\n", NULL, "t.csv:2:7: after the closing quote");
    refuse("a,b\n1,\"x\n2,3\n", NULL, "t.csv:2:3: the quote that opens here is never closed");
    refuse("a,b,a\n1,2,3\n", NULL, "columns 1 and 3 are both named \"a\"");
    refuse("", NULL, "t.csv is empty");
    refuse("\n\n", NULL, "t.csv is empty");
    const tn_table_column_opt told = {.name = "b", .type = TN_COLUMN_NUMBER};
    const char *text = "a,b\n1,2\n2,x y\n3,4\n4\n5,\"z\n";
    tn_table_opt opt = {.columns = &told, .n_columns = 1};
    refuse(text, &opt, "t.csv:3:3: column \"b\": \"x y\" is not of the type number that was told");
    opt.bad = TN_BAD_SKIP;
    tn_table *t = read_text(text, &opt);
    assert_int_equal(tn_table_rows(t), 2);
    assert_int_equal(tn_table_skipped(t), 3);
    assert_int_equal(integer(t, "a", 1), 3);
    assert_true(real(t, "b", 1) == 4 && !tn_table_missing(t, 1, 0) && !tn_table_missing(t, 1, 1));
    assert_true(noted(t, "3 rows were skipped") && noted(t, "t.csv:3:3"));
    tn_table_free(t);
    opt.bad = TN_BAD_MISSING;
    t = read_text(text, &opt);
    assert_int_equal(tn_table_rows(t), 3);
    assert_int_equal(tn_table_bad_values(t), 1);
    assert_true(tn_table_missing(t, 1, 1));
    tn_table_free(t);
    t = read_text("a,a,\n1,2,3\n", TN_OPT(tn_table_opt, .bad = TN_BAD_SKIP));
    assert_int_equal(integer(t, "a_2", 0), 2);
    assert_int_equal(integer(t, "column_3", 0), 3);
    tn_table_free(t);
    const tn_table_column_opt none = {.name = "c", .type = TN_COLUMN_TEXT};
    refuse("a,b\n1,2\n", TN_OPT(tn_table_opt, .columns = &none, .n_columns = 1), "has no column \"c\"");
    refuse("a\n", TN_OPT(tn_table_opt, .delimiter = '"'), "two different");
}

/* ---- large ones: chunks, threads, types that give way ----------------------------------------------------------- */

static void same_tables(const tn_table *a, const tn_table *b)
{
    assert_int_equal(tn_table_rows(a), tn_table_rows(b));
    assert_int_equal(tn_table_columns(a), tn_table_columns(b));
    for (int k = 0; k < tn_table_columns(a); k++) {
        const tn_column *x = tn_table_column(a, k), *y = tn_table_column(b, k);
        assert_int_equal(x->type, y->type);
        assert_int_equal(x->n_missing, y->n_missing);
        assert_int_equal(x->categories, y->categories);
        assert_memory_equal(x->values, y->values, (size_t)tn_table_rows(a) * table_value_size(x->type));
        for (int64_t r = 0; r < tn_table_rows(a); r++)
            assert_true(tn_table_missing(a, k, r) == tn_table_missing(b, k, r));
        for (int i = 0; i < x->categories; i++)
            assert_string_equal(x->names[i], y->names[i]);
        if (x->type == TN_COLUMN_TEXT)
            assert_memory_equal(x->text, y->text, ((const uint64_t *)x->values)[tn_table_rows(a) - 1]);
    }
}

static void threads_make_no_difference(void **state)
{
    (void)state;
    base_str s = {0};
    base_random r = base_random_new(3, 1);
    base_str_add(&s, "id,late,word,text,mixed\n");
    for (int i = 0; i < 120000; i++) {
        base_str_printf(&s, "%d,", i);
        if (i > 90000)
            base_str_printf(&s, "%d.5,", i);
        else if (base_random_below(&r, 50) == 0)
            base_str_add(&s, "NA,");
        else
            base_str_printf(&s, "%d,", i * 7);
        base_str_printf(&s, "w%d,", (int)base_random_below(&r, 30));
        base_str_printf(&s, base_random_below(&r, 3) ? "\"line %d\n\"\"of\"\" many, many more\"," : "plain %d,", i);
        base_str_printf(&s, i == 110000 ? "x\n" : "%d\n", i);
        if (i % 1000 == 0)
            base_str_add(&s, "\r\n");
    }
    tn_table *one = read_text(s.text, TN_OPT(tn_table_opt, .threads = 1)), *two = read_text(s.text, NULL),
             *many = read_text(s.text, TN_OPT(tn_table_opt, .threads = 5));
    assert_int_equal(tn_table_rows(one), 120000);
    assert_int_equal(type_of(one, "late"), TN_COLUMN_NUMBER);
    assert_int_equal(type_of(one, "word"), TN_COLUMN_CATEGORY);
    assert_int_equal(type_of(one, "text"), TN_COLUMN_TEXT);
    assert_int_equal(type_of(one, "mixed"), TN_COLUMN_TEXT);
    assert_true(noted(one, "column \"late\" is number, not integer as it began"));
    same_tables(one, two);
    same_tables(one, many);
    tn_table_free(one);
    tn_table_free(two);
    tn_table_free(many);
    /* A lone quote spoils the count of quotes: the cuts are wrong, and that is found out. */
    char *lone = strstr(s.text, "w1,");
    lone[1] = '"';
    one = read_text(s.text, TN_OPT(tn_table_opt, .threads = 1));
    many = read_text(s.text, TN_OPT(tn_table_opt, .threads = 4));
    same_tables(one, many);
    tn_table_free(one);
    tn_table_free(many);
    base_str_free(&s);
}

/* ---- JSON lines ------------------------------------------------------------------------------------------------- */

static void json_lines(void **state)
{
    (void)state;
    tn_table *t = read_as("{\"a\": 1, \"b\": \"x\\u00e9\\n\\ud83d\\ude00\", \"c\": {\"d\": [1, \"}\"]}}\n\n"
                          "{\"b\": null, \"zip\": \"01234\", \"a\": 2.5}\r\n{}\n",
                          "t.jsonl", NULL);
    assert_int_equal(tn_table_rows(t), 3);
    assert_int_equal(tn_table_columns(t), 4);
    assert_true(real(t, "a", 1) == 2.5);
    text_is(t, "b", 0, "x\xC3\xA9\n\xF0\x9F\x98\x80");
    text_is(t, "b", 1, NULL);
    text_is(t, "c", 0, "{\"d\": [1, \"}\"]}");
    text_is(t, "zip", 1, "01234");
    tn_table_free(t);
    const char *wrong[][2] = {{"{\"a\":1}\n{\"a\":}\n", "t.jsonl:2:6: a value is due"},
                              {"{\"a\":1}\n{\"a\":1,\"a\":2}\n", "stands twice in this object"},
                              {"{\"a\":1}\n[1]\n", "t.jsonl:2:1: a line of JSON lines is an object"},
                              {"{\"a\":1} x\n", "something follows"},
                              {"{\"a\":\"x}\n", "a string does not end"},
                              {"{\"a\":[1}}\n", "a bracket closes"},
                              {"[]\n", "t.jsonl:1:1: a line of JSON lines is an object"},
                              {"{}\n", "no line is an object"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refuse_bytes(wrong[i][0], strlen(wrong[i][0]), "t.jsonl", NULL, wrong[i][1]);
    t = read_as("{\"a\":1}\n{\"a\":}\n{\"a\":3}", "t.jsonl", TN_OPT(tn_table_opt, .bad = TN_BAD_SKIP));
    assert_int_equal(tn_table_rows(t), 2);
    assert_int_equal(integer(t, "a", 1), 3);
    tn_table_free(t);
}

/* ---- describing and writing --------------------------------------------------------------------------------------- */

static void columns_are_described(void **state)
{
    (void)state;
    tn_table *t = read_text("n,w,d\n4,b,2020-01-02\n1,a,2020-01-01\n,b,2020-01-01\n3,,\n1,c,2020-01-01\n", NULL);
    tn_column_stats s;
    assert_int_equal(tn_table_describe(context, t, 0, &s), TN_OK);
    assert_true(s.count == 4 && s.missing == 1 && s.distinct == 3);
    assert_true(s.mean == 2.25 && fabs(s.std - sqrt(1.6875)) < 1e-12);
    assert_true(s.min == 1 && s.q25 == 1 && s.median == 2 && s.q75 == 3.25 && s.max == 4);
    assert_string_equal(s.top[0], "1");
    assert_int_equal(s.top_count[0], 2);
    tn_column_stats_free(&s);
    assert_int_equal(tn_table_describe(context, t, 1, &s), TN_OK);
    assert_true(s.count == 4 && s.distinct == 3 && s.n_top == 3 && isnan(s.mean));
    assert_string_equal(s.top[0], "b");
    assert_string_equal(s.top[1], "a");
    tn_column_stats_free(&s);
    assert_int_equal(tn_table_describe(context, t, 2, &s), TN_OK);
    assert_string_equal(s.top[0], "2020-01-01");
    tn_column_stats_free(&s);
    assert_int_equal(tn_table_describe(context, t, 3, &s), TN_INVALID);
    tn_table_free(t);
}

static void tables_are_written(void **state)
{
    (void)state;
    tn_table *t = read_text(
        "n,\"w, x\",d,o\n4,\"b \"\"q\"\"\n,\",2020-01-02 03:04:05,true\n-1,\" a\",,false\n0.1,,1969-01-01,\n", NULL);
    const char *path = scratch_path("written.csv");
    assert_int_equal(tn_table_write(context, t, NULL, 0, path), TN_OK);
    tn_table *u = tn_table_read(context, path, NULL);
    assert_non_null(u);
    same_tables(t, u);
    tn_table_free(u);
    assert_int_equal(tn_table_write(context, t, (const int64_t[]){2, 2}, 2, path), TN_OK);
    u = tn_table_read(context, path, NULL);
    assert_int_equal(tn_table_rows(u), 2);
    tn_table_free(u);
    assert_int_equal(tn_table_write(context, t, (const int64_t[]){3}, 1, path), TN_INVALID);
    assert_int_not_equal(tn_table_write(context, t, NULL, 0, scratch_path("no/such/folder.csv")), TN_OK);
    tn_table_free(t);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static void files_are_read(void **state)
{
    (void)state;
    base_error e = {0};
    const char *path = scratch_path("a.csv");
    assert_int_equal(base_file_write(path, "a,b\n1,x\n", 8, &e), TN_OK);
    tn_table *t = tn_table_read(context, path, NULL);
    assert_non_null(t);
    assert_int_equal(tn_table_rows(t), 1);
    tn_table_free(t);
    assert_null(tn_table_read(context, scratch_path("none.csv"), NULL));
    assert_non_null(strstr(tn_context_error(context), "none.csv"));
    assert_null(tn_table_read(context, path, TN_OPT(tn_table_opt, .memory_limit = 4)));
    assert_non_null(strstr(tn_context_error(context), "at most 4"));
#ifdef TARN_HAVE_ZLIB
    path = scratch_path("b.csv.gz");
    gzFile z = gzopen(path, "wb");
    for (int i = 0; i < 100000; i++)
        gzprintf(z, "%d,%d.25\n", i, i);
    gzclose(z);
    t = tn_table_read(context, path, NULL);
    assert_non_null(t);
    assert_int_equal(tn_table_rows(t), 100000);
    assert_true(real(t, "column_2", 99999) == 99999.25);
    tn_table_free(t);
    assert_null(tn_table_read(context, path, TN_OPT(tn_table_opt, .memory_limit = 1000)));
#endif
}

static void real_sets(void **state)
{
    (void)state;
    const char *root = getenv("TARN_DATA");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", root ? root : TARN_SOURCE_DIR "/../shared/data");
    if (!base_is_folder(path)) {
        print_message("SKIPPED: there is no folder %s\n", path);
        skip();
    }
    const struct {
        const char *path;
        int64_t rows;
        int columns;
    } sets[] = {{"credit/default-of-credit-card-clients.csv.gz", 30000, 25},
                {"credit/german.data", 1000, 21},
                {"ett/ETTh1.csv", 17420, 8},
                {"cora/nodes.csv", 2708, 3},
                {"cora/edges.csv", 5278, 2},
                {"cora/features.csv.gz", 49216, 2},
                {"sst2/train.tsv", 6920, 2},
                {"eng-cmn/cmn.txt.gz", 29155, 3}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root ? root : TARN_SOURCE_DIR "/../shared/data", sets[i].path);
#ifndef TARN_HAVE_ZLIB
        if (strstr(path, ".gz"))
            continue;
#endif
        tn_table *t = tn_table_read(context, path, NULL);
        if (!t)
            fail_msg("%s", tn_context_error(context));
        if (tn_table_rows(t) != sets[i].rows || tn_table_columns(t) != sets[i].columns)
            fail_msg("%s: %d rows, %d columns", sets[i].path, (int)tn_table_rows(t), tn_table_columns(t));
        tn_table_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_inferred),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(times_are_read_and_written),
        cmocka_unit_test(forms_of_csv),
        cmocka_unit_test(encodings),
        cmocka_unit_test(zeros),
        cmocka_unit_test(wrong_rows_are_told),
        cmocka_unit_test(threads_make_no_difference),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(tables_are_written),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(real_sets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
