/* rows.c: see rows.h. */
#include "train/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/map.h"
#include "base/str.h"
#include "base/text.h"
#include "train/source/source.h"

const char *const train_rows_headers[] = {"auto", "yes", "no", NULL};
const char *const train_rows_bads[] = {"fail", "skip", "missing", NULL};
const char *const train_rows_encodings[] = {"auto", "utf8", "latin1", "utf16le", "utf16be", NULL};

void train_parts_free(train_parts *parts)
{
    for (int i = 0; i < 3; i++)
        free(parts->at[i]);
    *parts = (train_parts){0};
}

/* "t.csv: 200 rows of 3 columns: integer: id, age; category: colour". */
static void say_types(const tn_context *c, const char *path, const tn_table *t)
{
    enum { NAMES = 8 };
    base_str text = {0};
    for (int type = TN_COLUMN_INTEGER; type <= TN_COLUMN_TEXT; type++) {
        int n = 0;
        for (int k = 0; k < tn_table_columns(t); k++) {
            const tn_column *column = tn_table_column(t, k);
            if (column->type != (tn_column_type)type || n++ >= NAMES)
                continue;
            if (n == 1)
                base_str_printf(&text, "%s%s: ", text.length ? "; " : "", tn_column_type_name(column->type));
            base_str_printf(&text, "%s%s", n > 1 ? ", " : "", BASE_SHOW(column->name));
        }
        if (n > NAMES)
            base_str_printf(&text, " and %d more", n - NAMES);
    }
    if (!text.failed)
        base_log(c, BASE_LOG_INFO, "%s: %lld rows of %d column%s: %s", path, (long long)tn_table_rows(t),
                 tn_table_columns(t), tn_table_columns(t) == 1 ? "" : "s", base_str_text(&text));
    base_str_free(&text);
}

/* What was assumed is a note; rows and values that are not used are a warning, with the places of the first. */
static void say_notes(const tn_context *c, const char *path, const tn_table *t)
{
    const int64_t rows = tn_table_skipped(t), values = tn_table_bad_values(t);
    const char *note;
    if (rows > 0 || values > 0)
        base_log(c, BASE_LOG_WARNING,
                 "%s: %lld row%s skipped and %lld value%s taken as missing, as data.bad says; the first of them:", path,
                 (long long)rows, rows == 1 ? "" : "s", (long long)values, values == 1 ? "" : "s");
    for (int i = 0; (note = tn_table_note(t, i)) != NULL; i++) {
        /* "skipped: t.csv:7:1: ...", "doubtful: t.csv:7:1: ...", as the table's reader says */
        const bool place = strncmp(note, "skipped", 7) == 0 || strncmp(note, "doubtful", 8) == 0;
        base_log(c, place ? BASE_LOG_WARNING : BASE_LOG_INFO, "%s%s%s", place ? "" : path, place ? "" : ": ", note);
    }
}

void train_rows_say(const tn_context *c, const char *path, const tn_table *t)
{
    say_types(c, path, t);
    say_notes(c, path, t);
}

