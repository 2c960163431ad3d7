/* axis.h: one axis: a range of values, where its ticks stand and what is written at them. */
#ifndef PLOT_AXIS_H
#define PLOT_AXIS_H

#include "train/plot/draw.h"

enum { PLOT_MOST_TICKS = 24 };

typedef struct plot_axis {
    bool log;
    double low, high; /* in units of the axis: log10 of the values where it is logarithmic */
    int ticks;
    double tick[PLOT_MOST_TICKS];
    char label[PLOT_MOST_TICKS][24];
} plot_axis;

/* A range being collected. Start with PLOT_NO_RANGE. */
typedef struct plot_range {
    double min, max;
    bool fractions; /* set: ticks may stand between whole numbers. Epochs are whole */
} plot_range;
#define PLOT_NO_RANGE ((plot_range){1, -1, false})
/* Values that are not finite, or not above 0 on a logarithmic axis, are passed over. */
void plot_range_add(plot_range *r, double value, bool log);

/* Sets up an axis with about `wanted` ticks. Ends that are not fixed are moved outwards to a tick if `round` is set. False
 * if the fixed ends are no range; the sentence goes to e, with `name` for the axis. */
bool plot_axis_set(plot_axis *a, plot_range r, bool log, const tn_opt_f64 *min, const tn_opt_f64 *max, int wanted,
                   bool round, const char *name, base_error *e);
/* 0 at the low end, 1 at the high end; NaN for what has no place. */
double plot_axis_at(const plot_axis *a, double value);
/* Width of the widest label. */
double plot_axis_widest(const plot_axis *a, double size);

/* Where the data stands, and its axes. */
typedef struct plot_area {
    double x, y, w, h;
    plot_axis ax, ay;
} plot_area;

/* Grid lines, labels and the names of the axes. `vertical` false: no y axis (bars have names there). */
void plot_area_draw(tn_plot *p, const plot_area *a, const tn_plot_opt *opt, bool vertical);
/* Legend of the named series, wrapped to the plot's width, from y downwards; returns the y below it. Nothing is drawn for
 * a single series or when opt says so. */
double plot_legend(tn_plot *p, const tn_plot_series *series, size_t count, const tn_plot_opt *opt, double y,
                   bool boxes);
plot_color plot_series_color(const tn_plot_series *series, size_t i);

#endif
