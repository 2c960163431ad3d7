/* arrays.h: a number for each sample out of a file of arrays: whom samples are of, or when. */
#ifndef DATA_PICTURE_ARRAYS_H
#define DATA_PICTURE_ARRAYS_H

#include "base/error.h"

/* The array `name` of a .npz or .safetensors file, or beside a .npy file the file `name`, of `count` entries: to `ints`, or to `floats`
 * (the other is NULL). */
tn_status data_arrays_numbers(const char *path, const char *name, int64_t count, int64_t *ints, double *floats,
                              base_error *e);

#endif
