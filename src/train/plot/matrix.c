/* matrix.c: heat maps and confusion matrices. Few cells are rectangles with their values; many are one picture. */
#include <math.h>
#include <stdlib.h>

#include "train/plot/axis.h"

enum { MOST_CELLS = 2500, MOST_SIDE = 16384, SIZE = 11 };

typedef struct matrix {
    size_t rows, columns;
    const double *shade;  /* 0 to 1; NaN: no value */
    const double *values; /* written into the cells; NULL: counts are */
    const int64_t *counts;
    const char *const *row_names, *const *column_names;
    int decimals; /* of values: what three digits need; -1: as readable */
    double x, y, cell_w, cell_h;
} matrix;

static const char *name_of(tn_plot *p, const char *const *names, size_t i)
{
    if (names && names[i])
        return names[i];
    const char *text = base_arena_printf(&p->arena, "%zu", i);
    if (!text)
        base_no_memory(&p->error, "drawing a plot");
    return text ? text : "";
}

static double widest_name(tn_plot *p, const char *const *names, size_t n)
{
    double widest = 0;
    for (size_t i = 0; i < n; i++)
        widest = fmax(widest, plot_text_width(name_of(p, names, i), SIZE));
    return widest;
}

/* Every how many names there is room to write one: 1, 2, 5, 10, 20, ... */
static size_t names_every(double step)
{
    static const size_t nice[] = {1, 2, 5};
    size_t tens = 1;
    for (int i = 0;; i++) {
        if (i == 3) {
            i = 0;
            tens *= 10;
        }
        if ((double)(nice[i] * tens) * step >= SIZE + 3)
            return nice[i] * tens;
    }
}

/* Names along one side; every so many where there is no room for all. */
static void draw_names(tn_plot *p, const matrix *m, bool columns, double room)
{
    size_t n = columns ? m->columns : m->rows;
    double step = columns ? m->cell_w : m->cell_h;
    const char *const *names = columns ? m->column_names : m->row_names;
    bool turn = columns && widest_name(p, names, n) + 4 > step;
    size_t every = names_every(step);
    plot_text_style style = {.size = SIZE, .color = PLOT_INK, .anchor = 1};
    for (size_t i = 0; i < n; i += every) {
        double at = ((double)i + 0.5) * step;
        const char *text = plot_text_fit(p, name_of(p, names, i), SIZE, room);
        style.vertical = turn;
        if (!columns) {
            plot_text(p, m->x - 6, m->y + at + 4, text, &style);
        } else if (turn) {
            plot_text(p, m->x + at + 4, m->y + m->cell_h * (double)m->rows + 6, text, &style);
        } else {
            style.anchor = 0;
            plot_text(p, m->x + at, m->y + m->cell_h * (double)m->rows + 16, text, &style);
        }
    }
}

static void cell_text(const matrix *m, size_t i, char text[32])
{
    text[0] = '\0';
    if (m->counts) {
        if (m->counts[i])
            plot_fixed(text, 32, (double)m->counts[i], 0);
    } else if (isfinite(m->values[i])) {
        (void)(m->decimals < 0 ? plot_readable(text, 32, m->values[i])
                               : plot_fixed(text, 32, m->values[i], m->decimals));
    }
}

static void draw_cells(tn_plot *p, const matrix *m)
{
    char text[32];
    double widest = 0, size = fmin(13, m->cell_h * 0.5);
    size_t cells = m->rows * m->columns;
    for (size_t i = 0; i < cells; i++) {
        cell_text(m, i, text);
        widest = fmax(widest, plot_text_width(text, 1));
    }
    if (widest > 0)
        size = fmin(size, (m->cell_w - 4) / widest);
    for (size_t i = 0; i < cells; i++) {
        double x = m->x + m->cell_w * (double)(i % m->columns), y = m->y + m->cell_h * (double)(i / m->columns);
        double shade = m->shade[i];
        plot_rect(p, x + 0.5, y + 0.5, m->cell_w - 1, m->cell_h - 1, isnan(shade) ? PLOT_NO_VALUE : plot_ramp(shade));
        if (isnan(shade))
            plot_segment(p, x + 2, y + m->cell_h - 2, x + m->cell_w - 2, y + 2, PLOT_WHITE, 1);
        cell_text(m, i, text);
        plot_text_style style = {.size = size, .color = shade > 0.55 ? PLOT_WHITE : PLOT_INK};
        style.bold = m->counts && i / m->columns == i % m->columns;
        if (size >= 6)
            plot_text(p, x + m->cell_w / 2, y + m->cell_h / 2 + size * 0.36, text, &style);
    }
}

static void draw_picture(tn_plot *p, const matrix *m)
{
    size_t cells = m->rows * m->columns;
    uint8_t *pixels = malloc(3 * cells);
    if (!pixels) {
        base_no_memory(&p->error, "drawing a heat map");
        return;
    }
    for (size_t i = 0; i < cells; i++) {
        plot_color c = isnan(m->shade[i]) ? (plot_color)PLOT_NO_VALUE : plot_ramp(m->shade[i]);
        for (int k = 0; k < 3; k++)
            pixels[3 * i + (size_t)k] = (uint8_t)(c >> (16 - 8 * k));
    }
    const tn_plot_picture picture = {.pixels = pixels, .width = (int)m->columns, .height = (int)m->rows, .channels = 3};
    plot_image(p, m->x, m->y, m->cell_w * (double)m->columns, m->cell_h * (double)m->rows, &picture);
    free(pixels);
}

static double cell_size(size_t n)
{
    double size = 560 / (double)n;
    return size > 44 ? 44 : size < 0.5 ? 0.5 : size;
}

