/* nonzero: where x is true, in row-major order: a row of coordinates each, and how many there are. The number of rows is given;
 * what is left of them is -1, and more elements than rows are a fault. The builder compares other dtypes with 0. */
#include "op/scheme/op.h"

enum { BOUND };

static tn_status nonzero_infer(const op_infer *c)
{
    if (c->arg[BOUND].n != 1 || c->arg[BOUND].list[0] == TN_INFER)
        return op_fail(c, TN_INVALID, "takes one bound, which must be given");
    c->out[0].rank = 2;
    c->out[0].dims[0] = c->arg[BOUND].list[0];
    c->out[0].dims[1] = c->in[0]->rank;
    c->out[1].rank = 0;
    return TN_OK;
}

static void nonzero_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t n = 0, at[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < x->count; i++) {
        if (!x->i[i])
            continue;
        op_ref_coordinates(x, i, at);
        for (int k = 0; k < x->rank && n < y->dims[0]; k++)
            y->i[n * x->rank + k] = at[k];
        n++;
    }
    if (n > y->dims[0])
        op_ref_fault(c, "more elements than the bound of nonzero are not 0");
    c->out[1]->i[0] = n < y->dims[0] ? n : y->dims[0];
    for (int64_t i = c->out[1]->i[0] * x->rank; i < y->count; i++)
        y->i[i] = -1;
}

const op_def op_nonzero = {
    .name = "nonzero",
    .doc = "The coordinates of the elements that are true, at most `bound`, and their number.",
    .torch = "torch.nonzero",
    .onnx = "NonZero",
    .in = {{"x", OP_BOOLS}},
    .out = {{"index", OP_BIT(TN_I64)}, {"count", OP_BIT(TN_I64)}},
    .arg = {[BOUND] = OP_ARG_DIMS("bound")},
    .flags = OP_FAULTS,
    .infer = nonzero_infer,
    .grad = op_grad_zero,
    .ref = nonzero_ref,
    .flops = op_no_flops,
    .cases = (const char *const[]){"x=b[6] bound=6", "x=b[3x4]:kinks=0 bound=15", "x=b[2x3x4] bound=30",
                                   "x=b[] bound=2", "x=b[0x3] bound=1", NULL},
    .bad = (const op_bad[]){{"x=b[2] bound=-1", "which must be given"}, {"x=b[2] bound=1,2", "takes one bound"}, {0}},
    .fault = (const op_bad[]){{"x=b[6]:positive bound=2", "more elements than the bound"}, {0}},
    .tol = {OP_TOL_EXACT},
};

tn_found tn_nonzero(tn_tensor *x, tn_dim bound)
{
    tn_tensor *index = OP_MAKE(&op_nonzero, OP_ARGS([BOUND] = OP_L(1, &bound)), op_cast_to(x, TN_BOOL));
    return (tn_found){index, index ? op_sibling(index, 1) : NULL};
}
