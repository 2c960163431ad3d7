/* window.h: batches of alike lengths. The samples of so many batches (a window) are sorted by length and cut into batches,
 * whose order is then mixed; a batch that is not full stays the last. A function of seed, epoch and the lengths: whoever
 * computes it finds the same. */
#ifndef DATA_WINDOW_H
#define DATA_WINDOW_H

#include "data/dataset.h"
#include "data/permutation.h"

/* Places rank, rank + ranks, ... of an epoch are those of one process: so many. */
typedef struct data_share {
    int64_t rank, ranks, count;
} data_share;

typedef struct data_window {
    int64_t *entries;          /* length and place of the samples of one window, sorted */
    int64_t batches, batch, n; /* of a window; samples in this one */
    int64_t number, epoch;     /* which window the entries are of; -1: none */
    uint64_t seed;
} data_window;

size_t data_window_bytes(int64_t batches, int64_t batch);
/* entries: room for data_window_bytes, the caller's. */
data_window data_window_new(int64_t *entries, uint64_t seed, int64_t batches, int64_t batch);
/* What stands at place i of the share when its places are sorted: another place of it. `order`: of the epoch; NULL: that of the
 * data set. */
int64_t data_window_at(data_window *w, const tn_dataset *set, const data_permutation *order, const data_share *share,
                       int64_t epoch, int64_t i);

#endif
