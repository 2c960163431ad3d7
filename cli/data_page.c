/* data_page.c: the report of `tarn data check` as a page of HTML that needs nothing beside it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

enum { MOST_BARS = 60, COLUMNS = 12, MOST_HISTOGRAMS = 200 };

static void text(FILE *f, const char *s)
{
    for (; *s; s++) {
        const char *as = *s == '&' ? "&amp;" : *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : NULL;
        if (as)
            (void)fputs(as, f);
        else
            (void)fputc((unsigned char)*s < 32 ? ' ' : *s, f);
    }
}

/* Takes the plot. */
static bool put_plot(FILE *f, const char *title, tn_plot *plot)
{
    const char *svg = tn_plot_svg(plot);
    if (svg)
        (void)fprintf(f, "<section><h2>%s</h2>\n%s</section>\n", title, svg);
    else
        cli_fail("%s", plot ? tn_plot_error(plot) : "out of memory");
    tn_plot_free(plot);
    return svg;
}

static bool put_classes(FILE *f, const tn_data_report *r)
{
    size_t n = r->n_classes < MOST_BARS ? r->n_classes : MOST_BARS, series = 0;
    const char *names[MOST_BARS];
    double counts[TN_PARTS][MOST_BARS];
    tn_plot_series parts[TN_PARTS] = {{0}};
    if (n == 0)
        return true;
    for (size_t i = 0; i < n; i++)
        names[i] = r->classes[i].name;
    for (int p = 0; p < TN_PARTS; p++) {
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            counts[p][i] = (double)r->classes[i].count[p];
            any |= counts[p][i] > 0;
        }
        if (any)
            parts[series++] = (tn_plot_series){.name = p ? tn_part_name(p) : "samples", .y = counts[p], .n = n};
    }
    return series == 0 || put_plot(f, "Classes", tn_plot_bars(names, n, parts, series, NULL));
}

static bool put_shares(FILE *f, const tn_data_report *r)
{
    enum { ROOM = 24 };
    const size_t n = r->n_pixels < MOST_BARS ? r->n_pixels : MOST_BARS;
    char rooms[MOST_BARS][ROOM];
    const char *names[MOST_BARS];
    double shares[MOST_BARS], all = 0;
    if (n == 0)
        return true;
    for (size_t i = 0; i < r->n_pixels; i++)
        all += (double)r->pixels[i].pixels;
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(rooms[i], ROOM, "%d", r->pixels[i].value);
        names[i] = r->pixels[i].name ? r->pixels[i].name : rooms[i];
        shares[i] = all > 0 ? 100 * (double)r->pixels[i].pixels / all : 0;
    }
    const tn_plot_series one = {.name = "% of the pixels of masks", .y = shares, .n = n};
    return put_plot(f, "Classes of masks", tn_plot_bars(names, n, &one, 1, NULL));
}

static bool put_shown(FILE *f, const tn_data_report *r)
{
    tn_plot_picture *p = r->n_shown ? calloc(r->n_shown, sizeof *p) : NULL;
    if (!p)
        return r->n_shown == 0 || cli_fail("out of memory") == CLI_OK;
    for (size_t i = 0; i < r->n_shown; i++) {
        const tn_picture *from = r->shown[i].picture;
        p[i] = (tn_plot_picture){.pixels = from->pixels,
                                 .width = (int)from->width,
                                 .height = (int)from->height,
                                 .channels = from->channels,
                                 .caption = r->shown[i].class_name};
    }
    bool ok = put_plot(f, "Samples", tn_plot_pictures(p, r->n_shown, COLUMNS, NULL));
    free(p);
    return ok;
}

static void put_pairs(FILE *f, const char *title, const tn_check_pair *pairs, size_t n, int64_t total)
{
    if (total == 0)
        return;
    (void)fprintf(f, "<section><h2>%s: %lld</h2><table>\n", title, (long long)total);
    for (size_t i = 0; i < n; i++) {
        (void)fputs("<tr><td>", f);
        text(f, pairs[i].second);
        (void)fputs("</td><td>", f);
        text(f, pairs[i].first);
        (void)fputs("</td></tr>\n", f);
    }
    (void)fputs("</table></section>\n", f);
}

