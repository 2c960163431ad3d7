/* state.c: the named tensors that outlive a run. */
#include "program/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/room.h"

tn_state *tn_state_new(tn_context *context)
{
    tn_state *s = calloc(1, sizeof *s);
    if (!s) {
        base_no_memory(base_context_begin(context), "making a state");
        return NULL;
    }
    s->context = base_context_retain(context);
    atomic_init(&s->references, 1);
    atomic_init(&s->writers, 0);
    (void)pthread_mutex_init(&s->packing, NULL);
    s->version = 1;
    return s;
}

tn_state *state_retain(tn_state *s)
{
    atomic_fetch_add(&s->references, 1);
    return s;
}

void tn_state_free(tn_state *s)
{
    if (!s || atomic_fetch_sub(&s->references, 1) != 1)
        return;
    for (size_t i = 0; i < s->entries.n; i++)
        free(s->entries.at[i].view.data);
    while (s->packs) {
        state_pack *next = s->packs->next;
        free(s->packs->data);
        free(s->packs);
        s->packs = next;
    }
    (void)pthread_mutex_destroy(&s->packing);
    base_vec_free(&s->entries);
    base_map_free(&s->index);
    base_arena_free(&s->arena);
    tn_context_free(s->context);
    free(s);
}

static bool same_key(const state_pack_key *a, const state_pack_key *b)
{
    bool same = a->from == b->from && a->tensor == b->tensor && a->kernel == b->kernel && a->isa == b->isa &&
                a->type.dtype == b->type.dtype && a->type.rank == b->type.rank &&
                memcmp(a->form, b->form, sizeof a->form) == 0;
    for (int i = 0; same && i < a->type.rank; i++)
        same = a->type.dims[i] == b->type.dims[i] && a->type.strides[i] == b->type.strides[i];
    return same;
}

static state_pack *new_pack(const state_pack_key *key, size_t bytes)
{
    state_pack *x = calloc(1, sizeof *x);
    if (x && !(x->data = base_room(bytes))) {
        free(x);
        x = NULL;
    }
    if (x)
        x->key = *key;
    return x;
}

state_pack *state_pack_of(tn_state *s, const state_pack_key *key, size_t bytes)
{
    pthread_mutex_lock(&s->packing);
    state_pack *x = s->packs;
    while (x && !same_key(&x->key, key))
        x = x->next;
    if (!x && (x = new_pack(key, bytes))) {
        x->next = s->packs;
        s->packs = x;
    }
    if (x)
        x->users++;
    pthread_mutex_unlock(&s->packing);
    return x;
}

void state_pack_release(tn_state *s, state_pack *x)
{
    pthread_mutex_lock(&s->packing);
    if (--x->users == 0 && x->key.tensor >= 0) {
        state_pack **at = &s->packs;
        while (*at != x)
            at = &(*at)->next;
        *at = x->next;
        free(x->data);
        free(x);
    }
    pthread_mutex_unlock(&s->packing);
}

const char *tn_state_error(const tn_state *s)
{
    return s ? s->error.text : "";
}

int tn_state_count(const tn_state *s)
{
    return (int)s->entries.n;
}

const char *tn_state_get(const tn_state *s, int i, tn_view *view)
{
    if (i < 0 || (size_t)i >= s->entries.n)
        return NULL;
    if (view)
        *view = s->entries.at[i].view;
    return s->entries.at[i].name;
}

state_entry *state_find(const tn_state *s, const char *name)
{
    uintptr_t at = (uintptr_t)base_map_get(&s->index, name);
    return at ? &s->entries.at[at - 1] : NULL;
}

tn_status tn_state_find(const tn_state *s, const char *name, tn_view *view)
{
    const state_entry *x = state_find(s, name);
    if (!x)
        return TN_NOT_FOUND;
    *view = x->view;
    return TN_OK;
}

