/* test_series.c: windows of series: what they hold, what they are scaled by, where parts begin, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/file.h"
#include "data/prepare.h"
#include "support/context.h"

#include <tarn/series.h>

static tn_table *table_of(const char *text)
{
    tn_table *t = tn_table_parse(context, text, strlen(text), "t.csv", NULL);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static void sample(const tn_dataset *d, int64_t i, float *x, float *y)
{
    const tn_field *fx = tn_dataset_field(d, 0), *fy = tn_dataset_field(d, 1);
    tn_view views[] = {tn_view_of(x, TN_F32, 2, fx->dims), tn_view_of(y, TN_F32, 2, fy ? fy->dims : fx->dims)};
    if (tn_dataset_get(context, d, i, 0, views) != TN_OK)
        fail_msg("%s", tn_context_error(context));
}

static void windows_hold_what_came_before(void **state)
{
    (void)state;
    tn_table *t = table_of("t,a,b\n3,30,1\n1,10,3\n2,20,2\n5,50,\n4,40,0\n6,60,-2\n");
    tn_preparation *p = tn_series_prepare(context, t, &(tn_series_part){0, 4, false},
                                          TN_OPT(tn_series_opt, .length = 2, .horizon = 1, .time = "t",
                                                 .targets = (const char *const[]){"b"}, .n_targets = 1));
    if (!p)
        fail_msg("%s", tn_context_error(context));
    tn_dataset *train = tn_dataset_series(context, t, p, &(tn_series_part){0, 4, false}),
               *test = tn_dataset_series(context, t, p, &(tn_series_part){4, 6, false});
    assert_int_equal(tn_dataset_count(train), 2);
    assert_int_equal(tn_dataset_count(test), 2);
    float x[4], y[1];
    const double da = sqrt(125.0), db = sqrt(1.25);
    sample(train, 0, x, y);
    assert_true(fabs((double)x[0] - (10 - 25) / da) < 1e-6 && fabs((double)x[1] - (3 - 1.5) / db) < 1e-6);
    assert_true(fabs((double)x[2] - (20 - 25) / da) < 1e-6 && fabs((double)y[0] - (1 - 1.5) / db) < 1e-6);
    sample(test, 0, x, y); /* its past is in the training part; what is missing is what came before */
    assert_true(fabs((double)x[0] - (30 - 25) / da) < 1e-6 && fabs((double)y[0] - (0 - 1.5) / db) < 1e-6);
    sample(test, 1, x, y);
    assert_true(fabs((double)x[3] - (0 - 1.5) / db) < 1e-6 && fabs((double)y[0] - (-2 - 1.5) / db) < 1e-6);
    data_preparation_restore(p, y, 1);
    assert_true(fabs((double)y[0] + 2) < 1e-5);
    char *json = tn_preparation_json(context, p);
    tn_preparation *q = tn_preparation_parse(context, json, strlen(json));
    if (!q)
        fail_msg("%s", tn_context_error(context));
    char *again = tn_preparation_json(context, q);
    assert_string_equal(json, again);
    const char *next = "t,a,b\n1,25,1.5\n2,25,1.5\n3,35,0.5\n";
    tn_dataset *now = tn_preparation_read(context, q, next, strlen(next), "now.csv");
    assert_non_null(now);
    assert_int_equal(tn_dataset_count(now), 1);
    sample(now, 0, x, y);
    assert_true(x[0] == 0 && x[1] == 0 && fabs((double)x[2] - 10 / da) < 1e-6);
    free(json);
    free(again);
    tn_dataset_free(train);
    tn_dataset_free(test);
    tn_dataset_free(now);
    tn_preparation_free(p);
    tn_preparation_free(q);
    tn_table_free(t);
}

