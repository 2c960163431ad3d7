/* recipe_train.c: what the training part of a recipe becomes: lists and schedules inside it are read, what depends on the
 * optimizer is filled in, and all of it is brought into the structs of tarn/optim.h. */
#include <string.h>

#include "base/number.h"
#include "optim/rule.h"
#include "train/build.h"
#include "train/recipe_tables.h"

/* ---- reading what stands inside ---------------------------------------------------------------------------------- */

enum { MOST_CHAINED = 8 };

static tn_status read_chain(train_recipe *r, base_error *e)
{
    train_schedule *s = &r->train.schedule;
    for (int depth = 0; s->then; depth++) {
        train_schedule *next = base_arena_array(&r->tree.arena, 1, sizeof *next);
        if (!next)
            return base_no_memory(e, "reading a recipe");
        *next = (train_schedule){0};
        if (depth == MOST_CHAINED)
            return format_yaml_fail(s->then, e, "more than %d schedules follow each other", MOST_CHAINED);
        BASE_TRY(format_options_read(&train_schedule_table, s->then, s->then, "train.schedule.then", &r->tree.arena,
                                     next, e));
        s->after = next;
        s = next;
    }
    return TN_OK;
}

static tn_status read_group(train_recipe *r, const format_yaml_node *node, size_t i, tn_param_group *out, base_error *e)
{
    char path[48];
    train_group g = {0};
    (void)base_print(path, sizeof path, "train.groups.%lld", (long long)i);
    BASE_TRY(format_options_read(&train_group_table, node, node, path, &r->tree.arena, &g, e));
    *out = (tn_param_group){.pattern = g.pattern, .frozen = g.frozen};
    if (format_options_given(&train_group_table, &g, "lr_scale"))
        out->lr_scale = tn_f64(g.lr_scale);
    if (format_options_given(&train_group_table, &g, "weight_decay"))
        out->weight_decay = tn_f64(g.weight_decay);
    if (format_options_given(&train_group_table, &g, "l1"))
        out->l1 = tn_f64(g.l1);
    return TN_OK;
}

static tn_status read_groups(train_recipe *r, base_error *e)
{
    const format_yaml_node *list = r->train.groups;
    if (!list)
        return TN_OK;
    if (list->kind != FORMAT_YAML_LIST)
        return format_yaml_fail(list, e, "train.groups must be a list, as [{pattern: '*.bias', weight_decay: 0}]");
    tn_param_group *groups = base_arena_array(&r->tree.arena, list->n + 1, sizeof *groups);
    if (!groups)
        return base_no_memory(e, "reading a recipe");
    for (size_t i = 0; i < list->n; i++)
        BASE_TRY(read_group(r, list->items[i].value, i, &groups[i], e));
    r->train.group_list = groups;
    r->train.n_groups = list->n;
    return TN_OK;
}

tn_status train_inner_read(train_recipe *r, base_error *e)
{
    BASE_TRY(read_chain(r, e));
    return read_groups(r, e);
}

/* ---- defaults that depend on others ------------------------------------------------------------------------------ */

static bool given(const train_options *t, const char *key)
{
    return format_options_given(&train_options_table, t, key);
}

static void set_given(const format_table *table, void *options, const char *key)
{
    for (size_t i = 0; table->options[i].key; i++)
        if (strcmp(table->options[i].key, key) == 0)
            *(uint64_t *)options |= (uint64_t)1 << i;
}

static void decide(train_options *t, const char *key, double *value, double usual)
{
    if (given(t, key))
        return;
    *value = usual;
    set_given(&train_options_table, t, key);
}

static void decide_factor(train_schedule *s)
{
    if (format_options_given(&train_schedule_table, s, "factor"))
        return;
    s->factor = s->kind == TN_SCHEDULE_EXPONENTIAL ? 0.95 : s->kind == TN_SCHEDULE_CYCLIC ? 1 : 0.1;
    set_given(&train_schedule_table, s, "factor");
}

static tn_schedule_opt schedule_opt(const train_options *t, const train_schedule *s)
{
    return (tn_schedule_opt){.kind = (tn_schedule_kind)s->kind,
                             .lr = t->lr,
                             .gamma = s->factor,
                             .every = s->every,
                             .lr_min = s->least,
                             .patience = s->patience,
                             .milestones = s->milestones.at,
                             .n_milestones = (int)s->milestones.n,
                             .power = s->power,
                             .start_factor = tn_f64(s->start),
                             .end_factor = tn_f64(s->end),
                             .period = s->period,
                             .period_factor = s->period_factor,
                             .pct_start = s->pct_start,
                             .div_factor = s->div_factor,
                             .final_div_factor = s->final_div_factor,
                             .linear = s->linear,
                             .three_phase = s->three_phase,
                             .up = s->up,
                             .down = s->down,
                             .mode = (tn_cycle)s->mode,
                             .until = s->until};
}

