/* str.h: a growing text. A failed growth sets `failed`, keeps what is there and makes later appends do nothing, so that one
 * check at the end suffices. `text` is always a terminated string once anything was appended; base_str_text never NULL. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stddef.h>
#include <tarn/core.h>

typedef struct base_str {
    char *text;
    size_t length, capacity;
    bool failed;
} base_str;

void base_str_add(base_str *s, const char *text);
void base_str_bytes(base_str *s, const void *data, size_t bytes);
void base_str_printf(base_str *s, const char *fmt, ...) TN_PRINTF(2, 3);
const char *base_str_text(const base_str *s);
void base_str_free(base_str *s);

#endif
