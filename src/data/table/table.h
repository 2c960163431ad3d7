/* table.h: tables from the inside, and how they are read.
 *
 * A text is cut into chunks at ends of rows; threads take chunks. A chunk is read block by block: `next` finds where the cells
 * of some hundred rows lie, then each column converts its cells, so that the loop over a column knows its type. Types come from
 * the first rows; a value that does not fit one is noted, and the columns concerned are read again with a wider type. */
#ifndef DATA_TABLE_TABLE_H
#define DATA_TABLE_TABLE_H

#include "base/arena.h"
#include "base/context.h"
#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"

#include "base/file.h"

#include <stdatomic.h>
#include <tarn/table.h>

/* ---- what comes out --------------------------------------------------------------------------------------------- */

struct tn_table {
    atomic_int references;
    int64_t rows;
    int n_columns;
    tn_column *columns; /* values, missing and text are malloc'ed; names are in the arena */
    base_vec(char *) notes;
    int64_t skipped, bad_values;
    char delimiter; /* 0: JSON lines, SQLite, whose columns have names in any case */
    bool header;
    base_mapping map; /* where the columns are, of a table that is kept in a file; data NULL: in memory */
    base_arena arena;
    const char *name; /* the file, for sentences about its values; NULL: none was given */
};

tn_table *table_new(base_error *e);
/* Gives t, which may be NULL, its name. */
tn_table *table_named(tn_table *t, const char *name);
/* As sentences call it. */
static inline const char *table_called(const tn_table *t)
{
    return t->name ? t->name : "the table";
}
tn_table *table_retain(const tn_table *t);
/* How many values of a column of numbers are infinite, and in which row the first. */
int64_t table_infinite(const tn_column *column, int64_t rows, int64_t *first);
/* Of the path, the row from 1, the name, and "" or " and in other rows". */
#define TABLE_INFINITE "doubtful: %s: row %lld: column \"%s\" is infinite there%s, which counts as missing"
tn_status table_note(tn_table *t, base_error *e, const char *fmt, ...) TN_PRINTF(3, 4);
static inline bool table_bit(const uint64_t *bits, int64_t i)
{
    return bits && (bits[i >> 6] >> (i & 63) & 1);
}
/* Bytes of an entry of values. */
size_t table_value_size(tn_column_type type);

/* ---- cells ------------------------------------------------------------------------------------------------------ */

/* A cell is text at block.base + at. ESCAPED: `unescape` gives its value. STRING: quoted in JSON, never a number. NONE: null. */
enum { CELL_ESCAPED = 1 << 29, CELL_STRING = 1 << 30, CELL_NONE = (int)(1u << 31), CELL_LENGTH = (1 << 29) - 1 };
typedef struct table_cell {
    uint32_t at, length; /* with flags above */
} table_cell;

enum { BLOCK_CELLS = 1 << 14 };
typedef struct table_block {
    const char *base;
    table_cell *cells;  /* [row][column] */
    int64_t rows, room; /* room: rows that cells can take */
} table_block;

typedef enum table_fault {
    FAULT_NONE,
    FAULT_RAGGED,
    FAULT_AFTER_QUOTE,
    FAULT_OPEN_QUOTE,
    FAULT_UTF8,
    FAULT_ZERO,
    FAULT_LONG,
    FAULT_VALUE,
    FAULT_JSON,
    FAULT_REPEATED
} table_fault;

/* What is wrong, and where. Of several in a file the first in the file counts. */
typedef struct table_trouble {
    table_fault fault;
    const char *at;
    int column;       /* FAULT_VALUE; cells in the row for FAULT_RAGGED */
    const char *what; /* FAULT_JSON */
} table_trouble;

enum { FIRST_TROUBLES = 3 };
typedef struct table_troubles {
    int64_t rows, values;
    table_trouble first[FIRST_TROUBLES];
} table_troubles;

/* ---- types while reading ----------------------------------------------------------------------------------------- */

