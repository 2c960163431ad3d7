/* loader.c: batches made ahead by threads, always in the same order.
 *
 * Batches have numbers: epoch * batches + index. A ring of slots holds the batches that are ready or in the making;
 * batch number k lives in slot k % slots. A worker takes the lowest number that is not taken and whose slot is free,
 * fills the slot without holding the lock, and marks it full. The consumer waits for the slot of the number it is due,
 * so what it gets does not depend on who made it, or when. One slot more than `prefetch` is needed: the consumer still
 * reads it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/philox.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/permutation.h"
#include "data/transform.h"
#include "data/window.h"

enum { MOST_WORKERS = 256, MOST_PREFETCH = 4096, MOST_BUCKET = 65536, ALIGN = 64 };

typedef struct slot {
    int64_t number; /* the batch it holds */
    bool full;
    int64_t n, skipped;
    base_str told; /* why they were left out */
    tn_status status;
    char *room; /* the memory of all fields */
    tn_view fields[TN_MAX_FIELDS];
    int64_t longest[TN_MAX_FIELDS]; /* of the samples so far, where fields vary */
    data_filled lists[DATA_MOST_LISTS];
    int64_t *samples;
    base_error err;
} slot;

/* What one thread needs to make a sample. */
typedef struct worker {
    tn_loader *loader;
    pthread_t thread;
    bool started;
    char *room;                  /* of the next two */
    void *sample[TN_MAX_FIELDS]; /* NULL where samples go straight into the batch */
    void *scratch;
    data_window window;
    base_error err;
} worker;

struct tn_loader {
    tn_context *context; /* for its log */
    const tn_dataset *set;
    const char *left_out_of; /* see data_loader_tell */
    int64_t batch, batches;  /* samples in one, batches in an epoch */
    bool shuffle, skip_bad, varies;
    int64_t bucket, pad_to; /* batches that are sorted together; 0: none */
    data_share share;
    uint64_t seed;
    data_transform transforms[TN_MAX_FIELDS];
    int n_slots, n_workers;
    slot *slots;
    worker *workers; /* at least one, which then serves the calling thread */
    size_t memory, memory_limit;

    /* the consumer's */
    int64_t epoch, index; /* what comes next */
    int64_t first_epoch;  /* where it began */
    tn_batch current;
    tn_loader_stats stats;
    double first_call;
    base_error err;
    size_t why; /* where in its text the sample's own sentence begins */

    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t work, ready; /* workers wait for the first, the consumer for the second */
    bool has_lock, stop, hold;  /* hold: take no more batches, as the position changes */
    int64_t claim;              /* the next number to be made */
    int64_t due;                /* the number the consumer waits for or reads; numbers below need no slot */
    int busy;                   /* workers that fill a slot now */
};

/* ---- making one batch ------------------------------------------------------------------------------------------ */

static uint64_t sample_key(const tn_loader *l, int64_t epoch, int64_t sample)
{
    base_philox x = base_philox_at(l->seed ^ 0x73616d706c65, (uint64_t)sample, (uint64_t)epoch);
    return (uint64_t)x.v[0] << 32 | x.v[1];
}

static tn_status make_sample(const tn_loader *l, worker *w, slot *s, int64_t sample, uint64_t key)
{
    void *at[TN_MAX_FIELDS], *row[TN_MAX_FIELDS];
    int64_t lengths[TN_MAX_FIELDS];
    for (int f = 0; f < l->set->def.n_fields; f++) {
        const tn_view *v = &s->fields[f];
        row[f] = (char *)v->data + (v->bytes / (size_t)l->batch) * (size_t)s->n;
        at[f] = w->sample[f] ? w->sample[f] : row[f];
    }
    BASE_TRY(data_get(l->set, sample, key, at, lengths, &w->err));
    for (int f = 0; f < l->set->def.n_fields; f++) {
        if (w->sample[f])
            data_transform_run(&l->transforms[f], at[f], row[f], w->scratch, key);
        s->longest[f] = lengths[f] > s->longest[f] ? lengths[f] : s->longest[f];
    }
    return TN_OK;
}

