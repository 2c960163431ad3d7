/* recurrent_grad: what the gradient of recurrent needs step by step: dx for the gates, dh and (lstm) dc for the state before the
 * first step, from what arrives at its outputs, the kept ones included. The rest (weights, biases) are products over all steps.
 *   lstm   do = dh tanh(c), dc += dh o (1 - tanh(c)^2), di = dc g, dg = dc i, df = dc c', then dc f goes on
 *   gru    dn = dh (1 - z), dz = dh (h' - n), dr = dn (1 - n^2) u, du of n is dn (1 - n^2) r, and dh z goes on
 * each through its own function, and du w (du w r) goes on to the state before. What peepholes saw goes on to the cells. */
#include "op/scheme/norm.h"
#include "op/scheme/recurrent.h"

#include <math.h>
#include <stdlib.h>

enum { H, C, Y, GATES, CELLS, W, LENGTHS, DY, DH, DC, DGATES, DCELLS, R, PEEP };
enum { OUT_X, OUT_H, OUT_C };

static tn_status want3(const op_infer *c, int i, tn_dim steps, tn_dim batch, tn_dim width)
{
    const graph_type *x = c->in[i];
    if (!x)
        return TN_OK;
    if (x->rank != 3)
        return op_fail(c, TN_SHAPE, "'%s' has %d axes; it needs three", c->def->in[i].name, x->rank);
    BASE_TRY(op_want_same(c, x->dims[0], steps, "the steps"));
    BASE_TRY(op_want_same(c, x->dims[1], batch, "the batch"));
    return op_want_same(c, x->dims[2], width, "the features");
}

static tn_status recurrent_grad_infer(const op_infer *c)
{
    int64_t kind = op_int(c, OP_REC_KIND);
    bool lstm = kind == OP_REC_LSTM;
    tn_dim batch = 0, width = 0, steps = c->in[Y]->rank ? c->in[Y]->dims[0] : 0;
    BASE_TRY(op_rec_check(c, c->in[H], c->in[C], c->in[W], c->in[LENGTHS], c->in[R], c->in[PEEP], &batch, &width));
    if ((c->in[GATES] != NULL) != (lstm || kind == OP_REC_GRU) || (c->in[CELLS] != NULL) != lstm)
        return op_fail(c, TN_INVALID, "gates are for lstm and gru, cells for lstm");
    BASE_TRY(want3(c, Y, steps, batch, width));
    BASE_TRY(want3(c, DY, steps, batch, width));
    BASE_TRY(want3(c, CELLS, steps, batch, width));
    BASE_TRY(want3(c, DCELLS, steps, batch, width));
    BASE_TRY(want3(c, GATES, steps, batch, dim_mul(c->dims, 4, width)));
    BASE_TRY(want3(c, DGATES, steps, batch, dim_mul(c->dims, 4, width)));
    for (int i = DH; i <= DC; i++)
        if (c->in[i] && !graph_same_dims(c->dims, c->in[i], c->in[H], "recurrent_grad"))
            return op_fail(c, TN_SHAPE, "'%s' must have the shape of h", c->def->in[i].name);
    op_like(c, OUT_X, c->in[Y]);
    c->out[OUT_X].dims[2] = c->in[W]->dims[0];
    op_like(c, OUT_H, c->in[H]);
    op_like(c, OUT_C, c->in[H]);
    *c->n_out = lstm ? 3 : 2;
    return TN_OK;
}

/* ---- lowered: every step by itself ------------------------------------------------------------------------------------ */

typedef struct unrolled {
    int64_t kind;
    tn_tensor *in[PEEP + 1], *before, *cell_before; /* states before each step */
    tn_tensor *dh, *dc;
    int64_t width;
} unrolled;

static tn_tensor *step_of(tn_tensor *x, int64_t t)
{
    return tn_squeeze(tn_slice(x, 0, t, t + 1), 0);
}

