/* recurrent: one layer of a recurrent net in one direction; see scheme/recurrent.h. x are the inputs' products, so that they are made
 * for all steps at once. hn (and cn) are the state after the last step. */
#include "op/scheme/recurrent.h"

#include <math.h>
#include <stdlib.h>

enum { H0, C0, X, W, B, LENGTHS, R, PEEP };
enum { Y, HN, GATES, CN, CELLS };

const char *const op_rec_kinds[] = {"rnn_tanh", "rnn_relu", "lstm", "gru", NULL};

tn_status op_rec_check(const op_infer *c, const graph_type *h, const graph_type *cell, const graph_type *w,
                       const graph_type *lengths, const graph_type *r, const graph_type *peep, tn_dim *batch,
                       tn_dim *width)
{
    int64_t kind = op_int(c, OP_REC_KIND);
    if (h->rank != 2)
        return op_fail(c, TN_SHAPE, "h has %d axes; it needs two: batch, features", h->rank);
    *batch = h->dims[0];
    *width = h->dims[1];
    if ((cell != NULL) != (kind == OP_REC_LSTM))
        return op_fail(c, TN_INVALID, "a state c is for lstm, and for lstm alone");
    if (cell && !graph_same_dims(c->dims, cell, h, c->def->name))
        return op_fail(c, TN_SHAPE, "c must have the shape of h");
    if (w->rank != 2)
        return op_fail(c, TN_SHAPE, "w has %d axes; it needs two", w->rank);
    BASE_TRY(op_want_same(c, w->dims[0], dim_mul(c->dims, op_rec_gates(kind), *width), "the rows of w and the gates"));
    if (r && r->rank != 2)
        return op_fail(c, TN_SHAPE, "r has %d axes; it needs two: features, features of h", r->rank);
    BASE_TRY(op_want_same(c, w->dims[1], r ? r->dims[0] : *width,
                          r ? "the columns of w and the rows of r" : "the columns of w and the features of h"));
    if (r)
        BASE_TRY(op_want_same(c, r->dims[1], *width, "the columns of r and the features of h"));
    if (peep && (kind != OP_REC_LSTM || peep->rank != 2 || peep->dims[0] != 3))
        return op_fail(c, TN_SHAPE, "peep is for lstm, [3, features of h]");
    if (peep)
        BASE_TRY(op_want_same(c, peep->dims[1], *width, "the columns of peep and the features of h"));
    if (lengths && lengths->rank != 1)
        return op_fail(c, TN_SHAPE, "lengths has %d axes; it needs one", lengths->rank);
    return lengths ? op_want_same(c, lengths->dims[0], *batch, "the lengths and the batch") : TN_OK;
}

static void shape3(graph_type *t, tn_dim steps, tn_dim batch, tn_dim width)
{
    t->rank = 3;
    t->dims[0] = steps;
    t->dims[1] = batch;
    t->dims[2] = width;
}

static tn_status recurrent_infer(const op_infer *c)
{
    const graph_type *x = c->in[X], *b = c->in[B];
    int64_t kind = op_int(c, OP_REC_KIND);
    tn_dim batch = 0, width = 0;
    BASE_TRY(op_rec_check(c, c->in[H0], c->in[C0], c->in[W], c->in[LENGTHS], c->in[R], c->in[PEEP], &batch, &width));
    if (x->rank != 3)
        return op_fail(c, TN_SHAPE, "x has %d axes; it needs three: steps, batch, gates", x->rank);
    BASE_TRY(op_want_same(c, x->dims[1], batch, "the batch of x and h"));
    BASE_TRY(op_want_same(c, x->dims[2], c->in[W]->dims[0], "the features of x and the rows of w"));
    if (b && b->rank != 1)
        return op_fail(c, TN_SHAPE, "b has %d axes; it needs one", b->rank);
    if (b)
        BASE_TRY(op_want_same(c, b->dims[0], c->in[W]->dims[0], "the sizes of b and the rows of w"));
    shape3(&c->out[Y], x->dims[0], batch, width);
    op_like(c, HN, c->in[H0]);
    shape3(&c->out[GATES], x->dims[0], batch, dim_mul(c->dims, 4, width));
    op_like(c, CN, c->in[H0]);
    shape3(&c->out[CELLS], x->dims[0], batch, width);
    *c->n_out = kind == OP_REC_LSTM ? 5 : kind == OP_REC_GRU ? 3 : 2;
    return TN_OK;
}

