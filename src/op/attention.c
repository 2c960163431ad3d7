/* attention (Vaswani et al. 2017): y = softmax(scale q k^T + mask) v, the softmax over keys; see scheme/attention.h for what is
 * seen. lse is the logarithm of the softmax's sum, kept for the gradient; rows that see nothing give 0 and -infinity. scale = 0:
 * 1 / sqrt(E). When training, weights are dropped with probability p. Sums are never a matrix where a backend has the kernel. */
#include "op/scheme/attention.h"
#include "op/scheme/norm.h"

#include <math.h>

enum { Q, K, V, MASK };
enum { Y, LSE };

static tn_status attention_infer(const op_infer *c)
{
    const graph_type *q = c->in[Q], *v = c->in[V];
    BASE_TRY(op_attention_check(c, q, c->in[K], v, c->in[MASK]));
    BASE_TRY(op_like(c, Y, q));
    c->out[Y].dims[q->rank - 1] = v->dims[v->rank - 1];
    BASE_TRY(op_like(c, LSE, q));
    c->out[LSE].rank = q->rank - 1;
    c->out[LSE].dtype = op_norm_dtype(q->dtype);
    return TN_OK;
}

static void give_mask(const op_grad *c, tn_tensor *dy)
{
    tn_tensor *mask = op_in(c, MASK);
    op_attention_parts a = op_attention_of(c->graph, c->node->arg, op_in(c, Q), op_in(c, K), op_in(c, V), mask);
    tn_tensor *weights = op_attention_weights(op_attention_scores(&a), op_out(c, LSE));
    tn_dtype dtype = tn_tensor_dtype(a.q);
    tn_tensor *d =
        op_attention_slopes(&a, weights, op_cast_to(dy, dtype), op_cast_to(op_out(c, Y), dtype), c->dout[LSE]);
    op_give(c, MASK, op_unbroadcast(op_cast_to(d, tn_tensor_dtype(mask)), mask));
}

static tn_status attention_backward(const op_grad *c)
{
    tn_tensor *dy = op_dout(c, Y), *mask = op_in(c, MASK);
    tn_tensor *dq = op_attention_grad_of(dy, op_in(c, Q), op_in(c, K), op_in(c, V), mask, op_out(c, Y), op_out(c, LSE),
                                         c->dout[LSE], c->node->arg);
    op_give(c, Q, dq);
    op_give(c, K, op_sibling(dq, 1));
    op_give(c, V, op_sibling(dq, 2));
    if (op_wants(c, MASK) && tn_tensor_dtype(mask) != TN_BOOL)
        give_mask(c, dy);
    return TN_OK;
}

static tn_status attention_lower(const op_lower *c)
{
    op_attention_parts a = op_attention_of(c->graph, c->node->arg, c->in[Q], c->in[K], c->in[V], c->in[MASK]);
    const int64_t last = -1;
    tn_tensor *scores = op_attention_scores(&a);
    c->out[LSE] = tn_logsumexp(scores, 1, &last, false);
    tn_tensor *weights = op_attention_dropped(&a, op_attention_weights(scores, c->out[LSE]));
    c->out[Y] = op_cast_to(tn_matmul(weights, a.v), c->in[Q]->type.dtype);
    return TN_OK;
}

static void reference_row(const op_ref *c, const op_attention_sizes *z, int64_t row)
{
    const op_array *v = c->in[V], *mask = c->n_in > MASK ? c->in[MASK] : NULL;
    double most = -INFINITY, sum = 0, wide = 0, size;
    for (int64_t j = 0; j < z->s; j++) {
        double s = op_attention_score(z, c->arg, c->in[Q], c->in[K], mask, row, j, &size);
        most = isnan(most) || s <= most ? most : s;
        wide = size > wide ? size : wide;
    }
    double from = most == -INFINITY ? 0 : most;
    for (int64_t j = 0; j < z->s; j++)
        sum += exp(op_attention_score(z, c->arg, c->in[Q], c->in[K], mask, row, j, &size) - from);
    c->out[LSE]->f[row] = most == -INFINITY ? most : most + log(sum);
    c->out[LSE]->magnitude[row] = wide + fabs(c->out[LSE]->f[row]);
    for (int64_t j = 0; j < z->s && most != -INFINITY; j++) {
        double s = op_attention_score(z, c->arg, c->in[Q], c->in[K], mask, row, j, &size);
        double p = exp(s - from) / sum * op_attention_factor(c, z, row, j);
        for (int64_t k = 0; k < z->f; k++) {
            double term = p * v->f[(row / z->l / z->groups * z->s + j) * z->f + k];
            c->out[Y]->f[row * z->f + k] += term;
            c->out[Y]->magnitude[row * z->f + k] += fabs(term) * (1 + wide);
        }
    }
}

static void attention_ref(const op_ref *c)
{
    op_attention_sizes z = op_attention_sizes_of(c->arg, c->in[Q], c->in[K], c->in[V]);
    for (int64_t row = 0; row < z.heads * z.l; row++)
        reference_row(c, &z, row);
}

static double attention_flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    const graph_type *q = in[Q], *v = in[V];
    int r = q->rank;
    double pairs = op_elements(&out[LSE]) * (double)v->dims[r - 2];
    return (arg[OP_ATT_CAUSAL].i ? 0.5 : 1) * pairs * 2 * (double)(q->dims[r - 1] + v->dims[r - 1]);
}

