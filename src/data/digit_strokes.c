/* digit_strokes.c: see digit_strokes.h. Drawn by us, by eye. */
#include "data/digit_strokes.h"

#define STYLE(digit, often, ...)                                                                                       \
    {                                                                                                                  \
        digit, often, sizeof((data_digit_point[]){__VA_ARGS__}) / sizeof(data_digit_point), { __VA_ARGS__ }            \
    }
#define S(x, y) {x, y, DATA_SMOOTH}
#define C(x, y) {x, y, DATA_CORNER}
#define L(x, y) {x, y, DATA_LIFT}

/* clang-format off: one stroke a line */
const data_digit_style data_digit_styles[] = {
    /* 0: round; begun at the right; with a curl at the top */
    STYLE(0, 5, S(55, 3), S(24, 15), S(10, 50), S(24, 86), S(50, 97), S(78, 84), S(90, 48), S(76, 13), S(52, 3), L(42, 5)),
    STYLE(0, 3, S(68, 8), S(38, 4), S(16, 32), S(14, 66), S(34, 95), S(66, 92), S(86, 62), S(82, 26), S(60, 6), L(46, 10)),
    STYLE(0, 2, S(42, 16), S(24, 34), S(14, 64), S(30, 94), S(62, 92), S(84, 62), S(84, 28), S(64, 5), S(40, 8), L(34, 24)),
    /* 1: a bar; with a flag; with flag and foot */
    STYLE(1, 10, S(50, 0), S(50, 50), L(50, 100)),
    STYLE(1, 3, C(30, 24), C(52, 0), S(51, 50), L(50, 100)),
    STYLE(1, 1, C(30, 22), C(52, 0), S(51, 50), L(50, 98), C(24, 99), L(76, 98)),
    /* 2: with a corner at the bottom; with a loop; with a swung foot */
    STYLE(2, 4, S(14, 26), S(30, 6), S(60, 3), S(80, 22), S(70, 48), S(42, 74), C(12, 97), S(48, 95), L(90, 94)),
    STYLE(2, 4, S(14, 24), S(36, 4), S(68, 6), S(78, 30), S(58, 62), S(30, 88), S(13, 92), S(15, 78), S(34, 77), S(60, 91), L(90, 92)),
    STYLE(2, 2, S(20, 18), S(42, 2), S(72, 10), S(74, 36), S(48, 66), C(14, 90), S(36, 84), S(62, 94), L(90, 88)),
    /* 3: with a point in the middle; with a small loop; flat on top */
    STYLE(3, 5, S(18, 14), S(44, 1), S(74, 12), S(70, 34), C(40, 47), S(72, 54), S(84, 76), S(60, 97), S(32, 98), L(10, 85)),
    STYLE(3, 3, S(15, 15), S(45, 1), S(74, 15), S(64, 38), S(42, 48), S(40, 43), S(58, 46), S(82, 63), S(74, 90), S(40, 99), L(10, 86)),
    STYLE(3, 1, C(16, 6), C(78, 5), C(42, 42), S(74, 50), S(84, 75), S(58, 97), L(14, 90)),
    /* 4: open with a bent arm; as a cup; closed; all in one stroke */
    STYLE(4, 4, S(24, 4), S(18, 30), C(12, 56), L(88, 52), S(72, 2), S(70, 50), L(66, 100)),
    STYLE(4, 4, S(20, 5), S(13, 38), S(30, 54), S(58, 50), L(80, 38), S(80, 2), S(76, 50), L(70, 100)),
    STYLE(4, 2, S(66, 2), C(10, 64), L(92, 62), S(66, 2), S(64, 50), L(62, 100)),
    STYLE(4, 2, S(22, 5), S(12, 42), S(38, 54), S(70, 42), C(80, 6), S(74, 50), L(68, 100)),
    /* 5: belly and cap; in one stroke from the right; soft */
    STYLE(5, 4, S(30, 4), C(24, 43), S(52, 37), S(82, 54), S(78, 82), S(48, 98), L(12, 90), C(29, 5), L(86, 2)),
    STYLE(5, 4, C(85, 4), C(34, 6), C(25, 44), S(54, 38), S(82, 58), S(68, 92), S(34, 99), L(8, 88)),
    STYLE(5, 2, S(84, 3), S(48, 6), S(24, 28), S(42, 46), S(74, 58), S(78, 82), S(48, 98), L(12, 91)),
    /* 6: with a small belly; round; upright */
    STYLE(6, 4, S(70, 0), S(36, 25), S(14, 62), S(25, 93), S(55, 98), S(80, 80), S(72, 58), S(45, 52), L(17, 70)),
    STYLE(6, 3, S(76, 8), S(52, 2), S(26, 28), S(14, 65), S(32, 96), S(68, 95), S(84, 72), S(62, 53), S(32, 58), L(18, 76)),
    STYLE(6, 2, S(40, 0), S(24, 36), S(18, 72), S(36, 98), S(68, 94), S(80, 72), S(60, 57), S(34, 66), L(20, 84)),
    /* 7: plain; with a hook; with a bar; bent */
    STYLE(7, 5, S(10, 8), S(48, 8), C(86, 4), S(60, 48), L(40, 100)),
    STYLE(7, 2, C(12, 24), C(13, 6), C(86, 4), S(60, 48), L(42, 100)),
    STYLE(7, 2, S(10, 8), S(48, 8), C(86, 4), S(60, 48), L(40, 100), C(26, 52), L(78, 48)),
    STYLE(7, 2, S(8, 14), S(38, 6), S(70, 8), S(82, 16), S(66, 46), S(52, 72), L(48, 100)),
    /* 8: an S and back; two rings; begun in the middle */
    STYLE(8, 5, S(74, 14), S(48, 2), S(24, 18), S(40, 42), S(70, 62), S(78, 84), S(50, 99), S(22, 84), S(36, 58), S(68, 36), S(78, 14), L(62, 3)),
    STYLE(8, 2, S(52, 48), S(26, 30), S(44, 3), S(74, 18), S(52, 48), S(20, 76), S(48, 99), S(80, 78), L(54, 48)),
    STYLE(8, 2, S(50, 2), S(26, 16), S(36, 42), S(68, 60), S(78, 84), S(50, 99), S(22, 82), S(38, 56), S(66, 38), S(74, 14), L(48, 2)),
    /* 9: ring and bar; with a bent tail; ring of its own */
    STYLE(9, 5, S(80, 18), S(52, 2), S(20, 22), S(32, 48), S(62, 44), C(82, 14), S(78, 50), L(70, 100)),
    STYLE(9, 3, S(78, 16), S(48, 3), S(18, 26), S(34, 50), S(66, 42), C(80, 12), S(82, 56), S(64, 94), L(26, 93)),
    STYLE(9, 3, S(72, 10), S(40, 4), S(20, 30), S(42, 48), S(70, 34), S(74, 10), S(72, 48), S(62, 76), L(52, 100)),
};
/* clang-format on */

const int data_digit_style_count = sizeof data_digit_styles / sizeof *data_digit_styles;
