/* draw.c: see draw.h. The list itself; text is in text.c. */
#include "train/plot/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

plot_color plot_palette(size_t i)
{
    /* Okabe and Ito, in an order that keeps neighbours apart; their yellow is too light for lines on white. */
    static const plot_color colors[] = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x222222, 0x7F6A00};
    return colors[i % (sizeof colors / sizeof *colors)];
}

plot_color plot_ramp(double t)
{
    static const double stop[][3] = {{247, 251, 255}, {198, 219, 239}, {107, 174, 214}, {33, 113, 181}, {8, 48, 107}};
    enum { LAST = sizeof stop / sizeof *stop - 1 };
    double at = (t > 0 ? t < 1 ? t : 1 : 0) * LAST;
    int i = at < LAST ? (int)at : LAST - 1;
    plot_color color = 0;
    for (int k = 0; k < 3; k++)
        color = color << 8 | (plot_color)lround(stop[i][k] + (at - i) * (stop[i + 1][k] - stop[i][k]));
    return color;
}

tn_plot *plot_new(const tn_plot_opt *opt, double width, double height)
{
    tn_plot *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->width = ceil(opt && opt->width != 0 ? opt->width : width);
    p->height = ceil(opt && opt->height != 0 ? opt->height : height);
    p->scale = opt && opt->scale != 0 ? opt->scale : 2;
    if (!(p->width >= 40 && p->width <= 20000 && p->height >= 40 && p->height <= 20000))
        base_fail(&p->error, TN_INVALID, "a plot of %g x %g: width and height must be between 40 and 20000", p->width,
                  p->height);
    else if (!(p->scale >= 0.1 && p->scale <= 8))
        base_fail(&p->error, TN_INVALID, "a plot of scale %g: it must be between 0.1 and 8", p->scale);
    plot_rect(p, 0, 0, p->width, p->height, PLOT_WHITE);
    return p;
}

static plot_item *append(tn_plot *p, const plot_item *item)
{
    if (p->error.status != TN_OK)
        return NULL;
    plot_item *copy = base_arena_copy(&p->arena, item, sizeof *item);
    if (!copy) {
        base_no_memory(&p->error, "drawing a plot");
        return NULL;
    }
    copy->next = NULL;
    *(p->last ? &p->last->next : &p->first) = copy;
    p->last = copy;
    return copy;
}

static const void *keep(tn_plot *p, const void *data, size_t bytes)
{
    if (p->error.status != TN_OK)
        return NULL;
    void *copy = base_arena_copy(&p->arena, data, bytes);
    if (!copy)
        base_no_memory(&p->error, "drawing a plot");
    return copy;
}

void plot_rect(tn_plot *p, double x, double y, double w, double h, plot_color color)
{
    append(p, &(plot_item){.kind = PLOT_RECT, .x = x, .y = y, .w = w, .h = h, .color = color});
}

void plot_line(tn_plot *p, const double *points, size_t n, plot_color color, double stroke, bool dashed)
{
    if (n < 2)
        return;
    plot_item item = {.kind = PLOT_LINE, .color = color, .stroke = stroke, .dashed = dashed, .n = n};
    item.points = keep(p, points, 2 * n * sizeof *points);
    append(p, &item);
}

void plot_segment(tn_plot *p, double x0, double y0, double x1, double y1, plot_color color, double stroke)
{
    plot_line(p, (const double[]){x0, y0, x1, y1}, 2, color, stroke, false);
}

void plot_frame(tn_plot *p, double x, double y, double w, double h, plot_color color, double stroke)
{
    plot_line(p, (const double[]){x, y, x + w, y, x + w, y + h, x, y + h, x, y - stroke / 2}, 5, color, stroke, false);
}

void plot_dot(tn_plot *p, double x, double y, double radius, plot_color color)
{
    append(p, &(plot_item){.kind = PLOT_DOT, .x = x, .y = y, .w = radius, .color = color});
}

void plot_text(tn_plot *p, double x, double y, const char *text, const plot_text_style *style)
{
    if (!text || !*text)
        return;
    plot_item item = {.kind = PLOT_TEXT, .x = x, .y = y, .style = *style, .color = style->color};
    item.text = keep(p, text, strlen(text) + 1);
    append(p, &item);
}

void plot_image(tn_plot *p, double x, double y, double w, double h, const tn_plot_picture *picture)
{
    plot_item item = {.kind = PLOT_IMAGE, .x = x, .y = y, .w = w, .h = h};
    item.columns = picture->width;
    item.rows = picture->height;
    item.channels = picture->channels;
    item.pixels = keep(p, picture->pixels, (size_t)item.columns * (size_t)item.rows * (size_t)item.channels);
    append(p, &item);
}

/* What an item points to is copied as well: the other plot may be freed first. */
static void embed_item(tn_plot *p, const plot_item *other, double x, double y)
{
    plot_item item = *other;
    item.x += x;
    item.y += y;
    if (item.text)
        item.text = keep(p, item.text, strlen(item.text) + 1);
    if (item.pixels)
        item.pixels = keep(p, item.pixels, (size_t)item.columns * (size_t)item.rows * (size_t)item.channels);
    if (item.points) {
        double *points = base_arena_copy(&p->arena, item.points, 2 * item.n * sizeof *points);
        if (!points) {
            base_no_memory(&p->error, "drawing a plot");
            return;
        }
        for (size_t i = 0; i < item.n; i++) {
            points[2 * i] += x;
            points[2 * i + 1] += y;
        }
        item.points = points;
    }
    append(p, &item);
}

void plot_embed(tn_plot *p, const tn_plot *other, double x, double y)
{
    for (const plot_item *i = other->first; i && p->error.status == TN_OK; i = i->next)
        embed_item(p, i, x, y);
}

double plot_heading(tn_plot *p, const tn_plot_opt *opt)
{
    double y = 12;
    if (opt && opt->title) {
        const char *title = plot_text_fit(p, opt->title, 17, p->width - 32);
        plot_text(p, 16, y + 18, title, &(plot_text_style){.size = 16, .color = PLOT_INK, .anchor = -1, .bold = true});
        y += 26;
    }
    if (opt && opt->subtitle) {
        const char *text = plot_text_fit(p, opt->subtitle, 12, p->width - 32);
        plot_text(p, 16, y + 13, text, &(plot_text_style){.size = 12, .color = PLOT_SOFT_INK, .anchor = -1});
        y += 20;
    }
    return y;
}
