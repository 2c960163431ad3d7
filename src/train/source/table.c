/* table.c: data: {name: table, path: ..., target: ...}, rows of CSV, JSON lines or an SQLite query. The rows are cut into training,
 * validation and test samples first; what prepares columns is fitted on the training rows alone. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "train/rows.h"
#include "train/source/source.h"
#include <tarn/table.h>

enum { HOWS = TN_FEATURE_DROP + 1 };

typedef struct table {
    train_data common;
    train_rows rows;
    const char *target;
    bool number, raw_target, named_only;
    format_strings how[HOWS]; /* names of columns by TN_FEATURE_ number; 0 is not used */
    format_strings indicator, median, frequent;
    int64_t buckets;
} table;

#define HOW(word, number, text)                                                                                        \
    {                                                                                                                  \
        .key = word, .kind = FORMAT_KIND_STRINGS, .least_n = 1, .doc = text,                                           \
        .offset = offsetof(table, how) + (number) * sizeof(format_strings)                                             \
    }

static const format_option rows[] = {
    TRAIN_ROWS_OPTIONS(table),
    FORMAT_STRING(table, target, FORMAT_REQUIRED, "the column to predict"),
    FORMAT_BOOL(table, number, "false", "the target is a number, not a class (one with fractions always is)"),
    FORMAT_BOOL(table, raw_target, "false",
                "a number is learned as it is, not standardized; predictions have its units anyway"),
    HOW("standardize", TN_FEATURE_STANDARDIZE,
        "numbers brought to zero mean and unit deviation, as those not named are"),
    HOW("min_max", TN_FEATURE_MIN_MAX, "numbers brought to 0 to 1"),
    HOW("quantile", TN_FEATURE_QUANTILE, "numbers brought onto a normal distribution by their rank"),
    HOW("log", TN_FEATURE_LOG, "numbers whose logarithm is standardized (sign(v) log(1 + |v|))"),
    HOW("as_is", TN_FEATURE_AS_IS, "numbers taken as they are"),
    HOW("one_hot", TN_FEATURE_ONE_HOT,
        "a 1 among zeros for each value, as words that are not named have; numbers may be codes"),
    HOW("codes", TN_FEATURE_CODES, "the number of the value, for an embedding"),
    HOW("hash", TN_FEATURE_HASH, "one_hot by a hash, for columns of very many values"),
    HOW("date", TN_FEATURE_DATE, "times: the time itself, and sine and cosine of day of year, weekday and time of day"),
    HOW("drop", TN_FEATURE_DROP, "columns that are not used"),
    FORMAT_BOOL(table, named_only, "false", "columns that are not named above are dropped"),
    FORMAT_STRINGS(table, indicator, NULL, 1, 0, "columns that get one number more: 1 where they are missing"),
    FORMAT_STRINGS(table, median, NULL, 1, 0, "columns where the median stands for missing numbers, not the mean"),
    FORMAT_STRINGS(table, frequent, NULL, 1, 0, "columns where the most frequent value stands for a missing one"),
    FORMAT_INT(table, buckets, "64", "[1,65536]", "places of a hash"),
    {0},
};
static const format_table options = {
    .name = "table",
    .doc = "rows of a table (CSV, TSV, JSON lines, plain or packed; an SQLite query): columns become numbers, by what "
           "is fitted on "
           "the training rows alone",
    .options = rows,
    .brief = "name",
};

static bool has(const format_strings *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], name) == 0)
            return true;
    return false;
}

/* What the lists say of each column that stands in one. */
static tn_status name_columns(const table *o, const tn_table *t, tn_prepare_column *c, int *n, base_error *e)
{
    *n = 0;
    for (int i = 1; i < HOWS + 3; i++) {
        const format_strings *extra[] = {&o->indicator, &o->median, &o->frequent};
        const format_strings *list = i < HOWS ? &o->how[i] : extra[i - HOWS];
        for (size_t k = 0; k < list->n; k++)
            if (tn_table_find(t, list->at[k]) < 0)
                return base_fail(e, TN_NOT_FOUND, "data: the table has no column \"%s\"", list->at[k]);
    }
    for (int k = 0; k < tn_table_columns(t); k++) {
        const char *name = tn_table_column(t, k)->name;
        tn_prepare_column one = {.name = name, .indicator = has(&o->indicator, name), .buckets = (int)o->buckets};
        for (int h = 1; h < HOWS; h++) {
            if (!has(&o->how[h], name))
                continue;
            if (one.how != TN_FEATURE_AUTO)
                return base_fail(e, TN_INVALID, "data: the column \"%s\" stands under %s and under %s", name,
                                 tn_feature_name(one.how), tn_feature_name((tn_feature)h));
            one.how = (tn_feature)h;
        }
        one.impute = has(&o->median, name)     ? TN_IMPUTE_MEDIAN
                     : has(&o->frequent, name) ? TN_IMPUTE_FREQUENT
                                               : TN_IMPUTE_MEAN;
        if (!o->named_only || one.how != TN_FEATURE_AUTO)
            c[(*n)++] = one;
    }
    return TN_OK;
}

static tn_preparation *prepare(tn_context *c, const table *o, const tn_table *t, const train_parts *parts)
{
    base_error e = {0};
    int n;
    tn_preparation *p = NULL;
    tn_prepare_column *columns = calloc((size_t)tn_table_columns(t) + 1, sizeof *columns);
    if (!columns)
        base_no_memory(&e, "preparing a table");
    else if (name_columns(o, t, columns, &n, &e) == TN_OK)
        p = tn_table_prepare(c, t, parts->at[0], parts->n[0],
                             TN_OPT(tn_prepare_opt, .target = o->target, .number = o->number,
                                    .raw_target = o->raw_target, .columns = columns, .n_columns = n,
                                    .named_only = o->named_only));
    if (e.status != TN_OK)
        base_fail(base_context_begin(c), e.status, "%s", e.text);
    free(columns);
    return p;
}

static tn_status open_table(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const table *o = TRAIN_SOURCE_OPTIONS(r, table);
    train_parts parts = {0};
    tn_table *t[3] = {NULL};
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    tn_status status = train_rows_read(c, r, &o->rows, o->target, NULL, t, &parts);
    tn_preparation *p = status == TN_OK ? prepare(c, o, t[0], &parts) : NULL;
    status = p ? TN_OK : status != TN_OK ? status : TN_INVALID;
    for (int i = 0; i < 3 && status == TN_OK; i++) {
        const tn_table *from = t[i] ? t[i] : t[0];
        if (!t[i] && parts.n[i] == 0)
            continue;
        *set[i] = tn_dataset_table(c, from, p, i > 0 && t[i] ? NULL : parts.at[i], parts.n[i]);
        status = *set[i] ? TN_OK : TN_INVALID;
    }
    sets->cut = train_split_sum(&parts, NULL);
    tn_preparation_free(p);
    train_parts_free(&parts);
    for (int i = 0; i < 3; i++) {
        train_rows_count_bad(t[i], &sets->bad_rows, &sets->bad_values);
        tn_table_free(t[i]);
    }
    return status;
}

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    return train_rows_check(r, &TRAIN_SOURCE_OPTIONS(r, table)->rows, node, e);
}

const train_source train_source_table = {
    .caches = true, .table = &options, .size = sizeof(table), .check = check, .open = open_table};
