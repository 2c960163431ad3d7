/* prepare.h: preparations from the inside. A kind (text, table, ...) is a table of functions over what it fitted; the kinds
 * there are stand in prepare.c. */
#ifndef DATA_PREPARE_H
#define DATA_PREPARE_H

#include "base/context.h"
#include "format/json.h"

#include <tarn/data.h>

/* Raw input: a file's name, or bytes that are given themselves (then `name` stands in sentences). */
typedef struct data_raw {
    const char *path; /* NULL: data */
    const void *data;
    size_t bytes;
    const char *name;
} data_raw;

typedef struct data_prepare {
    const char *kind;
    size_t size; /* of what was fitted */
    /* `self`, all zeros, from the object that `write` wrote; nothing in it is believed. It is freed by `free`, also on failure. */
    tn_status (*parse)(const format_json *object, void *self, base_error *e);
    /* Members of an object that is open. */
    void (*write)(const void *self, format_json_out *w);
    /* Samples with the field "x", as those the preparation was fitted on have it. Keeps the preparation by a retain if it
     * needs it longer. */
    tn_dataset *(*open)(const tn_preparation *p, const void *self, const data_raw *raw, base_error *e);
    /* Optional: brings the model's outputs y[0 .. n) into the units of the data, in place. */
    void (*restore)(const void *self, float *y, int64_t n);
    /* Optional, where units differ from sample to sample: the same for the outputs of sample `index` of a set that `open` or the kind's
     * own data sets gave. False: it is no such set. */
    bool (*restore_sample)(const void *self, const tn_dataset *d, int64_t index, float *y, int64_t n);
    const char *const *endings; /* of names of files that `open` reads, in small letters; the last is NULL */
    void (*free)(void *self);
} data_prepare;
extern const char *const data_prepare_tables[], *const data_prepare_texts[]; /* endings of several kinds */

/* Takes `self` over, also on failure (NULL). */
tn_preparation *data_preparation_new(const data_prepare *kind, void *self, base_error *e);
const tn_preparation *data_preparation_retain(const tn_preparation *p); /* NULL is fine */
/* What a preparation of this kind fitted; NULL if it is of another. */
const void *data_preparation_self(const tn_preparation *p, const data_prepare *kind);
/* As an object under `key` (NULL: in a list or at the top), and back. */
void data_preparation_write(const tn_preparation *p, format_json_out *w, const char *key);
tn_preparation *data_preparation_read(const format_json *object, base_error *e);
/* Outputs into the units of the data; nothing where the kind has none. */
void data_preparation_restore(const tn_preparation *p, float *y, int64_t n);
void data_preparation_restore_sample(const tn_preparation *p, const tn_dataset *d, int64_t index, float *y, int64_t n);

#endif
