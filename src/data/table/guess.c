/* guess.c: the delimiter of a CSV file, whether its first row is a header, and the names of its columns. */
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "data/table/table.h"

enum { LOOK_ROWS = 50, MOST_COLUMNS = 1 << 17 };

/* One cell from *p on; false: the row ends with it. */
static bool next_cell(const char **p, const char *end, char delimiter, char quote, base_str *cell)
{
    const char *q = *p;
    while (q < end && *q == ' ' && delimiter != ' ')
        q++;
    if (q < end && *q == quote) {
        for (q++; q < end; q++) {
            if (*q == quote && !(q + 1 < end && q[1] == quote))
                break;
            q += *q == quote;
            base_str_bytes(cell, q, 1);
        }
        q += q < end;
        while (q < end && *q != delimiter && *q != '\n')
            q++;
    } else {
        const char *from = q;
        while (q < end && *q != delimiter && *q != '\n')
            q++;
        const char *to = q;
        while (to > from && (to[-1] == ' ' || to[-1] == '\r'))
            to--;
        base_str_bytes(cell, from, (size_t)(to - from));
    }
    bool more = q < end && *q == delimiter;
    *p = q + (q < end);
    return more;
}

static void clear(base_str *s)
{
    s->length = 0;
    if (s->text)
        s->text[0] = '\0';
}

static const char *skip_empty(const char *p, const char *end)
{
    for (;;) {
        const char *q = p;
        while (q < end && *q == '\r')
            q++;
        if (q == end || *q != '\n')
            return p;
        p = q + 1;
    }
}

static int cells_in_row(const char **p, const char *end, char delimiter, char quote, base_str *cell)
{
    int n = 1;
    while (next_cell(p, end, delimiter, quote, cell)) {
        clear(cell);
        n++;
    }
    clear(cell);
    return n;
}

/* How many cells most of the first rows have when cut there, and the part of them that agrees: of spaces all must, as sentences
 * have them too. */
static int cells_by(const table_source *s, char delimiter, base_str *cell, double *agree)
{
    const char *p = s->data, *end = s->data + s->bytes;
    int counts[LOOK_ROWS], rows = 0, best = 0, most = 0;
    for (p = skip_empty(p, end); p < end && rows < LOOK_ROWS; p = skip_empty(p, end))
        counts[rows++] = cells_in_row(&p, end, delimiter, s->quote, cell);
    for (int i = 0; i < rows; i++) {
        int same = 0;
        for (int j = 0; j < rows; j++)
            same += counts[j] == counts[i];
        if (same > most) {
            most = same;
            best = counts[i];
        }
    }
    *agree = rows ? (double)most / rows : 0;
    return most * 2 > rows && (delimiter != ' ' || most == rows) ? best : 0;
}

static char find_delimiter(const table_source *s, base_str *cell)
{
    static const char some[] = {'\t', ',', ';', '|', ' '};
    char best = ',';
    int most = 1;
    double surest = 0, agree;
    for (int i = 0; i < 5; i++) {
        int n = cells_by(s, some[i], cell, &agree);
        if (n > 1 && (agree > surest || (agree == surest && n > most)) && (some[i] != ' ' || most == 1)) {
            most = n;
            surest = agree;
            best = some[i];
        }
    }
    return best;
}

/* ---- the header ------------------------------------------------------------------------------------------------- */

/* Words as a name has them: no sentence, and not too long. */
static bool like_a_name(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= 64 && !strchr(".!?,;:", text[n - 1]) && (text[0] < '0' || text[0] > '9');
}

typedef struct first_rows {
    char **names; /* cells of the first row, in the arena */
    table_kind *head, *rest;
    bool repeated; /* a cell of the first row stands in its column again */
    int n, rows;
} first_rows;

static tn_status look(table_source *s, first_rows *f, base_str *cell, const char **after, base_error *e)
{
    const char *p = skip_empty(s->data, s->data + s->bytes), *end = s->data + s->bytes, *count = p;
    f->n = cells_in_row(&count, end, s->delimiter, s->quote, cell);
    if (f->n > MOST_COLUMNS)
        return base_fail(e, TN_LIMIT, "%.300s: the first row has %d cells; at most %d columns are read", s->name, f->n,
                         MOST_COLUMNS);
    f->names = BASE_ARRAY(s->arena, char *, f->n);
    f->head = BASE_ARRAY(s->arena, table_kind, f->n);
    f->rest = BASE_ARRAY(s->arena, table_kind, f->n);
    if (!f->names || !f->head || !f->rest)
        return base_no_memory(e, "reading a table");
    for (; p < end && f->rows < LOOK_ROWS; p = skip_empty(p, end), f->rows++) {
        bool more = true;
        for (int k = 0; more; k++) {
            clear(cell);
            more = next_cell(&p, end, s->delimiter, s->quote, cell);
            if (cell->failed)
                return base_no_memory(e, "reading a table");
            const char *text = base_str_text(cell);
            bool absent = table_is_absent_text(&s->absent, text, cell->length);
            table_kind is = absent ? KIND_NONE : table_classify(text, cell->length, s->day_first);
            if (f->rows == 0) {
                f->head[k] = is;
                if (!(f->names[k] = base_arena_strdup(s->arena, text)))
                    return base_no_memory(e, "reading a table");
            } else if (k < f->n) {
                f->rest[k] = table_join(f->rest[k], is);
                f->repeated |= !absent && strcmp(f->names[k], text) == 0;
            }
        }
        if (f->rows == 0)
            *after = p;
    }
    return TN_OK;
}

