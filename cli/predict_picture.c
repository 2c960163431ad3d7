/* predict_picture.c: see predict_picture.h. */
#include "predict_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_SEEN = 255 };

/* Where a pixel of the file's picture lies in what the model saw: x * scale - off. */
typedef struct frame {
    int64_t width, height, model_width, model_height;
    double scale_x, scale_y, off_x, off_y;
} frame;

static frame frame_of(const cli_picture *p)
{
    const tn_shape in = tn_tensor_shape(tn_model_input(p->m));
    const char *step = tn_model_preprocess(p->m)->step;
    frame f = {
        p->width ? p->width : in.dims[3], p->height ? p->height : in.dims[2], in.dims[3], in.dims[2], 0, 0, 0, 0};
    f.scale_x = (double)f.model_width / (double)f.width;
    f.scale_y = (double)f.model_height / (double)f.height;
    if (step && (strcmp(step, "crop") == 0 || strcmp(step, "pad") == 0)) {
        f.scale_x = f.scale_y = *step == 'c' ? fmax(f.scale_x, f.scale_y) : fmin(f.scale_x, f.scale_y);
        f.off_x = ((double)f.width * f.scale_x - (double)f.model_width) / 2;
        f.off_y = ((double)f.height * f.scale_y - (double)f.model_height) / 2;
    }
    return f;
}

/* ---- boxes --------------------------------------------------------------------------------------------------------- */

static double back(float at, double off, double scale, int64_t size)
{
    return fmin(fmax(((double)at + off) / scale, 0), (double)size);
}

static void show_box(const cli_picture *p, const frame *f, const tn_detection *d, bool first)
{
    const double at[] = {back(d->left, f->off_x, f->scale_x, f->width), back(d->top, f->off_y, f->scale_y, f->height),
                         back(d->right, f->off_x, f->scale_x, f->width),
                         back(d->bottom, f->off_y, f->scale_y, f->height)};
    if (!p->a->json) {
        (void)printf("%s %s (%.1f%%) %.0f %.0f %.0f %.0f", first ? "" : ",", tn_model_label(p->m, d->of_class),
                     100 * (double)d->score, at[0], at[1], at[2], at[3]);
        return;
    }
    (void)fputs(first ? "{\"label\":" : ",{\"label\":", stdout);
    cli_json_string(stdout, tn_model_label(p->m, d->of_class));
    (void)fputs(",\"score\":", stdout);
    cli_json_number(stdout, (double)d->score);
    (void)printf(",\"box\":[%.1f,%.1f,%.1f,%.1f]}", at[0], at[1], at[2], at[3]);
}

int cli_show_boxes(const cli_picture *p, const tn_view *output)
{
    enum { MOST = 100 };
    static const double LEAST = 0.3, OVERLAP = 0.6;
    tn_detection found[MOST];
    const frame f = frame_of(p);
    const int n = tn_detections(output->data, output->dims[1], tn_model_labels(p->m), LEAST, OVERLAP, found, MOST);
    if (p->a->json) {
        (void)fputs("{\"file\":", stdout);
        cli_json_string(stdout, p->file);
        (void)fputs(",\"boxes\":[", stdout);
    } else {
        (void)printf("%s:%s", p->file, n ? "" : " nothing was found");
    }
    for (int i = 0; i < n; i++)
        show_box(p, &f, &found[i], i == 0);
    (void)fputs(p->a->json ? "]}\n" : "\n", stdout);
    return CLI_OK;
}

/* ---- masks --------------------------------------------------------------------------------------------------------- */

bool cli_gives_masks(const tn_model *m, const tn_view *output, int64_t pixels)
{
    const int labels = tn_model_labels(m);
    return labels > 0 && labels <= NOT_SEEN && output->rank == 3 && output->dims[1] == pixels &&
           output->dims[2] == labels;
}

