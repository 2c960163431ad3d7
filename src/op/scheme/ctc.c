/* ctc.c: see ctc.h. */
#include "op/scheme/ctc.h"

#include <math.h>

#include "op/scheme/loss.h"

enum { LOG_P, TARGET, INPUT_LENGTHS, TARGET_LENGTHS }; /* from `first` on */

tn_status op_ctc_check(const op_infer *c, int first)
{
    const graph_type *x = c->in[first + LOG_P], *target = c->in[first + TARGET];
    if (x->rank != 3)
        return op_fail(c, TN_SHAPE, "log_p has %d axes; it needs the shape [batch, steps, classes]", x->rank);
    if (target->rank != 2)
        return op_fail(c, TN_SHAPE, "target has %d axes; it needs the shape [batch, labels]", target->rank);
    BASE_TRY(op_want_same(c, x->dims[0], target->dims[0], "the samples of log_p and target"));
    for (int i = INPUT_LENGTHS; i <= TARGET_LENGTHS; i++) {
        const graph_type *lengths = c->in[first + i];
        if (lengths && lengths->rank != 1)
            return op_fail(c, TN_SHAPE, "%s has %d axes; it needs one, a length for each sample",
                           c->def->in[first + i].name, lengths->rank);
        if (lengths)
            BASE_TRY(op_want_same(c, x->dims[0], lengths->dims[0], "the samples of log_p and the lengths"));
    }
    if (x->dims[2] >= 0 && c->arg[OP_CTC_BLANK].i >= x->dims[2])
        return op_fail(c, TN_INVALID, "blank is %lld; log_p has %lld classes", (long long)c->arg[OP_CTC_BLANK].i,
                       (long long)x->dims[2]);
    return TN_OK;
}

/* ---- one sample -------------------------------------------------------------------------------------------------- */

static double add(double a, double b)
{
    double most = a > b ? a : b, least = a > b ? b : a;
    return isinf(least) && least < 0 ? most : most + log1p(exp(least - most));
}

/* Whether state u may be entered from u - 2: a label that differs from the one before. */
static bool may_skip(const op_alignment *s, int64_t u)
{
    return u % 2 && u > 1 && s->target[u / 2] != s->target[u / 2 - 1];
}

static int64_t column(int64_t u)
{
    return u % 2 ? u / 2 + 1 : 0;
}

double op_ctc_loss(const op_alignment *s, const double *e, double *work)
{
    int64_t n = 2 * s->labels + 1, width = s->labels + 1;
    if (s->steps == 0)
        return s->labels == 0 ? 0 : (double)INFINITY;
    for (int64_t u = 0; u < n; u++)
        work[u] = u < 2 ? e[column(u)] : -(double)INFINITY;
    for (int64_t t = 1; t < s->steps; t++) {
        const double *before = work + (t - 1) * n;
        for (int64_t u = 0; u < n; u++) {
            double sum = u > 0 ? add(before[u], before[u - 1]) : before[u];
            sum = may_skip(s, u) ? add(sum, before[u - 2]) : sum;
            work[t * n + u] = sum + e[t * width + column(u)];
        }
    }
    const double *last = work + (s->steps - 1) * n;
    return -(n > 1 ? add(last[n - 1], last[n - 2]) : last[n - 1]);
}

void op_ctc_shares(const op_alignment *s, double *e, double *work, double loss)
{
    int64_t n = 2 * s->labels + 1, width = s->labels + 1;
    double *now = work + s->steps * n, *later = now + n; /* of the alignments that go on from state u after step t */
    for (int64_t u = 0; u < n; u++)
        now[u] = u + 2 < n ? -(double)INFINITY : 0;
    for (int64_t t = s->steps - 1; t >= 0; t--) {
        double *row = e + t * width;
        for (int64_t u = 0; u < n; u++) /* with step t's own probability, for step t - 1 */
            later[u] = now[u] + row[column(u)];
        for (int64_t k = 0; k < width; k++)
            row[k] = 0;
        for (int64_t u = 0; u < n; u++)
            row[column(u)] += isinf(loss) ? 0 : exp(work[t * n + u] + now[u] + loss);
        for (int64_t u = 0; u < n; u++) {
            double sum = u + 1 < n ? add(later[u], later[u + 1]) : later[u];
            now[u] = u + 2 < n && may_skip(s, u + 2) ? add(sum, later[u + 2]) : sum;
        }
    }
}

