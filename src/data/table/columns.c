/* columns.c: see columns.h. */
#define _DEFAULT_SOURCE /* madvise */ // NOLINT: the name is the C library's
#include "data/table/columns.h"

#include <string.h>
#include <sys/mman.h>

#include "base/checksum.h"

enum { ALIGN = 64, TAIL = 64, VERSION = 1, PIECE = 1 << 20 };
static const char magic[8] = {'T', 'a', 'r', 'n', 'C', 'o', 'l', 's'};

/* The last bytes of a file; numbers as this machine has them, which `order` tells. */
typedef struct tail {
    char magic[8];
    uint64_t order, version, key, index_at, index_bytes, index_sum, sum; /* sum: of all before it */
} tail;
_Static_assert(sizeof(tail) == TAIL, "nothing between the members");
static const uint64_t ORDER = 0x0102030405060708u;

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void put_number(base_str *s, uint64_t v)
{
    base_str_bytes(s, &v, sizeof v);
}

static void put_text(base_str *s, const char *text)
{
    put_number(s, strlen(text));
    base_str_bytes(s, text, strlen(text));
}

tn_status columns_begin(columns_writer *w, const char *path, base_error *e)
{
    *w = (columns_writer){.piece = malloc(PIECE)};
    if (!w->piece)
        return base_no_memory(e, "writing the columns of a table");
    w->out = base_writer_new(path, e);
    return w->out ? TN_OK : e->status;
}

static tn_status flush(columns_writer *w)
{
    const size_t bytes = w->used;
    w->used = 0;
    if (bytes == 0)
        return TN_OK;
    w->sum = base_checksum(w->sum, w->piece, bytes);
    return base_writer_write(w->out, w->piece, bytes);
}

tn_status columns_put(columns_writer *w, const void *data, size_t bytes)
{
    w->at += bytes;
    for (const char *p = data; bytes > 0;) {
        const size_t n = bytes < PIECE - w->used ? bytes : PIECE - w->used;
        memcpy(w->piece + w->used, p, n);
        w->used += n;
        p += n;
        bytes -= n;
        if (w->used == PIECE)
            BASE_TRY(flush(w));
    }
    return TN_OK;
}

tn_status columns_end_section(columns_writer *w)
{
    static const char zeros[ALIGN];
    const size_t bytes = w->at - w->begin, pad = (ALIGN - w->at % ALIGN) % ALIGN;
    BASE_TRY(flush(w));
    put_number(&w->index, w->begin);
    put_number(&w->index, bytes);
    put_number(&w->index, w->sum);
    w->sum = 0;
    w->at += pad;
    w->begin = w->at;
    return base_writer_write(w->out, zeros, pad);
}

void columns_describe(columns_writer *w, const tn_column *c)
{
    put_text(&w->index, c->name);
    put_number(&w->index, c->type);
    put_number(&w->index, (uint64_t)c->n_missing);
    put_number(&w->index, (uint64_t)c->categories);
    for (int i = 0; i < c->categories; i++)
        put_text(&w->index, c->names[i]);
}

tn_status columns_finish(columns_writer *w, const tn_table *t, uint64_t key, base_error *e)
{
    const size_t counts = w->index.length;
    put_number(&w->index, (uint64_t)t->n_columns);
    put_number(&w->index, (uint64_t)t->rows);
    put_number(&w->index, (uint64_t)t->skipped);
    put_number(&w->index, (uint64_t)t->bad_values);
    put_number(&w->index, (unsigned char)t->delimiter);
    put_number(&w->index, t->header);
    put_number(&w->index, t->notes.n);
    for (size_t i = 0; i < t->notes.n; i++)
        put_text(&w->index, t->notes.at[i]);
    put_number(&w->index, counts);
    tail last = {.order = ORDER, .version = VERSION, .key = key, .index_at = w->at, .index_bytes = w->index.length};
    memcpy(last.magic, magic, sizeof magic);
    last.index_sum = base_checksum(0, w->index.text, w->index.length);
    last.sum = base_checksum(0, &last, offsetof(tail, sum));
    tn_status status = w->index.failed ? base_no_memory(e, "writing the columns of a table") : TN_OK;
    if (status == TN_OK)
        (void)base_writer_write(w->out, w->index.text, w->index.length);
    if (status == TN_OK)
        (void)base_writer_write(w->out, &last, sizeof last);
    if (status == TN_OK) {
        status = base_writer_commit(w->out);
        w->out = NULL;
    }
    columns_abandon(w);
    return status;
}

