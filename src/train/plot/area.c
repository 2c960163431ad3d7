/* area.c: what curves and bars have around them: grid, ticks, names of axes, legend. */
#include <math.h>

#include "train/plot/axis.h"

enum { TICK_SIZE = 11, LEGEND_SIZE = 12 };

static void draw_x_ticks(tn_plot *p, const plot_area *a, bool vertical)
{
    double free_from = -1e9;
    for (int i = 0; i < a->ax.ticks; i++) {
        double x = a->x + a->w * plot_axis_at(&a->ax, a->ax.tick[i]);
        double half = plot_text_width(a->ax.label[i], TICK_SIZE) / 2;
        plot_segment(p, x, a->y, x, a->y + a->h, PLOT_GRID, 1);
        if (vertical)
            plot_segment(p, x, a->y + a->h, x, a->y + a->h + 4, PLOT_AXIS, 1);
        if (x - half < free_from)
            continue;
        free_from = x + half + 4;
        plot_text(p, x, a->y + a->h + 17, a->ax.label[i],
                  &(plot_text_style){.size = TICK_SIZE, .color = PLOT_SOFT_INK, .anchor = 0});
    }
}

static void draw_y_ticks(tn_plot *p, const plot_area *a)
{
    for (int i = 0; i < a->ay.ticks; i++) {
        double y = a->y + a->h * (1 - plot_axis_at(&a->ay, a->ay.tick[i]));
        plot_segment(p, a->x, y, a->x + a->w, y, a->ay.tick[i] == 0 && !a->ay.log ? PLOT_AXIS : PLOT_GRID, 1);
        plot_text(p, a->x - 7, y + 4, a->ay.label[i],
                  &(plot_text_style){.size = TICK_SIZE, .color = PLOT_SOFT_INK, .anchor = 1});
    }
}

void plot_area_draw(tn_plot *p, const plot_area *a, const tn_plot_opt *opt, bool vertical)
{
    const plot_text_style name = {.size = 12, .color = PLOT_INK, .anchor = 0};
    plot_text_style turned = name;
    turned.vertical = true;
    draw_x_ticks(p, a, vertical);
    if (vertical) {
        draw_y_ticks(p, a);
        plot_segment(p, a->x, a->y + a->h, a->x + a->w, a->y + a->h, PLOT_AXIS, 1);
    }
    if (opt && opt->x_label)
        plot_text(p, a->x + a->w / 2, a->y + a->h + 36, plot_text_fit(p, opt->x_label, 12, a->w), &name);
    if (opt && opt->y_label && vertical)
        plot_text(p, 24, a->y + a->h / 2, plot_text_fit(p, opt->y_label, 12, a->h), &turned);
}

plot_color plot_series_color(const tn_plot_series *series, size_t i)
{
    int fixed = series[i].color;
    return plot_palette(fixed > 0 ? (size_t)fixed - 1 : i);
}

double plot_legend(tn_plot *p, const tn_plot_series *series, size_t count, const tn_plot_opt *opt, double y, bool boxes)
{
    if (count < 2 || (opt && opt->no_legend))
        return y;
    double x = 16;
    for (size_t i = 0; i < count; i++) {
        if (!series[i].name)
            continue;
        const char *name = plot_text_fit(p, series[i].name, LEGEND_SIZE, p->width - 64);
        double width = 24 + plot_text_width(name, LEGEND_SIZE) + 14;
        if (x > 16 && x + width > p->width) {
            x = 16;
            y += 20;
        }
        plot_color color = plot_series_color(series, i);
        if (boxes)
            plot_rect(p, x + 4, y + 4, 12, 12, color);
        else if (series[i].dots)
            plot_dot(p, x + 10, y + 10, 4, color);
        else
            plot_line(p, (const double[]){x, y + 10, x + 18, y + 10}, 2, color, 2.5, series[i].dashed);
        plot_text(p, x + 24, y + 14, name, &(plot_text_style){.size = LEGEND_SIZE, .color = PLOT_INK, .anchor = -1});
        x += width;
    }
    return x > 16 ? y + 22 : y;
}