/* ---- gradient ------------------------------------------------------------------------------------------------------ */

tn_tensor *op_rec_before(tn_tensor *h, tn_tensor *y, tn_tensor *lengths, bool reverse)
{
    tn_tensor *first = tn_unsqueeze(h, 0);
    if (graph_poisoned(y))
        return y;
    tn_dim steps = tn_dim_of(y, 0), less = dim_sub(y->graph->dims, steps, 1);
    if (!reverse) {
        tn_tensor *parts[] = {first, tn_slice(y, 0, 0, less)};
        return tn_concat(2, parts, 0);
    }
    tn_tensor *parts[] = {tn_slice(y, 0, 1, steps), first}, *before = tn_concat(2, parts, 0);
    if (!lengths)
        return before;
    tn_tensor *place = tn_unsqueeze(tn_arange(y->graph, TN_I64, 1, 1, steps), 1);
    tn_tensor *begins = tn_ge(place, op_cast_to(lengths, TN_I64)); /* the row's own first step, and beyond */
    return tn_where(tn_unsqueeze(begins, -1), h, before);
}

/* What arrives at u: for gru another than at x, as r stands between. */
static tn_tensor *inner(const op_grad *c, tn_tensor *dx, int64_t kind)
{
    if (kind != OP_REC_GRU || graph_poisoned(dx))
        return dx;
    tn_dim width = tn_dim_of(op_in(c, H0), 1), two = tn_dim_mul(c->graph, 2, width),
           three = tn_dim_mul(c->graph, 3, width);
    tn_tensor *n = tn_mul(tn_slice(dx, -1, two, three), tn_slice(op_out(c, GATES), -1, 0, width));
    if (c->dout[GATES]) {
        tn_tensor *more = tn_slice(c->dout[GATES], -1, three, tn_dim_mul(c->graph, 4, width)),
                  *lengths = op_in(c, LENGTHS);
        if (lengths) {
            tn_tensor *place = tn_unsqueeze(tn_arange(c->graph, TN_I64, 0, 1, tn_dim_of(dx, 0)), 1);
            tn_tensor *on = tn_unsqueeze(tn_lt(place, op_cast_to(lengths, TN_I64)), -1);
            more = tn_where(on, more, op_like_scalar(more, 0));
        }
        n = tn_add(n, more);
    }
    tn_tensor *parts[] = {tn_slice(dx, -1, 0, two), n};
    return tn_concat(2, parts, -1);
}

static tn_tensor *as_rows(tn_tensor *x)
{
    return tn_reshape(x, TN_SHAPE(TN_INFER, tn_dim_of(x, -1)));
}

static void give_weights(const op_grad *c, const op_rec_grad *r, tn_tensor *du)
{
    tn_tensor *before = op_rec_before(r->h, r->y, r->lengths, op_arg(c, OP_REC_REVERSE)->i != 0);
    if (graph_poisoned(before) || graph_poisoned(du))
        return;
    before = as_rows(before);
    if (op_wants(c, W))
        op_give(c, W, tn_matmul(tn_transpose(du, 0, 1), r->r ? tn_linear(before, r->r, NULL) : before));
    if (op_wants(c, R))
        op_give(c, R, tn_matmul(tn_transpose(tn_matmul(du, r->w), 0, 1), before));
}

/* The gates' slopes times the cells that they saw. */
static void give_peep(const op_grad *c, const op_rec_grad *r, tn_tensor *dx)
{
    tn_tensor *before = op_rec_before(r->c, r->cells, NULL, op_arg(c, OP_REC_REVERSE)->i != 0), *row[3];
    if (graph_poisoned(before) || graph_poisoned(dx))
        return;
    tn_dim width = tn_dim_of(r->h, 1);
    for (int k = 0; k < 3; k++) {
        int64_t gate = k == 2 ? 3 : k; /* of i, f, g, o */
        tn_tensor *d = tn_slice(dx, -1, tn_dim_mul(c->graph, gate, width), tn_dim_mul(c->graph, gate + 1, width));
        row[k] = tn_sum_axes(tn_mul(d, k == 2 ? r->cells : before), 2, (const int64_t[]){0, 1}, false);
    }
    op_give(c, PEEP, tn_stack(3, row, 0));
}

