/* together.c: small updates next to each other as one loop over the threads. Each of them alone is too little to be shared, and would
 * wake the team for nothing or leave it idle; together they are cut into parts of about equal bytes, of whole steps, which threads take
 * in turn. Large ones stay alone: each is a sweep of all threads, and what they read can be given back when they are done.
 *
 * Steps are put together only where they go element by element, cannot fail, and none touches what another one writes. A step computes
 * the same whoever runs it, so results do not depend on any of this. */
#include "program/program.h"
#include "program/schedule.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL = 1024 << 10, /* bytes that a step moves at most: a few microseconds */
    PART = 64 << 10     /* bytes of a part, about */
};

typedef struct grouper {
    binding *b;
    int *read, *written; /* by place: the last group that does, counted from 1 */
    int group, first;    /* the one that is open, from 1, and its first step; none: -1 */
} grouper;

static bool is_small_update(const bound_step *s)
{
    return s->node && s->kernel && s->kernel->in_place && !s->once && s->pack.bytes == 0 && s->bytes <= SMALL &&
           !schedule_can_fault(s->node);
}

static int place_of(const binding *b, int value)
{
    return value >= 0 ? b->values.at[value].place : -1;
}

/* Whether the step touches what a step of the open group writes, or writes what one reads. */
static bool meets(const grouper *x, const bound_step *s)
{
    bool does = false;
    for (int k = 0; k < s->n_in; k++)
        does |= s->in[k] >= 0 && x->written[place_of(x->b, s->in[k])] == x->group;
    for (int k = 0; k < s->n_out; k++)
        does |= x->written[place_of(x->b, s->out[k])] == x->group || x->read[place_of(x->b, s->out[k])] == x->group;
    return does;
}

static void note(const grouper *x, const bound_step *s)
{
    for (int k = 0; k < s->n_in; k++)
        if (s->in[k] >= 0)
            x->read[place_of(x->b, s->in[k])] = x->group;
    for (int k = 0; k < s->n_out; k++)
        x->written[place_of(x->b, s->out[k])] = x->group;
}

/* Parts of whole steps: `from` has where each begins, and the end. */
static bool cut(binding *b, step_group *g)
{
    double bytes = 0;
    g->from = BASE_ARRAY(&b->arena, int, g->n + 1);
    for (int i = g->first; g->from && i < g->first + g->n; i++) {
        if (g->n_parts == 0 || bytes >= PART) {
            g->from[g->n_parts++] = i;
            bytes = 0;
        }
        bytes += b->steps.at[i].bytes;
    }
    if (g->from)
        g->from[g->n_parts] = g->first + g->n;
    return g->from != NULL;
}

static bool close_group(grouper *x, int end, int threads)
{
    binding *b = x->b;
    step_group g = {.first = x->first, .n = end - x->first};
    const int index = (int)b->groups.n;
    if (x->first < 0 || g.n < 2)
        return true;
    for (int i = g.first; i < end; i++) {
        bound_step *s = &b->steps.at[i];
        s->group = index;
        s->path = base_arena_printf(&b->arena, "%s, 1 of %d at once", s->path ? s->path : s->kernel->name, g.n);
        g.scratch = s->scratch_alone > g.scratch ? s->scratch_alone : g.scratch;
        if (!s->path)
            return false;
    }
    g.scratch = (g.scratch + 63) & ~(size_t)63;
    if (g.scratch * (size_t)threads > b->scratch)
        b->scratch = g.scratch * (size_t)threads;
    return cut(b, &g) && base_vec_push(&b->groups, g);
}

static bool group_all(grouper *x, int from, int threads)
{
    x->first = -1;
    x->group = 1;
    for (int i = from; i < (int)x->b->steps.n; i++) {
        const bound_step *s = &x->b->steps.at[i];
        const bool fits = is_small_update(s);
        if (x->first >= 0 && fits && !meets(x, s)) {
            note(x, s);
            continue;
        }
        if (!close_group(x, i, threads))
            return false;
        x->group++;
        x->first = fits ? i : -1;
        if (fits)
            note(x, s);
    }
    return close_group(x, (int)x->b->steps.n, threads);
}

tn_status program_group_steps(binding *b, int from, int threads, base_error *e)
{
    grouper x = {
        .b = b, .read = calloc(b->places.n + 1, sizeof *x.read), .written = calloc(b->places.n + 1, sizeof *x.written)};
    size_t pointers = 0;
    for (size_t i = 0; i < b->steps.n; i++) {
        b->steps.at[i].group = -1;
        b->steps.at[i].pointers = pointers;
        pointers += (size_t)(b->steps.at[i].n_in + b->steps.at[i].n_out);
    }
    const bool ok = x.read && x.written && group_all(&x, from, threads);
    free(x.read);
    free(x.written);
    return ok ? TN_OK : base_no_memory(e, "binding a program to sizes");
}
