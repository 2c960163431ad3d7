/* within.c: an entry bound so that it keeps to the memory limit. Where a training entry needs more than that, values are
 * computed again for its gradients: each way that pass/recompute_choose.c finds is planned, with the one that does the least
 * work first, until a plan fits. If none does, the sentence says how much the best one needs. */
#include "program/program.h"

#include <stdio.h>
#include <stdlib.h>

#include "pass/recompute_choose.h"

typedef struct search {
    tn_program *p;
    const program_entry *entry;
    const int64_t *symbol;
    recompute_ways ways;
    bool *again;   /* by node of the entry's kept graph */
    binding *best; /* fits, if something was found that does */
    size_t least;  /* that any plan needs */
    base_error *e;
} search;

static size_t need_of(const binding *b)
{
    return b->buffer + b->scratch + b->packed;
}

static bool fits(const tn_program *p, const binding *b)
{
    return p->memory_limit == 0 || need_of(b) <= p->memory_limit;
}

/* The entry with `again` computed again, bound. */
static tn_status bind_again(search *x, const bool *again, binding **to)
{
    tn_graph *g = pass_recompute(x->entry->kept, again, x->e), *fused = NULL;
    if (!g)
        return x->e->status;
    int count = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        count += g->nodes.at[i]->mark.again;
    if (x->p->fuses) {
        fused = pass_fuse(g, &x->p->backend->pass, x->e);
        tn_graph_free(g);
        if (!fused)
            return x->e->status;
        g = fused;
    }
    tn_status status = program_bind_graph(x->p, x->entry, g, x->symbol, to, x->e);
    if (*to) {
        (*to)->own = g;
        (*to)->again = count;
    } else {
        tn_graph_free(g);
    }
    return status;
}

/* Plans x->again; *yes: it fits, and is the best so far. */
static tn_status try_again(search *x, bool *yes)
{
    binding *b = NULL;
    tn_status status = bind_again(x, x->again, &b);
    *yes = status == TN_OK && fits(x->p, b);
    if (status == TN_OK && need_of(b) < x->least)
        x->least = need_of(b);
    if (*yes) {
        binding_free(x->best);
        x->best = b;
    } else {
        binding_free(b);
    }
    return status;
}

/* Of the first so many cheap steps (cut < 0) or segments: the fewest that fit. */
static tn_status fewest(search *x, int cut)
{
    int low = 0, high = cut < 0 ? x->ways.n_cheap : x->ways.segments[cut], n = high;
    while (high > 0) {
        bool yes;
        if (cut < 0)
            recompute_take_cheap(&x->ways, n, x->again);
        else
            recompute_take_segments(&x->ways, cut, n, x->again);
        BASE_TRY(try_again(x, &yes));
        if (n == high && !yes && !x->best)
            return TN_OK;
        if (yes)
            high = n;
        else
            low = n;
        if (high - low <= 1)
            return TN_OK;
        n = low + (high - low) / 2;
    }
    return TN_OK;
}

static tn_status find_best(search *x)
{
    BASE_TRY(recompute_find_ways(&x->ways, x->entry->kept, x->symbol, x->e));
    x->again = calloc(x->entry->kept->nodes.n + 1, sizeof *x->again);
    if (!x->again)
        return base_no_memory(x->e, "planning memory");
    BASE_TRY(fewest(x, -1));
    for (int cut = 0; !x->best && cut < x->ways.n_cuts; cut++)
        BASE_TRY(fewest(x, cut));
    return TN_OK;
}

static tn_status too_little(const search *x, const binding *b)
{
    const bool tried = x->entry->kept && x->least < need_of(b);
    const char *what = tried ? "; with values computed again, not kept for gradients, it needs at least " : "";
    char least[32] = "";
    if (tried)
        (void)snprintf(least, sizeof least, "%zu", x->least);
    return base_fail(x->e, TN_LIMIT,
                     "the entry '%s' needs %zu bytes at these sizes (%zu for values, %zu for scratch, %zu for packed "
                     "weights)%s%s; the limit is %zu. Use a smaller batch or raise the limit",
                     x->entry->name, need_of(b), b->buffer, b->scratch, b->packed, what, least, x->p->memory_limit);
}

/* What the entry would need with everything kept, for the report. */
static tn_status compare(search *x, binding *b)
{
    binding *kept = NULL;
    bool *none = calloc(x->entry->kept->nodes.n + 1, sizeof *none);
    tn_status status = none ? bind_again(x, none, &kept) : base_no_memory(x->e, "planning memory");
    if (status == TN_OK) {
        b->buffer_kept = kept->buffer;
        b->flops_kept = kept->flops;
    }
    binding_free(kept);
    free(none);
    return status;
}

tn_status program_bind_within(tn_program *p, const program_entry *entry, const int64_t *symbol, binding **to,
                              base_error *e)
{
    search x = {.p = p, .entry = entry, .symbol = symbol, .e = e};
    tn_status status = program_bind_graph(p, entry, entry->graph, symbol, to, e);
    if (status == TN_OK && !fits(p, *to)) {
        x.least = need_of(*to);
        if (entry->kept)
            status = find_best(&x);
        if (status == TN_OK && !x.best)
            status = too_little(&x, *to);
        if (status == TN_OK) {
            binding_free(*to);
            *to = x.best;
            x.best = NULL;
        }
    }
    if (status == TN_OK)
        (*to)->again = (*to)->own ? (*to)->again : entry->again;
    if (status == TN_OK && (*to)->again)
        status = compare(&x, *to);
    binding_free(x.best);
    recompute_free_ways(&x.ways);
    free(x.again);
    return status;
}
