/* Every operator's definition and values: see tests/support/op_check.h. Arguments, if any, name the operators to look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/op_check.h"

static int n_names;
static char **names;

static void definitions_are_whole(void **state)
{
    (void)state;
    assert_int_equal(op_check_all(op_check_definition, "definitions", n_names, names), 0);
}

static void values_are_the_references(void **state)
{
    (void)state;
    assert_int_equal(op_check_all(op_check_values, "values", n_names, names), 0);
}

static void axes_may_be_empty_or_of_size_1(void **state)
{
    (void)state;
    assert_int_equal(op_check_all(op_check_sizes, "sizes", n_names, names), 0);
}

static void kernels_stay_within_their_memory(void **state)
{
    (void)state;
    assert_int_equal(op_check_all(op_check_kernels, "kernels", n_names, names), 0);
}

int main(int argc, char **argv)
{
    n_names = argc - 1;
    names = argv + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_whole),
        cmocka_unit_test(kernels_stay_within_their_memory),
        cmocka_unit_test(values_are_the_references),
        cmocka_unit_test(axes_may_be_empty_or_of_size_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
