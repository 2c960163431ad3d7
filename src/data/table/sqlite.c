/* sqlite.c: what a query of an SQLite database gives, as a table. The answer becomes text with quotes, so that types, missing
 * values and everything else come out as they do for CSV; what the database calls text stays words. Where columns are kept on disk it
 * is never held as a whole. */
#include <string.h>
#include <sys/stat.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/map.h"
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

/* ---- a query ----------------------------------------------------------------------------------------------------- */

typedef struct sql_query {
    sqlite3 *db;
    sqlite3_stmt *statement;
    const char *path;
    base_arena arena;
    int n;
    char **names;
    long long row;
    bool end, check_rows; /* some of the texts so far are not UTF-8, or hold zero bytes */
    tn_bad_row bad;
    base_str text; /* rows that are made and not yet given */
    size_t at;
} sql_query;

static void query_close(sql_query *q)
{
    sqlite3_finalize(q->statement);
    sqlite3_close(q->db);
    base_str_free(&q->text);
    base_arena_free(&q->arena);
}

static tn_status name_columns(sql_query *q, base_error *e)
{
    q->n = sqlite3_column_count(q->statement);
    q->names = BASE_ARRAY(&q->arena, char *, q->n + 1);
    if (q->n == 0)
        return base_fail(e, TN_INVALID, "%.300s: the query gives no columns; a table needs a select", q->path);
    for (int k = 0; q->names && k < q->n; k++) {
        const char *name = sqlite3_column_name(q->statement, k);
        if (!(q->names[k] = base_arena_strdup(&q->arena, name ? name : "")))
            return base_no_memory(e, "reading a table");
    }
    return q->names ? TN_OK : base_no_memory(e, "reading a table");
}

