/* polygamma: derivative number n of digamma, 1 to 100; at 0, -1, -2, ... infinite for odd n, NaN for even n. */
#include "base/special.h"
#include "op/scheme/op.h"

enum { N };
enum { MOST = 100 };

static tn_status polygamma_infer(const op_infer *c)
{
    int64_t n = c->arg[N].i;
    if (n < 1 || n > MOST)
        return op_fail(c, TN_INVALID, "n is %lld; it must be from 1 to %d", (long long)n, MOST);
    return op_infer_same(c);
}

static tn_status polygamma_backward(const op_grad *c)
{
    return op_give(c, 0, tn_mul(op_dout(c, 0), tn_polygamma(op_in(c, 0), op_arg(c, N)->i + 1)));
}

static void polygamma_ref(const op_ref *c)
{
    for (int64_t i = 0; i < c->out[0]->count; i++)
        c->out[0]->f[i] = base_polygamma((int)c->arg[N].i, c->in[0]->f[i]);
}

const op_def op_polygamma = {
    .name = "polygamma",
    .doc = "Derivative number n of digamma.",
    .torch = "torch.polygamma",
    .in = {{"x", OP_FLOATS, 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[N] = OP_ARG_INT("n", 1)},
    .infer = polygamma_infer,
    .grad = polygamma_backward,
    .ref = polygamma_ref,
    .cases = (const char *const[]){"x=x[5]:above=0.5", "x=x[2x3x4]:above=0.5 n=2", "x=x[20]:above=1 n=3",
                                   "x=x[]:positive", "x=x[0x3]", NULL},
    .bad = (const op_bad[]){{"x=x[2] n=0", "n is 0"}, {"x=x[2] n=101", "n is 101"}, {0}},
    .tol = {OP_TOL_FLOATS},
};

tn_tensor *tn_polygamma(tn_tensor *x, int64_t n)
{
    return n == 0 ? tn_digamma(x) : OP_MAKE(&op_polygamma, OP_ARGS([N] = OP_I(n)), x);
}