const op_def op_attention = {
    .name = "attention",
    .doc = "softmax(scale q k^T + mask) v: scaled dot-product attention.",
    .torch = "torch.nn.functional.scaled_dot_product_attention",
    .onnx = "Attention",
    .in = {{"q", OP_FLOATS, 'T'},
           {"k", OP_FLOATS, 'T'},
           {"v", OP_FLOATS, 'T'},
           {"mask", OP_FLOATS | OP_BOOLS, 0, OP_OPTIONAL}},
    .out = {{"y", 0, 'T'}, {"lse", OP_FLOATS, 0, OP_SAVED}},
    .arg = OP_ATT_ARGS,
    .flags = OP_RANDOM,
    .infer = attention_infer,
    .grad = attention_backward,
    .lower = attention_lower,
    .ref = attention_ref,
    .flops = attention_flops,
    .cases =
        (const char *const[]){
            "q=x[3x4]:finite k=x[5x4]:finite v=x[5x2]", "q=x[2x3x4]:finite k=x[2x5x4]:finite v=x[2x5x3] scale=0.3",
            "q=x[2x4x3x5]:finite k=x[2x2x3x5]:finite v=x[2x2x3x4]:finite causal=true",
            "q=x[2x3x4]:finite k=x[2x5x4]:finite v=x[2x5x3]:finite mask=b[3x5]",
            "q=x[1x2x3x4]:finite k=x[1x2x5x4]:finite v=x[1x2x5x3]:finite mask=f[2x1x5]",
            "q=x[2x3x4]:finite k=x[2x6x4]:finite v=x[2x6x3]:finite causal=true from_end=true window=2",
            "q=x[2x7x4]:finite k=x[2x6x4]:finite v=x[2x6x3]:finite window=3",
            "q=x[2x2x3x4]:finite k=x[2x2x5x4]:finite v=x[2x2x5x3]:finite p=0.25 stream=3",
            "q=x[70x5]:finite k=x[150x5]:finite v=x[150x35]:finite causal=true from_end=true", NULL},
    .bad = (const op_bad[]){{"q=x[3] k=x[3] v=x[3]", "they need the same number, two or more"},
                            {"q=x[3x4] k=x[5x3] v=x[5x2]", "4 and 3 differ"},
                            {"q=x[3x4] k=x[5x4] v=x[6x2]", "5 and 6 differ"},
                            {"q=x[3x3x4] k=x[2x5x4] v=x[2x5x2]", "3 heads of q are no multiple of 2 heads of k"},
                            {"q=x[2x3x3x4] k=x[1x3x5x4] v=x[1x3x5x2]", "2 and 1 differ"},
                            {"q=x[3x3x4] k=x[3x5x4] v=x[2x5x2]", "3 and 2 differ"},
                            {"q=x[3x4] k=x[5x4] v=x[5x2] mask=b[3x4]", "4 and 5 differ"},
                            {"q=x[3x4] k=x[5x4] v=x[5x2] mask=b[1x3x5]", "the mask has 3 axes"},
                            {"q=x[3x4] k=x[5x4] v=x[5x2] p=2", "p is 2"},
                            {"q=x[3x4] k=x[5x4] v=x[5x2] window=-1", "window is -1"},
                            {0}},
    .tol = OP_ATT_TOL,
};

static tn_tensor *make(tn_tensor *q, tn_tensor *k, tn_tensor *v, const tn_attention_opt *opt)
{
    static const tn_attention_opt defaults;
    const tn_attention_opt *o = opt ? opt : &defaults;
    tn_tensor *mask = o->mask;
    if (!op_unusable(mask) && !op_unusable(q) && tn_dtype_is_float(mask->type.dtype))
        mask = op_cast_to(mask, q->type.dtype);
    int64_t stream = o->dropout != 0 && !op_unusable(q) ? op_new_stream(q->graph, "attention") : 0;
    return OP_MAKE(
        &op_attention,
        OP_ARGS([OP_ATT_SCALE] = OP_F(o->scale), [OP_ATT_CAUSAL] = OP_I(o->causal), [OP_ATT_WINDOW] = OP_I(o->window),
                [OP_ATT_FROM_END] = OP_I(o->from_end), [OP_ATT_P] = OP_F(o->dropout), [OP_ATT_STREAM] = OP_I(stream)),
        q, k, v, mask);
}

tn_tensor *tn_attention(tn_tensor *q, tn_tensor *k, tn_tensor *v, const tn_attention_opt *opt)
{
    return make(q, k, v, opt);
}

tn_attended tn_attention_weights(tn_tensor *q, tn_tensor *k, tn_tensor *v, const tn_attention_opt *opt)
{
    tn_tensor *y = make(q, k, v, opt);
    if (op_unusable(y))
        return (tn_attended){y, y};
    tn_graph *g = y->graph;
    const op_value *arg = y->node->arg;
    op_attention_parts a = op_attention_of(g, arg, y->node->in[Q], y->node->in[K], y->node->in[V], y->node->in[MASK]);
    const int64_t last = -1;
    tn_tensor *scores = op_attention_scores(&a);
    tn_tensor *weights = op_attention_weights(scores, tn_logsumexp(scores, 1, &last, false));
    weights = op_cast_to(op_attention_dropped(&a, weights), q->type.dtype);
    return (tn_attended){tn_matmul(weights, op_cast_to(a.v, q->type.dtype)), weights};
}
