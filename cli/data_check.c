/* data_check.c: tarn data check: the report of <tarn/check.h> on a screen or as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

enum { SHOWN = 48, MOST_CLASSES = 30 };

static void print_pairs(const char *title, const tn_check_pair *pairs, size_t n, int64_t total)
{
    if (total == 0)
        return;
    (void)printf("\n%s: %lld\n", title, (long long)total);
    for (size_t i = 0; i < n; i++) {
        (void)printf("  %s  =  %s", pairs[i].second, pairs[i].first);
        if (pairs[i].distance > 0)
            (void)printf("  (%d of 64 bits differ)", pairs[i].distance);
        (void)putchar('\n');
    }
    if (total > (int64_t)n)
        (void)printf("  and %lld more\n", (long long)(total - (int64_t)n));
}

static void print_samples(const tn_data_report *r)
{
    for (int k = 0; k < TN_SAMPLES_KINDS; k++) {
        int64_t all = 0;
        const char *comma = " (";
        for (int p = 0; p < TN_PARTS; p++)
            all += r->samples[k][p];
        if (all == 0)
            continue;
        (void)printf("%-14s %lld", tn_samples_name(k), (long long)all);
        for (int p = 1; p < TN_PARTS; p++)
            if (r->samples[k][p]) {
                (void)printf("%s%s %lld", comma, tn_part_name(p), (long long)r->samples[k][p]);
                comma = ", ";
            }
        (void)puts(*comma == ',' ? ")" : "");
    }
    for (size_t i = 0; i < r->n_spreads; i++)
        (void)printf("%-14s %.6g to %.6g, mean %.6g\n", r->spreads[i].name, r->spreads[i].min, r->spreads[i].max,
                     r->spreads[i].mean);
}

static void print_classes(const tn_data_report *r)
{
    bool used[TN_PARTS] = {false};
    if (r->n_classes == 0)
        return;
    (void)printf("\nclasses: %zu\n", r->n_classes);
    for (size_t i = 0; i < r->n_classes; i++)
        for (int p = 0; p < TN_PARTS; p++)
            used[p] |= r->classes[i].count[p] > 0;
    for (size_t i = 0; i < r->n_classes && i < MOST_CLASSES; i++) {
        (void)printf("  %-20s", r->classes[i].name);
        for (int p = 0; p < TN_PARTS; p++)
            if (used[p])
                (void)printf("  %s%s%lld", tn_part_name(p), p ? " " : "", (long long)r->classes[i].count[p]);
        (void)putchar('\n');
    }
    if (r->n_classes > MOST_CLASSES)
        (void)printf("  and %zu more\n", r->n_classes - MOST_CLASSES);
}

/* Of the pixels of all masks. */
static void print_shares(const tn_data_report *r)
{
    bool used[TN_PARTS] = {false};
    int64_t all = 0;
    for (size_t i = 0; i < r->n_pixels; i++) {
        all += r->pixels[i].pixels;
        for (int p = 0; p < TN_PARTS; p++)
            used[p] |= r->pixels[i].masks[p] > 0;
    }
    (void)fputs(r->n_pixels ? "\nclasses of masks\n" : "", stdout);
    for (size_t i = 0; i < r->n_pixels; i++) {
        const tn_check_pixels *one = &r->pixels[i];
        (void)printf("  %3d %-20s %7.3f%% of pixels, in masks:", one->value,
                     one->name           ? one->name
                     : one->value == 255 ? "(does not count)"
                                         : "",
                     100 * (double)one->pixels / (double)(all ? all : 1));
        for (int p = 0; p < TN_PARTS; p++)
            if (used[p])
                (void)printf("  %s%s%lld", tn_part_name(p), p ? " " : "", (long long)one->masks[p]);
        (void)putchar('\n');
    }
}

