/* minimize.c: the nodes and the state of an optimizer: gradients, what is done to them, and the entries. */
#include <stdlib.h>
#include <string.h>

#include "optim/rule.h"

static bool matches(const char *pattern, const char *name)
{
    if (*pattern == '\0')
        return *name == '\0';
    if (*pattern == '*')
        return matches(pattern + 1, name) || (*name && matches(pattern, name + 1));
    return *name && (*pattern == '?' || *pattern == *name) && matches(pattern + 1, name + 1);
}

static const tn_param_group *group_of(const tn_optim_opt *o, const char *name)
{
    for (int i = 0; i < o->n_groups; i++)
        if (matches(o->groups[i].pattern, name))
            return &o->groups[i];
    return NULL;
}

/* By node: the loss depends on it. */
static bool reaches(const tn_tensor *loss, const tn_tensor *x, bool *seen)
{
    const tn_graph *g = loss->graph;
    memset(seen, 0, g->nodes.n);
    seen[loss->node->id] = true;
    for (int i = loss->node->id; i >= x->node->id; i--)
        for (int k = 0; seen[i] && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                seen[g->nodes.at[i]->in[k]->node->id] = true;
    return seen[x->node->id];
}

static tn_status find_params(optim_minimizer *m)
{
    bool *seen = calloc(m->g->nodes.n + 1, 1);
    for (size_t i = 0; seen && i < m->g->state.n; i++) {
        const graph_state *s = m->g->state.at[i];
        optim_trained t = {.param = s->value, .name = s->name, .group = group_of(&m->o, s->name)};
        if (!s->trainable || s->frozen || (t.group && t.group->frozen) || !reaches(m->loss, s->value, seen))
            continue;
        if (!base_vec_push(&m->params, t))
            graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    }
    free(seen);
    if (!seen)
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    if (m->params.n == 0)
        graph_fail(m->g, TN_INVALID, "the loss '%s' depends on no parameter that may be trained",
                   tn_tensor_name(m->loss));
    return m->g->error.status;
}

static tn_status find_gradients(optim_minimizer *m)
{
    size_t n = m->params.n, all = n + m->sites.n;
    tn_tensor **wrt = calloc(all, sizeof *wrt), **grads = calloc(all, sizeof *grads);
    for (size_t i = 0; wrt && i < all; i++)
        wrt[i] = i < n ? m->params.at[i].param : &m->g->nodes.at[m->sites.at[i - n].node->id]->out[0];
    if (wrt && grads)
        tn_gradients(m->scale ? tn_mul(tn_cast(m->loss, TN_F32), m->scale) : m->loss, (int)all, wrt, grads);
    else
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    for (size_t i = 0; grads && i < all; i++)
        *(i < n ? &m->params.at[i].grad : &m->sites.at[i - n].slope) = grads[i];
    free(wrt);
    free(grads);
    return m->g->error.status;
}

tn_status optim_find(optim_minimizer *m)
{
    BASE_TRY(find_params(m));
    if (m->o.kind == TN_KFAC)
        BASE_TRY(optim_find_sites(m));
    return find_gradients(m);
}

/* The name that something common to all parameters has with this optimizer. */
static const char *named(optim_minimizer *m, const char *before, const char *name)
{
    const char *full = base_arena_printf(m->g->arena, "%s%s%s", before, m->prefix, name);
    if (!full)
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    return full ? full : name;
}

static tn_tensor *number(optim_minimizer *m, double value)
{
    return tn_scalar(m->g, TN_F32, value);
}

/* The common 2-norm of all gradients, as torch.nn.utils.clip_grad_norm_. */
tn_tensor *optim_gradient_norm(const optim_trained *p, size_t n)
{
    tn_tensor *sum = NULL;
    for (size_t i = 0; i < n; i++) {
        tn_tensor *square = tn_cast(tn_sum_square(p[i].grad), TN_F32);
        sum = sum ? tn_add(sum, square) : square;
    }
    return tn_sqrt(sum);
}

/* The gradient without its mean over all axes but the first. */
static tn_tensor *centred(tn_tensor *g)
{
    int64_t axes[TN_MAX_RANK];
    int n = tn_tensor_rank(g) - 1;
    for (int i = 0; i < n; i++)
        axes[i] = i + 1;
    return n > 0 ? tn_sub(g, tn_mean_axes(g, n, axes, true)) : g;
}

static void clip(optim_minimizer *m, optim_trained *p, size_t n, tn_tensor *norm)
{
    tn_tensor *scale = NULL;
    if (m->o.clip_norm > 0)
        scale = tn_minimum(tn_div(number(m, m->o.clip_norm), tn_add(norm, number(m, 1e-6))), number(m, 1));
    for (size_t i = 0; i < n; i++) {
        if (scale)
            p[i].grad = tn_mul(p[i].grad, tn_cast(scale, tn_tensor_dtype(p[i].grad)));
        if (m->o.clip_value > 0)
            p[i].grad = tn_clamp(p[i].grad, -m->o.clip_value, m->o.clip_value);
        if (m->o.centralize)
            p[i].grad = centred(p[i].grad);
    }
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

static tn_tensor *state_named(optim_minimizer *m, const char *name, tn_dtype dtype, tn_shape shape, double initial)
{
    tn_tensor *have = name ? tn_graph_state(m->g, name) : NULL;
    const tn_init init = {TN_INIT_CONSTANT, initial, 0};
    if (have)
        return have;
    return tn_buffer(m->g, name ? name : "optim", dtype, shape, initial != 0 ? &init : NULL); /* NOLINT: zeros else */
}

tn_tensor *optim_common(optim_minimizer *m, const char *kind, tn_dtype dtype, double initial)
{
    return state_named(m, named(m, "optim.", kind), dtype, TN_SCALAR, initial);
}

static tn_tensor *slot(optim_step *s, const char *kind, tn_dtype dtype, tn_shape shape, double initial)
{
    const char *name = base_arena_printf(s->m->g->arena, "optim.%s%s.%s", s->m->prefix, s->p->name, kind);
    return state_named(s->m, name, dtype, shape, initial);
}

tn_tensor *optim_slot_of(optim_step *s, const char *kind, tn_dtype dtype, tn_shape shape)
{
    return slot(s, kind, dtype, shape, 0);
}

tn_tensor *optim_slot(optim_step *s, const char *kind, double initial)
{
    return slot(s, kind, tn_tensor_dtype(s->p->param), tn_tensor_shape(s->p->param), initial);
}

tn_tensor *optim_keep(optim_step *s, tn_tensor *slot, tn_tensor *value)
{
    tn_entry_write(s->entry, slot, s->ok ? tn_where(s->ok, value, slot) : value);
    return value;
}

/* ---- the update -------------------------------------------------------------------------------------------------- */

static double pick(const optim_trained *p, tn_opt_f64 of_group, double usual)
{
    return p->group && of_group.set ? of_group.value : usual;
}

/* What a layer makes of the parameter before it is updated, as an embedding that cuts its rows; else the parameter. */
static tn_tensor *weights_now(const optim_minimizer *m, const optim_trained *p)
{
    for (size_t i = 0; i < m->g->updates.n && !m->applies; i++)
        if (strcmp(m->g->updates.at[i].name, p->name) == 0)
            return m->g->updates.at[i].value;
    return p->param;
}

static void update(optim_minimizer *m, tn_entry *entry, const optim_trained *p, tn_tensor *ok)
{
    const optim_rule *rule = optim_rule_of((int)m->o.kind);
    tn_param_group none = {0};
    const tn_param_group *group = p->group ? p->group : &none;
    optim_step s = {.m = m,
                    .o = &m->o,
                    .p = p,
                    .entry = entry,
                    .ok = ok,
                    .w = weights_now(m, p),
                    .g = p->grad,
                    .t = tn_cast(m->new_step, TN_F64),
                    .dtype = tn_tensor_dtype(p->param),
                    .decay = pick(p, group->weight_decay, m->o.weight_decay.value),
                    .l1 = pick(p, group->l1, m->o.l1)};
    s.lr = tn_mul_f(tn_cast(m->lr, TN_F64), pick(p, group->lr_scale, 1));
    bool may_decouple = m->o.kind == TN_NADAM || m->o.kind == TN_RADAM;
    if (rule->decay_by != OPTIM_BY_RULE)
        optim_decay(&s, rule->decay_by == OPTIM_ON_WEIGHTS || (may_decouple && m->o.decoupled));
    tn_tensor *before = s.w, *after = optim_after(&s, rule->update(&s));
    tn_entry_write(entry, p->param, ok ? tn_where(ok, after, before) : after);
}

/* After a step that overflowed the scale halves, after many that did not it doubles. */
static void write_scale(optim_minimizer *m, tn_entry *entry, tn_tensor *ok)
{
    tn_tensor *good = tn_add(m->good, tn_scalar(m->g, TN_I64, 1)), *zero = tn_scalar(m->g, TN_I64, 0);
    tn_tensor *enough = tn_ge(good, tn_scalar(m->g, TN_I64, (double)m->o.scale_growth));
    tn_tensor *grown = tn_where(enough, tn_mul_f(m->scale, 2), m->scale);
    tn_entry_write(entry, m->scale, tn_where(ok, grown, tn_mul_f(m->scale, 0.5)));
    tn_entry_write(entry, m->good, tn_where(tn_logical_and(ok, tn_logical_not(enough)), good, zero));
}

/* Norm, clipping and updates from the gradients given. */
static void finish_entry(optim_minimizer *m, tn_entry *entry, const optim_trained *grads)
{
    size_t n = m->params.n;
    optim_trained *p = base_arena_copy(m->g->arena, grads, n * sizeof *p);
    tn_tensor *norm = NULL, *ok = NULL;
    if (!p) {
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
        return;
    }
    for (size_t i = 0; m->scale && i < n; i++) /* in f32: in f16 small ones would be lost after all */
        p[i].grad = tn_cast(tn_div(tn_cast(p[i].grad, TN_F32), m->scale), tn_tensor_dtype(p[i].grad));
    if (!m->o.no_gradient_norm || m->o.clip_norm > 0 || m->scale) {
        norm = optim_gradient_norm(p, n);
        tn_entry_output(entry, "grad_norm", norm);
        ok = m->scale ? tn_isfinite(norm) : NULL;
        if (!ok)
            tn_entry_check(entry, norm);
    }
    clip(m, p, n, norm);
    m->now = p;
    m->shorten = NULL;
    for (size_t i = 0; i < n; i++)
        update(m, entry, &p[i], ok);
    tn_entry_write(entry, m->step, ok ? tn_where(ok, m->new_step, m->step) : m->new_step);
    if (ok)
        write_scale(m, entry, ok);
}

static tn_entry *loss_entry(optim_minimizer *m, const char *name)
{
    tn_entry *entry = tn_entry_new(m->g, named(m, "", name), TN_TRAINING);
    tn_entry_output(entry, "loss", m->loss);
    tn_entry_check(entry, m->loss);
    return entry;
}

static void accumulating(optim_minimizer *m)
{
    tn_entry *first = loss_entry(m, "accumulate_first"), *more = loss_entry(m, "accumulate");
    tn_entry *apply = tn_entry_new(m->g, named(m, "", "apply"), TN_TRAINING);
    tn_tensor *count = tn_input(m->g, named(m, "", "accumulated"), TN_F32, TN_SCALAR);
    optim_trained *p = base_arena_copy(m->g->arena, m->params.at, m->params.n * sizeof *p);
    for (size_t i = 0; p && i < m->params.n; i++) {
        tn_tensor *sum = optim_slot(&(optim_step){.m = m, .p = &p[i]}, "grad", 0);
        tn_entry_write(first, sum, p[i].grad);
        tn_entry_write(more, sum, tn_add(sum, p[i].grad));
        p[i].grad = tn_div(sum, tn_cast(count, tn_tensor_dtype(sum)));
    }
    optim_measure(m, first);
    optim_measure(m, more);
    m->applies = true;
    if (p)
        finish_entry(m, apply, p);
    else
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
}

static void add_entries(optim_minimizer *m)
{
    m->lr = tn_input(m->g, named(m, "", "lr"), TN_F32, TN_SCALAR);
    m->step = optim_common(m, "step", TN_I64, 0);
    m->new_step = tn_add(m->step, tn_scalar(m->g, TN_I64, 1));
    if (m->o.sam > 0)
        optim_sharpness(m);
    if (m->g->error.status != TN_OK)
        return;
    finish_entry(m, loss_entry(m, "step"), m->params.at);
    if (m->o.accumulate)
        accumulating(m);
    if (m->o.average != TN_AVERAGE_NONE || m->o.kind == TN_ASGD)
        optim_add_swap(m);
}

tn_status tn_minimize(tn_tensor *loss, const tn_optim_opt *opt)
{
    static const tn_optim_opt defaults;
    optim_minimizer m = {.g = loss->graph, .loss = loss};
    if (m.g->error.status != TN_OK || optim_options(m.g, opt ? opt : &defaults, &m.o) != TN_OK)
        return m.g->error.status;
    m.prefix = m.o.name ? base_arena_printf(m.g->arena, "%s.", m.o.name) : "";
    if (!m.prefix) {
        graph_fail(m.g, TN_MEMORY, "out of memory while making an optimizer");
        return m.g->error.status;
    }
    if (m.o.scale_loss) {
        m.scale = optim_common(&m, "loss_scale", TN_F32, m.o.initial_scale);
        m.good = optim_common(&m, "loss_scale_age", TN_I64, 0);
    }
    if (optim_find(&m) == TN_OK)
        add_entries(&m);
    base_vec_free(&m.params);
    base_vec_free(&m.sites);
    return m.g->error.status;
}

tn_entry *tn_graph_entry(tn_graph *g, const char *name)
{
    for (size_t i = 0; i < g->entries.n; i++)
        if (strcmp(g->entries.at[i]->name, name) == 0)
            return g->entries.at[i];
    return NULL;
}
