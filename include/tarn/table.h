/* tarn/table.h: tables, as people keep them: CSV and its like, JSON lines, queries of SQLite; and what is fitted on the rows of
 * the training split to make numbers of them.
 *
 * A table is columns, each of one type, dense in memory. Types are told or inferred from all values; what was assumed (encoding,
 * delimiter, header, types that had to give way) is said in notes. Reading uses several threads; the result does not depend on
 * how many. Functions that make something return NULL on failure; the sentence is then in tn_context_error.
 */
#ifndef TARN_TABLE_H
#define TARN_TABLE_H

#include <tarn/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* X(NAME, number, "name", values of a column) */
#define TN_COLUMN_LIST(X)                                                                                              \
    X(INTEGER, 1, "integer", int64_t)   /* 0 where missing */                                                          \
    X(NUMBER, 2, "number", double)      /* NaN where missing */                                                        \
    X(BOOLEAN, 3, "boolean", uint8_t)   /* true and false; if told yes and no too; 0 where missing */                  \
    X(TIME, 4, "time", double)          /* seconds since 1970-01-01 00:00 UTC; NaN where missing */                    \
    X(CATEGORY, 5, "category", int32_t) /* numbers of names, which are sorted; -1 where missing */                     \
    X(TEXT, 6, "text", uint64_t)        /* tn_table_text */

typedef enum tn_column_type {
    TN_COLUMN_AUTO = 0,
#define TN_X(name, number, text, type) TN_COLUMN_##name = number,
    TN_COLUMN_LIST(TN_X)
#undef TN_X
} tn_column_type;

/* "integer", ...; "?" for a number outside the list. */
TN_API const char *tn_column_type_name(tn_column_type type);

typedef struct tn_column {
    const char *name;
    tn_column_type type;
    const void *values;      /* one entry a row, as TN_COLUMN_LIST says */
    const uint64_t *missing; /* bit row % 64 of word row / 64; NULL: none is */
    int64_t n_missing;
    int categories; /* of TN_COLUMN_CATEGORY */
    const char *const *names;
    const char *text; /* of TN_COLUMN_TEXT: row r is text[values[r - 1]] to text[values[r] - 1]; row 0 begins at 0 */
    void *reserved[4];
} tn_column;

/* What becomes of a row with too many or too few cells, a value that is not of the type told, a quote that does not end, text of
 * another encoding. */
typedef enum tn_bad_row {
    TN_BAD_FAIL = 0,   /* reading fails, with path, line and column */
    TN_BAD_SKIP = 1,   /* the row is left out, counted, and the first few are in the notes */
    TN_BAD_MISSING = 2 /* as SKIP, but a value of the wrong type alone is taken as missing, and counted */
} tn_bad_row;

typedef enum tn_encoding {
    TN_ENCODING_AUTO =
        0, /* a byte order mark says; else UTF-16 by its zeros, UTF-8 if it is valid, Latin-1 if nothing in it looks
                             like UTF-8; a mixture is refused, or its rows skipped */
    TN_ENCODING_UTF8 = 1,
    TN_ENCODING_LATIN1 = 2,
    TN_ENCODING_UTF16LE = 3,
    TN_ENCODING_UTF16BE = 4
} tn_encoding;

typedef enum tn_header { TN_HEADER_AUTO = 0, TN_HEADER_YES = 1, TN_HEADER_NO = 2 } tn_header;

typedef struct tn_table_column_opt {
    const char *name; /* or "column_1" and so on, without a header */
    tn_column_type type;
    void *reserved[2];
} tn_table_column_opt;

