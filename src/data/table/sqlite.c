/* sqlite.c: what a query of an SQLite database gives, as a table. The answer becomes text with quotes, so that types, missing
 * values and everything else come out as they do for CSV; what the database calls text stays words. */
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"
#include "data/table/table.h"

#ifdef TARN_HAVE_SQLITE
#include <sqlite3.h>

static void put_text(base_str *s, const char *text, size_t length)
{
    base_str_bytes(s, "\"", 1);
    for (const char *end = text + length, *q; text < end; text = q) {
        const char *quote = memchr(text, '"', (size_t)(end - text));
        q = quote ? quote + 1 : end;
        base_str_bytes(s, text, (size_t)(q - text));
        if (quote)
            base_str_bytes(s, "\"", 1);
    }
    base_str_bytes(s, "\"", 1);
}

/* Column k of the row that the query stands at; a blob cannot be a value. */
static tn_status put_value(base_str *s, sqlite3_stmt *query, int k, long long row, const char *path, base_error *e)
{
    char number[32];
    switch (sqlite3_column_type(query, k)) {
    case SQLITE_INTEGER: base_str_printf(s, "%lld", (long long)sqlite3_column_int64(query, k)); return TN_OK;
    case SQLITE_FLOAT: base_str_add(s, base_format_f64(sqlite3_column_double(query, k), number)); return TN_OK;
    case SQLITE_NULL: return TN_OK;
    case SQLITE_TEXT:
        put_text(s, (const char *)sqlite3_column_text(query, k), (size_t)sqlite3_column_bytes(query, k));
        return TN_OK;
    default:
        return base_fail(e, TN_UNSUPPORTED,
                         "%.300s: row %lld of the answer: column %d is a blob, which is no value of a table", path, row,
                         k + 1);
    }
}

static tn_status name_columns(table_source *s, sqlite3_stmt *query, base_error *e)
{
    s->n_columns = sqlite3_column_count(query);
    s->names = BASE_ARRAY(&s->table->arena, char *, s->n_columns + 1);
    s->kinds = BASE_ARRAY(&s->table->arena, table_kind, s->n_columns + 1);
    if (s->n_columns == 0)
        return base_fail(e, TN_INVALID, "%.300s: the query gives no columns; a table needs a select", s->name);
    for (int k = 0; s->names && s->kinds && k < s->n_columns; k++) {
        const char *name = sqlite3_column_name(query, k);
        if (!(s->names[k] = base_arena_strdup(&s->table->arena, name ? name : "")))
            return base_no_memory(e, "reading a table");
    }
    return s->names && s->kinds ? TN_OK : base_no_memory(e, "reading a table");
}

static tn_status read_rows(sqlite3 *db, sqlite3_stmt *query, table_source *s, base_str *text, base_error *e)
{
    int code;
    long long row = 0;
    BASE_TRY(name_columns(s, query, e));
    while ((code = sqlite3_step(query)) == SQLITE_ROW) {
        row++;
        for (int k = 0; k < s->n_columns; k++) {
            if (k > 0)
                base_str_bytes(text, ",", 1);
            if (s->n_columns == 1 && sqlite3_column_type(query, k) == SQLITE_NULL)
                base_str_add(text, "\"\""); /* an empty line would be no row */
            if (sqlite3_column_type(query, k) == SQLITE_TEXT)
                s->kinds[k] = KIND_CATEGORY;
            BASE_TRY(put_value(text, query, k, row, s->name, e));
        }
        base_str_bytes(text, "\n", 1);
        if (text->failed)
            return base_no_memory(e, "reading a table");
    }
    return code == SQLITE_DONE ? TN_OK : base_fail(e, TN_FORMAT, "%.300s: %s", s->name, sqlite3_errmsg(db));
}

static tn_status ask(const char *path, const char *question, table_source *s, base_str *text, base_error *e)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    tn_status status = TN_OK;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        status =
            base_fail(e, TN_IO, "cannot open the database %.300s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
    else if (sqlite3_prepare_v2(db, question, -1, &query, NULL) != SQLITE_OK)
        status = base_fail(e, TN_FORMAT, "%.300s: %s, in the query: %.300s", path, sqlite3_errmsg(db), question);
    else if (!query)
        status = base_fail(e, TN_INVALID, "%.300s: the query is empty", path);
    else
        status = read_rows(db, query, s, text, e);
    sqlite3_finalize(query);
    sqlite3_close(db);
    return status;
}

static tn_table *read_query(tn_context *context, const char *path, const char *query, const tn_table_opt *opt,
                            base_error *e)
{
    base_str text = {0};
    table_source s = {.name = path, .table = table_new(e)};
    tn_status status = s.table ? ask(path, query, &s, &text, e) : TN_MEMORY;
    if (status == TN_OK) {
        tn_table_opt own = *opt;
        own.quote = '"';
        s.data = s.body = base_str_text(&text);
        s.bytes = text.length;
        s.delimiter = ',';
        s.arena = &s.table->arena;
        s.bad = opt->bad;
        status = table_check_names(&s, e);
        if (status == TN_OK)
            status = table_fill(context, &s, &own, e);
    }
    base_str_free(&text);
    if (status == TN_OK)
        return s.table;
    tn_table_free(s.table);
    return NULL;
}

#else

static tn_table *read_query(tn_context *context, const char *path, const char *query, const tn_table_opt *opt,
                            base_error *e)
{
    (void)context;
    (void)query;
    (void)opt;
    base_fail(e, TN_UNSUPPORTED,
              "cannot open the database %.300s: this build is without SQLite; install the Debian package "
              "libsqlite3-dev and build "
              "again",
              path);
    return NULL;
}
#endif

tn_table *tn_table_sqlite(tn_context *context, const char *path, const char *query, const tn_table_opt *opt)
{
    base_error own = {0}, *e = base_context_begin(context);
    e = e ? e : &own;
    if (!path || !query) {
        base_fail(e, TN_INVALID, "a query needs the path of a database and a text");
        return NULL;
    }
    if (!base_file_exists(path)) {
        base_fail(e, TN_NOT_FOUND, "there is no database %.300s", path);
        return NULL;
    }
    return table_named(read_query(context, path, query, opt ? opt : &(tn_table_opt){0}, e), path);
}
