/* transform.h: what happens to one field of a sample on its way into a batch; see tn_transform in <tarn/data.h>. */
#ifndef DATA_TRANSFORM_H
#define DATA_TRANSFORM_H

#include "base/error.h"

#include <tarn/data.h>

typedef struct data_transform {
    tn_dtype from, to;
    bool plain; /* the bytes as they are */
    bool moves;
    int64_t elements;
    int channels;   /* entries of factor and offset; each serves elements / channels in a row */
    double *factor; /* value * factor + offset */
    double *offset;
    int64_t planes, height, width; /* for moves */
    double move, rotate, zoom, fill;
    bool flip;
} data_transform;

/* `spec` NULL: as it is. */
tn_status data_transform_init(data_transform *t, const tn_field *field, const tn_transform *spec, base_error *e);
void data_transform_clear(data_transform *t);
/* Bytes of scratch that a run needs. */
size_t data_transform_scratch(const data_transform *t);
/* Moves are a function of key. `scratch` aligned to 8. */
void data_transform_run(const data_transform *t, const void *in, void *out, void *scratch, uint64_t key);

#endif