static void several_series_do_not_mix(void **state)
{
    (void)state;
    tn_table *t = table_of("who,v\nu,1\nw,100\nu,2\nw,300\nu,3\nw,500\nu,4\n");
    const tn_series_opt opt = {.length = 2,
                               .horizon = 1,
                               .id = "who",
                               .scale = TN_SERIES_SCALE_EACH,
                               .difference = true,
                               .channels_first = true};
    tn_preparation *p = tn_series_prepare(context, t, NULL, &opt);
    assert_non_null(p);
    tn_dataset *d = tn_dataset_series(context, t, p, NULL);
    assert_int_equal(tn_dataset_count(d), 1); /* of u: w has two differences only */
    assert_int_equal(tn_dataset_field(d, 0)->dims[0], 1);
    float x[2], y[1];
    sample(d, 0, x, y);
    assert_true(x[0] == 0 && x[1] == 0 && y[0] == 0); /* always 1 more */
    tn_dataset_free(d);
    tn_preparation_free(p);
    tn_table_free(t);
    t = table_of("when,v\n2020-01-06 06:00,1\n2020-01-06 12:00,2\n2020-01-06 18:00,3\n");
    p = tn_series_prepare(context, t, NULL, TN_OPT(tn_series_opt, .length = 2, .time = "when", .calendar = true));
    d = tn_dataset_series(context, t, p, NULL);
    assert_non_null(d);
    assert_int_equal(tn_dataset_field(d, 0)->dims[1], 7);
    float w[14];
    sample(d, 0, w, y);
    assert_true(fabs((double)w[1] - 1) < 1e-6 && fabs((double)w[9] + 1) < 1e-6); /* six o'clock, noon */
    assert_true(w[3] == 0 && w[4] == 1);                                         /* a Monday */
    tn_dataset_free(d);
    tn_preparation_free(p);
    tn_table_free(t);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    tn_table *t = table_of("t,v,w\n1,1,a\n2,2,b\n,3,c\n");
    const struct {
        tn_series_opt opt;
        const char *says;
    } wrong[] = {{{.time = "t"}, ": row 3: the time \"t\" is missing"},
                 {{.time = "x"}, "no column \"x\""},
                 {{.columns = (const char *const[]){"w"}, .n_columns = 1}, "does not hold a number"},
                 {{.targets = (const char *const[]){"w"}, .n_targets = 1}, "the target \"w\" is not among"},
                 {{.calendar = true}, "need the column of times"},
                 {{.length = -1}, "each is 1 to"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(tn_series_prepare(context, t, NULL, &wrong[i].opt));
        if (!strstr(tn_context_error(context), wrong[i].says))
            fail_msg("%s", tn_context_error(context));
    }
    tn_preparation *p = tn_series_prepare(context, t, NULL, TN_OPT(tn_series_opt, .length = 3));
    assert_non_null(p);
    assert_null(tn_dataset_series(context, t, p, NULL));
    assert_non_null(strstr(tn_context_error(context), "no window of 3 rows"));
    tn_preparation_free(p);
    assert_null(tn_series_prepare(context, t, &(tn_series_part){2, 2, false}, NULL));
    /* two rows at one time have no order, unless they are of two series */
    tn_table *twice = table_of("t,who,v\n2020-01-01,a,1\n2020-01-02,a,2\n2020-01-03,a,3\n2020-01-02,b,4\n");
    assert_null(tn_series_prepare(context, twice, NULL, TN_OPT(tn_series_opt, .length = 2, .time = "t")));
    assert_non_null(strstr(tn_context_error(context),
                           "rows 2 and 4 have the same time, 2020-01-02; keep one of them, or name by 'id'"));
    p = tn_series_prepare(context, twice, NULL, TN_OPT(tn_series_opt, .length = 2, .time = "t", .id = "who"));
    assert_non_null(p);
    tn_preparation_free(p);
    tn_table_free(twice);
    twice = table_of("t,who,v\n1.5,a,1\n2,b,2\n2.5,a,3\n1.5,a,4\n");
    assert_null(tn_series_prepare(context, twice, NULL, TN_OPT(tn_series_opt, .length = 2, .time = "t", .id = "who")));
    assert_non_null(strstr(tn_context_error(context), "rows 1 and 4 have the same time, 1.5, in one series"));
    tn_table_free(twice);
    twice = table_of("t,v,w\n1,,1\n2,inf,2\n3,,3\n4,5,4\n");
    assert_null(tn_series_prepare(context, twice, &(tn_series_part){0, 3, false}, TN_OPT(tn_series_opt, .length = 2)));
    assert_non_null(
        strstr(tn_context_error(context), "the column \"v\" has no number in the rows that are trained on"));
    tn_table_free(twice);
    const char *bad = "{\"kind\":\"series\",\"length\":0}";
    assert_null(tn_preparation_parse(context, bad, strlen(bad)));
    tn_table_free(t);
}

static void the_split_of_etth1(void **state)
{
    (void)state;
    const char *root = getenv("TARN_DATA");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/ett/ETTh1.csv", root ? root : TARN_SOURCE_DIR "/../shared/data");
    if (!base_file_exists(path)) {
        print_message("SKIPPED: there is no file %s\n", path);
        skip();
    }
    tn_table *t = tn_table_read(context, path, NULL);
    assert_non_null(t);
    tn_preparation *p = tn_series_prepare(context, t, &(tn_series_part){0, 8640, false},
                                          TN_OPT(tn_series_opt, .length = 96, .horizon = 96, .time = "date"));
    char *json = tn_preparation_json(context, p);
    const char *mean = strstr(json, "\"mean\":["),
               *std = strstr(json, "\"std\":["); /* as the folder's README has them */
    const double means[] = {7.9377, 2.0210, 5.0798, 0.7462, 2.7818, 0.7885, 17.1283},
                 stds[] = {5.8127, 2.0901, 5.5188, 1.9264, 1.0235, 0.6302, 9.1765};
    assert_true(mean && std);
    mean += 8;
    std += 7;
    for (int i = 0; i < 7; i++) {
        char *end;
        assert_true(fabs(strtod(mean, &end) - means[i]) < 1e-4);
        mean = end + 1;
        assert_true(fabs(strtod(std, &end) - stds[i]) < 1e-4);
        std = end + 1;
    }
    free(json);
    const int64_t due[] = {8640 - 191, 2785, 2785};
    const double at[] = {0, 8640, 11520, 14400};
    for (int i = 0; i < 3; i++) {
        tn_dataset *d = tn_dataset_series(context, t, p, &(tn_series_part){at[i], at[i + 1], false});
        assert_int_equal(tn_dataset_count(d), due[i]);
        tn_dataset_free(d);
    }
    tn_preparation_free(p);
    tn_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_hold_what_came_before),
        cmocka_unit_test(several_series_do_not_mix),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(the_split_of_etth1),
    };
    return cmocka_run_group_tests(tests, context_begin, context_end);
}
