/* steps.c: the steps of pipelines, one function each, and the table of their names and parameters. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture/colour.h"
#include "data/picture/pipeline.h"
#include "data/picture/policy.h"
#include "data/picture/warp.h"

static double between(base_random *r, double low, double high)
{
    return low + (high - low) * base_random_f64(r);
}

static double spread(base_random *r, double most)
{
    return between(r, -most, most);
}

/* ---- sizes and crops ------------------------------------------------------------------------------------------- */

static picture_filter filter_of(double v)
{
    return (picture_filter)(int)v;
}

static data_part whole(int64_t width, int64_t height, double to_width, double to_height)
{
    return (data_part){0, 0, width, height, (int64_t)to_width, (int64_t)to_height};
}

static tn_status scale_part(step_run *r, picture_scene *s, const data_part *part, double filter, double antialias)
{
    const data_part *p = r->hint && r->hint->used ? &r->hint->part : part;
    picture_scaling how = {.left = p->left,
                           .top = p->top,
                           .width = p->width,
                           .height = p->height,
                           .to_width = p->to_width,
                           .to_height = p->to_height,
                           .filter = filter_of(filter),
                           .plain_filter = antialias == 0,
                           .mirror = r->mirror};
    return scene_scale(s, &how, r->e);
}

enum { HEIGHT, WIDTH };

static bool resize_part(const picture_step *step, base_random random, int64_t width, int64_t height, data_part *part)
{
    (void)random;
    *part = whole(width, height, step->v[WIDTH], step->v[HEIGHT]);
    return true;
}

static tn_status run_resize(step_run *r, picture_scene *s)
{
    data_part part;
    (void)resize_part(r->step, r->random, s->picture->width, s->picture->height, &part);
    return scale_part(r, s, &part, r->step->v[2], r->step->v[3]);
}

/* The shorter side becomes `size`. */
static bool shorter_part(const picture_step *step, base_random random, int64_t width, int64_t height, data_part *part)
{
    double size = step->v[0], w = (double)width, h = (double)height;
    (void)random;
    *part = width <= height ? whole(width, height, size, fmax(1, floor(size * h / w)))
                            : whole(width, height, fmax(1, floor(size * w / h)), size);
    return true;
}

static tn_status run_resize_shorter(step_run *r, picture_scene *s)
{
    data_part part;
    (void)shorter_part(r->step, r->random, s->picture->width, s->picture->height, &part);
    return scale_part(r, s, &part, r->step->v[1], r->step->v[2]);
}

/* Borders where the picture is smaller than what is to be cut out. */
static tn_status pad_to(step_run *r, picture_scene *s, int64_t width, int64_t height, double fill)
{
    int64_t dx = width > s->picture->width ? width - s->picture->width : 0;
    int64_t dy = height > s->picture->height ? height - s->picture->height : 0;
    return scene_pad(s, dx / 2, dy / 2, dx - dx / 2, dy - dy / 2, fill, r->e);
}

static tn_status run_centre_crop(step_run *r, picture_scene *s)
{
    int64_t height = (int64_t)r->step->v[HEIGHT], width = (int64_t)r->step->v[WIDTH];
    BASE_TRY(pad_to(r, s, width, height, r->step->v[2]));
    /* halves to even, as Python's round: the middle that torchvision cuts out */
    int64_t left = (int64_t)nearbyint((double)(s->picture->width - width) / 2);
    int64_t top = (int64_t)nearbyint((double)(s->picture->height - height) / 2);
    return scene_crop(s, left, top, width, height, r->e);
}

static tn_status run_random_crop(step_run *r, picture_scene *s)
{
    int64_t height = (int64_t)r->step->v[HEIGHT], width = (int64_t)r->step->v[WIDTH];
    int64_t padding = (int64_t)r->step->v[2];
    double fill = r->step->v[3];
    BASE_TRY(scene_pad(s, padding, padding, padding, padding, fill, r->e));
    BASE_TRY(pad_to(r, s, width, height, fill));
    int64_t top = (int64_t)base_random_below(&r->random, (uint64_t)(s->picture->height - height + 1));
    int64_t left = (int64_t)base_random_below(&r->random, (uint64_t)(s->picture->width - width + 1));
    return scene_crop(s, left, top, width, height, r->e);
}

static tn_status run_pad(step_run *r, picture_scene *s)
{
    int64_t n = (int64_t)r->step->v[0];
    return scene_pad(s, n, n, n, n, r->step->v[1], r->e);
}

