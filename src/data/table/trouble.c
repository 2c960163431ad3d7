/* trouble.c: what is wrong with rows: counted or kept for the end, and told with its place. */
#include <string.h>

#include "base/text.h"
#include "data/table/table.h"

table_fault table_row_fault(const char *from, const char *to)
{
    if (!base_utf8_valid(from, (size_t)(to - from)))
        return FAULT_UTF8;
    return to > from && memchr(from, '\0', (size_t)(to - from)) ? FAULT_ZERO : FAULT_NONE;
}

tn_status table_bad(const table_source *s, table_chunk *c, table_trouble t)
{
    table_troubles *all = &c->troubles;
    c->odd_quote |= t.fault == FAULT_AFTER_QUOTE || t.fault == FAULT_OPEN_QUOTE;
    if (s->bad == TN_BAD_FAIL) {
        if (all->rows == 0 || t.at < all->first[0].at)
            all->first[0] = t;
        all->rows = 1;
        return TN_FORMAT;
    }
    if (all->rows + all->values < FIRST_TROUBLES)
        all->first[all->rows + all->values] = t;
    if (t.fault == FAULT_VALUE && s->bad == TN_BAD_MISSING) {
        all->values++;
        return TN_OK;
    }
    all->rows++;
    if (t.fault == FAULT_VALUE && !base_vec_push(&c->dropped, c->parts[t.column].rows))
        return base_no_memory(&c->err, "reading a table");
    return TN_OK;
}

const char *table_shown_cell(const table_source *s, const char *at, char buffer[BASE_SHOWN])
{
    char copy[64];
    size_t n = 0;
    for (const char *end = s->data + s->bytes; at + n < end && n < sizeof copy - 1; n++) {
        if (at[n] == '\n' || at[n] == '\r' || at[n] == s->delimiter || (!s->json && at[n] == s->quote))
            break;
        copy[n] = at[n];
    }
    copy[n] = '\0';
    return base_shown(copy, buffer);
}

tn_status table_trouble_fail(const table_source *s, const table_trouble *t, base_error *e)
{
    char place[300], cell[BASE_SHOWN], name[BASE_SHOWN];
    long long line = s->lines + 1;
    const char *start = s->data;
    for (const char *p = s->data, *next; (next = memchr(p, '\n', (size_t)(t->at - p))); p = start = next + 1)
        line++;
    base_error where = {0};
    base_fail(&where, TN_FORMAT, "%.200s:%lld:%lld", s->name, line, (long long)(t->at - start) + 1);
    memcpy(place, where.text, sizeof place - 1);
    place[sizeof place - 1] = '\0';
    switch (t->fault) {
    case FAULT_NONE: return base_fail(e, TN_FORMAT, "%s", place);
    case FAULT_RAGGED:
        return base_fail(e, TN_FORMAT, "%s: this row has %d cell%s, but the table has %d columns", place, t->column,
                         t->column == 1 ? "" : "s", s->n_columns);
    case FAULT_AFTER_QUOTE:
        return base_fail(e, TN_FORMAT,
                         "%s: after the closing quote of a cell comes text; a quote inside of quotes is written twice",
                         place);
    case FAULT_OPEN_QUOTE: return base_fail(e, TN_FORMAT, "%s: the quote that opens here is never closed", place);
    case FAULT_UTF8:
        return base_fail(e, TN_FORMAT, "%s: this row is not UTF-8, as others are; the file is a mixture of encodings",
                         place);
    case FAULT_ZERO: return base_fail(e, TN_FORMAT, "%s: this row holds a zero byte, which is in no text", place);
    case FAULT_LONG: return base_fail(e, TN_FORMAT, "%s: this cell is longer than 512 MiB; is a quote missing?", place);
    case FAULT_VALUE:
        return base_fail(e, TN_FORMAT, "%s: column \"%s\": \"%s\" is not of the type %s that was told", place,
                         base_shown(s->names[t->column], name), table_shown_cell(s, t->at, cell),
                         tn_column_type_name(table_type_of(s->told[t->column])));
    case FAULT_JSON: return base_fail(e, TN_FORMAT, "%s: %s", place, t->what);
    case FAULT_REPEATED:
        return base_fail(e, TN_FORMAT, "%s: the key \"%s\" stands twice in this object", place,
                         table_shown_cell(s, t->at, cell));
    }
    return base_fail(e, TN_INTERNAL, "%s: something is wrong", place);
}