void columns_abandon(columns_writer *w)
{
    base_writer_abandon(w->out);
    base_str_free(&w->index);
    free(w->piece);
    *w = (columns_writer){0};
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

typedef struct reading {
    const char *path;
    const char *data;
    size_t bytes;
    const char *at, *end; /* the index that is left */
    bool bad;
    tn_table *t;
} reading;

static uint64_t number(reading *r)
{
    uint64_t v = 0;
    if ((size_t)(r->end - r->at) < sizeof v)
        r->bad = true;
    else
        memcpy(&v, r->at, sizeof v);
    r->at += r->bad ? 0 : sizeof v;
    return v;
}

static const char *text(reading *r, base_error *e)
{
    const uint64_t n = number(r);
    if (r->bad || n > (uint64_t)(r->end - r->at)) {
        r->bad = true;
        return "";
    }
    char *copy = base_arena_alloc(&r->t->arena, (size_t)n + 1);
    if (!copy) {
        base_no_memory(e, "reading the columns of a table");
        r->bad = true;
        return "";
    }
    memcpy(copy, r->at, (size_t)n); /* the arena is zero */
    r->at += n;
    return copy;
}

/* Pages of the mapping that were looked at leave memory, and come again from the file when they are wanted. Never more than these: what lies
 * behind a mapping may be memory of others, which would be lost. */
static void let_go(const char *from, size_t bytes)
{
#ifdef MADV_DONTNEED
    const uintptr_t page = 4095, first = (uintptr_t)from & ~page, end = ((uintptr_t)from + bytes) & ~page;
    if (end > first)
        (void)madvise((void *)first, end - first, MADV_DONTNEED);
#else
    (void)from;
    (void)bytes;
#endif
}

typedef struct place {
    const char *from;
    uint64_t bytes, sum;
} place;

/* Where a section is, whose length must be `due`. */
static place place_of(reading *r, uint64_t due)
{
    const uint64_t at = number(r), bytes = number(r), sum = number(r);
    r->bad |= bytes != due || at % ALIGN || at > r->bytes || bytes > r->bytes - at;
    place p = {0};
    if (!r->bad)
        p = (place){r->data + at, bytes, sum};
    return p;
}

/* What a reader of the column would be led astray by, though its sum is right: texts that end before they begin, codes of no category.
 * `row`: the first of the piece. `last`: where the text before it ends. */
static bool sane(const tn_column *c, const char *piece, size_t bytes, uint64_t row, uint64_t *last)
{
    bool ok = true;
    const uint64_t *ends = (const uint64_t *)(const void *)piece;
    const int32_t *codes = (const int32_t *)(const void *)piece;
    if (c->type == TN_COLUMN_TEXT)
        for (size_t i = 0; i < bytes / sizeof *ends; *last = ends[i++])
            ok &= ends[i] >= *last;
    if (c->type == TN_COLUMN_CATEGORY)
        for (size_t i = 0; i < bytes / sizeof *codes; i++)
            ok &= codes[i] < c->categories && (codes[i] >= 0 || table_bit(c->missing, (int64_t)(row + i)));
    return ok;
}

/* The bytes of a section, looked at as values of c if it is given; they leave memory again piece by piece. */
static const void *section(reading *r, place p, const tn_column *c)
{
    uint64_t is = 0, last = 0;
    for (size_t i = 0; i < p.bytes && !r->bad; i += PIECE) {
        const size_t n = p.bytes - i < PIECE ? (size_t)p.bytes - i : PIECE;
        is = base_checksum(is, p.from + i, n);
        r->bad |= c && !sane(c, p.from + i, n, i / table_value_size(c->type), &last);
        let_go(p.from + i, n);
    }
    r->bad |= is != p.sum;
    return p.from;
}

static int64_t count_bits(const uint64_t *bits, uint64_t n)
{
    int64_t count = 0;
    for (uint64_t i = 0; i < n / 64; i++)
        count += __builtin_popcountll(bits[i]);
    return count + __builtin_popcountll(bits[n / 64] & (((uint64_t)1 << n % 64) - 1));
}

static void read_column(reading *r, tn_column *c, uint64_t rows, base_error *e)
{
    c->name = text(r, e);
    c->type = (tn_column_type)number(r);
    c->n_missing = (int64_t)number(r);
    const uint64_t words = number(r), size = table_value_size(c->type);
    r->bad |= size == 0 || words > (uint64_t)(r->end - r->at) / 8 || (uint64_t)c->n_missing > rows;
    if (r->bad)
        return;
    c->categories = (int)words;
    const char **names = BASE_ARRAY(&r->t->arena, const char *, (size_t)words + 1);
    for (uint64_t i = 0; names && i < words; i++)
        names[i] = text(r, e);
    c->names = c->type == TN_COLUMN_CATEGORY ? names : NULL;
    const place values = place_of(r, rows * size);
    if (c->n_missing > 0) {
        c->missing = section(r, place_of(r, (rows / 64 + 1) * 8), NULL);
        r->bad = r->bad || count_bits(c->missing, rows) != c->n_missing;
    }
    if (!r->bad)
        c->values = section(r, values, c);
    if (c->type == TN_COLUMN_TEXT && !r->bad)
        c->text = section(r, place_of(r, rows ? ((const uint64_t *)c->values)[rows - 1] : 0), NULL);
    if (!names) {
        base_no_memory(e, "reading the columns of a table");
        r->bad = true;
    }
}

/* Bad is what is damaged, or what there was no memory for. */
static tn_status why(const base_error *e)
{
    return e->status == TN_MEMORY ? TN_MEMORY : TN_FORMAT;
}

/* The numbers behind the columns come first to mind: how many there are. */
static tn_status read_index(reading *r, const char *counts, base_error *e)
{
    tn_table *t = r->t;
    const char *columns = r->at, *end = r->end;
    r->at = counts;
    const uint64_t n = number(r), rows = number(r);
    t->skipped = (int64_t)number(r);
    t->bad_values = (int64_t)number(r);
    t->delimiter = (char)number(r);
    t->header = number(r) != 0;
    r->bad |= n == 0 || n > (uint64_t)(counts - columns) / 8 || rows > r->bytes;
    for (uint64_t i = number(r); i > 0 && !r->bad; i--)
        (void)(table_note(t, e, "%s", text(r, e)) == TN_OK || (r->bad = true));
    t->rows = (int64_t)rows;
    t->columns = r->bad ? NULL : BASE_ARRAY(&t->arena, tn_column, (size_t)n);
    if (!t->columns)
        return r->bad ? why(e) : base_no_memory(e, "reading the columns of a table");
    r->at = columns;
    r->end = counts;
    for (uint64_t k = 0; k < n && !r->bad; k++, t->n_columns++)
        read_column(r, &t->columns[k], rows, e);
    r->bad |= r->at != counts;
    r->end = end;
    return r->bad ? why(e) : TN_OK;
}

static tn_status read_all(reading *r, uint64_t key, base_error *e)
{
    tail last;
    uint64_t counts;
    if (r->bytes < TAIL)
        return base_fail(e, TN_FORMAT, "%s is damaged: it has %zu bytes", r->path, r->bytes);
    memcpy(&last, r->data + r->bytes - TAIL, TAIL);
    if (memcmp(last.magic, magic, sizeof magic) != 0 || last.sum != base_checksum(0, &last, offsetof(tail, sum)))
        return base_fail(e, TN_FORMAT, "%s is damaged: its last bytes are not as they were written", r->path);
    if (last.order != ORDER || last.version != VERSION || last.key != key)
        return base_fail(e, TN_NOT_FOUND, "%s is of another file, or another version", r->path);
    if (last.index_at > r->bytes - TAIL || last.index_bytes != r->bytes - TAIL - last.index_at ||
        last.index_bytes < 8 || base_checksum(0, r->data + last.index_at, (size_t)last.index_bytes) != last.index_sum)
        return base_fail(e, TN_FORMAT, "%s is damaged: its index is not as it was written", r->path);
    r->at = r->data + last.index_at;
    r->end = r->at + last.index_bytes - 8;
    memcpy(&counts, r->end, sizeof counts);
    if (counts > last.index_bytes - 8)
        return base_fail(e, TN_FORMAT, "%s is damaged: its index ends in itself", r->path);
    tn_status status = read_index(r, r->at + counts, e);
    return status == TN_FORMAT
               ? base_fail(e, TN_FORMAT, "%s is damaged: its columns are not as they were written", r->path)
               : status;
}

tn_status columns_open(const char *path, uint64_t key, tn_table **out, base_error *e)
{
    base_mapping m;
    if (!base_file_exists(path))
        return TN_NOT_FOUND;
    BASE_TRY(base_file_map(path, &m, e));
    reading r = {.path = path, .data = m.data, .bytes = m.bytes, .t = table_new(e)};
    tn_status status = r.t ? read_all(&r, key, e) : TN_MEMORY;
    if (status == TN_OK) {
        r.t->map = m;
        *out = r.t;
        return TN_OK;
    }
    if (r.t) /* its columns lie in the mapping */
        r.t->n_columns = 0;
    tn_table_free(r.t);
    base_file_unmap(&m);
    return status;
}
