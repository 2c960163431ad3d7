/* digit_step.c: the preprocessing step "digit": makes of a drawn, scanned or photographed digit what MNIST would have made of
 * it. MNIST scaled the ink's box to fit 20x20, keeping its proportions, and put the centre of mass into the middle of 28x28. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/digit_light.h"
#include "data/picture.h"

enum { SIDE = 28, BOX = 20, WORK = 160, LEAST_CONTRAST = 24 };

static const float THINNEST = 2.0f; /* pixels of the result; MNIST's pens are about as wide */

/* ---- ground and ink -------------------------------------------------------------------------------------------- */

/* Grey, ink light on a ground of 0: the border tells what the ground is and how uneven it may be. */
static tn_status stretch(tn_picture *p, base_error *e)
{
    data_shades border = {0}, all = {0};
    size_t n = (size_t)p->width * (size_t)p->height;
    data_digit_even_light(p);
    data_shades_of_border(p, 1, &border);
    for (size_t i = 0; i < n; i++)
        all.count[p->pixels[i]]++;
    int ground = data_shade(&border, 0.9), ink = data_shade(&all, 1 - 0.0005);
    if (ink - ground < LEAST_CONTRAST)
        return base_fail(e, TN_FORMAT, "the picture holds no digit: nothing on it stands out from its border");
    for (size_t i = 0; i < n; i++) {
        int v = (p->pixels[i] - ground) * 255 / (ink - ground);
        p->pixels[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return TN_OK;
}

typedef struct box {
    int64_t left, top, right, bottom; /* right and bottom are one past */
} box;

/* What holds the ink. False when there is none. */
static bool find_box(const tn_picture *p, box *b)
{
    *b = (box){p->width, p->height, 0, 0};
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++)
            if (p->pixels[y * p->width + x] > DATA_INK) {
                b->left = x < b->left ? x : b->left;
                b->right = x >= b->right ? x + 1 : b->right;
                b->top = y < b->top ? y : b->top;
                b->bottom = y + 1;
            }
    return b->right > b->left;
}

/* ---- thin pens ------------------------------------------------------------------------------------------------- */

/* Width of the stroke in pixels: area by half the length of its outline. */
static float stroke_width(const tn_picture *p)
{
    int64_t area = 0, edge = 0;
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++) {
            bool ink = p->pixels[y * p->width + x] > 127;
            bool right = x + 1 < p->width && p->pixels[y * p->width + x + 1] > 127;
            bool below = y + 1 < p->height && p->pixels[(y + 1) * p->width + x] > 127;
            area += ink;
            edge += (ink != right) + (ink != below) + (x == 0 && ink) + (y == 0 && ink);
        }
    /* steps along x and y overrate the length of slanting lines, by 4 / pi on the average */
    return edge ? (float)area * 2 / ((float)edge * 0.785f) : 0;
}

/* Each pixel becomes the lightest within `radius` of it; the picture grows by as much on all sides. */
static tn_picture *thicken(const tn_picture *p, int radius, base_error *e)
{
    tn_picture *q = data_picture_new(p->width + 2 * radius, p->height + 2 * radius, 1, e);
    for (int64_t y = 0; q && y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++) {
            uint8_t v = p->pixels[y * p->width + x];
            for (int dy = -radius; v > 0 && dy <= radius; dy++) {
                int reach = (int)sqrtf((float)(radius * radius - dy * dy));
                uint8_t *row = q->pixels + (y + radius + dy) * q->width + x + radius;
                for (int dx = -reach; dx <= reach; dx++)
                    row[dx] = v > row[dx] ? v : row[dx];
            }
        }
    return q;
}

/* `longer` pixels on the longer side, at least 1 on the other. */
static tn_picture *scale_to(const tn_picture *p, int64_t longer, base_error *e)
{
    int64_t most = p->width > p->height ? p->width : p->height;
    int64_t width = (p->width * longer + most / 2) / most, height = (p->height * longer + most / 2) / most;
    return data_picture_resize(p, width < 1 ? 1 : width, height < 1 ? 1 : height, e);
}

/* A line of a fine pen on a large sheet would all but vanish when it is scaled down: it is drawn thicker before. Takes p. */
static tn_picture *strengthen(tn_picture *p, base_error *e)
{
    int64_t longer = p->width > p->height ? p->width : p->height;
    if (longer <= WORK / 2)
        return p;
    tn_picture *work = scale_to(p, WORK, e);
    tn_picture_free(p);
    if (!work)
        return NULL;
    float want = THINNEST * WORK / BOX, have = stroke_width(work);
    int radius = have < want ? (int)((want - have) / 2) : 0;
    if (radius < 1)
        return work;
    tn_picture *thick = thicken(work, radius, e);
    tn_picture_free(work);
    return thick;
}

/* ---- the 28x28 picture ----------------------------------------------------------------------------------------- */

static int64_t within(int64_t at, int64_t size)
{
    int64_t last = SIDE - size;
    return at < 0 ? 0 : at > last ? last : at;
}

static tn_picture *place(const tn_picture *p, base_error *e)
{
    tn_picture *q = data_picture_new(SIDE, SIDE, 1, e);
    double mass = 0, mx = 0, my = 0;
    int lightest = 1;
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++) {
            int v = p->pixels[y * p->width + x];
            lightest = v > lightest ? v : lightest;
            mass += v;
            mx += v * ((double)x + 0.5);
            my += v * ((double)y + 0.5);
        }
    mass = mass > 0 ? mass : 1;
    int64_t left = within(lround(SIDE / 2.0 - mx / mass), p->width),
            top = within(lround(SIDE / 2.0 - my / mass), p->height);
    for (int64_t y = 0; q && y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++)
            q->pixels[(top + y) * SIDE + left + x] = (uint8_t)(p->pixels[y * p->width + x] * 255 / lightest);
    return q;
}

/* Takes p: grey, ink light on black, cut to the ink. */
static tn_picture *to_mnist(tn_picture *p, base_error *e)
{
    p = strengthen(p, e);
    tn_picture *small = p ? scale_to(p, BOX, e) : NULL;
    tn_picture *q = small ? place(small, e) : NULL;
    tn_picture_free(p);
    tn_picture_free(small);
    return q;
}

tn_picture *data_picture_digit(const tn_picture *p, base_error *e)
{
    tn_picture *grey = data_picture_convert(p, 1, e), *cut = NULL;
    box b;
    if (grey && stretch(grey, e) == TN_OK && data_digit_drop_specks(grey, e) == TN_OK) {
        if (find_box(grey, &b))
            cut = data_picture_crop(grey, b.left, b.top, b.right - b.left, b.bottom - b.top, e);
        else
            base_fail(e, TN_FORMAT, "the picture holds no digit: there is no ink on it");
    }
    tn_picture_free(grey);
    return cut ? to_mnist(cut, e) : NULL;
}
