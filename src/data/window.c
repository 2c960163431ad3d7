/* window.c: see window.h. */
#include "data/window.h"

#include <stdlib.h>

size_t data_window_bytes(int64_t batches, int64_t batch)
{
    size_t n;
    if (__builtin_mul_overflow((size_t)batches, (size_t)batch, &n) || n > SIZE_MAX / 32)
        return SIZE_MAX;
    return n * 2 * sizeof(int64_t);
}

data_window data_window_new(int64_t *entries, uint64_t seed, int64_t batches, int64_t batch)
{
    return (data_window){.entries = entries, .batches = batches, .batch = batch, .number = -1, .seed = seed};
}

/* By length, then by place: one order only. */
static int compare(const void *a, const void *b)
{
    const int64_t *p = a, *q = b;
    if (p[0] != q[0])
        return p[0] < q[0] ? -1 : 1;
    return p[1] < q[1] ? -1 : p[1] > q[1];
}

static void sort(data_window *w, const tn_dataset *set, const data_permutation *order, const data_share *share,
                 int64_t epoch, int64_t number)
{
    const int64_t size = w->batches * w->batch, first = number * size, left = share->count - first;
    w->n = left < size ? left : size;
    for (int64_t i = 0; i < w->n; i++) {
        const int64_t place = first + i;
        const int64_t global = place * share->ranks + share->rank;
        w->entries[2 * i] = data_length(set, order ? (int64_t)data_permutation_at(order, (uint64_t)global) : global);
        w->entries[2 * i + 1] = place;
    }
    qsort(w->entries, (size_t)w->n, 2 * sizeof *w->entries, compare);
    w->number = number;
    w->epoch = epoch;
}

int64_t data_window_at(data_window *w, const tn_dataset *set, const data_permutation *order, const data_share *share,
                       int64_t epoch, int64_t i)
{
    const int64_t size = w->batches * w->batch, number = i / size;
    if (w->number != number || w->epoch != epoch)
        sort(w, set, order, share, epoch, number);
    const int64_t inside = i - number * size, full = w->n / w->batch;
    int64_t batch = inside / w->batch;
    if (order && batch < full) {
        const data_permutation mixed =
            data_permutation_new((uint64_t)full, w->seed ^ 0x77696e646f77u, (uint64_t)epoch << 32 | (uint64_t)number);
        batch = (int64_t)data_permutation_at(&mixed, (uint64_t)batch);
    }
    return w->entries[2 * (batch * w->batch + inside % w->batch) + 1];
}
