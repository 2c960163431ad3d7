/* text.h: text that comes from outside: is it UTF-8, how it ends, and how it is shown inside a sentence. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <tarn/core.h>

/* The code point at text[0..bytes) and its length in *used; -1 if the bytes there are not UTF-8 (overlong forms,
 * surrogates and numbers above 10FFFF are not). bytes must not be 0. */
int32_t base_utf8_next(const char *text, size_t bytes, size_t *used);
bool base_utf8_valid(const char *text, size_t bytes);

/* Does a text end so? */
bool base_ends_with(const char *text, const char *end);

/* A name out of a file as a sentence may carry it: cut to what fits (with "..."), control characters and what is not
 * UTF-8 as '?', so that a hostile file cannot steer a terminal. Returns buffer. */
enum { BASE_SHOWN = 96 };
const char *base_shown(const char *text, char buffer[BASE_SHOWN]);
#define BASE_SHOW(text) base_shown((text), (char[BASE_SHOWN]){0})

#endif
