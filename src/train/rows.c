/* rows.c: see rows.h. */
#include "train/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/map.h"
#include "base/str.h"
#include "base/text.h"
#include "data/table/table.h"
#include "train/source/source.h"

const char *const train_rows_headers[] = {"auto", "yes", "no", NULL};
const char *const train_rows_bads[] = {"fail", "skip", "missing", NULL};
const char *const train_rows_encodings[] = {"auto", "utf8", "latin1", "utf16le", "utf16be", NULL};

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

/* Infinities are numbers to the reader, but nothing can be learned of them. Of tables on disk it is a note. */
static void say_infinite(const tn_context *c, const char *path, const tn_table *t)
{
    for (int k = 0; k < tn_table_columns(t) && !t->map.data; k++) {
        const tn_column *column = tn_table_column(t, k);
        int64_t first = 0;
        const int64_t n = table_infinite(column, tn_table_rows(t), &first);
        if (n > 0)
            base_log(c, BASE_LOG_WARNING, TABLE_INFINITE, path, (long long)first + 1, BASE_SHOW(column->name),
                     n > 1 ? " and in other rows" : "");
    }
}

void train_rows_say(const tn_context *c, const char *path, const tn_table *t)
{
    say_types(c, path, t);
    say_notes(c, path, t);
    say_infinite(c, path, t);
}

void train_rows_count_bad(const tn_table *t, int64_t *rows, int64_t *values)
{
    *rows += t ? tn_table_skipped(t) : 0;
    *values += t ? tn_table_bad_values(t) : 0;
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

static tn_status split_as_said(const tn_table *t, const char *name, train_parts *p, base_error *e)
{
    int k;
    BASE_TRY(find(t, name, "split", &k, e));
    for (int64_t i = 0; i < tn_table_rows(t); i++) {
        size_t n;
        const char *word = tn_table_text(t, k, i, &n);
        int part = word ? part_named(word, n) : -1;
        if (part >= 0)
            BASE_TRY(train_parts_add(p, part, i, tn_table_rows(t), e));
    }
    return p->n[0] > 0 ? TN_OK : base_fail(e, TN_FORMAT, "data.split: no row of \"%s\" says train", BASE_SHOW(name));
}

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

static tn_status take_keys(const tn_table *t, const train_data *d, const char *target, const char *together,
                           train_split_keys *keys, base_error *e)
{
    size_t bytes = (size_t)(tn_table_rows(t) + 1) * sizeof(int64_t);
    const char *group = d->group ? d->group : together;
    int k;
    if (d->time)
        return take_times(t, d->time, &keys->times, e);
    if (group) {
        BASE_TRY(find(t, group, d->group ? "group" : "source", &k, e));
        if (!(keys->groups = malloc(bytes)))
            return base_no_memory(e, "splitting a table");
        number_values(t, k, keys->groups);
    }
    k = target && d->stratify ? tn_table_find(t, target) : -1;
    const tn_column *c = tn_table_column(t, k);
    if (!c || c->type == TN_COLUMN_NUMBER || c->type == TN_COLUMN_TIME || c->type == TN_COLUMN_TEXT)
        return TN_OK;
    if (!(keys->classes = malloc(bytes)))
        return base_no_memory(e, "splitting a table");
    number_values(t, k, keys->classes);
    return TN_OK;
}

static tn_status split(tn_context *c, const train_recipe *r, const train_rows *o, const char *target,
                       const char *together, const tn_table *t, train_parts *p, base_error *e)
{
    train_split_keys keys = {0};
    tn_status status = take_keys(t, r->data, target, together, &keys, e);
    if (status == TN_OK)
        status =
            train_split_parts(c, r, tn_table_rows(t), "rows of the table", &keys, !o->val_path, !o->test_path, p, e);
    train_split_keys_free(&keys);
    return status;
}

tn_status train_rows_check(const train_recipe *r, const train_rows *o, const format_yaml_node *node, base_error *e)
{
    return train_split_check(r,
                             o->val_path ? "val_path"
                             : o->split  ? "split"
                                         : NULL,
                             o->test_path ? "test_path"
                             : o->split   ? "split"
                                          : NULL,
                             node, e);
}

tn_status train_rows_read(tn_context *c, const train_recipe *r, const train_rows *o, const char *target,
                          const char *together, tn_table **tables, train_parts *parts)
{
    const char *paths[] = {o->path, o->val_path, o->test_path};
    base_error e = {0};
    for (int i = 0; i < 3; i++)
        if (paths[i] && !(tables[i] = train_rows_table(c, r, o, paths[i])))
            return TN_FORMAT;
    tn_status status = o->split ? split_as_said(tables[0], o->split, parts, &e)
                                : split(c, r, o, target, together, tables[0], parts, &e);
    return status == TN_OK ? TN_OK : base_fail(base_context_begin(c), status, "%s", e.text);
}
