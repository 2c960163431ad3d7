/* png.c: a plot as PNG, drawn by Cairo. Cairo and the twenty libraries behind it would slow down the start of every
 * program that links Tarn, so it is opened when the first PNG is asked for and then stays (its threads' data must not be
 * unmapped under them). */
#include "train/plot/draw.h"

#include "base/library.h"

#ifdef TARN_HAVE_CAIRO
#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* X(result, name, arguments): what is used of Cairo. */
#define CAIRO_FUNCTIONS(X)                                                                                             \
    X(cairo_surface_t *, image_surface_create, (cairo_format_t, int, int))                                             \
    X(cairo_surface_t *, image_surface_create_for_data, (unsigned char *, cairo_format_t, int, int, int))              \
    X(int, format_stride_for_width, (cairo_format_t, int))                                                             \
    X(cairo_status_t, surface_status, (cairo_surface_t *))                                                             \
    X(void, surface_flush, (cairo_surface_t *))                                                                        \
    X(unsigned char *, image_surface_get_data, (cairo_surface_t *))                                                    \
    X(int, image_surface_get_stride, (cairo_surface_t *))                                                              \
    X(void, surface_destroy, (cairo_surface_t *))                                                                      \
    X(cairo_t *, create, (cairo_surface_t *))                                                                          \
    X(cairo_status_t, status, (cairo_t *))                                                                             \
    X(const char *, status_to_string, (cairo_status_t))                                                                \
    X(void, destroy, (cairo_t *))                                                                                      \
    X(void, save, (cairo_t *))                                                                                         \
    X(void, restore, (cairo_t *))                                                                                      \
    X(void, scale, (cairo_t *, double, double))                                                                        \
    X(void, translate, (cairo_t *, double, double))                                                                    \
    X(void, rotate, (cairo_t *, double))                                                                               \
    X(void, set_source_rgb, (cairo_t *, double, double, double))                                                       \
    X(void, set_source_surface, (cairo_t *, cairo_surface_t *, double, double))                                        \
    X(cairo_pattern_t *, get_source, (cairo_t *))                                                                      \
    X(void, pattern_set_filter, (cairo_pattern_t *, cairo_filter_t))                                                   \
    X(void, pattern_set_extend, (cairo_pattern_t *, cairo_extend_t))                                                   \
    X(void, rectangle, (cairo_t *, double, double, double, double))                                                    \
    X(void, new_path, (cairo_t *))                                                                                     \
    X(void, move_to, (cairo_t *, double, double))                                                                      \
    X(void, line_to, (cairo_t *, double, double))                                                                      \
    X(void, arc, (cairo_t *, double, double, double, double, double))                                                  \
    X(void, set_line_width, (cairo_t *, double))                                                                       \
    X(void, set_line_join, (cairo_t *, cairo_line_join_t))                                                             \
    X(void, set_dash, (cairo_t *, const double *, int, double))                                                        \
    X(void, fill, (cairo_t *))                                                                                         \
    X(void, stroke, (cairo_t *))                                                                                       \
    X(void, select_font_face, (cairo_t *, const char *, cairo_font_slant_t, cairo_font_weight_t))                      \
    X(void, set_font_size, (cairo_t *, double))                                                                        \
    X(void, text_extents, (cairo_t *, const char *, cairo_text_extents_t *))                                           \
    X(void, show_text, (cairo_t *, const char *))

typedef struct cairo_api {
#define FIELD(result, name, arguments) result(*name) arguments;
    CAIRO_FUNCTIONS(FIELD)
#undef FIELD
} cairo_api;

static tn_status open_cairo(cairo_api *c, base_error *e)
{
    void *library = base_library_open("libcairo.so.2");
    if (!library)
        return base_fail(e, TN_UNSUPPORTED,
                         "a PNG needs the library Cairo, which is not on this system: install the Debian "
                         "package libcairo2, or save as .svg");
    bool all = true;
#define FIND(result, name, arguments) all = base_library_find(library, "cairo_" #name, &c->name) && all;
    CAIRO_FUNCTIONS(FIND)
#undef FIND
    if (all)
        return TN_OK;
    return base_fail(e, TN_UNSUPPORTED,
                     "a PNG needs Cairo 1.10 or newer, and the libcairo.so.2 of this system is older");
}

typedef struct canvas {
    const cairo_api *api;
    cairo_t *to;
} canvas;

static void set_color(const canvas *c, plot_color color)
{
    c->api->set_source_rgb(c->to, (color >> 16) / 255.0, (color >> 8 & 255) / 255.0, (color & 255) / 255.0);
}

static void draw_line(const canvas *c, const plot_item *i)
{
    static const double dash[] = {6, 4};
    c->api->new_path(c->to);
    for (size_t k = 0; k < i->n; k++)
        (k ? c->api->line_to : c->api->move_to)(c->to, i->points[2 * k], i->points[2 * k + 1]);
    c->api->set_line_width(c->to, i->stroke);
    c->api->set_line_join(c->to, i->n > 2 ? CAIRO_LINE_JOIN_ROUND : CAIRO_LINE_JOIN_MITER);
    c->api->set_dash(c->to, dash, i->dashed ? 2 : 0, 0);
    c->api->stroke(c->to);
}

/* Cairo refuses a text that is not valid UTF-8 and draws nothing any more. */
static void make_valid(base_str *to, const char *text)
{
    for (const char *p = text; *p;) {
        const char *from = p;
        if (plot_utf8(&p) == 0xFFFD)
            base_str_add(to, "\xEF\xBF\xBD");
        else
            base_str_bytes(to, from, (size_t)(p - from));
    }
}