/* Gate k of 4 at a step, and what arrives at it, added to d. */
static tn_tensor *gate(const unrolled *u, int from, int64_t t, int64_t k)
{
    return tn_slice(step_of(u->in[from], t), -1, k * u->width, (k + 1) * u->width);
}

static tn_tensor *with_gate(const unrolled *u, tn_tensor *d, int64_t t, int64_t k)
{
    return u->in[DGATES] ? tn_add(d, gate(u, DGATES, t, k)) : d;
}

/* x (1 - y^2), x y (1 - y) */
static tn_tensor *through_tanh(tn_tensor *x, tn_tensor *y)
{
    return tn_mul(x, tn_sub(op_like_scalar(y, 1), tn_square(y)));
}

static tn_tensor *through_sigmoid(tn_tensor *x, tn_tensor *y)
{
    return tn_mul(x, tn_mul(y, tn_sub(op_like_scalar(y, 1), y)));
}

/* dc with what a gate that sees the cell by row k of the peepholes passes on. */
static tn_tensor *seen(const unrolled *u, tn_tensor *dc, tn_tensor *d, int64_t k)
{
    return u->in[PEEP] ? tn_add(dc, tn_mul(d, tn_slice(u->in[PEEP], 0, k, k + 1))) : dc;
}

/* dx of a step; *du: what arrives at u; *on: what of dh goes on past the gates (NULL: nothing). u->dc becomes that before. */
static tn_tensor *lower_step(unrolled *u, int64_t t, tn_tensor *d, tn_tensor **du, tn_tensor **on)
{
    tn_tensor *y = step_of(u->in[Y], t), *dx;
    *on = NULL;
    if (u->kind == OP_REC_TANH || u->kind == OP_REC_RELU) {
        dx = u->kind == OP_REC_TANH ? through_tanh(d, y)
                                    : tn_mul(d, tn_cast(tn_gt(y, op_like_scalar(y, 0)), tn_tensor_dtype(y)));
        return *du = dx;
    }
    tn_tensor *a = gate(u, GATES, t, 0), *b = gate(u, GATES, t, 1), *g = gate(u, GATES, t, 2),
              *o = gate(u, GATES, t, 3);
    if (u->kind == OP_REC_GRU) {
        tn_tensor *dn = through_tanh(with_gate(u, tn_mul(d, tn_sub(op_like_scalar(b, 1), b)), t, 2), g);
        tn_tensor *dz = through_sigmoid(with_gate(u, tn_mul(d, tn_sub(step_of(u->before, t), g)), t, 1), b);
        tn_tensor *dr = through_sigmoid(with_gate(u, tn_mul(dn, o), t, 0), a);
        *du = tn_concat(3, (tn_tensor *const[]){dr, dz, with_gate(u, tn_mul(dn, a), t, 3)}, -1);
        *on = tn_mul(d, b);
        return tn_concat(3, (tn_tensor *const[]){dr, dz, dn}, -1);
    }
    tn_tensor *c = tn_tanh(step_of(u->in[CELLS], t)), *dc = tn_add(u->dc, through_tanh(tn_mul(d, o), c));
    tn_tensor *dout = through_sigmoid(with_gate(u, tn_mul(d, c), t, 3), o);
    dc = seen(u, dc, dout, 2);
    tn_tensor *parts[] = {through_sigmoid(with_gate(u, tn_mul(dc, g), t, 0), a),
                          through_sigmoid(with_gate(u, tn_mul(dc, step_of(u->cell_before, t)), t, 1), b),
                          through_tanh(with_gate(u, tn_mul(dc, a), t, 2), g), dout};
    u->dc = seen(u, seen(u, tn_mul(dc, b), parts[0], 0), parts[1], 1);
    return *du = tn_concat(4, parts, -1);
}

