/* picture.h: decoders and filters for tn_picture. What decoders give is the picture as stored; picture.c turns and converts
 * it. */
#ifndef DATA_PICTURE_H
#define DATA_PICTURE_H

#include "base/error.h"

#include <tarn/data.h>

/* Bytes to be decoded, and what their picture may cost. */
typedef struct data_source {
    const unsigned char *data;
    size_t bytes;
    const char *name;
    int64_t pixels_limit;
    int channels; /* wanted: 0, 1 or 3 */
} data_source;

/* Sides of at least 1; pixels zeroed and part of the same memory as the tn_picture. */
tn_picture *data_picture_new(int64_t width, int64_t height, int channels, base_error *e);
/* Sizes from a header against the limit, before memory is taken. */
tn_status data_picture_check(const data_source *s, int64_t width, int64_t height, base_error *e);

/* *orientation: 1 to 8, as EXIF numbers them. */
tn_status data_png_decode(const data_source *s, tn_picture **out, base_error *e);
tn_status data_jpeg_decode(const data_source *s, tn_picture **out, int *orientation, base_error *e);
tn_status data_png_write(const tn_picture *p, const char *path, base_error *e);
/* The orientation in an EXIF block (what follows "Exif\0\0"); 1 if it has none or is damaged. */
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
