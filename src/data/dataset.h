/* dataset.h: data sets from the inside. A set is a tn_dataset_def whose names were copied, counted by references. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/arena.h"
#include "base/context.h"
#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>
#include <tarn/data.h>

/* Lists that a batch has as a whole, beside the fields of its samples: of these fields and a key, and of any length. */
enum { DATA_MOST_LISTS = 8 };
typedef struct data_list {
    const char *name;
    tn_dtype dtype;
} data_list;
/* One of them in a batch, in memory that grows; `at` is free()d by whoever has it. */
typedef struct data_filled {
    void *at;
    size_t room;
    int64_t n;
} data_filled;
typedef struct data_lists {
    const data_list *list;
    int n;
    /* How long a list can be in a batch of so many samples. */
    int64_t (*most)(const void *user, int list, int64_t batch);
    /* Fills them. fields: of n samples, as the data set gives them. Depends on its arguments only; runs on several threads at once. */
    tn_status (*fill)(const void *user, const tn_view *fields, int64_t n, uint64_t key, data_filled *out,
                      base_error *e);
    const void *user;
} data_lists;

/* Which samples of a set may be put together with the one that is fetched (by mosaic, mixup): those that the reader has, which reads
 * a subset of it perhaps, or a subset of a subset. Every set that gives samples of another one other numbers adds a link, so that
 * none outside what is read can be reached. */
typedef struct data_among {
    const struct data_among
        *outer; /* the next link towards the reader; NULL: this is the outermost, and `count` counts */
    int64_t count;
    int64_t (*at)(const void *user,
                  int64_t i); /* a number of the outer set as one of this; negative: it is not from here */
    const void *user;
} data_among;

struct tn_dataset {
    atomic_int references;
    tn_dataset_def def;
    const data_lists *lists;     /* of its batches; lives as long as the set; NULL: none */
    base_arena arena;            /* names and fields */
    size_t bytes[TN_MAX_FIELDS]; /* of one sample */
    int y;                       /* the field "y", or -1 */
    pthread_mutex_t serial;      /* held during `get` and `label` of a serial set */
    /* The file, or files, that the target of a sample with this key is from; NULL: it has none. */
    void (*where)(void *user, int64_t index, uint64_t key, const data_among *among, base_str *to);
    /* Appends what the file of a sample is called in its folder or archive; NULL: samples are no files. */
    void (*name)(const void *user, int64_t index, base_str *to);
    bool mixes; /* samples hold what is of others of the set */
};

/* Counts as const: what may change of a set is no business of its user. */
tn_dataset *data_retain(const tn_dataset *d);
/* In the sentence of e: the file that the target of the sample is from in front, or the sample's number. Returns e's status. */
tn_status data_blame(const tn_dataset *d, int64_t index, uint64_t key, const data_among *among, base_error *e);
/* One sample to at[0 .. fields), with index and label checked, fields that vary filled up; lengths[0 .. fields) says how long
 * they are (NULL: not asked). */
tn_status data_get(const tn_dataset *d, int64_t index, uint64_t key, void *const *at, int64_t *lengths, base_error *e);
/* The same for sets made of others, which hand on what they were asked with: `among` of the tn_sample, or a link to it. */
tn_status data_get_among(const tn_dataset *d, int64_t index, uint64_t key, void *const *at, int64_t *lengths,
                         const data_among *among, base_error *e);
/* The sample that a random number chooses among those of a set with `count` that the reader has. */
int64_t data_other(const data_among *among, int64_t count, uint64_t number);
/* List number i of a data set's batches, or NULL. */
const data_list *data_list_at(const tn_dataset *d, int i);
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
