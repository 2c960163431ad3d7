/* columns.h: the columns of a table in a file, mapped from there, so that a table may be larger than memory.
 *
 * The file: its sections (values, bits of what is missing, texts), each from a multiple of 64 on; then an index of them; then a tail of
 * 64 bytes that says where the index is. Sections and index have checksums, and all are checked when the file is opened: what is damaged is
 * made anew, not believed. Written beside its name and renamed. */
#ifndef DATA_TABLE_COLUMNS_H
#define DATA_TABLE_COLUMNS_H

#include "base/file.h"
#include "data/table/table.h"

/* A file that is being written, column after column. */
typedef struct columns_writer {
    base_writer *out;
    size_t at;
    size_t begin; /* of the section that is being written, and the sum of its pieces so far */
    uint64_t sum;
    char *piece; /* what is to be written next: sums are of whole pieces */
    size_t used;
    base_str index;
} columns_writer;

tn_status columns_begin(columns_writer *w, const char *path, base_error *e);
/* One section: any number of pieces, then its end. */
tn_status columns_put(columns_writer *w, const void *data, size_t bytes);
tn_status columns_end_section(columns_writer *w);
/* What a reader must know of the column, before its sections are put: values, then missing bits (n_missing above 0), then text (of texts). */
void columns_describe(columns_writer *w, const tn_column *c);
/* Rows, notes and so on of `t`; then the file has its name. In any case the writer is done. */
tn_status columns_finish(columns_writer *w, const tn_table *t, uint64_t key, base_error *e);
void columns_abandon(columns_writer *w);

/* The table that a file holds. TN_NOT_FOUND: there is none, or it is of something else; TN_FORMAT: it is damaged. */
tn_status columns_open(const char *path, uint64_t key, tn_table **out, base_error *e);

#endif
