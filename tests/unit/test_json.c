/* test_json.c: what JSON is read, what is refused and with which sentence; what is written. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "base/text.h"
#include "format/json.h"

static format_json *read(const char *text)
{
    base_error e = {0};
    format_json *j = NULL;
    if (format_json_parse(text, strlen(text), NULL, "text", &j, &e) != TN_OK)
        fail_msg("%s: %s", text, e.text);
    return j;
}

static void refuses(const char *text, size_t bytes, const format_json_limits *limits, tn_status due, const char *part)
{
    base_error e = {0};
    format_json *j = (void *)1;
    assert_int_equal(format_json_parse(text, bytes, limits, "text", &j, &e), due);
    assert_null(j);
    if (!strstr(e.text, part))
        fail_msg("'%s' lacks '%s'", e.text, part);
}

static void test_reads(void **state)
{
    (void)state;
    base_error e = {0};
    format_json *j =
        read("{\"s\": \"\\u00e4b\", \"i\": -7, \"f\": 0.1, \"b\": true, \"l\": [1, 2, 3], \"o\": {\"x\": null},"
             "\"n\": \"nan\", \"m\": \"-inf\"}");
    const char *s = NULL;
    int64_t i = 0, list[3];
    double f = 0;
    bool b = false;
    size_t n = 0;
    const format_json *l = NULL, *o = NULL;
    assert_int_equal(format_json_get_string(j, "t", "s", &s, &e), TN_OK);
    assert_string_equal(s, "\xC3\xA4"
                           "b");
    assert_int_equal(format_json_get_i64(j, "t", "i", -10, 10, &i, &e), TN_OK);
    assert_int_equal(i, -7);
    assert_int_equal(format_json_get_f64(j, "t", "f", &f, &e), TN_OK);
    assert_true(f == 0.1);
    assert_int_equal(format_json_get_f64(j, "t", "i", &f, &e), TN_OK);
    assert_true(f == -7);
    assert_int_equal(format_json_get_f64(j, "t", "n", &f, &e), TN_OK);
    assert_true(isnan(f));
    assert_int_equal(format_json_get_f64(j, "t", "m", &f, &e), TN_OK);
    assert_true(isinf(f) && f < 0);
    assert_int_equal(format_json_get_bool(j, "t", "b", &b, &e), TN_OK);
    assert_true(b);
    assert_int_equal(format_json_get_list(j, "t", "l", &l, &e), TN_OK);
    assert_int_equal(format_json_as_i64s(l, "l", list, 3, &n, &e), TN_OK);
    assert_true(n == 3 && list[0] == 1 && list[2] == 3);
    assert_int_equal(format_json_get_object(j, "t", "o", &o, &e), TN_OK);
    assert_int_equal(format_json_count(o), 1);
    assert_string_equal(format_json_kind(format_json_find(o, "x")), "null");
    assert_null(format_json_find(l, "x"));
    assert_null(format_json_at(l, 3));
    format_json_free(j);
    format_json_free(NULL);
}

static void test_walks_in_order(void **state)
{
    (void)state;
    format_json *j = read("{\"z\":1,\"a\":2,\"m\":3}");
    void *iter = NULL;
    const char *key = NULL;
    const format_json *value = NULL;
    char order[8] = "";
    while (format_json_next(j, &iter, &key, &value))
        strcat(order, key);
    assert_string_equal(order, "zam");
    format_json_free(j);
}

#define REFUSES(text, due, part) refuses(text, sizeof(text) - 1, NULL, due, part)

static void test_refuses(void **state)
{
    (void)state;
    REFUSES("", TN_FORMAT, "text is not JSON");
    REFUSES("{\"a\": 1, \"a\": 2}", TN_FORMAT, "duplicate");
    REFUSES("[1, 2", TN_FORMAT, "line 1");
    REFUSES("[1] x", TN_FORMAT, "not JSON");
    REFUSES("[1]\0", TN_FORMAT, "not JSON");
    REFUSES("[\"a\0b\"]", TN_FORMAT, "not JSON");
    REFUSES("[\"a\\u0000b\"]", TN_FORMAT, "not JSON");
    REFUSES("[\"\xff\"]", TN_FORMAT, "byte 0xff");
    REFUSES("[99999999999999999999]", TN_FORMAT, "not JSON");
    REFUSES("[1e999]", TN_FORMAT, "not JSON");
    REFUSES("[NaN]", TN_FORMAT, "not JSON");
    REFUSES("\"\\", TN_FORMAT, "not JSON");
}

static void test_limits(void **state)
{
    (void)state;
    refuses("[[[1]]]", 7, &(format_json_limits){.depth = 2}, TN_LIMIT, "nested more than 2 deep");
    refuses("[1,2,3,4]", 9, &(format_json_limits){.values = 3}, TN_LIMIT, "more than 3 values");
    refuses("[1,2,3,4]", 9, &(format_json_limits){.bytes = 8}, TN_LIMIT, "9 bytes of JSON; at most 8");
    char deep[4000];
    memset(deep, '[', sizeof deep);
    refuses(deep, sizeof deep, NULL, TN_LIMIT, "nested more than 64 deep");
    format_json_free(read("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"]"));
}

static void says(tn_status status, tn_status due, base_error *e, const char *sentence)
{
    assert_int_equal(status, due);
    assert_string_equal(e->text, sentence);
}

static void test_sentences(void **state)
{
    (void)state;
    base_error e = {0};
    format_json *j = read("{\"labels\": 3, \"half\": 0.5, \"list\": [1, \"x\"], \"s\": \"\"}");
    const format_json *l = NULL;
    const char *s = NULL;
    int64_t i = 0, list[2];
    double f = 0;
    bool b = false;
    size_t n = 0;
    says(format_json_get_list(j, "metadata", "labels", &l, &e), TN_FORMAT, &e,
         "metadata key 'labels' is a number, a list is due");
    says(format_json_get_string(j, "metadata", "label", &s, &e), TN_NOT_FOUND, &e, "metadata key 'label' is missing");
    says(format_json_get_i64(j, "m", "half", 0, 1, &i, &e), TN_FORMAT, &e,
         "m key 'half' is 0.5, a whole number is due");
    says(format_json_get_i64(j, "m", "labels", 4, 9, &i, &e), TN_FORMAT, &e,
         "m key 'labels' is 3; it must lie between 4 and 9");
    says(format_json_get_i64(j, "m", "s", 0, 1, &i, &e), TN_FORMAT, &e, "m key 's' is a string, a whole number is due");
    says(format_json_get_f64(j, "m", "s", &f, &e), TN_FORMAT, &e, "m key 's' is a string, a number is due");
    says(format_json_get_bool(j, "m", "s", &b, &e), TN_FORMAT, &e, "m key 's' is a string, true or false is due");
    says(format_json_get_object(j, "m", "s", &l, &e), TN_FORMAT, &e, "m key 's' is a string, an object is due");
    says(format_json_as_i64s(format_json_find(j, "list"), "dims", list, 2, &n, &e), TN_FORMAT, &e,
         "dims: entry 1 is no whole number");
    says(format_json_as_i64s(format_json_find(j, "list"), "dims", list, 1, &n, &e), TN_FORMAT, &e,
         "dims has 2 entries, at most 1 are allowed");
    says(format_json_get_bool(format_json_find(j, "s"), "m", "k", &b, &e), TN_FORMAT, &e,
         "m is a string, an object is due");
    format_json_free(j);
}

static void test_writes(void **state)
{
    (void)state;
    base_str s = {0};
    format_json_out w = {.to = &s};
    format_json_open_object(&w, NULL);
    format_json_put_string(&w, "z", "a\"\\\n\t\x01\x7f\xC3\xA4\xff");
    format_json_put_i64(&w, "i", INT64_MIN);
    format_json_open_list(&w, "l");
    format_json_put_f64(&w, NULL, 0.1);
    format_json_put_f64(&w, NULL, 1);
    format_json_put_f64(&w, NULL, (double)NAN);
    format_json_put_f64(&w, NULL, -(double)INFINITY);
    format_json_put_null(&w, NULL);
    format_json_open_object(&w, NULL);
    format_json_close(&w);
    format_json_close(&w);
    format_json_put_bool(&w, "b", false);
    format_json_put_raw(&w, "r", "[]");
    format_json_close(&w);
    assert_string_equal(s.text,
                        "{\"z\":\"a\\\"\\\\\\n\\t\\u0001\\u007f\xC3\xA4\xEF\xBF\xBD\",\"i\":-9223372036854775808,"
                        "\"l\":[0.1,1.0,\"nan\",\"-inf\",null,{}],\"b\":false,\"r\":[]}");
    format_json_free(read(s.text));
    base_str_free(&s);
}

static void test_writer_misused(void **state)
{
    (void)state;
    base_str s = {0};
    format_json_out w = {.to = &s};
    for (int i = 0; i < 65; i++)
        format_json_open_list(&w, NULL);
    assert_true(s.failed);
    base_str_free(&s);
    w = (format_json_out){.to = &s};
    format_json_close(&w);
    assert_true(s.failed);
    base_str_free(&s);
}

/* Every double comes back as it was, here and in a locale with decimal commas. */
static void doubles_come_back(void)
{
    static const double values[] = {0.1, 1.0 / 3, 1e-308, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345680.0,
                                    2.5};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        base_str s = {0};
        base_error e = {0};
        double back = 0;
        format_json_out w = {.to = &s};
        format_json_put_f64(&w, NULL, values[i]);
        assert_null(strchr(s.text, ','));
        format_json *j = read(s.text);
        assert_int_equal(format_json_as_f64(j, "x", &back, &e), TN_OK);
        assert_memory_equal(&back, &values[i], sizeof back);
        format_json_free(j);
        base_str_free(&s);
    }
}

