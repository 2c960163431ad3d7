/* number.h: numbers as text, whatever the locale: the decimal point is a point. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdarg.h>
#include <tarn/core.h>

/* The whole of text as a number; false (and *value unchanged) if it is not one, or an integer does not fit. Accepted for
 * doubles: decimal notation with optional exponent, "inf", "nan" with sign. No leading or trailing space. */
bool base_parse_f64(const char *text, double *value);
bool base_parse_i64(const char *text, int64_t *value);
/* The shortest text that reads back as the same double; "nan", "inf", "-inf". Returns buffer. */
char *base_format_f64(double value, char buffer[32]);
/* snprintf and vsnprintf with a decimal point in every locale. Texts that may hold a %g are made with these; base_fail,
 * base_str_printf and base_arena_printf do so. */
int base_print(char *buffer, size_t size, const char *fmt, ...) TN_PRINTF(3, 4);
int base_vprint(char *buffer, size_t size, const char *fmt, va_list args) TN_PRINTF(3, 0);
/* Edit distance (insertions, deletions, replacements, swaps of neighbours): "did you mean". */
int base_distance(const char *a, const char *b);

#endif
