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
INLINE uint64_t parities(uint64_t bits)
{
    for (int by = 1; by < 64; by *= 2)
        bits ^= bits << by;
    return bits;
}

INLINE void count_rows(table_sweep *s, int inside, uint64_t lines, const char *p)
{
    if (!lines)
        return;
    s->rows[inside] += __builtin_popcountll(lines);
    if (!s->first[inside])
        s->first[inside] = p + __builtin_ctzll(lines) + 1;
}

INLINE table_sweep sweep(char quote, const char *from, const char *end)
{
    table_sweep s = {0};
    for (const char *p = from; p < end; p += 64) {
        uint64_t lines = window(p, end, '\n', '\n', '\n');
        uint64_t quotes = quote == '\n' ? 0 : window(p, end, quote, quote, quote); /* of JSON lines each is a row */
        if (!(lines | quotes))
            continue;
        int inside = s.quotes & 1;
        uint64_t odd = quotes ? parities(quotes) : 0;
        count_rows(&s, inside, lines & ~odd, p);
        count_rows(&s, !inside, lines & odd, p);
        s.quotes += quotes ? __builtin_popcountll(quotes) : 0;
    }
    return s;
}

#ifdef __x86_64__
__attribute__((target("avx2,bmi,popcnt"))) static table_sweep sweep_fast(char quote, const char *from, const char *end)
{
    return sweep(quote, from, end);
}
#endif

table_sweep table_csv_sweep(char quote, const char *from, const char *end)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
        return sweep_fast(quote, from, end);
#endif
    return sweep(quote, from, end);
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
        flags = (r->escaped ? (uint32_t)CELL_ESCAPED : 0) | (s->texts_quoted ? (uint32_t)CELL_STRING : 0);
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
    if (r->fault == FAULT_NONE && s->check_rows && (r->fault = table_row_fault(r->row, to)) != FAULT_NONE)
        r->fault_at = r->row;
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