/* The class of each pixel, and how many pixels of each class there are. */
static void fill_mask(const frame *f, const tn_view *output, int classes, tn_picture *mask, int64_t *counts)
{
    const float *of = output->data;
    for (int64_t y = 0; y < f->height; y++)
        for (int64_t x = 0; x < f->width; x++) {
            const double mx = floor(((double)x + 0.5) * f->scale_x - f->off_x);
            const double my = floor(((double)y + 0.5) * f->scale_y - f->off_y);
            uint8_t *to = &mask->pixels[y * f->width + x];
            *to = NOT_SEEN;
            if (mx < 0 || my < 0 || mx >= (double)f->model_width || my >= (double)f->model_height)
                continue;
            const float *scores = of + ((int64_t)my * f->model_width + (int64_t)mx) * classes;
            int best = 0;
            for (int k = 1; k < classes; k++)
                best = scores[k] > scores[best] ? k : best;
            *to = (uint8_t)best;
            counts[best]++;
        }
}

/* Of photos/a.jpg the a. */
static const char *stem_of(const char *file, size_t *n)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file, *point = strrchr(name, '.');
    *n = point && point > name ? (size_t)(point - name) : strlen(name);
    return name;
}

/* A file that was named before and whose mask has the same name; NULL: none. */
static const char *same_mask(const cli_picture *p)
{
    size_t n, m;
    const char *name = stem_of(p->file, &n);
    for (int i = 1; i < p->a->n && p->a->at[i] != p->file; i++) {
        const char *other = stem_of(p->a->at[i], &m);
        if (m == n && memcmp(name, other, n) == 0 && strcmp(p->a->at[i], p->file) != 0)
            return p->a->at[i];
    }
    return NULL;
}

/* photos/a.jpg becomes TO/a.mask.png. */
static char *mask_path(const cli_picture *p)
{
    size_t n;
    const char *name = stem_of(p->file, &n), *to = p->a->to ? p->a->to : ".";
    const size_t bytes = strlen(to) + n + 16;
    char *path = malloc(bytes);
    if (path)
        (void)snprintf(path, bytes, "%s/%.*s.mask.png", to, (int)n, name);
    return path;
}

static void tell_mask(const cli_picture *p, const char *path, const int64_t *counts, int classes, int64_t pixels)
{
    bool first = true;
    if (p->a->json) {
        (void)fputs("{\"file\":", stdout);
        cli_json_string(stdout, p->file);
        (void)fputs(",\"mask\":", stdout);
        cli_json_string(stdout, path);
        (void)fputs(",\"pixels\":{", stdout);
    } else {
        (void)printf("%s: %s:", p->file, path);
    }
    for (int k = 0; k < classes; k++) {
        if (counts[k] == 0)
            continue;
        if (p->a->json) {
            (void)fputs(first ? "" : ",", stdout);
            cli_json_string(stdout, tn_model_label(p->m, k));
            (void)printf(":%lld", (long long)counts[k]);
        } else {
            (void)printf("%s %s (%.1f%%)", first ? "" : ",", tn_model_label(p->m, k),
                         100 * (double)counts[k] / (double)pixels);
        }
        first = false;
    }
    (void)fputs(p->a->json ? "}}\n" : "\n", stdout);
}

int cli_show_mask(const cli_picture *p, const tn_view *output)
{
    const frame f = frame_of(p);
    const int classes = tn_model_labels(p->m);
    int64_t counts[NOT_SEEN] = {0};
    const char *same = same_mask(p);
    if (same)
        return cli_fail("the mask of %s would take the place of that of %s; predict it by itself, with another --to",
                        p->file, same);
    char *path = mask_path(p);
    tn_picture *mask = path ? tn_picture_new(p->c, f.width, f.height, 1) : NULL;
    int code = mask ? CLI_OK : cli_fail("%s", path ? tn_context_error(p->c) : "out of memory");
    if (mask) {
        fill_mask(&f, output, classes, mask, counts);
        if (tn_picture_write_png(p->c, mask, path) != TN_OK)
            code = cli_fail("%s", tn_context_error(p->c));
        else
            tell_mask(p, path, counts, classes, f.width * f.height);
    }
    tn_picture_free(mask);
    free(path);
    return code;
}