/* Rows of fields that vary were made as long as can be; they move together to the length of the longest. */
static void draw_together(const tn_loader *l, slot *s)
{
    for (int f = 0; f < l->set->def.n_fields; f++) {
        const tn_field *field = &l->set->def.fields[f];
        tn_view *v = &s->fields[f];
        if (!field->varies)
            continue;
        int64_t length = (s->longest[f] + l->pad_to - 1) / l->pad_to * l->pad_to;
        length = length > field->dims[0] ? field->dims[0] : length < 1 ? 1 : length;
        const size_t row = v->bytes / (size_t)l->batch, now = row / (size_t)field->dims[0] * (size_t)length;
        for (int64_t i = 1; i < s->n; i++)
            memmove((char *)v->data + (size_t)i * now, (char *)v->data + (size_t)i * row, now);
        v->dims[1] = length;
    }
}

/* Sample i of batch `index`: by the order of the epoch, or sorted by length among the batches around. */
static int64_t sample_at(const tn_loader *l, worker *w, const data_permutation *order, int64_t epoch, int64_t i)
{
    if (l->bucket)
        i = data_window_at(&w->window, l->set, l->shuffle ? order : NULL, &l->share, epoch, i);
    i = i * l->share.ranks + l->share.rank;
    return l->shuffle ? (int64_t)data_permutation_at(order, (uint64_t)i) : i;
}

/* What the batch has as a whole: behind the fields. */
static void make_lists(const tn_loader *l, slot *s, int64_t epoch, int64_t index)
{
    const data_lists *lists = l->set->lists;
    const uint64_t key = base_philox_key(base_philox_key(l->seed ^ 0x6c69737473, (uint64_t)epoch), (uint64_t)index);
    s->status = lists->fill(lists->user, s->fields, s->n, key, s->lists, &s->err);
    for (int i = 0; i < lists->n && s->status == TN_OK; i++)
        s->fields[l->set->def.n_fields + i] = tn_view_of(s->lists[i].at, lists->list[i].dtype, 1, &s->lists[i].n);
}

/* Sentences with a zero behind each. */
static void note_skipped(slot *s, int64_t sample, const char *why)
{
    base_str_printf(&s->told, "sample %lld: %s", (long long)sample, why);
    base_str_bytes(&s->told, "", 1);
}

static void make_batch(const tn_loader *l, worker *w, slot *s)
{
    int64_t epoch = s->number / l->batches, index = s->number % l->batches, count = l->share.count;
    int64_t first = index * l->batch, last = first + l->batch < count ? first + l->batch : count;
    data_permutation order = data_permutation_new((uint64_t)l->set->def.count, l->seed, (uint64_t)epoch);
    s->n = s->skipped = 0;
    s->told.length = 0;
    s->status = TN_OK;
    memset(s->longest, 0, sizeof s->longest);
    for (int64_t i = first; i < last; i++) {
        int64_t sample = sample_at(l, w, &order, epoch, i);
        tn_status status = make_sample(l, w, s, sample, sample_key(l, epoch, sample));
        if (status == TN_OK) {
            s->samples[s->n++] = sample;
        } else if (l->skip_bad) {
            s->skipped++;
            note_skipped(s, sample, w->err.text);
        } else {
            s->status = status;
            base_fail(&s->err, status, "sample %lld: %.800s", (long long)sample, w->err.text);
            return;
        }
    }
    if (l->varies)
        draw_together(l, s);
    if (l->set->lists && s->n > 0)
        make_lists(l, s, epoch, index);
}

/* ---- workers --------------------------------------------------------------------------------------------------- */

