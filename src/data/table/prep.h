/* prep.h: a table's preparation: what was fitted on the training rows, and how it makes numbers of a row. */
#ifndef DATA_TABLE_PREP_H
#define DATA_TABLE_PREP_H

#include "data/prepare.h"
#include "data/table/table.h"

typedef struct prep_word {
    const char *text;
    size_t length;
    int code;
} prep_word;

typedef struct prep_column {
    const char *name;
    tn_feature how;
    tn_column_type type; /* that the training table had; AUTO: an older file does not say */
    tn_impute impute;
    bool indicator;
    double mean, std; /* MIN_MAX: smallest, and largest less smallest */
    double fill;      /* stands for a missing number */
    int fill_code;    /* stands for a missing word */
    int buckets;
    int n_marks;
    double *marks; /* QUANTILE: equally many training rows lie between neighbours */
    int n_words;
    const char **words; /* by code */
    prep_word *sorted;  /* by bytes */
    int at, width;      /* in x */
} prep_column;

typedef struct table_prep {
    base_arena arena;
    prep_column *columns;
    int n_columns, features;
    const char *target; /* NULL: none */
    int classes;        /* 0: a number */
    const char **class_names;
    prep_word *class_words;
    double y_mean, y_std;
    char delimiter; /* of the table that it was fitted on, and whether that had a header */
    bool header;
} table_prep;

extern const data_prepare data_prepare_table;

/* Where the columns of a preparation are in a table. */
typedef struct prep_binding {
    const table_prep *prep;
    const tn_table *table;
    int *columns;
    int target; /* -1: not there */
} prep_binding;
tn_status prep_bind(const table_prep *p, const tn_table *t, prep_binding *b, base_error *e);
/* One row as x[features]; and in two steps: what is to be told of it, prep_told_width numbers, and those as x. */
tn_status prep_tell(const prep_binding *b, int64_t row, float *told, base_error *e);
void prep_spread(const table_prep *p, const float *told, float *x);
int prep_told_width(const table_prep *p);
tn_status prep_apply(const prep_binding *b, int64_t row, float *x, base_error *e);
/* prep_set.c: all rows of a table, without targets. */
tn_dataset *prep_open_table(const tn_table *table, const tn_preparation *preparation, base_error *e);
/* Its target: a class, or a number as the model learns it. */
tn_status prep_class(const prep_binding *b, int64_t row, int64_t *y, base_error *e);
tn_status prep_number(const prep_binding *b, int64_t row, float *y, base_error *e);

/* A cell as a number or a text whatever its column's type; PREP_MISSING; PREP_OTHER: a text that is no number. */
typedef enum prep_got { PREP_GOT, PREP_MISSING, PREP_OTHER } prep_got;
enum { PREP_TEXT = 64 };
prep_got prep_cell_number(const tn_table *t, int column, int64_t row, double *v);
prep_got prep_cell_text(const tn_table *t, int column, int64_t row, char buffer[PREP_TEXT], const char **text,
                        size_t *length);

/* The code of a word, or n. */
int prep_find(const prep_word *sorted, int n, const char *text, size_t length);
/* `sorted`, widths, places: from what JSON holds. */
tn_status prep_finish(table_prep *p, base_error *e);
/* Raw input as a table; names and delimiter as the training table had them. Columns that a wrong cell would make something else than
 * `types` says (NULL: nothing) are read as told, so that this cell is blamed. */
typedef struct prep_types {
    const tn_table_column_opt *at;
    int n;
} prep_types;
tn_table *prep_read_raw(const data_raw *raw, char delimiter, bool header, const prep_types *types, base_error *e);
double prep_quantile(const prep_column *c, double v);
bool prep_takes_words(tn_feature how);

#endif
