/* lines.c: curves over a common pair of axes. Lines are cut at the edges of the area by geometry (Liang and Barsky 1984),
 * because an SVG clip path would need an identifier. */
#include <math.h>
#include <stdlib.h>

#include "train/plot/axis.h"

/* A line on its way to the plot: visible points, handed on whenever the line is broken. */
typedef struct pen {
    tn_plot *p;
    const plot_area *a;
    const tn_plot_series *series;
    plot_color color;
    double *points;
    size_t n;
    bool down; /* last_x, last_y are the end of the line so far, before cutting */
    double last_x, last_y;
} pen;

static void lift(pen *d)
{
    if (d->n >= 2)
        plot_line(d->p, d->points, d->n, d->color, 2, d->series->dashed);
    else if (d->n == 1)
        plot_dot(d->p, d->points[0], d->points[1], 2.5, d->color);
    d->n = 0;
}

static void put(pen *d, double x, double y)
{
    d->points[2 * d->n] = x;
    d->points[2 * d->n + 1] = y;
    d->n++;
}

/* The part of [from, to] along one axis that lies in [low, high], as a narrowing of [*t0, *t1]. */
static bool narrow(double from, double to, double low, double high, double *t0, double *t1)
{
    double delta = to - from;
    if (delta == 0)
        return from >= low && from <= high;
    double a = (low - from) / delta, b = (high - from) / delta;
    *t0 = fmax(*t0, fmin(a, b));
    *t1 = fmin(*t1, fmax(a, b));
    return *t0 <= *t1;
}

/* Moves the pen on to x, y, in pixels, drawing what is inside of the area. */
static void move(pen *d, double x, double y)
{
    const plot_area *a = d->a;
    bool inside = x >= a->x && x <= a->x + a->w && y >= a->y && y <= a->y + a->h;
    if (!d->down) {
        if (inside)
            put(d, x, y);
    } else {
        double t0 = 0, t1 = 1, dx = x - d->last_x, dy = y - d->last_y;
        if (narrow(d->last_x, x, a->x, a->x + a->w, &t0, &t1) && narrow(d->last_y, y, a->y, a->y + a->h, &t0, &t1)) {
            if (d->n == 0)
                put(d, d->last_x + t0 * dx, d->last_y + t0 * dy);
            put(d, t1 < 1 ? d->last_x + t1 * dx : x, t1 < 1 ? d->last_y + t1 * dy : y);
        }
        if (!inside)
            lift(d);
    }
    d->down = true;
    d->last_x = x;
    d->last_y = y;
}

/* Points that share a column of half a pixel are one vertical stroke: a curve of a million steps stays a small file. */
typedef struct column {
    bool open;
    double at, x, first, low, high, last;
} column;

static void flush(pen *d, column *c)
{
    if (!c->open)
        return;
    move(d, c->x, c->first);
    if (c->low < c->high) {
        move(d, c->x, c->low);
        move(d, c->x, c->high);
        move(d, c->x, c->last);
    }
    c->open = false;
}

static void draw_line(pen *d)
{
    const tn_plot_series *s = d->series;
    const plot_area *a = d->a;
    column c = {0};
    for (size_t i = 0; i < s->n; i++) {
        double x = a->x + a->w * plot_axis_at(&a->ax, s->x ? s->x[i] : (double)i);
        double y = a->y + a->h * (1 - plot_axis_at(&a->ay, s->y[i]));
        if (!isfinite(x) || !isfinite(y)) {
            flush(d, &c);
            lift(d);
            d->down = false;
            continue;
        }
        double at = floor(2 * x);
        if (c.open && (at != c.at || s->n < 1000))
            flush(d, &c);
        if (!c.open)
            c = (column){.open = true, .at = at, .x = x, .first = y, .low = y, .high = y};
        c.low = fmin(c.low, y);
        c.high = fmax(c.high, y);
        c.last = y;
    }
    flush(d, &c);
    lift(d);
}

static void draw_dots(const pen *d)
{
    const tn_plot_series *s = d->series;
    const plot_area *a = d->a;
    for (size_t i = 0; i < s->n; i++) {
        double x = plot_axis_at(&a->ax, s->x ? s->x[i] : (double)i), y = plot_axis_at(&a->ay, s->y[i]);
        if (x >= 0 && x <= 1 && y >= 0 && y <= 1)
            plot_dot(d->p, a->x + a->w * x, a->y + a->h * (1 - y), 3, d->color);
    }
}

static void draw_series(tn_plot *p, const plot_area *a, const tn_plot_series *series, size_t i)
{
    pen d = {.p = p, .a = a, .series = &series[i], .color = plot_series_color(series, i)};
    if (series[i].dots) {
        draw_dots(&d);
        return;
    }
    d.points = series[i].n < SIZE_MAX / 128 ? malloc((4 * series[i].n + 4) * 2 * sizeof *d.points) : NULL;
    if (!d.points) {
        base_no_memory(&p->error, "plotting a curve");
        return;
    }
    draw_line(&d);
    free(d.points);
}

static bool check(tn_plot *p, const tn_plot_series *series, size_t count)
{
    if (count && !series) {
        base_fail(&p->error, TN_INVALID, "%zu curves, but series is NULL", count);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (series[i].n && !series[i].y) {
            base_fail(&p->error, TN_INVALID, "curve %zu (%s) has %zu values, but its y is NULL", i,
                      series[i].name ? series[i].name : "without name", series[i].n);
            return false;
        }
    return p->error.status == TN_OK;
}

tn_plot *tn_plot_lines(const tn_plot_series *series, size_t count, const tn_plot_opt *opt)
{
    static const tn_plot_opt none = {0};
    const tn_plot_opt *o = opt ? opt : &none;
    tn_plot *p = plot_new(opt, 640, 400);
    if (!p || !check(p, series, count))
        return p;
    plot_range rx = PLOT_NO_RANGE, ry = PLOT_NO_RANGE;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < series[i].n; k++) {
            plot_range_add(&rx, series[i].x ? series[i].x[k] : (double)k, o->log_x);
            plot_range_add(&ry, series[i].y[k], o->log_y);
        }
    ry.fractions = true;
    plot_area a = {.y = plot_legend(p, series, count, opt, plot_heading(p, opt), false) + 8};
    a.h = fmax(p->height - a.y - (o->x_label ? 48 : 30), 1);
    if (!plot_axis_set(&a.ay, ry, o->log_y, &o->y_min, &o->y_max, (int)(a.h / 45), true, "y", &p->error))
        return p;
    a.x = 16 + (o->y_label ? 18 : 0) + plot_axis_widest(&a.ay, 11) + 7;
    a.w = fmax(p->width - a.x - 20, 1);
    if (!plot_axis_set(&a.ax, rx, o->log_x, &o->x_min, &o->x_max, (int)(a.w / 70), false, "x", &p->error))
        return p;
    plot_area_draw(p, &a, o, true);
    for (size_t i = 0; i < count; i++)
        draw_series(p, &a, series, i);
    return p;
}
