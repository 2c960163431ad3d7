/* csv.c: where the cells of CSV lie: RFC 4180, and what people write besides. Bytes that matter (delimiters, ends of lines,
 * quotes) are found 64 at a time as bits of a mask; the loop then goes from bit to bit. */
#include <string.h>

#include "base/text.h"
#include "data/table/table.h"

#define INLINE static inline __attribute__((always_inline))

/* Bit i: p[i] is a, b or c. */
INLINE uint64_t mask_of(const char *p, char a, char b, char c)
{
    uint64_t mask = 0;
#ifdef __SSE2__
    typedef char bytes __attribute__((vector_size(16)));
    for (int i = 0; i < 4; i++) {
        bytes v;
        memcpy(&v, p + 16 * i, sizeof v);
        bytes hit = (bytes)(v == (bytes){0} + a) | (bytes)(v == (bytes){0} + b);
        if (c != b)
            hit |= (bytes)(v == (bytes){0} + c);
        mask |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128(hit) << (16 * i);
    }
#else
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(p[i] == a || p[i] == b || p[i] == c) << i;
#endif
    return mask;
}

/* The same for fewer than 64 bytes. */
static uint64_t mask_of_rest(const char *p, const char *end, char a, char b, char c)
{
    uint64_t mask = 0;
    for (int i = 0; p + i < end; i++)
        mask |= (uint64_t)(p[i] == a || p[i] == b || p[i] == c) << i;
    return mask;
}

INLINE uint64_t window(const char *p, const char *end, char a, char b, char c)
{
    return end - p >= 64 ? mask_of(p, a, b, c) : mask_of_rest(p, end, a, b, c);
}

/* ---- the sweep -------------------------------------------------------------------------------------------------- */

/* Bit i: an odd number of bits is set in [0, i]. */
static uint64_t parities(uint64_t bits)
{
    for (int by = 1; by < 64; by *= 2)
        bits ^= bits << by;
    return bits;
}

static void count_rows(table_sweep *s, int inside, uint64_t lines, const char *p)
{
    if (!lines)
        return;
    s->rows[inside] += __builtin_popcountll(lines);
    if (!s->first[inside])
        s->first[inside] = p + __builtin_ctzll(lines) + 1;
}

table_sweep table_csv_sweep(char quote, const char *from, const char *end)
{
    table_sweep s = {0};
    for (const char *p = from; p < end; p += 64) {
        uint64_t lines = window(p, end, '\n', '\n', '\n');
        uint64_t quotes = quote == '\n' ? 0 : window(p, end, quote, quote, quote); /* of JSON lines each is a row */
        int inside = s.quotes & 1;
        uint64_t odd = quotes ? parities(quotes) : 0;
        count_rows(&s, inside, lines & ~odd, p);
        count_rows(&s, !inside, lines & odd, p);
        s.quotes += quotes ? __builtin_popcountll(quotes) : 0;
    }
    return s;
}

/* ---- cells ------------------------------------------------------------------------------------------------------ */

/* A row while it is read. */
typedef struct reading {
    const char *row, *cell;    /* where they begin */
    const char *open, *closed; /* the quotes of this cell; NULL: none so far */
    const char *skip;          /* the second of two quotes that stand for one */
    bool inside, escaped;
    table_fault fault;
    const char *fault_at;
    int n; /* cells so far */
} reading;

INLINE void begin_cell(reading *r, const char *at)
{
    r->cell = at;
    r->open = r->closed = NULL;
    r->escaped = false;
}

INLINE void put_cell(const table_source *s, const table_block *b, reading *r, table_cell *row, const char *to,
                     bool quotes)
{
    const char *from = r->cell;
    uint32_t flags = 0;
    if (quotes && r->open) {
        const char *rest = r->closed + 1;
        while (rest < to && *rest == ' ')
            rest++;
        if (rest != to && r->fault == FAULT_NONE) {
            r->fault = FAULT_AFTER_QUOTE;
            r->fault_at = rest;
        }
        from = r->open + 1;
        to = r->closed;
        flags = r->escaped ? (uint32_t)CELL_ESCAPED : 0;
    } else if (from < to && (*from == ' ' || to[-1] == ' ') && s->delimiter != ' ') {
        while (from < to && *from == ' ')
            from++;
        while (from < to && to[-1] == ' ')
            to--;
    }
    if (r->n < s->n_columns)
        row[r->n] = (table_cell){(uint32_t)(from - b->base), (uint32_t)(to - from) | flags};
    if ((to - from > CELL_LENGTH || to - b->base > UINT32_MAX) && r->fault == FAULT_NONE) {
        r->fault = FAULT_LONG;
        r->fault_at = from;
    }
    r->n++;
}

