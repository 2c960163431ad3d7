/* deep.h: pictures of 16 bits a value as fields f32. */
#ifndef DATA_PICTURE_DEEP_H
#define DATA_PICTURE_DEEP_H

#include "data/picture.h"

/* Fitted as tn_fit says (pixels mixed as scene_fit does, without rounding), in planes, values of 0 to 65535 as 0 to 1; `fill` 0 to 255. */
tn_status picture_deep_planes(const tn_picture16 *p, int64_t width, int64_t height, int fit, double fill, float *planes,
                              base_error *e);

#endif
