/* bars.c: horizontal bars with names at the left and values beside them: long names stay readable. */
#include <math.h>

#include "train/plot/axis.h"

enum { SIZE = 12, VALUE_SIZE = 11 };

static bool check(tn_plot *p, const char *const *names, size_t n, const tn_plot_series *series, size_t count)
{
    if (n > 2000 || count > 64) {
        base_fail(&p->error, TN_INVALID, "%zu bars of %zu series: at most 2000 of 64 can be drawn", n, count);
        return false;
    }
    if ((n && !names) || (count && !series)) {
        base_fail(&p->error, TN_INVALID, "%zu bars of %zu series, but %s is NULL", n, count,
                  n && !names ? "names" : "series");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (series[i].n != n || (n && !series[i].y)) {
            base_fail(&p->error, TN_SHAPE, "series %zu (%s) has %zu values for %zu names", i,
                      series[i].name ? series[i].name : "without name", series[i].y ? series[i].n : 0, n);
            return false;
        }
    return p->error.status == TN_OK;
}

static void draw_bar(tn_plot *p, const plot_area *a, double y, double height, double value, plot_color color)
{
    char text[32];
    double base = a->ax.log ? 0 : plot_axis_at(&a->ax, 0), at = plot_axis_at(&a->ax, value);
    base = fmin(fmax(base, 0), 1);
    double end = isfinite(at) ? fmin(fmax(at, 0), 1) : base;
    plot_rect(p, a->x + a->w * fmin(base, end), y, a->w * fabs(end - base), height, color);
    plot_readable(text, sizeof text, value);
    bool left = end < base;
    plot_text(p, a->x + a->w * end + (left ? -5 : 5), y + height / 2 + 4, text,
              &(plot_text_style){.size = VALUE_SIZE, .color = PLOT_SOFT_INK, .anchor = left ? 1 : -1});
}

/* The range of values with 0, which is where bars start. */
static plot_range range_of(const tn_plot_series *series, size_t count, bool log)
{
    plot_range r = PLOT_NO_RANGE;
    r.fractions = true;
    plot_range_add(&r, 0, log);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < series[i].n; k++)
            plot_range_add(&r, series[i].y[k], log);
    if (log && r.min == r.max) /* a bar of no length says nothing */
        r.min /= 10;
    return r;
}

tn_plot *tn_plot_bars(const char *const *names, size_t n, const tn_plot_series *series, size_t count,
                      const tn_plot_opt *opt)
{
    static const tn_plot_opt none = {0};
    const tn_plot_opt *o = opt ? opt : &none;
    double bar = count > 1 ? 15 : 18, group = (double)(count ? count : 1) * bar + 10;
    double head = (o->title ? 26 : 0) + (o->subtitle ? 20 : 0) + (count > 1 ? 22 : 0) + 12;
    tn_plot *p = plot_new(opt, 640, fmax(40, head + 8 + group * (double)n + (o->x_label ? 48 : 30)));
    if (!p || !check(p, names, n, series, count))
        return p;
    plot_area a = {.y = plot_legend(p, series, count, opt, plot_heading(p, opt), true) + 8};
    double widest = 0;
    for (size_t i = 0; i < n; i++)
        widest = fmax(widest, names[i] ? plot_text_width(names[i], SIZE) : 0);
    widest = fmin(widest, 0.4 * p->width);
    a.x = 16 + widest + 8;
    a.w = fmax(p->width - a.x - 64, 1); /* room for the values */
    a.h = fmax(p->height - a.y - (o->x_label ? 48 : 30), 1);
    if (!plot_axis_set(&a.ax, range_of(series, count, o->log_x), o->log_x, &o->x_min, &o->x_max, (int)(a.w / 80), true,
                       "x", &p->error))
        return p;
    plot_area_draw(p, &a, o, false);
    group = n ? a.h / (double)n : a.h;
    bar = group * 0.8 / (double)(count ? count : 1);
    for (size_t k = 0; k < n; k++) {
        double top = a.y + group * (double)k + group * 0.1;
        plot_text(p, a.x - 8, top + group * 0.4 + 4, plot_text_fit(p, names[k] ? names[k] : "", SIZE, widest + 0.01),
                  &(plot_text_style){.size = SIZE, .color = PLOT_INK, .anchor = 1});
        for (size_t i = 0; i < count; i++)
            draw_bar(p, &a, top + bar * (double)i, bar * (count > 1 ? 0.9 : 1), series[i].y[k],
                     plot_series_color(series, i));
    }
    double zero = a.ax.log ? 0 : plot_axis_at(&a.ax, 0);
    if (zero >= 0 && zero <= 1)
        plot_segment(p, a.x + a.w * zero, a.y, a.x + a.w * zero, a.y + a.h, PLOT_AXIS, 1);
    return p;
}
