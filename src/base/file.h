/* file.h: files read whole or mapped, and files written beside and renamed, so that a reader sees the old file or the new
 * one and a crash or a full disk loses nothing. Sentences name the path and what the system said. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"

/* Reads a whole file; *data is malloc'ed (never NULL on success) and the caller's, followed by a zero byte that is not
 * counted. More than `limit` bytes is TN_LIMIT. Directories, pipes and devices are refused. */
tn_status base_file_read(const char *path, size_t limit, void **data, size_t *bytes, base_error *e);

/* A file mapped read-only; empty files map to data != NULL, bytes 0. */
typedef struct base_mapping {
    const void *data;
    size_t bytes;
    bool mapped;
} base_mapping;
tn_status base_file_map(const char *path, base_mapping *m, base_error *e);
void base_file_unmap(base_mapping *m);

/* A file read in pieces, by any number of threads. What is read is copied, so that a file that becomes shorter meanwhile is told
 * (TN_IO) and does no harm. */
typedef struct base_reader {
    int fd;
    size_t bytes;
    const char *path; /* the caller's */
} base_reader;
tn_status base_reader_open(base_reader *r, const char *path, base_error *e);
/* Exactly so many bytes. */
tn_status base_reader_at(const base_reader *r, size_t offset, void *to, size_t bytes, base_error *e);
void base_reader_close(base_reader *r);

/* A file being written beside `path`. What is there and is no file (a folder, a pipe, a device) is refused, as it could not
 * be replaced at one stroke; a symbolic link is followed, and what it names replaced. After a failed write the sentence is kept and
 * commit fails with it. */
typedef struct base_writer base_writer;
base_writer *base_writer_new(const char *path, base_error *e);
tn_status base_writer_write(base_writer *w, const void *data, size_t bytes);
/* The first `bytes` of what was written so far, to be read as long as w is there: for what never gets its name. Not to be closed. */
base_reader base_writer_reader(const base_writer *w, size_t bytes);
/* Maps what was written, which never gets its name and goes with the mapping. w is freed in any case. */
tn_status base_writer_map(base_writer *w, base_mapping *m);
/* Flushes to disk, renames into place and frees w. On failure nothing is left beside and the old file is as it was. */
tn_status base_writer_commit(base_writer *w);
/* Gives up: removes what was written and frees w. NULL is fine. */
void base_writer_abandon(base_writer *w);

/* The three steps in one. */
tn_status base_file_write(const char *path, const void *data, size_t bytes, base_error *e);

bool base_file_exists(const char *path);
bool base_is_folder(const char *path);
/* mkdir -p. */
tn_status base_make_folder(const char *path, base_error *e);

#endif
