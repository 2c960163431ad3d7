/* pairs.c: data: {name: pairs, path: ...}, pairs for translation: two columns of a table, or two files whose lines belong together. Parts are
 * cut first, equal sources staying together; both tokenizers come from the training pairs alone. */
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/map.h"
#include "base/text.h"
#include "data/text/plain.h"
#include "data/text/prep.h"
#include "train/rows.h"
#include "train/source/source.h"
#include "train/tokens.h"

typedef struct pairs {
    train_data common;
    train_rows rows;
    train_tokens tokens, said; /* of the source, of the target */
    const char *source, *target;
    const char *target_path, *val_target_path, *test_target_path;
} pairs;

#define SAID(word, kind_, field, ...)                                                                                  \
    {                                                                                                                  \
        .key = word, .kind = FORMAT_KIND_##kind_, .offset = offsetof(pairs, said.field), __VA_ARGS__                   \
    }
static const format_option rows[] = {
    TRAIN_ROWS_OPTIONS(pairs),
    FORMAT_STRING(pairs, source, NULL, "the column with the texts; without a header column_1 and so on"),
    FORMAT_STRING(pairs, target, NULL, "the column with what they are translated to"),
    FORMAT_PATH(pairs, target_path, NULL,
                "a file whose lines are what the lines of path are translated to, in place of columns"),
    FORMAT_PATH(pairs, val_target_path, NULL, "the same for val_path"),
    FORMAT_PATH(pairs, test_target_path, NULL, "the same for test_path"),
    TRAIN_TOKENS_OPTIONS(pairs, "words", "64"),
    SAID("target_tokenizer", ENUM, kind, .fallback = "characters", .names = train_tokens_kinds,
         .doc = "of the target, as tokenizer"),
    SAID("target_tokenizer_path", PATH, path, .doc = "as tokenizer_path"),
    SAID("target_vocabulary", INT, vocabulary, .fallback = "8000", .range = "[2,4000000]", .doc = "as vocabulary"),
    SAID("target_min_count", INT, min_count, .fallback = "1", .range = "[1,)", .doc = "as min_count"),
    SAID("target_cased", BOOL, cased, .fallback = "true", .doc = "as cased"),
    SAID("target_byte_fallback", BOOL, byte_fallback, .fallback = "false", .doc = "as byte_fallback"),
    SAID("target_length", INT, length, .fallback = "64", .range = "[2,16777216]",
         .doc = "most tokens of a target, its beginning or end among them"),
    {0},
};
static const format_table options = {
    .name = "pairs",
    .doc = "pairs for translation: two columns of a table (CSV, TSV, JSON lines; an SQLite query), or two files whose "
           "lines belong together; for models with the layer transformer_decoder",
    .options = rows,
    .brief = "name",
};

static tn_status check(const train_recipe *r, const format_yaml_node *node, base_error *e)
{
    const pairs *o = TRAIN_SOURCE_OPTIONS(r, pairs);
    if (!o->target_path && (!o->source || !o->target))
        return format_yaml_fail(node, e,
                                "'data' needs source and target, the columns of the texts and their translations, or "
                                "target_path, a file of translations line by line");
    if (o->target_path &&
        (o->source || o->target || o->rows.query || o->rows.split || o->common.group || o->common.time))
        return format_yaml_fail(node, e, "'data' has target_path, lines of two files, and a key that is for columns");
    if (o->target_path && (!o->rows.val_path != !o->val_target_path || !o->rows.test_path != !o->test_target_path))
        return format_yaml_fail(node, e, "'data' has a file for validation or test that lacks its counterpart");
    if (!o->target_path && (o->val_target_path || o->test_target_path))
        return format_yaml_fail(node, e, "'data' has val_target_path or test_target_path without target_path");
    return train_rows_check(r, &o->rows, node, e);
}

/* ---- one part -------------------------------------------------------------------------------------------------- */

typedef struct part {
    tn_text *from, *to;
    int64_t n, left_out; /* pairs with an empty side are no samples */
} part;

static void part_free(part *p)
{
    free(p->from);
    free(p->to);
    *p = (part){0};
}

static tn_status part_room(part *p, int64_t n, base_error *e)
{
    p->from = calloc((size_t)n + 1, sizeof *p->from);
    p->to = calloc((size_t)n + 1, sizeof *p->to);
    return p->from && p->to ? TN_OK : base_no_memory(e, "reading pairs");
}

static void add_pair(part *p, tn_text from, tn_text to)
{
    if (from.bytes == 0 || to.bytes == 0) {
        p->left_out++;
        return;
    }
    p->from[p->n] = from;
    p->to[p->n++] = to;
}

