/* after.c: what can be done with any rule: lookahead and averages after it, sharpness-aware gradients before it. */
#include "optim/rule.h"

#include <stdlib.h>
#include <string.h>

#include "op/scheme/op.h"

static tn_tensor *whole(optim_step *s, int64_t value)
{
    return tn_scalar(s->m->g, TN_I64, (double)value);
}

static tn_tensor *is_zero(optim_step *s, tn_tensor *x)
{
    return tn_eq(x, whole(s, 0));
}

/* ---- lookahead --------------------------------------------------------------------------------------------------- */

/* Every k steps the slow weights go a part of the way to the fast ones, which go on from there. */
static tn_tensor *lookahead(optim_step *s, tn_tensor *w)
{
    tn_tensor *slot = optim_slot(s, "slow", 0), *t = s->m->new_step;
    tn_tensor *slow = tn_where(tn_eq(t, whole(s, 1)), s->p->param, slot);
    tn_tensor *now = is_zero(s, tn_remainder(t, whole(s, s->o->lookahead)));
    slow = tn_where(now, optim_towards(slow, w, s->o->lookahead_alpha.value), slow);
    optim_keep(s, slot, slow);
    return tn_where(now, slow, w);
}

/* ---- averages ---------------------------------------------------------------------------------------------------- */

static void average(optim_step *s, tn_tensor *w)
{
    tn_tensor *slot = optim_slot(s, "average", 0), *one = tn_scalar(s->m->g, TN_F64, 1);
    tn_tensor *since = tn_sub(s->m->new_step, whole(s, s->o->average_start)), *every = whole(s, s->o->average_every);
    tn_tensor *counts = is_zero(s, tn_remainder(since, every)), *part = tn_scalar(s->m->g, TN_F64, 0);
    if (s->o->average == TN_AVERAGE_EMA)
        part = tn_where(counts, tn_scalar(s->m->g, TN_F64, 1 - s->o->average_decay.value), part);
    else /* one of so many */
        part = tn_where(counts, tn_div(one, tn_add(tn_cast(tn_floor_div(since, every), TN_F64), one)), part);
    tn_tensor *moved = tn_add(slot, optim_times(tn_sub(w, slot), part));
    optim_keep(s, slot, tn_where(tn_le(since, whole(s, 0)), w, moved));
}

tn_tensor *optim_after(optim_step *s, tn_tensor *w)
{
    if (s->o->lookahead > 0)
        w = lookahead(s, w);
    if (s->o->average != TN_AVERAGE_NONE)
        average(s, w);
    return w;
}

void optim_add_swap(optim_minimizer *m)
{
    const char *name = base_arena_printf(m->g->arena, "%sswap_average", m->prefix);
    tn_entry *entry = tn_entry_new(m->g, name ? name : "swap_average", 0);
    for (size_t i = 0; i < m->params.n; i++) {
        optim_step s = {.m = m, .o = &m->o, .p = &m->params.at[i]};
        tn_tensor *slot = optim_slot(&s, m->o.average != TN_AVERAGE_NONE ? "average" : "ax", 0);
        tn_entry_write(entry, s.p->param, slot);
        tn_entry_write(entry, slot, s.p->param);
    }
}

/* ---- sharpness-aware gradients ------------------------------------------------------------------------------------- */

/* The nodes that lead from values that were moved to the loss, once more: there[] has by id what stands for a value. Random
 * nodes keep their streams, so that both passes drop the same; what training updates in passing is of the first. */
static tn_tensor *loss_there(optim_minimizer *m, tn_tensor **there, bool *needed)
{
    int last = m->loss->node->id;
    needed[last] = true;
    for (int i = last; i >= 0; i--)
        for (int k = 0; needed[i] && k < m->g->nodes.at[i]->n_in; k++)
            if (m->g->nodes.at[i]->in[k])
                needed[m->g->nodes.at[i]->in[k]->node->id] = true;
    for (int i = 0; i <= last; i++) {
        const graph_node *node = m->g->nodes.at[i];
        tn_tensor *in[node->n_in + 1];
        bool moved = false;
        for (int k = 0; needed[i] && k < node->n_in; k++) {
            in[k] = node->in[k] && there[node->in[k]->id] ? there[node->in[k]->id] : node->in[k];
            moved = moved || in[k] != node->in[k];
        }
        graph_node *copy = moved ? op_apply_named(m->g, node->def, node->name, node->n_in, in, node->arg) : NULL;
        for (int k = 0; copy && k < node->n_out; k++)
            there[node->out[k].id] = &copy->out[k];
    }
    return there[m->loss->id] ? there[m->loss->id] : m->loss;
}

static void gradients_there(optim_minimizer *m, tn_tensor **there, bool *needed, tn_tensor **moved, tn_tensor **grads)
{
    size_t n = m->params.n;
    tn_tensor *sum = tn_scalar(m->g, TN_F64, 0);
    for (size_t i = 0; i < n; i++)
        sum = tn_add(sum, tn_cast(tn_sum_square(m->params.at[i].grad), TN_F64));
    tn_tensor *size = tn_div(tn_scalar(m->g, TN_F64, m->o.sam), tn_add_f(tn_sqrt(sum), 1e-12));
    for (size_t i = 0; i < n; i++) {
        const optim_trained *p = &m->params.at[i];
        there[p->param->id] = moved[i] = tn_add(p->param, optim_times(p->grad, size));
    }
    tn_tensor *loss = loss_there(m, there, needed);
    if (m->scale)
        loss = tn_mul(tn_cast(loss, TN_F32), m->scale);
    if (m->g->error.status == TN_OK && tn_gradients(loss, (int)n, moved, grads) == TN_OK)
        for (size_t i = 0; i < n; i++)
            m->params.at[i].grad = grads[i];
}

void optim_sharpness(optim_minimizer *m)
{
    size_t n = m->params.n;
    tn_tensor **there = calloc((size_t)m->g->n_tensors + 1, sizeof *there);
    bool *needed = calloc(m->g->nodes.n + 1, sizeof *needed);
    tn_tensor **moved = calloc(n, sizeof *moved), **grads = calloc(n, sizeof *grads);
    if (there && needed && moved && grads)
        gradients_there(m, there, needed, moved, grads);
    else
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    free(there);
    free(needed);
    free(moved);
    free(grads);
}