static void put_columns(FILE *f, const tn_data_report *r)
{
    if (r->n_columns == 0)
        return;
    (void)fputs("<section><h2>Columns</h2><table>\n<tr><th>of</th><th>name</th><th>type</th><th>count</th>"
                "<th>missing</th><th>distinct</th><th>mean</th><th>std</th><th>min</th><th>max</th></tr>\n",
                f);
    for (size_t i = 0; i < r->n_columns; i++) {
        const tn_check_column *c = &r->columns[i];
        const char *const words[] = {c->path, c->name, c->type};
        const double figures[] = {c->mean, c->std, c->min, c->max};
        (void)fputs("<tr>", f);
        for (int k = 0; k < 3; k++) {
            (void)fputs("<td>", f);
            text(f, words[k]);
            (void)fputs("</td>", f);
        }
        (void)fprintf(f, "<td>%lld</td><td>%lld</td>", (long long)c->count, (long long)c->missing);
        (void)fprintf(f, c->distinct >= 0 ? "<td>%lld</td>" : "<td></td>", (long long)c->distinct);
        for (int k = 0; k < 4; k++)
            (void)fprintf(f, isfinite(figures[k]) ? "<td>%.5g</td>" : "<td></td>", figures[k]);
        (void)fputs("</tr>\n", f);
    }
    (void)fputs("</table></section>\n", f);
}

/* Channels are drawn in their colours. */
static const char *colour_of(const tn_check_column *c)
{
    static const char *const colours[][2] = {
        {"red", "#d55e00"}, {"green", "#009e73"}, {"blue", "#0072b2"}, {"grey", "#777777"}};
    for (size_t i = 0; strcmp(c->type, "channel") == 0 && i < sizeof colours / sizeof *colours; i++)
        if (strcmp(c->name, colours[i][0]) == 0)
            return colours[i][1];
    return "#0072b2";
}

static void put_histogram(FILE *f, const tn_check_column *c)
{
    enum { WIDTH = 220, HEIGHT = 80, SMALLEST = 1 };
    const double step = (c->max - c->min) / c->n_bins, wide = (double)WIDTH / c->n_bins;
    int64_t most = 1;
    for (int k = 0; k < c->n_bins; k++)
        most = c->bins[k] > most ? c->bins[k] : most;
    (void)fputs("<figure><figcaption>", f);
    text(f, c->name);
    (void)fprintf(
        f, "</figcaption>\n<svg class=\"histogram\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" fill=\"%s\">",
        WIDTH, HEIGHT + 18, WIDTH, HEIGHT + 18, colour_of(c));
    for (int k = 0; k < c->n_bins; k++) {
        double high = (double)HEIGHT * (double)c->bins[k] / (double)most;
        high = c->bins[k] && high < SMALLEST ? SMALLEST : high; /* few are not none */
        (void)fprintf(f, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>", k * wide, HEIGHT - high,
                      0.92 * wide, high);
        if (c->n_bins < TN_CHECK_BINS) /* a bin for each whole number */
            (void)fprintf(f, "%.9g", c->min + k);
        else
            (void)fprintf(f, "%.5g to %.5g", c->min + k * step, c->min + (k + 1) * step);
        (void)fprintf(f, ": %lld</title></rect>", (long long)c->bins[k]);
    }
    (void)fprintf(f,
                  "<text x=\"0\" y=\"%d\" fill=\"#555\">%.5g</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\" "
                  "fill=\"#555\">%.5g</text></svg>\n</figure>\n",
                  HEIGHT + 14, c->min, WIDTH, HEIGHT + 14, c->max);
}

/* A section for each file. */
static void put_histograms(FILE *f, const tn_data_report *r)
{
    const char *path = NULL;
    int shown = 0;
    for (size_t i = 0; i < r->n_columns && shown < MOST_HISTOGRAMS; i++) {
        const tn_check_column *c = &r->columns[i];
        if (c->n_bins == 0)
            continue;
        if (!path || strcmp(path, c->path) != 0) {
            (void)fputs(path ? "</section>\n<section><h2>Histograms: " : "<section><h2>Histograms: ", f);
            text(f, c->path);
            (void)fputs("</h2>\n", f);
        }
        path = c->path;
        put_histogram(f, c);
        shown++;
    }
    (void)fputs(path ? "</section>\n" : "", f);
}

