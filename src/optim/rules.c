/* rules.c: update rules that go element by element, and the table of all. What each is after stands in tarn/optim.h; where
 * PyTorch has the class, operations and their order are its. */
#include "optim/rule.h"

#include <string.h>

#include "op/internal.h"

/* ---- arithmetic that rules share --------------------------------------------------------------------------------- */

tn_tensor *optim_times(tn_tensor *x, tn_tensor *number)
{
    return tn_mul(x, tn_cast(number, tn_tensor_dtype(x)));
}

tn_tensor *optim_over(tn_tensor *x, tn_tensor *number)
{
    return optim_times(x, tn_reciprocal(number)); /* one division for all elements */
}

tn_tensor *optim_towards(tn_tensor *old, tn_tensor *new_value, double rate)
{
    return op_approach_of(old, new_value, rate);
}

tn_tensor *optim_squares(tn_tensor *old, tn_tensor *g, double keep)
{
    return op_mix_square_of(old, g, keep);
}

tn_tensor *optim_over_root(optim_step *s, tn_tensor *x, tn_tensor *squares, tn_tensor *correction)
{
    tn_tensor *one = tn_scalar(s->m->g, s->dtype, 1);
    return op_over_root_of(x, squares, correction ? tn_cast(tn_rsqrt(correction), s->dtype) : one, s->o->eps.value);
}

/* beta^(t + later) in f64. */
static tn_tensor *power(optim_step *s, double beta, double later)
{
    tn_tensor *t = later > 0 ? tn_add_f(s->t, later) : s->t;
    return tn_pow(tn_scalar(s->m->g, TN_F64, beta), t);
}

/* number - x */
static tn_tensor *less(double number, tn_tensor *x)
{
    return tn_add_f(tn_neg(x), number);
}

tn_tensor *optim_correction(optim_step *s, double beta)
{
    return less(1, power(s, beta, 0));
}

tn_tensor *optim_norm(tn_tensor *x)
{
    return tn_sqrt(tn_cast(tn_sum_square(x), TN_F64));
}

void optim_decay(optim_step *s, bool decoupled)
{
    if (s->l1 > 0)
        s->g = tn_add(s->g, tn_mul_f(tn_sign(s->w), s->l1));
    if (s->decay > 0 && decoupled)
        s->w = optim_times(s->w, tn_add_f(tn_mul_f(s->lr, -s->decay), 1));
    else if (s->decay > 0)
        s->g = tn_add(s->g, tn_mul_f(s->w, s->decay));
}

/* ---- the rules --------------------------------------------------------------------------------------------------- */

/* Gradients of picked rows one behind the other, [n, features], and which rows these are, out of the sum of gradients of embeddings that
 * x is; false if it is none. Embeddings of the same table must agree about padding. */
static bool picked_rows(tn_tensor *x, tn_tensor **dy, tn_tensor **index, int64_t *padding)
{
    if (graph_poisoned(x))
        return false;
    const char *name = x->node->def->name;
    if (strcmp(name, "add") == 0)
        return picked_rows(x->node->in[0], dy, index, padding) && picked_rows(x->node->in[1], dy, index, padding);
    if (strcmp(name, "embedding_grad") != 0 || (*dy && *padding != x->node->arg[1].i))
        return false;
    tn_tensor *d = tn_reshape(x->node->in[0], TN_SHAPE(TN_INFER, tn_dim_of(x, 1)));
    tn_tensor *i = tn_cast(tn_reshape(x->node->in[1], TN_SHAPE(TN_INFER)), TN_I64);
    *dy = *dy ? tn_concat(2, (tn_tensor *[]){*dy, d}, 0) : d;
    *index = *index ? tn_concat(2, (tn_tensor *[]){*index, i}, 0) : i;
    *padding = x->node->arg[1].i;
    return true;
}

static bool wants_rows(const optim_step *s)
{
    return s->p->group && s->p->group->rows;
}

/* Those gradients, where the parameter can be updated by rows; else the graph fails. */
static bool rows_of(const optim_step *s, tn_tensor **dy, tn_tensor **index, int64_t *padding)
{
    const bool all = s->o->amsgrad || s->decay > 0 || s->l1 > 0 || (s->o->kind == TN_SGD && s->o->momentum > 0);
    if (!all && picked_rows(s->g, dy, index, padding))
        return true;
    graph_fail(s->m->g, TN_INVALID,
               "the parameter group '%s' updates used rows alone, and '%s' cannot be updated so: it must be read by "
               "embeddings and by nothing else, with the same padding, and without clipping, weight decay, L1, "
               "amsgrad, SGD's momentum and gradients summed over batches",
               s->p->group->pattern, s->p->name);
    return false;
}

