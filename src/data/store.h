/* store.h: what was made of samples and takes time to make again (decoded pictures, sounds), kept by number: in memory, or in a file that is
 * mapped. The first who needs a sample makes it and puts it here; threads need not wait for each other.
 *
 * A file is written while samples come, beside its name, and renamed when all are there, or when the store is freed: it is read from
 * then on, by this run and by later ones, which add what is not in it. Its key says what it was made from; of another key it is made anew.
 * All of it is checked when it is opened, and made anew if it is damaged, which the context's log is told.
 */
#ifndef DATA_STORE_H
#define DATA_STORE_H

#include "base/error.h"

#include <tarn/data.h>

typedef struct data_store data_store;

/* `about` bytes a record, as far as is known: where the options leave the choice. `name` and `key`: of the file, which is NAME-of-16-digits.samples in
 * the folder; `names` decides on the digits, so that what is out of date is replaced. NULL: the status of e. */
data_store *data_store_new(const tn_cache_opt *opt, const char *name, uint64_t names, uint64_t key, int64_t count,
                           size_t about, base_error *e);
/* Valid as long as the store; NULL: not there. */
const void *data_store_find(data_store *s, int64_t index, size_t *bytes);
/* Head and body are put behind each other. Best effort: what cannot be kept is made again. */
void data_store_put(data_store *s, int64_t index, const void *head, size_t head_bytes, const void *body,
                    size_t body_bytes);
/* This one cannot be made; the others can be complete without it. */
void data_store_pass(data_store *s, int64_t index);
void data_store_free(data_store *s);

#endif
