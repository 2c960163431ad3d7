/* column.c: the cells of a block become values of a column, one loop for each kind. */
#include <math.h>
#include <string.h>

#include "data/table/table.h"

size_t table_value_size(tn_column_type type)
{
    switch (type) {
#define TN_X(name, number, text, ctype)                                                                                \
    case TN_COLUMN_##name: return sizeof(ctype);
        TN_COLUMN_LIST(TN_X)
#undef TN_X
    default: return 0;
    }
}

static tn_status mark_missing(table_chunk *c, table_part *part, int64_t row)
{
    if (!part->missing && !(part->missing = calloc((size_t)(c->rows_most >> 6) + 1, sizeof *part->missing)))
        return base_no_memory(&c->err, "reading a table");
    part->missing[row >> 6] |= (uint64_t)1 << (row & 63);
    part->n_missing++;
    return TN_OK;
}

/* The text of a cell, unescaped if need be; false: memory is out. */
static bool text_of(const table_source *s, table_chunk *c, const table_block *b, const table_cell *cell,
                    const char **text, size_t *length)
{
    *text = b->base + cell->at;
    *length = cell->length & CELL_LENGTH;
    if (!(cell->length & CELL_ESCAPED))
        return true;
    if (c->scratch_room < *length) {
        char *more = realloc(c->scratch, *length * 2);
        if (!more)
            return false;
        c->scratch = more;
        c->scratch_room = *length * 2;
    }
    *length = s->unescape(s, *text, *length, c->scratch);
    *text = c->scratch;
    return true;
}

/* Short texts without a call. */
static inline bool put_text(base_str *heap, const char *text, size_t length)
{
    if (heap->capacity - heap->length <= length + 64)
        return base_str_bytes(heap, text, length), !heap->failed;
    char *to = heap->text + heap->length;
    memcpy(to, text, length);
    heap->length += length;
    return true;
}

typedef enum put { PUT_OK, PUT_OTHER, PUT_MEMORY } put;

/* A value that is there, as the kind that the column has. */
static inline put put_value(const table_source *s, table_part *part, table_kind kind, int64_t row, const char *text,
                            size_t length, bool string)
{
    switch (kind) {
    case KIND_INTEGER:
        return !string && table_parse_i64(text, length, (int64_t *)part->values + row) ? PUT_OK : PUT_OTHER;
    case KIND_NUMBER:
        return !string && table_parse_f64(text, length, (double *)part->values + row) ? PUT_OK : PUT_OTHER;
    case KIND_BOOLEAN: return table_parse_bool(text, length, (uint8_t *)part->values + row) ? PUT_OK : PUT_OTHER;
    case KIND_TIME: return table_parse_time(text, length, false, (double *)part->values + row) ? PUT_OK : PUT_OTHER;
    case KIND_TIME_DAY_FIRST:
        return table_parse_time(text, length, true, (double *)part->values + row) ? PUT_OK : PUT_OTHER;
    case KIND_CATEGORY: {
        int32_t n = table_word(&part->words, text, length, (size_t)s->categories);
        ((int32_t *)part->values)[row] = n;
        return n >= 0 ? PUT_OK : n == -1 ? PUT_MEMORY : PUT_OTHER;
    }
    case KIND_TEXT: return put_text(&part->heap, text, length) ? PUT_OK : PUT_MEMORY;
    default: return PUT_OTHER;
    }
}

static void put_missing(table_part *part, table_kind kind, int64_t row)
{
    switch (kind) {
    case KIND_INTEGER: ((int64_t *)part->values)[row] = 0; break;
    case KIND_BOOLEAN: ((uint8_t *)part->values)[row] = 0; break;
    case KIND_CATEGORY: ((int32_t *)part->values)[row] = -1; break;
    case KIND_TEXT: break;
    default: ((double *)part->values)[row] = (double)NAN;
    }
}

