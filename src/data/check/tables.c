/* tables.c: a table row by row, and its columns in figures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "data/check/check.h"

#include <tarn/table.h>

enum { MOST_LABELS = 1000, FIRST_NOTES = 8 };

/* A value that is no text, as a double. */
static double value_of(const tn_column *c, int64_t row)
{
    if (c->type == TN_COLUMN_INTEGER)
        return (double)((const int64_t *)c->values)[row];
    if (c->type == TN_COLUMN_BOOLEAN)
        return ((const uint8_t *)c->values)[row];
    return ((const double *)c->values)[row];
}

/* Numbers as doubles, whatever the type: what is 1 in one file may be 1.0 in another. */
static uint64_t hash_cell(const tn_table *t, int column, int64_t row, uint64_t seed)
{
    const tn_column *c = tn_table_column(t, column);
    size_t n = 0;
    if (tn_table_missing(t, column, row))
        return base_hash("?", 2, seed);
    if (c->type == TN_COLUMN_TEXT || c->type == TN_COLUMN_CATEGORY) {
        const char *text = tn_table_text(t, column, row, &n);
        uint64_t length = n;
        return base_hash(text ? text : "", text ? n : 0, base_hash(&length, sizeof length, seed));
    }
    const double value = value_of(c, row);
    return base_hash(&value, sizeof value, seed);
}

/* The column that people call the answer; -1: none. */
static int label_column(const tn_table *t)
{
    static const char *const names[] = {"label", "class", "target", "y"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tn_table_find(t, names[i]) >= 0)
            return tn_table_find(t, names[i]);
    return -1;
}

static int label_of(data_check *c, const tn_table *t, int column, int64_t row)
{
    const tn_column *k = column >= 0 ? tn_table_column(t, column) : NULL;
    char name[24];
    if (!k || tn_table_missing(t, column, row))
        return -1;
    if (k->type == TN_COLUMN_CATEGORY)
        return check_class(c, k->names[((const int32_t *)k->values)[row]]);
    if (k->type == TN_COLUMN_INTEGER)
        (void)snprintf(name, sizeof name, "%lld", (long long)((const int64_t *)k->values)[row]);
    else if (k->type == TN_COLUMN_BOOLEAN)
        (void)snprintf(name, sizeof name, "%d", ((const uint8_t *)k->values)[row]);
    else
        return -1;
    return check_class(c, name);
}

static tn_status add_rows(data_check *c, const check_file *f, const tn_table *t, int label)
{
    int columns = tn_table_columns(t);
    check_file row_of = *f;
    for (int64_t row = 0; row < tn_table_rows(t); row++) {
        uint64_t hash = TN_SAMPLES_ROWS;
        for (int k = 0; k < columns; k++)
            hash = k == label ? hash : hash_cell(t, k, row, hash);
        const uint64_t alike = hash;
        hash = label >= 0 ? hash_cell(t, label, row, hash) : hash;
        row_of.class_number = label_of(c, t, label, row);
        BASE_TRY(check_add(c, &row_of, TN_SAMPLES_ROWS, row + 1, hash));
        if (label >= 0 && columns > 1)
            check_add_alike(c, alike);
    }
    return TN_OK;
}

static void add_bins(const tn_table *t, int k, tn_check_column *column)
{
    const tn_column *from = tn_table_column(t, k);
    if (from->type == TN_COLUMN_TEXT || from->type == TN_COLUMN_CATEGORY)
        return;
    check_bins_begin(column, from->type == TN_COLUMN_INTEGER || from->type == TN_COLUMN_BOOLEAN);
    for (int64_t row = 0; column->n_bins && row < tn_table_rows(t); row++)
        if (!tn_table_missing(t, k, row) && isfinite(value_of(from, row)))
            check_bins_add(column, value_of(from, row), 1);
}

static tn_status add_columns(data_check *c, const check_file *f, const tn_table *t, int *label)
{
    for (int k = 0; k < tn_table_columns(t); k++) {
        const tn_column *from = tn_table_column(t, k);
        tn_column_stats s;
        if (tn_table_describe(c->context, t, k, &s) != TN_OK)
            return base_no_memory(c->err, "checking data");
        tn_check_column column = {.path = f->where,
                                  .name = from->name,
                                  .type = tn_column_type_name(from->type),
                                  .count = s.count,
                                  .missing = s.missing,
                                  .distinct = s.distinct,
                                  .mean = s.mean,
                                  .std = s.std,
                                  .min = s.min,
                                  .max = s.max};
        add_bins(t, k, &column);
        if (k == *label && s.distinct > MOST_LABELS)
            *label = -1;
        tn_column_stats_free(&s);
        BASE_TRY(check_add_column(c, &column));
    }
    return TN_OK;
}

static tn_status add_notes(data_check *c, const check_file *f, const tn_table *t)
{
    int64_t skipped = tn_table_skipped(t);
    const char *note;
    for (int i = 0; i < FIRST_NOTES && (note = tn_table_note(t, i)) != NULL; i++) {
        bool named = strncmp(note, f->where, strlen(f->where)) == 0;
        BASE_TRY(check_add_note(c, named ? "%s%s" : "%s: %s", named ? "" : f->where, note));
    }
    if (skipped == 0)
        return TN_OK;
    c->report.bad_total += skipped - 1;
    base_error why = {0};
    base_fail(&why, TN_FORMAT, "%lld of its rows are wrong and were left out; the notes name the first",
              (long long)skipped);
    return check_add_bad(c, f->where, why.text);
}

tn_status check_table(data_check *c, const check_file *f)
{
    tn_table_opt opt = {.bad = TN_BAD_SKIP};
    tn_table *t = tn_table_parse(c->context, f->data, f->bytes, f->where, &opt);
    if (!t) {
        const base_error *why = &c->context->err;
        return why->status == TN_MEMORY ? base_no_memory(c->err, "checking data")
                                        : check_add_bad(c, f->where, why->text);
    }
    int label = label_column(t);
    tn_status status = add_columns(c, f, t, &label);
    if (status == TN_OK)
        status = add_rows(c, f, t, label);
    if (status == TN_OK)
        status = add_notes(c, f, t);
    tn_table_free(t);
    return status;
}
