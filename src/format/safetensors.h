/* safetensors.h: files of named tensors, as the Python package `safetensors` (0.3 to 0.8) reads and writes them.
 *
 * A file is: 8 bytes, little-endian, the length of the header; the header, a JSON object from names to
 * {"dtype", "shape", "data_offsets": [begin, end]} and "__metadata__", an object from strings to strings; then the
 * data, to which the offsets are relative. Nothing in a file is believed: every length is checked against what is
 * there, data must cover the rest of the file without overlap or hole, and a file with any byte changed or missing
 * gives tensors or a sentence, never a crash. */
#ifndef FORMAT_SAFETENSORS_H
#define FORMAT_SAFETENSORS_H

#include "base/error.h"
#include "base/str.h"

/* A tensor of a file, row-major. `data` has any alignment and any bit patterns: a BOOL byte may be other than 0 and 1.
 */
typedef struct format_tensor {
    const char *name;
    tn_dtype dtype;
    int rank;
    int64_t dims[TN_MAX_RANK];
    const void *data;
    size_t bytes;
} format_tensor;

typedef struct format_pair {
    const char *key, *value;
} format_pair;

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct format_safetensors {
    size_t n;
    const format_tensor *tensors; /* in the order of their data */
    size_t metadata_n;
    const format_pair *metadata; /* in the order of the file */
} format_safetensors;

/* Maps the file, which must not be shortened by others while it is open. Sentences open with the path. */
tn_status format_safetensors_open(const char *path, format_safetensors **out, base_error *e);
/* The same for bytes in memory, which are borrowed until the free; `what` stands for the path in sentences. */
tn_status format_safetensors_borrow(const void *data, size_t bytes, const char *what, format_safetensors **out,
                                    base_error *e);
void format_safetensors_free(format_safetensors *file);
/* The tensor of this name, or NULL; by bisection. */
const format_tensor *format_safetensors_find(const format_safetensors *file, const char *name);
/* The metadata under this key, or NULL. */
const char *format_safetensors_metadata(const format_safetensors *file, const char *key);

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Writes beside and renames. The tensors stand in the given order, but those with larger elements first, so that each
 * is aligned to its element (PyTorch refuses others). metadata may be NULL with metadata_n 0. */
tn_status format_safetensors_write(const char *path, const format_tensor *tensors, size_t n,
                                   const format_pair *metadata, size_t metadata_n, base_error *e);

/* The same when data are made as they are written: `data` of the tensors is ignored here, then, until due() is n, the
 * caller puts the data of tensor due(), in one or more pieces. Names and dims are borrowed until begin returns. Commit
 * and abandon free the writer; commit fails if data are missing. */
typedef struct format_safetensors_writer format_safetensors_writer;
format_safetensors_writer *format_safetensors_begin(const char *path, const format_tensor *tensors, size_t n,
                                                    const format_pair *metadata, size_t metadata_n, base_error *e);
/* Index (as given to begin) of the tensor whose data come next; n when all are there. */
size_t format_safetensors_due(const format_safetensors_writer *w);
tn_status format_safetensors_put(format_safetensors_writer *w, const void *data, size_t bytes);
tn_status format_safetensors_commit(format_safetensors_writer *w);
void format_safetensors_abandon(format_safetensors_writer *w);

/* ---- names of dtypes ------------------------------------------------------------------------------------------- */

/* "F32" for TN_F32, ...; NULL for numbers outside the list. And back: TN_NONE for other names. */
const char *format_safetensors_dtype(tn_dtype dtype);
tn_dtype format_safetensors_dtype_from(const char *name);

#endif