static tn_tensor *sgd_rows(const optim_step *s)
{
    tn_tensor *dy = NULL, *index = NULL;
    int64_t padding = -1;
    if (!rows_of(s, &dy, &index, &padding))
        return s->w;
    return op_sgd_rows_update_of(s->w, dy, index, padding, tn_cast(s->lr, TN_F32));
}

static tn_tensor *adagrad_rows(optim_step *s, tn_tensor *sum, tn_tensor *rate)
{
    op_adagrad_rows o = {.param = s->w, .sum = sum, .lr = tn_cast(rate, TN_F32), .padding_index = -1};
    o.eps = s->o->eps.value;
    if (!rows_of(s, &o.grad, &o.index, &o.padding_index))
        return s->w;
    tn_tensor *next = NULL, *w = op_adagrad_rows_update_of(&o, &next);
    optim_keep(s, sum, next);
    return w;
}

static tn_tensor *adam_rows(const optim_step *s, op_adam *o, tn_tensor **next_m, tn_tensor **next_v)
{
    tn_tensor *index = NULL;
    int64_t padding = -1;
    o->grad = NULL;
    return rows_of(s, &o->grad, &index, &padding) ? op_adam_rows_update_of(o, index, padding, next_m, next_v) : NULL;
}

static tn_tensor *sgd(optim_step *s)
{
    if (wants_rows(s))
        return sgd_rows(s);
    tn_tensor *buffer = s->o->momentum > 0 ? optim_slot(s, "momentum", 0) : NULL, *next = NULL;
    op_sgd o = {.param = s->w,
                .grad = s->g,
                .buffer = buffer,
                .lr = tn_cast(s->lr, TN_F32),
                .step = s->m->new_step,
                .momentum = s->o->momentum,
                .dampening = s->o->dampening,
                .weight_decay = s->decay,
                .l1 = s->l1,
                .nesterov = s->o->nesterov};
    tn_tensor *w = op_sgd_update_of(&o, &next);
    if (buffer)
        optim_keep(s, buffer, next);
    return w;
}

/* A gradient that is another one times a number (clipping) or over one (several batches), taken apart: the sweep of the update can
 * multiply, and the product need not be made. The number is given as a factor; NULL: x is nothing of the kind. */
static tn_tensor *factor_of(tn_tensor **x)
{
    const graph_node *node = (*x)->node;
    if (!node) /* a failed value */
        return NULL;
    bool times = strcmp(node->def->name, "mul") == 0, over = strcmp(node->def->name, "div") == 0;
    tn_tensor *number = times || over ? node->in[1] : NULL;
    if (!number || tn_tensor_rank(number) != 0 || tn_tensor_dtype(number) != TN_F32 || tn_tensor_rank(node->in[0]) == 0)
        return NULL;
    *x = node->in[0];
    return times ? number : tn_div(tn_scalar(number->graph, TN_F32, 1), number);
}

/* Without amsgrad by the operators that have kernels. */
static tn_tensor *adam(optim_step *s)
{
    const bool decoupled = s->o->kind == TN_ADAMW || s->o->decoupled, rows = wants_rows(s);
    if (s->o->amsgrad && !rows) {
        optim_decay(s, decoupled);
        return optim_adam(s);
    }
    tn_tensor *m = optim_slot(s, "m", 0), *v = optim_slot(s, "v", 0), *next_m = NULL, *next_v = NULL;
    op_adam o = {.param = s->w,
                 .grad = s->g,
                 .m = m,
                 .v = v,
                 .step = s->m->new_step,
                 .lr = tn_cast(s->lr, TN_F32),
                 .beta1 = s->o->beta1.value,
                 .beta2 = s->o->beta2.value,
                 .eps = s->o->eps.value,
                 .weight_decay = s->decay,
                 .l1 = s->l1,
                 .decoupled = decoupled};
    if (!rows)
        o.scale = factor_of(&o.grad);
    tn_tensor *w = rows ? adam_rows(s, &o, &next_m, &next_v) : op_adam_update_of(&o, &next_m, &next_v);
    if (!w)
        return s->w;
    optim_keep(s, m, next_m);
    optim_keep(s, v, next_v);
    return w;
}

