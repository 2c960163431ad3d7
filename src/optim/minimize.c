/* minimize.c: the nodes and the state of an optimizer. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "graph/graph.h"
#include "op/internal.h"
#include <tarn/ops.h>
#include <tarn/optim.h>

typedef struct trained {
    tn_tensor *param, *grad;
    const char *name;
    const tn_param_group *group; /* or NULL */
} trained;

typedef struct minimizer {
    const char *prefix; /* of the names of all that is added: "" or "NAME." */
    tn_graph *g;
    const tn_optim_opt *o;
    tn_tensor *loss, *lr, *step, *new_step;
    base_vec(trained) params;
} minimizer;

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

static tn_status find_params(minimizer *m)
{
    bool *seen = calloc(m->g->nodes.n + 1, 1);
    for (size_t i = 0; seen && i < m->g->state.n; i++) {
        const graph_state *s = m->g->state.at[i];
        trained t = {.param = s->value, .name = s->name, .group = group_of(m->o, s->name)};
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

static tn_status find_gradients(minimizer *m)
{
    size_t n = m->params.n;
    tn_tensor **wrt = calloc(n, sizeof *wrt), **grads = calloc(n, sizeof *grads);
    for (size_t i = 0; wrt && i < n; i++)
        wrt[i] = m->params.at[i].param;
    if (wrt && grads)
        tn_gradients(m->loss, (int)n, wrt, grads);
    else
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    for (size_t i = 0; grads && i < n; i++)
        m->params.at[i].grad = grads[i];
    free(wrt);
    free(grads);
    return m->g->error.status;
}

/* The name that something common to all parameters has with this optimizer. */
static const char *named(minimizer *m, const char *before, const char *name)
{
    const char *full = base_arena_printf(m->g->arena, "%s%s%s", before, m->prefix, name);
    if (!full)
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
    return full ? full : name;
}

static tn_tensor *number(minimizer *m, double value)
{
    return tn_scalar(m->g, TN_F32, value);
}

/* The common 2-norm of all gradients, as torch.nn.utils.clip_grad_norm_. */
static tn_tensor *gradient_norm(minimizer *m, const trained *p, size_t n)
{
    tn_tensor *sum = NULL;
    for (size_t i = 0; i < n; i++) {
        tn_tensor *square = tn_cast(tn_sum_square(p[i].grad), TN_F32);
        sum = sum ? tn_add(sum, square) : square;
    }
    (void)m;
    return tn_sqrt(sum);
}

static void clip(minimizer *m, trained *p, size_t n, tn_tensor *norm)
{
    tn_tensor *scale = NULL;
    if (m->o->clip_norm > 0)
        scale = tn_minimum(tn_div(number(m, m->o->clip_norm), tn_add(norm, number(m, 1e-6))), number(m, 1));
    for (size_t i = 0; i < n; i++) {
        if (scale)
            p[i].grad = tn_mul(p[i].grad, tn_cast(scale, tn_tensor_dtype(p[i].grad)));
        if (m->o->clip_value > 0)
            p[i].grad = tn_clamp(p[i].grad, -m->o->clip_value, m->o->clip_value);
    }
}

/* State that belongs to a parameter: "optim.NAME.kind", of its shape, zero at first. */
static tn_tensor *slot(minimizer *m, const trained *p, const char *kind)
{
    const char *name = base_arena_printf(m->g->arena, "optim.%s%s.%s", m->prefix, p->name, kind);
    tn_tensor *have = name ? tn_graph_state(m->g, name) : NULL;
    if (have)
        return have;
    return tn_buffer(m->g, name ? name : "optim", tn_tensor_dtype(p->param), tn_tensor_shape(p->param), NULL);
}

static double pick(const trained *p, tn_opt_f64 of_group, double usual)
{
    return p->group && of_group.set ? of_group.value : usual;
}

static void update_sgd(minimizer *m, tn_entry *entry, const trained *p, tn_tensor *lr, double decay, double l1)
{
    tn_tensor *buffer = m->o->momentum > 0 ? slot(m, p, "momentum") : NULL, *next = NULL;
    op_sgd o = {.param = p->param,
                .grad = p->grad,
                .buffer = buffer,
                .lr = lr,
                .step = m->new_step,
                .momentum = m->o->momentum,
                .dampening = m->o->dampening,
                .weight_decay = decay,
                .l1 = l1,
                .nesterov = m->o->nesterov};
    tn_entry_write(entry, p->param, op_sgd_update_of(&o, &next));
    if (buffer)
        tn_entry_write(entry, buffer, next);
}

static double or_usual(tn_opt_f64 value, double usual)
{
    return value.set ? value.value : usual;
}

static void update_adam(minimizer *m, tn_entry *entry, const trained *p, tn_tensor *lr, double decay, double l1)
{
    tn_tensor *mean = slot(m, p, "m"), *var = slot(m, p, "v"), *next_mean = NULL, *next_var = NULL;
    op_adam o = {.param = p->param,
                 .grad = p->grad,
                 .m = mean,
                 .v = var,
                 .step = m->new_step,
                 .lr = lr,
                 .beta1 = or_usual(m->o->beta1, 0.9),
                 .beta2 = or_usual(m->o->beta2, 0.999),
                 .eps = or_usual(m->o->eps, 1e-8),
                 .weight_decay = decay,
                 .l1 = l1,
                 .decoupled = m->o->kind == TN_ADAMW};
    tn_entry_write(entry, p->param, op_adam_update_of(&o, &next_mean, &next_var));
    tn_entry_write(entry, mean, next_mean);
    tn_entry_write(entry, var, next_var);
}

static void update(minimizer *m, tn_entry *entry, const trained *p)
{
    double usual = m->o->weight_decay.set ? m->o->weight_decay.value : m->o->kind == TN_ADAMW ? 0.01 : 0;
    double decay = p->group ? pick(p, p->group->weight_decay, usual) : usual,
           l1 = p->group ? pick(p, p->group->l1, m->o->l1) : m->o->l1;
    double scale = p->group ? pick(p, p->group->lr_scale, 1) : 1;
    tn_tensor *lr = scale == 1.0 ? m->lr : tn_mul(m->lr, number(m, scale)); /* NOLINT: exactly one is the usual case */
    if (m->o->kind == TN_SGD)
        update_sgd(m, entry, p, lr, decay, l1);
    else
        update_adam(m, entry, p, lr, decay, l1);
}

/* Norm, clipping and updates from the gradients given. */
static void finish_entry(minimizer *m, tn_entry *entry, const trained *grads)
{
    size_t n = m->params.n;
    trained *p = base_arena_copy(m->g->arena, grads, n * sizeof *p);
    if (!p) {
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
        return;
    }
    if (!m->o->no_gradient_norm || m->o->clip_norm > 0) {
        tn_tensor *norm = gradient_norm(m, p, n);
        tn_entry_output(entry, "grad_norm", norm);
        tn_entry_check(entry, norm);
        clip(m, p, n, norm);
    } else {
        clip(m, p, n, NULL);
    }
    for (size_t i = 0; i < n; i++)
        update(m, entry, &p[i]);
    tn_entry_write(entry, m->step, m->new_step);
}

static tn_entry *loss_entry(minimizer *m, const char *name)
{
    tn_entry *entry = tn_entry_new(m->g, named(m, "", name), TN_TRAINING);
    tn_entry_output(entry, "loss", m->loss);
    tn_entry_check(entry, m->loss);
    return entry;
}

static void accumulating(minimizer *m)
{
    tn_entry *first = loss_entry(m, "accumulate_first"), *more = loss_entry(m, "accumulate");
    tn_entry *apply = tn_entry_new(m->g, named(m, "", "apply"), TN_TRAINING);
    tn_tensor *count = tn_input(m->g, named(m, "", "accumulated"), TN_F32, TN_SCALAR);
    trained *p = base_arena_copy(m->g->arena, m->params.at, m->params.n * sizeof *p);
    for (size_t i = 0; p && i < m->params.n; i++) {
        tn_tensor *sum = slot(m, &p[i], "grad");
        tn_entry_write(first, sum, p[i].grad);
        tn_entry_write(more, sum, tn_add(sum, p[i].grad));
        p[i].grad = tn_div(sum, tn_cast(count, tn_tensor_dtype(sum)));
    }
    if (p)
        finish_entry(m, apply, p);
    else
        graph_fail(m->g, TN_MEMORY, "out of memory while making an optimizer");
}

/* NaN fails every comparison, so that it is refused with what is out of range. */
static bool at_least_0(double x)
{
    return x >= 0 && x <= DBL_MAX;
}

static bool part_of_1(double x)
{
    return x >= 0 && x < 1;
}

static bool valid_or_unset(tn_opt_f64 x, bool (*valid)(double))
{
    return !x.set || valid(x.value);
}

static tn_status check_group(tn_graph *g, const tn_param_group *group)
{
    if (!group->pattern)
        graph_fail(g, TN_INVALID, "a parameter group has no pattern");
    else if (!valid_or_unset(group->lr_scale, at_least_0) || !valid_or_unset(group->weight_decay, at_least_0) ||
             !valid_or_unset(group->l1, at_least_0))
        graph_fail(g, TN_INVALID,
                   "lr_scale, weight_decay and l1 of the parameter group '%s' must be numbers of at least 0",
                   group->pattern);
    return g->error.status;
}

static tn_status check_options(tn_graph *g, const tn_optim_opt *o)
{
    if (o->kind < TN_SGD || o->kind > TN_ADAMW)
        graph_fail(g, TN_INVALID, "there is no optimizer number %d", (int)o->kind);
    else if (!at_least_0(o->momentum) || !at_least_0(o->l1) || !at_least_0(o->clip_norm) ||
             !at_least_0(o->clip_value) || !valid_or_unset(o->weight_decay, at_least_0))
        graph_fail(
            g, TN_INVALID,
            "momentum, l1, clip_norm, clip_value and weight_decay of an optimizer must be numbers of at least 0");
    else if (!(fabs(o->dampening) <= 1))
        graph_fail(g, TN_INVALID, "the dampening of an optimizer must lie between -1 and 1");
    else if (!valid_or_unset(o->beta1, part_of_1) || !valid_or_unset(o->beta2, part_of_1) ||
             !valid_or_unset(o->eps, at_least_0))
        graph_fail(g, TN_INVALID, "beta1 and beta2 of an optimizer must lie in [0, 1), and eps be at least 0");
    else if (o->nesterov && (o->momentum == 0 || o->dampening != 0)) /* NOLINT */
        graph_fail(g, TN_INVALID, "Nesterov momentum needs a momentum above 0 and no dampening");
    for (int i = 0; i < o->n_groups && g->error.status == TN_OK; i++)
        check_group(g, &o->groups[i]);
    return g->error.status;
}

tn_status tn_minimize(tn_tensor *loss, const tn_optim_opt *opt)
{
    static const tn_optim_opt defaults;
    minimizer m = {.g = loss->graph, .o = opt ? opt : &defaults, .loss = loss};
    if (m.g->error.status != TN_OK || check_options(m.g, m.o) != TN_OK)
        return m.g->error.status;
    m.prefix = m.o->name ? base_arena_printf(m.g->arena, "%s.", m.o->name) : "";
    if (!m.prefix) {
        graph_fail(m.g, TN_MEMORY, "out of memory while making an optimizer");
        return m.g->error.status;
    }
    if (find_params(&m) == TN_OK && find_gradients(&m) == TN_OK) {
        m.lr = tn_input(m.g, named(&m, "", "lr"), TN_F32, TN_SCALAR);
        m.step = tn_buffer(m.g, named(&m, "optim.", "step"), TN_I64, TN_SCALAR, NULL);
        m.new_step = tn_add(m.step, tn_scalar(m.g, TN_I64, 1));
        finish_entry(&m, loss_entry(&m, "step"), m.params.at);
        if (m.o->accumulate)
            accumulating(&m);
    }
    base_vec_free(&m.params);
    return m.g->error.status;
}

tn_entry *tn_graph_entry(tn_graph *g, const char *name)
{
    for (size_t i = 0; i < g->entries.n; i++)
        if (strcmp(g->entries.at[i]->name, name) == 0)
            return g->entries.at[i];
    return NULL;
}
