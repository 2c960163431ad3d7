/* series.c: data: {name: series, path: ...}, windows of rows in order of time. The series are cut into training, validation and test
 * parts by time; scales are fitted on the training part alone. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "train/rows.h"
#include "train/source/source.h"
#include <tarn/series.h>

typedef struct series {
    train_data common;
    train_rows rows;
    format_strings columns, targets;
    const char *id, *time;
    int64_t length, horizon, stride, train_rows, val_rows, test_rows;
    int scale;
    bool calendar, difference, channels_first;
} series;

static const char *const scales[] = {"all", "each", "none", NULL};

static const format_option rows[] = {
    TRAIN_ROWS_OPTION(
        series, "path", PATH, path, .fallback = FORMAT_REQUIRED,
        .doc = "the file: CSV, TSV, JSON lines (.jsonl), gzip'ed or not; or, with query, an SQLite database"),
    TRAIN_ROWS_OPTION(series, "val_path", PATH, val_path, .doc = "a file of series that are validated on, whole"),
    TRAIN_ROWS_OPTION(series, "test_path", PATH, test_path, .doc = "a file of series that `tarn eval` takes, whole"),
    TRAIN_ROWS_FORMAT(series),
    FORMAT_STRING(series, time, NULL, "the column that orders rows; they are in order if it is not given"),
    FORMAT_STRING(series, id, NULL, "the column that tells several series apart"),
    FORMAT_STRINGS(series, columns, NULL, 1, 0, "what the model sees; all numbers if not given"),
    FORMAT_STRINGS(series, targets, NULL, 1, 0, "what it should say, among columns; all of them if not given"),
    FORMAT_INT(series, length, "96", "[1,1000000]", "rows that the model sees"),
    FORMAT_INT(series, horizon, "1", "[1,1000000]", "rows after them that it should say"),
    FORMAT_INT(series, stride, "1", "[1,)", "rows from one window to the next"),
    FORMAT_ENUM(series, scale, "all", scales, "mean and deviation over all series, over each by itself, or none"),
    FORMAT_BOOL(series, calendar, "false",
                "channels more: sine and cosine of time of day, weekday and day of the year"),
    FORMAT_BOOL(series, difference, "false", "changes from row to row in place of values"),
    FORMAT_BOOL(series, channels_first, "false", "x is [channels, length] and y [targets, horizon]"),
    FORMAT_INT(series, train_rows, "0", "[0,)", "rows of each series that are trained on, in place of fractions"),
    FORMAT_INT(series, val_rows, "0", "[0,)", "rows after them that are validated on"),
    FORMAT_INT(series, test_rows, "0", "[0,)", "rows after those that are tested on"),
    {0},
};
static const format_table options = {
    .name = "series",
    .doc = "series in time, as columns of a table: windows of rows, and what came after them; validation "
           "(val_fraction) and test (test_fraction), its end, come later in time",
    .options = rows,
    .brief = "name",
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const series *o = TRAIN_SOURCE_OPTIONS(r, series);
    if (o->train_rows == 0 && (o->val_rows || o->test_rows))
        return format_yaml_fail(node, e, "'data' has val_rows or test_rows without train_rows");
    if (o->train_rows && (o->common.val_fraction > 0 || o->common.test_fraction > 0))
        return format_yaml_fail(node, e,
                                "'data' has train_rows and fractions; only one of them can say how series are cut");
    if ((o->rows.val_path && o->val_rows) || (o->rows.test_path && o->test_rows))
        return format_yaml_fail(node, e, "'data' has %s; only one of them can say what is %s on",
                                o->rows.val_path && o->val_rows ? "val_path and val_rows" : "test_path and test_rows",
                                o->rows.val_path && o->val_rows ? "validated" : "tested");
    return train_split_check(r, o->rows.val_path ? "val_path" : NULL, o->rows.test_path ? "test_path" : NULL, node, e);
}

static tn_series_opt options_of(const series *o)
{
    return (tn_series_opt){.length = o->length,
                           .horizon = o->horizon,
                           .stride = o->stride,
                           .time = o->time,
                           .id = o->id,
                           .columns = o->columns.n ? o->columns.at : NULL,
                           .n_columns = (int)o->columns.n,
                           .targets = o->targets.n ? o->targets.at : NULL,
                           .n_targets = (int)o->targets.n,
                           .scale = (tn_series_scale)o->scale,
                           .calendar = o->calendar,
                           .difference = o->difference,
                           .channels_first = o->channels_first};
}

/* A file of its own is taken whole. */
static tn_dataset *open_file(tn_context *c, const train_recipe *r, const tn_preparation *p, const char *path,
                             train_sets *sets)
{
    tn_table *t = train_rows_table(c, r, &TRAIN_SOURCE_OPTIONS(r, series)->rows, path);
    tn_dataset *d = t ? tn_dataset_series(c, t, p, NULL) : NULL;
    if (t && !d && !strstr(c->err.text, path))
        (void)base_prefix(&c->err, "%s: ", path);
    train_rows_count_bad(t, &sets->bad_rows, &sets->bad_values);
    tn_table_free(t);
    return d;
}

static tn_status open_series(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const series *o = TRAIN_SOURCE_OPTIONS(r, series);
    const double val = r->data->val_fraction, train = 1 - val - o->common.test_fraction;
    const double rows_[] = {0, (double)o->train_rows, (double)(o->train_rows + o->val_rows),
                            (double)(o->train_rows + o->val_rows + o->test_rows)},
                 fractions[] = {0, train, train + val, 1}, *at = o->train_rows ? rows_ : fractions;
    const char *const own[] = {NULL, o->rows.val_path, o->rows.test_path};
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    tn_table *t = train_rows_table(c, r, &o->rows, o->rows.path);
    if (!t)
        return TN_FORMAT;
    const tn_series_opt opt = options_of(o);
    tn_preparation *p = tn_series_prepare(c, t, &(tn_series_part){at[0], at[1], .fractions = o->train_rows == 0}, &opt);
    tn_status status = p ? TN_OK : TN_INVALID;
    for (int i = 0; i < 3 && status == TN_OK; i++) {
        if (own[i])
            *set[i] = open_file(c, r, p, own[i], sets);
        else if (at[i + 1] > at[i] + 1e-12)
            *set[i] = tn_dataset_series(c, t, p, &(tn_series_part){at[i], at[i + 1], .fractions = o->train_rows == 0});
        else
            continue;
        status = *set[i] ? TN_OK : TN_INVALID;
    }
    tn_preparation_free(p);
    train_rows_count_bad(t, &sets->bad_rows, &sets->bad_values);
    tn_table_free(t);
    return status;
}

const train_source train_source_series = {
    .caches = true, .in_order = true, .table = &options, .size = sizeof(series), .check = check, .open = open_series};