tn_tensor *optim_adam(optim_step *s)
{
    tn_tensor *m = optim_slot(s, "m", 0), *v = optim_slot(s, "v", 0);
    m = optim_keep(s, m, optim_towards(m, s->g, 1 - s->o->beta1.value));
    v = optim_keep(s, v, optim_squares(v, s->g, s->o->beta2.value));
    if (s->o->amsgrad) {
        tn_tensor *most = optim_slot(s, "v_max", 0);
        v = optim_keep(s, most, tn_maximum(most, v));
    }
    tn_tensor *size = tn_div(s->lr, optim_correction(s, s->o->beta1.value));
    tn_tensor *way = optim_over_root(s, m, v, optim_correction(s, s->o->beta2.value));
    return tn_sub(s->w, optim_times(way, size));
}

tn_tensor *optim_adagrad(optim_step *s)
{
    tn_tensor *sum = optim_slot(s, "sum", s->o->initial_accumulator_value);
    tn_tensor *rate = tn_div(s->lr, tn_add_f(tn_mul_f(tn_sub_f(s->t, 1), s->o->lr_decay), 1));
    if (wants_rows(s))
        return adagrad_rows(s, sum, rate);
    sum = optim_keep(s, sum, tn_add(sum, tn_square(s->g)));
    return tn_sub(s->w, optim_times(optim_over_root(s, s->g, sum, NULL), rate));
}

static tn_tensor *adadelta(optim_step *s)
{
    tn_tensor *squares = optim_slot(s, "square_avg", 0), *moves = optim_slot(s, "acc_delta", 0);
    double rho = s->o->rho.value, eps = s->o->eps.value;
    squares = optim_keep(s, squares, optim_squares(squares, s->g, rho));
    tn_tensor *one = tn_scalar(s->m->g, s->dtype, 1);
    tn_tensor *move = op_over_root_of(tn_mul(tn_sqrt(tn_add_f(moves, eps)), s->g), tn_add_f(squares, eps), one, 0);
    optim_keep(s, moves, optim_squares(moves, move, rho));
    return tn_sub(s->w, optim_times(move, s->lr));
}

static tn_tensor *rmsprop(optim_step *s)
{
    tn_tensor *squares = optim_slot(s, "square_avg", 0), *spread;
    double alpha = s->o->alpha.value;
    spread = squares = optim_keep(s, squares, optim_squares(squares, s->g, alpha));
    if (s->o->centered) {
        tn_tensor *mean = optim_slot(s, "grad_avg", 0);
        mean = optim_keep(s, mean, optim_towards(mean, s->g, 1 - alpha));
        spread = tn_sub(squares, tn_square(mean));
    }
    tn_tensor *move = optim_over_root(s, s->g, spread, NULL);
    if (s->o->momentum > 0) {
        tn_tensor *buffer = optim_slot(s, "momentum", 0);
        move = optim_keep(s, buffer, tn_add(tn_mul_f(buffer, s->o->momentum), move));
    }
    return tn_sub(s->w, optim_times(move, s->lr));
}

static tn_tensor *adamax(optim_step *s)
{
    tn_tensor *m = optim_slot(s, "m", 0), *most = optim_slot(s, "u", 0);
    m = optim_keep(s, m, optim_towards(m, s->g, 1 - s->o->beta1.value));
    most = optim_keep(s, most, tn_maximum(tn_mul_f(most, s->o->beta2.value), tn_add_f(tn_abs(s->g), s->o->eps.value)));
    return tn_sub(s->w, optim_times(tn_div(m, most), tn_div(s->lr, optim_correction(s, s->o->beta1.value))));
}

