/* count.c: how often each piece occurs, counted on several threads; see train.h. */
#include <pthread.h>
#include <stdlib.h>

#include "data/text/train.h"

static bool rehash(text_table *t)
{
    size_t n = t->n_slots ? 2 * t->n_slots : 256;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return false;
    for (size_t k = 0; k < t->n; k++) {
        size_t i = (size_t)text_hash(t->at[k].text, t->at[k].bytes) & (n - 1);
        while (slots[i])
            i = (i + 1) & (n - 1);
        slots[i] = (uint32_t)k + 1;
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    return true;
}

static size_t slot_of(const text_table *t, const char *text, size_t bytes)
{
    size_t i = (size_t)text_hash(text, bytes) & (t->n_slots - 1);
    for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
        const text_word *w = &t->at[t->slots[i] - 1];
        if (w->bytes == bytes && memcmp(w->text, text, bytes) == 0)
            break;
    }
    return i;
}

int64_t text_table_find(const text_table *t, const char *text, size_t bytes)
{
    return t->n_slots ? (int64_t)t->slots[slot_of(t, text, bytes)] - 1 : -1;
}

int64_t text_table_add(text_table *t, const char *text, size_t bytes)
{
    if (2 * t->n >= t->n_slots && !rehash(t))
        return -1;
    size_t i = slot_of(t, text, bytes);
    if (t->slots[i])
        return (int64_t)t->slots[i] - 1;
    char *copy = bytes <= UINT32_MAX ? base_arena_alloc(&t->arena, bytes + 1) : NULL;
    if (!copy || t->n >= UINT32_MAX - 1 || !text_grow((void **)&t->at, &t->capacity, t->n + 1, sizeof *t->at))
        return -1;
    memcpy(copy, text, bytes);
    t->at[t->n++] = (text_word){copy, (uint32_t)bytes, 0};
    t->slots[i] = (uint32_t)t->n;
    return (int64_t)t->n - 1;
}

void text_table_free(text_table *t)
{
    base_arena_free(&t->arena);
    free(t->at);
    free(t->slots);
    *t = (text_table){0};
}

static int by_bytes(const void *a, const void *b)
{
    const text_word *x = a, *y = b;
    size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
    int order = memcmp(x->text, y->text, n);
    return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

void text_table_sort(text_table *t)
{
    if (t->n)
        qsort(t->at, t->n, sizeof *t->at, by_bytes);
    free(t->slots);
    t->slots = NULL;
    t->n_slots = 0;
}

/* ---- counting -------------------------------------------------------------------------------------------------- */

enum { RUN = 64, MOST_THREADS = 64 };

typedef struct counting {
    const tn_tokenizer *t;
    const tn_text *texts;
    size_t n;
    atomic_size_t next;
    atomic_bool stop;
} counting;

typedef struct counter {
    counting *all;
    text_table table;
    base_error err;
} counter;

static tn_status count_text(text_work *w, tn_text text, text_table *table)
{
    BASE_TRY(text_cut(w, text.at, text.bytes));
    for (size_t i = 0; i < w->pieces[0].n; i++) {
        text_piece p = w->pieces[0].at[i];
        if (!w->t->raw && memchr(w->buffer[0].at + p.begin, 0, p.end - p.begin))
            continue; /* a zero byte in an entry could not be saved */
        int64_t k = text_table_add(table, w->buffer[0].at + p.begin, p.end - p.begin);
        if (k < 0)
            return base_no_memory(&w->err, "counting words");
        table->at[k].count++;
    }
    return TN_OK;
}

static void *count_thread(void *user)
{
    counter *c = user;
    counting *all = c->all;
    text_work w = {.t = all->t};
    tn_status status = TN_OK;
    for (size_t r; status == TN_OK && !atomic_load(&all->stop) && (r = atomic_fetch_add(&all->next, RUN)) < all->n;)
        for (size_t i = r; i < r + RUN && i < all->n && status == TN_OK; i++)
            status = count_text(&w, all->texts[i], &c->table);
    if (status != TN_OK) {
        c->err = w.err;
        atomic_store(&all->stop, true);
    }
    text_work_clear(&w);
    return NULL;
}

static tn_status add_up(text_table *to, const counter *from, base_error *e)
{
    if (from->err.status != TN_OK) {
        if (e)
            *e = from->err;
        return from->err.status;
    }
    for (size_t i = 0; i < from->table.n; i++) {
        const text_word *w = &from->table.at[i];
        int64_t k = text_table_add(to, w->text, w->bytes);
        if (k < 0)
            return base_no_memory(e, "counting words");
        to->at[k].count += w->count;
    }
    return TN_OK;
}

tn_status text_count(const tn_tokenizer *t, const tn_text *texts, size_t n, int threads, text_table *counts,
                     base_error *e)
{
    counting all = {.t = t, .texts = texts, .n = n};
    pthread_t thread[MOST_THREADS];
    int most = threads < MOST_THREADS ? threads : MOST_THREADS, started = 1;
    most = most < 1 || n <= RUN ? 1 : most;
    counter *c = calloc((size_t)most, sizeof *c);
    if (!c)
        return base_no_memory(e, "counting words");
    for (int i = 0; i < most; i++)
        c[i].all = &all;
    while (started < most && pthread_create(&thread[started], NULL, count_thread, &c[started]) == 0)
        started++;
    count_thread(&c[0]);
    for (int i = 1; i < started; i++)
        pthread_join(thread[i], NULL);
    tn_status status = TN_OK;
    for (int i = 0; i < started; i++) {
        if (status == TN_OK)
            status = add_up(counts, &c[i], e);
        text_table_free(&c[i].table);
    }
    free(c);
    text_table_sort(counts);
    return status;
}
