/* text.c: data: {name: text, path: ..., text: column, target: column}, texts in a table (CSV, TSV, JSON lines) and their classes. The
 * rows are cut into training, validation and test samples first; tokenizer and classes come from the training rows alone. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/number.h"
#include "base/text.h"
#include "data/table/table.h"
#include "train/rows.h"
#include "train/source/source.h"
#include "train/tokens.h"

typedef struct text {
    train_data common;
    train_rows rows;
    train_tokens tokens;
    const char *text, *target;
} text;

static const format_option rows[] = {
    TRAIN_ROWS_OPTIONS(text),
    FORMAT_STRING(text, text, FORMAT_REQUIRED, "the column with the texts; without a header column_1 and so on"),
    FORMAT_STRING(text, target, NULL, "the column with the classes"),
    TRAIN_TEXTS_OPTIONS(text, "words", "256"),
    {0},
};
static const format_table options = {
    .name = "text",
    .doc = "texts in a table (CSV, TSV, JSON lines, plain or packed; an SQLite query) and their classes, as numbers of "
           "tokens; what is fitted is fitted on the training rows alone",
    .options = rows,
    .brief = "name",
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const text *o = TRAIN_SOURCE_OPTIONS(r, text);
    if (o->tokens.task == TN_TEXT_CLASSES && !o->target)
        return format_yaml_fail(node, e, "'data' needs a target, the column with the classes (or another task)");
    return train_rows_check(r, &o->rows, node, e);
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

/* The name of a row's class: a word, or a whole number as text. False where it is missing. */
static bool class_of(const tn_table *t, int column, int64_t row, char name[64])
{
    const tn_column *c = tn_table_column(t, column);
    size_t n = 0;
    const char *word = tn_table_text(t, column, row, &n);
    if (tn_table_missing(t, column, row))
        return false;
    if (word)
        (void)base_print(name, 64, "%.*s", n < 60 ? (int)n : 60, word);
    else if (c->type == TN_COLUMN_INTEGER)
        (void)base_print(name, 64, "%lld", (long long)((const int64_t *)c->values)[row]);
    else if (c->type == TN_COLUMN_BOOLEAN)
        (void)base_print(name, 64, "%s", ((const uint8_t *)c->values)[row] ? "true" : "false");
    else
        return false;
    return true;
}

/* Numbers by size, words by bytes. */
static int by_name(const void *a, const void *b)
{
    const char *x = a, *y = b;
    int64_t m, n;
    if (base_parse_i64(x, &m) && base_parse_i64(y, &n))
        return (m > n) - (m < n);
    return strcmp(x, y);
}

typedef char class_name[64];
typedef struct classes {
    class_name *at;
    int n;
    const char **names;
} classes;

static tn_status find_classes(const tn_table *t, int column, const int64_t *row, int64_t n, classes *to, base_error *e)
{
    int64_t kept = 0;
    to->at = calloc((size_t)n + 1, sizeof *to->at);
    to->names = calloc((size_t)n + 1, sizeof *to->names);
    if (!to->at || !to->names)
        return base_no_memory(e, "reading classes");
    for (int64_t i = 0; i < n; i++) {
        if (!class_of(t, column, row ? row[i] : i, to->at[i]))
            return base_fail(e, TN_FORMAT, "data.target: %.300s: row %lld has no class (a word or a whole number)",
                             table_called(t), (long long)(row ? row[i] : i) + 1);
    }
    qsort(to->at, (size_t)n, sizeof *to->at, by_name);
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || strcmp(to->at[i], to->at[kept - 1]) != 0)
            memmove(to->at[kept++], to->at[i], sizeof *to->at);
    to->n = (int)kept;
    for (int i = 0; i < to->n; i++)
        to->names[i] = to->at[i];
    return TN_OK;
}

/* ---- one part -------------------------------------------------------------------------------------------------- */

/* Rows of a table: texts, and labels if there are classes. */
typedef struct part {
    tn_text *texts;
    int64_t *labels;
    int64_t n;
} part;

static void part_free(part *p)
{
    free(p->texts);
    free(p->labels);
    *p = (part){0};
}

