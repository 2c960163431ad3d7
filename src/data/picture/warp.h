/* warp.h: pixels fetched from elsewhere: by a projective map, or by a field of small shifts. */
#ifndef DATA_PICTURE_WARP_H
#define DATA_PICTURE_WARP_H

#include "base/philox.h"
#include "data/picture/scene.h"

/* Where the pixel at (x, y) of the result comes from: (m0 x + m1 y + m2, m3 x + m4 y + m5) / (m6 x + m7 y + m8), for the centres
 * of pixels at one half. The size stays; what comes in from outside is `fill`, in masks 255. Boxes become those around their
 * moved corners. */
tn_status warp_map(picture_scene *s, const double m[9], picture_filter filter, double fill, base_error *e);
/* Turned by `degrees` with the clock, then scaled, sheared (degrees) and shifted (pixels), about the middle. */
void warp_affine_map(double width, double height, double degrees, double dx, double dy, double scale, double shear_x,
                     double shear_y, double m[9]);
/* The map under which the corners from[] (of the result) come from to[]; false if there is none. */
bool warp_corners(double from[4][2], double to[4][2], double m[9]);
/* Shifts that are uniform in -1..1, smoothed by a Gauss of sigma, times alpha. Boxes stay. */
tn_status warp_elastic(picture_scene *s, double alpha, double sigma, picture_filter filter, double fill, base_random *r,
                       base_error *e);

#endif
