/* Every operator refuses what it must, and stops at bad data before any state is written: see tests/support/op_check.h.
 * Arguments name the operators to look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/op_check.h"

static int n_names;
static char **names;

static void errors_are_sentences(void **state)
{
    (void)state;
    assert_int_equal(op_check_all(op_check_errors, "errors", n_names, names), 0);
}

int main(int argc, char **argv)
{
    n_names = argc - 1;
    names = argv + 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(errors_are_sentences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