typedef struct tn_table_opt {
    char delimiter; /* 0: , tab ; | or space, whichever cuts the first lines alike */
    char quote;     /* 0: '"' */
    tn_header header;
    tn_encoding encoding;
    const char *const *missing; /* what stands for a missing value; NULL: "" NA N/A NaN nan null NULL None ? #N/A */
    int n_missing;
    const tn_table_column_opt *columns; /* types told; the others are inferred */
    int n_columns;
    tn_bad_row bad;
    bool day_first;      /* 3/4/2021 is in April, as 13/4/2021 says anyway */
    int categories;      /* a column of words with more different ones is text; 0: 1000 */
    int threads;         /* 0: those of the context */
    size_t memory_limit; /* bytes of the file once unpacked; 0: none but what gzip can hold */
    /* A folder for the columns of files (CSV and JSON lines, plain or packed; databases) of more than `cache_above` bytes: they are read in blocks, once, and their
     * columns mapped from a file there, so that a table may be larger than memory. The next time it is found, unless size or time
     * of the file have changed, or it is damaged. It must not become shorter while the table is used. NULL: all in memory. */
    const char *cache;
    size_t cache_above;
    void *reserved[6];
} tn_table_opt;

typedef struct tn_table tn_table;

/* CSV and its like (RFC 4180: quotes, "" inside them, line breaks inside them; LF, CRLF) or, if the name ends in .jsonl or .ndjson,
 * JSON lines: an object a line, a value inside an object or list stays JSON text. Either may be gzip'ed. */
TN_API tn_table *tn_table_read(tn_context *context, const char *path, const tn_table_opt *opt);
/* The same from memory; `name` stands in sentences, and says by its end what it is. */
TN_API tn_table *tn_table_parse(tn_context *context, const void *data, size_t bytes, const char *name,
                                const tn_table_opt *opt);
/* What a query of an SQLite database gives; the database is opened read-only. */
TN_API tn_table *tn_table_sqlite(tn_context *context, const char *path, const char *query, const tn_table_opt *opt);
/* Data sets keep what they need of it: free in any order. */
TN_API void tn_table_free(tn_table *table);

TN_API int64_t tn_table_rows(const tn_table *table);
TN_API int tn_table_columns(const tn_table *table);
/* NULL when there is no column `index`. */
TN_API const tn_column *tn_table_column(const tn_table *table, int index);
/* The number of the column of this name, or -1. */
TN_API int tn_table_find(const tn_table *table, const char *name);
TN_API bool tn_table_missing(const tn_table *table, int column, int64_t row);
/* The text or category of a row, *bytes long (no terminator for texts); NULL when it is missing or the column holds neither. */
TN_API const char *tn_table_text(const tn_table *table, int column, int64_t row, size_t *bytes);
/* Rows left out, see tn_bad_row, and values taken as missing. */
TN_API int64_t tn_table_skipped(const tn_table *table);
TN_API int64_t tn_table_bad_values(const tn_table *table);
/* Sentences: what was assumed, what was skipped. NULL beyond the last. */
TN_API const char *tn_table_note(const tn_table *table, int index);
/* Bytes held. */
TN_API size_t tn_table_bytes(const tn_table *table);

/* ---- describing and writing ------------------------------------------------------------------------------------- */

enum { TN_TABLE_TOP = 10 };
typedef struct tn_column_stats {
    int64_t count, missing, distinct; /* values that are there; rows that lack one; different values */
    double mean, std, min, q25, median, q75,
        max;                       /* of numbers, times and booleans; std is that of the population; else NaN. Quartiles
                                                     between two values are interpolated */
    int n_top;                     /* the most frequent: the first TN_TABLE_TOP by count, then value */
    const char *top[TN_TABLE_TOP]; /* texts are cut; valid until tn_column_stats_free */
    int64_t top_count[TN_TABLE_TOP];
    void *inside;
    void *reserved[4];
} tn_column_stats;
TN_API tn_status tn_table_describe(tn_context *context, const tn_table *table, int column, tn_column_stats *stats);
TN_API void tn_column_stats_free(tn_column_stats *stats);
/* As CSV (UTF-8, LF) that reads back as the same table; rows NULL: all. Written beside and renamed. */
TN_API tn_status tn_table_write(tn_context *context, const tn_table *table, const int64_t *rows, int64_t count,
                                const char *path);