static tn_tensor *nadam(optim_step *s)
{
    double beta1 = s->o->beta1.value, beta2 = s->o->beta2.value, psi = s->o->momentum_decay.value;
    tn_tensor *m = optim_slot(s, "m", 0), *v = optim_slot(s, "v", 0);
    tn_tensor *product = optim_common(s->m, "mu_product", TN_F64, 1), *mu[2];
    for (int later = 0; later < 2; later++) {
        tn_tensor *exponent = tn_mul_f(later ? tn_add_f(s->t, 1) : s->t, psi);
        mu[later] = tn_mul_f(less(1, tn_mul_f(tn_pow(tn_scalar(s->m->g, TN_F64, 0.96), exponent), 0.5)), beta1);
    }
    tn_tensor *now = tn_mul(product, mu[0]), *next = tn_mul(now, mu[1]);
    if (s->p->param == s->m->params.at[0].param) /* once */
        optim_keep(s, product, now);
    m = optim_keep(s, m, optim_towards(m, s->g, 1 - beta1));
    v = optim_keep(s, v, optim_squares(v, s->g, beta2));
    tn_tensor *way = optim_times(s->g, tn_div(tn_mul(s->lr, less(1, mu[0])), less(1, now)));
    way = tn_add(way, optim_times(m, tn_div(tn_mul(s->lr, mu[1]), less(1, next))));
    return tn_sub(s->w, optim_over_root(s, way, v, optim_correction(s, beta2)));
}

static tn_tensor *radam(optim_step *s)
{
    double beta1 = s->o->beta1.value, beta2 = s->o->beta2.value, longest = 2 / (1 - beta2) - 1;
    tn_tensor *m = optim_slot(s, "m", 0), *v = optim_slot(s, "v", 0);
    m = optim_keep(s, m, optim_towards(m, s->g, 1 - beta1));
    v = optim_keep(s, v, optim_squares(v, s->g, beta2));
    tn_tensor *bias2 = optim_correction(s, beta2);
    tn_tensor *length = less(longest, tn_div(tn_mul(tn_mul_f(s->t, 2), power(s, beta2, 0)), bias2));
    tn_tensor *long_enough = tn_gt(length, tn_scalar(s->m->g, TN_F64, 5));
    tn_tensor *rect = tn_div(tn_mul_f(tn_mul(tn_sub_f(length, 4), tn_sub_f(length, 2)), longest),
                             tn_mul_f(length, (longest - 4) * (longest - 2)));
    /* a root of what is below 0 is never looked at, but is not to be a NaN that a trace of errors would name */
    rect = tn_where(long_enough, rect, tn_scalar(s->m->g, TN_F64, 0));
    tn_tensor *mean = optim_over(m, optim_correction(s, beta1));
    tn_tensor *adaptive = optim_over_root(s, tn_cast(tn_sqrt(tn_mul(bias2, rect)), s->dtype), v, NULL);
    tn_tensor *scale = tn_where(long_enough, adaptive, tn_scalar(s->m->g, s->dtype, 1));
    return tn_sub(s->w, tn_mul(optim_times(mean, s->lr), scale));
}

static tn_tensor *lion(optim_step *s)
{
    tn_tensor *m = optim_slot(s, "m", 0);
    tn_tensor *way = tn_sign(optim_towards(m, s->g, 1 - s->o->beta1.value));
    optim_keep(s, m, optim_towards(m, s->g, 1 - s->o->beta2.value));
    return tn_sub(s->w, optim_times(way, s->lr));
}

/* The sign of the gradient alone; how far depends on whether it stays the same. The first step is as long as the rate says. */
static tn_tensor *rprop(optim_step *s)
{
    const tn_optim_opt *o = s->o;
    tn_tensor *before = optim_slot(s, "prev", 0), *size = optim_slot(s, "step_size", 0);
    tn_tensor *zero = tn_scalar(s->m->g, s->dtype, 0), *one = tn_scalar(s->m->g, s->dtype, 1);
    tn_tensor *first = tn_eq(s->m->new_step, tn_scalar(s->m->g, TN_I64, 1)), *same = tn_mul(s->g, before);
    tn_tensor *turned = tn_lt(same, zero);
    tn_tensor *factor = tn_where(turned, tn_scalar(s->m->g, s->dtype, o->eta_minus.value),
                                 tn_where(tn_gt(same, zero), tn_scalar(s->m->g, s->dtype, o->eta_plus.value), one));
    size = tn_mul(tn_where(first, tn_cast(s->lr, s->dtype), size), factor);
    size = optim_keep(s, optim_slot(s, "step_size", 0), tn_clamp(size, o->step_min.value, o->step_max.value));
    tn_tensor *g = optim_keep(s, before, tn_where(turned, zero, s->g));
    return tn_sub(s->w, tn_mul(tn_sign(g), size));
}