tn_table *train_rows_table(tn_context *c, const train_recipe *r, const train_rows *o, const char *path)
{
    size_t n = o->numbers.n + o->words.n;
    tn_table_column_opt *told = calloc(n + 1, sizeof *told);
    if (!told) {
        base_no_memory(base_context_begin(c), "reading a table");
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        told[i] = i < o->numbers.n
                      ? (tn_table_column_opt){.name = o->numbers.at[i], .type = TN_COLUMN_NUMBER}
                      : (tn_table_column_opt){.name = o->words.at[i - o->numbers.n], .type = TN_COLUMN_CATEGORY};
    tn_cache_opt cache;
    const bool kept = train_cache(r, c, &cache) && cache.folder;
    const char *between = o->delimiter ? o->delimiter : "";
    tn_table_opt opt = {.delimiter = strcmp(between, "tab") == 0 || strcmp(between, "\\t") == 0 ? '\t' : between[0],
                        .quote = o->quotes ? 0 : '\x01',
                        .header = (tn_header)o->header,
                        .encoding = (tn_encoding)o->encoding,
                        .bad = (tn_bad_row)o->bad,
                        .missing = o->missing.n ? o->missing.at : NULL,
                        .n_missing = (int)o->missing.n,
                        .cache = kept ? cache.folder : NULL,
                        .cache_above = kept && cache.either ? cache.limit : 0,
                        .columns = told,
                        .n_columns = (int)n};
    tn_table *t = o->query ? tn_table_sqlite(c, path, o->query, &opt) : tn_table_read(c, path, &opt);
    if (t)
        train_rows_say(c, path, t);
    free(told);
    return t;
}

/* ---- cutting ---------------------------------------------------------------------------------------------------- */

/* A number for each different value of a column; missing ones share one. */
static void number_values(const tn_table *t, int k, int64_t *out)
{
    const tn_column *c = tn_table_column(t, k);
    for (int64_t i = 0; i < tn_table_rows(t); i++) {
        size_t length = 0;
        switch (c->type) {
        case TN_COLUMN_INTEGER: out[i] = ((const int64_t *)c->values)[i]; break;
        case TN_COLUMN_BOOLEAN: out[i] = ((const uint8_t *)c->values)[i]; break;
        case TN_COLUMN_CATEGORY: out[i] = ((const int32_t *)c->values)[i]; break;
        case TN_COLUMN_TEXT: {
            const char *text = tn_table_text(t, k, i, &length);
            out[i] = text ? (int64_t)base_hash(text, length, 0) : 0;
            break;
        }
        default: memcpy(&out[i], (const double *)c->values + i, sizeof *out);
        }
    }
}

static tn_status find(const tn_table *t, const char *name, const char *what, int *k, base_error *e)
{
    *k = tn_table_find(t, name);
    return *k >= 0 ? TN_OK
                   : base_fail(e, TN_NOT_FOUND, "data.%s: the table has no column \"%s\"", what, BASE_SHOW(name));
}

/* The part that a word names, or -1. */
static int part_named(const char *word, size_t n)
{
    static const char *const words[] = {"train", "training", "val", "valid", "validation", "test"};
    static const int parts[] = {0, 0, 1, 1, 1, 2};
    for (int i = 0; i < 6; i++)
        if (strlen(words[i]) == n && memcmp(words[i], word, n) == 0)
            return parts[i];
    return -1;
}

static tn_status add_row(train_parts *p, int part, int64_t row, int64_t rows, base_error *e)
{
    if (!p->at[part] && !(p->at[part] = malloc((size_t)(rows > 0 ? rows : 1) * sizeof(int64_t))))
        return base_no_memory(e, "splitting a table");
    p->at[part][p->n[part]++] = row;
    return TN_OK;
}

static tn_status split_as_said(const tn_table *t, const char *name, train_parts *p, base_error *e)
{
    int k;
    BASE_TRY(find(t, name, "split", &k, e));
    for (int64_t i = 0; i < tn_table_rows(t); i++) {
        size_t n;
        const char *word = tn_table_text(t, k, i, &n);
        int part = word ? part_named(word, n) : -1;
        if (part >= 0)
            BASE_TRY(add_row(p, part, i, tn_table_rows(t), e));
    }
    return p->n[0] > 0 ? TN_OK : base_fail(e, TN_FORMAT, "data.split: no row of \"%s\" says train", BASE_SHOW(name));
}

/* What a partition goes by. */
typedef struct split_keys {
    int64_t *classes, *groups;
    double *times;
} split_keys;

static tn_status take_times(const tn_table *t, const char *name, double **times, base_error *e)
{
    int k;
    BASE_TRY(find(t, name, "time", &k, e));
    const tn_column *c = tn_table_column(t, k);
    if (c->type != TN_COLUMN_TIME && c->type != TN_COLUMN_NUMBER && c->type != TN_COLUMN_INTEGER)
        return base_fail(e, TN_DTYPE, "data.time: column \"%s\" is %s; times or numbers are due", BASE_SHOW(name),
                         tn_column_type_name(c->type));
    if (c->n_missing > 0)
        return base_fail(e, TN_FORMAT, "data.time: column \"%s\" is missing in %lld rows, which have no place in time",
                         BASE_SHOW(name), (long long)c->n_missing);
    if (!(*times = malloc((size_t)(tn_table_rows(t) + 1) * sizeof **times)))
        return base_no_memory(e, "splitting a table");
    for (int64_t i = 0; i < tn_table_rows(t); i++)
        (*times)[i] =
            c->type == TN_COLUMN_INTEGER ? (double)((const int64_t *)c->values)[i] : ((const double *)c->values)[i];
    return TN_OK;
}

static tn_status take_keys(const tn_table *t, const train_rows *o, const char *target, split_keys *keys, base_error *e)
{
    size_t bytes = (size_t)(tn_table_rows(t) + 1) * sizeof(int64_t);
    int k;
    if (o->time)
        return take_times(t, o->time, &keys->times, e);
    if (o->group) {
        BASE_TRY(find(t, o->group, o->group_key ? o->group_key : "group", &k, e));
        if (!(keys->groups = malloc(bytes)))
            return base_no_memory(e, "splitting a table");
        number_values(t, k, keys->groups);
    }
    k = target && o->stratify ? tn_table_find(t, target) : -1;
    const tn_column *c = tn_table_column(t, k);
    if (!c || c->type == TN_COLUMN_NUMBER || c->type == TN_COLUMN_TIME || c->type == TN_COLUMN_TEXT)
        return TN_OK;
    if (!(keys->classes = malloc(bytes)))
        return base_no_memory(e, "splitting a table");
    number_values(t, k, keys->classes);
    return TN_OK;
}

/* One part for validation, the folds or what is left for training, the last for test. */
static tn_partition *cut_rows(tn_context *c, const train_recipe *r, const train_rows *o, const tn_table *t,
                              const split_keys *keys, int64_t folds, base_error *e)
{
    const double test = o->test_path ? 0 : o->test_fraction;
    double *fractions = malloc((size_t)(folds + 1) * sizeof *fractions);
    const tn_partition_opt opt = {
        .seed = (uint64_t)r->seed, .classes = keys->classes, .groups = keys->groups, .times = keys->times};
    if (!fractions) {
        base_no_memory(e, "splitting a table");
        return NULL;
    }
    for (int64_t i = 0; i < folds; i++)
        fractions[i] = (1 - test) / (double)folds;
    if (r->data->folds == 0) { /* training, validation */
        fractions[1] = o->val_path ? 0 : r->data->val_fraction;
        fractions[0] = 1 - fractions[1] - test;
    }
    fractions[folds] = test;
    tn_partition *parts = NULL;
    if (fractions[0] <= 0)
        base_fail(e, TN_INVALID, "data: val_fraction and test_fraction leave nothing to train on");
    else if (!(parts = tn_partition_new(c, tn_table_rows(t), fractions, (int)folds + 1, &opt)))
        base_fail(e, TN_INVALID, "%s", tn_context_error(c));
    free(fractions);
    return parts;
}

/* A fold without rows would be validated on, or say nothing new. */
static tn_status check_folds(const tn_partition *parts, int64_t folds, int64_t rows, const train_rows *o, base_error *e)
{
    int64_t filled = 0, n;
    for (int64_t i = 0; i < folds; i++)
        filled += tn_partition_part(parts, (int)i, &n) && n > 0;
    if (filled == folds)
        return TN_OK;
    return base_fail(e, TN_INVALID, "data.folds is %lld, but the %lld rows of the table%s fill %lld of them only",
                     (long long)folds, (long long)rows,
                     o->group  ? ", whose groups stay together,"
                     : o->time ? ", of which those of one time stay together,"
                               : "",
                     (long long)filled);
}

static tn_status split(tn_context *c, const train_recipe *r, const train_rows *o, const char *target, const tn_table *t,
                       train_parts *p, base_error *e)
{
    const int64_t folds = r->data->folds ? r->data->folds : 2, valid = r->data->folds ? r->data->fold : 1;
    split_keys keys = {0};
    tn_status status = take_keys(t, o, target, &keys, e);
    tn_partition *parts = status == TN_OK ? cut_rows(c, r, o, t, &keys, folds, e) : NULL;
    status = status == TN_OK && !parts ? e->status : status;
    if (status == TN_OK && r->data->folds)
        status = check_folds(parts, folds, tn_table_rows(t), o, e);
    for (int64_t i = 0; parts && i <= folds && status == TN_OK; i++) {
        int64_t n = 0;
        const int64_t *rows = tn_partition_part(parts, (int)i, &n);
        for (int64_t k = 0; k < n && status == TN_OK; k++)
            status = add_row(p, i == folds ? 2 : i == valid, rows[k], tn_table_rows(t), e);
    }
    if (status == TN_OK && p->n[0] == 0)
        status = train_nothing_left(tn_table_rows(t), e);
    tn_partition_free(parts);
    free(keys.classes);
    free(keys.groups);
    free(keys.times);
    return status;
}

tn_status train_rows_check(const train_recipe *r, const train_rows *o, const format_yaml_node *node, base_error *e)
{
    if (r->data->folds && (o->val_path || o->split))
        return format_yaml_fail(node, e, "'data' has folds and %s; only one of them can say what is validated on",
                                o->val_path ? "val_path" : "split");
    if (r->data->val_fraction > 0 && (o->val_path || o->split))
        return format_yaml_fail(node, e,
                                "'data' has val_fraction and %s; only one of them can say what is validated on",
                                o->val_path ? "val_path" : "split");
    if (o->test_fraction > 0 && (o->test_path || o->split))
        return format_yaml_fail(node, e, "'data' has test_fraction and %s; only one of them can say what is tested on",
                                o->test_path ? "test_path" : "split");
    if (o->time && o->group)
        return format_yaml_fail(node, e, "'data' has time and group; rows are cut by one of them");
    return TN_OK;
}

tn_status train_rows_read(tn_context *c, const train_recipe *r, const train_rows *o, const char *target,
                          tn_table **tables, train_parts *parts)
{
    const char *paths[] = {o->path, o->val_path, o->test_path};
    base_error e = {0};
    for (int i = 0; i < 3; i++)
        if (paths[i] && !(tables[i] = train_rows_table(c, r, o, paths[i])))
            return TN_FORMAT;
    tn_status status =
        o->split ? split_as_said(tables[0], o->split, parts, &e) : split(c, r, o, target, tables[0], parts, &e);
    return status == TN_OK ? TN_OK : base_fail(base_context_begin(c), status, "%s", e.text);
}
