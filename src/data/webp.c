/* webp.c: WebP pictures by libwebp; of moving ones nothing is read. */
#include "data/picture.h"

#ifdef TARN_HAVE_WEBP
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

static uint8_t over_white(unsigned value, unsigned alpha)
{
    return (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

static tn_status damaged(const data_source *s, int code, base_error *e)
{
    return code == VP8_STATUS_OUT_OF_MEMORY ? base_no_memory(e, "decoding a WebP picture")
                                            : base_fail(e, TN_FORMAT, "%s is a damaged WebP picture%s", s->name,
                                                        code == VP8_STATUS_NOT_ENOUGH_DATA ? ": it is cut short" : "");
}

static tn_status decode_alpha(const data_source *s, tn_picture *p, base_error *e)
{
    size_t row = (size_t)p->width * 4, n = (size_t)p->width * (size_t)p->height;
    uint8_t *rgba = malloc(row * (size_t)p->height);
    if (!rgba)
        return base_no_memory(e, "decoding a WebP picture");
    bool good = WebPDecodeRGBAInto(s->data, s->bytes, rgba, row * (size_t)p->height, (int)row) != NULL;
    for (size_t i = 0; good && s->numbers && i < n; i++)
        if (rgba[4 * i + 3] != UINT8_MAX) {
            free(rgba);
            return data_picture_no_mask(s, e, "pixels are transparent");
        }
    for (size_t i = 0; good && i < n; i++)
        for (size_t c = 0; c < 3; c++)
            p->pixels[3 * i + c] = over_white(rgba[4 * i + c], rgba[4 * i + 3]);
    free(rgba);
    return good ? TN_OK : damaged(s, VP8_STATUS_BITSTREAM_ERROR, e);
}

/* A RIFF file is "RIFF", its size, "WEBP", then chunks: four letters, the bytes that follow, and these, filled up to an even number.
 * Only files whose first chunk, VP8X, says so have one called EXIF. */
static int orientation_of(const data_source *s)
{
    enum { FIRST = 12, HEAD = 8, HAS_EXIF = 8 };
    const unsigned char *chunk = s->data + FIRST;
    size_t left = s->bytes - FIRST; /* it was decoded: it has that much */
    if (left <= HEAD || memcmp(chunk, "VP8X", 4) != 0 || !(chunk[HEAD] & HAS_EXIF))
        return 1;
    while (left >= HEAD) {
        size_t bytes = chunk[4] | (size_t)chunk[5] << 8 | (size_t)chunk[6] << 16 | (size_t)chunk[7] << 24;
        if (bytes > left - HEAD)
            return 1; /* it is cut */
        if (memcmp(chunk, "EXIF", 4) == 0)
            return data_exif_orientation(chunk + HEAD, bytes);
        bytes += bytes & 1;
        if (bytes > left - HEAD)
            return 1;
        chunk += HEAD + bytes;
        left -= HEAD + bytes;
    }
    return 1;
}

tn_status data_webp_decode(const data_source *s, tn_picture **out, int *orientation, base_error *e)
{
    WebPBitstreamFeatures f;
    int code = WebPGetFeatures(s->data, s->bytes, &f);
    if (code != VP8_STATUS_OK)
        return damaged(s, code, e);
    BASE_TRY(data_picture_check(s, f.width, f.height, e));
    if (f.has_animation)
        return base_fail(e, TN_UNSUPPORTED, "%s is a moving WebP picture, which is not read", s->name);
    tn_picture *p = data_picture_new(f.width, f.height, 3, e);
    if (!p)
        return e ? e->status : TN_MEMORY;
    size_t row = (size_t)f.width * 3;
    tn_status status = TN_OK;
    if (f.has_alpha)
        status = decode_alpha(s, p, e);
    else if (!WebPDecodeRGBInto(s->data, s->bytes, p->pixels, row * (size_t)f.height, (int)row))
        status = damaged(s, VP8_STATUS_BITSTREAM_ERROR, e);
    if (status != TN_OK) {
        tn_picture_free(p);
        return status;
    }
    *out = p;
    *orientation = orientation_of(s);
    return TN_OK;
}

#else

tn_status data_webp_decode(const data_source *s, tn_picture **out, int *orientation, base_error *e)
{
    (void)out;
    (void)orientation;
    return base_fail(e, TN_UNSUPPORTED,
                     "%s is a WebP picture, and this build is without libwebp; install the Debian package "
                     "libwebp-dev and build again",
                     s->name);
}
#endif
