/* rows.h: what recipes that read tables have in common: which file, how it is read, and how its rows are cut into training,
 * validation and test samples. */
#ifndef TRAIN_ROWS_H
#define TRAIN_ROWS_H

#include "train/split.h"
#include <tarn/table.h>

typedef struct train_rows {
    const char *path, *val_path, *test_path; /* NULL if not given, as the next */
    const char *query, *delimiter;
    int header, bad, encoding;
    bool quotes;
    format_strings missing, numbers, words;
    const char *split;
} train_rows;

#define TRAIN_ROWS_OPTION(S, word, kind_, field, ...)                                                                  \
    {                                                                                                                  \
        .key = word, .kind = FORMAT_KIND_##kind_, .offset = offsetof(S, rows.field), __VA_ARGS__                       \
    }
extern const char *const train_rows_headers[], *const train_rows_bads[], *const train_rows_encodings[];

/* Rows of an option table for a struct S with a member `train_rows rows`. */
#define TRAIN_ROWS_FORMAT(S)                                                                                           \
    TRAIN_ROWS_OPTION(S, "query", STRING, query, .doc = "what is asked of an SQLite database: select ..."),            \
        TRAIN_ROWS_OPTION(S, "delimiter", STRING, delimiter, .doc = "between cells; found out if not given"),          \
        TRAIN_ROWS_OPTION(S, "header", ENUM, header, .fallback = "auto", .names = train_rows_headers,                  \
                          .doc = "whether the first row names the columns; found out by auto"),                        \
        TRAIN_ROWS_OPTION(S, "quotes", BOOL, quotes, .fallback = "true",                                               \
                          .doc = "whether \" around a cell is no part of it; in tables of sentences it often is"),     \
        TRAIN_ROWS_OPTION(S, "bad", ENUM, bad, .fallback = "fail", .names = train_rows_bads,                           \
                          .doc = "rows that are wrong stop the run, or are skipped and counted; a wrong value alone "  \
                                 "may count as missing"),                                                              \
        TRAIN_ROWS_OPTION(S, "encoding", ENUM, encoding, .fallback = "auto", .names = train_rows_encodings,            \
                          .doc = "how the text is written; found out by auto"),                                        \
        TRAIN_ROWS_OPTION(S, "missing", STRINGS, missing, .least_n = 1,                                                \
                          .doc = "what stands for a missing value; else \"\", NA, N/A, NaN, null, None, ? and #N/A"),  \
        TRAIN_ROWS_OPTION(S, "numbers", STRINGS, numbers, .least_n = 1, .doc = "columns that must hold numbers"),      \
        TRAIN_ROWS_OPTION(S, "words", STRINGS, words, .least_n = 1,                                                    \
                          .doc = "columns whose values are words even where they look like numbers")
#define TRAIN_ROWS_OPTIONS(S)                                                                                          \
    TRAIN_ROWS_OPTION(S, "path", PATH, path, .fallback = FORMAT_REQUIRED,                                              \
                      .doc = "the file: CSV, TSV, JSON lines (.jsonl), gzip'ed or not; or, with query, an SQLite "     \
                             "database"),                                                                              \
        TRAIN_ROWS_OPTION(S, "val_path", PATH, val_path, .doc = "a file of validation rows"),                          \
        TRAIN_ROWS_OPTION(S, "test_path", PATH, test_path, .doc = "a file of test rows, which `tarn eval` takes"),     \
        TRAIN_ROWS_FORMAT(S),                                                                                          \
        FORMAT_STRING(train_data, group, NULL, "rows with the same value of this column stay in one part"),            \
        FORMAT_STRING(train_data, time, NULL, "parts follow each other by this column: the last is tested on"),        \
        TRAIN_ROWS_OPTION(S, "split", STRING, split,                                                                   \
                          .doc = "a column that says itself: train, val (or valid, validation), test; other rows "     \
                                 "are not used")

/* What keys say that do not go together. */
tn_status train_rows_check(const train_recipe *r, const train_rows *o, const format_yaml_node *node, base_error *e);

/* tables[0] holds all rows, or with val_path and test_path, tables[1] and tables[2] those (else NULL). What was read and assumed
 * goes to the log. `target` is stratified by (NULL: nothing is); `together` is a column whose equal values stay in one part where
 * the recipe names neither group nor time (NULL: none). The sentence is in the context; what was made is freed by the caller either way. */
tn_status train_rows_read(tn_context *c, const train_recipe *r, const train_rows *o, const char *target,
                          const char *together, tn_table **tables, train_parts *parts);
/* What was found out about a table goes to the log: its types, and as warnings what was left out or is doubtful. */
void train_rows_say(const tn_context *c, const char *path, const tn_table *t);
/* What data.bad left out of a table (NULL: nothing) is added. */
void train_rows_count_bad(const tn_table *t, int64_t *rows, int64_t *values);
tn_table *train_rows_table(tn_context *c, const train_recipe *r, const train_rows *o, const char *path);

#endif
