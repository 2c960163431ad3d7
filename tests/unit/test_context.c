/* test_context.c: contexts: threads, instruction sets, logs, lives that overlap; the line about the version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"

static void defaults_are_sensible(void **state)
{
    (void)state;
    tn_context *c = tn_context_new(NULL);
    assert_non_null(c);
    assert_string_equal(tn_context_error(c), "");
    assert_in_range(tn_context_threads(c), 1, 1 << 16);
    const char *isa = tn_context_isa(c);
    int known = 0;
    for (int i = 0; base_isa_names[i]; i++)
        known += strcmp(base_isa_names[i], isa) == 0;
    assert_int_equal(known, 1);
    tn_context_free(c);
    tn_context_free(NULL);
}

static void wishes_are_met(void **state)
{
    (void)state;
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 3, .isa = "portable"));
    assert_int_equal(tn_context_threads(c), 3);
    assert_string_equal(tn_context_isa(c), "portable");
    assert_string_equal(tn_context_error(c), "");
    tn_context_free(c);
}

static void keep_line(void *user, int level, const char *line)
{
    char *text = user;
    (void)strncat(text, level == BASE_LOG_WARNING ? "W " : "? ", 100);
    (void)strncat(text, line, 200);
}

static void wishes_that_cannot_be_met_are_told(void **state)
{
    (void)state;
    char log[1000] = "";
    tn_context *c =
        tn_context_new(TN_OPT(tn_context_opt, .threads = -1, .isa = "sse9", .log = keep_line, .log_user = log));
    assert_int_equal(tn_context_threads(c), 1);
    assert_string_equal(tn_context_isa(c), "portable");
    assert_non_null(strstr(tn_context_error(c), "unknown instruction set \"sse9\""));
    assert_non_null(strstr(log, "W unknown instruction set \"sse9\""));
    assert_null(strchr(log, '\n'));
    tn_context_free(c);
    c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1000000));
    assert_int_equal(tn_context_threads(c), 1024);
    assert_non_null(strstr(tn_context_error(c), "1000000 threads"));
    tn_context_free(c);
}

static void another_major_version_is_refused(void **state)
{
    (void)state;
    assert_null(tn_context_new_version(TN_VERSION + 10000, NULL));
    tn_context *c = tn_context_new_version(TN_VERSION_MAJOR * 10000 + 9999, NULL);
    assert_non_null(c);
    tn_context_free(c);
}

static void retained_contexts_live_on(void **state)
{
    (void)state;
    tn_context *c = tn_context_new(NULL);
    assert_ptr_equal(base_context_retain(c), c);
    assert_null(base_context_retain(NULL));
    tn_context_free(c);
    base_fail(base_context_begin(c), TN_IO, "still %s", "here");
    assert_string_equal(tn_context_error(c), "still here");
    assert_string_equal(base_context_begin(c)->text, "");
    assert_null(base_context_begin(NULL));
    assert_string_equal(tn_context_error(NULL), "");
    tn_context_free(c);
}

static void the_version_is_one_line(void **state)
{
    (void)state;
    assert_int_equal(tn_version(), TN_VERSION);
    const char *text = tn_version_text();
    assert_int_equal(strncmp(text, "tarn ", 5), 0);
    assert_null(strchr(text, '\n'));
    assert_non_null(strstr(text, "portable"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_sensible),
        cmocka_unit_test(wishes_are_met),
        cmocka_unit_test(wishes_that_cannot_be_met_are_told),
        cmocka_unit_test(another_major_version_is_refused),
        cmocka_unit_test(retained_contexts_live_on),
        cmocka_unit_test(the_version_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