static tn_status find_column(const tn_table *t, const char *key, const char *name, int *k, base_error *e)
{
    *k = tn_table_find(t, name);
    return *k >= 0 ? TN_OK
                   : base_fail(e, TN_NOT_FOUND, "data.%s: the table has no column \"%s\"", key, BASE_SHOW(name));
}

static tn_status cell(const tn_table *t, int column, int64_t row, const char *name, tn_text *to, base_error *e)
{
    to->at = tn_table_text(t, column, row, &to->bytes);
    if (to->at || tn_table_missing(t, column, row))
        return TN_OK;
    return base_fail(e, TN_FORMAT, "the column \"%s\" holds no text but numbers; data.words makes words of them",
                     BASE_SHOW(name));
}

static tn_status take_rows(const tn_table *t, const pairs *o, const int64_t *row, int64_t n, part *p, base_error *e)
{
    int source, target;
    n = row ? n : tn_table_rows(t);
    BASE_TRY(find_column(t, "source", o->source, &source, e));
    BASE_TRY(find_column(t, "target", o->target, &target, e));
    BASE_TRY(part_room(p, n, e));
    for (int64_t i = 0; i < n; i++) {
        tn_text from = {0}, to = {0};
        BASE_TRY(cell(t, source, row ? row[i] : i, o->source, &from, e));
        BASE_TRY(cell(t, target, row ? row[i] : i, o->target, &to, e));
        add_pair(p, from, to);
    }
    return TN_OK;
}

/* ---- lines of two files ---------------------------------------------------------------------------------------- */

typedef struct lines {
    text_plain file[2];
    part all;
} lines;

static void lines_free(lines *l)
{
    for (int i = 0; i < 2; i++)
        text_plain_close(&l->file[i]);
    part_free(&l->all);
}

/* Lines that are no text end the run, or are told and emptied, as on_error and bad say: pairs with an empty side are left out. */
static tn_status read_side(tn_context *c, const train_recipe *r, const pairs *o, const char *path, text_plain *file,
                           tn_text **lines_, size_t *n, base_error *e)
{
    const bool skip = r->data->on_error == TRAIN_ERROR_SKIP || o->rows.bad != TN_BAD_FAIL;
    BASE_TRY(text_plain_open(path, (tn_encoding)o->rows.encoding, file, e));
    if (!skip)
        BASE_TRY(text_plain_check(file->text, 1, path, e));
    BASE_TRY(text_lines(file->text.at, file->text.bytes, true, lines_, n, e));
    for (size_t i = 0; skip && i < *n; i++) {
        base_error why = {0};
        if (text_plain_check((*lines_)[i], (int64_t)i + 1, path, &why) == TN_OK)
            continue;
        base_log(c, BASE_LOG_WARNING, "left out: %s", why.text);
        (*lines_)[i].bytes = 0;
    }
    return TN_OK;
}

static tn_status read_lines(tn_context *c, const train_recipe *r, const pairs *o, const char *source,
                            const char *target, lines *l, base_error *e)
{
    part *p = &l->all;
    size_t n, m;
    BASE_TRY(read_side(c, r, o, source, &l->file[0], &p->from, &n, e));
    BASE_TRY(read_side(c, r, o, target, &l->file[1], &p->to, &m, e));
    if (n != m)
        return base_fail(e, TN_FORMAT, "%s has %zu lines and %s %zu; a line of one belongs to a line of the other",
                         source, n, target, m);
    for (size_t i = 0; i < n; i++) /* in place */
        add_pair(p, p->from[i], p->to[i]);
    return TN_OK;
}

/* Equal sources stay in one part. */
static tn_status cut_lines(tn_context *c, const train_recipe *r, const pairs *o, const part *all, part parts[3],
                           uint64_t *sum, base_error *e)
{
    train_split_keys keys = {.groups = malloc((size_t)all->n * sizeof *keys.groups + 8)};
    train_parts cuts = {0};
    tn_status status = keys.groups ? TN_OK : base_no_memory(e, "splitting pairs");
    for (int64_t i = 0; status == TN_OK && i < all->n; i++)
        keys.groups[i] = (int64_t)(base_hash(all->from[i].at, all->from[i].bytes, 0) >> 1);
    if (status == TN_OK && all->n > 0)
        status = train_split_parts(c, r, all->n, "pairs", &keys, !o->rows.val_path, !o->rows.test_path, &cuts, e);
    for (int i = 0; i < 3 && status == TN_OK; i++)
        if (cuts.n[i] > 0 && (status = part_room(&parts[i], cuts.n[i], e)) == TN_OK)
            for (int64_t k = 0; k < cuts.n[i]; k++)
                add_pair(&parts[i], all->from[cuts.at[i][k]], all->to[cuts.at[i][k]]);
    *sum = train_split_sum(&cuts, NULL);
    train_parts_free(&cuts);
    train_split_keys_free(&keys);
    return status;
}

