/* idx.h: the IDX format: four bytes 0, 0, type, number of dimensions; the dimensions as big-endian 32-bit counts; the
 * elements, big-endian, last dimension fastest. Nothing may follow. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST
 * database of handwritten digits", section "The IDX file format". */
#ifndef DATA_IDX_H
#define DATA_IDX_H

#include "base/file.h"

typedef struct data_idx {
    tn_dtype dtype;
    int rank; /* 1 to TN_MAX_RANK */
    int64_t dims[TN_MAX_RANK];
    int64_t count;        /* dims[0] */
    int64_t row_elements; /* product of the others */
    size_t row_bytes;
    const unsigned char *rows; /* big-endian, as in the file */
    /* what rows lie in; at most one of the two */
    base_mapping mapping;
    void *owned;
} data_idx;

/* Takes a file apart; `map` maps plain files. `limit` 0: none. */
tn_status data_idx_open(data_idx *x, const char *path, bool map, size_t limit, base_error *e);
/* The same from memory, which must last: `name` stands in sentences. */
tn_status data_idx_parse(data_idx *x, const void *data, size_t bytes, const char *name, size_t limit, base_error *e);
/* Row `index` in the byte order of the machine. */
void data_idx_row(const data_idx *x, int64_t index, void *out);
void data_idx_close(data_idx *x);

#endif
