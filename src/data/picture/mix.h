/* mix.h: what mixing batches and mixing samples have in common. */
#ifndef DATA_PICTURE_MIX_H
#define DATA_PICTURE_MIX_H

#include "base/philox.h"

#include <tarn/picture.h>

/* From Beta(a, a). */
double mix_beta(base_random *r, double a);
/* A rectangle (left, top, right, bottom) of area 1 - l around a random place, cut at the borders. */
void mix_box(base_random *r, double l, int64_t width, int64_t height, int64_t box[4]);

#endif
