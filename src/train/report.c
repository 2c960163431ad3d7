/* report.c: see report.h. */
#include "train/report.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "train/plot/draw.h"

static const char head[] = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                           "<meta name=\"generator\" content=\"Tarn\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src "
                           "'unsafe-inline';img-src data:\">\n";

static const char style[] =
    "<style>\n"
    "body{font:15px/1.5 'DejaVu Sans',Verdana,'Helvetica "
    "Neue',Arial,sans-serif;color:#222;background:#f3f5f7;margin:0}\n"
    "main{max-width:1080px;margin:0 auto;padding:32px 16px 48px}\n"
    "h1{font-size:26px;margin:0 0 4px}h2{font-size:17px;margin:0 0 12px}\n"
    ".sub{color:#555;margin:0 0 20px}\n"
    "section{background:#fff;border:1px solid #e0e4e8;border-radius:8px;padding:20px;margin:0 0 16px;overflow-x:auto}\n"
    ".figures{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 16px}\n"
    ".figure{background:#fff;border:1px solid #e0e4e8;border-radius:8px;padding:12px 20px;min-width:120px}\n"
    ".figure b{display:block;font-size:24px;font-weight:600;color:#0072b2}\n"
    ".figure span{color:#555;font-size:13px}\n"
    ".plots{display:flex;flex-wrap:wrap;gap:8px}\n"
    "svg{max-width:100%;height:auto}\n"
    "table{border-collapse:collapse;font-size:14px}\n"
    "th,td{padding:4px 14px 4px 0;text-align:right;border-bottom:1px solid #eceff1;font-variant-numeric:tabular-nums}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    ".facts td{text-align:left;vertical-align:top}.facts td:first-child{color:#555;white-space:nowrap}\n"
    "tr.average td{font-weight:600}\n"
    "pre{margin:0;font:13px/1.45 'DejaVu Sans Mono',Consolas,monospace;white-space:pre-wrap}\n"
    "@media print{body{background:#fff}section{break-inside:avoid}}\n"
    "</style>\n";

/* Like plot_escape, but keeps line breaks and tabs: recipes have them. */
static void escape_lines(base_str *page, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n\t\r");
        char part[256];
        for (size_t at = 0; at < n;) {
            size_t take = n - at < sizeof part - 1 ? n - at : sizeof part - 1;
            while (take > 4 && at + take < n && ((unsigned char)text[at + take] & 0xC0) == 0x80)
                take--; /* not within a character */
            memcpy(part, text + at, take);
            part[take] = '\0';
            plot_escape(page, part);
            at += take;
        }
        text += n;
        if (*text) {
            if (*text != '\r')
                base_str_bytes(page, text, 1);
            text++;
        }
    }
}

static void element(base_str *page, const char *name, const char *text)
{
    base_str_printf(page, "<%s>", name);
    plot_escape(page, text ? text : "");
    base_str_printf(page, "</%s>", name);
}

/* Takes the plot: puts it on the page and frees it. */
static tn_status put_plot(base_str *page, tn_plot *plot, base_error *e)
{
    const char *svg = tn_plot_svg(plot);
    tn_status status = TN_OK;
    if (svg)
        base_str_add(page, svg);
    else if (!plot)
        status = base_no_memory(e, "drawing a report");
    else
        status = base_fail(e, plot->error.status, "%s", tn_plot_error(plot));
    tn_plot_free(plot);
    return status;
}

static void put_figures(base_str *page, const train_report *r)
{
    if (!r->figure_count)
        return;
    base_str_add(page, "<div class=\"figures\">\n");
    for (size_t i = 0; i < r->figure_count; i++) {
        base_str_add(page, "<div class=\"figure\">");
        element(page, "b", r->figures[i].value);
        element(page, "span", r->figures[i].name);
        base_str_add(page, "</div>\n");
    }
    base_str_add(page, "</div>\n");
}

static tn_status put_curves(base_str *page, const train_report *r, base_error *e)
{
    if (!r->curves_count)
        return TN_OK;
    base_str_add(page, "<section><h2>Curves</h2><div class=\"plots\">\n");
    for (size_t i = 0; i < r->curves_count; i++) {
        const train_report_curves *c = &r->curves[i];
        tn_plot_opt o = {.title = c->title, .x_label = c->x_label, .y_label = c->y_label, .log_y = c->log_y};
        o.width = 510;
        o.height = 340;
        BASE_TRY(put_plot(page, tn_plot_lines(c->series, c->count, &o), e));
    }
    base_str_add(page, "</div></section>\n");
    return TN_OK;
}

static void cell_f(base_str *page, double value)
{
    char text[32];
    base_str_printf(page, "<td>%s</td>", plot_fixed(text, sizeof text, value, 4));
}

