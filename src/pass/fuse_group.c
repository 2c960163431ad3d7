/* fuse_group.c: which nodes are fused with which.
 *
 * A node joins the group of a producer when both have the same shape and no path from the group to the node runs through a
 * node outside: the fused node would wait for itself. Units, which are groups and nodes alone, thus never wait for each other
 * in a circle, and are kept in a list in which each stands after all that it waits for. To see whether something lies between
 * two units it suffices to look at what stands between them in the list; where they are joined, that is moved out of the way
 * (after Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", 2007, for edges). */
#include "pass/fuse.h"

#include <stdlib.h>
#include <string.h>

/* Units that a search looks at, at most: then the two stay apart. It bounds the time for very large graphs. */
enum { MOST_LOOKED = 8192 };

/* Two neighbours in the list are this far apart at first, so that others may come between. */
static const uint64_t GAP = (uint64_t)1 << 32;

/* What is computed again for a gradient (pass_recompute) joins nothing of the forward pass, where it would be kept after all. */
enum moment { FORWARD = 1, AGAIN = 2 };

typedef struct fuser {
    const tn_graph *g;
    const pass_backend *backend;
    fuse_groups *groups;
    int *members; /* by group: number of nodes */
    char *when;   /* by node, for groups of their first member: bits of `moment` */
    bool *early;  /* by node: an output or a check waits for it. Such a node never joins one that only makes state to be
                     written: the updates would run before the check, and could not write in place */
    /* The list of units, by first member; the entry behind the last node is its head. */
    int head, *before, *after;
    uint64_t *label; /* rises along the list; the head has 0 */
    /* A search: units that were found, and by unit the search that found it. */
    int *found, n_found, *mark, stamp;
} fuser;

/* ---- the list of units ------------------------------------------------------------------------------------------- */

static int unit_of(const fuser *f, const graph_node *node)
{
    int group = f->groups->group[node->id];
    return group >= 0 ? group : node->id;
}

static void label_all(fuser *f)
{
    uint64_t label = GAP;
    for (int i = f->after[f->head]; i != f->head; i = f->after[i], label += GAP)
        f->label[i] = label;
}

static void take_out(fuser *f, int unit)
{
    f->after[f->before[unit]] = f->after[unit];
    f->before[f->after[unit]] = f->before[unit];
}

static void put_before(fuser *f, int unit, int at)
{
    take_out(f, unit);
    int left = f->before[at];
    f->before[unit] = left;
    f->after[unit] = at;
    f->after[left] = f->before[at] = unit;
    f->label[unit] = f->label[left] + (f->label[at] - f->label[left]) / 2;
    if (f->label[unit] == f->label[left])
        label_all(f);
}

/* ---- what lies between ------------------------------------------------------------------------------------------- */

/* The units after a that unit b waits for are added to `found`; true if one of them, b itself aside, waits for a. */
static bool look_behind(fuser *f, int unit, int a, int b)
{
    for (int i = unit; i >= 0; i = f->groups->next[i]) {
        const graph_node *node = f->g->nodes.at[i];
        for (int k = 0; k < node->n_in; k++) {
            int from = node->in[k] ? unit_of(f, node->in[k]->node) : b;
            if (from == a && unit != b)
                return true;
            if (from == b || f->label[from] <= f->label[a] || f->mark[from] == f->stamp)
                continue;
            f->mark[from] = f->stamp;
            f->found[f->n_found++] = from;
        }
    }
    return false;
}

/* Whether something that unit a makes comes to unit b through others. If not, `found` has all that b waits for after a. */
static bool comes_around(fuser *f, int a, int b)
{
    f->stamp++;
    f->n_found = 0;
    if (look_behind(f, b, a, b))
        return true;
    for (int i = 0; i < f->n_found; i++)
        if (i == MOST_LOOKED || look_behind(f, f->found[i], a, b))
            return true;
    return false;
}

typedef struct placed {
    uint64_t label;
    int unit;
} placed;

static int by_label(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return (x->label > y->label) - (x->label < y->label);
}