/* ---- preparation ------------------------------------------------------------------------------------------------ */

/* How a column becomes numbers. X(NAME, number, "name") */
#define TN_FEATURE_LIST(X)                                                                                             \
    X(STANDARDIZE, 1, "standardize") /* (v - mean) / deviation */                                                      \
    X(MIN_MAX, 2, "min_max")         /* smallest 0, largest 1 */                                                       \
    X(QUANTILE, 3, "quantile")       /* by rank onto a normal distribution, -3 to 3 */                                 \
    X(LOG, 4, "log")                 /* sign(v) log(1 + |v|), standardized */                                          \
    X(AS_IS, 5, "as_is")             /* the number itself */                                                           \
    X(ONE_HOT, 6, "one_hot") /* a 1 among zeros; the last place is for what training did not have, or is missing */    \
    X(CODES, 7, "codes")     /* one number, for an embedding: 0, 1, ...; the last as above */                          \
    X(HASH, 8, "hash")       /* one_hot by a hash of the text, into `buckets` places */                                \
    X(DATE, 9, "date")       /* the time standardized; sine and cosine of day of year, of weekday, of time of day */   \
    X(DROP, 10, "drop")

typedef enum tn_feature {
    TN_FEATURE_AUTO =
        0, /* numbers STANDARDIZE, booleans AS_IS, categories ONE_HOT (more than 100: HASH), times DATE, texts DROP */
#define TN_X(name, number, text) TN_FEATURE_##name = number,
    TN_FEATURE_LIST(TN_X)
#undef TN_X
} tn_feature;
/* "standardize", ...; "?" outside the list. */
TN_API const char *tn_feature_name(tn_feature how);

/* What stands for a missing number. */
typedef enum tn_impute {
    TN_IMPUTE_MEAN = 0,
    TN_IMPUTE_MEDIAN = 1,
    TN_IMPUTE_FREQUENT = 2, /* of words too, which otherwise have the place for what is unknown */
    TN_IMPUTE_CONSTANT = 3
} tn_impute;

typedef struct tn_prepare_column {
    const char *name;
    tn_feature how;
    tn_impute impute;
    double constant; /* of TN_IMPUTE_CONSTANT */
    bool indicator;  /* one number more: 1 where it was missing */
    int buckets;     /* of HASH; 0: 64 */
    void *reserved[4];
} tn_prepare_column;

typedef struct tn_prepare_opt {
    const char *target; /* the column to predict; NULL: none */
    bool number;        /* the target is a number; else its values are classes, or a number if it has fractions */
    bool raw_target;    /* a number is not standardized */
    const tn_prepare_column *columns; /* those not named are AUTO */
    int n_columns;
    bool named_only; /* those not named are dropped */
    void *reserved[8];
} tn_prepare_opt;

/* Fitted on these rows of the table and no others (rows NULL: all): means, deviations, categories, classes. */
TN_API tn_preparation *tn_table_prepare(tn_context *context, const tn_table *table, const int64_t *rows, int64_t count,
                                        const tn_prepare_opt *opt);
/* Rows as samples: x f32 [features]; where the preparation has a target, y is i64 (classes) or f32 [1]. Rows without a target are an
 * error, told when the set is made. */
TN_API tn_dataset *tn_dataset_table(tn_context *context, const tn_table *table, const tn_preparation *preparation,
                                    const int64_t *rows, int64_t count);
/* Numbers in x; 0 for what is no preparation of a table. */
TN_API int tn_table_features(const tn_preparation *preparation);
/* What number `index` is, into `name`: "age", "age:missing", "sex=male", "sex=?", "when:weekday:sin". *codes: how many codes there are if it
 * is one, else 0. TN_INVALID: there is no such number. */
TN_API tn_status tn_table_feature(const tn_preparation *preparation, int index, char *name, size_t bytes, int *codes);

#ifdef __cplusplus
}
#endif
#endif
