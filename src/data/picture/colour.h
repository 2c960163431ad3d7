/* colour.h: what changes colours and leaves every pixel where it is. Each works on the picture itself, as Pillow's function of
 * that name does, within 1. */
#ifndef DATA_PICTURE_COLOUR_H
#define DATA_PICTURE_COLOUR_H

#include "base/philox.h"
#include "data/picture.h"

/* factor 0: black, grey (its mean), without colour, smoothed; 1: as it is; beyond: more so. */
void colour_brightness(tn_picture *p, double factor);
void colour_contrast(tn_picture *p, double factor);
void colour_saturation(tn_picture *p, double factor);
tn_status colour_sharpness(tn_picture *p, double factor, base_error *e);
/* The hue turned by this part of the circle, -0.5 to 0.5. */
void colour_hue(tn_picture *p, double turn);
void colour_grey(tn_picture *p);
void colour_invert(tn_picture *p);
void colour_posterize(tn_picture *p, int bits);
void colour_solarize(tn_picture *p, int threshold);
void colour_autocontrast(tn_picture *p);
void colour_equalize(tn_picture *p);
/* Gauss: `kernel` odd, borders mirrored at the last pixel (which is not doubled). */
tn_status colour_blur(tn_picture *p, int kernel, double sigma, base_error *e);
/* Normal noise of standard deviation sigma. */
void colour_noise(tn_picture *p, double sigma, base_random *r);

#endif
