/* text.c: see text.h. */
#include "base/text.h"

#include <string.h>

int32_t base_utf8_next(const char *text, size_t bytes, size_t *used)
{
    static const int32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xE0) == 0xC0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : (p[0] & 0xF8) == 0xF0 ? 4 : 0;
    if (n == 0 || n > bytes)
        return -1;
    int32_t code = n == 1 ? p[0] : p[0] & (0x7F >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return -1;
        code = (code << 6) | (p[i] & 0x3F);
    }
    if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return -1;
    *used = n;
    return code;
}

bool base_utf8_valid(const char *text, size_t bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes; i += used)
        if (base_utf8_next(text + i, bytes - i, &used) < 0)
            return false;
    return true;
}

bool base_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

const char *base_shown(const char *text, char buffer[BASE_SHOWN])
{
    enum { ROOM = BASE_SHOWN - 4 }; /* "..." and the end */
    size_t length = strnlen(text, BASE_SHOWN * 4), at = 0, used = 0;
    size_t i = 0;
    while (i < length) {
        int32_t code = base_utf8_next(text + i, length - i, &used);
        bool plain =
            code >= 0x20 && code != 0x7F && !(code >= 0x80 && code < 0xA0) && !(code >= 0x2028 && code <= 0x202E);
        used = code < 0 ? 1 : used;
        if (at + (plain ? used : 1) > ROOM)
            break;
        if (plain)
            memcpy(buffer + at, text + i, used);
        else
            buffer[at] = '?';
        at += plain ? used : 1;
        i += used;
    }
    memcpy(buffer + at, i < length ? "..." : "", i < length ? 4 : 1);
    return buffer;
}
