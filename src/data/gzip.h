/* gzip.h: files of gzip (RFC 1952) in memory, unpacked piece by piece, so that what they claim can be checked before
 * memory is taken for it. */
#ifndef DATA_GZIP_H
#define DATA_GZIP_H

#include "base/error.h"

typedef struct data_gzip data_gzip;

bool data_is_gzip(const void *data, size_t bytes);
/* `data` must last as long as the reader; `name` stands in sentences. */
data_gzip *data_gzip_new(const void *data, size_t bytes, const char *name, base_error *e);
/* Fills `out`; *got < room only at the end. Several members in a row count as one; checksums are verified. */
tn_status data_gzip_read(data_gzip *z, void *out, size_t room, size_t *got, base_error *e);
/* The most bytes that this many of gzip can hold: deflate packs at most 1032 to 1. */
size_t data_gzip_most(size_t bytes);
void data_gzip_free(data_gzip *z);
/* All of it, of `limit` bytes at most (0: what there is), in *out (malloc'ed). */
tn_status data_gzip_all(const void *data, size_t bytes, const char *name, size_t limit, char **out, size_t *length,
                        base_error *e);

#endif
