/* pnm.c: PBM, PGM and PPM pictures, as text (P1 to P3) and as bytes (P4 to P6), read by ourselves; values are stretched from
 * the file's greatest, up to 65535, to 255. See the manual pages pbm(5), pgm(5), ppm(5) of Netpbm. */
#include <string.h>

#include "data/picture.h"

typedef struct reader {
    const data_source *s;
    size_t at;
    base_error *e;
} reader;

static tn_status damaged(const reader *r, const char *why)
{
    return base_fail(r->e, TN_FORMAT, "%s is a damaged PNM picture: offset %zu: %s", r->s->name, r->at, why);
}

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(reader *r)
{
    const unsigned char *p = r->s->data;
    while (r->at < r->s->bytes && (is_space(p[r->at]) || p[r->at] == '#')) {
        if (p[r->at] == '#')
            while (r->at < r->s->bytes && p[r->at] != '\n' && p[r->at] != '\r')
                r->at++;
        else
            r->at++;
    }
}

static tn_status take_number(reader *r, int64_t *v)
{
    skip_space(r);
    size_t start = r->at;
    *v = 0;
    for (; r->at < r->s->bytes && r->at - start < 10; r->at++) {
        unsigned char c = r->s->data[r->at];
        if (c < '0' || c > '9')
            break;
        *v = *v * 10 + (c - '0');
    }
    return r->at > start ? TN_OK : damaged(r, "a number is due");
}

static uint8_t stretched(int64_t v, int64_t most)
{
    v = v > most ? most : v;
    return (uint8_t)((v * 255 + most / 2) / most);
}

/* Of a mask the number itself. */
static tn_status take_value(const reader *r, int64_t v, int64_t most, uint8_t *to)
{
    if (r->s->numbers && v > UINT8_MAX)
        return data_picture_no_mask(r->s, r->e, "it has the value %lld", (long long)v);
    *to = r->s->numbers ? (uint8_t)v : stretched(v, most);
    return TN_OK;
}

static tn_status read_text(reader *r, tn_picture *p, int64_t most, bool bits)
{
    int64_t n = p->width * p->height * p->channels;
    for (int64_t i = 0; i < n; i++) {
        int64_t v = 0;
        if (bits) { /* one digit each, with or without space between */
            skip_space(r);
            if (r->at >= r->s->bytes || (r->s->data[r->at] != '0' && r->s->data[r->at] != '1'))
                return damaged(r, "a 0 or a 1 is due");
            v = (r->s->data[r->at++] == '0') != r->s->numbers; /* of a mask the bit */
        } else {
            BASE_TRY(take_number(r, &v));
        }
        BASE_TRY(take_value(r, v, most, &p->pixels[i]));
    }
    return TN_OK;
}

static tn_status read_bytes(const reader *r, const unsigned char *from, tn_picture *p, int64_t most, bool bits)
{
    int64_t n = p->width * p->height * p->channels;
    const size_t row = (size_t)(p->width + 7) / 8;
    const uint8_t black = r->s->numbers ? 1 : 0, white = r->s->numbers ? 0 : 255;
    for (int64_t y = 0; bits && y < p->height; y++)
        for (int64_t x = 0; x < p->width; x++)
            p->pixels[y * p->width + x] = from[(size_t)y * row + (size_t)x / 8] >> (7 - x % 8) & 1 ? black : white;
    for (int64_t i = 0; !bits && i < n; i++)
        BASE_TRY(take_value(r, most > 255 ? from[2 * i] << 8 | from[2 * i + 1] : from[i], most, &p->pixels[i]));
    return TN_OK;
}

tn_status data_pnm_decode(const data_source *s, tn_picture **out, base_error *e)
{
    reader r = {.s = s, .at = 2, .e = e};
    int kind = s->bytes > 2 ? s->data[1] - '0' : 0, channels = kind == 3 || kind == 6 ? 3 : 1;
    bool text = kind <= 3, bits = kind == 1 || kind == 4;
    int64_t width, height, most = 1;
    BASE_TRY(take_number(&r, &width));
    BASE_TRY(take_number(&r, &height));
    if (!bits)
        BASE_TRY(take_number(&r, &most));
    if (width < 1 || height < 1 || most < 1 || most > 65535)
        return damaged(&r, "sides are at least 1, the greatest value 1 to 65535");
    BASE_TRY(data_picture_check(s, width, height, e));
    if (!text && (r.at >= s->bytes || !is_space(s->data[r.at])))
        return damaged(&r, "a space is due in front of the pixels");
    r.at += !text;
    uint64_t due =
        (uint64_t)height * (bits && !text ? (uint64_t)(width + 7) / 8
                                          : (uint64_t)width * (uint64_t)channels * (!text && most > 255 ? 2u : 1u));
    if (due > s->bytes - r.at)
        return damaged(&r, "it ends before its last pixel");
    tn_picture *p = data_picture_new(width, height, channels, e);
    if (!p)
        return e ? e->status : TN_MEMORY;
    const tn_status status = text ? read_text(&r, p, most, bits) : read_bytes(&r, s->data + r.at, p, most, bits);
    if (status != TN_OK)
        tn_picture_free(p);
    else
        *out = p;
    return status;
}