/* A header is words over numbers; or, over words, what looks like names and does not come again. */
static bool is_header(const first_rows *f)
{
    bool numbers_below = false, names = true;
    for (int k = 0; k < f->n; k++) {
        if (f->head[k] == KIND_NONE && f->names[k][0] == '\0') /* numbers of rows often have no name */
            continue;
        if (f->head[k] != KIND_CATEGORY)
            return false;
        numbers_below |= f->rest[k] >= KIND_INTEGER && f->rest[k] <= KIND_TIME_DAY_FIRST;
        names &= like_a_name(f->names[k]);
        for (int j = 0; j < k && j < 64; j++)
            names &= strcmp(f->names[j], f->names[k]) != 0;
    }
    return numbers_below || (names && !f->repeated);
}

/* Names must differ and not be empty. */
tn_status table_check_names(table_source *s, base_error *e)
{
    base_map seen = {0};
    tn_status status = TN_OK;
    for (int k = 0; k < s->n_columns && status == TN_OK; k++) {
        if (s->names[k][0] == '\0') {
            s->names[k] = base_arena_printf(s->arena, "column_%d", k + 1);
            if (s->names[k])
                status = table_note(s->table, e, "column %d has no name; it is called column_%d", k + 1, k + 1);
        }
        void *other = s->names[k] ? base_map_get(&seen, s->names[k]) : NULL;
        if (other && s->bad == TN_BAD_FAIL) {
            status = base_fail(e, TN_FORMAT, "%.300s:1: columns %d and %d are both named \"%s\"", s->name,
                               (int)((char **)other - s->names) + 1, k + 1, BASE_SHOW(s->names[k]));
        } else if (other) {
            const char *twice = s->names[k];
            s->names[k] = base_arena_printf(s->arena, "%s_%d", twice, k + 1);
            status = table_note(s->table, e, "two columns are named \"%.100s\"; column %d is called \"%.100s_%d\"",
                                twice, k + 1, twice, k + 1);
        }
        if (status == TN_OK && (!s->names[k] || !base_map_put(&seen, s->names[k], &s->names[k])))
            status = base_no_memory(e, "reading a table");
    }
    base_map_free(&seen);
    return status;
}

tn_status table_guess(table_source *s, const tn_table_opt *opt, base_error *e)
{
    base_str cell = {0};
    first_rows f = {0};
    const char *after = s->data;
    s->delimiter = opt->delimiter ? opt->delimiter : find_delimiter(s, &cell);
    tn_status status = look(s, &f, &cell, &after, e);
    base_str_free(&cell);
    BASE_TRY(status);
    if (f.rows == 0)
        return base_fail(e, TN_FORMAT, "%.300s is empty: a table has one row at least", s->name);
    const char *cr = memchr(s->data, '\r', s->bytes);
    if (cr && cr + 1 < s->data + s->bytes && !memchr(s->data, '\n', s->bytes))
        return base_fail(
            e, TN_FORMAT,
            "%.300s: its lines end in carriage returns alone, as on old Macintoshes; rows end in line feeds: "
            "tr '\\r' '\\n' makes them",
            s->name);
    bool header = opt->header == TN_HEADER_YES || (opt->header == TN_HEADER_AUTO && is_header(&f));
    s->n_columns = f.n;
    s->names = f.names;
    s->body = header ? after : s->data;
    s->table->delimiter = s->delimiter;
    s->table->header = header;
    for (int k = 0; k < f.n && !header; k++)
        if (!(s->names[k] = base_arena_printf(s->arena, "column_%d", k + 1)))
            return base_no_memory(e, "reading a table");
    char delimiter[] = {s->delimiter, '\0'};
    if (!opt->delimiter)
        BASE_TRY(table_note(s->table, e, "cells are separated by %s",
                            s->delimiter == '\t'  ? "tabs"
                            : s->delimiter == ' ' ? "spaces"
                                                  : delimiter));
    if (opt->header == TN_HEADER_AUTO)
        BASE_TRY(table_note(s->table, e, header ? "the first row is a header" : "there is no header"));
    return table_check_names(s, e);
}
