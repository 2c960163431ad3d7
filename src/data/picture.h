/* picture.h: decoders and filters for tn_picture. What decoders give is the picture as stored; picture.c turns and converts
 * it. */
#ifndef DATA_PICTURE_H
#define DATA_PICTURE_H

#include "base/error.h"

#include <tarn/data.h>

/* A part of a picture, and the size that it will be scaled to. */
typedef struct data_part {
    int64_t left, top, width, height;
    int64_t to_width, to_height;
} data_part;

/* For decoders that can leave work out: `ask` says which part of a picture of this size will be seen (false: all of it). A
 * decoder that made use of it gives a picture that is no smaller than needed, in which `part` now lies. */
typedef struct data_hint {
    bool (*ask)(void *user, int64_t width, int64_t height, data_part *part);
    void *user;
    bool used;
    data_part part;
} data_hint;

enum { DATA_PIXELS_LIMIT = 100000000 }; /* of a picture, where none is given */

/* Bytes to be decoded, and what their picture may cost. */
typedef struct data_source {
    const unsigned char *data;
    size_t bytes;
    const char *name;
    int64_t pixels_limit;
    int channels; /* wanted: 0, 1 or 3 */
    bool
        numbers; /* a mask: entries of a palette and grey as they are; what is no class number, 0 to 255, in one channel is refused */
    bool raw; /* not turned as EXIF says */
} data_source;

/* Of a mask that is none: "NAME is no mask of class numbers, 0 to 255 in grey or as entries of a palette: " and why. */
tn_status data_picture_no_mask(const data_source *s, base_error *e, const char *why, ...) TN_PRINTF(3, 4);

/* Sides of at least 1; pixels zeroed and part of the same memory as the tn_picture. */
tn_picture *data_picture_new(int64_t width, int64_t height, int channels, base_error *e);
/* Sizes from a header against the limit, before memory is taken. */
tn_status data_picture_check(const data_source *s, int64_t width, int64_t height, base_error *e);

/* *orientation: 1 to 8, as EXIF numbers them. */
tn_status data_png_decode(const data_source *s, tn_picture **out, int *orientation, base_error *e);
/* The same, 16 bits kept: then *wide is set in place of *out. */
tn_status data_png_decode16(const data_source *s, tn_picture **out, tn_picture16 **wide, int *orientation,
                            base_error *e);
/* As tn_picture_decode16. */
tn_picture16 *data_picture_decode16(const void *data, size_t bytes, const char *name, const tn_picture_opt *opt,
                                    base_error *e);
tn_picture16 *data_picture16_new(int64_t width, int64_t height, int channels, base_error *e);
tn_status data_jpeg_decode(const data_source *s, data_hint *hint, tn_picture **out, int *orientation, base_error *e);
tn_status data_webp_decode(const data_source *s, tn_picture **out, int *orientation, base_error *e);
tn_status data_bmp_decode(const data_source *s, tn_picture **out, base_error *e);
tn_status data_pnm_decode(const data_source *s, tn_picture **out, base_error *e);
/* Any of them, told by its first bytes, turned and converted as the source says. hint may be NULL. */
tn_picture *data_picture_decode_hinted(const data_source *s, data_hint *hint, base_error *e);
tn_status data_png_write(const tn_picture *p, const char *path, base_error *e);
/* The orientation in an EXIF block, with "Exif\0\0" before it or without; 1 if it has none or is damaged. */
int data_exif_orientation(const unsigned char *tiff, size_t bytes);

tn_picture *data_picture_convert(const tn_picture *p, int channels, base_error *e);
tn_picture *data_picture_resize(const tn_picture *p, int64_t width, int64_t height, base_error *e);
/* The rectangle [left, left + width) x [top, top + height), which must lie inside. */
tn_picture *data_picture_crop(const tn_picture *p, int64_t left, int64_t top, int64_t width, int64_t height,
                              base_error *e);
tn_picture *data_picture_digit(const tn_picture *p, base_error *e);

/* ITU-R BT.601, in 16-bit fixed point: white stays 255. */
static inline uint8_t data_luma(unsigned r, unsigned g, unsigned b)
{
    return (uint8_t)((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
}

#endif
