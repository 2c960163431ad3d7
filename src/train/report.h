/* report.h: a run on one page: a self-contained HTML file (pictures inside, no script, nothing fetched) that a browser
 * shows and a printer prints. Plain facts come in, nothing here knows graphs; the same facts give the same bytes.
 * Every part may be absent: a NULL or an empty list leaves its section out. All text is UTF-8 and is escaped here. */
#ifndef TRAIN_REPORT_H
#define TRAIN_REPORT_H

#include <tarn/plot.h>

#include "base/error.h"
#include "base/str.h"
#include "train/metrics.h"

typedef struct train_fact {
    const char *name, *value;
} train_fact;

/* One picture of curves; series as in tn_plot_lines. */
typedef struct train_report_curves {
    const char *title, *x_label, *y_label;
    const tn_plot_series *series;
    size_t count;
    bool log_y;
} train_report_curves;

typedef struct train_report {
    const char *title;   /* "mnist_cnn, run 3" */
    const char *summary; /* a sentence or two below the title */

    const train_fact *figures; /* the few that matter, shown large: {"test accuracy", "99.12%"} */
    size_t figure_count;
    const train_report_curves *curves;
    size_t curves_count;
    const train_confusion *confusion; /* its matrix, its scores per class and their averages */
    int many_classes;                 /* too many for a matrix: how many there are; 0: not so */
    const char *const *class_names;   /* confusion->classes names; NULL: numbers */
    const tn_plot_picture *samples;   /* predictions; captions as "7 (99%)", wrong ones marked */
    size_t sample_count;
    const char *recipe;            /* text, shown as it is */
    const train_fact *environment; /* versions, processor, threads, seed, times */
    size_t environment_count;
} train_report;

/* Appends the page. */
tn_status train_report_html(const train_report *r, base_str *page, base_error *e);
/* Writes it to a file, beside and renamed. */
tn_status train_report_write(const train_report *r, const char *path, base_error *e);

#endif