static tn_tensor *lower_masked_step(unrolled *u, int64_t t)
{
    tn_tensor *on = NULL, *du, *rest, *dh = u->dh, *lengths = u->in[LENGTHS];
    tn_tensor *d = u->in[DY] ? tn_add(dh, step_of(u->in[DY], t)) : dh;
    if (u->dc && u->in[DCELLS])
        u->dc = tn_add(u->dc, step_of(u->in[DCELLS], t));
    tn_tensor *dc = u->dc, *dx = lower_step(u, t, d, &du, &rest);
    if (lengths) {
        on = tn_unsqueeze(tn_gt(lengths, op_like_scalar(lengths, (double)t)), 1);
        du = tn_where(on, du, op_like_scalar(du, 0));
        dx = tn_where(on, dx, op_like_scalar(dx, 0));
    }
    u->dh = tn_matmul(du, u->in[W]);
    u->dh = u->in[R] ? tn_matmul(u->dh, u->in[R]) : u->dh;
    u->dh = rest ? tn_add(u->dh, rest) : u->dh;
    if (on) {
        u->dh = tn_where(on, u->dh, dh);
        u->dc = u->dc ? tn_where(on, u->dc, dc) : NULL;
    }
    return dx;
}

static tn_status recurrent_grad_lower(const op_lower *c)
{
    enum { MOST = 4096 };
    tn_dim steps = tn_dim_of(c->in[Y], 0), width = tn_dim_of(c->in[H], 1);
    tn_dtype own = tn_tensor_dtype(c->in[H]), dtype = op_norm_dtype(own);
    bool reverse = c->node->arg[OP_REC_REVERSE].i != 0;
    if (!dim_literal(steps) || !dim_literal(width) || steps < 1 || steps > MOST)
        return graph_fail(c->graph, TN_UNSUPPORTED,
                          "recurrent_grad (node '%s') has a gradient of its own for 1 to %d steps only, and the number "
                          "must be known",
                          c->node->name, MOST),
               TN_UNSUPPORTED;
    unrolled u = {.kind = c->node->arg[OP_REC_KIND].i, .width = width};
    for (int i = 0; i < c->node->n_in && i <= PEEP; i++)
        u.in[i] = c->in[i] && i != LENGTHS ? op_cast_to(c->in[i], dtype) : c->in[i];
    u.before = u.kind == OP_REC_GRU ? op_rec_before(u.in[H], u.in[Y], u.in[LENGTHS], reverse) : NULL;
    u.cell_before = u.in[C] ? op_rec_before(u.in[C], u.in[CELLS], NULL, reverse) : NULL;
    u.dh = u.in[DH] ? u.in[DH] : op_full_like(u.in[H], TN_NONE, 0);
    if (u.in[C])
        u.dc = u.in[DC] ? u.in[DC] : op_full_like(u.in[H], TN_NONE, 0);
    tn_tensor **dx = BASE_ARRAY(c->graph->arena, tn_tensor *, steps);
    if (!dx)
        return TN_MEMORY;
    for (int64_t s = steps - 1; s >= 0; s--) {
        int64_t t = reverse ? steps - 1 - s : s;
        dx[t] = lower_masked_step(&u, t);
    }
    c->out[OUT_X] = op_cast_to(tn_stack((int)steps, dx, 0), own);
    c->out[OUT_H] = op_cast_to(u.dh, own);
    if (u.in[C])
        c->out[OUT_C] = op_cast_to(u.dc, own);
    return TN_OK;
}

/* ---- reference ------------------------------------------------------------------------------------------------------- */

static double or_zero(const op_array *x, int64_t at)
{
    return x ? x->f[at] : 0;
}