static tn_status build_chain(train_recipe *r, base_error *e)
{
    const tn_schedule_opt *first = NULL;
    tn_schedule_opt *last = NULL;
    for (train_schedule *s = &r->train.schedule; s;
         s = (train_schedule *)(uintptr_t)s->after) { /* ours, see read_chain */
        decide_factor(s);
        tn_schedule_opt built = schedule_opt(&r->train, s), *o = base_arena_copy(&r->tree.arena, &built, sizeof built);
        if (!o)
            return base_no_memory(e, "reading a recipe");
        if (last)
            last->then = o;
        else
            first = o;
        if (!last) {
            o->warmup_steps = r->train.warmup_steps;
            o->warmup = (tn_warmup)r->train.warmup;
            o->warmup_from = r->train.warmup_from;
        }
        last = o;
    }
    r->train.schedule_opt = first;
    return TN_OK;
}

tn_status train_decide(train_recipe *r, base_error *e)
{
    train_options *t = &r->train;
    _Static_assert(TRAIN_LBFGS == TN_ASGD + 1, "the recipe's word stands behind those of tn_optimizer");
    const bool second = t->optimizer == TRAIN_LBFGS;
    const optim_rule *rule = optim_rule_of(second ? TN_SGD : t->optimizer);
    decide(t, "lr", &t->lr, second ? 1 : rule->lr);
    decide(t, "weight_decay", &t->weight_decay, rule->decay);
    decide(t, "momentum", &t->momentum, rule->momentum);
    decide(t, "alpha", &t->alpha, t->optimizer == TN_ASGD ? 0.75 : 0.99);
    if (rule->eps > 0)
        decide(t, "eps", &t->eps, rule->eps);
    if (!given(t, "nesterov")) {
        t->nesterov = t->optimizer == TN_MUON;
        set_given(&train_options_table, t, "nesterov");
    }
    if (!given(t, "betas")) {
        const double betas[] = {rule->beta1, rule->beta2};
        t->betas = (format_floats){base_arena_copy(&r->tree.arena, betas, sizeof betas), 2};
        if (!t->betas.at)
            return base_no_memory(e, "reading a recipe");
        set_given(&train_options_table, t, "betas");
    }
    return build_chain(r, e);
}

/* ---- the structs of tarn/optim.h --------------------------------------------------------------------------------- */

tn_optim_opt train_optim_of(const train_options *t)
{
    tn_optim_opt o = {.kind = t->optimizer == TRAIN_LBFGS ? TN_SGD : (tn_optimizer)t->optimizer,
                      .momentum = t->momentum,
                      .nesterov = t->nesterov,
                      .no_nesterov = !t->nesterov,
                      .beta1 = tn_f64(t->betas.at[0]),
                      .beta2 = tn_f64(t->betas.at[1]),
                      .weight_decay = tn_f64(t->weight_decay),
                      .l1 = t->l1,
                      .clip_norm = t->clip_norm,
                      .clip_value = t->clip_value,
                      .groups = t->group_list,
                      .n_groups = (int)t->n_groups,
                      .amsgrad = t->amsgrad,
                      .centered = t->centered,
                      .decoupled = t->decoupled,
                      .alpha = tn_f64(t->alpha),
                      .rho = tn_f64(t->rho),
                      .lr_decay = t->lr_decay,
                      .initial_accumulator_value = t->initial_accumulator_value,
                      .momentum_decay = tn_f64(t->momentum_decay),
                      .trust_coefficient = tn_f64(t->trust_coefficient),
                      .beta2_decay = tn_f64(t->beta2_decay),
                      .eps2 = tn_f64(t->eps2),
                      .d = tn_f64(t->d),
                      .ns_steps = (int)t->ns_steps,
                      .adjust_lr = (tn_muon_scale)t->adjust_lr,
                      .refresh = t->refresh,
                      .eta_minus = tn_f64(t->eta_minus),
                      .eta_plus = tn_f64(t->eta_plus),
                      .step_min = tn_f64(t->step_min),
                      .step_max = tn_f64(t->step_max),
                      .lambd = tn_f64(t->lambd),
                      .t0 = tn_f64(t->t0),
                      .kl_clip = tn_f64(t->kl_clip),
                      .centralize = t->centralize,
                      .sam = t->sam,
                      .lookahead = t->lookahead.steps,
                      .lookahead_alpha = tn_f64(t->lookahead.alpha),
                      .average = (tn_average)t->average.kind,
                      .average_decay = tn_f64(t->average.decay),
                      .average_start = t->average.start,
                      .average_every = t->average.every,
                      .scale_loss = t->scale_loss};
    if (given(t, "eps"))
        o.eps = tn_f64(t->eps);
    return o;
}

const tn_lbfgs_opt *train_lbfgs_of(const train_options *t, tn_lbfgs_opt *to)
{
    *to = (tn_lbfgs_opt){.max_iter = t->lbfgs.iterations,
                         .max_eval = t->lbfgs.looks,
                         .history_size = t->lbfgs.history,
                         .strong_wolfe = t->lbfgs.line_search,
                         .tolerance_grad = t->lbfgs.tolerance_grad,
                         .tolerance_change = t->lbfgs.tolerance_change};
    return t->optimizer == TRAIN_LBFGS ? to : NULL;
}

int train_plateau_metric(const train_options *t)
{
    const train_schedule *s = &t->schedule;
    while (s->kind != TN_SCHEDULE_PLATEAU && s->after)
        s = s->after;
    return s->metric;
}
