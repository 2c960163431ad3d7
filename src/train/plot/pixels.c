/* pixels.c: pictures inside SVG and HTML: a PNG encoder for 8-bit grey and RGB (W3C PNG, third edition), and base64
 * (RFC 4648). Without zlib the pixels are stored in deflate's uncompressed blocks (RFC 1951, 3.2.4). */
#include <stdlib.h>
#include <string.h>

#include "train/plot/draw.h"

#ifdef TARN_HAVE_ZLIB
#include <zlib.h>
#endif

static uint32_t crc_of(const unsigned char *data, size_t bytes)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
    }
    return ~crc;
}

static void put32(unsigned char *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void add_chunk(base_str *out, const char *type, const void *data, size_t bytes)
{
    unsigned char number[4];
    put32(number, (uint32_t)bytes);
    base_str_bytes(out, number, 4);
    size_t start = out->length;
    base_str_add(out, type);
    base_str_bytes(out, data, bytes);
    if (out->failed)
        return;
    put32(number, crc_of((const unsigned char *)out->text + start, out->length - start));
    base_str_bytes(out, number, 4);
}

#ifdef TARN_HAVE_ZLIB
static void deflate_into(base_str *out, const unsigned char *data, size_t bytes)
{
    uLongf n = compressBound((uLong)bytes);
    unsigned char *packed = malloc(n);
    if (packed && compress2(packed, &n, data, (uLong)bytes, 9) == Z_OK)
        base_str_bytes(out, packed, n);
    else
        out->failed = true;
    free(packed);
}
#else
static void deflate_into(base_str *out, const unsigned char *data, size_t bytes)
{
    enum { MOST = 65535, BASE = 65521 };
    unsigned char number[5] = {0x78, 0x01};
    uint32_t a = 1, b = 0;
    base_str_bytes(out, number, 2);
    for (size_t at = 0; at < bytes; at += MOST) {
        size_t n = bytes - at < MOST ? bytes - at : MOST;
        number[0] = at + n == bytes;
        number[1] = (unsigned char)n;
        number[2] = (unsigned char)(n >> 8);
        number[3] = (unsigned char)~number[1];
        number[4] = (unsigned char)~number[2];
        base_str_bytes(out, number, 5);
        base_str_bytes(out, data + at, n);
    }
    for (size_t i = 0; i < bytes; i++) {
        a = (a + data[i]) % BASE;
        b = (b + a) % BASE;
    }
    put32(number, b << 16 | a);
    base_str_bytes(out, number, 4);
}
#endif

void plot_png_encode(base_str *out, const uint8_t *pixels, int columns, int rows, int channels)
{
    unsigned char header[13] = {0};
    size_t row = (size_t)columns * (size_t)channels, bytes = (row + 1) * (size_t)rows;
    unsigned char *lines = calloc(bytes, 1); /* each line begins with its filter: 0, none */
    if (!lines) {
        out->failed = true;
        return;
    }
    for (size_t r = 0; r < (size_t)rows; r++)
        memcpy(lines + r * (row + 1) + 1, pixels + r * row, row);
    put32(header, (uint32_t)columns);
    put32(header + 4, (uint32_t)rows);
    header[8] = 8;
    header[9] = channels == 3 ? 2 : 0;
    base_str packed = {0};
    deflate_into(&packed, lines, bytes);
    free(lines);
    base_str_bytes(out, "\x89PNG\r\n\x1A\n", 8);
    add_chunk(out, "IHDR", header, sizeof header);
    add_chunk(out, "IDAT", packed.text, packed.length);
    add_chunk(out, "IEND", NULL, 0);
    out->failed |= packed.failed;
    base_str_free(&packed);
}

void plot_base64(base_str *out, const void *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0U);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63], digits[v & 63]};
        if (left < 3)
            four[3] = '=';
        if (left < 2)
            four[2] = '=';
        base_str_bytes(out, four, 4);
    }
}