/* A part of random area and aspect; after ten that do not fit, the largest in the middle whose aspect is allowed. */
static bool resized_crop_part(const picture_step *step, base_random random, int64_t width, int64_t height,
                              data_part *part)
{
    const double *v = step->v;
    double area = (double)width * (double)height;
    *part = whole(width, height, v[WIDTH], v[HEIGHT]);
    for (int i = 0; i < 10; i++) {
        double size = area * between(&random, v[2], v[3]);
        double ratio = exp(between(&random, log(v[4]), log(v[5])));
        int64_t w = (int64_t)floor(sqrt(size * ratio) + 0.5), h = (int64_t)floor(sqrt(size / ratio) + 0.5);
        if (w < 1 || h < 1 || w > width || h > height)
            continue;
        part->top = (int64_t)base_random_below(&random, (uint64_t)(height - h + 1));
        part->left = (int64_t)base_random_below(&random, (uint64_t)(width - w + 1));
        part->width = w;
        part->height = h;
        return true;
    }
    double ratio = (double)width / (double)height;
    if (ratio < v[4])
        part->height = (int64_t)fmax(1, floor((double)width / v[4] + 0.5));
    else if (ratio > v[5])
        part->width = (int64_t)fmax(1, floor((double)height * v[5] + 0.5));
    part->left = (width - part->width) / 2;
    part->top = (height - part->height) / 2;
    return true;
}

static tn_status run_random_resized_crop(step_run *r, picture_scene *s)
{
    data_part part;
    (void)resized_crop_part(r->step, r->random, s->picture->width, s->picture->height, &part);
    return scale_part(r, s, &part, r->step->v[6], r->step->v[7]);
}

/* ---- moves ----------------------------------------------------------------------------------------------------- */

static tn_status run_flip_horizontal(step_run *r, picture_scene *s)
{
    return scene_flip(s, true, r->e);
}

static tn_status run_flip_vertical(step_run *r, picture_scene *s)
{
    return scene_flip(s, false, r->e);
}

static tn_status run_rotate(step_run *r, picture_scene *s)
{
    double m[9], angle = spread(&r->random, r->step->v[0]);
    warp_affine_map((double)s->picture->width, (double)s->picture->height, -angle, 0, 0, 1, 0, 0, m);
    return warp_map(s, m, filter_of(r->step->v[1]), r->step->v[2], r->e);
}

static tn_status run_affine(step_run *r, picture_scene *s)
{
    const double *v = r->step->v;
    double m[9], w = (double)s->picture->width, h = (double)s->picture->height;
    double angle = spread(&r->random, v[0]), dx = spread(&r->random, v[1] * w), dy = spread(&r->random, v[2] * h);
    double scale = between(&r->random, v[3], v[4]), shear_x = spread(&r->random, v[5]);
    double shear_y = spread(&r->random, v[6]);
    warp_affine_map(w, h, angle, floor(dx + 0.5), floor(dy + 0.5), scale, shear_x, shear_y, m);
    return warp_map(s, m, filter_of(v[7]), v[8], r->e);
}

/* Every corner moves inwards by up to distortion / 2 of the sides. */
static tn_status run_perspective(step_run *r, picture_scene *s)
{
    double w = (double)s->picture->width, h = (double)s->picture->height, d = r->step->v[0] / 2, m[9];
    double from[4][2], to[4][2] = {{0, 0}, {w, 0}, {w, h}, {0, h}};
    for (int i = 0; i < 4; i++) {
        double dx = between(&r->random, 0, d * w), dy = between(&r->random, 0, d * h);
        from[i][0] = to[i][0] > 0 ? w - dx : dx;
        from[i][1] = to[i][1] > 0 ? h - dy : dy;
    }
    return warp_corners(from, to, m) ? warp_map(s, m, filter_of(r->step->v[1]), r->step->v[2], r->e) : TN_OK;
}

static tn_status run_elastic(step_run *r, picture_scene *s)
{
    const double *v = r->step->v;
    return warp_elastic(s, v[0], v[1], filter_of(v[2]), v[3], &r->random, r->e);
}

/* ---- colours --------------------------------------------------------------------------------------------------- */

/* The four in a random order. */
static tn_status run_colour_jitter(step_run *r, picture_scene *s)
{
    int order[4] = {0, 1, 2, 3};
    for (int i = 3; i > 0; i--) {
        int j = (int)base_random_below(&r->random, (uint64_t)i + 1), keep = order[i];
        order[i] = order[j];
        order[j] = keep;
    }
    for (int i = 0; i < 4; i++) {
        double most = r->step->v[order[i]], u = spread(&r->random, 1);
        double factor = 1 + u * most < 0 ? 0 : 1 + u * most;
        if (most == 0)
            continue;
        switch (order[i]) {
        case 0: colour_brightness(s->picture, factor); break;
        case 1: colour_contrast(s->picture, factor); break;
        case 2: colour_saturation(s->picture, factor); break;
        default: colour_hue(s->picture, u * most); break;
        }
    }
    return TN_OK;
}