/* What a quote at p means. */
INLINE void meet_quote(const table_source *s, reading *r, const char *p, const char *end)
{
    if (p == r->skip)
        return;
    if (r->inside) {
        if (p + 1 < end && p[1] == s->quote) {
            r->skip = p + 1;
            r->escaped = true;
        } else {
            r->inside = false;
            r->closed = p;
        }
        return;
    }
    const char *from = r->cell;
    while (from < p && *from == ' ')
        from++;
    if (from == p && !r->open) { /* elsewhere it is a character like others */
        r->open = p;
        r->inside = true;
    }
}

/* A row is complete. TN_OK: *rows counts it if it is good, and what is bad has been counted or left out. */
static tn_status end_row(const table_source *s, table_chunk *c, reading *r, const char *to, int64_t *rows)
{
    if (r->n == 1 && to == r->row)
        return TN_OK; /* an empty line */
    if (r->fault == FAULT_NONE && s->check_utf8 && !base_utf8_valid(r->row, (size_t)(to - r->row))) {
        r->fault = FAULT_UTF8;
        r->fault_at = r->row;
    }
    if (r->fault != FAULT_NONE)
        return table_bad(s, c, (table_trouble){.fault = r->fault, .at = r->fault_at});
    if (r->n != s->n_columns)
        return table_bad(s, c, (table_trouble){.fault = FAULT_RAGGED, .at = r->row, .column = r->n});
    ++*rows;
    return TN_OK;
}

/* The chunk ends in the middle of a row, as the last one of a file may, or because its cut was guessed wrong. */
static tn_status end_chunk(const table_source *s, table_chunk *c, table_block *b, reading *r)
{
    bool last = c->end == s->data + s->bytes;
    if (r->row >= c->end)
        return TN_OK;
    if (!last) {
        c->misfit = true;
        return TN_OK;
    }
    if (r->inside)
        return table_bad(s, c, (table_trouble){.fault = FAULT_OPEN_QUOTE, .at = r->open});
    const char *to = c->end;
    to -= to > r->cell && to[-1] == '\r';
    put_cell(s, b, r, b->cells + b->rows * s->n_columns, to, true);
    return end_row(s, c, r, to, &b->rows);
}

INLINE tn_status fill(const table_source *s, table_chunk *c, table_block *b, bool quotes)
{
    const char *end = c->end, *p = c->at;
    const char delimiter = s->delimiter, quote = quotes ? s->quote : '\n';
    uint64_t mask = p < end ? window(p, end, delimiter, '\n', quote) : 0;
    reading r = {.row = p};
    begin_cell(&r, p);
    b->base = p;
    b->rows = 0;
    while (b->rows < b->room && r.row - b->base < INT32_MAX) {
        while (mask == 0) {
            p += 64;
            if (p >= end) {
                c->at = end;
                return end_chunk(s, c, b, &r);
            }
            mask = window(p, end, delimiter, '\n', quote);
        }
        const char *at = p + __builtin_ctzll(mask);
        mask &= mask - 1;
        if (quotes && *at == quote) {
            meet_quote(s, &r, at, end);
        } else if (quotes && r.inside) {
            continue;
        } else if (*at == delimiter) {
            put_cell(s, b, &r, b->cells + b->rows * s->n_columns, at, quotes);
            begin_cell(&r, at + 1);
        } else {
            const char *to = at - (at > r.cell && at[-1] == '\r');
            put_cell(s, b, &r, b->cells + b->rows * s->n_columns, to, quotes);
            if (r.n == s->n_columns && r.fault == FAULT_NONE && !s->check_utf8 && to > r.row)
                b->rows++;
            else
                BASE_TRY(end_row(s, c, &r, to, &b->rows));
            r = (reading){.row = at + 1};
            begin_cell(&r, at + 1);
        }
    }
    c->at = r.row;
    return TN_OK;
}

tn_status table_csv_next(const table_source *s, table_chunk *c, table_block *b)
{
    return c->quotes ? fill(s, c, b, true) : fill(s, c, b, false);
}

size_t table_csv_unescape(const table_source *s, const char *text, size_t length, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        to[n++] = text[i];
        i += text[i] == s->quote;
    }
    return n;
}
