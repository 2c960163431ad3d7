/* Every operator's definition and values: see tests/support/op_check.h. Arguments, if any, name the operators to look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/op_check.h"

static int n_names;
static char **names;

static int check_all(void (*check)(const op_def *, op_report *), const char *what)
{
    op_report r = {0};
    for (int i = 0; op_all[i]; i++) {
        bool chosen = n_names == 0;
        for (int k = 0; k < n_names; k++)
            chosen |= strcmp(names[k], op_all[i]->name) == 0;
        if (chosen)
            check(op_all[i], &r);
    }
    return op_report_end(&r, what);
}

static void definitions_are_whole(void **state)
{
    (void)state;
    assert_int_equal(check_all(op_check_definition, "definitions"), 0);
}

static void values_are_the_references(void **state)
{
    (void)state;
    assert_int_equal(check_all(op_check_values, "values"), 0);
}

int main(int argc, char **argv)
{
    n_names = argc - 1;
    names = argv + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_whole),
        cmocka_unit_test(values_are_the_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
