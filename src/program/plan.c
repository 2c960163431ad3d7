/* plan.c: where the values of a binding lie in its one block. Values that are never alive at the same time share bytes;
 * element-wise kernels write over an input that nobody needs any more. Placement is greedy by size, largest first, each at
 * the lowest offset that is free during its life (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
 * Inference", 2020, section 5.2, "greedy by size"). */
#include "program/program.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static void touch(binding *b, int value, int step)
{
    place *p = value >= 0 ? &b->places.at[b->values.at[value].place] : NULL;
    if (!p)
        return;
    if (p->first < 0)
        p->first = step;
    if (p->last < step)
        p->last = step;
}

static void find_lives(binding *b)
{
    for (size_t i = 0; i < b->places.n; i++)
        b->places.at[i].first = b->places.at[i].last = -1;
    for (int s = 0; s < (int)b->steps.n; s++) {
        const bound_step *step = &b->steps.at[s];
        const step_group *g = step->group >= 0 ? &b->groups.at[step->group] : NULL;
        const int first = g ? g->first : s, last = g ? g->first + g->n - 1 : s; /* of those that run at once */
        for (int k = 0; k < step->n_in + step->n_out; k++) {
            const int value = k < step->n_in ? step->in[k] : step->out[k - step->n_in];
            touch(b, value, first);
            touch(b, value, last);
        }
    }
}

/* Whether every read that step s makes of input's place is exactly the elements of the output. */
static bool alias_is_exact(const binding *b, const bound_step *s, int in, int out)
{
    const bound_value *u = &b->values.at[in], *v = &b->values.at[out];
    for (int k = 0; k < s->n_in; k++) {
        const bound_value *w = s->in[k] >= 0 ? &b->values.at[s->in[k]] : NULL;
        if (!w || w->place != u->place)
            continue;
        if (w->offset != 0 || w->type.dtype != v->type.dtype || w->type.rank != v->type.rank)
            return false;
        for (int i = 0; i < v->type.rank; i++)
            if (w->type.dims[i] != v->type.dims[i] || (v->type.dims[i] > 1 && w->type.strides[i] != v->type.strides[i]))
                return false;
    }
    for (int k = 0; k < s->n_out; k++) /* one output for one input */
        if (s->out[k] != out && b->values.at[s->out[k]].place == u->place)
            return false;
    return b->places.at[u->place].bytes == b->places.at[v->place].bytes;
}

bool program_move_values(binding *b, base_lists *values_at, int from, int to)
{
    for (int i = base_lists_first(values_at, from); i >= 0; i = base_lists_next(values_at, i))
        b->values.at[base_lists_item(values_at, i)].place = to;
    return base_lists_join(values_at, from, to);
}

static bool take_over(binding *b, base_lists *values_at, int from, int to)
{
    if (!program_move_values(b, values_at, from, to))
        return false;
    if (b->places.at[to].last < b->places.at[from].last)
        b->places.at[to].last = b->places.at[from].last;
    b->places.at[from].first = b->places.at[from].last = -1;
    b->places.at[from].bytes = 0;
    return true;
}

static bool write_in_place(binding *b, base_lists *values_at, int s)
{
    const bound_step *step = &b->steps.at[s];
    if (!step->kernel || !step->kernel->in_place || step->group >= 0)
        return true;
    for (int k = 0; k < step->n_out; k++) {
        int at = b->values.at[step->out[k]].place;
        if (b->places.at[at].kind != PLACE_BUFFER || b->places.at[at].first != s)
            continue;
        for (int i = 0; i < step->n_in; i++) {
            int in = step->in[i] >= 0 ? b->values.at[step->in[i]].place : -1;
            if (in < 0 || in == at || b->places.at[in].kind != PLACE_BUFFER || b->places.at[in].last != s ||
                !alias_is_exact(b, step, step->in[i], step->out[k]))
                continue;
            if (!take_over(b, values_at, at, in))
                return false;
            break;
        }
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    const place *p = *(place *const *)a, *q = *(place *const *)b;
    if (p->bytes != q->bytes)
        return p->bytes < q->bytes ? 1 : -1;
    return p->first != q->first ? p->first - q->first : (p > q) - (p < q);
}

static size_t padded(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static bool meet(const place *p, const place *q)
{
    return p->first <= q->last && q->first <= p->last;
}

/* The lowest offset where p fits among the n that are placed already, which stand by offset. */
static size_t lowest_fit(place *const *placed, size_t n, const place *p)
{
    size_t at = 0;
    for (size_t i = 0; i < n && placed[i]->offset < at + padded(p->bytes); i++) {
        size_t end = placed[i]->offset + padded(placed[i]->bytes);
        if (end > at && meet(placed[i], p))
            at = end;
    }
    return at;
}

static void insert_by_offset(place **placed, size_t n, place *p)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (placed[middle]->offset < p->offset)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(placed + low + 1, placed + low, (n - low) * sizeof *placed);
    placed[low] = p;
}

static void place_all(binding *b, place **order, place **placed)
{
    size_t n = 0;
    for (size_t i = 0; i < b->places.n; i++) {
        place *p = &b->places.at[i];
        if (p->kind != PLACE_BUFFER || p->first < 0 || p->bytes == 0)
            continue;
        order[n++] = p;
        b->unshared += padded(p->bytes);
    }
    qsort(order, n, sizeof *order, by_size);
    for (size_t i = 0; i < n; i++) {
        order[i]->offset = lowest_fit(placed, i, order[i]);
        insert_by_offset(placed, i, order[i]);
        if (order[i]->offset + padded(order[i]->bytes) > b->buffer)
            b->buffer = order[i]->offset + padded(order[i]->bytes);
    }
}

tn_status program_plan_buffer(binding *b, base_lists *values_at, base_error *e)
{
    place **order = malloc((b->places.n + 1) * sizeof *order), **placed = malloc((b->places.n + 1) * sizeof *placed);
    bool ok = order && placed;
    find_lives(b);
    for (int i = 0; b->outputs && i < b->n_outputs; i++)
        touch(b, b->outputs[i], (int)b->steps.n);
    for (size_t s = 0; ok && s < b->steps.n; s++)
        ok = write_in_place(b, values_at, (int)s);
    if (ok)
        place_all(b, order, placed);
    free(order);
    free(placed);
    return ok ? TN_OK : base_no_memory(e, "planning memory");
}
