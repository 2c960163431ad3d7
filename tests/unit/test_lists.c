/* Many lists of numbers in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/lists.h"

/* The items of a list as the digits of a number, the newest first. */
static int digits(const base_lists *l, int list)
{
    int n = 0;
    for (int i = base_lists_first(l, list); i >= 0; i = base_lists_next(l, i))
        n = 10 * n + base_lists_item(l, i);
    return n;
}

static void lists_grow_and_join(void **state)
{
    (void)state;
    base_lists l = {0};
    assert_int_equal(base_lists_first(&l, 7), -1);
    for (int i = 1; i < 10; i++)
        assert_true(base_lists_add(&l, i % 3 * 2, i));
    assert_int_equal(digits(&l, 0), 963);
    assert_int_equal(digits(&l, 1), 0);
    assert_int_equal(digits(&l, 2), 741);
    assert_int_equal(digits(&l, 4), 852);
    assert_true(base_lists_join(&l, 4, 0));
    assert_int_equal(digits(&l, 0), 852963);
    assert_int_equal(digits(&l, 4), 0);
    assert_true(base_lists_join(&l, 4, 2) && base_lists_join(&l, 2, 2));
    assert_int_equal(digits(&l, 2), 741);
    assert_true(base_lists_join(&l, 2, 100)); /* one that is new */
    assert_int_equal(digits(&l, 100), 741);
    assert_true(base_lists_add(&l, 100, 5));
    assert_int_equal(digits(&l, 100), 5741);
    base_lists_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_grow_and_join)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
