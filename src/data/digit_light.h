/* digit_light.h: what photographs of digits need before the step "digit" can find the ink: even light, and no specks. */
#ifndef DATA_DIGIT_LIGHT_H
#define DATA_DIGIT_LIGHT_H

#include "base/error.h"

#include <tarn/data.h>

enum { DATA_INK = 51 }; /* of 255: what is lighter than this fifth is ink */

/* How many pixels have each shade. */
typedef struct data_shades {
    int64_t count[256];
} data_shades;

/* The shade that `share` of the counted pixels do not exceed. */
int data_shade(const data_shades *s, double share);
/* Counts the pixels within `width` of the border of a grey picture. */
void data_shades_of_border(const tn_picture *p, int64_t width, data_shades *s);

/* Makes ink light on a dark ground, whichever of them is light in the grey picture: ink is what departs farthest from the
 * shade of the border. Where the border's light is uneven, as in photographs, a smooth surface fitted to it is taken off. */
void data_digit_even_light(tn_picture *p);
/* Blackens what is ink but no part of the digit: pieces of less than a hundredth of the largest. */
tn_status data_digit_drop_specks(tn_picture *p, base_error *e);

#endif
