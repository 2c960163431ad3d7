/* test_table_faults.c: tables, series and graphs when memory is out, or a disk fails: each allocation, read and write in turn. What is asked for
 * either comes, or a sentence does, and nothing leaks. */
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
#include "support/faults.h"
#include "support/scratch.h"

#include <tarn/graph_data.h>
#include <tarn/series.h>

typedef tn_status (*job)(tn_context *context);

static const char *const text = "n,late,word,text,when,y\n"
                                "1,2,a,\"x \"\"y\"\"\",2020-01-01,u\n"
                                "2,3,b,z,2020-01-02,v\n"
                                ",2.5,a,,2020-01-03,u\n"
                                "4\n"
                                "3,4,,\"long,\ntext\",2020-01-04,v\n"
                                "5,x,c,d,2020-01-05,u\n";

static tn_status status_of(const tn_context *c, const void *made)
{
    return made ? TN_OK : c->err.status;
}

static tn_table *table_of(tn_context *c, const char *name, const char *of)
{
    return tn_table_parse(c, of, strlen(of), name,
                          TN_OPT(tn_table_opt, .threads = 1, .bad = TN_BAD_SKIP, .categories = 3));
}

static tn_status read_describe_write(tn_context *c)
{
    tn_table *t = table_of(c, "t.csv", text);
    tn_status status = status_of(c, t);
    for (int k = 0; status == TN_OK && k < tn_table_columns(t); k++) {
        tn_column_stats s;
        status = tn_table_describe(c, t, k, &s);
        if (status == TN_OK)
            tn_column_stats_free(&s);
    }
    if (status == TN_OK)
        status = tn_table_write(c, t, NULL, 0, scratch_path("out.csv"));
    tn_table_free(t);
    if (status == TN_OK) {
        t = tn_table_read(c, scratch_path("out.csv"), TN_OPT(tn_table_opt, .threads = 1));
        status = status_of(c, t);
        tn_table_free(t);
    }
    return status;
}

static tn_status read_json_lines(tn_context *c)
{
    tn_table *t = table_of(c, "t.jsonl", "{\"a\":1,\"b\":\"x\\n\"}\n{\"c\\u0041\":[1],\"a\":2.5}\n{}\n");
    tn_status status = status_of(c, t);
    tn_table_free(t);
    return status;
}

static tn_status read_encodings(tn_context *c)
{
    tn_table *t = table_of(c, "t.csv", "a,b\nJos\xE9,1\n");
    tn_status status = status_of(c, t);
    tn_table_free(t);
    if (status == TN_OK) {
        t = tn_table_parse(c,
                           "\xFF\xFE"
                           "a\0\n\0"
                           "1\0",
                           8, "t.csv", TN_OPT(tn_table_opt, .threads = 1));
        status = status_of(c, t);
        tn_table_free(t);
    }
    return status;
}

static tn_status prepare_rows(tn_context *c)
{
    tn_table *t = table_of(c, "t.csv", text);
    const tn_prepare_column columns[] = {{.name = "n", .how = TN_FEATURE_QUANTILE},
                                         {.name = "text", .how = TN_FEATURE_HASH},
                                         {.name = "word", .how = TN_FEATURE_CODES, .impute = TN_IMPUTE_FREQUENT}};
    tn_preparation *p = t ? tn_table_prepare(c, t, (const int64_t[]){0, 1, 2}, 3,
                                             TN_OPT(tn_prepare_opt, .target = "y", .columns = columns, .n_columns = 3))
                          : NULL;
    tn_dataset *d = p ? tn_dataset_table(c, t, p, NULL, 0) : NULL;
    tn_status status = status_of(c, d);
    tn_dataset_free(d);
    tn_preparation_free(p);
    tn_table_free(t);
    return status;
}

/* The file is new each time, so that its columns are written anew. */
static tn_status keep_columns(tn_context *c)
{
    static const char rows[] = "a,b,c\n1,x,\"t, 1\"\n2,y,\"u\"\n,x,\"v\nw\"\n3.5,,z\n4,z,s\n5,zz,q\n";
    base_error *e = base_context_begin(c);
    tn_status status = base_file_write(scratch_path("kept.csv"), rows, sizeof rows - 1, e);
    for (int i = 0; i < 2 && status == TN_OK; i++) {
        tn_table *t = tn_table_read(
            c, scratch_path("kept.csv"),
            TN_OPT(tn_table_opt, .threads = 1, .categories = 3, .cache = scratch_path("columns"), .cache_above = 1));
        status = status_of(c, t);
        tn_table_free(t);
    }
    return status;
}