/* One row at one step: dx, and du in `du`; dh and dc (which may be NULL) are what arrives and become what goes on past the gates. */
static void reference_row(const op_ref *c, int64_t t, int64_t b, double *du, double *dh, double *dc)
{
    int64_t kind = c->arg[OP_REC_KIND].i, batch = c->in[H]->dims[0], n = c->in[H]->dims[1], steps = c->in[Y]->dims[0];
    int64_t at = (t * batch + b) * n, gates = op_rec_gates(kind);
    bool reverse = c->arg[OP_REC_REVERSE].i != 0;
    int64_t first = reverse ? op_rec_length(c->in[LENGTHS], b, steps) - 1 : 0, back = (reverse ? batch : -batch) * n;
    double *dx = c->out[OUT_X]->f + (t * batch + b) * gates * n;
    const double *a = c->in[GATES] ? c->in[GATES]->f + 4 * at : NULL;
    for (int64_t j = 0; j < n; j++) {
        double d = dh[j] + or_zero(c->in[DY], at + j), y = c->in[Y]->f[at + j], e[4] = {0};
        for (int k = 0; k < 4 && c->in[DGATES]; k++)
            e[k] = c->in[DGATES]->f[4 * at + k * n + j];
        dh[j] = 0;
        if (kind == OP_REC_TANH || kind == OP_REC_RELU) {
            du[j] = dx[j] = kind == OP_REC_TANH ? d * (1 - y * y) : y > 0 ? d : 0;
        } else if (kind == OP_REC_GRU) {
            double r = a[j], z = a[n + j], g = a[2 * n + j], u = a[3 * n + j];
            double h = t == first ? c->in[H]->f[b * n + j] : c->in[Y]->f[at + back + j];
            double dn = (d * (1 - z) + e[2]) * (1 - g * g);
            du[j] = dx[j] = (dn * u + e[0]) * r * (1 - r);
            du[n + j] = dx[n + j] = (d * (h - g) + e[1]) * z * (1 - z);
            dx[2 * n + j] = dn;
            du[2 * n + j] = dn * r + e[3];
            dh[j] = d * z;
        } else {
            double i = a[j], f = a[n + j], g = a[2 * n + j], o = a[3 * n + j], v = tanh(c->in[CELLS]->f[at + j]);
            double before = t == (reverse ? steps - 1 : 0) ? c->in[C]->f[b * n + j] : c->in[CELLS]->f[at + back + j];
            const double *p = c->in[PEEP] ? c->in[PEEP]->f + j : NULL;
            double dout = (d * v + e[3]) * o * (1 - o), s = dc[j] + d * o * (1 - v * v) + (p ? dout * p[2 * n] : 0);
            du[j] = dx[j] = (s * g + e[0]) * i * (1 - i);
            du[n + j] = dx[n + j] = (s * before + e[1]) * f * (1 - f);
            du[2 * n + j] = dx[2 * n + j] = (s * i + e[2]) * (1 - g * g);
            du[3 * n + j] = dx[3 * n + j] = dout;
            dc[j] = s * f + (p ? du[j] * p[0] + du[n + j] * p[n] : 0);
        }
    }
}

/* dh += du w, or du w r. */
static void go_on(const op_ref *c, const double *du, double *dh, double *room)
{
    const op_array *w = c->in[W], *r = c->in[R];
    double *to = r ? room : dh;
    for (int64_t i = 0; r && i < w->dims[1]; i++)
        room[i] = 0;
    for (int64_t k = 0; k < w->dims[0]; k++)
        for (int64_t i = 0; i < w->dims[1]; i++)
            to[i] += du[k] * w->f[k * w->dims[1] + i];
    for (int64_t i = 0; r && i < r->dims[0]; i++)
        for (int64_t j = 0; j < r->dims[1]; j++)
            dh[j] += room[i] * r->f[i * r->dims[1] + j];
}

