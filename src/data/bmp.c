/* bmp.c: BMP pictures, read by ourselves: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits, with masks for the colours; not
 * packed (RLE), which nobody writes. From the bottom or the top. Alpha is laid over white where the header says there is any.
 * See Microsoft, "Bitmap Storage" and "BITMAPV5HEADER". */
#include <string.h>

#include "data/picture.h"

enum { FILE_HEADER = 14, CORE = 12, INFO = 40, V3 = 56 };

typedef struct reader {
    const data_source *s;
    int64_t width, height;
    bool from_top;
    int bits;
    uint32_t masks[4]; /* red, green, blue, alpha; of 16 and 32 bits */
    uint8_t palette[256][3];
    size_t pixels; /* offset */
    base_error *e;
} reader;

static uint32_t number(const unsigned char *p, int n)
{
    uint32_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static tn_status damaged(const reader *r, const char *why)
{
    return base_fail(r->e, TN_FORMAT, "%s is a damaged BMP picture: %s", r->s->name, why);
}

static tn_status read_palette(reader *r, size_t at, uint32_t colours, size_t entry)
{
    uint32_t most = 1u << r->bits, n = colours ? colours : most;
    n = n > most ? most : n;
    if (at > r->s->bytes || n > (r->s->bytes - at) / entry)
        return damaged(r, "it ends inside the palette");
    for (uint32_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            r->palette[i][c] = r->s->data[at + i * entry + (size_t)(2 - c)];
    return TN_OK;
}

static tn_status read_masks(reader *r, uint32_t size, uint32_t packing)
{
    const unsigned char *p = r->s->data + FILE_HEADER + INFO;
    bool given = packing == 3 || packing == 6;
    const uint32_t five[4] = {0x7c00, 0x3e0, 0x1f, 0}, eight[4] = {0xff0000, 0xff00, 0xff, 0};
    memcpy(r->masks, r->bits == 16 ? five : eight, sizeof r->masks);
    if (!given)
        return TN_OK;
    int n = size >= V3 || packing == 6 ? 4 : 3;
    if (r->s->bytes < FILE_HEADER + INFO + 16)
        return damaged(r, "it ends inside the header");
    for (int c = 0; c < n; c++)
        r->masks[c] = number(p + 4 * c, 4);
    return TN_OK;
}

static tn_status read_header(reader *r)
{
    const unsigned char *p = r->s->data + FILE_HEADER;
    uint32_t size = number(p, 4), packing = 0, colours = 0;
    bool core = size == CORE;
    if (!core && size < INFO)
        return damaged(r, "its header is of no kind that is known");
    if (size > r->s->bytes - FILE_HEADER)
        return damaged(r, "it ends inside the header");
    int64_t height = core ? (int64_t)number(p + 6, 2) : (int64_t)(int32_t)number(p + 8, 4);
    r->width = core ? (int64_t)number(p + 4, 2) : (int64_t)(int32_t)number(p + 4, 4);
    r->from_top = height < 0;
    r->height = height < 0 ? -height : height;
    r->bits = (int)number(p + (core ? 10 : 14), 2);
    if (!core) {
        packing = number(p + 16, 4);
        colours = number(p + 32, 4);
    }
    r->pixels = number(r->s->data + 10, 4);
    if (r->width < 1 || r->height < 1)
        return damaged(r, "its sides are not positive");
    if (packing != 0 && packing != 3 && packing != 6)
        return base_fail(r->e, TN_UNSUPPORTED, "%s is a BMP picture packed by method %u, which is not read", r->s->name,
                         (unsigned)packing);
    BASE_TRY(data_picture_check(r->s, r->width, r->height, r->e));
    if (r->bits == 1 || r->bits == 4 || r->bits == 8)
        return read_palette(r, FILE_HEADER + (size_t)size, colours, core ? 3 : 4);
    if (r->bits == 16 || r->bits == 32)
        return read_masks(r, size, packing);
    return r->bits == 24 ? TN_OK : damaged(r, "it has a number of bits that is not known");
}

/* The bits of a mask, stretched to 0..255. */
static uint8_t field(uint32_t v, uint32_t mask)
{
    if (!mask)
        return 0;
    int shift = __builtin_ctz(mask);
    uint64_t most = mask >> shift;
    return (uint8_t)((((v & mask) >> shift) * (uint64_t)255 + most / 2) / most);
}

static void read_row(const reader *r, const unsigned char *row, uint8_t *to)
{
    for (int64_t x = 0; x < r->width; x++, to += 3) {
        if (r->bits <= 8) {
            int per = 8 / r->bits, shift = 8 - r->bits * (int)(x % per + 1);
            const int entry = row[x / per] >> shift & ((1 << r->bits) - 1);
            if (r->s->numbers)
                memset(to, entry, 3);
            else
                memcpy(to, r->palette[entry], 3);
        } else if (r->bits == 24) {
            for (int c = 0; c < 3; c++)
                to[c] = row[3 * x + 2 - c];
        } else {
            int bytes = r->bits / 8;
            uint32_t v = number(row + bytes * x, bytes);
            unsigned alpha = r->masks[3] ? field(v, r->masks[3]) : 255;
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)((field(v, r->masks[c]) * alpha + 255 * (255 - alpha) + 127) / 255);
        }
    }
}

tn_status data_bmp_decode(const data_source *s, tn_picture **out, base_error *e)
{
    reader r = {.s = s, .e = e};
    if (s->bytes < FILE_HEADER + CORE)
        return damaged(&r, "it ends inside the header");
    BASE_TRY(read_header(&r));
    size_t row = (size_t)((r.width * r.bits + 31) / 32 * 4);
    if (r.pixels > s->bytes || (size_t)r.height > (s->bytes - r.pixels) / row)
        return damaged(&r, "it ends before its last row");
    tn_picture *p = data_picture_new(r.width, r.height, 3, e);
    if (!p)
        return e ? e->status : TN_MEMORY;
    for (int64_t y = 0; y < r.height; y++)
        read_row(&r, s->data + r.pixels + (size_t)(r.from_top ? y : r.height - 1 - y) * row,
                 p->pixels + (size_t)(y * r.width) * 3);
    *out = p;
    return TN_OK;
}
