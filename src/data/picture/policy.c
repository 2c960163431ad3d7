/* policy.c: see policy.h. Ranges are those of torchvision 0.28, so that magnitudes mean the same. */
#include "data/picture/policy.h"

#include <math.h>

#include "data/picture/colour.h"
#include "data/picture/warp.h"

typedef enum operation {
    IDENTITY,
    SHEAR_X,
    SHEAR_Y,
    TRANSLATE_X,
    TRANSLATE_Y,
    ROTATE,
    BRIGHTNESS,
    COLOUR,
    CONTRAST,
    SHARPNESS,
    POSTERIZE,
    SOLARIZE,
    AUTOCONTRAST,
    EQUALIZE,
    INVERT
} operation;

/* What a magnitude in 0..1 is for an operation; signed ones are negated by a coin. */
typedef struct scale_of {
    bool is_signed;
    double low, high;
} scale_of;

static tn_status turn(picture_scene *s, double degrees, double dx, double dy, double shear_x, double shear_y,
                      bool corner, picture_filter filter, double fill, base_error *e)
{
    double m[9], w = (double)s->picture->width, h = (double)s->picture->height;
    /* Shears are about the upper left corner, turns about the middle. */
    warp_affine_map(corner ? 0 : w, corner ? 0 : h, degrees, dx, dy, 1, shear_x, shear_y, m);
    return warp_map(s, m, filter, fill, e);
}

static tn_status apply(picture_scene *s, operation op, double v, picture_filter filter, double fill, base_error *e)
{
    const double degree = 180 / 3.14159265358979323846;
    switch (op) {
    case SHEAR_X: return turn(s, 0, 0, 0, atan(v) * degree, 0, true, filter, fill, e);
    case SHEAR_Y: return turn(s, 0, 0, 0, 0, atan(v) * degree, true, filter, fill, e);
    case TRANSLATE_X: return turn(s, 0, trunc(v), 0, 0, 0, false, filter, fill, e);
    case TRANSLATE_Y: return turn(s, 0, 0, trunc(v), 0, 0, false, filter, fill, e);
    case ROTATE: return turn(s, -v, 0, 0, 0, 0, false, filter, fill, e);
    case BRIGHTNESS: colour_brightness(s->picture, 1 + v); return TN_OK;
    case COLOUR: colour_saturation(s->picture, 1 + v); return TN_OK;
    case CONTRAST: colour_contrast(s->picture, 1 + v); return TN_OK;
    case SHARPNESS: return colour_sharpness(s->picture, 1 + v, e);
    case POSTERIZE: colour_posterize(s->picture, (int)v); return TN_OK;
    case SOLARIZE: colour_solarize(s->picture, (int)ceil(v)); return TN_OK;
    case AUTOCONTRAST: colour_autocontrast(s->picture); return TN_OK;
    case EQUALIZE: colour_equalize(s->picture); return TN_OK;
    case INVERT: colour_invert(s->picture); return TN_OK;
    default: return TN_OK;
    }
}

static scale_of range_of(operation op, const tn_picture *p)
{
    double w = (double)p->width, h = (double)p->height;
    const double shift = 150.0 / 331.0;
    switch (op) {
    case SHEAR_X:
    case SHEAR_Y: return (scale_of){true, 0, 0.3};
    case TRANSLATE_X: return (scale_of){true, 0, shift * w};
    case TRANSLATE_Y: return (scale_of){true, 0, shift * h};
    case ROTATE: return (scale_of){true, 0, 30};
    case BRIGHTNESS:
    case COLOUR:
    case CONTRAST:
    case SHARPNESS: return (scale_of){true, 0, 0.9};
    case POSTERIZE: return (scale_of){false, 8, 4};
    case SOLARIZE: return (scale_of){false, 255, 0};
    default: return (scale_of){false, 0, 0};
    }
}

double policy_value(int op, double magnitude, const tn_picture *p)
{
    const scale_of range = range_of((operation)op, p);
    if (op == POSTERIZE)
        return 8 - rint(magnitude * 4); /* halves to even, as there */
    return range.low + magnitude * (range.high - range.low);
}

tn_status policy_operation(picture_scene *s, int op, double value, picture_filter filter, double fill, base_error *e)
{
    return apply(s, (operation)op, value, filter, fill, e);
}

static tn_status apply_at(picture_scene *s, operation op, double magnitude, picture_filter filter, double fill,
                          base_random *r, base_error *e)
{
    double v = policy_value((int)op, magnitude, s->picture);
    if (range_of(op, s->picture).is_signed && base_random_f64(r) < 0.5)
        v = -v;
    return apply(s, op, v, filter, fill, e);
}

tn_status policy_rand(picture_scene *s, int n, int magnitude, int bins, picture_filter filter, double fill,
                      base_random *r, base_error *e)
{
    for (int i = 0; i < n; i++) {
        operation op = (operation)base_random_below(r, INVERT); /* which is not among the fourteen */
        double m = bins > 1 ? (double)magnitude / (bins - 1) : 0;
        BASE_TRY(apply_at(s, op, m > 1 ? 1 : m, filter, fill, r, e));
    }
    return TN_OK;
}

/* ---- AutoAugment ----------------------------------------------------------------------------------------------- */