static void *work(void *user)
{
    worker *w = user;
    tn_loader *l = w->loader;
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        if (l->hold || l->claim >= l->due + l->n_slots) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        slot *s = &l->slots[l->claim % l->n_slots];
        s->number = l->claim++;
        s->full = false;
        l->busy++;
        pthread_mutex_unlock(&l->lock);
        make_batch(l, w, s);
        pthread_mutex_lock(&l->lock);
        l->busy--;
        s->full = true;
        pthread_cond_signal(&l->ready);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- making a loader ------------------------------------------------------------------------------------------- */

static size_t up(size_t bytes)
{
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* Counts bytes against the limit. */
static tn_status count_memory(tn_loader *l, size_t bytes, base_error *e)
{
    if (l->memory_limit && (bytes > l->memory_limit || l->memory > l->memory_limit - bytes))
        return base_fail(e, TN_LIMIT,
                         "the loader's buffers need more than the %zu bytes allowed: %d batches of %lld samples are "
                         "held at once; ask for a smaller batch or prefetch",
                         l->memory_limit, l->n_slots, (long long)l->batch);
    l->memory += bytes;
    return TN_OK;
}

/* Memory for the life of the loader. */
static void *take(tn_loader *l, size_t bytes, base_error *e)
{
    if (count_memory(l, bytes, e) != TN_OK)
        return NULL;
    void *p = bytes < SIZE_MAX / 4 ? aligned_alloc(ALIGN, up(bytes ? bytes : 1)) : NULL;
    if (!p)
        base_no_memory(e, "making the buffers of a loader");
    else
        memset(p, 0, up(bytes ? bytes : 1)); /* touched now, not in the first epoch */
    return p;
}

static tn_status init_slot(tn_loader *l, slot *s, base_error *e)
{
    size_t total = 0, offset[TN_MAX_FIELDS];
    for (int f = 0; f < l->set->def.n_fields; f++) {
        const tn_field *field = &l->set->def.fields[f];
        tn_view *v = &s->fields[f];
        *v = (tn_view){.dtype = l->transforms[f].to, .rank = field->rank + 1};
        v->dims[0] = l->batch;
        memcpy(&v->dims[1], field->dims, sizeof field->dims[0] * (size_t)field->rank);
        size_t row = (size_t)l->transforms[f].elements;
        if (__builtin_mul_overflow(row, tn_dtype_size(v->dtype), &row) ||
            __builtin_mul_overflow(row, (size_t)l->batch, &v->bytes) || v->bytes > SIZE_MAX / 64)
            return base_fail(e, TN_LIMIT,
                             "a batch of %lld samples of field \"%.100s\" would be larger than memory can be",
                             (long long)l->batch, field->name);
        offset[f] = total;
        total += up(v->bytes);
    }
    if (!(s->room = take(l, total, e)) || !(s->samples = take(l, (size_t)l->batch * sizeof *s->samples, e)))
        return TN_MEMORY;
    for (int f = 0; f < l->set->def.n_fields; f++)
        s->fields[f].data = s->room + offset[f];
    s->number = -1;
    size_t lists = 0; /* they take it as they grow */
    for (int i = 0; data_list_at(l->set, i); i++)
        lists += (size_t)l->set->lists->most(l->set->lists->user, i, l->batch) *
                 tn_dtype_size(data_list_at(l->set, i)->dtype);
    return count_memory(l, lists, e);
}

static tn_status init_worker(tn_loader *l, worker *w, base_error *e)
{
    size_t scratch = 0, total = 0, offset[TN_MAX_FIELDS];
    w->loader = l;
    for (int f = 0; f < l->set->def.n_fields; f++) {
        size_t need = data_transform_scratch(&l->transforms[f]);
        scratch = need > scratch ? need : scratch;
        offset[f] = total;
        if (!l->transforms[f].plain)
            total += up(l->set->bytes[f]);
    }
    if (!(w->room = take(l, total + scratch, e)))
        return TN_MEMORY;
    for (int f = 0; f < l->set->def.n_fields; f++)
        if (!l->transforms[f].plain)
            w->sample[f] = w->room + offset[f];
    w->scratch = w->room + total;
    if (!l->bucket)
        return TN_OK;
    int64_t *entries = take(l, data_window_bytes(l->bucket, l->batch), e);
    w->window = data_window_new(entries, l->seed, l->bucket, l->batch);
    return entries ? TN_OK : TN_MEMORY;
}

static tn_status init_transforms(tn_loader *l, const tn_loader_opt *o, base_error *e)
{
    const tn_transform *of[TN_MAX_FIELDS] = {0};
    for (int i = 0; i < o->n_transforms; i++) {
        const char *name = o->transforms[i].field;
        int f = name ? tn_dataset_find(l->set, name) : -1;
        if (f < 0)
            return base_fail(e, TN_NOT_FOUND,
                             "transform %d is for the field \"%.100s\", which the data set does not have", i,
                             name ? name : "");
        if (of[f])
            return base_fail(e, TN_INVALID, "two transforms are for the field \"%.100s\"", name);
        of[f] = &o->transforms[i];
    }
    for (int f = 0; f < l->set->def.n_fields; f++)
        BASE_TRY(data_transform_init(&l->transforms[f], &l->set->def.fields[f], of[f], e));
    return TN_OK;
}

static tn_status check_ranks(const tn_loader_opt *o, int64_t count, base_error *e)
{
    if (o->ranks < 0 || o->rank < 0 || o->rank >= (o->ranks ? o->ranks : 1))
        return base_fail(e, TN_INVALID, "rank %d of %d: ranks go from 0 to one below how many there are", o->rank,
                         o->ranks);
    if (count > 0 && o->ranks > count)
        return base_fail(e, TN_INVALID, "%lld samples cannot be shared out among %d processes", (long long)count,
                         o->ranks);
    return TN_OK;
}

static tn_status check_options(const tn_loader_opt *o, int64_t count, base_error *e)
{
    if (o->batch < 0)
        return base_fail(e, TN_INVALID, "a batch cannot have %d samples", o->batch);
    if (o->workers < 0 || o->workers > MOST_WORKERS)
        return base_fail(e, TN_INVALID, "a loader has 0 to %d workers, not %d", MOST_WORKERS, o->workers);
    if (o->prefetch < 0 || o->prefetch > MOST_PREFETCH)
        return base_fail(e, TN_INVALID, "a loader prefetches 0 to %d batches, not %d", MOST_PREFETCH, o->prefetch);
    if (o->bucket < 0 || o->bucket > MOST_BUCKET || o->pad_to < 0)
        return base_fail(e, TN_INVALID, "a loader sorts 0 to %d batches together and pads to multiples above 0",
                         MOST_BUCKET);
    if (o->n_transforms < 0 || (o->n_transforms > 0 && !o->transforms))
        return base_fail(e, TN_INVALID, "%d transforms are said to be given, but there are none", o->n_transforms);
    if (o->drop_last && count > 0 && o->batch > count)
        return base_fail(e, TN_INVALID,
                         "the batch of %d samples is larger than the data, which have %lld, and smaller "
                         "batches are to be dropped: nothing would be left",
                         o->batch, (long long)count);
    return TN_OK;
}

/* Batches are soon made where they are small; then waking a worker is what takes time, and it shall find much to do. */
enum { MANY = 8, LITTLE = 4 << 20 };

/* Bytes that so many may take; a limit leaves room for what the workers need. */
static size_t room_for_many(const tn_loader *l)
{
    return l->memory_limit && l->memory_limit / 2 < LITTLE ? l->memory_limit / 2 : LITTLE;
}

static int slots_for(const tn_loader_opt *o)
{
    if (o->workers == 0)
        return 1;
    int ahead = o->prefetch ? o->prefetch : (o->workers > 2 ? o->workers : 2);
    return ahead + 1;
}

static tn_status init_threads(tn_loader *l, base_error *e)
{
    if (pthread_mutex_init(&l->lock, NULL) != 0)
        return base_no_memory(e, "making a loader");
    pthread_cond_init(&l->work, NULL); /* cannot fail with default attributes on Linux */
    pthread_cond_init(&l->ready, NULL);
    l->has_lock = true;
    /* Signals are for the program's own threads; new ones inherit the mask. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = 0;
    for (int i = 0; i < l->n_workers && l->batches > 0 && code == 0; i++) {
        worker *w = &l->workers[i];
        code = pthread_create(&w->thread, NULL, work, w);
        w->started = code == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        char text[128] = "";
        (void)!strerror_r(code, text, sizeof text);
        return base_fail(e, TN_IO,
                         "cannot start the loader's threads, %d: %s; without workers (data.workers: 0) it needs none",
                         l->n_workers, text);
    }
    return TN_OK;
}

static tn_status init(tn_loader *l, const tn_loader_opt *o, base_error *e)
{
    BASE_TRY(check_ranks(o, l->set->def.count, e));
    l->share = (data_share){.rank = o->rank, .ranks = o->ranks ? o->ranks : 1};
    l->share.count = l->set->def.count / l->share.ranks;
    const int64_t count = l->share.count;
    BASE_TRY(check_options(o, count, e));
    l->batch = o->batch ? o->batch : 1;
    l->batches = o->drop_last ? count / l->batch : count / l->batch + (count % l->batch != 0);
    if (l->batch > count && count > 0)
        l->batch = count; /* memory for what can be, not for what was asked */
    l->shuffle = o->shuffle;
    l->skip_bad = o->skip_bad;
    l->varies = data_varies(l->set);
    l->bucket = l->varies && l->set->def.length ? o->bucket : 0;
    l->bucket = l->bucket > l->batches ? l->batches : l->bucket;
    l->pad_to = o->pad_to ? o->pad_to : 1;
    l->seed = o->seed;
    l->memory_limit = o->memory_limit;
    l->n_slots = slots_for(o);
    l->n_workers = o->workers;
    int threads = o->workers ? o->workers : 1;
    l->slots = calloc((size_t)l->n_slots + MANY, sizeof *l->slots);
    l->workers = calloc((size_t)threads, sizeof *l->workers);
    if (!l->slots || !l->workers)
        return base_no_memory(e, "making a loader");
    BASE_TRY(init_transforms(l, o, e));
    for (int i = 0; i < l->n_slots && count > 0; i++) {
        BASE_TRY(init_slot(l, &l->slots[i], e));
        if (i == 0 && o->workers && !o->prefetch && l->n_slots <= MANY && l->memory <= room_for_many(l) / MANY)
            l->n_slots = MANY + 1;
    }
    for (int i = 0; i < threads && count > 0; i++)
        BASE_TRY(init_worker(l, &l->workers[i], e));
    return init_threads(l, e);
}

tn_loader *tn_loader_new(tn_context *context, const tn_dataset *set, const tn_loader_opt *opt)
{
    static const tn_loader_opt none = {0};
    base_error *e = base_context_begin(context);
    tn_loader *l = calloc(1, sizeof *l);
    if (!l) {
        base_no_memory(e, "making a loader");
        return NULL;
    }
    l->left_out_of = "";
    l->set = data_retain(set);
    l->context = base_context_retain(context);
    if (init(l, opt ? opt : &none, e) == TN_OK)
        return l;
    tn_loader_free(l);
    return NULL;
}

static void join_workers(tn_loader *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_workers; i++)
        if (l->workers[i].started)
            pthread_join(l->workers[i].thread, NULL);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->lock);
}