/* ---- the sets -------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const part *p)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < p->n; i++)
        bytes += p->from[i].bytes + p->to[i].bytes;
    return bytes;
}

static tn_status open_sets(tn_context *c, const train_recipe *r, const pairs *o, const part parts[3], train_sets *sets)
{
    tn_dataset **set[] = {&sets->train, &sets->valid, &sets->test};
    const part *train = &parts[0];
    if (train->n == 0)
        return base_fail(base_context_begin(c), TN_FORMAT, "there are no pairs to train on; %lld have an empty side",
                         (long long)train->left_out);
    tn_tokenizer *from = train_tokens_make(c, &o->tokens, TRAIN_TOKENS_PAIRED, train->from, (size_t)train->n);
    tn_tokenizer *to = from ? train_tokens_make(c, &o->said, TRAIN_TOKENS_PAIRED, train->to, (size_t)train->n) : NULL;
    tn_pairs_opt opt = {.length = o->tokens.length, .target_length = o->said.length};
    tn_status status = to ? TN_OK : TN_INVALID;
    int64_t left_out = 0;
    for (int i = 0; i < 3 && status == TN_OK; i++) {
        left_out += parts[i].left_out;
        opt.folder = train_cache_texts(r, bytes_of(&parts[i]));
        if (parts[i].n > 0)
            status = (*set[i] = tn_dataset_pairs(c, from, to, parts[i].from, parts[i].to, parts[i].n, &opt))
                         ? TN_OK
                         : TN_INVALID;
    }
    if (left_out)
        base_log(c, BASE_LOG_WARNING, "%lld pairs have an empty side and are left out", (long long)left_out);
    tn_tokenizer_free(from);
    tn_tokenizer_free(to);
    return status;
}

static tn_status open_lines(tn_context *c, const train_recipe *r, const pairs *o, train_sets *sets, base_error *e)
{
    const char *from[] = {o->rows.path, o->rows.val_path, o->rows.test_path},
               *to[] = {o->target_path, o->val_target_path, o->test_target_path};
    lines all[3] = {0};
    part parts[3] = {0}, own[3];
    tn_status status = TN_OK;
    for (int i = 0; i < 3 && status == TN_OK; i++)
        if (from[i])
            status = read_lines(c, r, o, from[i], to[i], &all[i], e);
    if (status == TN_OK)
        status = cut_lines(c, r, o, &all[0].all, parts, &sets->cut, e);
    for (int i = 0; i < 3; i++)
        own[i] = i > 0 && from[i] ? all[i].all : parts[i];
    own[0].left_out = all[0].all.left_out;
    if (status == TN_OK)
        status = open_sets(c, r, o, own, sets);
    for (int i = 0; i < 3; i++) {
        part_free(&parts[i]);
        lines_free(&all[i]);
    }
    return status;
}

static tn_status open_table(tn_context *c, const train_recipe *r, const pairs *o, train_sets *sets, base_error *e)
{
    train_parts cuts = {0};
    tn_table *t[3] = {NULL};
    part parts[3] = {0};
    tn_status status = train_rows_read(c, r, &o->rows, NULL, o->source, t, &cuts);
    for (int i = 0; i < 3 && status == TN_OK; i++)
        if (t[i] || cuts.n[i] > 0)
            status = take_rows(t[i] ? t[i] : t[0], o, i > 0 && t[i] ? NULL : cuts.at[i], cuts.n[i], &parts[i], e);
    if (status == TN_OK)
        status = open_sets(c, r, o, parts, sets);
    for (int i = 0; i < 3; i++) {
        part_free(&parts[i]);
        train_rows_count_bad(t[i], &sets->bad_rows, &sets->bad_values);
        tn_table_free(t[i]);
    }
    sets->cut = train_split_sum(&cuts, NULL);
    train_parts_free(&cuts);
    return status;
}

static tn_status open_pairs(tn_context *c, const train_recipe *r, train_sets *sets)
{
    const pairs *o = TRAIN_SOURCE_OPTIONS(r, pairs);
    base_error e = {0};
    const tn_status status = o->target_path ? open_lines(c, r, o, sets, &e) : open_table(c, r, o, sets, &e);
    if (e.status != TN_OK)
        base_fail(base_context_begin(c), e.status, "%s", e.text);
    return status;
}

const train_source train_source_pairs = {
    .caches = true, .table = &options, .size = sizeof(pairs), .check = check, .open = open_pairs};
