/* read.c: from a file, or text in memory, to a table; see <tarn/table.h>. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "data/encoding.h"
#include "data/gzip.h"
#include "data/table/table.h"

/* ---- options ---------------------------------------------------------------------------------------------------- */

static tn_status check(const tn_table_opt *opt, base_error *e)
{
    if (opt->n_missing < 0 || opt->n_columns < 0 || opt->categories < 0 || opt->threads < 0)
        return base_fail(e, TN_INVALID, "options of a table: a number is below zero");
    if (opt->delimiter == '\n' || opt->delimiter == '\r' ||
        (opt->delimiter && opt->delimiter == (opt->quote ? opt->quote : '"')) || (unsigned char)opt->delimiter > 127 ||
        (unsigned char)opt->quote > 127 || opt->quote == '\n')
        return base_fail(e, TN_INVALID,
                         "options of a table: the delimiter and the quote are two different ASCII characters, "
                         "and no end of a line");
    for (int i = 0; i < opt->n_columns; i++)
        if (!opt->columns[i].name || opt->columns[i].type < TN_COLUMN_AUTO || opt->columns[i].type > TN_COLUMN_TEXT)
            return base_fail(e, TN_INVALID, "options of a table: column %d has no name, or no type that there is", i);
    return TN_OK;
}

static int threads_of(const tn_context *context, const tn_table_opt *opt)
{
    return opt->threads ? opt->threads : tn_context_threads(context);
}