void tn_loader_free(tn_loader *l)
{
    if (!l)
        return;
    if (l->has_lock)
        join_workers(l);
    for (int i = 0; l->slots && i < l->n_slots; i++) {
        free(l->slots[i].room);
        free(l->slots[i].samples);
        base_str_free(&l->slots[i].told);
        for (int k = 0; k < DATA_MOST_LISTS; k++)
            free(l->slots[i].lists[k].at);
    }
    for (int i = 0; l->workers && i < (l->n_workers ? l->n_workers : 1); i++) {
        free(l->workers[i].room);
        free(l->workers[i].window.entries);
    }
    for (int f = 0; f < l->set->def.n_fields; f++)
        data_transform_clear(&l->transforms[f]);
    free(l->slots);
    free(l->workers);
    tn_dataset_free((tn_dataset *)(uintptr_t)l->set);
    tn_context_free(l->context);
    free(l);
}

/* ---- taking batches -------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The slot with batch `number`, full. It may be overwritten after `due` moved past number + 1. */
static slot *fetch(tn_loader *l, int64_t number)
{
    slot *s = &l->slots[number % l->n_slots];
    if (l->n_workers == 0) {
        if (s->number != number || !s->full) {
            s->number = number;
            make_batch(l, &l->workers[0], s);
            s->full = true;
        }
        return s;
    }
    pthread_mutex_lock(&l->lock);
    if (l->due < number) {
        l->due = number;
        if (2 * (l->due + l->n_slots - l->claim) >= l->n_slots) /* waking takes longer than a small batch */
            pthread_cond_broadcast(&l->work);
    }
    while (s->number != number || !s->full)
        pthread_cond_wait(&l->ready, &l->lock);
    pthread_mutex_unlock(&l->lock);
    return s;
}

