/* sgd_update: one step of stochastic gradient descent with momentum (Sutskever et al. 2013), as PyTorch's SGD:
 *   g = grad + weight_decay * param + l1 * sign(param)
 *   buffer' = g in the first step, else momentum * buffer + (1 - dampening) * g     (with momentum)
 *   param' = param - lr * (nesterov ? g + momentum * buffer' : buffer')             (buffer' is g without momentum)
 * `step` is the number of this update: 1 for the first. */
#include "op/internal.h"

#include <math.h>

enum { MOMENTUM, DAMPENING, WEIGHT_DECAY, NESTEROV, L1 };
enum { PARAM, GRAD, BUFFER, LR, STEP };

static tn_status sgd_update_infer(const op_infer *c)
{
    BASE_TRY(op_want_shape(c, GRAD, c->in[PARAM]));
    BASE_TRY(op_want_shape(c, BUFFER, c->in[PARAM]));
    if (c->in[LR]->rank != 0 || c->in[STEP]->rank != 0)
        return op_fail(c, TN_SHAPE, "lr and step must be single numbers");
    if (c->arg[MOMENTUM].f != 0 && !c->in[BUFFER])
        return op_fail(c, TN_INVALID, "momentum is %g, which needs a buffer", c->arg[MOMENTUM].f);
    if (c->arg[NESTEROV].i && (c->arg[MOMENTUM].f == 0 || c->arg[DAMPENING].f != 0))
        return op_fail(c, TN_INVALID, "Nesterov's method needs a momentum and no dampening");
    op_like(c, 0, c->in[PARAM]);
    return op_like(c, 1, c->in[PARAM]);
}

static tn_status sgd_update_lower(const op_lower *c)
{
    const op_value *arg = c->node->arg;
    tn_tensor *param = c->in[PARAM], *g = c->in[GRAD];
    double momentum = arg[MOMENTUM].f;
    if (arg[WEIGHT_DECAY].f != 0)
        g = tn_add(g, tn_mul_f(param, arg[WEIGHT_DECAY].f));
    if (arg[L1].f != 0)
        g = tn_add(g, tn_mul_f(tn_sign(param), arg[L1].f));
    tn_tensor *buffer = g, *way = g;
    if (momentum != 0) {
        tn_tensor *first = tn_eq(c->in[STEP], op_like_scalar(c->in[STEP], 1));
        buffer = tn_add(tn_mul_f(c->in[BUFFER], momentum), tn_mul_f(g, 1 - arg[DAMPENING].f));
        buffer = tn_where(first, g, buffer);
        way = arg[NESTEROV].i ? tn_add(g, tn_mul_f(buffer, momentum)) : buffer;
    }
    c->out[0] = tn_sub(param, tn_mul(way, op_cast_to(c->in[LR], param->type.dtype)));
    c->out[1] = buffer;
    return TN_OK;
}

static void sgd_update_ref(const op_ref *c)
{
    double momentum = c->arg[MOMENTUM].f, lr = c->in[LR]->f[0];
    for (int64_t i = 0; i < c->out[0]->count; i++) {
        double p = c->in[PARAM]->f[i], g = c->in[GRAD]->f[i] +
                                           (c->arg[WEIGHT_DECAY].f != 0 ? c->arg[WEIGHT_DECAY].f * p : 0) +
                                           c->arg[L1].f * ((p > 0) - (p < 0));
        double buffer = g;
        if (momentum != 0 && c->in[STEP]->i[0] != 1)
            buffer = momentum * c->in[BUFFER]->f[i] + (1 - c->arg[DAMPENING].f) * g;
        double way = c->arg[NESTEROV].i ? g + momentum * buffer : buffer;
        c->out[0]->f[i] = p - lr * way;
        c->out[1]->f[i] = buffer;
        c->out[1]->magnitude[i] = fabs(c->in[GRAD]->f[i]) + fabs(p) + (c->in[BUFFER] ? fabs(c->in[BUFFER]->f[i]) : 0);
        c->out[0]->magnitude[i] = fabs(p) + fabs(lr) * 2 * c->out[1]->magnitude[i];
    }
}

const op_def op_sgd_update = {
    .name = "sgd_update",
    .doc = "One step of stochastic gradient descent.",
    .in = {{"param", OP_FLOATS, 'T'},
           {"grad", OP_FLOATS, 'T'},
           {"buffer", OP_FLOATS, 'T', OP_OPTIONAL},
           {"lr", OP_BIT(TN_F32)},
           {"step", OP_BIT(TN_I64)}},
    .out = {{"new_param", 0, 'T'}, {"new_buffer", 0, 'T'}},
    .arg = {[MOMENTUM] = OP_ARG_FLOAT_IN("momentum", 0, 0, 1),
            [DAMPENING] = OP_ARG_FLOAT("dampening", 0),
            [WEIGHT_DECAY] = OP_ARG_FLOAT("weight_decay", 0),
            [NESTEROV] = OP_ARG_BOOL("nesterov", false),
            [L1] = OP_ARG_FLOAT("l1", 0)},
    .infer = sgd_update_infer,
    .lower = sgd_update_lower,
    .ref = sgd_update_ref,
    .flops_each = 6,
    .cases =
        (const char *const[]){
            "param=x[5] grad=x[5] lr=x[]:unit step=i[]:positive",
            "param=x[2x3] grad=x[2x3] buffer=x[2x3] lr=x[]:unit step=i[]:positive momentum=0.9",
            "param=x[2x3] grad=x[2x3] buffer=x[2x3] lr=x[]:unit step=i[]:positive momentum=0.9 nesterov=true "
            "weight_decay=0.01",
            "param=x[7] grad=x[7] buffer=x[7] lr=x[]:unit step=i[]:positive momentum=0.5 dampening=0.25 l1=0.1",
            "param=x[] grad=x[] lr=x[]:unit step=i[]:positive",
            "param=x[0x3] grad=x[0x3] lr=x[]:unit step=i[]:positive", NULL},
    .bad = (const op_bad[]){{"param=x[5] grad=x[4] lr=x[] step=i[]", "'grad' must have the shape of 'param'"},
                            {"param=x[5] grad=x[5] buffer=x[4] lr=x[] step=i[]",
                             "'buffer' must have the shape of 'param'"},
                            {"param=x[5] grad=x[5] lr=x[1] step=i[]", "single numbers"},
                            {"param=x[5] grad=x[5] lr=x[] step=i[] momentum=0.9", "needs a buffer"},
                            {"param=x[5] grad=x[5] lr=x[] step=i[] nesterov=true", "Nesterov"},
                            {"param=x[5] grad=x[5] buffer=x[5] lr=x[] step=i[] momentum=2", "momentum is 2"},
                            {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *op_sgd_update_of(const op_sgd *s, tn_tensor **new_buffer)
{
    tn_tensor *param =
        OP_MAKE(&op_sgd_update,
                OP_ARGS([MOMENTUM] = OP_F(s->momentum), [DAMPENING] = OP_F(s->dampening),
                        [WEIGHT_DECAY] = OP_F(s->weight_decay), [NESTEROV] = OP_I(s->nesterov), [L1] = OP_F(s->l1)),
                s->param, s->grad, s->buffer, s->lr, s->step);
    *new_buffer = op_sibling(param, 1);
    return param;
}