static void draw_text(const canvas *c, const plot_item *i)
{
    cairo_text_extents_t size;
    base_str text = {0};
    make_valid(&text, i->text);
    c->api->save(c->to);
    c->api->select_font_face(c->to, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                             i->style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    c->api->set_font_size(c->to, i->style.size);
    c->api->text_extents(c->to, base_str_text(&text), &size);
    c->api->translate(c->to, i->x, i->y);
    if (i->style.vertical)
        c->api->rotate(c->to, -1.5707963267948966);
    c->api->move_to(c->to, -size.x_advance * (i->style.anchor + 1) / 2, 0);
    c->api->show_text(c->to, base_str_text(&text));
    c->api->restore(c->to);
    base_str_free(&text);
}

/* The picture as Cairo wants it: 32 bits each, blue lowest, rows at Cairo's stride. */
static unsigned char *widened(const plot_item *i, size_t stride)
{
    unsigned char *data = calloc(stride, (size_t)i->rows);
    for (int r = 0; data && r < i->rows; r++)
        for (int x = 0; x < i->columns; x++) {
            const uint8_t *p = i->pixels + ((size_t)r * (size_t)i->columns + (size_t)x) * (size_t)i->channels;
            uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[i->channels == 3] << 8 | p[i->channels == 3 ? 2 : 0];
            memcpy(data + (size_t)r * stride + 4 * (size_t)x, &v, sizeof v);
        }
    return data;
}

static bool draw_image(const canvas *c, const plot_item *i)
{
    int stride = c->api->format_stride_for_width(CAIRO_FORMAT_RGB24, i->columns);
    unsigned char *data = widened(i, (size_t)stride);
    if (!data)
        return false;
    cairo_surface_t *picture =
        c->api->image_surface_create_for_data(data, CAIRO_FORMAT_RGB24, i->columns, i->rows, stride);
    c->api->save(c->to);
    c->api->translate(c->to, i->x, i->y);
    c->api->scale(c->to, i->w / i->columns, i->h / i->rows);
    c->api->set_source_surface(c->to, picture, 0, 0);
    c->api->pattern_set_filter(c->api->get_source(c->to), i->columns < i->w ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    c->api->pattern_set_extend(c->api->get_source(c->to), CAIRO_EXTEND_PAD);
    c->api->rectangle(c->to, 0, 0, i->columns, i->rows);
    c->api->fill(c->to);
    c->api->restore(c->to);
    c->api->surface_destroy(picture);
    free(data);
    return true;
}

static bool draw_item(const canvas *c, const plot_item *i)
{
    set_color(c, i->color);
    switch (i->kind) {
    case PLOT_RECT:
        c->api->rectangle(c->to, i->x, i->y, i->w, i->h);
        c->api->fill(c->to);
        return true;
    case PLOT_DOT:
        c->api->new_path(c->to);
        c->api->arc(c->to, i->x, i->y, i->w, 0, 6.283185307179586);
        c->api->fill(c->to);
        return true;
    case PLOT_LINE: draw_line(c, i); return true;
    case PLOT_TEXT: draw_text(c, i); return true;
    case PLOT_IMAGE: return draw_image(c, i);
    }
    return true;
}

/* Cairo's pixels to bytes of red, green and blue, and those to PNG. */
static tn_status encode(const canvas *c, cairo_surface_t *surface, int w, int h, base_str *out, base_error *e)
{
    c->api->surface_flush(surface);
    const unsigned char *data = c->api->image_surface_get_data(surface);
    size_t stride = (size_t)c->api->image_surface_get_stride(surface);
    uint8_t *rgb = malloc((size_t)w * (size_t)h * 3), *to = rgb;
    if (!rgb)
        return base_no_memory(e, "writing a plot as PNG");
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint32_t v;
            memcpy(&v, data + (size_t)y * stride + 4 * (size_t)x, sizeof v);
            *to++ = (uint8_t)(v >> 16);
            *to++ = (uint8_t)(v >> 8);
            *to++ = (uint8_t)v;
        }
    plot_png_encode(out, rgb, w, h, 3);
    free(rgb);
    return out->failed ? base_no_memory(e, "writing a plot as PNG") : TN_OK;
}

tn_status plot_render_png(const tn_plot *p, base_str *out, base_error *e)
{
    cairo_api api = {0};
    int w = (int)floor(p->width * p->scale), h = (int)floor(p->height * p->scale);
    if (w < 1 || h < 1 || w > 32767 || h > 32767 || (double)w * h > 2e8)
        return base_fail(e, TN_LIMIT, "a PNG of %d x %d pixels is too large; a smaller scale, or .svg, is what helps",
                         w, h);
    BASE_TRY(open_cairo(&api, e));
    cairo_surface_t *surface = api.image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    canvas c = {&api, api.create(surface)};
    bool good = true;
    api.scale(c.to, p->scale, p->scale);
    for (const plot_item *i = p->first; i && good; i = i->next)
        good = draw_item(&c, i);
    tn_status status = TN_OK;
    cairo_status_t said = api.status(c.to);
    if (!good || said == CAIRO_STATUS_NO_MEMORY)
        status = base_no_memory(e, "drawing a plot as PNG");
    else if (said != CAIRO_STATUS_SUCCESS)
        status = base_fail(e, TN_INTERNAL, "Cairo could not draw a plot: %s", api.status_to_string(said));
    else
        status = encode(&c, surface, w, h, out, e);
    api.destroy(c.to);
    api.surface_destroy(surface);
    return status;
}

#else

tn_status plot_render_png(const tn_plot *p, base_str *out, base_error *e)
{
    (void)p;
    (void)out;
    return base_fail(e, TN_UNSUPPORTED,
                     "this build of Tarn cannot draw PNG: install the Debian package libcairo2-dev and "
                     "build again, or save as .svg");
}

#endif
