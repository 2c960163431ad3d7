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

void cli_masks_free(cli_masks *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->at[i].path);
        free(m->at[i].file);
    }
    free(m->at);
    *m = (cli_masks){0};
}

/* Where the path stands, or would. */
static size_t place_of(const cli_masks *m, const char *path, bool *there)
{
    size_t low = 0, high = m->n;
    *there = false;
    while (low < high && !*there) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(path, m->at[middle].path);
        *there = order == 0;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *there ? high : low;
}

/* Notes the path, which is kept. False: memory is out, or another file's mask has it (*other: that file). */
static bool note_mask(cli_masks *m, const char *path, const char *file, const char **other)
{
    bool there;
    const size_t i = place_of(m, path, &there);
    *other = there && strcmp(m->at[i].file, file) != 0 ? m->at[i].file : NULL;
    if (there)
        return !*other;
    if (m->n == m->room) {
        const size_t room = m->room ? 2 * m->room : 64;
        void *more = realloc(m->at, room * sizeof *m->at);
        if (!more)
            return false;
        m->at = more;
        m->room = room;
    }
    char *own = strdup(path), *of = strdup(file);
    if (!own || !of) {
        free(own);
        free(of);
        return false;
    }
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof *m->at);
    m->at[i].path = own;
    m->at[i].file = of;
    m->n++;
    return true;
}

/* photos/a.jpg becomes TO/a.mask.png; x/a.jpg within a folder or archive TO/x/a.mask.png. */
static char *mask_path(const cli_picture *p)
{
    const char *name = p->within ? p->within : strrchr(p->file, '/') ? strrchr(p->file, '/') + 1 : p->file;
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *point = strrchr(base, '.');
    const char *to = p->a->to ? p->a->to : ".";
    const size_t n = point && point > base ? (size_t)(point - name) : strlen(name), bytes = strlen(to) + n + 16;
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
    const char *other = NULL;
    char *path = mask_path(p);
    if (path && !note_mask(p->masks, path, p->file, &other) && other) {
        free(path);
        return cli_fail("the mask of %s would take the place of that of %s; predict it by itself, with another --to",
                        p->file, other);
    }
    int code = !path ? cli_fail("out of memory") : cli_make_folder_of(path) ? CLI_OK : CLI_FAILED;
    tn_picture *mask = code == CLI_OK ? tn_picture_new(p->c, f.width, f.height, 1) : NULL;
    if (code == CLI_OK && !mask)
        code = cli_fail("%s", tn_context_error(p->c));
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
