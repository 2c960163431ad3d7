/* pictures.c: a picture decoded and measured: size, channels, hash of its pixels, and what it looks like. */
#include <string.h>

#include "base/context.h"
#include "data/check/check.h"
#include "data/picture.h"

enum { SHOWN_SIDE = 64, LESS = 2 };

/* Sums are whole numbers: exact for any picture that fits into memory. */
static void measure(data_check *c, const tn_picture *p)
{
    int64_t n = p->width * p->height;
    for (int k = 0; k < p->channels; k++) {
        uint64_t sum = 0, squares = 0;
        uint8_t low = 255, high = 0;
        const int channel = p->channels == 1 ? 0 : k + 1;
        int64_t *levels = c->levels[channel];
        for (int64_t i = 0; i < n; i++) {
            uint8_t v = p->pixels[i * p->channels + k];
            sum += v;
            squares += (uint64_t)v * v;
            levels[v]++;
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
        double mean = (double)sum / (double)n;
        double m2 = (double)squares - mean * (double)sum;
        check_moments one = {n, mean, m2 > 0 ? m2 : 0, low, high};
        check_moments_merge(&c->channels[channel], &one);
    }
    check_moments_add(&c->width, (double)p->width);
    check_moments_add(&c->height, (double)p->height);
}

static uint64_t hash_of(const tn_picture *p)
{
    int64_t shape[3] = {p->width, p->height, p->channels};
    uint64_t seed = base_hash(shape, sizeof shape, TN_SAMPLES_PICTURES);
    return base_hash(p->pixels, (size_t)(p->width * p->height * p->channels), seed);
}

/* The difference hash: where the picture, reduced to 9 x 8 grey pixels, gets lighter from left to right. */
tn_status check_add_look(data_check *c, const tn_picture *p)
{
    base_error *e = c->err;
    tn_picture *grey = data_picture_convert(p, 1, e);
    tn_picture *small = grey ? data_picture_resize(grey, 9, 8, e) : NULL;
    check_look look = {.item = c->items.n - 1};
    for (int y = 0; small && y < 8; y++)
        for (int x = 0; x < 8; x++)
            if (small->pixels[9 * y + x + 1] > small->pixels[9 * y + x] + LESS)
                look.bits |= (uint64_t)1 << (8 * y + x);
    bool ok = small;
    if (small)
        memcpy(look.grey, small->pixels, CHECK_LOOK);
    tn_picture_free(grey);
    tn_picture_free(small);
    return ok && base_vec_push(&c->looks, look) ? TN_OK : base_no_memory(e, "checking data");
}

/* Some of each class, spread over the set as it comes: every class may show as many as there are rows. */
static bool wanted(const data_check *c, const check_file *f)
{
    if (c->shown.n >= (size_t)(c->opt.shown > 0 ? c->opt.shown : 0))
        return false;
    if (f->class_number < 0)
        return true;
    const tn_check_class *k = &c->classes.at[f->class_number];
    int64_t so_far = 0;
    for (int p = 0; p < TN_PARTS; p++)
        so_far += k->count[p];
    return so_far < 4;
}

static tn_status show(data_check *c, const check_file *f, const tn_picture *p)
{
    double side = (double)(p->width > p->height ? p->width : p->height);
    double scale = side > SHOWN_SIDE ? SHOWN_SIDE / side : 1;
    int64_t width = (int64_t)((double)p->width * scale), height = (int64_t)((double)p->height * scale);
    tn_check_sample s = {.path = base_arena_strdup(&c->arena, f->name),
                         .class_name = f->class_number >= 0 ? c->classes.at[f->class_number].name : NULL};
    tn_picture *small = data_picture_resize(p, width > 0 ? width : 1, height > 0 ? height : 1, c->err);
    s.picture = small;
    if (s.path && small && base_vec_push(&c->shown, s))
        return TN_OK;
    tn_picture_free(small);
    return base_no_memory(c->err, "checking data");
}

tn_status check_measure(data_check *c, const check_file *f, const tn_picture *p, int64_t row)
{
    tn_status status = wanted(c, f) ? show(c, f, p) : TN_OK;
    measure(c, p);
    if (status == TN_OK)
        status = check_add(c, f, TN_SAMPLES_PICTURES, row, hash_of(p));
    return status == TN_OK ? check_add_look(c, p) : status;
}

tn_status check_picture(data_check *c, const check_file *f)
{
    tn_picture_opt opt = {.pixels_limit = c->opt.pixels_limit};
    tn_picture *p = tn_picture_decode(c->context, f->data, f->bytes, f->where, &opt);
    if (!p) {
        const base_error *why = &c->context->err;
        return why->status == TN_MEMORY ? base_no_memory(c->err, "checking data")
                                        : check_add_bad(c, f->where, why->text);
    }
    if (c->told)
        c->told[f->number] = (check_told){(int32_t)p->width, (int32_t)p->height, CHECK_OTHER};
    tn_status status = check_measure(c, f, p, -1);
    tn_picture_free(p);
    return status;
}
