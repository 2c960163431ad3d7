/* attention.c: see attention.h. */
#include "op/scheme/attention.h"
#include "op/scheme/norm.h"

#include <math.h>

tn_status op_attention_check(const op_infer *c, const graph_type *q, const graph_type *k, const graph_type *v,
                             const graph_type *mask)
{
    int r = q->rank;
    if (r < 2 || k->rank != r || v->rank != r)
        return op_fail(c, TN_SHAPE, "q, k and v have %d, %d and %d axes; they need the same number, two or more", r,
                       k->rank, v->rank);
    for (int i = 0; i < r - 3; i++)
        BASE_TRY(op_want_same(c, q->dims[i], k->dims[i], "the leading sizes of q and k"));
    for (int i = 0; i < r - 2; i++)
        BASE_TRY(op_want_same(c, k->dims[i], v->dims[i], "the leading sizes of k and v"));
    BASE_TRY(op_want_same(c, q->dims[r - 1], k->dims[r - 1], "the features of q and k"));
    BASE_TRY(op_want_same(c, k->dims[r - 2], v->dims[r - 2], "the rows of k and v"));
    tn_dim heads = r > 2 ? q->dims[r - 3] : 1, key_heads = r > 2 ? k->dims[r - 3] : 1;
    if (dim_literal(heads) && dim_literal(key_heads) ? key_heads == 0 ? heads != 0 : heads % key_heads != 0
                                                     : !dim_same(c->dims, heads, key_heads, "the heads of q and k"))
        return op_fail(c, TN_SHAPE, "%lld heads of q are no multiple of %lld heads of k", (long long)heads,
                       (long long)key_heads);
    if (!mask)
        return TN_OK;
    if (mask->dtype != TN_BOOL && mask->dtype != q->dtype)
        return op_fail(c, TN_DTYPE, "the mask is %s; it must be bool or, as q, %s", tn_dtype_name(mask->dtype),
                       tn_dtype_name(q->dtype));
    if (mask->rank > r)
        return op_fail(c, TN_SHAPE, "the mask has %d axes, more than q", mask->rank);
    for (int i = 0; i < mask->rank; i++) {
        int at = r - mask->rank + i;
        tn_dim want = at == r - 1 ? k->dims[r - 2] : q->dims[at];
        if (mask->dims[i] != 1)
            BASE_TRY(op_want_same(c, mask->dims[i], want, "the sizes of the mask and of the scores"));
    }
    return TN_OK;
}

/* ---- lowered forms ------------------------------------------------------------------------------------------------- */

op_attention_parts op_attention_of(tn_graph *g, const op_value *arg, tn_tensor *q, tn_tensor *k, tn_tensor *v,
                                   tn_tensor *mask)
{
    int r = tn_tensor_rank(q);
    tn_dtype dtype = op_norm_dtype(tn_tensor_dtype(q));
    op_attention_parts a = {.graph = g, .arg = arg, .mask = mask, .groups = 1, .scale = arg[OP_ATT_SCALE].f};
    tn_dim heads = r > 2 ? tn_dim_of(q, -3) : 1, key_heads = r > 2 ? tn_dim_of(k, -3) : 1, e = tn_dim_of(q, -1);
    if (heads != key_heads && key_heads > 0)
        a.groups = heads / key_heads;
    a.q = op_cast_to(q, dtype);
    a.k = op_cast_to(k, dtype);
    a.v = op_cast_to(v, dtype);
    if (mask && tn_tensor_dtype(mask) != TN_BOOL)
        a.mask = op_cast_to(mask, dtype);
    if (a.groups > 1) {
        a.k = tn_repeat_interleave(a.k, -3, a.groups);
        a.v = tn_repeat_interleave(a.v, -3, a.groups);
    }
    if (a.scale == 0 && e > 0)
        a.scale = 1 / sqrt((double)e);
    return a;
}

/* Which keys are seen by position, [L, S]; NULL: all. */
static tn_tensor *seen(const op_attention_parts *a)
{
    tn_dim l = tn_dim_of(a->q, -2), s = tn_dim_of(a->k, -2);
    int64_t window = a->arg[OP_ATT_WINDOW].i;
    if (!a->arg[OP_ATT_CAUSAL].i && !window)
        return NULL;
    tn_tensor *i = tn_unsqueeze(tn_arange(a->graph, TN_I64, 0, 1, l), 1), *j = tn_arange(a->graph, TN_I64, 0, 1, s);
    if (a->arg[OP_ATT_FROM_END].i)
        i = tn_add(i, tn_sub(tn_size_value(a->graph, s), tn_size_value(a->graph, l)));
    tn_tensor *away = tn_sub(i, j), *limit = tn_scalar(a->graph, TN_I64, (double)window);
    tn_tensor *ok = a->arg[OP_ATT_CAUSAL].i ? tn_ge(away, tn_scalar(a->graph, TN_I64, 0)) : NULL;
    if (window) {
        tn_tensor *near = tn_lt(tn_abs(away), limit);
        ok = ok ? tn_logical_and(ok, near) : near;
    }
    return ok;
}