static tn_status run_grey(step_run *r, picture_scene *s)
{
    (void)r;
    colour_grey(s->picture);
    return TN_OK;
}

static tn_status run_invert(step_run *r, picture_scene *s)
{
    (void)r;
    colour_invert(s->picture);
    return TN_OK;
}

static tn_status run_posterize(step_run *r, picture_scene *s)
{
    colour_posterize(s->picture, (int)r->step->v[0]);
    return TN_OK;
}

static tn_status run_solarize(step_run *r, picture_scene *s)
{
    colour_solarize(s->picture, (int)r->step->v[0]);
    return TN_OK;
}

static tn_status run_autocontrast(step_run *r, picture_scene *s)
{
    (void)r;
    colour_autocontrast(s->picture);
    return TN_OK;
}

static tn_status run_equalize(step_run *r, picture_scene *s)
{
    (void)r;
    colour_equalize(s->picture);
    return TN_OK;
}

static tn_status run_sharpness(step_run *r, picture_scene *s)
{
    return colour_sharpness(s->picture, r->step->v[0], r->e);
}

static tn_status run_blur(step_run *r, picture_scene *s)
{
    int kernel = (int)r->step->v[0] | 1;
    return colour_blur(s->picture, kernel, between(&r->random, r->step->v[1], r->step->v[2]), r->e);
}

static tn_status run_noise(step_run *r, picture_scene *s)
{
    colour_noise(s->picture, r->step->v[0], &r->random);
    return TN_OK;
}

/* ---- holes ----------------------------------------------------------------------------------------------------- */

static void fill_part(tn_picture *p, int64_t left, int64_t top, int64_t width, int64_t height, double fill,
                      base_random *noise)
{
    for (int64_t y = top; y < top + height; y++)
        for (int64_t i = left * p->channels; i < (left + width) * p->channels; i++)
            p->pixels[y * p->width * p->channels + i] = noise ? (uint8_t)base_random_u32(noise) : (uint8_t)lrint(fill);
}

static tn_status run_erase(step_run *r, picture_scene *s)
{
    const double *v = r->step->v;
    tn_picture *p = s->picture;
    double area = (double)p->width * (double)p->height;
    for (int i = 0; i < 10; i++) {
        double size = area * between(&r->random, v[0], v[1]);
        double ratio = exp(between(&r->random, log(v[2]), log(v[3])));
        int64_t h = (int64_t)floor(sqrt(size * ratio) + 0.5), w = (int64_t)floor(sqrt(size / ratio) + 0.5);
        if (w < 1 || h < 1 || w >= p->width || h >= p->height)
            continue;
        int64_t top = (int64_t)base_random_below(&r->random, (uint64_t)(p->height - h + 1));
        int64_t left = (int64_t)base_random_below(&r->random, (uint64_t)(p->width - w + 1));
        fill_part(p, left, top, w, h, v[4], v[5] != 0 ? &r->random : NULL);
        break;
    }
    return TN_OK;
}

/* A square around a random pixel; what reaches over the border is cut. */
static tn_status run_cutout(step_run *r, picture_scene *s)
{
    tn_picture *p = s->picture;
    int64_t size = (int64_t)r->step->v[0];
    int64_t left = (int64_t)base_random_below(&r->random, (uint64_t)p->width) - size / 2;
    int64_t top = (int64_t)base_random_below(&r->random, (uint64_t)p->height) - size / 2;
    int64_t right = left + size < p->width ? left + size : p->width;
    int64_t bottom = top + size < p->height ? top + size : p->height;
    left = left > 0 ? left : 0;
    top = top > 0 ? top : 0;
    fill_part(p, left, top, right - left, bottom - top, r->step->v[1], NULL);
    return TN_OK;
}

/* ---- several together ------------------------------------------------------------------------------------------ */

static tn_status run_randaugment(step_run *r, picture_scene *s)
{
    const double *v = r->step->v;
    return policy_rand(s, (int)v[0], (int)v[1], (int)v[2], filter_of(v[3]), v[4], &r->random, r->e);
}

static tn_status run_autoaugment(step_run *r, picture_scene *s)
{
    const double *v = r->step->v;
    return policy_auto(s, (int)v[0], filter_of(v[1]), v[2], &r->random, r->e);
}

