/* gauss.h: a Gauss over rows and columns of a field of floats. */
#ifndef DATA_PICTURE_GAUSS_H
#define DATA_PICTURE_GAUSS_H

#include "base/error.h"

/* In place; 2 * radius + 1 weights that sum up to 1; borders mirrored at the last pixel, which is not doubled. The field is
 * [height][width][channels]. */
tn_status gauss_smooth(float *field, int64_t width, int64_t height, int channels, int radius, double sigma,
                       base_error *e);

#endif