static void print_columns(const tn_data_report *r)
{
    const char *path = "";
    for (size_t i = 0; i < r->n_columns; i++) {
        const tn_check_column *c = &r->columns[i];
        if (strcmp(path, c->path) != 0)
            (void)printf("\n%s\n  %-24s %-14s %9s %8s %8s %11s %11s %11s %11s\n", c->path, "", "", "count", "missing",
                         "distinct", "mean", "std", "min", "max");
        path = c->path;
        (void)printf("  %-24.24s %-14.24s %9lld %8lld ", c->name, c->type, (long long)c->count, (long long)c->missing);
        if (c->distinct >= 0)
            (void)printf("%8lld", (long long)c->distinct);
        else
            (void)printf("%8s", "");
        const double figures[] = {c->mean, c->std, c->min, c->max};
        for (int k = 0; k < 4 && isfinite(c->mean); k++)
            (void)printf(" %11.5g", figures[k]);
        (void)putchar('\n');
    }
}

static void print_bad(const char *title, const tn_check_bad *bad, size_t n, int64_t total)
{
    if (total == 0)
        return;
    (void)printf("\n%s: %lld\n", title, (long long)total);
    for (size_t i = 0; i < n; i++)
        (void)printf("  %s: %s\n", bad[i].path, bad[i].reason);
    if (total > (int64_t)n && n)
        (void)printf("  and more: %zu are named\n", n);
}