static void paste(tn_picture *to, const tn_picture *from, int64_t left, int64_t top)
{
    size_t channels = (size_t)to->channels;
    for (int64_t y = 0; y < from->height; y++)
        memcpy(to->pixels + (size_t)((y + top) * to->width + left) * channels,
               from->pixels + (size_t)(y * from->width) * channels, (size_t)from->width * channels);
}

/* A quarter: the other picture scaled into it, its boxes added. */
static tn_status place_quarter(step_run *r, picture_scene *all, picture_scene *quarter, int64_t left, int64_t top,
                               int64_t width, int64_t height)
{
    picture_scaling how = {.to_width = width, .to_height = height, .filter = PICTURE_BILINEAR};
    if (quarter->picture->channels != all->picture->channels)
        BASE_TRY(scene_set(quarter, data_picture_convert(quarter->picture, all->picture->channels, r->e), r->e));
    BASE_TRY(scene_scale(quarter, &how, r->e));
    paste(all->picture, quarter->picture, left, top);
    if (all->mask && quarter->mask)
        paste(all->mask, quarter->mask, left, top);
    size_t n = (size_t)all->n_boxes + (size_t)quarter->n_boxes;
    picture_box *boxes = realloc(all->boxes, sizeof *boxes * (n + 1));
    if (!boxes)
        return base_no_memory(r->e, "making a mosaic");
    all->boxes = boxes;
    for (int i = 0; i < quarter->n_boxes; i++) {
        picture_box b = quarter->boxes[i];
        b.left += (float)left;
        b.right += (float)left;
        b.top += (float)top;
        b.bottom += (float)top;
        boxes[all->n_boxes++] = b;
    }
    return TN_OK;
}

