/* The plateau schedule, with metrics that should fall and with such that should grow. The other schedules are compared with
 * PyTorch in tests/golden. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <tarn/optim.h>

/* The rate after these metrics, one an epoch, with a patience of 1. */
static double rate_after(const double *metric, int n)
{
    tn_schedule_opt o = {.kind = TN_SCHEDULE_PLATEAU, .lr = 1, .gamma = 0.5, .patience = 1};
    tn_schedule s = {0};
    for (int i = 0; i < n; i++)
        tn_schedule_epoch(&o, &s, metric[i]);
    return tn_schedule_rate(&o, &s, 0, n);
}

static void a_loss_that_stands_still(void **p)
{
    (void)p;
    assert_true(rate_after((const double[]){0.9, 0.9}, 2) == 1);
    assert_true(rate_after((const double[]){0.9, 0.9, 0.9}, 3) == 0.5);
    assert_true(rate_after((const double[]){0.9, 0.8, 0.7}, 3) == 1);
}

/* Accuracy comes negated. */
static void an_accuracy_that_stands_still(void **p)
{
    (void)p;
    assert_true(rate_after((const double[]){-0.9, -0.9, -0.9}, 3) == 0.5);
    assert_true(rate_after((const double[]){-0.9, -0.90001, -0.90002}, 3) == 0.5); /* too little to count */
    assert_true(rate_after((const double[]){-0.7, -0.8, -0.9}, 3) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_that_stands_still),
        cmocka_unit_test(an_accuracy_that_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
