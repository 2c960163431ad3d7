/* digit_strokes.h: how people write the ten digits: for each several ways, each a few strokes of the pen, given as points
 * that a smooth curve runs through. */
#ifndef DATA_DIGIT_STROKES_H
#define DATA_DIGIT_STROKES_H

#include <stdint.h>

enum { DATA_DIGIT_POINTS = 20 };

/* What happens at a point: the curve runs on smoothly, turns sharply, or ends (the pen is lifted). */
enum { DATA_SMOOTH, DATA_CORNER, DATA_LIFT };

typedef struct data_digit_point {
    uint8_t x, y; /* 0 to 100, y downwards */
    uint8_t kind;
} data_digit_point;

typedef struct data_digit_style {
    uint8_t digit;
    uint8_t often; /* weight among the ways to write this digit */
    uint8_t n;
    data_digit_point at[DATA_DIGIT_POINTS];
} data_digit_style;

extern const data_digit_style data_digit_styles[];
extern const int data_digit_style_count;

#endif
