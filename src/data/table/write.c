/* write.c: a table as CSV that reads back as the same table. */
#include <string.h>

#include "base/file.h"
#include "data/table/prep.h"

/* Quoted where it must be: what would be cut, trimmed, or taken for something missing by being empty. */
static void put_text(base_str *s, const char *text, size_t length)
{
    bool plain = length > 0 && text[0] != ' ' && text[length - 1] != ' ';
    for (size_t i = 0; i < length && plain; i++)
        plain = text[i] != ',' && text[i] != '"' && text[i] != '\n' && text[i] != '\r';
    if (plain) {
        base_str_bytes(s, text, length);
        return;
    }
    base_str_bytes(s, "\"", 1);
    for (size_t i = 0; i < length; i++)
        base_str_bytes(s, text[i] == '"' ? "\"\"" : text + i, text[i] == '"' ? 2 : 1);
    base_str_bytes(s, "\"", 1);
}

static void put_row(base_str *s, const tn_table *t, int64_t row)
{
    char buffer[PREP_TEXT];
    for (int k = 0; k < t->n_columns; k++) {
        const char *text;
        size_t length;
        if (k > 0)
            base_str_bytes(s, ",", 1);
        if (prep_cell_text(t, k, row, buffer, &text, &length) == PREP_GOT)
            put_text(s, text, length);
        else if (t->n_columns == 1)
            base_str_add(s, "\"\""); /* an empty line would be no row */
    }
    base_str_bytes(s, "\n", 1);
}

tn_status tn_table_write(tn_context *context, const tn_table *t, const int64_t *rows, int64_t count, const char *path)
{
    enum { PIECE = 1 << 16 };
    base_error own = {0}, *e = base_context_begin(context);
    base_str s = {0};
    e = e ? e : &own;
    count = rows ? count : t->rows;
    base_writer *w = base_writer_new(path, e);
    if (!w)
        return e->status;
    for (int k = 0; k < t->n_columns; k++) {
        if (k > 0)
            base_str_bytes(&s, ",", 1);
        put_text(&s, t->columns[k].name, strlen(t->columns[k].name));
    }
    base_str_bytes(&s, "\n", 1);
    tn_status status = TN_OK;
    for (int64_t i = 0; i <= count && status == TN_OK; i++) {
        int64_t row = i < count && rows ? rows[i] : i;
        if (i < count && (row < 0 || row >= t->rows))
            status = base_fail(e, TN_INVALID, "row %lld of a table with %lld rows", (long long)row, (long long)t->rows);
        else if (i < count)
            put_row(&s, t, row);
        if (s.failed)
            status = base_no_memory(e, "writing a table");
        if (status == TN_OK && (s.length >= PIECE || i == count)) {
            status = base_writer_write(w, s.text, s.length);
            s.length = 0;
        }
    }
    base_str_free(&s);
    if (status == TN_OK || status == TN_IO) /* commit says why a write failed */
        return base_writer_commit(w);
    base_writer_abandon(w);
    return status;
}