static tn_status tell_types(table_source *s, const tn_table_opt *opt, base_error *e)
{
    s->told = BASE_ARRAY(s->arena, table_kind, s->n_columns);
    if (!s->kinds)
        s->kinds = BASE_ARRAY(s->arena, table_kind, s->n_columns);
    s->active = BASE_ARRAY(s->arena, bool, s->n_columns);
    s->table->columns = BASE_ARRAY(s->arena, tn_column, s->n_columns);
    if (!s->told || !s->kinds || !s->active || !s->table->columns)
        return base_no_memory(e, "reading a table");
    s->table->n_columns = s->n_columns;
    for (int i = 0; i < opt->n_columns; i++) {
        int k = 0;
        while (k < s->n_columns && strcmp(s->names[k], opt->columns[i].name) != 0)
            k++;
        if (k == s->n_columns)
            return base_fail(e, TN_NOT_FOUND, "%.300s has no column \"%.100s\", of which a type was told", s->name,
                             opt->columns[i].name);
        if (opt->columns[i].type != TN_COLUMN_AUTO)
            s->kinds[k] = s->told[k] = table_kind_of(opt->columns[i].type, opt->day_first);
    }
    return TN_OK;
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

bool table_is_json(const char *name)
{
    return ends_in(name, ".jsonl") || ends_in(name, ".ndjson") || ends_in(name, ".jsonl.gz") ||
           ends_in(name, ".ndjson.gz");
}

static tn_status set_up(table_source *s, const tn_table_opt *opt, base_error *e)
{
    s->body = s->data;
    if (s->json) {
        s->next = table_json_next;
        s->unescape = table_json_unescape;
        if (s->n_columns == 0) {
            BASE_TRY(table_json_keys(s, e));
            BASE_TRY(table_check_names(s, e));
        }
    } else {
        s->next = table_csv_next;
        s->unescape = table_csv_unescape;
        if (s->n_columns == 0)
            BASE_TRY(table_guess(s, opt, e));
        s->doubt_quotes = s->delimiter == '\t' && !opt->quote;
    }
    return tell_types(s, opt, e);
}

tn_status table_fill(tn_context *context, table_source *s, const tn_table_opt *opt, base_error *e)
{
    s->quote = opt->quote ? opt->quote : '"';
    s->day_first = opt->day_first;
    s->bad = opt->bad;
    s->absent = table_absent_new(opt);
    s->categories = opt->categories ? opt->categories : 1000;
    s->threads = threads_of(context, opt);
    s->arena = &s->table->arena;
    BASE_TRY(set_up(s, opt, e));
    BASE_TRY(table_load(s, e));
    BASE_TRY(table_doubt(s, e));
    if (s->table->skipped > 0)
        BASE_TRY(table_note(s->table, e, "%lld rows were skipped", (long long)s->table->skipped));
    if (s->table->bad_values > 0)
        BASE_TRY(table_note(s->table, e, "%lld values were of another type than told and count as missing",
                            (long long)s->table->bad_values));
    return TN_OK;
}

/* Zero bytes, and, where rows that are no text are left out, columns whose names are none. */
static tn_status check_zeros(const char *data, size_t bytes, const table_scan *scan, const tn_table_opt *opt,
                             const char *name, bool *check_rows, base_error *e)
{
    const char *zero = bytes && (!scan || scan->zero) ? memchr(data, '\0', bytes) : NULL;
    if (zero && opt->bad == TN_BAD_FAIL)
        return data_byte_fail(data, 1, zero, "is in no text; is this a table? Such rows can be skipped", name, e);
    *check_rows |= zero != NULL;
    if (!*check_rows || table_is_json(name)) /* whose lines name their columns each */
        return TN_OK;
    const char *line = memchr(data, '\n', bytes);
    if (table_row_fault(data, line ? line : data + bytes) != FAULT_NONE)
        return base_fail(
            e, TN_FORMAT,
            "%.300s:1: the first line is not UTF-8, or holds zero bytes, so that what columns are called is "
            "not known",
            name);
    return TN_OK;
}

static tn_table *parse(tn_context *context, const table_scan *scan, const char *name, const tn_table_opt *opt,
                       base_error *e)
{
    char *made = NULL;
    const char *said = "", *data = scan->data;
    size_t bytes = scan->bytes;
    table_source s = {.name = name, .json = table_is_json(name)};
    if (bytes >= 16 && memcmp(data, "SQLite format 3", 16) == 0) {
        base_fail(e, TN_FORMAT,
                  "%.300s is an SQLite database, which is read by a query (in a recipe data.query: select ..., in C "
                  "tn_table_sqlite); a file of its rows is read as it is",
                  name);
        return NULL;
    }
    if (table_decode(&data, &bytes, &made, opt, threads_of(context, opt), scan, name, &said, &s.check_rows, e) !=
            TN_OK ||
        check_zeros(data, bytes, made ? NULL : scan, opt, name, &s.check_rows, e) != TN_OK) {
        free(made);
        return NULL;
    }
    s.data = data;
    s.bytes = bytes;
    s.scan = made ? NULL : scan;
    s.table = table_new(e);
    tn_status status = s.table ? TN_OK : TN_MEMORY;
    if (status == TN_OK && opt->encoding == TN_ENCODING_AUTO)
        status = table_note(s.table, e, "the encoding is %s", said);
    if (status == TN_OK)
        status = table_fill(context, &s, opt, e);
    free(made);
    if (status == TN_OK)
        return s.table;
    tn_table_free(s.table);
    return NULL;
}

/* What the first look counts as quotes. */
static char quote_of(const tn_table_opt *opt, const char *name)
{
    return table_is_json(name) ? '\n' : opt->quote ? opt->quote : '"';
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* What `text` holds (the context's threads look at it); gzip is unpacked first. */
static tn_table *from_bytes(tn_context *context, const void *data, size_t bytes, const char *name,
                            const tn_table_opt *opt, base_error *e)
{
    char *text = NULL;
    table_scan scan = {0};
    if (opt->memory_limit && bytes > opt->memory_limit) {
        base_fail(e, TN_LIMIT, "%.300s has %zu bytes; at most %zu are read", name, bytes, opt->memory_limit);
        return NULL;
    }
    if (data_is_gzip(data, bytes)) {
        if (data_gzip_all(data, bytes, name, opt->memory_limit, &text, &bytes, e) != TN_OK)
            return NULL;
        data = text;
    }
    tn_table *t = NULL;
    if (table_scan_text(&scan, data, bytes, quote_of(opt, name), threads_of(context, opt), e) == TN_OK)
        t = parse(context, &scan, name, opt, e);
    table_scan_free(&scan);
    free(text);
    return t;
}

bool table_is_large(const char *path, const tn_table_opt *opt)
{
    struct stat st;
    return opt->cache && stat(path, &st) == 0 && (size_t)st.st_size > opt->cache_above;
}

/* Larger than what is to be held in memory, and such as can be read in blocks. *t: its table, or NULL after a failure. */
static bool is_kept(tn_context *context, const char *path, const tn_table_opt *opt, tn_table **t, base_error *e)
{
    bool foreign = false;
    *t = NULL;
    if (!table_is_large(path, opt))
        return false;
    if (table_kept(context, path, opt, NULL, t, &foreign, e) != TN_OK && foreign)
        base_clear(e);
    return !foreign;
}

static tn_table *from_file(tn_context *context, const char *path, const tn_table_opt *opt, base_error *e)
{
    tn_table *kept;
    if (is_kept(context, path, opt, &kept, e))
        return kept;
    char *text = NULL;
    table_scan scan = {0};
    tn_table *t = NULL;
    if (table_scan_file(&scan, path, opt->memory_limit, quote_of(opt, path), threads_of(context, opt), &text, e) ==
        TN_OK)
        t = data_is_gzip(text, scan.bytes) ? from_bytes(context, text, scan.bytes, path, opt, e)
                                           : parse(context, &scan, path, opt, e);
    table_scan_free(&scan);
    free(text);
    return t;
}

tn_table *tn_table_parse(tn_context *context, const void *data, size_t bytes, const char *name, const tn_table_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    opt = opt ? opt : &(tn_table_opt){0};
    if (check(opt, e) != TN_OK)
        return NULL;
    return table_named(from_bytes(context, bytes ? data : "", bytes, name ? name : "the table", opt, e), name);
}

tn_table *tn_table_read(tn_context *context, const char *path, const tn_table_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    opt = opt ? opt : &(tn_table_opt){0};
    if (check(opt, e) != TN_OK)
        return NULL;
    if (path)
        return table_named(from_file(context, path, opt, e), path);
    base_fail(e, TN_INVALID, "a table needs the path of a file");
    return NULL;
}
