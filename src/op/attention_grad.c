/* attention_grad: the gradients of attention for q, k and v. With the weights p = e^(scores - lse), dropout's factors f, and
 * d = f * (dy v^T): the scores get t = p * (d - sum(dy * y) + dlse), and dq = scale t k, dk = scale t^T q, dv = (f * p)^T dy. dlse
 * is what arrives at lse itself (second gradients; absent: nothing). */
#include "op/scheme/attention.h"

#include <math.h>

enum { DY, Q, K, V, MASK, Y, LSE, DLSE };
enum { DQ, DK, DV };

static tn_status attention_grad_infer(const op_infer *c)
{
    const graph_type *q = c->in[Q], *v = c->in[V];
    BASE_TRY(op_attention_check(c, q, c->in[K], v, c->in[MASK]));
    graph_type y = *q, lse = *q;
    y.dims[q->rank - 1] = v->dims[v->rank - 1];
    lse.rank--;
    if (!graph_same_dims(c->dims, &y, c->in[DY], "attention_grad") ||
        !graph_same_dims(c->dims, &y, c->in[Y], "attention_grad"))
        return op_fail(c, TN_SHAPE, "dy and y must have the shape of attention's result");
    for (int i = LSE; i <= DLSE; i++)
        if (c->in[i] && !graph_same_dims(c->dims, &lse, c->in[i], "attention_grad"))
            return op_fail(c, TN_SHAPE, "'%s' must have one value for each row of q", c->def->in[i].name);
    op_like(c, DQ, q);
    op_like(c, DK, c->in[K]);
    return op_like(c, DV, v);
}

/* x of all heads of q, summed for each head of k. */
static tn_tensor *gathered(const op_attention_parts *a, tn_tensor *x, tn_tensor *like)
{
    if (a->groups > 1 && !graph_poisoned(x)) {
        tn_shape s = tn_tensor_shape(x);
        int at = s.rank - 3;
        for (int i = s.rank; i > at; i--)
            s.dims[i] = s.dims[i - 1];
        s.rank++;
        s.dims[at] /= a->groups;
        s.dims[at + 1] = a->groups;
        const int64_t axis = at + 1;
        x = tn_sum_axes(tn_reshape(x, s), 1, &axis, false);
    }
    return op_cast_to(x, tn_tensor_dtype(like));
}

static tn_status attention_grad_lower(const op_lower *c)
{
    op_attention_parts a = op_attention_of(c->graph, c->node->arg, c->in[Q], c->in[K], c->in[V], c->in[MASK]);
    tn_dtype dtype = a.q->type.dtype;
    tn_tensor *dy = op_cast_to(c->in[DY], dtype), *y = op_cast_to(c->in[Y], dtype);
    tn_tensor *p = op_attention_weights(op_attention_scores(&a), op_cast_to(c->in[LSE], dtype));
    tn_tensor *t = op_attention_slopes(&a, p, dy, y, c->node->n_in > DLSE ? op_cast_to(c->in[DLSE], dtype) : NULL);
    t = tn_mul_f(t, a.scale);
    c->out[DQ] = op_cast_to(tn_matmul(t, a.k), c->in[Q]->type.dtype);
    c->out[DK] = gathered(&a, tn_matmul(tn_transpose(t, -2, -1), a.q), c->in[K]);
    c->out[DV] = gathered(&a, tn_matmul(tn_transpose(op_attention_dropped(&a, p), -2, -1), dy), c->in[V]);
    return TN_OK;
}

static void add(op_array *x, int64_t at, double v, double size)
{
    x->f[at] += v;
    x->magnitude[at] += size;
}

/* The share of one query row and one key. */
static void reference_pair(const op_ref *c, const op_attention_sizes *z, int64_t row, int64_t j, double all,
                           double wide)
{
    const op_array *dy = c->in[DY], *q = c->in[Q], *k = c->in[K], *v = c->in[V];
    int64_t key = row / z->l / z->groups * z->s + j;
    double size, lse = c->in[LSE]->f[row], f = op_attention_factor(c, z, row, j), d = 0, ds = 0;
    double s = op_attention_score(z, c->arg, q, k, c->in[MASK], row, j, &size);
    double p = exp(s - (lse == -INFINITY ? 0 : lse)), more = 1 + size + fabs(lse);
    for (int64_t i = 0; i < z->f; i++) {
        double g = dy->f[row * z->f + i];
        d += f * g * v->f[key * z->f + i];
        ds += fabs(f * g * v->f[key * z->f + i]);
        add(c->out[DV], key * z->f + i, f * p * g, fabs(f * p * g) * more);
    }
    double t = p * (d - all) * z->scale, ts = p * (ds + wide) * fabs(z->scale) * more;
    if (p == 0 && s == -INFINITY)
        return;
    for (int64_t i = 0; i < z->e; i++) {
        add(c->out[DQ], row * z->e + i, t * k->f[key * z->e + i], ts * fabs(k->f[key * z->e + i]));
        add(c->out[DK], key * z->e + i, t * q->f[row * z->e + i], ts * fabs(q->f[row * z->e + i]));
    }
}