static tn_status recurrent_backward(const op_grad *c)
{
    int64_t kind = op_arg(c, OP_REC_KIND)->i;
    bool lstm = kind == OP_REC_LSTM, gates = lstm || kind == OP_REC_GRU;
    const op_rec_grad r = {.dy = c->dout[Y],
                           .dh = c->dout[HN],
                           .dc = lstm ? c->dout[CN] : NULL,
                           .dgates = gates ? c->dout[GATES] : NULL,
                           .dcells = lstm ? c->dout[CELLS] : NULL,
                           .h = op_in(c, H0),
                           .c = op_in(c, C0),
                           .y = op_out(c, Y),
                           .gates = gates ? op_out(c, GATES) : NULL,
                           .cells = lstm ? op_out(c, CELLS) : NULL,
                           .w = op_in(c, W),
                           .lengths = op_in(c, LENGTHS),
                           .r = op_in(c, R),
                           .peep = op_in(c, PEEP)};
    tn_tensor *dx = op_recurrent_grad_of(&r, c->node->arg);
    op_give(c, X, dx);
    op_give(c, H0, op_sibling(dx, 1));
    if (lstm)
        op_give(c, C0, op_sibling(dx, 2));
    if (op_wants(c, PEEP))
        give_peep(c, &r, dx);
    tn_tensor *du = op_wants(c, W) || op_wants(c, B) || op_wants(c, R) ? as_rows(inner(c, dx, kind)) : NULL;
    if (op_wants(c, W) || op_wants(c, R))
        give_weights(c, &r, du);
    return op_wants(c, B) ? op_give(c, B, tn_sum_axes(du, 1, (const int64_t[]){0}, false)) : TN_OK;
}

/* ---- reference ----------------------------------------------------------------------------------------------------- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* u of gate row k. */
static double product(const op_ref *c, const double *h, int64_t k)
{
    const op_array *w = c->in[W], *b = c->in[B];
    double sum = b ? b->f[k] : 0;
    for (int64_t i = 0; i < w->dims[1]; i++)
        sum += w->f[k * w->dims[1] + i] * h[i];
    return sum;
}

/* What w is multiplied with: h, or r h. */
static const double *seen_by_w(const op_ref *c, const double *h, int64_t width, double *room)
{
    const op_array *r = c->in[R];
    for (int64_t k = 0; r && k < r->dims[0]; k++) {
        room[k] = 0;
        for (int64_t i = 0; i < width; i++)
            room[k] += r->f[k * width + i] * h[i];
    }
    return r ? room : h;
}

/* Feature j of the new state; h is the old one, `seen` what w is multiplied with, cell is changed. */
static double feature(const op_ref *c, const double *x, const double *h, const double *seen, double *cell, int64_t j,
                      int64_t width, double *gate)
{
    const double *peep = c->in[PEEP] ? c->in[PEEP]->f + j : NULL;
    double a[4], u[4] = {0};
    int64_t kind = c->arg[OP_REC_KIND].i;
    for (int k = 0; k < op_rec_gates(kind); k++) {
        u[k] = product(c, seen, k * width + j);
        a[k] = x[k * width + j] + u[k];
    }
    if (kind == OP_REC_TANH || kind == OP_REC_RELU)
        return kind == OP_REC_TANH ? tanh(a[0]) : a[0] > 0 || isnan(a[0]) ? a[0] : 0;
    if (kind == OP_REC_GRU) {
        double r = sigmoid(a[0]), z = sigmoid(a[1]), n = tanh(x[2 * width + j] + r * u[2]);
        gate[j] = r;
        gate[width + j] = z;
        gate[2 * width + j] = n;
        gate[3 * width + j] = u[2];
        return (1 - z) * n + z * h[j];
    }
    gate[j] = sigmoid(a[0] + (peep ? peep[0] * cell[j] : 0));
    gate[width + j] = sigmoid(a[1] + (peep ? peep[width] * cell[j] : 0));
    gate[2 * width + j] = tanh(a[2]);
    cell[j] = gate[width + j] * cell[j] + gate[j] * gate[2 * width + j];
    gate[3 * width + j] = sigmoid(a[3] + (peep ? peep[2 * width] * cell[j] : 0));
    return gate[3 * width + j] * tanh(cell[j]);
}

static void fill_magnitudes(op_array *x)
{
    for (int64_t i = 0; i < x->count; i++)
        x->magnitude[i] = fabs(x->f[i]) > 1 ? fabs(x->f[i]) : 1; /* errors are those of the state, which is about 1 */
}

