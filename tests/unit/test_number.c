/* test_number.c: numbers as text and back. Run under a locale with decimal commas too, by test_locale.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/number.h"
#include "base/str.h"

static void check_f64(const char *text, double want)
{
    double got = -77;
    assert_true(base_parse_f64(text, &got));
    assert_memory_equal(&got, &want, sizeof got);
}

static void parses_doubles(void **state)
{
    (void)state;
    check_f64("0", 0.0);
    check_f64("-0", -0.0);
    check_f64("1.5", 1.5);
    check_f64("+.5", 0.5);
    check_f64("5.", 5.0);
    check_f64("1e-3", 1e-3);
    check_f64("-1.25E+2", -125.0);
    check_f64("1e400", (double)INFINITY);
    check_f64("-inf", -(double)INFINITY);
    check_f64("0.1000000000000000055511151231257827021181583404541015625", 0.1);
    double nan = 0;
    assert_true(base_parse_f64("nan", &nan) && isnan(nan));
}

static void refuses_what_is_no_double(void **state)
{
    (void)state;
    const char *const bad[] = {"",  " 1", "1 ",  "1,5",  "1.5.", "e5",     "1e",       "1e+", "0x10",
                               "+", ".",  "1_0", "inf ", "INF",  "nan(1)", "infinity", "--1", "1.000,5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 42;
        if (base_parse_f64(bad[i], &value))
            fail_msg("'%s' was read as %f", bad[i], value);
        assert_true(value == 42);
    }
}

static void parses_integers(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(base_parse_i64("9223372036854775807", &v) && v == INT64_MAX);
    assert_true(base_parse_i64("-9223372036854775808", &v) && v == INT64_MIN);
    assert_true(base_parse_i64("+7", &v) && v == 7);
    const char *const bad[] = {"", "-", "9223372036854775808", "1.0", "1e3", " 1", "1 ", "0x1", "1,000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base_parse_i64(bad[i], &v));
    assert_int_equal(v, 7);
}

static void formats_shortest(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(base_format_f64(0.1, text), "0.1");
    assert_string_equal(base_format_f64(-2.5, text), "-2.5");
    assert_string_equal(base_format_f64(1.0 / 3.0, text), "0.3333333333333333");
    assert_string_equal(base_format_f64((double)NAN, text), "nan");
    assert_string_equal(base_format_f64(-(double)INFINITY, text), "-inf");
    const double hard[] = {DBL_MAX, DBL_MIN, DBL_TRUE_MIN, -DBL_EPSILON, 5e-324, 123456789.123456789, 1e22, 1e23};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        check_f64(base_format_f64(hard[i], text), hard[i]);
}

/* Sentences and texts that are made with %g hold a point in every locale. */
static void prints_points(void **state)
{
    (void)state;
    char text[32];
    assert_int_equal(base_print(text, sizeof text, "%g %.2f", 0.5, 1234.5), 11);
    assert_string_equal(text, "0.5 1234.50");
    base_error e = {0};
    base_fail(&e, TN_INVALID, "lr is %g", 0.25);
    base_prefix(&e, "%g: ", 1.5);
    assert_string_equal(e.text, "1.5: lr is 0.25");
    base_str s = {0};
    base_str_printf(&s, "%g", 2.5);
    assert_string_equal(base_str_text(&s), "2.5");
    base_str_free(&s);
}

static void measures_distance(void **state)
{
    (void)state;
    assert_int_equal(base_distance("epoch", "epochs"), 1);
    assert_int_equal(base_distance("lable", "label"), 1);
    assert_int_equal(base_distance("", "abc"), 3);
    assert_int_equal(base_distance("same", "same"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_doubles),  cmocka_unit_test(refuses_what_is_no_double),
        cmocka_unit_test(parses_integers), cmocka_unit_test(formats_shortest),
        cmocka_unit_test(prints_points),   cmocka_unit_test(measures_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
