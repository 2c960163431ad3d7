/* scene.c: see scene.h. */
#include "data/picture/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/picture.h>

static const double LEFT_OF_A_BOX = 0.1; /* less than this part of its area: it is dropped */

void scene_free(picture_scene *s)
{
    tn_picture_free(s->picture);
    tn_picture_free(s->mask);
    free(s->boxes);
    *s = (picture_scene){0};
}

tn_status scene_set(picture_scene *s, tn_picture *picture, base_error *e)
{
    if (!picture)
        return e && e->status != TN_OK ? e->status : TN_MEMORY;
    tn_picture_free(s->picture);
    s->picture = picture;
    return TN_OK;
}

static tn_status set_mask(picture_scene *s, tn_picture *mask, const base_error *e)
{
    if (!mask)
        return e && e->status != TN_OK ? e->status : TN_MEMORY;
    tn_picture_free(s->mask);
    s->mask = mask;
    return TN_OK;
}

static double box_area(const picture_box *b)
{
    return fmax(0, (double)b->right - (double)b->left) * fmax(0, (double)b->bottom - (double)b->top);
}

static float within(float v, double most)
{
    return v < 0 ? 0 : (double)v > most ? (float)most : v;
}

void scene_clip_boxes(picture_scene *s, const double *area)
{
    int kept = 0;
    for (int i = 0; i < s->n_boxes; i++) {
        picture_box b = s->boxes[i];
        double before = area ? area[i] : box_area(&b), width = (double)s->picture->width;
        double height = (double)s->picture->height;
        b.left = within(b.left, width);
        b.right = within(b.right, width);
        b.top = within(b.top, height);
        b.bottom = within(b.bottom, height);
        double after = box_area(&b);
        if (after > 0 && after >= LEFT_OF_A_BOX * before)
            s->boxes[kept++] = b;
    }
    s->n_boxes = kept;
}

/* x * sx + dx for all, mirrored in the end. */
static void move_boxes(picture_scene *s, double sx, double dx, double sy, double dy, bool mirror, bool upside_down)
{
    double w = (double)s->picture->width, h = (double)s->picture->height;
    for (int i = 0; i < s->n_boxes; i++) {
        picture_box *b = &s->boxes[i];
        double l = b->left * sx + dx, r = b->right * sx + dx, t = b->top * sy + dy, o = b->bottom * sy + dy;
        b->left = (float)(mirror ? w - r : l);
        b->right = (float)(mirror ? w - l : r);
        b->top = (float)(upside_down ? h - o : t);
        b->bottom = (float)(upside_down ? h - t : o);
    }
    scene_clip_boxes(s, NULL);
}

tn_status scene_scale(picture_scene *s, const picture_scaling *scaling, base_error *e)
{
    picture_scaling how = *scaling;
    if (how.width == 0 && how.height == 0) {
        how.width = s->picture->width;
        how.height = s->picture->height;
    }
    BASE_TRY(scene_set(s, picture_scale(s->picture, &how, e), e));
    double sx = (double)how.to_width / (double)how.width, sy = (double)how.to_height / (double)how.height;
    move_boxes(s, sx, -sx * (double)how.left, sy, -sy * (double)how.top, how.mirror, false);
    how.filter = PICTURE_NEAREST;
    return s->mask ? set_mask(s, picture_scale(s->mask, &how, e), e) : TN_OK;
}

tn_status scene_crop(picture_scene *s, int64_t left, int64_t top, int64_t width, int64_t height, base_error *e)
{
    if (left == 0 && top == 0 && width == s->picture->width && height == s->picture->height)
        return TN_OK;
    BASE_TRY(scene_set(s, data_picture_crop(s->picture, left, top, width, height, e), e));
    move_boxes(s, 1, (double)-left, 1, (double)-top, false, false);
    return s->mask ? set_mask(s, data_picture_crop(s->mask, left, top, width, height, e), e) : TN_OK;
}

static tn_picture *pad(const tn_picture *p, int64_t left, int64_t top, int64_t right, int64_t bottom, int fill,
                       base_error *e)
{
    tn_picture *q = data_picture_new(p->width + left + right, p->height + top + bottom, p->channels, e);
    if (!q)
        return NULL;
    size_t channels = (size_t)p->channels, row = (size_t)p->width * channels;
    memset(q->pixels, fill, (size_t)q->width * (size_t)q->height * channels);
    for (int64_t y = 0; y < p->height; y++)
        memcpy(q->pixels + (size_t)((y + top) * q->width + left) * channels, p->pixels + (size_t)y * row, row);
    return q;
}

