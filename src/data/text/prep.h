/* prep.h: a text preparation: the tokenizer, and how long samples are and what they hold. */
#ifndef DATA_TEXT_PREP_H
#define DATA_TEXT_PREP_H

#include "data/files.h"
#include "data/prepare.h"
#include "data/text/work.h"

typedef struct text_prep {
    base_arena arena;
    tn_tokenizer *t;
    tn_text_task task;
    int64_t length, pad;
    bool fixed, pad_left, plain, truncate_left, whole;
    double mask;
    int classes;
    const char **class_names; /* NULL: numbers */
} text_prep;

extern const data_prepare data_prepare_text;

/* Texts of a preparation as a data set; labels NULL: none; folder as in rows.h. */
tn_dataset *text_set_new(const tn_preparation *p, const tn_text *texts, size_t n, const int64_t *labels, bool raw,
                         int threads, const char *folder, base_error *e);
/* The lines of a text, without their ends; empty ones only if `all`. *lines is the caller's. */
tn_status text_lines(const char *text, size_t bytes, bool all, tn_text **lines, size_t *n, base_error *e);
/* A data set of the lines of raw input, or of the `whole` of it, made by `make`: `raw`, as the model's input alone, with empty lines, and
 * all UTF-8. */
typedef tn_dataset *text_make_set(const tn_preparation *p, const tn_text *lines, size_t n, bool raw, int threads,
                                  base_error *e);
tn_dataset *text_open_lines(const tn_preparation *p, const data_raw *in, text_make_set *make, bool raw, bool whole,
                            int threads, base_error *e);
/* A file, plain or gzip'ed, into the buffer's own memory. */
tn_status text_file_read(const char *path, data_buffer *b, base_error *e);
/* See tn_text_mask. */
void text_mask(const tn_tokenizer *t, int32_t mask, int64_t *x, int64_t *y, int64_t n, double part, uint64_t key);

#endif
