/* rows.h: what recipes that read tables have in common: which file, how it is read, and how its rows are cut into training,
 * validation and test samples. */
#ifndef TRAIN_ROWS_H
#define TRAIN_ROWS_H

#include "train/recipe.h"
#include <tarn/table.h>

typedef struct train_rows {
    const char *path, *val_path, *test_path; /* NULL if not given, as the next */
    const char *query, *delimiter;
    int header, bad, encoding;
    bool quotes;
    format_strings missing, numbers, words;
    double test_fraction;
    const char *group, *time, *split;
    const char *group_key; /* the key that group came from, for sentences; NULL: group */
    bool stratify;
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
        TRAIN_ROWS_OPTION(S, "test_fraction", FLOAT, test_fraction, .fallback = "0", .range = "[0,1)",                 \
                          .doc = "part of the rows that is kept for `tarn eval`"),                                     \
        TRAIN_ROWS_OPTION(S, "group", STRING, group,                                                                   \
                          .doc = "rows with the same value of this column stay in one part"),                          \
        TRAIN_ROWS_OPTION(S, "time", STRING, time,                                                                     \
                          .doc = "parts follow each other by this column: the last is tested on"),                     \
        TRAIN_ROWS_OPTION(S, "split", STRING, split,                                                                   \
                          .doc = "a column that says itself: train, val (or valid, validation), test; other rows "     \
                                 "are not used"),                                                                      \
        TRAIN_ROWS_OPTION(S, "stratify", BOOL, stratify, .fallback = "true",                                           \
                          .doc = "each part gets its share of every class")

/* Rows of the first table: those of training, validation and test. */
typedef struct train_parts {
    int64_t *at[3], n[3];
} train_parts;
void train_parts_free(train_parts *parts);

/* What keys say that do not go together. */
tn_status train_rows_check(const train_recipe *r, const train_rows *o, const format_yaml_node *node, base_error *e);

/* tables[0] holds all rows, or with val_path and test_path, tables[1] and tables[2] those (else NULL). What was read and assumed
 * goes to the log. `target` is stratified by (NULL: nothing is). The sentence is in the context; what was made is freed by the
 * caller either way. */
tn_status train_rows_read(tn_context *c, const train_recipe *r, const train_rows *o, const char *target,
                          tn_table **tables, train_parts *parts);
/* What was found out about a table goes to the log: its types, and as warnings what was left out or is doubtful. */
void train_rows_say(const tn_context *c, const char *path, const tn_table *t);
tn_table *train_rows_table(tn_context *c, const train_recipe *r, const train_rows *o, const char *path);

#endif
