/* store.c: see store.h. The file: records, each from a multiple of 16 on; the index, {place, bytes, sum} of each; a tail of 64 bytes. */
#include "data/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/beside.h"
#include "base/checksum.h"
#include "base/context.h"
#include "base/file.h"
#include "base/str.h"

enum { ALIGN = 16, VERSION = 1 };
static const char magic[8] = {'T', 'a', 'r', 'n', 'S', 'a', 'm', 'p'};
static const uint64_t ORDER = 0x0102030405060708u;

typedef struct entry {
    uint64_t at, bytes, sum; /* bytes 0: none */
} entry;

typedef struct tail {
    char magic[8];
    uint64_t order, version, key, count, index_at, index_sum, sum; /* sum: of all before it */
} tail;
_Static_assert(sizeof(tail) == 64, "nothing between the members");

typedef struct record {
    size_t bytes;
    char data[];
} record;

typedef struct slot {
    _Atomic(record *) record;
} slot;

typedef struct view {
    base_mapping map;
    const entry *index; /* in the mapping */
} view;

struct data_store {
    int64_t count;
    pthread_mutex_t lock; /* of what is written and counted */
    /* in memory */
    slot *records;
    size_t held, limit;
    /* in a file */
    char *path;
    uint64_t key;
    bool writes;      /* some samples are not in the file yet */
    base_writer *out; /* NULL: none came yet, or it is done or given up */
    base_error err;   /* of the writer */
    entry *entries;   /* of what is written */
    unsigned char *done;
    int64_t n_done;
    size_t at;
    /* What was there when it began, and what was written: who reads the first may go on while the second takes its place. */
    view views[2];
    atomic_int ready; /* views[ready - 1] is read; 0: none */
};

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* TN_NOT_FOUND: of something else; TN_FORMAT: damaged. */
static tn_status check(const base_mapping *m, const data_store *s, const entry **index, base_error *e)
{
    tail t;
    const size_t index_bytes = (size_t)s->count * sizeof(entry);
    const char *data = m->data;
    if (m->bytes < sizeof t)
        return base_fail(e, TN_FORMAT, "%s is damaged: it has %zu bytes", s->path, m->bytes);
    memcpy(&t, data + m->bytes - sizeof t, sizeof t);
    if (memcmp(t.magic, magic, sizeof magic) != 0 || t.sum != base_checksum(0, &t, offsetof(tail, sum)))
        return base_fail(e, TN_FORMAT, "%s is damaged: its last bytes are not as they were written", s->path);
    if (t.order != ORDER || t.version != VERSION || t.key != s->key || t.count != (uint64_t)s->count)
        return TN_NOT_FOUND;
    if (t.index_at % ALIGN || t.index_at > m->bytes - sizeof t || m->bytes - sizeof t - t.index_at != index_bytes ||
        base_checksum(0, data + t.index_at, index_bytes) != t.index_sum)
        return base_fail(e, TN_FORMAT, "%s is damaged: its index is not as it was written", s->path);
    *index = (const entry *)(const void *)(data + t.index_at);
    for (int64_t i = 0; i < s->count; i++) {
        const entry *r = &(*index)[i];
        if (r->bytes == 0) /* it was not asked for, or could not be made */
            continue;
        if (r->at % ALIGN || r->at > t.index_at || r->bytes > t.index_at - r->at ||
            base_checksum(0, data + r->at, (size_t)r->bytes) != r->sum)
            return base_fail(e, TN_FORMAT, "%s is damaged: sample %lld is not as it was written", s->path,
                             (long long)i);
    }
    return TN_OK;
}

static tn_status open_file(data_store *s, base_error *e)
{
    view *v = &s->views[0];
    if (!base_file_exists(s->path))
        return TN_NOT_FOUND;
    BASE_TRY(base_file_map(s->path, &v->map, e));
    tn_status status = check(&v->map, s, &v->index, e);
    if (status == TN_OK) {
        atomic_store(&s->ready, 1);
    } else {
        base_file_unmap(&v->map);
        *v = (view){0};
    }
    return status;
}

/* What is there, and room for what is not. */
static tn_status begin_file(data_store *s, const tn_cache_opt *o, base_error *e)
{
    BASE_TRY(base_make_folder(o->folder, e));
    base_beside_sweep(o->folder); /* what killed runs were writing */
    base_error why = {0};
    tn_status status = open_file(s, &why);
    if (status == TN_FORMAT && o->context)
        base_log(o->context, BASE_LOG_WARNING, "%s; it is made anew", why.text);
    if (status != TN_OK && status != TN_FORMAT && status != TN_NOT_FOUND)
        return base_fail(e, status, "%s", why.text);
    s->entries = calloc((size_t)s->count + 1, sizeof *s->entries);
    s->done = calloc((size_t)s->count + 1, sizeof *s->done);
    if (!s->entries || !s->done)
        return base_no_memory(e, "keeping samples");
    for (int64_t i = 0; status == TN_OK && i < s->count; i++)
        s->n_done += s->done[i] = s->views[0].index[i].bytes > 0;
    s->writes = s->n_done < s->count;
    return TN_OK;
}

static void give_up(data_store *s)
{
    base_writer_abandon(s->out);
    s->out = NULL;
    s->writes = false;
}

static bool append(data_store *s, int64_t index, const char *data, size_t bytes)
{
    static const char zeros[ALIGN];
    const size_t pad = (ALIGN - bytes % ALIGN) % ALIGN;
    s->entries[index] = (entry){s->at, bytes, base_checksum(0, data, bytes)};
    s->at += bytes + pad;
    (void)base_writer_write(s->out, data, bytes);
    return base_writer_write(s->out, zeros, pad) == TN_OK;
}

