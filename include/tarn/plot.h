/* tarn/plot.h: pictures where people would rather look: curves, bars, heat maps, confusion matrices, grids of samples.
 *
 *     double x[] = {0, 1, 2, 3}, y[] = {0, 1, 4, 9};
 *     tn_plot *p = tn_plot_lines(&(tn_plot_series){.name = "squares", .x = x, .y = y, .n = 4}, 1, NULL);
 *     if (tn_plot_save(p, "squares.svg") != TN_OK)
 *         fprintf(stderr, "%s\n", tn_plot_error(p));
 *     tn_plot_free(p);
 *
 * A maker (tn_plot_lines, ...) copies everything it is given. When something is wrong with its arguments it still returns
 * a plot, and saving that plot fails with the sentence; so one check, at the end, is enough. Makers return NULL only when
 * memory is out, and every function takes a NULL plot: tn_plot_save is then TN_MEMORY.
 *
 * SVG needs no library; PNG is drawn by Cairo (Debian package libcairo2), which is opened when the first PNG is asked for.
 * The same calls give the same SVG, byte for byte; a PNG depends on Cairo's version and on the fonts installed as well.
 * Colours are told apart by people of every colour vision (Okabe and Ito 2008). Text is UTF-8; what is not valid is shown
 * as U+FFFD.
 */
#ifndef TARN_PLOT_H
#define TARN_PLOT_H

#include <tarn/core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_plot tn_plot;

typedef struct tn_plot_opt {
    const char *title, *subtitle; /* NULL: none */
    const char *x_label, *y_label;
    double width, height; /* in CSS pixels, 40 to 20000; 0: what suits the contents */
    double scale;         /* pixels of a PNG per CSS pixel, 0.1 to 8; 0: 2, for sharp text on today's screens */
    bool log_x, log_y;    /* logarithmic axes; values that are not above 0 are then left out */
    tn_opt_f64 x_min, x_max, y_min, y_max; /* unset: from the data. What lies outside is cut off */
    bool no_legend;
    void *reserved[8];
} tn_plot_opt;

/* ---- curves ---------------------------------------------------------------------------------------------------- */

typedef struct tn_plot_series {
    const char *name; /* in the legend; NULL: not there */
    const double *x;  /* NULL: 0, 1, 2, ... */
    const double *y;  /* values that are NaN or infinite leave a gap */
    size_t n;
    bool dots;   /* a dot at each value instead of a line */
    bool dashed; /* a dashed line */
    int color;   /* 1 to 8 of the palette; 0: the next in order */
    void *reserved[2];
} tn_plot_series;

/* Curves over a common pair of axes. count may be 0 and series may be empty: then the axes are. */
TN_API tn_plot *tn_plot_lines(const tn_plot_series *series, size_t count, const tn_plot_opt *opt);

/* Horizontal bars: for each of n names one bar per series (y[0] to y[n-1]; x is not looked at), each with its value
 * written beside it. Bars start at 0; x_min, x_max and log_x belong to the axis of the values. */
TN_API tn_plot *tn_plot_bars(const char *const *names, size_t n, const tn_plot_series *series, size_t count,
                             const tn_plot_opt *opt);

/* ---- matrices -------------------------------------------------------------------------------------------------- */

/* A heat map of values[rows][columns], row 0 on top, light to dark from the smallest value to the largest (or from y_min
 * to y_max where set); values that are not finite are hatched grey. Names may be NULL: then rows and columns are
 * numbered. The values are written into the cells while there are few enough to be read. */
TN_API tn_plot *tn_plot_heat(const double *values, size_t rows, size_t columns, const char *const *row_names,
                             const char *const *column_names, const tn_plot_opt *opt);

/* A confusion matrix counts[truth][prediction]: colours by the share of each row, counts in the cells, and what was
 * confused stands out against what was right. names may be NULL. */
TN_API tn_plot *tn_plot_confusion(const int64_t *counts, size_t classes, const char *const *names,
                                  const tn_plot_opt *opt);

/* ---- pictures -------------------------------------------------------------------------------------------------- */

typedef struct tn_plot_picture {
    const uint8_t *pixels; /* [height][width][channels], row-major */
    int width, height;     /* 1 to 16384 */
    int channels;          /* 1: grey, 3: red green blue */
    const char *caption;   /* NULL: none */
    bool marked;           /* caption and frame in the warning colour: a wrong prediction */
    void *reserved[2];
} tn_plot_picture;

/* A grid of pictures with captions, `columns` in a row (0: what suits). Small ones are enlarged with square pixels. */
TN_API tn_plot *tn_plot_pictures(const tn_plot_picture *pictures, size_t n, int columns, const tn_plot_opt *opt);

/* ---- several plots in one -------------------------------------------------------------------------------------- */

/* Plots side by side, `columns` in a row (0: what suits), under a common title. They are copied, not taken: the caller
 * frees them as always. The first of them that failed makes the whole fail with its sentence. Of opt, only title,
 * subtitle and scale are used. */
TN_API tn_plot *tn_plot_grid(tn_plot *const *plots, size_t n, int columns, const tn_plot_opt *opt);

/* ---- results --------------------------------------------------------------------------------------------------- */

/* Writes a file, by its ending .svg or .png; beside and renamed, so that the old file is whole until the new one is. */
TN_API tn_status tn_plot_save(tn_plot *plot, const char *path);
/* The picture as an SVG document without XML header, fit for an HTML page as it is; valid until the plot is freed. NULL
 * on failure. */
TN_API const char *tn_plot_svg(tn_plot *plot);
/* The sentence of what went wrong; "" if nothing did. */
TN_API const char *tn_plot_error(const tn_plot *plot);
TN_API void tn_plot_free(tn_plot *plot);

#ifdef __cplusplus
}
#endif
#endif
