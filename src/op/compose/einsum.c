/* einsum.c: sums of products in Einstein's notation, "bij,bjk->bik": taken apart into permutes, reshapes and matrix products, from
 * left to right. An axis of size 1 is stretched to the size that its letter has elsewhere; "..." stands for leading axes, which
 * are broadcast; a letter twice in one operand is its diagonal; without "->" the letters that appear once, in order. */
#include "op/compose/compose.h"

#include <string.h>

/* Labels: 0 to 51 are letters, those from ELLIPSIS on the axes of "...", counted from the right. */
enum { ELLIPSIS = 52, LABELS = ELLIPSIS + TN_MAX_RANK, MOST = 16 };

typedef struct term {
    int n;
    int label[TN_MAX_RANK];
} term;

typedef struct einsum {
    tn_graph *graph;
    const char *text;
    int n, dots; /* operands; axes that "..." stands for */
    term in[MOST], out;
    tn_dim size[LABELS];
    int uses[LABELS];
} einsum;

static tn_tensor *refuse(const einsum *e, const char *why)
{
    return graph_fail(e->graph, TN_INVALID, "einsum \"%s\": %s", e->text, why);
}

static int label_of(char c)
{
    return c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' + 26 : -1;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The labels of one term, up to a comma, an arrow or the end; `rank` axes, or -1 for the output. NULL when it is none. */
static const char *read_term(einsum *e, const char *at, int rank, term *t)
{
    int letters = 0, dots = 0;
    for (const char *c = at; *c && *c != ',' && *c != '-'; c++)
        letters += label_of(*c) >= 0;
    dots = rank < 0 ? e->dots : rank - letters;
    for (; *at && *at != ',' && *at != '-'; at++) {
        if (*at == ' ')
            continue;
        bool ellipsis = strncmp(at, "...", 3) == 0;
        if (t->n + (ellipsis ? dots : 1) > TN_MAX_RANK || (ellipsis && dots < 0) || (!ellipsis && label_of(*at) < 0))
            return NULL;
        for (int k = 0; ellipsis && k < dots; k++)
            t->label[t->n++] = ELLIPSIS + dots - 1 - k;
        if (!ellipsis)
            t->label[t->n++] = label_of(*at);
        at += ellipsis ? 2 : 0;
    }
    e->dots = dots > e->dots && rank >= 0 && rank != letters ? dots : e->dots;
    return rank < 0 || t->n == rank ? at : NULL;
}

static bool read_sizes(einsum *e, const term *t, const graph_type *x)
{
    for (int k = 0; k < t->n; k++) {
        int l = t->label[k];
        e->uses[l]++;
        if (e->uses[l] == 1 || e->size[l] == 1)
            e->size[l] = x->dims[k];
        else if (x->dims[k] != 1 && !dim_same(e->graph->dims, e->size[l], x->dims[k], "einsum"))
            return false;
    }
    return true;
}

static void default_output(einsum *e)
{
    for (int k = e->dots - 1; k >= 0; k--)
        e->out.label[e->out.n++] = ELLIPSIS + k;
    for (int i = 0; i < 52; i++) { /* in the order of the alphabet, capitals first */
        int l = i < 26 ? i + 26 : i - 26;
        if (e->uses[l] == 1 && e->out.n < TN_MAX_RANK)
            e->out.label[e->out.n++] = l;
    }
}

static tn_tensor *read_all(einsum *e, tn_tensor *const *x)
{
    const char *at = e->text;
    for (int i = 0; i < e->n; i++) {
        at = read_term(e, at, x[i]->type.rank, &e->in[i]);
        if (!at)
            return refuse(e, "a term does not have a letter for each axis of its operand");
        if (!read_sizes(e, &e->in[i], &x[i]->type))
            return refuse(e, "a letter stands for axes of different sizes");
        if ((*at == ',') != (i + 1 < e->n))
            return refuse(e, "there must be as many terms as operands");
        at += *at == ',';
    }
    if (*at == 0) {
        default_output(e);
        return x[0];
    }
    at = at[1] == '>' ? read_term(e, at + 2, -1, &e->out) : NULL;
    if (!at || *at)
        return refuse(e, "what follows the terms is not \"->\" and letters");
    for (int k = 0; k < e->out.n; k++) {
        if (!e->uses[e->out.label[k]])
            return refuse(e, "the result has a letter that no operand has");
        for (int j = 0; j < k; j++)
            if (e->out.label[j] == e->out.label[k])
                return refuse(e, "the result has a letter twice");
    }
    return x[0];
}

/* ---- one operand ------------------------------------------------------------------------------------------------- */

static int find(const term *t, int label)
{
    for (int k = 0; k < t->n; k++)
        if (t->label[k] == label)
            return k;
    return -1;
}

/* Letters that are there twice become one axis. */
static tn_tensor *diagonals(tn_tensor *x, term *t)
{
    for (int k = 0; k < t->n; k++) {
        int j = find(t, t->label[k]);
        if (j == k)
            continue;
        int label = t->label[k], n = 0;
        for (int i = 0; i < t->n; i++)
            if (i != j && i != k)
                t->label[n++] = t->label[i];
        t->label[n++] = label;
        t->n = n;
        x = tn_diagonal(x, 0, j, k);
        k = -1; /* from the start again */
    }
    return x;
}

static tn_tensor *stretched(const einsum *e, tn_tensor *x, const term *t)
{
    tn_shape wide = {.rank = t->n};
    bool same = true;
    for (int k = 0; k < t->n && !op_unusable(x); k++) {
        wide.dims[k] = x->type.dims[k] == 1 ? e->size[t->label[k]] : x->type.dims[k];
        same &= wide.dims[k] == x->type.dims[k];
    }
    return same ? x : tn_expand(x, wide);
}

/* Sums over the labels that `needed` has not. */
static tn_tensor *summed(tn_tensor *x, term *t, const bool *needed)
{
    int64_t axes[TN_MAX_RANK];
    int n = 0, kept = 0;
    for (int k = 0; k < t->n; k++)
        if (needed[t->label[k]])
            t->label[kept++] = t->label[k];
        else
            axes[n++] = k;
    t->n = kept;
    return n ? tn_sum_axes(x, n, axes, false) : x;
}

/* x with its axes in the order of `groups` (up to three lists of labels), each group one axis. */
static tn_tensor *grouped(const einsum *e, tn_tensor *x, const term *t, int n, const term *const *groups)
{
    int64_t order[TN_MAX_RANK];
    tn_shape flat = {.rank = n};
    int axes = 0;
    for (int g = 0; g < n; g++) {
        flat.dims[g] = 1;
        for (int k = 0; k < groups[g]->n; k++) {
            order[axes++] = find(t, groups[g]->label[k]);
            flat.dims[g] = dim_mul(e->graph->dims, flat.dims[g], e->size[groups[g]->label[k]]);
        }
    }
    return tn_reshape(tn_permute(x, axes, order), flat);
}

/* ---- two operands ------------------------------------------------------------------------------------------------ */

static void push(term *t, int label)
{
    if (t->n < TN_MAX_RANK)
        t->label[t->n] = label;
    t->n++;
}

/* The product of a and b, summed over what both have and nobody needs later; t becomes the labels of the result. */
static tn_tensor *contracted(const einsum *e, tn_tensor *a, term *t, tn_tensor *b, const term *u, const bool *needed)
{
    term both = {0}, left = {0}, right = {0}, gone = {0}, result = {0};
    for (int k = 0; k < t->n; k++)
        push(find(u, t->label[k]) < 0 ? &left : needed[t->label[k]] ? &both : &gone, t->label[k]);
    for (int k = 0; k < u->n; k++)
        if (find(t, u->label[k]) < 0)
            push(&right, u->label[k]);
    const term *all[] = {&both, &left, &right};
    tn_shape shape = {0};
    for (int g = 0; g < 3; g++)
        for (int k = 0; k < all[g]->n; k++)
            push(&result, all[g]->label[k]);
    if (result.n > TN_MAX_RANK)
        return refuse(e, "a product on the way has too many axes");
    shape.rank = result.n;
    for (int k = 0; k < result.n; k++)
        shape.dims[k] = e->size[result.label[k]];
    a = grouped(e, a, t, 3, (const term *[]){&both, &left, &gone});
    b = grouped(e, b, u, 3, (const term *[]){&both, &gone, &right});
    *t = result;
    return tn_reshape(gone.n ? tn_matmul(a, b) : tn_mul(a, b), shape);
}

tn_tensor *tn_einsum(const char *equation, int n, tn_tensor *const x[])
{
    einsum e = {.text = equation, .n = n};
    for (int i = 0; i < n; i++)
        if (op_unusable(x[i]))
            return x[i];
    if (n < 1)
        return NULL;
    e.graph = x[0]->graph;
    if (n > MOST)
        return refuse(&e, "it has too many operands");
    if (graph_poisoned(read_all(&e, x)))
        return &e.graph->poison;
    tn_tensor *y = NULL;
    term t = {0};
    for (int i = 0; i < n; i++) {
        bool needed[LABELS] = {false};
        for (int k = 0; k < e.out.n; k++)
            needed[e.out.label[k]] = true;
        for (int j = i + 1; j < n; j++)
            for (int k = 0; k < e.in[j].n; k++)
                needed[e.in[j].label[k]] = true;
        tn_tensor *next = stretched(&e, x[i], &e.in[i]);
        next = diagonals(next, &e.in[i]);
        if (!y) {
            t = e.in[i];
            y = summed(next, &t, needed);
            continue;
        }
        bool also[LABELS]; /* what only this operand has and nobody needs is summed before the product */
        memcpy(also, needed, sizeof also);
        for (int k = 0; k < t.n; k++)
            also[t.label[k]] = true;
        next = summed(next, &e.in[i], also);
        y = contracted(&e, y, &t, next, &e.in[i], needed);
    }
    int64_t order[TN_MAX_RANK];
    for (int k = 0; k < e.out.n && !op_unusable(y); k++)
        order[k] = find(&t, e.out.label[k]);
    return op_unusable(y) ? y : tn_permute(y, e.out.n, order);
}