tn_tensor *op_attention_scores(const op_attention_parts *a)
{
    tn_tensor *s = tn_mul_f(tn_matmul(a->q, tn_transpose(a->k, -2, -1)), a->scale), *ok = seen(a);
    tn_tensor *none = op_like_scalar(s, -INFINITY);
    if (ok)
        s = tn_where(ok, s, none);
    if (a->mask && tn_tensor_dtype(a->mask) == TN_BOOL)
        return tn_where(a->mask, s, none);
    return a->mask ? tn_add(s, a->mask) : s;
}

tn_tensor *op_attention_weights(tn_tensor *scores, tn_tensor *lse)
{
    tn_tensor *none = tn_eq(lse, op_like_scalar(lse, -INFINITY));
    return tn_exp(tn_sub(scores, tn_unsqueeze(tn_masked_fill(lse, none, 0), -1)));
}

tn_tensor *op_attention_dropped(const op_attention_parts *a, tn_tensor *x)
{
    if (a->arg[OP_ATT_P].f == 0 || graph_poisoned(x))
        return x;
    /* as [heads, L, S], where elements are numbered row by row */
    tn_tensor *flat = tn_reshape(x, TN_SHAPE(TN_INFER, tn_dim_of(x, -2), tn_dim_of(x, -1)));
    return tn_reshape(op_dropout_of(flat, a->arg[OP_ATT_P].f, a->arg[OP_ATT_STREAM].i), tn_tensor_shape(x));
}

tn_tensor *op_attention_slopes(const op_attention_parts *a, tn_tensor *weights, tn_tensor *dy, tn_tensor *y,
                               tn_tensor *dlse)
{
    const int64_t last = -1;
    tn_tensor *d = op_attention_dropped(a, tn_matmul(dy, tn_transpose(a->v, -2, -1)));
    tn_tensor *all = tn_sum_axes(tn_mul(dy, y), 1, &last, true);
    if (dlse)
        all = tn_sub(all, tn_unsqueeze(dlse, -1));
    return tn_mul(weights, tn_sub(d, all));
}

/* ---- references ---------------------------------------------------------------------------------------------------- */

op_attention_sizes op_attention_sizes_of(const op_value *arg, const op_array *q, const op_array *k, const op_array *v)
{
    int r = q->rank;
    op_attention_sizes z = {.heads = 1,
                            .groups = r > 2 && k->dims[r - 3] ? q->dims[r - 3] / k->dims[r - 3] : 1,
                            .l = q->dims[r - 2],
                            .s = k->dims[r - 2],
                            .e = q->dims[r - 1],
                            .f = v->dims[r - 1]};
    z.shift = arg[OP_ATT_FROM_END].i ? z.s - z.l : 0;
    z.scale = arg[OP_ATT_SCALE].f != 0 ? arg[OP_ATT_SCALE].f : 1 / sqrt((double)z.e);
    z.grid = *q;
    z.grid.dims[r - 1] = z.s;
    for (int i = 0; i < r - 2; i++)
        z.heads *= q->dims[i];
    return z;
}

double op_attention_score(const op_attention_sizes *z, const op_value *arg, const op_array *q, const op_array *k,
                          const op_array *mask, int64_t row, int64_t j, double *size)
{
    int64_t head = row / z->l, away = row % z->l + z->shift - j, window = arg[OP_ATT_WINDOW].i;
    const double *a = q->f + row * z->e, *b = k->f + (head / z->groups * z->s + j) * z->e;
    int64_t at = mask ? op_ref_index(&z->grid, mask, row * z->s + j) : 0;
    double sum = 0;
    *size = 0;
    if ((arg[OP_ATT_CAUSAL].i && away < 0) || (window && (away < 0 ? -away : away) >= window) ||
        (mask && mask->i && !mask->i[at]))
        return -INFINITY;
    for (int64_t i = 0; i < z->e; i++) {
        sum += a[i] * b[i] * z->scale;
        *size += fabs(a[i] * b[i] * z->scale);
    }
    *size += mask && mask->f && isfinite(mask->f[at]) ? fabs(mask->f[at]) : 0;
    return mask && mask->f ? sum + mask->f[at] : sum;
}

double op_attention_factor(const op_ref *c, const op_attention_sizes *z, int64_t row, int64_t j)
{
    double p = c->arg[OP_ATT_P].f;
    if (!c->training || p == 0)
        return 1;
    uint32_t word = op_random_word(c->seed, c->step, c->arg[OP_ATT_STREAM].i, (uint64_t)(row * z->s + j));
    return base_philox_f32(word) < (float)p ? 0 : 1 / (1 - p);
}