static void deliver(tn_loader *l, slot *s)
{
    for (int f = 0; f < l->set->def.n_fields; f++) {
        tn_view *v = &s->fields[f];
        v->dims[0] = s->n;
    }
    l->current = (tn_batch){.n = s->n,
                            .epoch = l->epoch,
                            .index = l->index,
                            .n_fields = l->set->def.n_fields + (l->set->lists ? l->set->lists->n : 0),
                            .fields = s->fields,
                            .samples = s->samples};
    l->stats.batches += s->n > 0;
    l->stats.samples += s->n;
}

/* What was left out is said once: in the first epoch that this loader gives. */
static void tell_skipped(tn_loader *l, const slot *s)
{
    if (l->epoch != l->first_epoch || !l->left_out_of)
        return;
    for (size_t at = 0; at < s->told.length; at += strlen(s->told.text + at) + 1)
        base_log(l->context, BASE_LOG_WARNING, "left out%s: %s", l->left_out_of, s->told.text + at);
}

/* empty: batches without a sample are wanted too. */
static tn_status next(tn_loader *l, const tn_batch **batch, bool empty)
{
    base_clear(&l->err);
    l->why = 0;
    for (;;) {
        if (l->index >= l->batches) {
            l->index = 0;
            l->epoch++;
            return TN_OK;
        }
        slot *s = fetch(l, l->epoch * l->batches + l->index);
        if (s->status != TN_OK) {
            const tn_status status = base_fail(&l->err, s->status, "%s", s->err.text);
            (void)base_prefix(&l->err, "epoch %lld, batch %lld, ", (long long)l->epoch, (long long)l->index);
            l->why = strlen(l->err.text) - strlen(s->err.text);
            return status;
        }
        l->stats.skipped += s->skipped;
        if (s->skipped)
            tell_skipped(l, s);
        if (s->n > 0 || empty)
            deliver(l, s);
        l->index++;
        if (s->n == 0 && !empty)
            continue; /* every sample of it was left out */
        *batch = &l->current;
        return TN_OK;
    }
}

