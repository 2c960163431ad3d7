/* digits.h: draws digits as by hand. */
#ifndef DATA_DIGITS_H
#define DATA_DIGITS_H

#include "base/philox.h"

enum { DATA_DIGIT_SIDE = 28, DATA_DIGIT_PIXELS = DATA_DIGIT_SIDE * DATA_DIGIT_SIDE };

/* One digit, 0 to 9, white on black; all that varies is drawn from `random`. */
void data_digit_draw(int digit, base_random *random, uint8_t pixels[DATA_DIGIT_PIXELS]);

#endif