/* The file gets its name, with what was there before. Under the lock, or by the last who holds the store. */
static void complete(data_store *s)
{
    const view *old = &s->views[0];
    view *now = &s->views[1];
    for (int64_t i = 0; old->index && i < s->count; i++)
        if (old->index[i].bytes > 0 &&
            !append(s, i, (const char *)old->map.data + old->index[i].at, (size_t)old->index[i].bytes)) {
            give_up(s);
            return;
        }
    tail t = {.order = ORDER, .version = VERSION, .key = s->key, .count = (uint64_t)s->count, .index_at = s->at};
    const size_t bytes = (size_t)s->count * sizeof *s->entries;
    memcpy(t.magic, magic, sizeof magic);
    t.index_sum = base_checksum(0, s->entries, bytes);
    t.sum = base_checksum(0, &t, offsetof(tail, sum));
    (void)base_writer_write(s->out, s->entries, bytes);
    (void)base_writer_write(s->out, &t, sizeof t);
    tn_status status = base_writer_commit(s->out);
    s->out = NULL;
    s->writes = false;
    if (status != TN_OK || base_file_map(s->path, &now->map, &s->err) != TN_OK ||
        now->map.bytes != s->at + bytes + sizeof t)
        return;
    now->index = (const entry *)(const void *)((const char *)now->map.data + s->at);
    atomic_store(&s->ready, 2);
}

/* A new sample, or one that cannot be made (bytes 0). Under the lock. */
static void take_in(data_store *s, int64_t index, const char *data, size_t bytes)
{
    if (!s->writes || s->done[index])
        return;
    if (bytes > 0 && !s->out && !(s->out = base_writer_new(s->path, &s->err)))
        s->writes = false;
    if (bytes > 0 && s->out && !append(s, index, data, bytes))
        give_up(s); /* a full disk: samples are made each time */
    if (!s->writes)
        return;
    s->done[index] = 1;
    if (++s->n_done == s->count && s->out)
        complete(s);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* Where the records go. */
static bool on_disk(const tn_cache_opt *o, int64_t count, size_t about)
{
    return o->folder && !(o->either && (!o->limit || about <= o->limit / (size_t)(count > 0 ? count : 1)));
}

static tn_status begin(data_store *s, const tn_cache_opt *o, const char *name, uint64_t names, size_t about,
                       base_error *e)
{
    if (!on_disk(o, s->count, about)) {
        s->limit = o->limit;
        s->records = calloc((size_t)s->count + 1, sizeof *s->records);
        return s->records ? TN_OK : base_no_memory(e, "keeping samples");
    }
    base_str path = {0};
    base_str_printf(&path, "%s/%s-%016llx.samples", o->folder, name, (unsigned long long)names);
    s->path = path.text;
    return path.failed ? base_no_memory(e, "keeping samples") : begin_file(s, o, e);
}

data_store *data_store_new(const tn_cache_opt *opt, const char *name, uint64_t names, uint64_t key, int64_t count,
                           size_t about, base_error *e)
{
    data_store *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(e, "keeping samples");
        return NULL;
    }
    s->count = count;
    s->key = key;
    pthread_mutex_init(&s->lock, NULL); /* of default attributes: cannot fail */
    atomic_init(&s->ready, 0);
    if (begin(s, opt, name, names, about, e) == TN_OK)
        return s;
    data_store_free(s);
    return NULL;
}

const void *data_store_find(data_store *s, int64_t index, size_t *bytes)
{
    if (s->records) {
        const record *r = atomic_load_explicit(&s->records[index].record, memory_order_acquire);
        *bytes = r ? r->bytes : 0;
        return r ? r->data : NULL;
    }
    const int ready = atomic_load(&s->ready);
    const view *v = ready ? &s->views[ready - 1] : NULL;
    if (!v || v->index[index].bytes == 0)
        return NULL;
    *bytes = (size_t)v->index[index].bytes;
    return (const char *)v->map.data + v->index[index].at;
}

void data_store_put(data_store *s, int64_t index, const void *head, size_t head_bytes, const void *body,
                    size_t body_bytes)
{
    const size_t bytes = head_bytes + body_bytes;
    record *none = NULL, *r = malloc(sizeof *r + bytes);
    if (!r || bytes == 0) {
        free(r);
        data_store_pass(s, index);
        return;
    }
    r->bytes = bytes;
    if (head_bytes)
        memcpy(r->data, head, head_bytes);
    if (body_bytes)
        memcpy(r->data + head_bytes, body, body_bytes);
    pthread_mutex_lock(&s->lock);
    if (s->records && (s->limit == 0 || s->held + bytes <= s->limit) &&
        atomic_compare_exchange_strong_explicit(&s->records[index].record, &none, r, memory_order_release,
                                                memory_order_relaxed)) {
        s->held += bytes;
        r = NULL;
    } else if (!s->records) {
        take_in(s, index, r->data, bytes);
    }
    pthread_mutex_unlock(&s->lock);
    free(r);
}

void data_store_pass(data_store *s, int64_t index)
{
    pthread_mutex_lock(&s->lock);
    take_in(s, index, NULL, 0);
    pthread_mutex_unlock(&s->lock);
}

void data_store_free(data_store *s)
{
    if (!s)
        return;
    for (int64_t i = 0; s->records && i < s->count; i++)
        free(atomic_load_explicit(&s->records[i].record, memory_order_relaxed));
    free(s->records);
    if (s->out) /* not every sample was asked for: those that were are there for the next run */
        complete(s);
    base_file_unmap(&s->views[0].map);
    base_file_unmap(&s->views[1].map);
    pthread_mutex_destroy(&s->lock);
    free(s->entries);
    free(s->done);
    free(s->path);
    free(s);
}