/* Steps that get shorter, and after t0 of them the mean of the weights, which the entry "swap_average" puts in their place. */
static tn_tensor *asgd(optim_step *s)
{
    tn_tensor *slot = optim_slot(s, "ax", 0), *one = tn_scalar(s->m->g, TN_F64, 1), *past = tn_sub_f(s->t, 1);
    tn_tensor *shorter = tn_add_f(tn_mul(past, tn_mul_f(s->lr, s->o->lambd.value)), 1);
    tn_tensor *eta = tn_div(s->lr, tn_pow(shorter, tn_scalar(s->m->g, TN_F64, s->o->alpha.value)));
    tn_tensor *w = optim_times(s->w, less(1, tn_mul_f(eta, s->o->lambd.value)));
    w = tn_sub(w, optim_times(s->g, eta));
    tn_tensor *count = tn_maximum(tn_sub_f(past, s->o->t0.value), one);
    tn_tensor *mean = tn_add(slot, optim_over(tn_sub(w, slot), count));
    optim_keep(s, slot, tn_where(tn_le(count, one), w, mean));
    return w;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define ADAM_NUMBERS .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8
const optim_rule optim_rules[] = {
    [TN_SGD] = {"sgd", sgd, .decay_by = OPTIM_BY_RULE, .lr = 1e-2, ADAM_NUMBERS},
    [TN_ADAM] = {"adam", adam, .decay_by = OPTIM_BY_RULE, .lr = 1e-3, ADAM_NUMBERS},
    [TN_ADAMW] = {"adamw", adam, .decay_by = OPTIM_BY_RULE, .lr = 1e-3, .decay = 0.01, ADAM_NUMBERS},
    [TN_ADAGRAD] = {"adagrad", optim_adagrad, .lr = 1e-2, .eps = 1e-10},
    [TN_ADADELTA] = {"adadelta", adadelta, .lr = 1, .eps = 1e-6},
    [TN_RMSPROP] = {"rmsprop", rmsprop, .lr = 1e-2, .eps = 1e-8},
    [TN_ADAMAX] = {"adamax", adamax, .lr = 2e-3, ADAM_NUMBERS},
    [TN_NADAM] = {"nadam", nadam, .lr = 2e-3, ADAM_NUMBERS},
    [TN_RADAM] = {"radam", radam, .lr = 1e-3, ADAM_NUMBERS},
    [TN_LAMB] = {"lamb", optim_lamb, .decay_by = OPTIM_BY_RULE, .lr = 1e-3, .decay = 0.01, .beta1 = 0.9, .beta2 = 0.999,
                 .eps = 1e-6},
    [TN_LARS] = {"lars", optim_lars, .decay_by = OPTIM_BY_RULE, .lr = 1, .momentum = 0.9},
    [TN_LION] = {"lion", lion, .decay_by = OPTIM_ON_WEIGHTS, .lr = 1e-4, .beta1 = 0.9, .beta2 = 0.99},
    [TN_ADAFACTOR] = {"adafactor", optim_adafactor, .decay_by = OPTIM_BY_RULE, .lr = 1e-2, .eps = -1},
    [TN_MUON] = {"muon", optim_muon, .decay_by = OPTIM_ON_WEIGHTS, .lr = 1e-3, .decay = 0.1, .momentum = 0.95,
                 .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-7},
    [TN_SHAMPOO] = {"shampoo", optim_shampoo, .lr = 1e-1, .eps = 1e-4},
    [TN_KFAC] = {"kfac", optim_kfac, .decay_by = OPTIM_ON_WEIGHTS, .lr = 1e-2, .momentum = 0.9, .beta2 = 0.95,
                 .eps = 1e-3},
    [TN_RPROP] = {"rprop", rprop, .lr = 1e-2},
    [TN_ASGD] = {"asgd", asgd, .lr = 1e-2},
};

const optim_rule *optim_rule_of(int kind)
{
    return kind >= 0 && kind < (int)(sizeof optim_rules / sizeof *optim_rules) ? &optim_rules[kind] : NULL;
}

const char *tn_optimizer_name(int kind)
{
    const optim_rule *rule = optim_rule_of(kind);
    return rule ? rule->name : NULL;
}

double tn_optimizer_lr(tn_optimizer kind)
{
    const optim_rule *rule = optim_rule_of((int)kind);
    return rule ? rule->lr : 0;
}
