/* dataset.h: data sets from the inside. A set is a tn_dataset_def whose names were copied, counted by references. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/arena.h"
#include "base/context.h"
#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>
#include <tarn/data.h>

struct tn_dataset {
    atomic_int references;
    tn_dataset_def def;
    base_arena arena;            /* names and fields */
    size_t bytes[TN_MAX_FIELDS]; /* of one sample */
    int y;                       /* the field "y", or -1 */
    pthread_mutex_t serial;      /* held during `get` and `label` of a serial set */
    void (*where)(void *user, int64_t index,
                  base_str *to); /* the file that a sample's target is from; NULL: it has none */
};

/* Counts as const: what may change of a set is no business of its user. */
tn_dataset *data_retain(const tn_dataset *d);
/* In the sentence of e: the file that the target of the sample is from in front, or the sample's number. Returns e's status. */
tn_status data_blame(const tn_dataset *d, int64_t index, base_error *e);
/* One sample to at[0 .. fields), with index and label checked, fields that vary filled up; lengths[0 .. fields) says how long
 * they are (NULL: not asked). */
tn_status data_get(const tn_dataset *d, int64_t index, uint64_t key, void *const *at, int64_t *lengths, base_error *e);
/* Does any field vary? */
bool data_varies(const tn_dataset *d);
/* About how long a sample is, or -1. */
int64_t data_length(const tn_dataset *d, int64_t index);
tn_status data_label(const tn_dataset *d, int64_t index, int64_t *label, base_error *e);
/* Those of all samples, to be freed. */
tn_status data_labels(const tn_dataset *d, int64_t **labels, base_error *e);
/* tn_class_weights of them. */
tn_status data_class_weights(const tn_dataset *d, double *weights, base_error *e);
/* tn_dataset_new with the place for the sentence given. */
tn_dataset *data_new(const tn_dataset_def *def, base_error *e);
/* A definition with fields and classes of d and the rest for the caller to fill. */
tn_dataset_def data_def_like(const tn_dataset *d);

#endif
