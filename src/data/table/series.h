/* series.h: a preparation of series: columns, window, and what was fitted on the training part. */
#ifndef DATA_TABLE_SERIES_H
#define DATA_TABLE_SERIES_H

#include "data/prepare.h"
#include "data/table/table.h"

#include <tarn/series.h>

/* Rows that lie farther apart than rows do as a rule: how many such places there are, and the first of them. */
typedef struct series_gaps {
    int64_t n, before, after; /* rows, from 0 */
    double apart, usual;
    bool seconds; /* else the time is a number */
} series_gaps;

typedef struct series_prep {
    base_arena arena;
    int64_t length, horizon, stride;
    const char *time, *id; /* NULL: none */
    const char **columns;
    int n_columns;
    int *targets; /* numbers of columns */
    int n_targets;
    tn_series_scale scale;
    bool calendar, difference, channels_first;
    int n_ids;
    const char **ids;
    double *mean, *std; /* [1 + n_ids][n_columns]: over all series, then each */
    char delimiter;
    bool header;
    series_gaps gaps; /* of the table it was fitted on; not saved */
} series_prep;

/* Rows series by series, each in order of time. */
typedef struct series_order {
    int64_t *rows;
    int64_t n, *start; /* series, and where each begins: [n + 1] */
    table_words ids;
    series_gaps gaps;
} series_order;

extern const data_prepare data_prepare_series;
tn_status series_check(const series_prep *p, base_error *e);
tn_status series_parse(const format_json *object, void *self, base_error *e);
void series_write(const void *self, format_json_out *w);

#endif
