/* Every operator's lowered form and gradients: see tests/support/op_check.h. Arguments name the operators to look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/op_check.h"

static int n_names;
static char **names;

static void lowered_forms_mean_the_same(void **state)
{
    (void)state;
    assert_int_equal(op_check_all(op_check_lowered, "lowered forms", n_names, names), 0);
}

static void gradients_are_those_of_differences(void **state)
{
    (void)state;
    assert_int_equal(op_check_all(op_check_gradients, "gradients", n_names, names), 0);
}

int main(int argc, char **argv)
{
    n_names = argc - 1;
    names = argv + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowered_forms_mean_the_same),
        cmocka_unit_test(gradients_are_those_of_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