static void print_report(const tn_data_report *r, const char *path)
{
    (void)printf("%s: %lld files, %lld bytes", path, (long long)r->files, (long long)r->bytes);
    if (r->others)
        (void)printf(", %lld files that are no samples", (long long)r->others);
    (void)putchar('\n');
    print_samples(r);
    print_classes(r);
    print_shares(r);
    print_columns(r);
    print_bad("cannot be read", r->bad, r->n_bad, r->bad_total);
    print_bad("boxes that are outside of their picture, or have no area", r->outside, r->n_outside, r->outside_total);
    print_pairs("in two parts (leaks)", r->leaks, r->n_leaks, r->leak_total);
    print_pairs("in two classes", r->clashes, r->n_clashes, r->clash_total);
    print_pairs("equal to an earlier one", r->equal, r->n_equal, r->equal_total);
    print_pairs("look alike", r->near, r->n_near, r->near_total);
    if (r->n_notes)
        (void)puts("\nnotes");
    for (size_t i = 0; i < r->n_notes; i++)
        (void)printf("  %s\n", r->notes[i]);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void json_text(const char *key, const char *value)
{
    (void)printf("\"%s\":", key);
    cli_json_string(stdout, value);
}

static void json_count(const char *key, int64_t value)
{
    (void)printf(",\"%s\":%lld", key, (long long)value);
}

static void json_figure(const char *key, double value)
{
    (void)printf(",\"%s\":", key);
    cli_json_number(stdout, value);
}

static void json_parts(const int64_t counts[TN_PARTS])
{
    for (int p = 0; p < TN_PARTS; p++)
        (void)printf("%s\"%s\":%lld", p ? "," : "{", p ? tn_part_name(p) : "none", (long long)counts[p]);
    (void)putchar('}');
}

static void json_pairs(const char *key, const tn_check_pair *pairs, size_t n, int64_t total)
{
    (void)printf(",\"%s\":{\"total\":%lld,\"pairs\":[", key, (long long)total);
    for (size_t i = 0; i < n; i++) {
        (void)fputs(i ? ",{" : "{", stdout);
        json_text("first", pairs[i].first);
        (void)putchar(',');
        json_text("second", pairs[i].second);
        json_count("distance", pairs[i].distance);
        (void)putchar('}');
    }
    (void)fputs("]}", stdout);
}

static void json_columns(const tn_data_report *r)
{
    (void)fputs(",\"columns\":[", stdout);
    for (size_t i = 0; i < r->n_columns; i++) {
        const tn_check_column *c = &r->columns[i];
        (void)fputs(i ? ",{" : "{", stdout);
        json_text("path", c->path);
        (void)putchar(',');
        json_text("name", c->name);
        (void)putchar(',');
        json_text("type", c->type);
        json_count("count", c->count);
        json_count("missing", c->missing);
        if (c->distinct >= 0)
            json_count("distinct", c->distinct);
        json_figure("mean", c->mean);
        json_figure("std", c->std);
        json_figure("min", c->min);
        json_figure("max", c->max);
        for (int k = 0; k < c->n_bins; k++)
            (void)printf("%s%lld", k ? "," : ",\"bins\":[", (long long)c->bins[k]);
        (void)fputs(c->n_bins ? "]}" : "}", stdout);
    }
    (void)putchar(']');
}

static void json_samples(const tn_data_report *r)
{
    (void)fputs(",\"samples\":{", stdout);
    for (int k = 0; k < TN_SAMPLES_KINDS; k++) {
        (void)printf("%s\"%s\":", k ? "," : "", tn_samples_name(k));
        json_parts(r->samples[k]);
    }
    (void)fputs("},\"classes\":{", stdout);
    for (size_t i = 0; i < r->n_classes; i++) {
        (void)fputs(i ? "," : "", stdout);
        cli_json_string(stdout, r->classes[i].name);
        (void)putchar(':');
        json_parts(r->classes[i].count);
    }
    (void)fputs("},\"masks\":[", stdout);
    for (size_t i = 0; i < r->n_pixels; i++) {
        (void)printf("%s{\"class\":%d", i ? "," : "", r->pixels[i].value);
        if (r->pixels[i].name) {
            (void)putchar(',');
            json_text("name", r->pixels[i].name);
        }
        json_count("pixels", r->pixels[i].pixels);
        (void)fputs(",\"masks\":", stdout);
        json_parts(r->pixels[i].masks);
        (void)putchar('}');
    }
    (void)fputs("],\"sizes\":{", stdout);
    for (size_t i = 0; i < r->n_spreads; i++) {
        (void)printf("%s\"%s\":{\"mean\":", i ? "," : "", r->spreads[i].name);
        cli_json_number(stdout, r->spreads[i].mean);
        json_figure("min", r->spreads[i].min);
        json_figure("max", r->spreads[i].max);
        (void)putchar('}');
    }
    (void)putchar('}');
}

static void json_bad(const char *key, const char *list, const tn_check_bad *bad, size_t n, int64_t total)
{
    (void)printf(",\"%s\":{\"total\":%lld,\"%s\":[", key, (long long)total, list);
    for (size_t i = 0; i < n; i++) {
        (void)fputs(i ? ",{" : "{", stdout);
        json_text("path", bad[i].path);
        (void)putchar(',');
        json_text("reason", bad[i].reason);
        (void)putchar('}');
    }
    (void)fputs("]}", stdout);
}

static void print_json(const tn_data_report *r, const char *path)
{
    (void)putchar('{');
    json_text("path", path);
    json_count("files", r->files);
    json_count("bytes", r->bytes);
    json_count("others", r->others);
    json_samples(r);
    json_bad("bad", "files", r->bad, r->n_bad, r->bad_total);
    json_bad("outside", "boxes", r->outside, r->n_outside, r->outside_total);
    json_pairs("leaks", r->leaks, r->n_leaks, r->leak_total);
    json_pairs("clashes", r->clashes, r->n_clashes, r->clash_total);
    json_pairs("equal", r->equal, r->n_equal, r->equal_total);
    json_pairs("near", r->near, r->n_near, r->near_total);
    json_columns(r);
    (void)fputs(",\"notes\":[", stdout);
    for (size_t i = 0; i < r->n_notes; i++) {
        (void)fputs(i ? "," : "", stdout);
        cli_json_string(stdout, r->notes[i]);
    }
    (void)puts("]}");
}

int cli_data_check(const cli_args *a)
{
    bool known = cli_data_is_set(a->at[1]);
    char *place = known ? cli_data_place(a->at[1], 0) : NULL;
    tn_context *c = known && !place ? NULL : cli_context(a, 0);
    const char *path = place ? place : a->at[1];
    if (!c)
        return free(place), CLI_FAILED;
    tn_check_opt opt = {.shown = a->html ? SHOWN : 0};
    tn_data_report *r = tn_data_check(c, path, &opt);
    int code = r ? CLI_OK : cli_fail("%s", tn_context_error(c));
    if (r && a->json)
        print_json(r, path);
    else if (r)
        print_report(r, path);
    if (r && a->html)
        code = cli_data_write_page(r, path, a->html);
    tn_data_report_free(r);
    tn_context_free(c);
    free(place);
    return code;
}
