/* doubt.c: columns of words that are numbers, or times, but for a few cells: more likely a slip in these cells than words. */
#include <string.h>

#include "base/text.h"
#include "data/table/table.h"

enum { LEAST = 20, FEW = 3, PART = 100, LOOK = 64 };

typedef struct tally {
    int64_t numbers, times, others;
    const char *first; /* of the others */
} tally;

static void count(const table_source *s, tally *t, const char *text, size_t length, bool string)
{
    double v;
    if (!string && table_parse_f64(text, length, &v))
        t->numbers++;
    else if (table_parse_time(text, length, s->day_first, &v))
        t->times++;
    else {
        t->others++;
        t->first = t->first ? t->first : text;
    }
}

static bool is_doubtful(const tally *t)
{
    const int64_t most = t->numbers > t->times ? t->numbers : t->times,
                  others = t->numbers + t->times + t->others - most;
    return most > LEAST && others > 0 && t->others == others && (others <= FEW || others < most / PART);
}

/* Without another look at the file: may the column be one? */
static bool may_be(const table_source *s, int k)
{
    const tn_table *t = s->table;
    const tn_column *c = &t->columns[k];
    tally of = {0};
    if (s->told[k] != KIND_NONE || (c->type != TN_COLUMN_CATEGORY && c->type != TN_COLUMN_TEXT))
        return false;
    const bool names = c->type == TN_COLUMN_CATEGORY;
    const int64_t n = names ? c->categories : t->rows < LOOK ? t->rows : LOOK;
    for (int64_t i = 0; i < n; i++) {
        size_t length;
        const char *text = names ? c->names[i] : tn_table_text(t, k, i, &length);
        if (text)
            count(s, &of, text, names ? strlen(text) : length, false);
    }
    return of.numbers + of.times > 0 && (of.others <= FEW || of.others < t->rows / PART);
}

static void count_block(const table_source *s, const table_block *b, const bool *look, tally *of)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int k = 0; k < s->n_columns; k++) {
            const table_cell *cell = &b->cells[r * s->n_columns + k];
            const size_t length = cell->length & CELL_LENGTH;
            const char *text = b->base + cell->at;
            if (look[k] && !(cell->length & (unsigned)CELL_NONE) && !table_is_absent_text(&s->absent, text, length))
                count(s, &of[k], text, length, (cell->length & CELL_STRING) != 0);
        }
}

static tn_status say(table_source *s, int k, const tally *of, base_error *e)
{
    base_error where = {0};
    char cell[BASE_SHOWN];
    const bool numbers = of->numbers > of->times;
    table_trouble_fail(s, &(table_trouble){.fault = FAULT_NONE, .at = of->first, .column = k}, &where);
    return table_note(
        s->table, e,
        "doubtful: %.300s: column \"%.100s\": \"%s\" is no %s, but %lld other cells are; because of %s the "
        "column is taken for words. Mend the cell%s, let it count as missing, or tell the column's type",
        where.text, s->names[k], table_shown_cell(s, of->first, cell), numbers ? "number" : "time",
        (long long)(numbers ? of->numbers : of->times), of->others == 1 ? "it" : "it and such as it",
        of->others == 1 ? "" : "s");
}

/* All rows once more, for the columns that may be one. */
static tn_status look_again(table_source *s, const bool *look, tally *of, base_error *e)
{
    table_chunk c = {
        .begin = s->body, .at = s->body, .end = s->data + s->bytes, .quotes = true, .rows_most = INT64_MAX};
    table_block b = {.room = s->n_columns >= BLOCK_CELLS ? 1 : BLOCK_CELLS / s->n_columns};
    b.cells = calloc((size_t)b.room * (size_t)s->n_columns, sizeof *b.cells);
    if (!b.cells)
        return base_no_memory(e, "reading a table");
    for (tn_status status = TN_OK; status == TN_OK;) {
        b.rows = 0;
        status = s->next(s, &c, &b);
        count_block(s, &b, look, of);
        if (c.at >= c.end && b.rows < b.room)
            break;
    }
    base_vec_free(&c.dropped);
    free(b.cells);
    return TN_OK;
}

tn_status table_doubt(table_source *s, base_error *e)
{
    bool any = false;
    bool *look = calloc((size_t)s->n_columns + 1, sizeof *look);
    tally *of = calloc((size_t)s->n_columns + 1, sizeof *of);
    tn_status status = look && of ? TN_OK : base_no_memory(e, "reading a table");
    for (int k = 0; k < s->n_columns && status == TN_OK; k++)
        any |= look[k] = may_be(s, k);
    if (any)
        status = look_again(s, look, of, e);
    for (int k = 0; any && k < s->n_columns && status == TN_OK; k++)
        if (is_doubtful(&of[k]))
            status = say(s, k, &of[k], e);
    free(look);
    free(of);
    return status;
}
