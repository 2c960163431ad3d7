/* drop.c: rows leave a table that was read already. */
#include <string.h>

#include "data/table/table.h"

/* The rows that stay move up in every column; `dropped` is in order. */
static void drop_values(tn_column *c, int64_t rows, const int64_t *dropped, int64_t n, char *text)
{
    size_t size = table_value_size(c->type);
    char *values = (char *)(uintptr_t)c->values;
    uint64_t *missing = (uint64_t *)(uintptr_t)c->missing, *ends = (uint64_t *)(void *)values, from = 0, at = 0;
    int64_t to = 0, next = 0;
    for (int64_t r = 0; r < rows; r++) {
        bool gone = next < n && dropped[next] == r, absent = table_bit(missing, r);
        uint64_t end = c->type == TN_COLUMN_TEXT ? ends[r] : 0;
        next += gone;
        c->n_missing -= gone && absent;
        if (!gone) {
            if (c->type == TN_COLUMN_TEXT) {
                memmove(text + at, text + from, (size_t)(end - from));
                at += end - from;
                ends[to] = at;
            } else {
                memmove(values + (size_t)to * size, values + (size_t)r * size, size);
            }
            if (missing)
                missing[to >> 6] = (missing[to >> 6] & ~((uint64_t)1 << (to & 63))) | (uint64_t)absent << (to & 63);
            to++;
        }
        from = end;
    }
}

void table_drop(tn_table *t, const int64_t *rows, int64_t n)
{
    for (int k = 0; k < t->n_columns; k++)
        drop_values(&t->columns[k], t->rows, rows, n, (char *)(uintptr_t)t->columns[k].text);
    t->rows -= n;
}
