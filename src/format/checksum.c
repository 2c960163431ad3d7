/* checksum.c: see checksum.h. Four lanes of words, each multiplied by an odd number and turned: every step can be undone, so a change in
 * one word cannot be lost. */
#include "format/checksum.h"

#include <string.h>

enum { LANES = 4, BLOCK = LANES * 8 };

static uint64_t mixed(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9E3779B97F4A7C15u;
    return h << 31 | h >> 33;
}

static void take(uint64_t lane[LANES], const unsigned char *block)
{
    for (int i = 0; i < LANES; i++) {
        uint64_t word = 0;
        for (int k = 7; k >= 0; k--) /* little-endian, one load where the processor is */
            word = word << 8 | block[8 * i + k];
        lane[i] = mixed(lane[i], word);
    }
}

uint64_t format_checksum(uint64_t before, const void *data, size_t bytes)
{
    uint64_t lane[LANES] = {1, 2, 3, 4}, h = mixed(before, (uint64_t)bytes);
    const unsigned char *p = data;
    size_t i = 0;
    for (; i + BLOCK <= bytes; i += BLOCK)
        take(lane, p + i);
    if (i < bytes) {
        unsigned char last[BLOCK] = {0};
        memcpy(last, p + i, bytes - i);
        take(lane, last);
    }
    for (int k = 0; k < LANES; k++)
        h = mixed(h, lane[k]);
    return h;
}

const char *format_checksum_place(const char *header, size_t bytes)
{
    static const char key[] = "\"" FORMAT_CHECKSUM "\":\"";
    const size_t n = sizeof key - 1;
    for (size_t i = 0; i + n + FORMAT_CHECKSUM_DIGITS < bytes; i++)
        if (header[i] == '"' && memcmp(header + i, key, n) == 0)
            return header[i + n + FORMAT_CHECKSUM_DIGITS] == '"' ? header + i + n : NULL;
    return NULL;
}

uint64_t format_checksum_header(const char *header, size_t bytes, const char *place)
{
    const size_t at = (size_t)(place - header), end = at + FORMAT_CHECKSUM_DIGITS;
    const uint64_t h = format_checksum(format_checksum(0, header, at), FORMAT_CHECKSUM_NONE, FORMAT_CHECKSUM_DIGITS);
    return format_checksum(h, header + end, bytes - end);
}
