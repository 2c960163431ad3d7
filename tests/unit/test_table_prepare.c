/* test_table_prepare.c: preparations of tables and partitions of rows: what is fitted, that it is fitted on training rows alone, that
 * JSON keeps it, and that nothing that is parsed is believed. */
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
#include "data/table/prep.h"
#include "support/context.h"
#include "support/scratch.h"

static tn_table *table_of(const char *text)
{
    tn_table *t = tn_table_parse(context, text, strlen(text), "t.csv", NULL);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static tn_preparation *prepare(const tn_table *t, const int64_t *rows, int64_t n, const tn_prepare_opt *opt)
{
    tn_preparation *p = tn_table_prepare(context, t, rows, n, opt);
    if (!p)
        fail_msg("%s", tn_context_error(context));
    return p;
}

static void row_is(const tn_table *t, const tn_preparation *p, int64_t row, int n, const double *due)
{
    prep_binding b;
    float x[64];
    base_error e = {0};
    assert_int_equal(prep_bind(data_preparation_self(p, &data_prepare_table), t, &b, &e), TN_OK);
    assert_int_equal(tn_table_features(p), n);
    if (prep_apply(&b, row, x, &e) != TN_OK)
        fail_msg("%s", e.text);
    free(b.columns);
    for (int i = 0; i < n; i++)
        if (!(fabs((double)x[i] - due[i]) < 1e-6 * (1 + fabs(due[i])))) {
            char name[64];
            int codes;
            tn_table_feature(p, i, name, sizeof name, &codes);
            fail_msg("row %d: %s is %g, %g is due", (int)row, name, (double)x[i], due[i]);
        }
}

static const char *const people = "age,city,when,ok,y\n"
                                  "10,A,1970-01-01,true,no\n"
                                  "20,B,1970-01-03,false,yes\n"
                                  "30,A,1970-01-05,true,yes\n"
                                  ",C,,,no\n"
                                  "1000,,1970-01-09,TRUE,no\n";

static void columns_become_numbers(void **state)
{
    (void)state;
    tn_table *t = table_of(people);
    const int64_t train[] = {0, 1, 2};
    const tn_prepare_column age = {.name = "age", .indicator = true}, when = {.name = "when", .how = TN_FEATURE_DROP};
    const tn_prepare_column both[] = {age, when};
    tn_preparation *p = prepare(t, train, 3, TN_OPT(tn_prepare_opt, .target = "y", .columns = both, .n_columns = 2));
    const double s = sqrt(200.0 / 3);
    row_is(t, p, 0, 6, (double[]){-10 / s, 0, 1, 0, 0, 1});
    row_is(t, p, 1, 6, (double[]){0, 0, 0, 1, 0, 0});
    row_is(t, p, 3, 6, (double[]){0, 1, 0, 0, 1, 2.0 / 3}); /* C is unknown, ok missing: the mean */
    row_is(t, p, 4, 6, (double[]){980 / s, 0, 0, 0, 1, 1});
    char name[32];
    int codes;
    assert_int_equal(tn_table_feature(p, 1, name, sizeof name, &codes), TN_OK);
    assert_string_equal(name, "age:missing");
    tn_table_feature(p, 4, name, sizeof name, &codes);
    assert_string_equal(name, "city=?");
    char *json = tn_preparation_json(context, p);
    assert_non_null(json);
    tn_preparation *q = tn_preparation_parse(context, json, strlen(json));
    if (!q)
        fail_msg("%s", tn_context_error(context));
    char *again = tn_preparation_json(context, q);
    assert_string_equal(json, again);
    row_is(t, q, 4, 6, (double[]){980 / s, 0, 0, 0, 1, 1});
    free(json);
    free(again);
    tn_preparation_free(q);
    tn_dataset *d = tn_dataset_table(context, t, p, NULL, 0);
    tn_table_free(t);
    assert_non_null(d);
    assert_int_equal(tn_dataset_classes(d), 2);
    assert_string_equal(tn_dataset_class_name(d, 1), "yes");
    int64_t y;
    assert_int_equal(tn_dataset_label(context, d, 2, &y), TN_OK);
    assert_int_equal(y, 1);
    tn_preparation_free(p);
    tn_dataset_free(d);
}

static void each_way_to_encode(void **state)
{
    (void)state;
    tn_table *t = table_of(
        "a,b,c,d,e,f,y\n1,0,5,x,1,1970-01-01 06:00:00,1.5\n2,1,6,y,2,1970-01-02,2.5\n3,9,7,y,3,1970-01-03,3.5\n");
    const tn_prepare_column c[] = {
        {.name = "a", .how = TN_FEATURE_MIN_MAX},  {.name = "b", .how = TN_FEATURE_LOG},
        {.name = "c", .how = TN_FEATURE_CODES},    {.name = "d", .how = TN_FEATURE_HASH, .buckets = 3},
        {.name = "e", .how = TN_FEATURE_QUANTILE},
    };
    tn_preparation *p = prepare(t, NULL, 0, TN_OPT(tn_prepare_opt, .target = "y", .columns = c, .n_columns = 5));
    assert_int_equal(tn_table_features(p), 1 + 1 + 1 + 4 + 1 + 7);
    prep_binding b;
    float x[15];
    base_error e = {0};
    assert_int_equal(prep_bind(data_preparation_self(p, &data_prepare_table), t, &b, &e), TN_OK);
    assert_int_equal(prep_apply(&b, 0, x, &e), TN_OK);
    double l[] = {0, log(2), log(10)}, m = (l[1] + l[2]) / 3, v = 0;
    for (int i = 0; i < 3; i++)
        v += (l[i] - m) * (l[i] - m) / 3;
    assert_true(x[0] == 0 && fabs((double)x[1] + m / sqrt(v)) < 1e-6 && x[2] == 0);
    assert_true(x[3] + x[4] + x[5] + x[6] == 1 && x[6] == 0 && x[7] == -3);
    assert_true(fabs((double)x[13] - 1) < 1e-6 && fabs((double)x[14]) < 1e-6); /* six o'clock */
    float y;
    assert_int_equal(prep_number(&b, 2, &y, &e), TN_OK);
    assert_true(fabs((double)y - sqrt(1.5)) < 1e-6);
    data_preparation_restore(p, &y, 1);
    assert_true(fabs((double)y - 3.5) < 1e-6);
    free(b.columns);
    int codes;
    tn_table_feature(p, 2, NULL, 0, &codes);
    assert_int_equal(codes, 4);
    tn_preparation_free(p);
    tn_table_free(t);
}

static void files_are_opened_for_prediction(void **state)
{
    (void)state;
    base_error e = {0};
    tn_table *t = table_of(people);
    tn_preparation *p = prepare(t, (const int64_t[]){0, 1, 2}, 3, TN_OPT(tn_prepare_opt, .target = "y"));
    tn_table_free(t);
    const char *one =
        "when,ok,city,age\n1970-01-03,true,3,20\n"; /* another order, no target, a city that is a number */
    tn_dataset *d = tn_preparation_read(context, p, one, strlen(one), "in.csv");
    if (!d)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_dataset_count(d), 1);
    assert_int_equal(tn_dataset_fields(d), 1);
    tn_dataset_free(d);
    const char *path = scratch_path("in.jsonl"),
               *line = "{\"age\": 20, \"city\": \"A\", \"when\": null, \"ok\": true}\n";
    assert_int_equal(base_file_write(path, line, strlen(line), &e), TN_OK);
    d = tn_preparation_open(context, p, path);
    assert_non_null(d);
    tn_dataset_free(d);
    const char *lacks = "age\n1\n";
    assert_null(tn_preparation_read(context, p, lacks, strlen(lacks), "in.csv"));
    assert_non_null(strstr(tn_context_error(context), "no column \"city\""));
    tn_preparation_free(p);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    tn_table *t = table_of("a,y\n1,u\n2,v\n3,w\n,\n");
    const int64_t two[] = {0, 1};
    tn_preparation *p = prepare(t, two, 2, TN_OPT(tn_prepare_opt, .target = "y"));
    assert_null(tn_dataset_table(context, t, p, NULL, 0));
    assert_non_null(strstr(tn_context_error(context), ": row 3: \"y\" is \"w\", a class that no training row has"));
    assert_null(tn_dataset_table(context, t, p, (const int64_t[]){3}, 1));
    assert_non_null(strstr(tn_context_error(context), ": row 4 has no \"y\""));
    assert_null(tn_dataset_table(context, t, p, (const int64_t[]){9}, 1));
    tn_preparation_free(p);
    assert_null(tn_table_prepare(context, t, two, 1, TN_OPT(tn_prepare_opt, .target = "y")));
    assert_non_null(strstr(tn_context_error(context), "two classes"));
    assert_null(tn_table_prepare(context, t, two, 2, TN_OPT(tn_prepare_opt, .target = "z")));
    const tn_prepare_column c = {.name = "z"};
    assert_null(tn_table_prepare(context, t, two, 2, TN_OPT(tn_prepare_opt, .columns = &c, .n_columns = 1)));
    assert_null(tn_table_prepare(context, t, two, 2, TN_OPT(tn_prepare_opt, .target = "y", .named_only = true)));
    assert_non_null(strstr(tn_context_error(context), "uses no column"));
    tn_table_free(t);
    const char *bad[] = {"{\"kind\":\"table\"}",
                         "{\"kind\":\"table\",\"delimiter\":44,\"header\":true,\"columns\":[{\"name\":\"a\",\"how\":"
                         "\"x\",\"indicator\":false}]}",
                         "{\"kind\":\"table\",\"delimiter\":44,\"header\":true,\"columns\":[{\"name\":\"a\",\"how\":"
                         "\"as_is\",\"indicator\":"
                         "false,\"missing\":\"nan\",\"mean\":0,\"std\":1}]}",
                         "{\"kind\":\"table\",\"delimiter\":44,\"header\":true,\"columns\":[{\"name\":\"a\",\"how\":"
                         "\"codes\",\"indicator\":"
                         "false,\"missing\":3,\"words\":[\"a\"]}]}",
                         "{\"kind\":\"table\",\"delimiter\":44,\"header\":true,\"columns\":[{\"name\":\"a\",\"how\":"
                         "\"codes\",\"indicator\":"
                         "false,\"missing\":0,\"words\":[\"a\",\"a\"]}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(tn_preparation_parse(context, bad[i], strlen(bad[i])));
}

/* ---- partitions -------------------------------------------------------------------------------------------------- */

enum { N = 1000 };

static void parts_are_whole_and_repeatable(void **state)
{
    (void)state;
    int64_t classes[N], groups[N], n[3], seen[N] = {0}, rare = 0, others[N];
    double times[N];
    for (int i = 0; i < N; i++) {
        classes[i] = i % 10 == 0;
        groups[i] = i / 7;
        times[i] = (N - i) / 2;
    }
    const double fractions[] = {0.7, 0.2, 0.1};
    tn_partition *a =
        tn_partition_new(context, N, fractions, 3, TN_OPT(tn_partition_opt, .classes = classes, .seed = 5));
    tn_partition *b =
        tn_partition_new(context, N, fractions, 3, TN_OPT(tn_partition_opt, .classes = classes, .seed = 5));
    for (int p = 0; p < 3; p++) {
        const int64_t *x = tn_partition_part(a, p, &n[p]), *y = tn_partition_part(b, p, &n[p]);
        assert_memory_equal(x, y, (size_t)n[p] * sizeof *x);
        for (int64_t i = 0; i < n[p]; i++)
            seen[x[i]]++;
        for (int64_t i = 0; i < n[1] && p == 1; i++)
            rare += classes[x[i]];
    }
    assert_true(n[0] == 700 && n[1] == 200 && n[2] == 100 && rare == 20);
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(tn_partition_others(a, 1, others), 800);
    tn_partition_free(a);
    tn_partition_free(b);
    a = tn_partition_new(context, N, fractions, 3, TN_OPT(tn_partition_opt, .groups = groups, .classes = classes));
    int part_of[N / 7 + 1];
    memset(part_of, -1, sizeof part_of);
    for (int p = 0; p < 3; p++) {
        const int64_t *x = tn_partition_part(a, p, &n[p]);
        for (int64_t i = 0; i < n[p]; i++) {
            assert_true(part_of[groups[x[i]]] == -1 || part_of[groups[x[i]]] == p);
            part_of[groups[x[i]]] = p;
        }
    }
    assert_true(n[0] + n[1] + n[2] == N && llabs(n[0] - 700) < 15 && llabs(n[1] - 200) < 15);
    tn_partition_free(a);
    a = tn_partition_new(context, N, fractions, 3, TN_OPT(tn_partition_opt, .times = times));
    const int64_t *early = tn_partition_part(a, 0, &n[0]), *late = tn_partition_part(a, 2, &n[2]);
    assert_true(early[0] >= N - n[0] - 1 && late[n[2] - 1] <= n[2]);
    assert_true(times[early[0]] < times[late[n[2] - 1]]);
    tn_partition_free(a);
}

static void folds_and_balance(void **state)
{
    (void)state;
    int64_t classes[N], n, count[2] = {0};
    for (int i = 0; i < N; i++)
        classes[i] = i % 10 == 0;
    tn_partition *f = tn_partition_folds(context, N, 7, TN_OPT(tn_partition_opt, .classes = classes));
    for (int p = 0; p < 7; p++) {
        tn_partition_part(f, p, &n);
        assert_true(n == 142 || n == 143 || n == 144);
    }
    assert_null(tn_partition_part(f, 7, &n));
    tn_partition_free(f);
    for (int over = 0; over < 2; over++) {
        f = tn_partition_balance(context, NULL, classes, N, over, 3);
        const int64_t *x = tn_partition_part(f, 0, &n);
        assert_int_equal(n, over ? 1800 : 200);
        count[0] = count[1] = 0;
        for (int64_t i = 0; i < n; i++)
            count[classes[x[i]]]++;
        assert_int_equal(count[0], count[1]);
        tn_partition_free(f);
    }
    double weights[3];
    assert_int_equal(tn_class_weights(context, classes, N, 3, weights), TN_OK);
    assert_true(weights[1] == 5 && weights[2] == 0 && fabs(weights[0] - 1000 / 1800.0) < 1e-12);
    assert_null(tn_partition_folds(context, 3, 4, NULL));
    assert_null(tn_partition_new(context, 3, (const double[]){0.7, 0.7}, 2, NULL));
    tn_partition *none = tn_partition_new(context, 0, (const double[]){0.5, 0.5}, 2, NULL);
    assert_non_null(none);
    tn_partition_free(none);
}

#ifdef TARN_HAVE_SQLITE
#include <sqlite3.h>
static void queries_of_sqlite(void **state)
{
    (void)state;
    const char *path = scratch_path("a.db");
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "create table t(id integer, x real, zip text, note text, d text);"
                                  "insert into t values(1,0.1,'01234','a \"b\", "
                                  "c','2020-01-01'),(2,null,'99',null,null),(3,1e-300,'7','x\ny','2020-01-03')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    tn_table *t = tn_table_sqlite(context, path, "select * from t order by id", NULL);
    if (!t)
        fail_msg("%s", tn_context_error(context));
    assert_int_equal(tn_table_rows(t), 3);
    assert_int_equal(tn_table_column(t, 2)->type, TN_COLUMN_CATEGORY);
    assert_int_equal(tn_table_column(t, 4)->type, TN_COLUMN_TIME);
    assert_true(((const double *)tn_table_column(t, 1)->values)[0] == 0.1);
    assert_true(((const double *)tn_table_column(t, 1)->values)[2] == 1e-300);
    assert_true(tn_table_missing(t, 1, 1));
    size_t n;
    assert_memory_equal(tn_table_text(t, 3, 0, &n), "a \"b\", c", 8);
    tn_table_free(t);
    assert_null(tn_table_sqlite(context, path, "select z from t", NULL));
    if (!strstr(tn_context_error(context), "no such column"))
        fail_msg("%s", tn_context_error(context));
    assert_null(tn_table_sqlite(context, path, "delete from t", NULL));
    assert_null(tn_table_sqlite(context, path, "", NULL));
    assert_null(tn_table_sqlite(context, scratch_path("none.db"), "select 1", NULL));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_become_numbers),
        cmocka_unit_test(each_way_to_encode),
        cmocka_unit_test(files_are_opened_for_prediction),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(parts_are_whole_and_repeatable),
        cmocka_unit_test(folds_and_balance),
#ifdef TARN_HAVE_SQLITE
        cmocka_unit_test(queries_of_sqlite),
#endif
    };
    return cmocka_run_group_tests(tests, context_begin_scratch, context_end_scratch);
}
