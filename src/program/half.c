/* half.c: with bf16 products, values that these round in any case lie in memory as they are rounded, half as large: where all who make
 * and read them can do with that. Every kernel is asked about each of its operands until nothing changes: what one kernel needs decides
 * what others, which only move numbers, may do. */
#include "program/half.h"

#include <stdlib.h>

/* By tensor. */
typedef struct opinions {
    bool *refused; /* somebody needs all of its bits */
    bool *rounded; /* somebody rounds it in any case */
    bool changed;
} opinions;

static void note(opinions *o, bool *at, bool says)
{
    o->changed |= says && !*at;
    *at |= says;
}

/* Operand i of a node: input i, or output -1 - i. */
static const tn_tensor *operand_at(const graph_node *n, int i)
{
    return i < 0 ? &n->out[-1 - i] : n->in[i];
}

/* What a node that moves numbers between these operands makes of them: all lie as bf16 or none (`together`), or each as it may. Inputs are
 * rounded if whoever reads the outputs rounds them and nobody else needs all bits of those. Together, they may if nobody refuses, and
 * when all have been asked (`last`) and only some would lie so, none may. */
static void move(opinions *o, const tn_tensor *const *moved, const bool *is_out, int n, bool together, bool last)
{
    bool refuse = false, some = false, every = true, outs = true;
    for (int i = 0; i < n; i++) {
        const bool rounded = o->rounded[moved[i]->id];
        refuse |= o->refused[moved[i]->id];
        some |= rounded;
        every &= rounded;
        outs &= !is_out[i] || (rounded && (together || !o->refused[moved[i]->id]));
    }
    refuse = together && (refuse || (last && some && !every));
    for (int i = 0; i < n; i++) {
        note(o, &o->refused[moved[i]->id], refuse);
        note(o, &o->rounded[moved[i]->id], outs && !is_out[i]);
    }
}

static tn_status ask(const half_question *q, const graph_node *node, opinions *o, bool last)
{
    kernel_operand in[node->n_in + 1], out[node->n_out + 1];
    kernel_bind k;
    const tn_tensor *moved[node->n_in + node->n_out + 1];
    bool is_out[node->n_in + node->n_out + 1], together = true;
    int n = 0;
    BASE_TRY(q->describe(q->user, node, in, out, &k));
    for (int i = -node->n_out; i < node->n_in; i++) {
        const tn_tensor *t = operand_at(node, i);
        if (!t)
            continue;
        const kernel_half says = node->def->flags & OP_SOURCE ? KERNEL_NO_HALF
                                 : node->def->view            ? KERNEL_MOVES /* the memory is the same */
                                                              : q->backend->half(&k, i);
        note(o, &o->refused[t->id], says == KERNEL_NO_HALF);
        note(o, &o->rounded[t->id], says == KERNEL_ROUNDS);
        if (says == KERNEL_MOVES || says == KERNEL_PICKS)
            is_out[n] = i < 0, moved[n++] = t;
        together &= says != KERNEL_PICKS;
    }
    move(o, moved, is_out, n, together, last);
    return TN_OK;
}

/* Readers before makers, so that most is known in one go. */
static tn_status ask_all(const half_question *q, opinions *o)
{
    for (bool last = false;;) {
        o->changed = false;
        for (int i = q->order->n - 1; i >= 0; i--)
            if (q->order->item[i].node)
                BASE_TRY(ask(q, q->order->item[i].node, o, last));
        if (!o->changed && last)
            return TN_OK;
        last = !o->changed;
    }
}

tn_status half_choose(const half_question *q, bool *half, base_error *e)
{
    const size_t n = (size_t)q->g->n_tensors;
    opinions o = {.refused = calloc(n + 1, sizeof(bool)), .rounded = calloc(n + 1, sizeof(bool))};
    tn_status status = o.refused && o.rounded ? TN_OK : base_no_memory(e, "binding a program to sizes");
    for (size_t i = 0; status == TN_OK && i < q->g->results.n; i++) /* what is handed out is f32 */
        o.refused[q->g->results.at[i].value->id] = true;
    if (status == TN_OK)
        status = ask_all(q, &o);
    for (size_t i = 0; status == TN_OK && i < n; i++)
        half[i] = o.rounded[i] && !o.refused[i];
    free(o.refused);
    free(o.rounded);
    return status;
}
