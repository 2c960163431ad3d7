/* pictures.c: grids: of sample pictures with captions, and of whole plots. */
#include <math.h>

#include "train/plot/draw.h"

enum { GAP = 12, CAPTION = 16, CELL = 96, MOST_SIDE = 16384 };

static bool check(tn_plot *p, const tn_plot_picture *pictures, size_t n)
{
    if (n && !pictures) {
        base_fail(&p->error, TN_INVALID, "%zu pictures, but the list is NULL", n);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const tn_plot_picture *q = &pictures[i];
        if (!q->pixels || q->width < 1 || q->height < 1 || q->width > MOST_SIDE || q->height > MOST_SIDE ||
            (q->channels != 1 && q->channels != 3)) {
            base_fail(&p->error, TN_INVALID,
                      "picture %zu is %d x %d with %d channels: it needs pixels, sides of 1 to %d and 1 or 3 channels",
                      i, q->width, q->height, q->channels, MOST_SIDE);
            return false;
        }
    }
    return p->error.status == TN_OK;
}

/* Into a square cell, keeping the proportions. */
static void draw_picture(tn_plot *p, const tn_plot_picture *q, double x, double y, double cell)
{
    double scale = cell / (q->width > q->height ? q->width : q->height), w = q->width * scale, h = q->height * scale;
    plot_color color = q->marked ? PLOT_WARNING : PLOT_INK;
    x += (cell - w) / 2;
    plot_image(p, x, y + (cell - h) / 2, w, h, q);
    if (q->marked)
        plot_frame(p, x - 1, y + (cell - h) / 2 - 1, w + 2, h + 2, PLOT_WARNING, 2);
    if (q->caption)
        plot_text(p, x + w / 2, y + cell + 14, plot_text_fit(p, q->caption, 11, cell + GAP - 2),
                  &(plot_text_style){.size = 11, .color = color, .bold = q->marked});
}

static size_t columns_for(size_t n, int columns, size_t most)
{
    if (columns > 0)
        return (size_t)columns;
    size_t c = 1;
    while (c < most && c * c < n)
        c++;
    return c;
}

tn_plot *tn_plot_pictures(const tn_plot_picture *pictures, size_t n, int columns, const tn_plot_opt *opt)
{
    size_t c = columns > 0 ? (size_t)columns : columns_for(n, 0, 8);
    size_t rows = (n + c - 1) / c;
    double head = 12 + (opt && opt->title ? 26 : 0) + (opt && opt->subtitle ? 20 : 0);
    double width = fmin(20000, fmax(40, 32 + (double)c * (CELL + GAP) - GAP));
    double height = fmin(20000, fmax(40, head + 8 + (double)rows * (CELL + CAPTION + GAP)));
    tn_plot *p = plot_new(opt, width, height);
    if (!p || !check(p, pictures, n))
        return p;
    double top = plot_heading(p, opt) + 4;
    double cell =
        fmin((p->width - 32 + GAP) / (double)c - GAP, n ? (p->height - top - 4) / (double)rows - CAPTION - GAP : CELL);
    if (!(cell >= 4)) {
        base_fail(&p->error, TN_INVALID,
                  "%zu pictures in rows of %zu do not fit into %g x %g; fewer pictures or a larger plot do", n, c,
                  p->width, p->height);
        return p;
    }
    for (size_t i = 0; i < n; i++)
        draw_picture(p, &pictures[i], 16 + (double)(i % c) * (cell + GAP),
                     top + (double)(i / c) * (cell + CAPTION + GAP), cell);
    return p;
}

/* Sizes of the common grid: every cell is as large as the largest plot. */
static void largest(tn_plot *const *plots, size_t n, double *w, double *h)
{
    *w = *h = 1;
    for (size_t i = 0; i < n; i++)
        if (plots[i]) {
            *w = fmax(*w, plots[i]->width);
            *h = fmax(*h, plots[i]->height);
        }
}

tn_plot *tn_plot_grid(tn_plot *const *plots, size_t n, int columns, const tn_plot_opt *opt)
{
    double w = 1, h = 1;
    if (plots)
        largest(plots, n, &w, &h);
    size_t c = columns_for(n, columns, 3);
    if (c > n && n)
        c = n;
    size_t rows = (n + c - 1) / c;
    double head = (opt && opt->title ? 38 : 0) + (opt && opt->subtitle ? 20 : 0);
    tn_plot_opt o = {.width = fmax(40, w * (double)c), .height = fmax(40, head + h * (double)rows)};
    o.scale = opt ? opt->scale : 0;
    tn_plot *p = plot_new(&o, 0, 0);
    if (!p)
        return NULL;
    if (n && !plots) {
        base_fail(&p->error, TN_INVALID, "a grid of %zu plots, but the list is NULL", n);
        return p;
    }
    (void)plot_heading(p, opt);
    for (size_t i = 0; i < n && p->error.status == TN_OK; i++) {
        if (!plots[i])
            base_fail(&p->error, TN_MEMORY, "plot %zu of a grid is NULL: memory was out when it was made", i);
        else if (plots[i]->error.status != TN_OK)
            base_fail(&p->error, plots[i]->error.status, "plot %zu of a grid: %.900s", i, plots[i]->error.text);
        else
            plot_embed(p, plots[i], w * (double)(i % c), head + h * (double)(i / c));
    }
    return p;
}
