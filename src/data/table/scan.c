/* scan.c: the first look at a text, while a file is read and its bytes are in the caches: is it UTF-8, how many quotes and ends of rows
 * has each piece. A file is copied, not mapped: one that becomes shorter meanwhile is an error, not the end of the process. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/room.h"
#include "base/text.h"
#include "data/parallel.h"
#include "data/table/table.h"

typedef struct looking {
    table_scan *scan;
    const base_reader *file; /* NULL: the text is there */
    char *room;
} looking;

static void look_at(void *user, int64_t i)
{
    looking *l = user;
    table_scan *s = l->scan;
    table_look *look = &s->looks[i];
    const size_t from = (size_t)i * TABLE_PIECE, n = s->bytes - from < TABLE_PIECE ? s->bytes - from : TABLE_PIECE;
    if (l->file && base_reader_at(l->file, from, l->room + from, n, &look->err) != TN_OK)
        return;
    look->zero = memchr(s->data + from, '\0', n) != NULL;
    look->from = s->data + from;
    look->to = look->from + n;
    look->sweep = table_csv_sweep(s->quote, look->from, look->to);
    look->invalid = !table_valid_piece(&look->from, &look->to, &look->wide);
}

/* Between what was looked at of two pieces lies one character at most. */
static void judge(table_scan *s)
{
    const char *at = s->data, *end = s->data + s->bytes;
    s->valid = true;
    s->wide = false;
    for (int64_t i = 0; i <= s->n; i++) {
        const char *from = at, *to = i < s->n ? s->looks[i].from : end;
        bool wide = to > from;
        s->valid &= base_utf8_valid(from, (size_t)(to - from)) && !(i < s->n && s->looks[i].invalid);
        s->zero |= i < s->n && s->looks[i].zero;
        s->wide |= wide || (i < s->n && s->looks[i].wide);
        at = i < s->n ? s->looks[i].to : end;
    }
}

static tn_status look(looking *l, int threads, base_error *e)
{
    table_scan *s = l->scan;
    s->n = (int64_t)((s->bytes + TABLE_PIECE - 1) / TABLE_PIECE);
    s->looks = calloc((size_t)s->n + 1, sizeof *s->looks);
    if (!s->looks)
        return base_no_memory(e, "reading a table");
    data_parallel(threads, s->n, look_at, l);
    for (int64_t i = 0; i < s->n; i++)
        if (s->looks[i].err.status != TN_OK)
            return base_fail(e, s->looks[i].err.status, "%s", s->looks[i].err.text);
    judge(s);
    return TN_OK;
}

tn_status table_scan_text(table_scan *scan, const char *data, size_t bytes, char quote, int threads, base_error *e)
{
    *scan = (table_scan){.data = data, .bytes = bytes, .quote = quote};
    return look(&(looking){scan, NULL, NULL}, threads, e);
}

tn_status table_scan_file(table_scan *scan, const char *path, size_t limit, char quote, int threads, char **made,
                          base_error *e)
{
    base_reader r;
    *made = NULL;
    BASE_TRY(base_reader_open(&r, path, e));
    tn_status status = TN_OK;
    if (limit && r.bytes > limit)
        status = base_fail(e, TN_LIMIT, "%.300s has %zu bytes; at most %zu are read", path, r.bytes, limit);
    else if (!(*made = base_room(r.bytes + 1)))
        status = base_no_memory(e, "reading a table");
    if (status == TN_OK) {
        *scan = (table_scan){.data = *made, .bytes = r.bytes, .quote = quote};
        status = look(&(looking){scan, &r, *made}, threads, e);
    }
    base_reader_close(&r);
    return status;
}

void table_scan_free(table_scan *scan)
{
    free(scan->looks);
    *scan = (table_scan){0};
}

table_sweep table_scan_sum(const table_scan *scan, size_t from, size_t to)
{
    table_sweep all = {0};
    for (size_t i = from / TABLE_PIECE; i * TABLE_PIECE < to; i++) {
        const table_sweep *one = &scan->looks[i].sweep;
        const int turned = (int)(all.quotes & 1);
        for (int k = 0; k < 2; k++) {
            all.rows[k] += one->rows[k ^ turned];
            all.first[k] = all.first[k] ? all.first[k] : one->first[k ^ turned];
        }
        all.quotes += one->quotes;
    }
    return all;
}