static tn_status read_part(const tn_table *t, const text *o, const int64_t *row, int64_t n, part *p, base_error *e)
{
    int column = tn_table_find(t, o->text);
    if (column < 0)
        return base_fail(e, TN_NOT_FOUND, "data.text: the table has no column \"%s\"", BASE_SHOW(o->text));
    p->n = row ? n : tn_table_rows(t);
    p->texts = calloc((size_t)p->n + 1, sizeof *p->texts);
    if (!p->texts)
        return base_no_memory(e, "reading texts");
    for (int64_t i = 0; i < p->n; i++) {
        p->texts[i].at = tn_table_text(t, column, row ? row[i] : i, &p->texts[i].bytes);
        if (!p->texts[i].at && !tn_table_missing(t, column, row ? row[i] : i))
            return base_fail(e, TN_FORMAT, "data.text: the column \"%s\" holds no text", BASE_SHOW(o->text));
        if (!p->texts[i].at)
            p->texts[i] = (tn_text){"", 0};
    }
    return TN_OK;
}

static tn_status read_labels(const tn_table *t, const text *o, const int64_t *row, const classes *c, part *p,
                             base_error *e)
{
    int column = tn_table_find(t, o->target);
    class_name name;
    p->labels = malloc(((size_t)p->n + 1) * sizeof *p->labels);
    if (!p->labels)
        return base_no_memory(e, "reading classes");
    for (int64_t i = 0; i < p->n; i++) {
        int64_t k = row ? row[i] : i;
        bool any = column >= 0 && class_of(t, column, k, name);
        const class_name *at = any ? bsearch(name, c->at, (size_t)c->n, sizeof *c->at, by_name) : NULL;
        if (!at)
            return base_fail(e, TN_FORMAT, "data.target: %.300s: the class \"%s\" of row %lld is in no training row",
                             table_called(t), any ? BASE_SHOW(name) : "", (long long)k + 1);
        p->labels[i] = at - c->at;
    }
    return TN_OK;
}

/* ---- the sets -------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const part *p)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < p->n; i++)
        bytes += p->texts[i].bytes;
    return bytes;
}

static tn_status open_sets(tn_context *c, const train_recipe *r, const text *o, tn_table **t, const train_parts *parts,
                           train_sets *sets)
{
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    base_error e = {0};
    classes all = {0};
    part p = {0};
    tn_preparation *prep = NULL;
    int column = o->target ? tn_table_find(t[0], o->target) : -1;
    tn_status status = TN_OK;
    if (o->tokens.task == TN_TEXT_CLASSES)
        status = column < 0
                     ? base_fail(&e, TN_NOT_FOUND, "data.target: the table has no column \"%s\"", BASE_SHOW(o->target))
                     : find_classes(t[0], column, parts->at[0], parts->n[0], &all, &e);
    for (int i = 0; i < 3 && status == TN_OK; i++) {
        const tn_table *from = t[i] ? t[i] : t[0];
        const int64_t *row = i > 0 && t[i] ? NULL : parts->at[i];
        if (!t[i] && parts->n[i] == 0)
            continue;
        status = read_part(from, o, row, parts->n[i], &p, &e);
        if (status == TN_OK && all.n)
            status = read_labels(from, o, row, &all, &p, &e);
        if (status == TN_OK && !prep)
            status = (prep = train_texts_prepare(c, &o->tokens, p.texts, (size_t)p.n, false, all.n, all.names))
                         ? TN_OK
                         : TN_INVALID;
        if (status == TN_OK)
            status =
                (*set[i] = tn_dataset_texts_kept(c, prep, p.texts, p.n, p.labels, train_cache_texts(r, bytes_of(&p))))
                    ? TN_OK
                    : TN_INVALID;
        part_free(&p);
    }
    if (e.status != TN_OK)
        base_fail(base_context_begin(c), e.status, "%s", e.text);
    tn_preparation_free(prep);
    free(all.at);
    free(all.names);
    return status;
}

static tn_status open_text(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const text *o = TRAIN_SOURCE_OPTIONS(r, text);
    train_parts parts = {0};
    tn_table *t[3] = {NULL};
    tn_status status = train_rows_read(c, r, &o->rows, o->target, NULL, t, &parts);
    if (status == TN_OK)
        status = open_sets(c, r, o, t, &parts, sets);
    sets->cut = train_split_sum(&parts, NULL);
    train_parts_free(&parts);
    for (int i = 0; i < 3; i++) {
        train_rows_count_bad(t[i], &sets->bad_rows, &sets->bad_values);
        tn_table_free(t[i]);
    }
    return status;
}

const train_source train_source_text = {
    .caches = true, .table = &options, .size = sizeof(text), .check = check, .open = open_text};