typedef struct policy_part {
    operation op;
    int probability; /* tenths */
    int magnitude;   /* 0 to 9; -1: none */
} policy_part;

static const policy_part policies[2][25][2] = {
    {
        {{POSTERIZE, 4, 8}, {ROTATE, 6, 9}},    {{SOLARIZE, 6, 5}, {AUTOCONTRAST, 6, -1}},
        {{EQUALIZE, 8, -1}, {EQUALIZE, 6, -1}}, {{POSTERIZE, 6, 7}, {POSTERIZE, 6, 6}},
        {{EQUALIZE, 4, -1}, {SOLARIZE, 2, 4}},  {{EQUALIZE, 4, -1}, {ROTATE, 8, 8}},
        {{SOLARIZE, 6, 3}, {EQUALIZE, 6, -1}},  {{POSTERIZE, 8, 5}, {EQUALIZE, 10, -1}},
        {{ROTATE, 2, 3}, {SOLARIZE, 6, 8}},     {{EQUALIZE, 6, -1}, {POSTERIZE, 4, 6}},
        {{ROTATE, 8, 8}, {COLOUR, 4, 0}},       {{ROTATE, 4, 9}, {EQUALIZE, 6, -1}},
        {{EQUALIZE, 0, -1}, {EQUALIZE, 8, -1}}, {{INVERT, 6, -1}, {EQUALIZE, 10, -1}},
        {{COLOUR, 6, 4}, {CONTRAST, 10, 8}},    {{ROTATE, 8, 8}, {COLOUR, 10, 2}},
        {{COLOUR, 8, 8}, {SOLARIZE, 8, 7}},     {{SHARPNESS, 4, 7}, {INVERT, 6, -1}},
        {{SHEAR_X, 6, 5}, {EQUALIZE, 10, -1}},  {{COLOUR, 4, 0}, {EQUALIZE, 6, -1}},
        {{EQUALIZE, 4, -1}, {SOLARIZE, 2, 4}},  {{SOLARIZE, 6, 5}, {AUTOCONTRAST, 6, -1}},
        {{INVERT, 6, -1}, {EQUALIZE, 10, -1}},  {{COLOUR, 6, 4}, {CONTRAST, 10, 8}},
        {{EQUALIZE, 8, -1}, {EQUALIZE, 6, -1}},
    },
    {
        {{INVERT, 1, -1}, {CONTRAST, 2, 6}},          {{ROTATE, 7, 2}, {TRANSLATE_X, 3, 9}},
        {{SHARPNESS, 8, 1}, {SHARPNESS, 9, 3}},       {{SHEAR_Y, 5, 8}, {TRANSLATE_Y, 7, 9}},
        {{AUTOCONTRAST, 5, -1}, {EQUALIZE, 9, -1}},   {{SHEAR_Y, 2, 7}, {POSTERIZE, 3, 7}},
        {{COLOUR, 4, 3}, {BRIGHTNESS, 6, 7}},         {{SHARPNESS, 3, 9}, {BRIGHTNESS, 7, 9}},
        {{EQUALIZE, 6, -1}, {EQUALIZE, 5, -1}},       {{CONTRAST, 6, 7}, {SHARPNESS, 6, 5}},
        {{COLOUR, 7, 7}, {TRANSLATE_X, 5, 8}},        {{EQUALIZE, 3, -1}, {AUTOCONTRAST, 4, -1}},
        {{TRANSLATE_Y, 4, 3}, {SHARPNESS, 2, 6}},     {{BRIGHTNESS, 9, 6}, {COLOUR, 2, 8}},
        {{SOLARIZE, 5, 2}, {INVERT, 0, -1}},          {{EQUALIZE, 2, -1}, {AUTOCONTRAST, 6, -1}},
        {{EQUALIZE, 2, -1}, {EQUALIZE, 6, -1}},       {{COLOUR, 9, 9}, {EQUALIZE, 6, -1}},
        {{AUTOCONTRAST, 8, -1}, {SOLARIZE, 2, 8}},    {{BRIGHTNESS, 1, 3}, {COLOUR, 7, 0}},
        {{SOLARIZE, 4, 5}, {AUTOCONTRAST, 9, -1}},    {{TRANSLATE_Y, 9, 9}, {TRANSLATE_Y, 7, 9}},
        {{AUTOCONTRAST, 9, -1}, {SOLARIZE, 8, 3}},    {{EQUALIZE, 8, -1}, {INVERT, 1, -1}},
        {{TRANSLATE_Y, 7, 9}, {AUTOCONTRAST, 9, -1}},
    },
};

void policy_pair(int which, int pair, int i, int out[3])
{
    const policy_part *part = &policies[which][pair][i];
    out[0] = (int)part->op;
    out[1] = part->probability;
    out[2] = part->magnitude;
}

tn_status policy_auto(picture_scene *s, int which, picture_filter filter, double fill, base_random *r, base_error *e)
{
    const policy_part *pair = policies[which][base_random_below(r, 25)];
    for (int i = 0; i < 2; i++) {
        bool now = base_random_f64(r) * 10 < pair[i].probability;
        double magnitude = pair[i].magnitude < 0 ? 0 : pair[i].magnitude / 9.0;
        if (now)
            BASE_TRY(apply_at(s, pair[i].op, magnitude, filter, fill, r, e));
    }
    return TN_OK;
}