static tn_status query_open(sql_query *q, const char *path, const char *question, base_error *e)
{
    *q = (sql_query){.path = path};
    if (sqlite3_open_v2(path, &q->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return base_fail(e, TN_IO, "cannot open the database %.300s: %s", path,
                         q->db ? sqlite3_errmsg(q->db) : "out of memory");
    if (sqlite3_prepare_v2(q->db, question, -1, &q->statement, NULL) != SQLITE_OK)
        return base_fail(e, TN_FORMAT, "%.300s: %s, in the query: %.300s", path, sqlite3_errmsg(q->db), question);
    if (!q->statement)
        return base_fail(e, TN_INVALID, "%.300s: the query is empty", path);
    return name_columns(q, e);
}

/* One more row behind what q->text holds, or q->end. */
static tn_status query_step(sql_query *q, base_error *e)
{
    const int code = sqlite3_step(q->statement);
    q->end = code == SQLITE_DONE;
    if (code != SQLITE_ROW)
        return q->end ? TN_OK : base_fail(e, TN_FORMAT, "%.300s: %s", q->path, sqlite3_errmsg(q->db));
    q->row++;
    for (int k = 0; k < q->n; k++) {
        const int type = sqlite3_column_type(q->statement, k);
        if (k > 0)
            base_str_bytes(&q->text, ",", 1);
        if (q->n == 1 && type == SQLITE_NULL)
            base_str_add(&q->text, "\"\""); /* an empty line would be no row */
        const size_t before = q->text.length;
        BASE_TRY(put_value(&q->text, q->statement, k, q->row, q->path, e));
        const char *text = base_str_text(&q->text);
        if (q->text.failed || table_row_fault(text + before, text + q->text.length) == FAULT_NONE)
            continue;
        if (q->bad == TN_BAD_FAIL)
            return base_fail(e, TN_FORMAT,
                             "%.300s: row %lld of the answer: \"%.100s\" is not UTF-8, or holds a zero byte; such rows "
                             "can be skipped",
                             q->path, q->row, q->names[k]);
        q->check_rows = true;
    }
    base_str_bytes(&q->text, "\n", 1);
    return q->text.failed ? base_no_memory(e, "reading a table") : TN_OK;
}

/* ---- in memory --------------------------------------------------------------------------------------------------- */

static tn_status fill(tn_context *context, sql_query *q, table_source *s, const tn_table_opt *opt, base_error *e)
{
    tn_table_opt own = *opt;
    while (!q->end)
        BASE_TRY(query_step(q, e));
    s->arena = &s->table->arena;
    s->n_columns = q->n;
    s->names = BASE_ARRAY(s->arena, char *, q->n);
    s->kinds = BASE_ARRAY(s->arena, table_kind, q->n);
    for (int k = 0; s->names && s->kinds && k < q->n; k++) {
        s->kinds[k] = KIND_NONE;
        if (!(s->names[k] = base_arena_strdup(s->arena, q->names[k])))
            return base_no_memory(e, "reading a table");
    }
    if (!s->names || !s->kinds)
        return base_no_memory(e, "reading a table");
    own.quote = '"';
    s->data = s->body = base_str_text(&q->text);
    s->bytes = q->text.length;
    s->delimiter = ',';
    s->texts_quoted = true;
    s->bad = opt->bad;
    s->check_rows = q->check_rows;
    BASE_TRY(table_check_names(s, e));
    return table_fill(context, s, &own, e);
}

static tn_table *in_memory(tn_context *context, sql_query *q, const tn_table_opt *opt, base_error *e)
{
    table_source s = {.name = q->path, .table = table_new(e)};
    if (s.table && fill(context, q, &s, opt, e) == TN_OK)
        return s.table;
    tn_table_free(s.table);
    return NULL;
}

/* ---- on disk ----------------------------------------------------------------------------------------------------- */

static tn_status feed_read(void *self, char *to, size_t room, size_t *got, base_error *e)
{
    sql_query *q = self;
    for (*got = 0; *got < room;) {
        if (q->at == q->text.length) {
            q->at = q->text.length = 0;
            if (!q->end)
                BASE_TRY(query_step(q, e));
            if (q->end)
                return TN_OK;
        }
        const size_t left = q->text.length - q->at, n = left < room - *got ? left : room - *got;
        memcpy(to + *got, q->text.text + q->at, n);
        q->at += n;
        *got += n;
    }
    return TN_OK;
}

static tn_status feed_again(void *self, base_error *e)
{
    sql_query *q = self;
    (void)e;
    (void)sqlite3_reset(q->statement); /* what a failed step said was said */
    q->row = 0;
    q->end = false;
    q->at = q->text.length = 0;
    return TN_OK;
}

/* What is written to a database may stay beside it for a while. */
static uint64_t stamp_of(const char *path)
{
    struct stat st;
    base_str log = {0};
    base_str_printf(&log, "%s-wal", path);
    int64_t is[3] = {0};
    if (!log.failed && stat(log.text, &st) == 0) {
        is[0] = (int64_t)st.st_size;
        is[1] = (int64_t)st.st_mtim.tv_sec;
        is[2] = (int64_t)st.st_mtim.tv_nsec;
    }
    base_str_free(&log);
    return base_checksum(0, is, sizeof is);
}

/* *foreign: it must be read into memory. */
static tn_table *on_disk(tn_context *context, sql_query *q, const char *question, const tn_table_opt *opt,
                         bool *foreign, base_error *e)
{
    tn_table *t = NULL;
    const table_feed feed = {.read = feed_read,
                             .again = feed_again,
                             .self = q,
                             .of = base_hash_text(question),
                             .stamp = stamp_of(q->path),
                             .n = q->n,
                             .names = q->names};
    tn_table_opt own = *opt;
    own.quote = '"';
    own.delimiter = ',';
    own.header = TN_HEADER_NO;
    own.encoding = TN_ENCODING_UTF8;
    (void)sqlite3_exec(q->db, "begin", NULL, NULL, NULL); /* all passes see the same */
    if (table_kept(context, q->path, &own, &feed, &t, foreign, e) != TN_OK && *foreign)
        (void)feed_again(q, e);
    return t;
}

static tn_table *read_query(tn_context *context, const char *path, const char *question, const tn_table_opt *opt,
                            base_error *e)
{
    sql_query q;
    tn_table *t = NULL;
    bool here = true;
    if (query_open(&q, path, question, e) == TN_OK) {
        q.bad = opt->bad;
        if (table_is_large(path, opt))
            t = on_disk(context, &q, question, opt, &here, e);
        if (here) {
            base_clear(e);
            t = in_memory(context, &q, opt, e);
        }
    }
    query_close(&q);
    return t;
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
