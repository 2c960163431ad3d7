/* table.c: what a table gives to its users; see <tarn/table.h>. */
#include <math.h>
#include <string.h>

#include "data/table/table.h"

const char *tn_column_type_name(tn_column_type type)
{
    switch (type) {
#define TN_X(name, number, text, ctype)                                                                                \
    case TN_COLUMN_##name: return text;
        TN_COLUMN_LIST(TN_X)
#undef TN_X
    default: return "?";
    }
}

tn_table *table_new(base_error *e)
{
    tn_table *t = calloc(1, sizeof *t);
    if (t)
        atomic_init(&t->references, 1);
    else
        base_no_memory(e, "making a table");
    return t;
}

tn_table *table_named(tn_table *t, const char *name)
{
    if (t && name)
        t->name = base_arena_strdup(&t->arena, name); /* NULL does no harm */
    return t;
}

tn_table *table_retain(const tn_table *t)
{
    tn_table *mine = (tn_table *)(uintptr_t)t;
    atomic_fetch_add_explicit(&mine->references, 1, memory_order_relaxed);
    return mine;
}

void tn_table_free(tn_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int k = 0; t->columns && k < t->n_columns && !t->map.data; k++) {
        free((void *)(uintptr_t)t->columns[k].values);
        free((void *)(uintptr_t)t->columns[k].missing);
        free((void *)(uintptr_t)t->columns[k].text);
    }
    if (t->map.data)
        base_file_unmap(&t->map);
    for (size_t i = 0; i < t->notes.n; i++)
        free(t->notes.at[i]);
    base_vec_free(&t->notes);
    base_arena_free(&t->arena);
    free(t);
}

int64_t table_infinite(const tn_column *column, int64_t rows, int64_t *first)
{
    const double *v = column->values;
    int64_t n = 0;
    for (int64_t i = rows; column->type == TN_COLUMN_NUMBER && i-- > 0;)
        if (isinf(v[i]) && !(column->missing && column->missing[i / 64] >> (i % 64) & 1)) {
            *first = i;
            n++;
        }
    return n;
}

tn_status table_note(tn_table *t, base_error *e, const char *fmt, ...)
{
    base_error text = {0};
    va_list args;
    va_start(args, fmt);
    base_vfail(&text, TN_OK, fmt, args);
    va_end(args);
    size_t bytes = strlen(text.text) + 1;
    if (!base_vec_push(&t->notes, NULL))
        return base_no_memory(e, "reading a table");
    char **last = &t->notes.at[t->notes.n - 1];
    if (!(*last = malloc(bytes))) {
        t->notes.n--;
        return base_no_memory(e, "reading a table");
    }
    memcpy(*last, text.text, bytes);
    return TN_OK;
}

int64_t tn_table_rows(const tn_table *t)
{
    return t->rows;
}

int tn_table_columns(const tn_table *t)
{
    return t->n_columns;
}

const tn_column *tn_table_column(const tn_table *t, int index)
{
    return index >= 0 && index < t->n_columns ? &t->columns[index] : NULL;
}

int tn_table_find(const tn_table *t, const char *name)
{
    for (int k = 0; name && k < t->n_columns; k++)
        if (strcmp(t->columns[k].name, name) == 0)
            return k;
    return -1;
}

bool tn_table_missing(const tn_table *t, int column, int64_t row)
{
    const tn_column *c = tn_table_column(t, column);
    return !c || row < 0 || row >= t->rows || table_bit(c->missing, row);
}

const char *tn_table_text(const tn_table *t, int column, int64_t row, size_t *bytes)
{
    const tn_column *c = tn_table_column(t, column);
    *bytes = 0;
    if (tn_table_missing(t, column, row))
        return NULL;
    if (c->type == TN_COLUMN_CATEGORY) {
        const char *name = c->names[((const int32_t *)c->values)[row]];
        *bytes = strlen(name);
        return name;
    }
    if (c->type != TN_COLUMN_TEXT)
        return NULL;
    const uint64_t *ends = c->values;
    uint64_t from = row ? ends[row - 1] : 0;
    *bytes = (size_t)(ends[row] - from);
    return c->text + from;
}

int64_t tn_table_skipped(const tn_table *t)
{
    return t->skipped;
}

int64_t tn_table_bad_values(const tn_table *t)
{
    return t->bad_values;
}

const char *tn_table_note(const tn_table *t, int index)
{
    return index >= 0 && (size_t)index < t->notes.n ? t->notes.at[index] : NULL;
}

size_t tn_table_bytes(const tn_table *t)
{
    size_t bytes = sizeof *t + t->arena.total;
    for (int k = 0; k < t->n_columns; k++) {
        const tn_column *c = &t->columns[k];
        bytes += (size_t)t->rows * table_value_size(c->type);
        bytes += c->missing ? (size_t)t->rows / 8 : 0;
        if (c->type == TN_COLUMN_TEXT && t->rows > 0)
            bytes += (size_t)((const uint64_t *)c->values)[t->rows - 1];
    }
    return bytes;
}