static tn_status timed_next(tn_loader *l, const tn_batch **batch, bool empty)
{
    double begin = now();
    if (l->first_call == 0)
        l->first_call = begin;
    *batch = NULL;
    tn_status status = next(l, batch, empty);
    double end = now();
    l->stats.waited += end - begin;
    l->stats.total = end - l->first_call;
    return status;
}

tn_status tn_loader_next(tn_loader *l, const tn_batch **batch)
{
    return timed_next(l, batch, false);
}

tn_status data_loader_next(tn_loader *l, const tn_batch **batch, int64_t *skipped)
{
    const int64_t before = l->stats.skipped;
    const tn_status status = timed_next(l, batch, true);
    *skipped = l->stats.skipped - before;
    return status;
}

const char *data_loader_why(const tn_loader *l)
{
    return l->err.text + l->why;
}

void data_loader_tell(tn_loader *l, const char *of)
{
    l->left_out_of = of;
}

void tn_loader_position(const tn_loader *l, int64_t *epoch, int64_t *batch)
{
    *epoch = l->epoch;
    *batch = l->index;
}

tn_status tn_loader_seek(tn_loader *l, int64_t epoch, int64_t batch)
{
    base_clear(&l->err);
    int64_t number;
    if (epoch < 0 || batch < 0 || batch > l->batches || __builtin_mul_overflow(epoch, l->batches, &number) ||
        number > INT64_MAX - l->batches - MOST_PREFETCH)
        return base_fail(&l->err, TN_INVALID, "there is no batch %lld of epoch %lld: an epoch has %lld",
                         (long long)batch, (long long)epoch, (long long)l->batches);
    number += batch;
    pthread_mutex_lock(&l->lock);
    l->hold = true;
    while (l->busy > 0)
        pthread_cond_wait(&l->ready, &l->lock);
    for (int i = 0; i < l->n_slots; i++) {
        l->slots[i].number = -1;
        l->slots[i].full = false;
    }
    l->claim = l->due = number;
    l->hold = false;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    l->epoch = l->first_epoch = epoch;
    l->index = batch;
    return TN_OK;
}

int64_t tn_loader_batches(const tn_loader *l)
{
    return l->batches;
}

bool tn_loader_field(const tn_loader *l, int field, tn_field *d)
{
    const tn_field *f = tn_dataset_field(l->set, field);
    const data_list *list = f ? NULL : data_list_at(l->set, field - l->set->def.n_fields);
    if (list) {
        *d = (tn_field){.name = list->name, .dtype = list->dtype, .rank = 1, .varies = true};
        d->dims[0] = l->set->lists->most(l->set->lists->user, field - l->set->def.n_fields, l->batch);
    }
    if (!f)
        return list != NULL;
    *d = (tn_field){.name = f->name, .dtype = l->transforms[field].to, .rank = f->rank + 1};
    d->dims[0] = l->batch;
    memcpy(&d->dims[1], f->dims, sizeof f->dims[0] * (size_t)f->rank);
    d->varies = f->varies;
    return true;
}

const tn_dataset *tn_loader_dataset(const tn_loader *l)
{
    return l->set;
}

const char *tn_loader_error(const tn_loader *l)
{
    return l ? l->err.text : "";
}

void tn_loader_get_stats(const tn_loader *l, tn_loader_stats *stats)
{
    *stats = l->stats;
}