static tn_status cut_windows(tn_context *c)
{
    tn_table *t = table_of(c, "t.csv", "id,t,v\na,1,1\na,2,2\nb,1,3\nb,2,\na,3,4\n");
    tn_preparation *p =
        t ? tn_series_prepare(
                c, t, NULL, TN_OPT(tn_series_opt, .length = 1, .id = "id", .time = "t", .scale = TN_SERIES_SCALE_EACH))
          : NULL;
    tn_dataset *d = p ? tn_dataset_series(c, t, p, NULL) : NULL;
    tn_status status = status_of(c, d);
    tn_dataset_free(d);
    tn_preparation_free(p);
    tn_table_free(t);
    return status;
}

static tn_status read_graph(tn_context *c)
{
    tn_table *n = table_of(c, "n.csv", "node,label,a\nx,u,1\ny,v,2\nz,u,0\n"),
             *e = n ? table_of(c, "e.csv", "u,v\nx,y\ny,z\n") : NULL;
    tn_graph_data *g = e ? tn_graph_data_new(c, n, e, NULL, NULL) : NULL;
    tn_dataset *d = g ? tn_dataset_nodes(c, g, -1) : NULL;
    tn_status status = status_of(c, d);
    if (status == TN_OK) {
        tn_graph_sample s;
        status = tn_graph_data_sample(c, g, (const int64_t[]){1}, 1, (const int[]){1, 1}, 2, 9, &s);
        tn_graph_sample_free(&s);
    }
    tn_dataset_free(d);
    tn_graph_data_free(g);
    tn_table_free(n);
    tn_table_free(e);
    return status;
}

static tn_status part_samples(tn_context *c)
{
    const int64_t classes[] = {0, 1, 0, 1, 0, 0}, groups[] = {1, 1, 2, 2, 3, 3};
    const double fractions[] = {0.5, 0.5}, times[] = {3, 2, 1, 4, 5, 6};
    const tn_partition_opt by[] = {{.classes = classes}, {.classes = classes, .groups = groups}, {.times = times}};
    tn_status status = TN_OK;
    for (int i = 0; i < 5 && status == TN_OK; i++) {
        tn_partition *p = i < 3    ? tn_partition_new(c, 6, fractions, 2, &by[i])
                          : i == 3 ? tn_partition_folds(c, 6, 3, NULL)
                                   : tn_partition_balance(c, NULL, classes, 6, true, 1);
        status = status_of(c, p);
        tn_partition_free(p);
    }
    return status;
}

static const struct {
    const char *name;
    job run;
} jobs[] = {{"read_describe_write", read_describe_write},
            {"read_json_lines", read_json_lines},
            {"read_encodings", read_encodings},
            {"prepare_rows", prepare_rows},
            {"keep_columns", keep_columns},
            {"cut_windows", cut_windows},
            {"read_graph", read_graph},
            {"part_samples", part_samples}};
enum { JOBS = sizeof jobs / sizeof *jobs };

static void each_in_turn(atomic_long *kind, tn_status expected)
{
    if (!FAULTS_WORK) {
        print_message("SKIPPED: a sanitizer stands where failures are made\n");
        skip();
    }
    for (int j = 0; j < JOBS; j++) {
        tn_context *c = tn_context_new(NULL);
        if (jobs[j].run(c) != TN_OK)
            fail_msg("%s: %s", jobs[j].name, c->err.text);
        bool fired = true;
        for (long n = 0; fired; n++) {
            long live = faults.live;
            base_clear(&c->err);
            faults_set(kind, n);
            tn_status status = jobs[j].run(c);
            fired = faults_clear();
            if (status != TN_OK && (!fired || status != expected || !c->err.text[0]))
                fail_msg("%s, call %ld: %s: \"%s\"", jobs[j].name, n, tn_status_name(status), c->err.text);
            if (faults.live != live)
                fail_msg("%s, call %ld: %ld allocations are left", jobs[j].name, n, faults.live - live);
        }
        tn_context_free(c);
    }
}

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    each_in_turn(&faults.allocate_in, TN_MEMORY);
}

static void every_write_fails_in_turn(void **state)
{
    (void)state;
    each_in_turn(&faults.write_in, TN_IO);
}

static int setup(void **state)
{
    (void)state;
    scratch_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_in_turn),
        cmocka_unit_test(every_write_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
