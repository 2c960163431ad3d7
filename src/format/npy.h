/* npy.h: arrays in .npy files (numpy.lib.format, versions 1.0 to 3.0): what tests and golden files are made of, and how
 * other programs hand over data. Little-endian arrays of our dtypes, in C or Fortran order; nothing in a file is believed,
 * pickled objects, records and texts are refused. */
#ifndef FORMAT_NPY_H
#define FORMAT_NPY_H

#include "base/error.h"
#include "base/file.h"

typedef struct format_npy {
    tn_view view; /* read-only; any alignment; strided if the file is in Fortran order */
    base_mapping mapping;
} format_npy;

/* Maps the file, which must not be shortened by others while it is open. Sentences open with the path. */
tn_status format_npy_open(const char *path, format_npy *out, base_error *e);
/* The same for bytes in memory, which are borrowed as long as the view is used; `what` stands for the path. */
tn_status format_npy_borrow(const void *data, size_t bytes, const char *what, tn_view *out, base_error *e);
void format_npy_close(format_npy *file);

/* Writes a view in C order, beside and renamed. bf16, which numpy lacks, is refused. */
tn_status format_npy_write(const char *path, const tn_view *view, base_error *e);

#endif