/* ---- a sample of a reference ------------------------------------------------------------------------------------- */

static bool length_of(const op_ref *c, const op_array *lengths, int64_t n, int64_t most, int64_t *out)
{
    *out = lengths ? lengths->i[n] : most;
    if (*out >= 0 && *out <= most)
        return true;
    op_ref_fault(c, "a length is out of range");
    return false;
}

bool op_ctc_take(const op_ref *c, int first, int64_t n, op_alignment *s, int64_t *labels, double *e)
{
    const op_array *x = c->in[first + LOG_P], *target = c->in[first + TARGET];
    int64_t classes = x->dims[2], blank = c->arg[OP_CTC_BLANK].i;
    if (!length_of(c, c->in[first + INPUT_LENGTHS], n, x->dims[1], &s->steps) ||
        !length_of(c, c->in[first + TARGET_LENGTHS], n, target->dims[1], &s->labels))
        return false;
    s->target = labels;
    for (int64_t k = 0; k < s->labels; k++) {
        labels[k] = target->i[n * target->dims[1] + k];
        if (labels[k] < 0 || labels[k] >= classes) {
            op_ref_fault(c, "a target is not a class: its number is out of range");
            return false;
        }
    }
    for (int64_t t = 0; t < s->steps; t++)
        for (int64_t k = 0; k <= s->labels; k++)
            e[t * (s->labels + 1) + k] = x->f[(n * x->dims[1] + t) * classes + (k ? labels[k - 1] : blank)];
    return true;
}

/* ---- with other operators ---------------------------------------------------------------------------------------- */

/* Stands for the logarithm of 0: no NaN comes of it. */
static const double NEVER = -1e30;

typedef struct states {
    tn_tensor *e;       /* [N, T, U] */
    tn_tensor *skip;    /* [N, U]: may be entered from two before */
    tn_tensor *number;  /* [U]: 0, 1, ... */
    tn_tensor *never;   /* rank 0 */
    tn_tensor *lengths; /* [N, 1], of inputs, or NULL */
    tn_tensor *labels;  /* [N, 1] or [1, 1]: of the target */
} states;

/* a[N, U] moved on by so many states, a value in those that become free. */
static tn_tensor *moved(tn_tensor *a, int64_t by, double value)
{
    tn_tensor *behind = tn_pad(a, (int64_t[]){0, by}, (int64_t[]){0, 0}, value);
    return tn_slice(behind, 1, 0,
                    tn_dim_of(a, 1)); /* there may be fewer states than that: nothing is cut but what hangs over */
}