static void put_average(base_str *page, const char *name, const train_average *a, int64_t total)
{
    base_str_printf(page, "<tr class=\"average\"><td>%s</td>", name);
    cell_f(page, a->precision);
    cell_f(page, a->recall);
    cell_f(page, a->f1);
    base_str_printf(page, "<td>%lld</td></tr>\n", (long long)total);
}

static void put_class(base_str *page, const train_report *r, int k)
{
    train_class_score s = train_confusion_class(r->confusion, k);
    base_str_add(page, "<tr>");
    if (r->class_names && r->class_names[k])
        element(page, "td", r->class_names[k]);
    else
        base_str_printf(page, "<td>%d</td>", k);
    cell_f(page, s.precision);
    cell_f(page, s.recall);
    cell_f(page, s.f1);
    base_str_printf(page, "<td>%lld</td></tr>\n", (long long)s.support);
}

static tn_status put_confusion(base_str *page, const train_report *r, base_error *e)
{
    const train_confusion *c = r->confusion;
    char accuracy[32], balanced[32], kappa[32];
    if (!c || c->classes < 1)
        return TN_OK;
    train_score s = train_confusion_score(c);
    base_str_add(page, "<section><h2>Classes</h2>\n<p class=\"sub\">");
    base_str_printf(page, "%lld of %lld right: accuracy %s, balanced accuracy %s, Cohen&#39;s kappa %s.</p>\n",
                    (long long)s.correct, (long long)s.total, plot_fixed(accuracy, sizeof accuracy, s.accuracy, 4),
                    plot_fixed(balanced, sizeof balanced, s.balanced_accuracy, 4),
                    plot_fixed(kappa, sizeof kappa, s.kappa, 4));
    base_str_add(page, "<div class=\"plots\">\n");
    BASE_TRY(put_plot(page, tn_plot_confusion(c->counts, (size_t)c->classes, r->class_names, NULL), e));
    base_str_add(page,
                 "<div><table><tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>samples</th></tr>\n");
    for (int k = 0; k < c->classes; k++)
        put_class(page, r, k);
    put_average(page, "mean of classes", &s.macro, s.total);
    put_average(page, "weighted by samples", &s.weighted, s.total);
    base_str_add(page, "</table></div></div></section>\n");
    return TN_OK;
}

static void put_many_classes(base_str *page, const train_report *r)
{
    if (r->many_classes > 0)
        base_str_printf(
            page,
            "<section><h2>Classes</h2>\n<p class=\"sub\">There are %d classes: above %d no confusion matrix is "
            "kept, and no table of them is shown.</p></section>\n",
            r->many_classes, TN_CONFUSION_CLASSES);
}

static tn_status put_samples(base_str *page, const train_report *r, base_error *e)
{
    if (!r->sample_count)
        return TN_OK;
    base_str_add(page, "<section><h2>Predictions</h2>\n");
    BASE_TRY(put_plot(page, tn_plot_pictures(r->samples, r->sample_count, r->sample_count < 9 ? 0 : 9, NULL), e));
    base_str_add(page, "</section>\n");
    return TN_OK;
}

static void put_facts(base_str *page, const char *title, const train_fact *facts, size_t n)
{
    if (!n)
        return;
    base_str_printf(page, "<section><h2>%s</h2><table class=\"facts\">\n", title);
    for (size_t i = 0; i < n; i++) {
        base_str_add(page, "<tr>");
        element(page, "td", facts[i].name);
        element(page, "td", facts[i].value);
        base_str_add(page, "</tr>\n");
    }
    base_str_add(page, "</table></section>\n");
}

tn_status train_report_html(const train_report *r, base_str *page, base_error *e)
{
    const char *title = r->title ? r->title : "Tarn run";
    base_str_add(page, head);
    element(page, "title", title);
    base_str_add(page, "\n");
    base_str_add(page, style);
    base_str_add(page, "</head>\n<body>\n<main>\n");
    element(page, "h1", title);
    base_str_add(page, "\n<p class=\"sub\">");
    plot_escape(page, r->summary ? r->summary : "");
    base_str_add(page, "</p>\n");
    put_figures(page, r);
    BASE_TRY(put_curves(page, r, e));
    BASE_TRY(put_confusion(page, r, e));
    put_many_classes(page, r);
    BASE_TRY(put_samples(page, r, e));
    if (r->recipe && *r->recipe) {
        base_str_add(page, "<section><h2>Recipe</h2><pre>");
        escape_lines(page, r->recipe);
        base_str_add(page, "</pre></section>\n");
    }
    put_facts(page, "Environment", r->environment, r->environment_count);
    base_str_add(page, "</main>\n</body>\n</html>\n");
    return page->failed ? base_no_memory(e, "writing a report") : TN_OK;
}

tn_status train_report_write(const train_report *r, const char *path, base_error *e)
{
    base_str page = {0};
    tn_status status = train_report_html(r, &page, e);
    if (status == TN_OK)
        status = base_file_write(path, page.text, page.length, e);
    base_str_free(&page);
    return status;
}