/* Everything in `found` goes before unit a, in its order. */
static bool move_found_before(fuser *f, int a)
{
    if (f->n_found <= 0)
        return true;
    placed *p = malloc((size_t)f->n_found * sizeof *p);
    for (int i = 0; p && i < f->n_found; i++)
        p[i] = (placed){f->label[f->found[i]], f->found[i]};
    if (p)
        qsort(p, (size_t)f->n_found, sizeof *p, by_label);
    for (int i = 0; p && i < f->n_found; i++)
        put_before(f, p[i].unit, a);
    free(p);
    return p != NULL;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static bool elementwise(const fuser *f, const graph_node *node)
{
    return (node->def->flags & OP_ELEMENTWISE) && node->n_out == 1 && f->backend->fuses(node);
}

static bool same_shape(const graph_type *a, const graph_type *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

/* Inputs of either group that neither makes. */
static int count_inputs(const fuser *f, int a, int b)
{
    const int *group = f->groups->group;
    int n = 0;
    for (int which = 0; which < 2; which++)
        for (int i = which ? b : a; i >= 0; i = f->groups->next[i]) {
            const graph_node *node = f->g->nodes.at[i];
            for (int k = 0; k < node->n_in; k++) {
                int from = node->in[k] ? group[node->in[k]->node->id] : a;
                n += from != a && from != b;
            }
        }
    return n;
}

/* The members of both under the name of the first of all. */
static void merge_members(fuser *f, int a, int b)
{
    int *next = f->groups->next, first = a < b ? a : b, last = -1;
    f->members[first] = f->members[a] + f->members[b];
    f->when[first] = (char)(f->when[a] | f->when[b]);
    while (a >= 0 || b >= 0) {
        int *from = b < 0 || (a >= 0 && a < b) ? &a : &b, i = *from;
        *from = next[i];
        if (last >= 0)
            next[last] = i;
        f->groups->group[i] = first;
        last = i;
    }
    next[last] = -1;
}

/* The unit of both stands where a, for which b waits, stood. False when memory is out. */
static bool unite(fuser *f, int a, int b)
{
    if (!move_found_before(f, a))
        return false;
    if (b < a)
        put_before(f, b, a);
    take_out(f, b < a ? a : b);
    merge_members(f, a, b);
    return true;
}

static bool join(fuser *f, const graph_node *node)
{
    int *group = f->groups->group, id = node->id;
    group[id] = id;
    f->members[id] = 1;
    for (int i = 0; i < node->n_in; i++) {
        const graph_node *from = node->in[i] ? node->in[i]->node : NULL;
        int a = from ? group[from->id] : -1, mine = group[id];
        if (a < 0 || a == mine || f->early[from->id] != f->early[id] ||
            (f->when[a] | f->when[mine]) == (FORWARD | AGAIN) || !same_shape(&from->out[0].type, &node->out[0].type) ||
            f->members[a] + f->members[mine] > FUSE_MOST_NODES || count_inputs(f, a, mine) > FUSE_MOST_IN ||
            comes_around(f, a, mine))
            continue;
        if (!unite(f, a, mine))
            return false;
    }
    return true;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static void find_early(fuser *f)
{
    const tn_graph *g = f->g;
    for (size_t i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind != GRAPH_WRITE)
            f->early[g->results.at[i].value->node->id] = true;
    for (size_t i = g->nodes.n; i-- > 0;)
        for (int k = 0; f->early[i] && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                f->early[g->nodes.at[i]->in[k]->node->id] = true;
}

static tn_status find_moments(fuser *f, base_error *e)
{
    bool any = false;
    for (size_t i = 0; i < f->g->nodes.n; i++)
        any |= f->g->nodes.at[i]->mark.again;
    bool *backward = any ? pass_find_backward(f->g, e) : NULL;
    for (size_t i = 0; backward && i < f->g->nodes.n; i++)
        f->when[i] = f->g->nodes.at[i]->mark.again ? AGAIN : backward[i] ? 0 : FORWARD;
    free(backward);
    return any && !backward ? e->status : TN_OK;
}

static tn_status reserve(fuser *f, fuse_groups *out, base_error *e)
{
    size_t n = f->g->nodes.n + 1;
    *out = (fuse_groups){malloc(n * sizeof *out->group), malloc(n * sizeof *out->next)};
    f->groups = out;
    f->head = (int)f->g->nodes.n;
    f->members = calloc(n, sizeof *f->members);
    f->early = calloc(n, sizeof *f->early);
    f->when = calloc(n, sizeof *f->when);
    f->before = calloc(n, sizeof *f->before);
    f->after = calloc(n, sizeof *f->after);
    f->label = calloc(n, sizeof *f->label);
    f->found = malloc(n * sizeof *f->found);
    f->mark = calloc(n, sizeof *f->mark);
    if (!out->group || !out->next || !f->members || !f->early || !f->when || !f->before || !f->after || !f->label ||
        !f->found || !f->mark)
        return base_no_memory(e, "fusing");
    for (int i = 0; i <= f->head; i++) {
        out->group[i] = out->next[i] = -1;
        f->before[i] = i ? i - 1 : f->head;
        f->after[i] = i < f->head ? i + 1 : 0;
    }
    label_all(f);
    return TN_OK;
}

tn_status fuse_find_groups(const tn_graph *g, const pass_backend *backend, const bool *needed, fuse_groups *out,
                           base_error *e)
{
    fuser f = {.g = g, .backend = backend};
    tn_status status = reserve(&f, out, e);
    if (status == TN_OK)
        status = find_moments(&f, e);
    if (status == TN_OK)
        find_early(&f);
    for (size_t i = 0; status == TN_OK && i < g->nodes.n; i++)
        if (needed[i] && elementwise(&f, g->nodes.at[i]) && !join(&f, g->nodes.at[i]))
            status = base_no_memory(e, "fusing");
    free(f.members);
    free(f.early);
    free(f.when);
    free(f.before);
    free(f.after);
    free(f.label);
    free(f.found);
    free(f.mark);
    return status;
}