static states states_of(tn_tensor *const *in, int64_t blank)
{
    states s = {0};
    tn_tensor *x = in[LOG_P], *target = op_cast_to(in[TARGET], TN_I64);
    tn_graph *g = x->graph;
    tn_dim labels = target->type.dims[1], n = dim_add(g->dims, dim_mul(g->dims, 2, labels), 1);
    tn_dtype dtype = x->type.dtype == TN_F64 ? TN_F64 : TN_F32;
    tn_tensor *none = tn_scalar(g, TN_I64, (double)blank);
    s.labels = in[TARGET_LENGTHS] ? tn_unsqueeze(op_cast_to(in[TARGET_LENGTHS], TN_I64), 1)
                                  : tn_expand(tn_size_value(g, labels), TN_SHAPE(1, 1));
    s.lengths = in[INPUT_LENGTHS] ? tn_unsqueeze(op_cast_to(in[INPUT_LENGTHS], TN_I64), 1) : NULL;
    target =
        tn_where(tn_lt(tn_arange(g, TN_I64, 0, 1, labels), s.labels), target, none); /* behind the last is anything */
    tn_tensor *blanks = tn_expand(none, tn_tensor_shape(target));
    tn_tensor *pairs = tn_reshape(tn_stack(2, (tn_tensor *const[]){blanks, target}, -1),
                                  TN_SHAPE(x->type.dims[0], dim_mul(g->dims, 2, labels)));
    tn_tensor *state = tn_pad(pairs, (int64_t[]){0, 0}, (int64_t[]){0, 1}, (double)blank);
    tn_tensor *before = moved(state, 2, (double)blank);
    s.number = tn_arange(g, TN_I64, 0, 1, n);
    tn_tensor *odd = tn_ne(tn_remainder(s.number, tn_scalar(g, TN_I64, 2)), tn_scalar(g, TN_I64, 0));
    s.skip = tn_logical_and(odd, tn_ne(state, before));
    s.never = tn_scalar(g, dtype, NEVER);
    tn_shape shape = TN_SHAPE(x->type.dims[0], x->type.dims[1], n);
    s.e = tn_gather(op_cast_to(x, dtype), 2, tn_expand(tn_unsqueeze(state, 1), shape));
    return s;
}

/* The logarithm of the sum of a and b. */
static tn_tensor *sum(tn_tensor *a, tn_tensor *b)
{
    return tn_logsumexp(tn_stack(2, (tn_tensor *const[]){a, b}, 0), 1, (const int64_t[]){0}, false);
}

tn_tensor *op_ctc_most_labels(const tn_tensor *target, tn_dtype dtype)
{
    tn_graph *g = target->graph;
    tn_tensor *labels = tn_size_value(g, target->type.dims[1]);
    return op_cast_to(tn_maximum(labels, tn_scalar(g, TN_I64, 1)), dtype);
}

tn_status op_ctc_lowered(tn_tensor *const *in, const op_value *arg, tn_tensor **loss)
{
    tn_dim steps = in[LOG_P]->type.dims[1];
    tn_graph *g = in[LOG_P]->graph;
    if (!dim_literal(steps)) { /* there is no loop over a number that only a run knows */
        graph_fail(g, TN_UNSUPPORTED,
                   "ctc: gradients of gradients are built step by step: the number of steps of log_p must be a number, "
                   "not a symbol. Pad to the longest and give input_lengths");
        return g->error.status;
    }
    states s = states_of(in, arg[OP_CTC_BLANK].i);
    tn_tensor *zero = tn_scalar(g, TN_I64, 0), *two = tn_scalar(g, TN_I64, 2);
    /* before the first step all is in a blank that stands before the first state, and in that alone */
    tn_tensor *first = tn_where(tn_eq(s.number, zero), tn_scalar(g, s.never->type.dtype, 0), s.never);
    tn_tensor *a = tn_expand(first, tn_tensor_shape(s.skip));
    for (int64_t t = 0; t < steps; t++) {
        tn_tensor *next = sum(a, moved(a, 1, NEVER));
        if (t > 0)
            next = sum(next, tn_where(s.skip, moved(a, 2, NEVER), s.never));
        next = tn_add(next, tn_squeeze(tn_slice(s.e, 1, t, t + 1), 1));
        a = s.lengths ? tn_where(tn_gt(s.lengths, tn_scalar(g, TN_I64, (double)t)), next, a) : next;
    }
    tn_tensor *last = tn_mul(s.labels, two), *one = tn_scalar(g, TN_I64, 1);
    tn_tensor *ends = tn_logical_or(tn_eq(s.number, last), tn_eq(s.number, tn_sub(last, one)));
    a = tn_neg(tn_logsumexp(tn_where(ends, a, s.never), 1, (const int64_t[]){1}, false));
    tn_tensor *nothing = tn_gt(a, tn_scalar(g, a->type.dtype, -NEVER / 1e3));
    double instead = arg[OP_CTC_ZERO_INFINITY].i ? 0 : (double)INFINITY;
    *loss = tn_where(nothing, tn_scalar(g, a->type.dtype, instead), a);
    return TN_OK;
}
