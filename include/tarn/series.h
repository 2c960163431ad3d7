/* tarn/series.h: series in time, the rows of a table: windows of the past to learn from, and of what came next.
 *
 * A table may hold several series, told apart by a column `id`; its rows are put in order of time. What is fitted (mean and deviation
 * of each column) comes from the training part alone; windows of a later part may look back into the one before.
 */
#ifndef TARN_SERIES_H
#define TARN_SERIES_H

#include <tarn/table.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tn_series_scale {
    TN_SERIES_SCALE_ALL = 0,  /* (v - mean) / deviation over all series */
    TN_SERIES_SCALE_EACH = 1, /* over each series by itself; one that training did not have takes those over all */
    TN_SERIES_SCALE_NONE = 2
} tn_series_scale;

typedef struct tn_series_opt {
    int64_t length, horizon, stride; /* of a window, and between windows: 0: 96, 1, 1 */
    const char *time;                /* the column of times or numbers that orders rows; NULL: they are in order */
    const char *id;                  /* the column that tells series apart; NULL: there is one */
    const char *const *columns;      /* what the model sees; NULL: all numbers but time and id */
    int n_columns;
    const char *const *targets; /* what it should say, among `columns`; NULL: all of them */
    int n_targets;
    tn_series_scale scale;
    bool calendar;       /* six channels more: sine and cosine of time of day, weekday, day of the year */
    bool difference;     /* changes from row to row in place of values: the first row of a series has none */
    bool channels_first; /* x [channels, length], y [targets, horizon] */
    void *reserved[8];
} tn_series_opt;

/* A part of each series, [from, to): rows, or parts of its length between 0 and 1. All zero: the whole. */
typedef struct tn_series_part {
    double from, to;
    bool fractions;
} tn_series_part;

/* Fitted on one part of the table's series. Missing values are those before them; at the beginning, the mean. */
TN_API tn_preparation *tn_series_prepare(tn_context *context, const tn_table *table, const tn_series_part *train,
                                         const tn_series_opt *opt);
/* Windows whose `horizon` lies in the part: x f32 [length, channels], y f32 [horizon, targets]. */
TN_API tn_dataset *tn_dataset_series(tn_context *context, const tn_table *table, const tn_preparation *preparation,
                                     const tn_series_part *part);

#ifdef __cplusplus
}
#endif
#endif