/* In the order in which they give way to each other; see table_join. */
typedef enum table_kind {
    KIND_NONE, /* nothing but missing values so far */
    KIND_INTEGER,
    KIND_NUMBER,
    KIND_BOOLEAN,
    KIND_TIME,
    KIND_TIME_DAY_FIRST,
    KIND_CATEGORY,
    KIND_TEXT
} table_kind;

tn_column_type table_type_of(table_kind kind);
table_kind table_kind_of(tn_column_type type, bool day_first);
/* The narrowest kind of a value; never NONE. */
table_kind table_classify(const char *text, size_t length, bool day_first);
/* The narrowest kind that holds what both do. */
table_kind table_join(table_kind a, table_kind b);

/* The number that the last n (1 to 8) of the eight bytes at p write in digits, by the sums of neighbours: 1 by 10, then 2 by 100, then 4
 * by 10,000. False: they are not all digits. */
static inline bool table_digits(const char *p, size_t n, uint64_t *value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v;
    const uint64_t before = n < 8 ? ((uint64_t)1 << (64 - 8 * n)) - 1 : 0;
    __builtin_memcpy(&v, p, sizeof v);
    v = (v & ~before) | (0x3030303030303030u & before);
    if (((v & 0xF0F0F0F0F0F0F0F0u) | (((v + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) >> 4)) != 0x3333333333333333u)
        return false;
    v = (v & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;
    v = (v & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
    *value = (v & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32;
    return true;
#else
    (void)p;
    (void)n;
    (void)value;
    return false;
#endif
}

/* value.c: whole texts as values, whatever the locale. */
bool table_parse_i64(const char *text, size_t length, int64_t *value);
bool table_parse_f64(const char *text, size_t length, double *value);
bool table_parse_bool(const char *text, size_t length, uint8_t *value);
bool table_parse_time(const char *text, size_t length, bool day_first, double *value);
/* "2016-07-01 13:00:00" */
char *table_format_time(double seconds, char buffer[40]);
/* Year, month 1 to 12, day 1 to 31, hour, minute, second, weekday (0: Monday), day of the year (0 to 365). */
typedef struct table_date {
    int64_t year;
    int month, day, hour, minute, weekday, yearday;
    double second;
} table_date;
table_date table_date_of(double seconds);

/* What stands for a missing value: found by length and first byte before texts are compared. */
typedef struct table_absent {
    const char *const *texts;
    int n;
    size_t longest;
    bool empty, first[256];
    bool no_numbers; /* none is written in digits */
} table_absent;
table_absent table_absent_new(const tn_table_opt *opt);
static inline bool table_is_absent_text(const table_absent *a, const char *text, size_t length);

/* ---- dictionaries ----------------------------------------------------------------------------------------------- */

/* Texts in the order in which they came first. */
typedef struct table_words {
    base_str heap;
    base_vec(uint64_t) ends;
    uint32_t *slots;  /* number + 1, 0: free */
    uint64_t *hashes; /* by number */
    size_t capacity;
} table_words;
/* The number of a text, added if new; -1: memory is out; -2: it would be number `most`. */
int32_t table_word(table_words *w, const char *text, size_t length, size_t most);
const char *table_word_text(const table_words *w, size_t number, size_t *length);
void table_words_free(table_words *w);
/* The order of texts (const char *), for qsort: numbers by value, others by their bytes. */
int table_text_order(const void *a, const void *b);

/* ---- reading ---------------------------------------------------------------------------------------------------- */

typedef struct table_source table_source;
typedef struct table_chunk table_chunk;

/* What one chunk makes of one column. */
typedef struct table_part {
    table_kind kind; /* KIND_NONE after a failure to fit: `wider` says what is due */
    table_kind wider;
    const char *wider_at;
    void *values;      /* where the chunk's first row goes; texts: ends in `heap` */
    uint64_t *missing; /* of this chunk; NULL: none so far */
    int64_t n_missing, rows;
    size_t place;      /* of the chunk's texts among all */
    table_words words; /* categories */
    base_str heap;     /* texts */
} table_part;

struct table_chunk {
    const char *begin, *end;
    const char *at; /* what is left begins here */
    bool quotes;    /* some are in it */
    bool odd_quote; /* one is not as RFC 4180 has it */
    bool misfit;    /* it does not end where a row does: the cut was guessed wrong */
    int64_t row0, rows_most, rows;
    table_part *parts;
    table_troubles troubles;
    base_vec(int64_t) dropped; /* rows of this chunk to be left out, in order */
    char *scratch;             /* an unescaped value */
    size_t scratch_room;
    base_error err;
};

/* scan.c: what was seen of a text while it was read, piece by piece of PIECE bytes. */
enum { TABLE_PIECE = 1 << 20 };
typedef struct table_look table_look;
typedef struct table_scan {
    const char *data;
    size_t bytes;
    char quote;
    bool valid, wide; /* UTF-8, and not ASCII alone */
    bool zero;        /* there are zero bytes */
    int64_t n;
    table_look *looks;
} table_scan;

struct table_source {
    const char *name;
    const table_scan *scan; /* of the text that `data` is part of; NULL: none */
    const char *data;       /* UTF-8 */
    size_t bytes;
    int64_t lines;    /* before it, of the file that it is a block of */
    const char *body; /* after the header */
    char delimiter, quote;
    bool json, day_first;
    bool check_rows;     /* some may not be UTF-8, or hold zero bytes */
    bool count_troubles; /* the first pass */
    bool texts_quoted;   /* rows of a database: what is in quotes is a text there, no number */
    bool doubt_quotes; /* of tabs, unless told: if some are not as RFC 4180 has them, all are characters like others */
    tn_bad_row bad;
    table_absent absent;
    int n_columns;
    char **names; /* in the arena */
    table_kind *told, *kinds;
    bool *active; /* read in this pass */
    int categories;
    int threads;
    base_arena *arena;
    tn_table *table;
    /* Fills a block from a chunk; rows 0: its end. TN_OK, or a failure in chunk->err. */
    tn_status (*next)(const table_source *s, table_chunk *c, table_block *b);
    /* The value of an escaped cell into `to`, which has room for `length` bytes. */
    size_t (*unescape)(const table_source *s, const char *text, size_t length, char *to);
};

static inline bool table_is_absent_text(const table_absent *a, const char *text, size_t length)
{
    if (length == 0)
        return a->empty;
    if (length > a->longest || !a->first[(unsigned char)text[0]])
        return false;
    for (int i = 0; i < a->n; i++)
        if (__builtin_strlen(a->texts[i]) == length && __builtin_memcmp(a->texts[i], text, length) == 0)
            return true;
    return false;
}

/* trouble.c: is a row of bytes no text? */
table_fault table_row_fault(const char *from, const char *to);
/* A row or value is bad: TN_OK when it is to be left out (and is counted), or the failure is kept for the end. */
tn_status table_bad(const table_source *s, table_chunk *c, table_trouble trouble);
/* A cell as a sentence shows it. */
const char *table_shown_cell(const table_source *s, const char *at, char buffer[BASE_SHOWN]);
/* doubt.c: notes ("doubtful: ...") of columns that a few cells alone make words. */
tn_status table_doubt(table_source *s, base_error *e);
/* "name:line:column: what is wrong". */
tn_status table_trouble_fail(const table_source *s, const table_trouble *trouble, base_error *e);

/* Looks at a text of a file (read into memory that the caller frees) or in memory. */
tn_status table_scan_file(table_scan *scan, const char *path, size_t limit, char quote, int threads, char **made,
                          base_error *e);
tn_status table_scan_text(table_scan *scan, const char *data, size_t bytes, char quote, int threads, base_error *e);
void table_scan_free(table_scan *scan);
/* encoding.c: as far as whole characters go from `data`: where the first begins, where the last ends, is all between UTF-8. */
bool table_valid_piece(const char **from, const char **to, bool *wide);
/* encoding.c: *data becomes UTF-8: as it is, without its byte order mark, or in *made (malloc'ed). Says what it took it for, and
 * whether rows must be checked because the file is a mixture. */
tn_status table_decode(const char **data, size_t *bytes, char **made, const tn_table_opt *opt, int threads,
                       const table_scan *scan, const char *name, const char **said, bool *mixed, base_error *e);
/* guess.c: delimiter, header, names; s->body. */
tn_status table_guess(table_source *s, const tn_table_opt *opt, base_error *e);
tn_status table_check_names(table_source *s, base_error *e);
/* csv.c */
tn_status table_csv_next(const table_source *s, table_chunk *c, table_block *b);
size_t table_csv_unescape(const table_source *s, const char *text, size_t length, char *to);
/* A sweep over [from, end): quotes, and what ends of rows there are if it begins outside of quotes, or inside. */
typedef struct table_sweep {
    int64_t quotes, rows[2];
    const char *first[2]; /* after the first end of a row; NULL: none */
} table_sweep;
table_sweep table_csv_sweep(char quote, const char *from, const char *end);
struct table_look {
    table_sweep sweep;
    const char *from, *to; /* whole characters: what is between was looked at */
    bool invalid, wide, zero;
    base_error err;
};
/* The sum over pieces that begin at multiples of TABLE_PIECE; the last may end where the text does. */
table_sweep table_scan_sum(const table_scan *scan, size_t from, size_t to);
/* jsonl.c: s->names from all lines first. */
tn_status table_json_keys(table_source *s, base_error *e);
tn_status table_json_next(const table_source *s, table_chunk *c, table_block *b);
size_t table_json_unescape(const table_source *s, const char *text, size_t length, char *to);
/* column.c: appends a block's cells of one column. */
tn_status table_convert(const table_source *s, table_chunk *c, int column, const table_block *b);
/* chunks.c: all rows of a source into s->table, by threads. */
tn_status table_load(table_source *s, base_error *e);
/* merge.c: what the chunks hold becomes column `k` of s->table. It takes `values` (malloc'ed) over, also on failure, and `text`, where
 * the chunks' texts are already (NULL: they are not). *overflow: the
 * words of all chunks are more than categories may be; nothing was made. */
tn_status table_merge(const table_source *s, table_chunk *chunks, int64_t n, int k, void *values, char *text,
                      bool *overflow, base_error *e);
/* Bits [0, n) of from to bit `at` of to, where zeros are. */
void table_copy_bits(uint64_t *to, int64_t at, const uint64_t *from, int64_t n);
/* The words as the names of a column of categories, sorted; rank[number of a word] is its place. */
tn_status table_name_words(const table_words *all, tn_column *c, int32_t *rank, base_arena *arena, base_error *e);
/* Rows that come from elsewhere than a file of rows, as CSV without a header, in quotes " and between commas. They can be read again. */
typedef struct table_feed {
    tn_status (*read)(void *self, char *to, size_t room, size_t *got,
                      base_error *e); /* fewer than `room` bytes only at the end */
    tn_status (*again)(void *self, base_error *e);
    void *self;
    uint64_t of, stamp; /* what it is, beside the file; what changes with it, beside the file's size and time */
    int n;
    char *const *names;
} table_feed;
/* kept.c: the table of a file (or what `from` gives of it), its columns in another one below opt->cache, made if it is not there. *foreign:
 * it is none that can be read in blocks. */
tn_status table_kept(tn_context *context, const char *path, const tn_table_opt *opt, const table_feed *from,
                     tn_table **out, bool *foreign, base_error *e);
/* read.c: does the name say that lines are JSON? Is the file larger than what is to be held in memory? */
bool table_is_json(const char *name);
bool table_is_large(const char *path, const tn_table_opt *opt);
/* drop.c: leaves out rows, which are in order. */
void table_drop(tn_table *t, const int64_t *rows, int64_t n);
/* read.c: the rest, when s has a text and an empty table; n_columns, names and kinds may be known. */
tn_status table_fill(tn_context *context, table_source *s, const tn_table_opt *opt, base_error *e);

#endif
