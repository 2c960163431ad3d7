/* norms.c: local response normalisation (Krizhevsky et al. 2012), weights divided by a norm (Salimans, Kingma 2016), and a bilinear
 * form. */
#include "op/compose/compose.h"

enum { MOST_SIZE = 4096 };

/* The sum of `size` channels around each of x[N, C, ...]. */
static tn_tensor *sum_of_channels(tn_tensor *x, int64_t size)
{
    dim_table *t = x->graph->dims;
    int64_t low[TN_MAX_RANK] = {[1] = size / 2}, high[TN_MAX_RANK] = {[1] = (size - 1) / 2};
    tn_dim channels = x->type.dims[1];
    tn_tensor *padded = tn_pad(x, low, high, 0), *sum = NULL;
    for (int64_t k = 0; k < size; k++) {
        tn_tensor *part = tn_slice(padded, 1, k, dim_add(t, channels, k));
        sum = sum ? tn_add(sum, part) : part;
    }
    return sum;
}

tn_tensor *tn_local_response_norm(tn_tensor *x, int64_t size, double alpha, double beta, double k)
{
    if (op_unusable(x))
        return x;
    if (x->type.rank < 3 || size < 1 || size > MOST_SIZE)
        return OP_REFUSE(
            x, TN_SHAPE,
            "local_response_norm of '%s' takes [N, C, ...] and a size from 1 to %d; it has %d axes and %lld",
            tn_tensor_name(x), MOST_SIZE, x->type.rank, (long long)size);
    tn_tensor *sum = sum_of_channels(tn_square(x), size);
    return tn_div(x, tn_pow_f(tn_add_f(tn_mul_f(sum, alpha / (double)size), k), beta));
}

tn_tensor *tn_weight_norm(tn_tensor *v, tn_tensor *g, int axis)
{
    int64_t axes[TN_MAX_RANK];
    int n = 0;
    if (op_unusable(v) || op_unusable(g))
        return op_unusable(v) ? v : g;
    int at = op_axis_of(v, axis, "weight_norm");
    if (at < 0)
        return &v->graph->poison;
    for (int i = 0; i < v->type.rank; i++)
        if (i != at)
            axes[n++] = i;
    tn_tensor *norm = n ? tn_norm_axes(v, 2, n, axes, true) : tn_abs(v);
    return tn_mul(v, tn_div(g, norm));
}

/* v brought to length 1. */
static tn_tensor *unit(tn_tensor *v)
{
    return tn_div(v, tn_maximum(tn_norm_axes(v, 2, 0, NULL, true), op_like_scalar(v, 1e-12)));
}

tn_spectral_result tn_spectral_norm(tn_tensor *w, tn_tensor *u, tn_tensor *v, int axis)
{
    tn_spectral_result r = {w, u, v};
    if (op_unusable(w) || op_unusable(u) || op_unusable(v))
        return r;
    tn_graph *g = w->graph;
    int at = op_axis_of(w, axis, "spectral_norm");
    tn_tensor *matrix = at < 0 ? &g->poison : tn_flatten(tn_move_axis(w, at, 0), 1);
    tn_tensor *m = tn_detach(matrix), *training = op_training_of(g);
    tn_tensor *left = unit(tn_matmul(m, tn_unsqueeze(v, 1)));        /* [rows, 1] */
    tn_tensor *right = unit(tn_matmul(tn_transpose(left, 0, 1), m)); /* [1, columns] */
    r.new_v = tn_where(training, tn_squeeze(right, 0), v);
    r.new_u = tn_where(training, tn_squeeze(left, 1), u);
    tn_tensor *wv = tn_matmul(matrix, tn_unsqueeze(tn_detach(r.new_v), 1));
    tn_tensor *sigma = tn_sum(tn_mul(tn_squeeze(wv, 1), tn_detach(r.new_u)));
    r.w = tn_div(w, sigma);
    return r;
}

tn_tensor *tn_bilinear(tn_tensor *a, tn_tensor *b, tn_tensor *w, tn_tensor *bias)
{
    if (op_unusable(a) || op_unusable(b) || op_unusable(w))
        return op_unusable(a) ? a : op_unusable(b) ? b : w;
    tn_tensor *y = tn_einsum("...i,oij,...j->...o", 3, (tn_tensor *const[]){a, w, b});
    return bias ? tn_add(y, bias) : y;
}