static void recurrent_grad_ref(const op_ref *c)
{
    int64_t batch = c->in[H]->dims[0], n = c->in[H]->dims[1], steps = c->in[Y]->dims[0];
    int64_t gates = op_rec_gates(c->arg[OP_REC_KIND].i);
    bool reverse = c->arg[OP_REC_REVERSE].i != 0, lstm = c->n_out > OUT_C;
    double *du = calloc((size_t)(gates * n) + 1, sizeof *du);
    double *room = calloc((size_t)c->in[W]->dims[1] + 1, sizeof *room);
    for (int64_t i = 0; i < batch * n; i++) {
        c->out[OUT_H]->f[i] = or_zero(c->in[DH], i);
        if (lstm)
            c->out[OUT_C]->f[i] = or_zero(c->in[DC], i);
    }
    for (int64_t s = steps - 1; s >= 0 && du && room; s--)
        for (int64_t b = 0; b < batch; b++) {
            int64_t t = reverse ? steps - 1 - s : s;
            double *dh = c->out[OUT_H]->f + b * n, *dc = lstm ? c->out[OUT_C]->f + b * n : NULL;
            for (int64_t j = 0; lstm && j < n; j++)
                dc[j] += or_zero(c->in[DCELLS], (t * batch + b) * n + j);
            if (t >= op_rec_length(c->in[LENGTHS], b, steps))
                continue;
            reference_row(c, t, b, du, dh, dc);
            go_on(c, du, dh, room);
        }
    free(room);
    free(du);
    for (int k = 0; k < c->n_out; k++)
        for (int64_t i = 0; i < c->out[k]->count; i++)
            c->out[k]->magnitude[i] = fabs(c->out[k]->f[i]) + 1; /* sums over steps and features of what is about 1 */
}

static double recurrent_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg;
    return 2 * op_elements(&out[OUT_X]) * (double)in[W]->dims[1];
}

