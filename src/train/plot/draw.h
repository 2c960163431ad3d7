/* draw.h: a plot is a list of things to draw. Makers (lines.c, bars.c, ...) append to it, the two renderers (svg.c, png.c)
 * replay it, so that what a plot looks like is decided once, and neither renderer knows what a plot is.
 *
 * Units are CSS pixels, y grows downwards. After a failure drawing does nothing: makers need not check each call. */
#ifndef PLOT_DRAW_H
#define PLOT_DRAW_H

#include <tarn/plot.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

typedef uint32_t plot_color; /* 0xRRGGBB */

enum {
    PLOT_WHITE = 0xFFFFFF,
    PLOT_INK = 0x222222,
    PLOT_SOFT_INK = 0x555555,
    PLOT_GRID = 0xE4E4E4,
    PLOT_AXIS = 0x888888,
    PLOT_NO_VALUE = 0xC8C8C8,
    PLOT_WARNING = 0xD55E00,
};
/* The i-th colour of the palette, i >= 0, around and around. */
plot_color plot_palette(size_t i);
/* Light to dark blue for t in 0..1, of evenly falling lightness. */
plot_color plot_ramp(double t);

typedef enum plot_kind { PLOT_RECT, PLOT_LINE, PLOT_DOT, PLOT_TEXT, PLOT_IMAGE } plot_kind;

typedef struct plot_text_style {
    double size;
    plot_color color;
    int anchor;          /* -1: x is the left end, 0 the middle, 1 the right end */
    bool bold, vertical; /* vertical: read from below to above */
} plot_text_style;

typedef struct plot_item {
    plot_kind kind;
    struct plot_item *next;
    plot_color color;
    double x, y, w, h;    /* RECT, IMAGE: the box; DOT: centre, w the radius; TEXT: the anchor on the base line */
    double stroke;        /* LINE: width */
    bool dashed;          /* LINE */
    const double *points; /* LINE: x0 y0 x1 y1 ... */
    size_t n;             /* LINE: points */
    const char *text;     /* TEXT: as given; renderers make it valid */
    plot_text_style style;
    const uint8_t *pixels; /* IMAGE: [rows][columns][channels] */
    int columns, rows, channels;
} plot_item;

struct tn_plot {
    base_arena arena;
    base_error error;
    double width, height, scale;
    plot_item *first, *last;
    const char *svg; /* once asked for */
};

/* A plot of that size with a white ground; opt's size, where given, comes first. NULL when memory is out. */
tn_plot *plot_new(const tn_plot_opt *opt, double width, double height);

void plot_rect(tn_plot *p, double x, double y, double w, double h, plot_color color);
void plot_frame(tn_plot *p, double x, double y, double w, double h, plot_color color, double stroke);
void plot_segment(tn_plot *p, double x0, double y0, double x1, double y1, plot_color color, double stroke);
/* Copies the points. */
void plot_line(tn_plot *p, const double *points, size_t n, plot_color color, double stroke, bool dashed);
void plot_dot(tn_plot *p, double x, double y, double radius, plot_color color);
void plot_text(tn_plot *p, double x, double y, const char *text, const plot_text_style *style);
/* Copies the pixels. */
void plot_image(tn_plot *p, double x, double y, double w, double h, const tn_plot_picture *picture);
/* Another plot's items, moved by x, y. */
void plot_embed(tn_plot *p, const tn_plot *other, double x, double y);

/* Title and subtitle at the top left; returns the y below them. */
double plot_heading(tn_plot *p, const tn_plot_opt *opt);
/* Width of a text, estimated from the widths of DejaVu Sans, which is among the widest: what is planned with it fits. */
double plot_text_width(const char *text, double size);
/* The text if it fits into width, else its beginning with an ellipsis. In the plot's arena; "" when memory is out. */
const char *plot_text_fit(tn_plot *p, const char *text, double size, double width);

/* The next code point of *text, which moves on; 0 at the end; U+FFFD for what is not UTF-8 and for control characters. */
uint32_t plot_utf8(const char **text);
/* Appends text made valid and escaped for XML and HTML, in elements and in quoted attributes. */
void plot_escape(base_str *s, const char *text);
/* Appends a number with at most two decimals, whatever the locale. */
void plot_number(base_str *s, double value);
/* A value with that many decimals, whatever the locale. */
char *plot_fixed(char *buffer, size_t size, double value, int decimals);
/* A value for people: about 4 digits, 1.23e-7 where it is tiny or huge. */
char *plot_readable(char *buffer, size_t size, double value);

/* A PNG file in memory; compressed where zlib is built in. */
void plot_png_encode(base_str *out, const uint8_t *pixels, int columns, int rows, int channels);
void plot_base64(base_str *out, const void *data, size_t bytes);

/* Renderers. */
tn_status plot_render_svg(const tn_plot *p, base_str *out, base_error *e);
tn_status plot_render_png(const tn_plot *p, base_str *out, base_error *e);

#endif
