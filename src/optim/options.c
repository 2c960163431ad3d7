/* options.c: the options of an optimizer: defaults filled in, ranges checked. */
#include <float.h>
#include <math.h>

#include "optim/rule.h"

/* NaN fails every comparison, so that it is refused with what is out of range. */
static bool at_least_0(double x)
{
    return x >= 0 && x <= DBL_MAX;
}

static bool part_of_1(double x)
{
    return x >= 0 && x < 1;
}

static bool up_to_1(double x)
{
    return x >= 0 && x <= 1;
}

static bool above_0(double x)
{
    return x > 0 && x <= DBL_MAX;
}

static bool inside_1(double x)
{
    return x > 0 && x < 1;
}

static bool above_1(double x)
{
    return x > 1 && x <= DBL_MAX;
}

static bool finite(double x)
{
    return isfinite(x);
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

typedef struct range {
    const char *name;
    double value;
    bool (*valid)(double);
    const char *must;
} range;

static const char AT_LEAST_0[] = "a number of at least 0", ABOVE_0[] = "a number above 0",
                  PART_OF_1[] = "at least 0 and below 1", UP_TO_1[] = "between 0 and 1";

/* `o` has its defaults. */
static tn_status check_ranges(tn_graph *g, const tn_optim_opt *o)
{
    const range ranges[] = {
        {"momentum", o->momentum, at_least_0, AT_LEAST_0},
        {"l1", o->l1, at_least_0, AT_LEAST_0},
        {"clip_norm", o->clip_norm, at_least_0, AT_LEAST_0},
        {"clip_value", o->clip_value, at_least_0, AT_LEAST_0},
        {"weight_decay", o->weight_decay.value, at_least_0, AT_LEAST_0},
        {"beta1", o->beta1.value, part_of_1, PART_OF_1},
        {"beta2", o->beta2.value, part_of_1, PART_OF_1},
        {"alpha", o->alpha.value, up_to_1, UP_TO_1},
        {"rho", o->rho.value, up_to_1, UP_TO_1},
        {"lr_decay", o->lr_decay, at_least_0, AT_LEAST_0},
        {"initial_accumulator_value", o->initial_accumulator_value, at_least_0, AT_LEAST_0},
        {"momentum_decay", o->momentum_decay.value, at_least_0, AT_LEAST_0},
        {"trust_coefficient", o->trust_coefficient.value, above_0, ABOVE_0},
        {"beta2_decay", o->beta2_decay.value, finite, "a number, usually below 0"},
        {"eps2", o->eps2.value, at_least_0, AT_LEAST_0},
        {"d", o->d.value, above_0, ABOVE_0},
        {"sam", o->sam, at_least_0, AT_LEAST_0},
        {"eta_minus", o->eta_minus.value, inside_1, "above 0 and below 1"},
        {"eta_plus", o->eta_plus.value, above_1, "a number above 1"},
        {"step_min", o->step_min.value, at_least_0, AT_LEAST_0},
        {"step_max", o->step_max.value, above_0, ABOVE_0},
        {"lambd", o->lambd.value, at_least_0, AT_LEAST_0},
        {"t0", o->t0.value, at_least_0, AT_LEAST_0},
        {"kl_clip", o->kl_clip.value, at_least_0, AT_LEAST_0},
        {"lookahead_alpha", o->lookahead_alpha.value, up_to_1, UP_TO_1},
        {"average_decay", o->average_decay.value, up_to_1, UP_TO_1},
        {"initial_scale", o->initial_scale, above_0, ABOVE_0},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!ranges[i].valid(ranges[i].value)) {
            graph_fail(g, TN_INVALID, "%s of the optimizer '%s' is %g; it must be %s", ranges[i].name,
                       tn_optimizer_name((int)o->kind), ranges[i].value, ranges[i].must);
            break;
        }
    return g->error.status;
}

static tn_status check_rest(tn_graph *g, const tn_optim_opt *o, const tn_optim_opt *given)
{
    const char *name = tn_optimizer_name((int)o->kind);
    if (!valid_or_unset(given->eps, at_least_0))
        graph_fail(g, TN_INVALID, "eps of the optimizer '%s' is %g; it must be %s", name, given->eps.value, AT_LEAST_0);
    else if (!(fabs(o->dampening) <= 1))
        graph_fail(g, TN_INVALID, "the dampening of an optimizer must lie between -1 and 1");
    else if (o->nesterov && o->kind != TN_MUON && (o->momentum == 0 || o->dampening != 0)) /* NOLINT */
        graph_fail(g, TN_INVALID, "Nesterov momentum needs a momentum above 0 and no dampening");
    else if (o->nesterov && o->kind != TN_SGD && o->kind != TN_MUON)
        graph_fail(g, TN_INVALID, "the optimizer '%s' has no Nesterov momentum; SGD has it, and NAdam is Adam with it",
                   name);
    else if (o->amsgrad && o->kind != TN_ADAM && o->kind != TN_ADAMW)
        graph_fail(g, TN_INVALID, "amsgrad belongs to Adam and AdamW; the optimizer is '%s'", name);
    else if (o->average < TN_AVERAGE_NONE || o->average > TN_AVERAGE_SWA)
        graph_fail(g, TN_INVALID, "there is no average number %d", (int)o->average);
    else if (o->adjust_lr < TN_MUON_ORIGINAL || o->adjust_lr > TN_MUON_PLAIN)
        graph_fail(g, TN_INVALID, "there is no adjust_lr number %d", (int)o->adjust_lr);
    else if (o->ns_steps < 1 || o->ns_steps > 99)
        graph_fail(g, TN_INVALID, "ns_steps of the optimizer '%s' is %d; it must be 1 to 99", name, o->ns_steps);
    else if (o->refresh < 1)
        graph_fail(g, TN_INVALID, "refresh of the optimizer '%s' is %lld; it must be 1 or more", name,
                   (long long)o->refresh);
    else if (o->lookahead < 0 || o->average_start < 1 || o->average_every < 1 || o->scale_growth < 1)
        graph_fail(g, TN_INVALID,
                   "lookahead, average_start, average_every and scale_growth of an optimizer must not be below 0");
    for (int i = 0; i < o->n_groups && g->error.status == TN_OK; i++)
        if (check_group(g, &o->groups[i]) == TN_OK && o->groups[i].rows && o->kind != TN_SGD && o->kind != TN_ADAGRAD &&
            o->kind != TN_ADAM && o->kind != TN_ADAMW)
            graph_fail(g, TN_INVALID,
                       "the parameter group '%s' updates used rows alone, which SGD, Adagrad and Adam can; the "
                       "optimizer is '%s'",
                       o->groups[i].pattern, name);
    return g->error.status;
}

static void set_usual(tn_opt_f64 *value, double usual)
{
    if (!value->set)
        *value = tn_f64(usual);
}

tn_status optim_options(tn_graph *g, const tn_optim_opt *given, tn_optim_opt *o)
{
    const optim_rule *rule = optim_rule_of((int)given->kind);
    *o = *given;
    if (!rule) {
        graph_fail(g, TN_INVALID, "there is no optimizer number %d", (int)given->kind);
        return g->error.status;
    }
    o->momentum = given->momentum == 0.0 ? rule->momentum : given->momentum;
    set_usual(&o->beta1, rule->beta1);
    set_usual(&o->beta2, rule->beta2);
    set_usual(&o->eps, rule->eps);
    set_usual(&o->weight_decay, rule->decay);
    set_usual(&o->alpha, o->kind == TN_ASGD ? 0.75 : 0.99);
    set_usual(&o->rho, 0.9);
    set_usual(&o->momentum_decay, 4e-3);
    set_usual(&o->trust_coefficient, 1e-3);
    set_usual(&o->beta2_decay, -0.8);
    set_usual(&o->eps2, 1e-3);
    set_usual(&o->d, 1);
    set_usual(&o->eta_minus, 0.5);
    set_usual(&o->eta_plus, 1.2);
    set_usual(&o->step_min, 1e-6);
    set_usual(&o->step_max, 50);
    set_usual(&o->lambd, 1e-4);
    set_usual(&o->t0, 1e6);
    set_usual(&o->kl_clip, 1e-3);
    set_usual(&o->lookahead_alpha, 0.5);
    set_usual(&o->average_decay, 0.999);
    o->ns_steps = o->ns_steps ? o->ns_steps : 5;
    o->refresh = o->refresh ? o->refresh : o->kind == TN_KFAC ? 10 : 1;
    o->average_start = o->average_start ? o->average_start : 1;
    o->average_every = o->average_every ? o->average_every : 1;
    o->initial_scale = o->initial_scale == 0.0 ? 65536 : o->initial_scale;
    o->scale_growth = o->scale_growth ? o->scale_growth : 2000;
    return check_ranges(g, o) == TN_OK ? check_rest(g, o, given) : g->error.status;
}