const op_def op_recurrent_grad = {
    .name = "recurrent_grad",
    .doc = "The gradients of recurrent for the gates and the state.",
    .in = {{"h", OP_FLOATS, 'T'},
           {"c", OP_FLOATS, 'T', OP_OPTIONAL},
           {"y", OP_FLOATS, 'T'},
           {"gates", OP_FLOATS, 'T', OP_OPTIONAL},
           {"cells", OP_FLOATS, 'T', OP_OPTIONAL},
           {"w", OP_FLOATS, 'T'},
           {"lengths", OP_INDEX, 0, OP_OPTIONAL},
           {"dy", OP_FLOATS, 'T', OP_OPTIONAL},
           {"dh", OP_FLOATS, 'T', OP_OPTIONAL},
           {"dc", OP_FLOATS, 'T', OP_OPTIONAL},
           {"dgates", OP_FLOATS, 'T', OP_OPTIONAL},
           {"dcells", OP_FLOATS, 'T', OP_OPTIONAL},
           {"r", OP_FLOATS, 'T', OP_OPTIONAL},
           {"peep", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"dx", 0, 'T'}, {"dh", 0, 'T'}, {"dc", 0, 'T'}},
    .arg = OP_REC_ARGS,
    .infer = recurrent_grad_infer,
    .lower = recurrent_grad_lower,
    .ref = recurrent_grad_ref,
    .flops = recurrent_grad_flops,
    .cases =
        (const char *const[]){
            "h=x[1x3]:unit y=x[3x1x3]:unit w=x[3x3]:unit dy=x[3x1x3]:unit kind=rnn_tanh reverse=true",
            "h=x[1x3]:unit c=x[1x3]:unit y=x[3x1x3]:unit gates=x[3x1x12]:unit cells=x[3x1x3]:unit w=x[12x3]:unit "
            "dy=x[3x1x3]:unit dh=x[1x3]:unit dc=x[1x3]:unit dgates=x[3x1x12]:unit dcells=x[3x1x3]:unit",
            "h=x[1x2]:unit y=x[4x1x2]:unit gates=x[4x1x8]:unit w=x[6x2]:finite dy=x[4x1x2]:unit dgates=x[4x1x8]:unit "
            "dh=x[1x2]:unit kind=gru reverse=true",
            "h=x[2x3]:unit y=x[3x2x3]:unit w=x[3x3]:unit dy=x[3x2x3]:unit dh=x[2x3]:unit kind=rnn_tanh",
            "h=x[2x3]:unit y=x[3x2x3]:kinks=0 w=x[3x3]:finite lengths=i[2]:index=4 dy=x[3x2x3]:unit kind=rnn_relu "
            "reverse=true",
            "h=x[2x3]:unit c=x[2x3]:unit y=x[3x2x3]:unit gates=x[3x2x12]:unit cells=x[3x2x3]:unit w=x[12x3]:unit "
            "dy=x[3x2x3]:unit dh=x[2x3]:unit dc=x[2x3]:unit dgates=x[3x2x12]:unit dcells=x[3x2x3]:unit",
            "h=x[3x2]:unit c=x[3x2]:unit y=x[2x3x2]:unit gates=x[2x3x8]:unit cells=x[2x3x2]:unit w=x[8x2]:finite "
            "lengths=i[3]:index=3 dy=x[2x3x2]:unit dh=x[3x2]:unit dcells=x[2x3x2]:unit reverse=true",
            "h=x[3x2]:unit y=x[2x3x2]:unit gates=x[2x3x8]:unit w=x[6x2]:unit dy=x[2x3x2]:unit dgates=x[2x3x8]:unit "
            "kind=gru",
            "h=x[3x2]:unit y=x[4x3x2]:unit gates=x[4x3x8]:unit w=x[6x2]:finite lengths=i[3]:index=5 dh=x[3x2]:unit "
            "kind=gru "
            "reverse=true",
            "h=x[5x2]:unit c=x[5x2]:unit y=x[2x5x2]:unit gates=x[2x5x8]:unit cells=x[2x5x2]:unit w=x[8x3]:finite "
            "lengths=i[5]:index=3 dy=x[2x5x2]:unit dh=x[5x2]:unit dgates=x[2x5x8]:unit r=x[3x2]:finite "
            "peep=x[3x2]:unit "
            "reverse=true",
            "h=x[2x3]:unit c=x[2x3]:unit y=x[3x2x3]:unit gates=x[3x2x12]:unit cells=x[3x2x3]:unit w=x[12x3]:unit "
            "dy=x[3x2x3]:unit dc=x[2x3]:unit dcells=x[3x2x3]:unit peep=x[3x3]:unit",
            "h=x[3x2]:unit y=x[2x3x2]:unit gates=x[2x3x8]:unit w=x[6x1]:unit dy=x[2x3x2]:unit r=x[1x2]:finite kind=gru",
            NULL},
    .bad = (const op_bad[]){{"h=x[2x3] y=x[3x2x3] w=x[9x3] kind=gru", "gates are for lstm and gru"},
                            {"h=x[2x3] y=x[3x2] w=x[3x3] kind=rnn_tanh", "'y' has 2 axes"},
                            {"h=x[2x3] y=x[3x1x3] w=x[3x3] kind=rnn_tanh", "1 and 2 differ"},
                            {"h=x[2x3] y=x[3x2x4] w=x[3x3] kind=rnn_tanh", "4 and 3 differ"},
                            {"h=x[2x3] y=x[3x2x3] w=x[3x3] dy=x[4x2x3] kind=rnn_tanh", "4 and 3 differ"},
                            {"h=x[2x3] y=x[3x2x3] w=x[3x3] dh=x[2x4] kind=rnn_tanh", "'dh' must have the shape of h"},
                            {0}},
    .tol = OP_REC_TOL,
};

tn_tensor *op_recurrent_grad_of(const op_rec_grad *r, const op_value *arg)
{
    return OP_MAKE(&op_recurrent_grad,
                   OP_ARGS([OP_REC_KIND] = {true, arg[OP_REC_KIND]}, [OP_REC_REVERSE] = {true, arg[OP_REC_REVERSE]}),
                   r->h, r->c, r->y, r->gates, r->cells, r->w, r->lengths, r->dy, r->dh, r->dc, r->dgates, r->dcells,
                   r->r, r->peep);
}