/* Rows by what each byte that matters means, up to `room` in the block. */
INLINE tn_status fill(const table_source *s, table_chunk *c, table_block *b, int64_t room, bool quotes)
{
    const char *end = c->end, *p = c->at;
    const char delimiter = s->delimiter, quote = quotes ? s->quote : '\n';
    uint64_t mask = p < end ? window(p, end, delimiter, '\n', quote) : 0;
    reading r = {.row = p};
    begin_cell(&r, p);
    while (b->rows < room && r.row - b->base < INT32_MAX) {
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
            if (r.n == s->n_columns && r.fault == FAULT_NONE && !s->check_rows && to > r.row)
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

static tn_status fill_by_state(const table_source *s, table_chunk *c, table_block *b, int64_t room)
{
    return fill(s, c, b, room, true);
}

/* ---- rows with quotes as they should be ------------------------------------------------------------------------- */

#ifdef __x86_64__
typedef char bytes32 __attribute__((vector_size(32)));
__attribute__((target("avx2"))) static inline uint64_t mask_64(const char *p, char a, char b)
{
    bytes32 v, w; /* each by itself: as an array they would go through memory */
    memcpy(&v, p, sizeof v);
    memcpy(&w, p + sizeof v, sizeof w);
    bytes32 low = (bytes32)(v == (bytes32){0} + a) | (bytes32)(v == (bytes32){0} + b);
    bytes32 high = (bytes32)(w == (bytes32){0} + a) | (bytes32)(w == (bytes32){0} + b);
    return (uint64_t)(uint32_t)__builtin_ia32_pmovmskb256(high) << 32 | (uint32_t)__builtin_ia32_pmovmskb256(low);
}
#endif

/* The first of a and b in [p, end), or end. */
INLINE const char *find(const char *p, const char *end, char a, char b, bool fast)
{
    for (; end - p >= 64; p += 64) {
#ifdef __x86_64__
        uint64_t mask = fast ? mask_64(p, a, b) : mask_of(p, a, b, b);
#else
        uint64_t mask = mask_of(p, a, b, b);
        (void)fast;
#endif
        if (mask)
            return p + __builtin_ctzll(mask);
    }
    while (p < end && *p != a && *p != b)
        p++;
    return p;
}

/* One cell at p that is wholly in quotes, or begins with neither quote nor space: what stands behind it, or NULL for all else, which
 * goes by the states above. */
INLINE const char *plain_cell(const table_source *s, const char *p, const char *end, const char *base, bool fast,
                              table_cell *cell)
{
    const char quote = s->quote, *from = p, *to;
    uint32_t flags = 0;
    if (p < end && *p == quote) {
        from = ++p;
        flags = s->texts_quoted ? CELL_STRING : 0;
        for (p = find(p, end, quote, quote, fast); end - p > 1 && p[1] == quote;
             p = find(p + 2, end, quote, quote, fast))
            flags |= CELL_ESCAPED;
        to = p++;
        p += end - p > 1 && p[0] == '\r' && p[1] == '\n';
        if (p >= end || (*p != s->delimiter && *p != '\n'))
            return NULL;
    } else {
        p = to = find(p, end, s->delimiter, '\n', fast);
        if (p == end)
            return NULL;
        to -= *p == '\n' && to > from && to[-1] == '\r';
        if (to > from && s->delimiter != ' ' && (*from == ' ' || to[-1] == ' '))
            return NULL;
    }
    if (to - from > CELL_LENGTH || to - base > UINT32_MAX)
        return NULL;
    *cell = (table_cell){(uint32_t)(from - base), (uint32_t)(to - from) | flags};
    return p;
}

/* A whole row at p of such cells, as many as columns: what follows it, or NULL. */
INLINE const char *plain_row(const table_source *s, const char *p, const char *end, const char *base, bool fast,
                             table_cell *cells)
{
    for (int k = 0; k < s->n_columns; k++) {
        const char *from = p;
        p = plain_cell(s, p, end, base, fast, &cells[k]);
        if (!p || (*p == '\n') != (k + 1 == s->n_columns) || (s->n_columns == 1 && p == from))
            return NULL;
        p++;
    }
    return p;
}

INLINE tn_status fill_quoted(const table_source *s, table_chunk *c, table_block *b, bool fast)
{
    while (b->rows < b->room && c->at < c->end && c->at - b->base < INT32_MAX) {
        const char *next = plain_row(s, c->at, c->end, b->base, fast, b->cells + b->rows * s->n_columns);
        if (next) {
            c->at = next;
            b->rows++;
        } else {
            BASE_TRY(fill_by_state(s, c, b, b->rows + 1));
            if (c->misfit)
                return TN_OK;
        }
    }
    return TN_OK;
}

#ifdef __x86_64__
__attribute__((target("avx2,bmi"))) static tn_status fill_fast(const table_source *s, table_chunk *c, table_block *b)
{
    return fill(s, c, b, b->room, false);
}

__attribute__((target("avx2,bmi"))) static tn_status fill_quoted_fast(const table_source *s, table_chunk *c,
                                                                      table_block *b)
{
    return fill_quoted(s, c, b, true);
}
#endif

static tn_status next_unquoted(const table_source *s, table_chunk *c, table_block *b)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
        return fill_fast(s, c, b);
#endif
    return fill(s, c, b, b->room, false);
}

static tn_status next_quoted(const table_source *s, table_chunk *c, table_block *b)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
        return fill_quoted_fast(s, c, b);
#endif
    return fill_quoted(s, c, b, false);
}

tn_status table_csv_next(const table_source *s, table_chunk *c, table_block *b)
{
    b->base = c->at;
    b->rows = 0;
    if (!c->quotes)
        return next_unquoted(s, c, b);
    return s->check_rows ? fill_by_state(s, c, b, b->room) : next_quoted(s, c, b);
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
