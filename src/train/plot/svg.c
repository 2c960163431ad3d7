/* svg.c: a plot as SVG 1.1 text, written by hand: a few kilobytes that need no library, look sharp at any size and keep
 * their text as text. Nothing in it has an identifier, so that many fit into one HTML page. */
#include "train/plot/draw.h"

static void attribute(base_str *s, const char *name, double value)
{
    base_str_printf(s, " %s=\"", name);
    plot_number(s, value);
    base_str_add(s, "\"");
}

static void color(base_str *s, const char *name, plot_color c)
{
    base_str_printf(s, " %s=\"#%06x\"", name, (unsigned)c);
}

static void write_line(base_str *s, const plot_item *i)
{
    base_str_add(s, "<polyline fill=\"none\" points=\"");
    for (size_t k = 0; k < 2 * i->n; k++) {
        if (k)
            base_str_add(s, k % 2 ? "," : " ");
        plot_number(s, i->points[k]);
    }
    base_str_add(s, "\"");
    color(s, "stroke", i->color);
    attribute(s, "stroke-width", i->stroke);
    if (i->dashed)
        base_str_add(s, " stroke-dasharray=\"6 4\"");
    if (i->n > 2)
        base_str_add(s, " stroke-linejoin=\"round\"");
    base_str_add(s, "/>\n");
}

static void write_text(base_str *s, const plot_item *i)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    base_str_add(s, "<text");
    if (i->style.vertical) {
        base_str_add(s, " transform=\"translate(");
        plot_number(s, i->x);
        base_str_add(s, " ");
        plot_number(s, i->y);
        base_str_add(s, ") rotate(-90)\"");
    } else {
        attribute(s, "x", i->x);
        attribute(s, "y", i->y);
    }
    attribute(s, "font-size", i->style.size);
    color(s, "fill", i->color);
    if (i->style.anchor != -1)
        base_str_printf(s, " text-anchor=\"%s\"", anchors[i->style.anchor + 1]);
    if (i->style.bold)
        base_str_add(s, " font-weight=\"600\"");
    base_str_add(s, ">");
    plot_escape(s, i->text);
    base_str_add(s, "</text>\n");
}

static void write_image(base_str *s, const plot_item *i)
{
    base_str png = {0};
    plot_png_encode(&png, i->pixels, i->columns, i->rows, i->channels);
    base_str_add(s, "<image preserveAspectRatio=\"none\"");
    attribute(s, "x", i->x);
    attribute(s, "y", i->y);
    attribute(s, "width", i->w);
    attribute(s, "height", i->h);
    if (i->columns < i->w)
        base_str_add(s, " style=\"image-rendering:pixelated\"");
    base_str_add(s, " href=\"data:image/png;base64,");
    plot_base64(s, png.text, png.length);
    base_str_add(s, "\"/>\n");
    s->failed |= png.failed;
    base_str_free(&png);
}

static void write_item(base_str *s, const plot_item *i)
{
    switch (i->kind) {
    case PLOT_RECT:
        base_str_add(s, "<rect");
        attribute(s, "x", i->x);
        attribute(s, "y", i->y);
        attribute(s, "width", i->w);
        attribute(s, "height", i->h);
        color(s, "fill", i->color);
        base_str_add(s, "/>\n");
        break;
    case PLOT_DOT:
        base_str_add(s, "<circle");
        attribute(s, "cx", i->x);
        attribute(s, "cy", i->y);
        attribute(s, "r", i->w);
        color(s, "fill", i->color);
        base_str_add(s, "/>\n");
        break;
    case PLOT_LINE: write_line(s, i); break;
    case PLOT_TEXT: write_text(s, i); break;
    case PLOT_IMAGE: write_image(s, i); break;
    }
}

tn_status plot_render_svg(const tn_plot *p, base_str *out, base_error *e)
{
    base_str_add(out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    attribute(out, "width", p->width);
    attribute(out, "height", p->height);
    base_str_add(out, " viewBox=\"0 0 ");
    plot_number(out, p->width);
    base_str_add(out, " ");
    plot_number(out, p->height);
    base_str_add(out, "\" font-family=\"'DejaVu Sans',Verdana,'Helvetica Neue',Arial,sans-serif\">\n");
    for (const plot_item *i = p->first; i; i = i->next)
        write_item(out, i);
    base_str_add(out, "</svg>\n");
    return out->failed ? base_no_memory(e, "writing a plot as SVG") : TN_OK;
}