static void put_figures(FILE *f, const tn_data_report *r)
{
    (void)fprintf(f, "<section><table><tr><td>files</td><td>%lld</td></tr><tr><td>bytes</td><td>%lld</td></tr>\n",
                  (long long)r->files, (long long)r->bytes);
    for (int k = 0; k < TN_SAMPLES_KINDS; k++)
        for (int p = 0; p < TN_PARTS; p++)
            if (r->samples[k][p])
                (void)fprintf(f, "<tr><td>%s %s</td><td>%lld</td></tr>\n", tn_samples_name(k), tn_part_name(p),
                              (long long)r->samples[k][p]);
    for (size_t i = 0; i < r->n_spreads; i++)
        (void)fprintf(f, "<tr><td>%s</td><td>%.6g to %.6g, mean %.6g</td></tr>\n", r->spreads[i].name,
                      r->spreads[i].min, r->spreads[i].max, r->spreads[i].mean);
    (void)fputs("</table></section>\n", f);
}

static void put_bad(FILE *f, const char *title, const tn_check_bad *bad, size_t n, int64_t total)
{
    if (total == 0)
        return;
    (void)fprintf(f, "<section><h2>%s: %lld</h2><table>\n", title, (long long)total);
    for (size_t i = 0; i < n; i++) {
        (void)fputs("<tr><td>", f);
        text(f, bad[i].path);
        (void)fputs("</td><td>", f);
        text(f, bad[i].reason);
        (void)fputs("</td></tr>\n", f);
    }
    (void)fputs("</table></section>\n", f);
}

static void put_lists(FILE *f, const tn_data_report *r)
{
    put_bad(f, "Cannot be read", r->bad, r->n_bad, r->bad_total);
    put_bad(f, "Boxes that are outside of their picture, or have no area", r->outside, r->n_outside, r->outside_total);
    put_pairs(f, "In two parts (leaks)", r->leaks, r->n_leaks, r->leak_total);
    put_pairs(f, "In two classes", r->clashes, r->n_clashes, r->clash_total);
    put_pairs(f, "Equal to an earlier one", r->equal, r->n_equal, r->equal_total);
    put_pairs(f, "Look alike", r->near, r->n_near, r->near_total);
    (void)fputs(r->n_notes ? "<section><h2>Notes</h2>\n" : "", f);
    for (size_t i = 0; i < r->n_notes; i++) {
        (void)fputs("<p>", f);
        text(f, r->notes[i]);
        (void)fputs("</p>\n", f);
    }
    (void)fputs(r->n_notes ? "</section>\n" : "", f);
}

int cli_data_write_page(const tn_data_report *r, const char *of, const char *path)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return cli_fail("%s cannot be written: %s", path, strerror(errno));
    (void)fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src "
                "'unsafe-inline';img-src data:\">\n<title>Data</title>\n<style>\n"
                "body{font:15px/1.5 'DejaVu Sans',Verdana,Arial,sans-serif;color:#222;background:#f3f5f7;"
                "margin:0 auto;max-width:1080px;padding:24px 16px}\n"
                "section{background:#fff;border:1px solid #e0e4e8;border-radius:8px;padding:16px;margin:0 0 16px;"
                "overflow-x:auto}\n"
                "h1{font-size:24px}h2{font-size:17px;margin:0 0 8px}svg{max-width:100%;height:auto}\n"
                "figure{display:inline-block;margin:0 22px 12px 0}figcaption{font-size:14px}"
                ".histogram text{font-size:12px}\n"
                "table{border-collapse:collapse;font-size:14px}"
                "td,th{padding:3px 14px 3px 0;text-align:left;border-bottom:1px solid #eceff1}\n"
                "</style>\n</head>\n<body>\n<h1>",
                f);
    text(f, of);
    (void)fputs("</h1>\n", f);
    put_figures(f, r);
    bool ok = put_classes(f, r) && put_shares(f, r) && put_shown(f, r);
    put_columns(f, r);
    put_histograms(f, r);
    put_lists(f, r);
    (void)fputs("</body>\n</html>\n", f);
    bool written = !ferror(f);
    written = fclose(f) == 0 && written;
    if (!written)
        return cli_fail("%s cannot be written", path);
    return ok ? CLI_OK : CLI_FAILED;
}
