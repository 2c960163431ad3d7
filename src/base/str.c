/* str.c: see str.h. */
#include "base/str.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

static bool reserve(base_str *s, size_t more)
{
    if (s->failed || more > SIZE_MAX / 4 || s->length + more + 1 < s->length) {
        s->failed = true;
        return false;
    }
    size_t need = s->length + more + 1;
    if (need <= s->capacity)
        return true;
    size_t capacity = s->capacity ? s->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    char *text = realloc(s->text, capacity);
    if (!text) {
        s->failed = true;
        return false;
    }
    s->text = text;
    s->capacity = capacity;
    return true;
}

void base_str_bytes(base_str *s, const void *data, size_t bytes)
{
    if (!reserve(s, bytes))
        return;
    if (bytes)
        memcpy(s->text + s->length, data, bytes);
    s->length += bytes;
    s->text[s->length] = '\0';
}

void base_str_add(base_str *s, const char *text)
{
    base_str_bytes(s, text, strlen(text));
}

void base_str_printf(base_str *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = base_vprint(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || !reserve(s, (size_t)n))
        return;
    va_start(args, fmt);
    (void)base_vprint(s->text + s->length, (size_t)n + 1, fmt, args);
    va_end(args);
    s->length += (size_t)n;
}

const char *base_str_text(const base_str *s)
{
    return s->text ? s->text : "";
}

void base_str_free(base_str *s)
{
    free(s->text);
    *s = (base_str){0};
}