static void recurrent_ref(const op_ref *c)
{
    const op_array *x = c->in[X];
    int64_t steps = x->dims[0], batch = x->dims[1], width = c->in[H0]->dims[1], in = x->dims[2];
    bool reverse = c->arg[OP_REC_REVERSE].i != 0, lstm = c->n_out > CN;
    double *room = calloc((size_t)c->in[W]->dims[1] + 1, sizeof *room);
    if (!room)
        return;
    for (int64_t i = 0; i < c->in[H0]->count; i++) {
        c->out[HN]->f[i] = c->in[H0]->f[i];
        if (lstm)
            c->out[CN]->f[i] = c->in[C0]->f[i];
    }
    for (int64_t s = 0; s < steps; s++)
        for (int64_t b = 0; b < batch; b++) {
            int64_t t = reverse ? steps - 1 - s : s, at = t * batch + b;
            double *h = c->out[HN]->f + b * width, *cell = lstm ? c->out[CN]->f + b * width : NULL;
            const double *seen = seen_by_w(c, h, width, room);
            bool on = t < op_rec_length(c->in[LENGTHS], b, steps);
            for (int64_t j = 0; on && j < width; j++)
                c->out[Y]->f[at * width + j] = feature(c, x->f + at * in, h, seen, cell, j, width,
                                                       c->n_out > GATES ? c->out[GATES]->f + at * 4 * width : NULL);
            for (int64_t j = 0; j < width; j++) {
                h[j] = on ? c->out[Y]->f[at * width + j] : h[j];
                if (lstm)
                    c->out[CELLS]->f[at * width + j] = cell[j];
            }
        }
    free(room);
    for (int k = 0; k < c->n_out; k++)
        fill_magnitudes(c->out[k]);
}

static double recurrent_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)arg, (void)out;
    double of_r = in[R] ? 2 * op_elements(in[R]) * (double)(in[X]->dims[0] * in[X]->dims[1]) : 0;
    return 2 * op_elements(in[X]) * (double)in[W]->dims[1] + of_r;
}