static void attention_grad_ref(const op_ref *c)
{
    op_attention_sizes z = op_attention_sizes_of(c->arg, c->in[Q], c->in[K], c->in[V]);
    const op_array *dlse = c->n_in > DLSE ? c->in[DLSE] : NULL;
    for (int64_t row = 0; row < z.heads * z.l; row++) {
        double all = dlse ? -dlse->f[row] : 0, wide = fabs(all);
        for (int64_t i = 0; i < z.f; i++) {
            all += c->in[DY]->f[row * z.f + i] * c->in[Y]->f[row * z.f + i];
            wide += fabs(c->in[DY]->f[row * z.f + i] * c->in[Y]->f[row * z.f + i]);
        }
        for (int64_t j = 0; j < z.s; j++)
            reference_pair(c, &z, row, j, all, wide);
    }
}

static double attention_grad_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    const graph_type *q = in[Q], *v = in[V];
    int r = q->rank;
    (void)out;
    double pairs = op_elements(in[LSE]) * (double)v->dims[r - 2];
    return (arg[OP_ATT_CAUSAL].i ? 0.5 : 1) * pairs * (6.0 * (double)q->dims[r - 1] + 4.0 * (double)v->dims[r - 1]);
}

const op_def op_attention_grad = {
    .name = "attention_grad",
    .doc = "The gradients of attention.",
    .in = {{"dy", OP_FLOATS, 'T'},
           {"q", OP_FLOATS, 'T'},
           {"k", OP_FLOATS, 'T'},
           {"v", OP_FLOATS, 'T'},
           {"mask", OP_FLOATS | OP_BOOLS, 0, OP_OPTIONAL},
           {"y", OP_FLOATS, 'T'},
           {"lse", OP_BIT(TN_F32) | OP_BIT(TN_F64), 'S'},
           {"dlse", OP_BIT(TN_F32) | OP_BIT(TN_F64), 'S', OP_OPTIONAL}},
    .out = {{"dq", 0, 'T'}, {"dk", 0, 'T'}, {"dv", 0, 'T'}},
    .arg = OP_ATT_ARGS,
    .flags = OP_RANDOM,
    .infer = attention_grad_infer,
    .lower = attention_grad_lower,
    .ref = attention_grad_ref,
    .flops = attention_grad_flops,
    .cases =
        (const char *const[]){
            "dy=x[3x2] q=x[3x4]:finite k=x[5x4]:finite v=x[5x2] y=x[3x2] lse=f[3]:finite",
            "dy=x[2x3x2]:finite q=x[2x3x4]:finite k=x[2x5x4]:finite v=x[2x5x2]:finite y=x[2x3x2]:finite "
            "lse=f[2x3]:finite dlse=f[2x3]:finite "
            "p=0.25 stream=3",
            "dy=x[2x4x3x5]:finite q=x[2x4x3x5]:finite k=x[2x2x3x5]:finite v=x[2x2x3x5]:finite y=x[2x4x3x5]:finite "
            "lse=f[2x4x3]:finite "
            "causal=true",
            "dy=x[2x3x3]:finite q=x[2x3x4]:finite k=x[2x5x4]:finite v=x[2x5x3]:finite mask=b[3x5] y=x[2x3x3]:finite "
            "lse=f[2x3]:finite scale=0.3",
            "dy=x[1x2x3x3]:finite q=x[1x2x3x4]:finite k=x[1x2x5x4]:finite v=x[1x2x5x3]:finite mask=f[2x1x5] "
            "y=x[1x2x3x3]:finite lse=f[1x2x3]:finite",
            "dy=x[70x35]:finite q=x[70x5]:finite k=x[150x5]:finite v=x[150x35]:finite y=x[70x35]:finite "
            "lse=f[70]:finite causal=true "
            "from_end=true window=90",
            NULL},
    .bad =
        (const op_bad[]){{"dy=x[3x2] q=x[3] k=x[5x4] v=x[5x2] y=x[3x2] lse=f[3]", "they need the same number"},
                         {"dy=x[3x3] q=x[3x4] k=x[5x4] v=x[5x2] y=x[3x2] lse=f[3]", "the shape of attention's result"},
                         {"dy=x[3x2] q=x[3x4] k=x[5x4] v=x[5x2] y=x[3x2] lse=f[4]", "one value for each row of q"},
                         {0}},
    .tol = OP_ATT_TOL,
};

tn_tensor *op_attention_grad_of(tn_tensor *dy, tn_tensor *q, tn_tensor *k, tn_tensor *v, tn_tensor *mask, tn_tensor *y,
                                tn_tensor *lse, tn_tensor *dlse, const op_value *arg)
{
    op_args args = {0};
    for (int i = OP_ATT_SCALE; i <= OP_ATT_STREAM; i++) {
        args.at[i].set = true;
        args.at[i].v = arg[i];
    }
    return OP_MAKE(&op_attention_grad, &args, dy, q, k, v, mask, y, lse, dlse);
}