/* Four pictures around a point in the middle half (A. Bochkovskiy and others, "YOLOv4", 2020). */
static tn_status run_mosaic(step_run *r, picture_scene *s)
{
    int64_t height = (int64_t)r->step->v[HEIGHT], width = (int64_t)r->step->v[WIDTH];
    int64_t x = (int64_t)(between(&r->random, 0.25, 0.75) * (double)width);
    int64_t y = (int64_t)(between(&r->random, 0.25, 0.75) * (double)height);
    if (!r->other || x < 1 || y < 1 || x >= width || y >= height)
        return TN_OK;
    picture_scene all = {.picture = data_picture_new(width, height, s->picture->channels, r->e)};
    all.mask = s->mask ? data_picture_new(width, height, 1, r->e) : NULL;
    tn_status status = all.picture && (!s->mask || all.mask) ? TN_OK : TN_MEMORY;
    for (int i = 0; status == TN_OK && i < 4; i++) {
        picture_scene other = {0};
        if (i > 0)
            status = r->other(r->user, base_random_below(&r->random, INT64_MAX), &other, r->e);
        if (status == TN_OK)
            status = place_quarter(r, &all, i > 0 ? &other : s, i & 1 ? x : 0, i & 2 ? y : 0, i & 1 ? width - x : x,
                                   i & 2 ? height - y : y);
        scene_free(&other);
    }
    if (status != TN_OK) {
        scene_free(&all);
        return status;
    }
    scene_free(s);
    *s = all;
    return TN_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static const char *const filters[] = {"nearest", "bilinear", "bicubic", NULL};
static const char *const policies[] = {"imagenet", "cifar10", NULL};
static const char *const no_yes[] = {"false", "true", NULL};

#define SIZE(name, standard)                                                                                           \
    {                                                                                                                  \
        name, 1, 65536, standard, NULL, true                                                                           \
    }
#define FILTER                                                                                                         \
    {                                                                                                                  \
        "filter", 0, 2, PICTURE_BILINEAR, filters, true                                                                \
    }
#define ANTIALIAS                                                                                                      \
    {                                                                                                                  \
        "antialias", 0, 1, 1, no_yes, true                                                                             \
    }
#define FILL(standard)                                                                                                 \
    {                                                                                                                  \
        "fill", 0, 255, standard, NULL, true                                                                           \
    }

static const step_kind kinds[] = {
    {"resize", 1, run_resize, resize_part, {SIZE("height", 224), SIZE("width", 224), FILTER, ANTIALIAS}},
    {"resize_shorter", 1, run_resize_shorter, shorter_part, {SIZE("size", 256), FILTER, ANTIALIAS}},
    {"centre_crop", 1, run_centre_crop, NULL, {SIZE("height", 224), SIZE("width", 224), FILL(0)}},
    {"random_crop",
     1,
     run_random_crop,
     NULL,
     {SIZE("height", 32), SIZE("width", 32), {"padding", 0, 65536, 4, NULL, true}, FILL(0)}},
    {"random_resized_crop",
     1,
     run_random_resized_crop,
     resized_crop_part,
     {SIZE("height", 224),
      SIZE("width", 224),
      {"scale_low", 1e-6, 1, 0.08, NULL, false},
      {"scale_high", 1e-6, 1, 1, NULL, false},
      {"ratio_low", 0.01, 100, 3.0 / 4, NULL, false},
      {"ratio_high", 0.01, 100, 4.0 / 3, NULL, false},
      FILTER,
      ANTIALIAS}},
    {"pad", 1, run_pad, NULL, {{"pixels", 0, 65536, 4, NULL, true}, FILL(0)}},
    {"flip_horizontal", 0.5, run_flip_horizontal, NULL, {{0}}},
    {"flip_vertical", 0.5, run_flip_vertical, NULL, {{0}}},
    {"rotate", 1, run_rotate, NULL, {{"degrees", 0, 180, 15, NULL, false}, FILTER, FILL(0)}},
    {"affine",
     1,
     run_affine,
     NULL,
     {{"degrees", 0, 180, 0, NULL, false},
      {"translate_x", 0, 1, 0, NULL, false},
      {"translate_y", 0, 1, 0, NULL, false},
      {"scale_low", 0.01, 100, 1, NULL, false},
      {"scale_high", 0.01, 100, 1, NULL, false},
      {"shear_x", 0, 80, 0, NULL, false},
      {"shear_y", 0, 80, 0, NULL, false},
      FILTER,
      FILL(0)}},
    {"perspective", 0.5, run_perspective, NULL, {{"distortion", 0, 1, 0.5, NULL, false}, FILTER, FILL(0)}},
    {"elastic",
     1,
     run_elastic,
     NULL,
     {{"alpha", 0, 10000, 50, NULL, false}, {"sigma", 0.1, 100, 5, NULL, false}, FILTER, FILL(0)}},
    {"colour_jitter",
     1,
     run_colour_jitter,
     NULL,
     {{"brightness", 0, 10, 0, NULL, false},
      {"contrast", 0, 10, 0, NULL, false},
      {"saturation", 0, 10, 0, NULL, false},
      {"hue", 0, 0.5, 0, NULL, false}}},
    {"grey", 0.1, run_grey, NULL, {{0}}},
    {"invert", 0.5, run_invert, NULL, {{0}}},
    {"posterize", 0.5, run_posterize, NULL, {{"bits", 1, 8, 4, NULL, true}}},
    {"solarize", 0.5, run_solarize, NULL, {{"threshold", 0, 256, 128, NULL, true}}},
    {"autocontrast", 0.5, run_autocontrast, NULL, {{0}}},
    {"equalize", 0.5, run_equalize, NULL, {{0}}},
    {"sharpness", 0.5, run_sharpness, NULL, {{"factor", 0, 100, 2, NULL, false}}},
    {"gaussian_blur",
     1,
     run_blur,
     NULL,
     {{"kernel", 1, 255, 5, NULL, true},
      {"sigma_low", 0.01, 100, 0.1, NULL, false},
      {"sigma_high", 0.01, 100, 2, NULL, false}}},
    {"gaussian_noise", 1, run_noise, NULL, {{"sigma", 0, 255, 8, NULL, false}}},
    {"random_erasing",
     0.5,
     run_erase,
     NULL,
     {{"scale_low", 1e-6, 1, 0.02, NULL, false},
      {"scale_high", 1e-6, 1, 0.33, NULL, false},
      {"ratio_low", 0.01, 100, 0.3, NULL, false},
      {"ratio_high", 0.01, 100, 3.3, NULL, false},
      FILL(0),
      {"noise", 0, 1, 0, no_yes, true}}},
    {"cutout", 1, run_cutout, NULL, {SIZE("size", 8), FILL(0)}},
    {"randaugment",
     1,
     run_randaugment,
     NULL,
     {{"n", 0, 100, 2, NULL, true},
      {"magnitude", 0, 1000, 9, NULL, true},
      {"bins", 1, 1000, 31, NULL, true},
      {"filter", 0, 2, PICTURE_NEAREST, filters, true},
      FILL(0)}},
    {"autoaugment",
     1,
     run_autoaugment,
     NULL,
     {{"policy", 0, 1, POLICY_IMAGENET, policies, true}, {"filter", 0, 2, PICTURE_NEAREST, filters, true}, FILL(0)}},
    {"mosaic", 1, run_mosaic, NULL, {SIZE("height", 640), SIZE("width", 640)}},
};

const step_kind *step_kind_at(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof *kinds) ? &kinds[i] : NULL;
}

const step_kind *step_kind_find(const char *name)
{
    for (int i = 0; step_kind_at(i); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}
