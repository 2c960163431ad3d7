/* scale.h: scaling pictures, in whole numbers, so that the fast way and the plain way give the same bytes. */
#ifndef DATA_PICTURE_SCALE_H
#define DATA_PICTURE_SCALE_H

#include "base/error.h"

#include <tarn/data.h>

typedef enum picture_filter { PICTURE_NEAREST, PICTURE_BILINEAR, PICTURE_BICUBIC } picture_filter;

typedef struct picture_scaling {
    int64_t left, top, width,
        height; /* the part of the picture that is scaled, as if it were cut out before; 0 x 0: all */
    int64_t to_width, to_height;
    picture_filter filter;
    bool plain_filter; /* without antialias: the filter is not widened when shrinking */
    bool mirror;       /* left and right exchanged */
    bool plain_code;   /* no vector instructions: for tests */
} picture_scaling;

/* Filters as Pillow's (bicubic with a = -0.5), within 1; without antialias as PyTorch's and OpenCV's (a = -0.75). */
tn_picture *picture_scale(const tn_picture *p, const picture_scaling *s, base_error *e);
/* Channels interleaved to one plane after the other. */
void picture_to_planes(const tn_picture *p, uint8_t *out);

#endif