/* Lays out and draws; the sizes of margins follow from the names. */
static tn_plot *draw_matrix(matrix *m, const tn_plot_opt *o)
{
    tn_plot *p = plot_new(&(tn_plot_opt){.width = 40, .height = 40, .scale = o->scale}, 0, 0);
    if (!p || p->error.status != TN_OK)
        return p;
    double side = fmin(widest_name(p, m->row_names, m->rows), 160),
           foot = fmin(widest_name(p, m->column_names, m->columns), 160);
    tn_plot_free(p);
    double head = 20 + (o->title ? 26 : 0) + (o->subtitle ? 20 : 0), left = 16 + (o->y_label ? 18 : 0) + side + 6;
    double cell = fmin(cell_size(m->rows), cell_size(m->columns));
    bool turn = foot + 4 > (o->width != 0 ? (o->width - left - 20) / (double)m->columns : cell);
    double below = (turn ? foot + 10 : 22) + (o->x_label ? 22 : 0) + 8;
    double width = left + cell * (double)m->columns + 20, title = o->title ? plot_text_width(o->title, 17) + 32 : 0;
    width = fmax(width, fmin(title, 560));
    p = plot_new(o, fmin(width, 20000), fmin(head + cell * (double)m->rows + below, 20000));
    if (!p || p->error.status != TN_OK)
        return p;
    m->x = left;
    m->y = plot_heading(p, o) + 8;
    m->cell_w = fmax(1e-3, (p->width - left - 20) / (double)m->columns);
    m->cell_h = fmax(1e-3, (p->height - m->y - below) / (double)m->rows);
    if (o->width == 0)
        m->cell_w = fmin(m->cell_w, cell);
    (m->rows * m->columns <= MOST_CELLS ? draw_cells : draw_picture)(p, m);
    draw_names(p, m, false, 160.01);
    draw_names(p, m, true, 160.01);
    const plot_text_style name = {.size = 12, .color = PLOT_INK};
    plot_text_style turned = name;
    turned.vertical = true;
    if (o->x_label)
        plot_text(p, m->x + m->cell_w * (double)m->columns / 2, m->y + m->cell_h * (double)m->rows + below - 10,
                  o->x_label, &name);
    if (o->y_label)
        plot_text(p, 24, m->y + m->cell_h * (double)m->rows / 2, o->y_label, &turned);
    return p;
}

static tn_plot *failed(const tn_plot_opt *o, tn_status status, const char *sentence)
{
    tn_plot *p = plot_new(&(tn_plot_opt){.width = 40, .height = 40, .scale = o->scale}, 0, 0);
    if (p)
        base_fail(&p->error, status, "%s", sentence);
    return p;
}

tn_plot *tn_plot_heat(const double *values, size_t rows, size_t columns, const char *const *row_names,
                      const char *const *column_names, const tn_plot_opt *opt)
{
    static const tn_plot_opt none = {0};
    const tn_plot_opt *o = opt ? opt : &none;
    if (!values || rows < 1 || columns < 1 || rows > MOST_SIDE || columns > MOST_SIDE)
        return failed(o, TN_INVALID, "a heat map needs values and 1 to 16384 rows and columns");
    double *shade = malloc(rows * columns * sizeof *shade);
    if (!shade)
        return failed(o, TN_MEMORY, "out of memory while drawing a heat map");
    plot_range r = PLOT_NO_RANGE;
    for (size_t i = 0; i < rows * columns; i++)
        plot_range_add(&r, values[i], false);
    double low = o->y_min.set ? o->y_min.value : r.min, high = o->y_max.set ? o->y_max.value : r.max;
    for (size_t i = 0; i < rows * columns; i++) /* halves, so that the span of two large values does not overflow */
        shade[i] = !isfinite(values[i]) ? (double)NAN
                   : high > low         ? (values[i] / 2 - low / 2) / (high / 2 - low / 2)
                                        : 0.5;
    double most = fmax(fabs(r.min), fabs(r.max));
    int decimals = most >= 1e5 || most < 0.1 ? -1 : most >= 100 ? 0 : most >= 10 ? 1 : 2;
    matrix m = {rows, columns, shade, values, NULL, row_names, column_names, decimals, 0, 0, 0, 0};
    tn_plot *p = draw_matrix(&m, o);
    free(shade);
    return p;
}

tn_plot *tn_plot_confusion(const int64_t *counts, size_t classes, const char *const *names, const tn_plot_opt *opt)
{
    tn_plot_opt o = opt ? *opt : (tn_plot_opt){0};
    if (!counts || classes < 1 || classes > MOST_SIDE)
        return failed(&o, TN_INVALID, "a confusion matrix needs counts and 1 to 16384 classes");
    if (!o.x_label)
        o.x_label = "predicted";
    if (!o.y_label)
        o.y_label = "true";
    double *shade = malloc(classes * classes * sizeof *shade);
    if (!shade)
        return failed(&o, TN_MEMORY, "out of memory while drawing a confusion matrix");
    for (size_t i = 0; i < classes; i++) {
        double sum = 0;
        for (size_t k = 0; k < classes; k++)
            sum += (double)counts[i * classes + k];
        /* The root lifts rare confusions out of the white. */
        for (size_t k = 0; k < classes; k++)
            shade[i * classes + k] = sum > 0 ? sqrt(fmax(0, (double)counts[i * classes + k]) / sum) : 0;
    }
    matrix m = {classes, classes, shade, NULL, counts, names, names, 0, 0, 0, 0, 0};
    tn_plot *p = draw_matrix(&m, &o);
    free(shade);
    return p;
}