tn_status scene_pad(picture_scene *s, int64_t left, int64_t top, int64_t right, int64_t bottom, double fill,
                    base_error *e)
{
    if (!left && !top && !right && !bottom)
        return TN_OK;
    BASE_TRY(scene_set(s, pad(s->picture, left, top, right, bottom, (int)lrint(fill), e), e));
    move_boxes(s, 1, (double)left, 1, (double)top, false, false);
    return s->mask ? set_mask(s, pad(s->mask, left, top, right, bottom, 255, e), e) : TN_OK;
}

static void flip(tn_picture *p, bool horizontal)
{
    size_t channels = (size_t)p->channels, row = (size_t)p->width * channels;
    for (int64_t y = 0; !horizontal && y < p->height / 2; y++) {
        uint8_t *a = p->pixels + (size_t)y * row, *b = p->pixels + (size_t)(p->height - 1 - y) * row;
        for (size_t i = 0; i < row; i++) {
            uint8_t keep = a[i];
            a[i] = b[i];
            b[i] = keep;
        }
    }
    for (int64_t y = 0; horizontal && y < p->height; y++) {
        uint8_t *a = p->pixels + (size_t)y * row, *b = a + row - channels;
        for (; a < b; a += channels, b -= channels)
            for (size_t c = 0; c < channels; c++) {
                uint8_t keep = a[c];
                a[c] = b[c];
                b[c] = keep;
            }
    }
}

tn_status scene_flip(picture_scene *s, bool horizontal, base_error *e)
{
    (void)e;
    flip(s->picture, horizontal);
    if (s->mask)
        flip(s->mask, horizontal);
    move_boxes(s, 1, 0, 1, 0, horizontal, !horizontal);
    return TN_OK;
}

static int64_t scaled(int64_t side, double by)
{
    int64_t v = (int64_t)floor((double)side * by + 0.5);
    return v < 1 ? 1 : v;
}

data_part scene_fit_part(int64_t w, int64_t h, int64_t to_width, int64_t to_height, int fit)
{
    data_part part = {.width = w, .height = h, .to_width = to_width, .to_height = to_height};
    double sx = (double)to_width / (double)w, sy = (double)to_height / (double)h, by = sx > sy ? sx : sy;
    if (fit != TN_FIT_CROP)
        return part;
    part.width = scaled(to_width, 1 / by) < w ? scaled(to_width, 1 / by) : w;
    part.height = scaled(to_height, 1 / by) < h ? scaled(to_height, 1 / by) : h;
    part.left = (w - part.width) / 2;
    part.top = (h - part.height) / 2;
    return part;
}

data_part scene_fit_window(int64_t width, int64_t height, int64_t to_width, int64_t to_height, int fit)
{
    data_part part = scene_fit_part(width, height, to_width, to_height, fit);
    double sx = (double)to_width / (double)width, sy = (double)to_height / (double)height, by = sx < sy ? sx : sy;
    if (fit != TN_FIT_PAD)
        return part;
    part.to_width = scaled(width, by) < to_width ? scaled(width, by) : to_width;
    part.to_height = scaled(height, by) < to_height ? scaled(height, by) : to_height;
    return part;
}

tn_status scene_scale_part(picture_scene *s, const data_part *part, base_error *e)
{
    picture_scaling how = {part->left,      part->top,        part->width, part->height, part->to_width,
                           part->to_height, PICTURE_BILINEAR, false,       false,        false};
    return scene_scale(s, &how, e);
}

tn_status scene_fit(picture_scene *s, int64_t width, int64_t height, int fit, double fill, base_error *e)
{
    int64_t w = s->picture->width, h = s->picture->height;
    if (w == width && h == height)
        return TN_OK;
    data_part part = scene_fit_window(w, h, width, height, fit);
    BASE_TRY(scene_scale_part(s, &part, e));
    if (fit != TN_FIT_PAD)
        return TN_OK;
    int64_t left = (width - part.to_width) / 2, top = (height - part.to_height) / 2;
    return scene_pad(s, left, top, width - part.to_width - left, height - part.to_height - top, fill, e);
}
