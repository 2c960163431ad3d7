/* cache.c: a data set that keeps what was fetched. Every sample has a state; the thread that moves it from empty to busy
 * stores the sample, others that come meanwhile fetch it for themselves: nobody waits for anybody. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

enum { EMPTY, BUSY, READY };

typedef struct cache {
    const tn_dataset *of;
    char *samples; /* all fields of one sample after the other, each on a multiple of 8; lengths where they vary */
    size_t stride, offset[TN_MAX_FIELDS], lengths;
    atomic_uchar *states;
} cache;

static void copy_out(const cache *c, int64_t index, const tn_sample *sample)
{
    const char *from = c->samples + (size_t)index * c->stride;
    for (int f = 0; f < sample->n_fields; f++)
        memcpy(sample->at[f], from + c->offset[f], c->of->bytes[f]);
    if (c->lengths)
        memcpy(sample->lengths, from + c->lengths, sizeof *sample->lengths * (size_t)sample->n_fields);
}

static tn_status fill(const cache *c, int64_t index, uint64_t key, const tn_sample *sample)
{
    void *at[TN_MAX_FIELDS];
    for (int f = 0; f < sample->n_fields; f++)
        at[f] = c->samples + (size_t)index * c->stride + c->offset[f];
    int64_t *lengths = c->lengths ? (int64_t *)(void *)(c->samples + (size_t)index * c->stride + c->lengths) : NULL;
    tn_status status = data_get_among(c->of, index, key, at, lengths, sample->among, sample->inside);
    if (status == TN_OK)
        copy_out(c, index, sample);
    atomic_store_explicit(&c->states[index], status == TN_OK ? READY : EMPTY, memory_order_release);
    return status;
}

static tn_status cache_get(void *user, int64_t index, uint64_t key, const tn_sample *sample)
{
    const cache *c = user;
    if (c->of->mixes && sample->among) /* kept, it would hold what another subset may not see */
        return data_get_among(c->of, index, key, sample->at, sample->lengths, sample->among, sample->inside);
    unsigned char state = atomic_load_explicit(&c->states[index], memory_order_acquire);
    if (state == EMPTY && atomic_compare_exchange_strong(&c->states[index], &state, BUSY))
        return fill(c, index, key, sample);
    if (state != READY)
        return data_get_among(c->of, index, key, sample->at, sample->lengths, sample->among, sample->inside);
    copy_out(c, index, sample);
    return TN_OK;
}

static int64_t cache_label(void *user, int64_t index)
{
    const cache *c = user;
    int64_t label;
    if (atomic_load_explicit(&c->states[index], memory_order_acquire) == READY) {
        memcpy(&label, c->samples + (size_t)index * c->stride + c->offset[c->of->y], sizeof label);
        return label;
    }
    return data_label(c->of, index, &label, NULL) == TN_OK ? label : -1;
}

static int64_t cache_length(void *user, int64_t index)
{
    const cache *c = user;
    return data_length(c->of, index);
}

static void cache_release(void *user)
{
    cache *c = user;
    tn_dataset_free((tn_dataset *)(uintptr_t)c->of);
    free(c->samples);
    free(c->states);
    free(c);
}

/* Memory for all samples; the system hands it out as it is first written. */
static tn_status take_memory(cache *c, size_t limit, base_error *e)
{
    size_t n = (size_t)c->of->def.count, total;
    for (int f = 0; f < c->of->def.n_fields; f++) {
        c->offset[f] = c->stride;
        c->stride += (c->of->bytes[f] + 7) & ~(size_t)7;
    }
    if (data_varies(c->of)) {
        c->lengths = c->stride;
        c->stride += sizeof(int64_t) * (size_t)c->of->def.n_fields;
    }
    if (__builtin_mul_overflow(n, c->stride, &total) || total > SIZE_MAX / 4)
        return base_fail(e, TN_LIMIT, "%zu samples of %zu bytes are more than memory can hold", n, c->stride);
    if (limit && total > limit)
        return base_fail(e, TN_LIMIT, "%zu samples of %zu bytes take %zu bytes; the limit is %zu", n, c->stride, total,
                         limit);
    c->samples = calloc(n ? n : 1, c->stride);
    c->states = calloc(n ? n : 1, sizeof *c->states);
    return c->samples && c->states ? TN_OK : base_no_memory(e, "keeping the samples of a data set");
}

tn_dataset *tn_dataset_cache(tn_context *context, const tn_dataset *of, size_t memory_limit)
{
    base_error *e = base_context_begin(context);
    cache *c = calloc(1, sizeof *c);
    if (!c) {
        base_no_memory(e, "keeping the samples of a data set");
        return NULL;
    }
    c->of = data_retain(of);
    tn_dataset_def def = data_def_like(of);
    def.count = of->def.count;
    def.get = cache_get;
    def.label = of->def.label || (of->y >= 0 && of->def.fields[of->y].rank == 0) ? cache_label : NULL;
    def.length = of->def.length ? cache_length : NULL;
    def.release = cache_release;
    def.user = c;
    tn_dataset *d = take_memory(c, memory_limit, e) == TN_OK ? data_new(&def, e) : NULL;
    if (d)
        d->mixes = of->mixes;
    else
        cache_release(c);
    return d;
}