static void test_locale(void **state)
{
    (void)state;
    doubles_come_back();
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) {
        print_message("SKIPPED: no locale with decimal commas is installed (de_DE.UTF-8 or fr_FR.UTF-8)\n");
        return;
    }
    doubles_come_back();
    (void)setlocale(LC_ALL, "C");
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\xF8", "\xC3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base_utf8_valid(bad[i], strlen(bad[i])));
    assert_true(base_utf8_valid("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 10));
    assert_string_equal(BASE_SHOW("a\x1b[2J\n\xC2\x9B\xFF\xC3\xA4"), "a?[2J???\xC3\xA4");
    char longer[300];
    memset(longer, 'x', 299);
    longer[299] = '\0';
    const char *shown = BASE_SHOW(longer);
    assert_int_equal(strlen(shown), BASE_SHOWN - 1);
    assert_string_equal(shown + strlen(shown) - 4, "x...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),          cmocka_unit_test(test_walks_in_order), cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_sentences),      cmocka_unit_test(test_writes),
        cmocka_unit_test(test_writer_misused), cmocka_unit_test(test_locale),         cmocka_unit_test(test_utf8),
    };
#ifndef TARN_HAVE_JANSSON
    base_error e = {0};
    format_json *j = NULL;
    if (format_json_parse("1", 1, NULL, "text", &j, &e) != TN_UNSUPPORTED || !strstr(e.text, "libjansson-dev"))
        return 1;
    (void)printf("SKIPPED: built without jansson\n");
    return 0;
#endif
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