const op_def op_recurrent = {
    .name = "recurrent",
    .doc = "All steps of one layer of an RNN, LSTM or GRU in one direction, from the inputs' products.",
    .in = {{"h", OP_FLOATS, 'T'},
           {"c", OP_FLOATS, 'T', OP_OPTIONAL},
           {"x", OP_FLOATS, 'T'},
           {"w", OP_FLOATS, 'T'},
           {"b", OP_FLOATS, 'T', OP_OPTIONAL},
           {"lengths", OP_INDEX, 0, OP_OPTIONAL},
           {"r", OP_FLOATS, 'T', OP_OPTIONAL},
           {"peep", OP_FLOATS, 'T', OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}, {"hn", 0, 'T'}, {"gates", 0, 'T', OP_SAVED}, {"cn", 0, 'T'}, {"cells", 0, 'T', OP_SAVED}},
    .arg = OP_REC_ARGS,
    .infer = recurrent_infer,
    .grad = recurrent_backward,
    .ref = recurrent_ref,
    .flops = recurrent_flops,
    .cases =
        (const char *const[]){
            "h=x[2x3]:finite x=x[4x2x3]:finite w=x[3x3]:finite b=x[3]:finite kind=rnn_tanh",
            "h=x[2x3]:finite x=x[3x2x3]:finite w=x[3x3]:finite lengths=i[2]:index=4 kind=rnn_relu reverse=true",
            "h=x[2x3]:finite c=x[2x3]:finite x=x[4x2x12]:finite w=x[12x3]:finite b=x[12]:finite",
            "h=x[3x2]:finite c=x[3x2]:finite x=x[4x3x8]:finite w=x[8x2]:finite lengths=i[3]:index=5",
            "h=x[3x2]:finite c=x[3x2]:finite x=x[4x3x8]:finite w=x[8x2]:finite b=x[8]:finite lengths=i[3]:index=5 "
            "reverse=true",
            "h=x[2x3]:finite x=x[4x2x9]:finite w=x[9x3]:finite b=x[9]:finite kind=gru",
            "h=x[3x2]:finite x=x[4x3x6]:finite w=x[6x2]:finite b=x[6]:finite lengths=i[3]:index=5 kind=gru "
            "reverse=true",
            "h=x[5x20]:finite c=x[5x20]:finite x=x[2x5x80]:finite w=x[80x20]:finite",
            "h=x[3x4]:finite c=x[3x4]:finite x=x[4x3x16]:finite w=x[16x2]:finite b=x[16]:finite lengths=i[3]:index=5 "
            "r=x[2x4]:finite reverse=true",
            "h=x[2x3]:finite x=x[3x2x9]:finite w=x[9x2]:finite r=x[2x3]:finite kind=gru",
            "h=x[5x2]:finite c=x[5x2]:finite x=x[4x5x8]:finite w=x[8x2]:finite b=x[8]:finite lengths=i[5]:index=5 "
            "peep=x[3x2]:finite reverse=true",
            "h=x[2x3]:finite c=x[2x3]:finite x=x[4x2x12]:finite w=x[12x2]:finite r=x[2x3]:finite peep=x[3x3]:finite",
            "h=x[1x3]:finite x=x[4x1x3]:finite w=x[3x3]:finite b=x[3]:finite kind=rnn_relu",
            "h=x[1x3]:finite c=x[1x3]:finite x=x[4x1x12]:finite w=x[12x3]:finite b=x[12]:finite reverse=true",
            "h=x[1x3]:finite x=x[3x1x9]:finite w=x[9x3]:finite kind=gru", NULL},
    .bad =
        (const op_bad[]){
            {"h=x[3] x=x[4x2x3] w=x[3x3] kind=rnn_tanh", "h has 1 axes"},
            {"h=x[2x3] x=x[4x2x12] w=x[12x3]", "for lstm alone"},
            {"h=x[2x3] c=x[2x2] x=x[4x2x12] w=x[12x3]", "c must have the shape of h"},
            {"h=x[2x3] x=x[4x2x3] w=x[3] kind=rnn_tanh", "w has 1 axes"},
            {"h=x[2x3] x=x[4x2x3] w=x[4x3] kind=rnn_tanh", "4 and 3 differ"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x4] kind=rnn_tanh", "4 and 3 differ"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x2] r=x[2] kind=rnn_tanh", "r has 1 axes"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x3] r=x[2x3] kind=rnn_tanh", "the columns of w and the rows of r"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x2] r=x[2x4] kind=rnn_tanh", "the columns of r"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x3] peep=x[3x3] kind=rnn_tanh", "peep is for lstm"},
            {"h=x[2x3] c=x[2x3] x=x[4x2x12] w=x[12x3] peep=x[4x3]", "peep is for lstm, [3, features of h]"},
            {"h=x[2x3] c=x[2x3] x=x[4x2x12] w=x[12x3] peep=x[3x4]", "the columns of peep"},
            {"h=x[2x3] x=x[4x2] w=x[3x3] kind=rnn_tanh", "x has 2 axes"},
            {"h=x[2x3] x=x[4x3x3] w=x[3x3] kind=rnn_tanh", "3 and 2 differ"},
            {"h=x[2x3] x=x[4x2x4] w=x[3x3] kind=rnn_tanh", "4 and 3 differ"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x3] b=x[3x1] kind=rnn_tanh", "b has 2 axes"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x3] b=x[4] kind=rnn_tanh", "4 and 3 differ"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x3] lengths=i[2x1]:index=2 kind=rnn_tanh", "lengths has 2 axes"},
            {"h=x[2x3] x=x[4x2x3] w=x[3x3] lengths=i[3]:index=2 kind=rnn_tanh", "3 and 2 differ"},
            {0}},
    .tol = OP_REC_TOL,
};

tn_recurrent_result op_recurrent_of(tn_recurrent_kind kind, const op_rec *a, bool reverse)
{
    tn_tensor *y = OP_MAKE(&op_recurrent, OP_ARGS([OP_REC_KIND] = OP_I(kind), [OP_REC_REVERSE] = OP_I(reverse)), a->h,
                           a->c, a->x, a->w, a->b, a->lengths, a->r, a->peep);
    if (op_unusable(y))
        return (tn_recurrent_result){y, y, y};
    return (tn_recurrent_result){y, op_sibling(y, HN), kind == TN_LSTM ? op_sibling(y, CN) : NULL};
}

tn_recurrent_result tn_recurrent(tn_recurrent_kind kind, tn_tensor *x, tn_tensor *h, tn_tensor *c, tn_tensor *w,
                                 tn_tensor *b, tn_tensor *lengths, bool reverse)
{
    return op_recurrent_of(kind, &(op_rec){.x = x, .h = h, .c = c, .w = w, .b = b, .lengths = lengths}, reverse);
}