static bool same_type(const tn_view *a, const tn_view *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

void state_print_type(const tn_view *v, base_str *s)
{
    base_str_printf(s, "%s[", tn_dtype_name(v->dtype));
    for (int i = 0; i < v->rank; i++)
        base_str_printf(s, "%s%lld", i ? "," : "", (long long)v->dims[i]);
    base_str_add(s, "]");
}

static tn_status type_error(tn_state *s, const state_entry *x, const tn_view *given)
{
    base_str text = {0};
    state_print_type(&x->view, &text);
    base_str_add(&text, " in the state and ");
    state_print_type(given, &text);
    base_fail(&s->error, TN_SHAPE, "'%s' is %s where it comes from", x->name, base_str_text(&text));
    base_str_free(&text);
    return TN_SHAPE;
}

/* Room for what a view describes, aligned as kernels want it; NULL, with the sentence, when memory is out. */
static void *room_for(tn_state *s, const char *name, const tn_view *type)
{
    bool countable = type->bytes > 0 || tn_view_count(type) == 0;
    void *data = countable ? base_room(type->bytes) : NULL;
    base_str text = {0};
    if (data)
        return data;
    state_print_type(type, &text);
    if (countable)
        base_fail(&s->error, TN_MEMORY, "out of memory: '%s', %s, needs %zu bytes", name, base_str_text(&text),
                  type->bytes);
    else
        base_fail(&s->error, TN_LIMIT, "'%s', %s, is larger than memory can be", name, base_str_text(&text));
    base_str_free(&text);
    return NULL;
}

/* A new entry, which takes the view's data over. NULL, and the data are not taken, when memory is out. */
static state_entry *add(tn_state *s, const char *name, const tn_view *view)
{
    state_entry x = {.name = base_arena_strdup(&s->arena, name), .view = *view};
    if (x.name && base_vec_push(&s->entries, x)) {
        if (base_map_put(&s->index, x.name, (void *)(uintptr_t)s->entries.n))
            return &s->entries.at[s->entries.n - 1];
        s->entries.n--;
    }
    base_no_memory(&s->error, "adding to the state");
    return NULL;
}

tn_status tn_state_init(tn_state *s, const tn_graph *g, uint64_t seed)
{
    base_clear(&s->error);
    for (size_t i = 0; i < g->state.n; i++) {
        const graph_state *from = g->state.at[i];
        tn_view type = tn_view_of(NULL, from->type.dtype, from->type.rank, from->type.dims);
        state_entry *x = state_find(s, from->name);
        if (x && !same_type(&x->view, &type))
            return type_error(s, x, &type);
        if (x)
            continue;
        /* Filled before it is added, so that one that fails is not found later, full of zeros. */
        if (!(type.data = room_for(s, from->name, &type)))
            return s->error.status;
        tn_status status = program_initialise(s->context, &from->init, from->name, seed, &type, &s->error);
        if (status == TN_OK && !(x = add(s, from->name, &type)))
            status = TN_MEMORY;
        if (status != TN_OK) {
            free(type.data);
            return status;
        }
    }
    return TN_OK;
}

typedef struct copying {
    char *to;
    const char *from;
    size_t bytes;
} copying;

enum { PART = 1 << 20, MUCH = 4 * PART };

static void copy_part(void *arg, int64_t i, int thread)
{
    const copying *c = arg;
    const size_t at = (size_t)i * PART, left = c->bytes - at;
    (void)thread;
    memcpy(c->to + at, c->from + at, left < PART ? left : PART);
}

/* Much is copied by all threads: what was never touched has to be found first, here and in a mapped file, which takes longer than copying. */
static void copy(tn_context *context, void *to, const void *from, size_t bytes)
{
    if (bytes < MUCH) {
        memcpy(to, from, bytes);
        return;
    }
    copying c = {to, from, bytes};
    void *before = backend_cpu.enter(context);
    backend_cpu.share(tn_context_threads(context), (int64_t)((bytes + PART - 1) / PART), copy_part, &c);
    backend_cpu.leave(before);
}

tn_status tn_state_set(tn_state *s, const char *name, const tn_view *view)
{
    base_clear(&s->error);
    int64_t count = tn_view_count(view);
    size_t size = tn_dtype_size(view->dtype);
    if (count < 0 || size == 0 || view->strided || (size_t)count > SIZE_MAX / size ||
        view->bytes < (size_t)count * size)
        return base_fail(&s->error, TN_INVALID, "the data for '%s' is not a row-major view that holds its shape", name);
    state_entry *x = state_find(s, name);
    if (x && !same_type(&x->view, view))
        return type_error(s, x, view);
    if (!x) {
        tn_view own = tn_view_of(NULL, view->dtype, view->rank, view->dims);
        if (!(own.data = room_for(s, name, &own)))
            return s->error.status;
        if (!(x = add(s, name, &own))) {
            free(own.data);
            return TN_MEMORY;
        }
    }
    if (count)
        copy(s->context, x->view.data, view->data, (size_t)count * size);
    x->version = ++s->version;
    return TN_OK;
}

void tn_state_set_random(tn_state *s, uint64_t seed, uint64_t step)
{
    s->seed = seed;
    s->step = step;
}

void tn_state_get_random(const tn_state *s, uint64_t *seed, uint64_t *step)
{
    *seed = s->seed;
    *step = s->step;
}
