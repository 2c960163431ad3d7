/* save.c: plots as files and as text. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/plot/draw.h"

const char *tn_plot_error(const tn_plot *plot)
{
    return plot ? plot->error.text : "out of memory while making a plot";
}

void tn_plot_free(tn_plot *plot)
{
    if (!plot)
        return;
    base_arena_free(&plot->arena);
    free(plot);
}

const char *tn_plot_svg(tn_plot *plot)
{
    if (!plot || plot->error.status != TN_OK)
        return NULL;
    if (plot->svg)
        return plot->svg;
    base_str text = {0};
    if (plot_render_svg(plot, &text, &plot->error) == TN_OK) {
        plot->svg = base_arena_copy(&plot->arena, text.text, text.length + 1);
        if (!plot->svg)
            base_no_memory(&plot->error, "writing a plot as SVG");
    }
    base_str_free(&text);
    return plot->svg;
}

static bool ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    if (n < m)
        return false;
    for (size_t i = 0; i < m; i++)
        if ((path[n - m + i] | 0x20) != (ending[i] | 0x20))
            return false;
    return true;
}

tn_status tn_plot_save(tn_plot *plot, const char *path)
{
    if (!plot)
        return TN_MEMORY;
    if (plot->error.status != TN_OK) /* what went wrong while it was made stays */
        return plot->error.status;
    if (!path)
        return TN_INVALID;
    base_error e = {0};
    base_str bytes = {0};
    if (ends_in(path, ".svg"))
        plot_render_svg(plot, &bytes, &e);
    else if (ends_in(path, ".png"))
        plot_render_png(plot, &bytes, &e);
    else
        base_fail(&e, TN_INVALID, "%.800s: a plot is saved as .svg or .png", path);
    if (e.status == TN_OK)
        base_file_write(path, bytes.text, bytes.length, &e);
    base_str_free(&bytes);
    tn_status status = e.status;
    if (status != TN_OK)
        (void)memcpy(plot->error.text, e.text, sizeof e.text);
    return status;
}