/* The value does not fit: a told type makes it a bad value, an inferred one gives way. *missing: it counts as none. */
static tn_status misfit(const table_source *s, table_chunk *c, int column, table_kind kind, const char *at,
                        const char *text, size_t length, bool string, bool *missing)
{
    table_part *part = &c->parts[column];
    *missing = true;
    if (s->told[column] != KIND_NONE)
        return table_bad(s, c, (table_trouble){.fault = FAULT_VALUE, .at = at, .column = column});
    table_kind is = table_classify(text, length, s->day_first);
    if (string && (is == KIND_INTEGER || is == KIND_NUMBER))
        is = KIND_CATEGORY;
    part->wider = kind == KIND_CATEGORY ? KIND_TEXT : table_join(kind, is);
    part->wider_at = at;
    part->kind = KIND_NONE;
    return TN_OK;
}

/* Whole numbers of up to 16 digits, which most are, without a loop whose end could not be foreseen: eight bytes up to the end, those
 * before the number taken for zeros. `first`: what may be read begins here. Others go the long way. */
static inline bool quick_integer(const char *first, const char *text, size_t length, int64_t *value)
{
    const bool minus = length > 0 && *text == '-';
    const char *end = text + length;
    uint64_t v = 0, low = 0;
    length -= minus;
    if (length == 0 || length > 16 || end - first < 16)
        return false;
    if (length > 8 && !table_digits(end - 16, length - 8, &v))
        return false;
    if (!table_digits(end - 8, length > 8 ? 8 : length, &low))
        return false;
    v = v * 100000000 + low;
    *value = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

/* The same for numbers; what is not written in digits, such as nan, goes the long way. */
static inline bool quick_number(const char *text, size_t length, double *value)
{
    return length > 0 && length < 64 && *text <= '9' && table_parse_f64(text, length, value);
}

static inline __attribute__((always_inline)) tn_status convert(const table_source *s, table_chunk *c, int column,
                                                               const table_block *b, table_kind kind)
{
    table_part *part = &c->parts[column];
    const table_cell *cell = b->cells + column;
    for (int64_t i = 0; i < b->rows; i++, cell += s->n_columns) {
        const char *text = b->base + cell->at;
        size_t length = cell->length;
        const int64_t row = part->rows;
        if (s->absent.no_numbers &&
            ((kind == KIND_INTEGER && quick_integer(s->data, text, length, (int64_t *)part->values + row)) ||
             (kind == KIND_NUMBER && quick_number(text, length, (double *)part->values + row)))) {
            part->rows++;
            continue;
        }
        if (length > CELL_LENGTH && !text_of(s, c, b, cell, &text, &length))
            return base_no_memory(&c->err, "reading a table");
        bool string = (cell->length & CELL_STRING) && !(s->texts_quoted && s->told[column]);
        bool missing = cell->length & (unsigned)CELL_NONE;
        if (!missing && !(missing = table_is_absent_text(&s->absent, text, length))) {
            put done = put_value(s, part, kind, row, text, length, string);
            if (done == PUT_MEMORY)
                return base_no_memory(&c->err, "reading a table");
            if (done == PUT_OTHER) {
                BASE_TRY(misfit(s, c, column, kind, b->base + cell->at, text, length, string, &missing));
                if (part->kind == KIND_NONE)
                    return TN_OK;
            }
        }
        if (missing) {
            put_missing(part, kind, row);
            BASE_TRY(mark_missing(c, part, row));
        }
        if (kind == KIND_TEXT)
            ((uint64_t *)part->values)[row] = part->heap.length;
        part->rows++;
    }
    return TN_OK;
}

/* `rows` of a part counts what it was given; a column that has given way (KIND_NONE) or of which nothing is known yet stays at
 * the first value that does not fit. */
tn_status table_convert(const table_source *s, table_chunk *c, int column, const table_block *b)
{
    if (c->parts[column].wider != KIND_NONE)
        return TN_OK;
    switch (c->parts[column].kind) {
    case KIND_INTEGER: return convert(s, c, column, b, KIND_INTEGER);
    case KIND_NUMBER: return convert(s, c, column, b, KIND_NUMBER);
    case KIND_BOOLEAN: return convert(s, c, column, b, KIND_BOOLEAN);
    case KIND_TIME: return convert(s, c, column, b, KIND_TIME);
    case KIND_TIME_DAY_FIRST: return convert(s, c, column, b, KIND_TIME_DAY_FIRST);
    case KIND_CATEGORY: return convert(s, c, column, b, KIND_CATEGORY);
    case KIND_TEXT: return convert(s, c, column, b, KIND_TEXT);
    default: return convert(s, c, column, b, KIND_NONE);
    }
}
