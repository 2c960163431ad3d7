/* irfft: `size` real numbers along an axis from half of their spectrum, size / 2 + 1 complex numbers x[..., 2], the inverse of rfft.
 * Imaginary parts that real numbers do not have, of the first and (size even) of the last one, are not looked at. `once`: numbers of
 * the spectrum do not stand for their conjugate twins too: the gradient of rfft needs it. */
#include "op/internal.h"
#include "op/scheme/fft.h"

#include <math.h>

enum { AXIS, SIZE, NORM, ONCE };

static tn_status irfft_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    const op_value *size = &c->arg[SIZE];
    int axis = op_fft_complex_axis(c, AXIS);
    if (axis < 0)
        return c->error->status;
    if (size->n != 1 || size->list[0] == TN_INFER)
        return op_fail(c, TN_INVALID, "takes one size, which must be given");
    BASE_TRY(op_fft_some(c, size->list[0]));
    tn_dim half = dim_add(c->dims, dim_div(c->dims, size->list[0], 2), 1);
    BASE_TRY(op_want_same(c, x->dims[axis], half, "half the spectrum and size / 2 + 1"));
    BASE_TRY(op_like(c, 0, x));
    c->out[0].dims[axis] = size->list[0];
    c->out[0].rank--;
    return TN_OK;
}

static tn_status irfft_backward(const op_grad *c)
{
    int64_t axis = op_arg(c, AXIS)->i < 0 ? op_arg(c, AXIS)->i + op_in(c, 0)->type.rank : op_arg(c, AXIS)->i;
    return op_give(c, 0, op_rfft_of(op_dout(c, 0), axis, op_fft_other_norm(op_arg(c, NORM)->i), !op_arg(c, ONCE)->i));
}

static void irfft_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    int64_t axis = c->arg[AXIS].i < 0 ? c->arg[AXIS].i + x->rank : c->arg[AXIS].i;
    op_row row = op_row_of(y, axis);
    int64_t half = row.size / 2 + 1;
    double factor = op_fft_factor(c->arg[NORM].i, true, row.size), turn[2];
    for (int64_t r = 0; r < row.count; r++)
        for (int64_t j = 0; j < row.size; j++) {
            double sum = 0, size = 0;
            int64_t to = op_row_first(&row, r) + j * row.stride;
            for (int64_t k = 0; k < half; k++) {
                int64_t at = 2 * ((r / row.stride * half + k) * row.stride + r % row.stride);
                bool edge = k == 0 || 2 * k == row.size;
                double by = edge || c->arg[ONCE].i ? factor : 2 * factor;
                op_fft_turn(j * k % row.size, row.size, turn);
                sum += by * (x->f[at] * turn[0] - (edge ? 0 : x->f[at + 1] * turn[1]));
                size += by * (fabs(x->f[at]) + (edge ? 0 : fabs(x->f[at + 1])));
            }
            y->f[to] = sum;
            y->magnitude[to] = size;
        }
}

static double flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    int64_t axis = arg[AXIS].i < 0 ? arg[AXIS].i + in[0]->rank : arg[AXIS].i;
    return op_fft_flops(out, axis, op_elements(out) / 2);
}

const op_def op_irfft = {
    .name = "irfft",
    .doc = "`size` real numbers along an axis from half of their spectrum, complex x[..., 2].",
    .torch = "torch.fft.irfft",
    .onnx = "DFT",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -2),
            [SIZE] = OP_ARG_DIMS("size"),
            [NORM] = OP_ARG_ENUM("norm", OP_FFT_BACKWARD, op_fft_norms),
            [ONCE] = OP_ARG_BOOL("once", false)},
    .infer = irfft_infer,
    .grad = irfft_backward,
    .ref = irfft_ref,
    .flops = flops,
    .cases = (const char *const[]){"x=x[1x2]:finite size=1", "x=x[2x2]:finite size=2", "x=x[2x2]:finite size=3",
                                   "x=x[3x3x2]:finite size=5", "x=x[3x4x2]:finite size=6 norm=ortho",
                                   "x=x[2x5x3x2]:finite axis=1 size=8 norm=forward",
                                   "x=x[2x5x3x2]:finite axis=1 size=9 once=true",
                                   "x=x[2x6x17x2]:finite axis=-3 size=10 once=true", "x=x[18x11x2]:finite size=20",
                                   "x=x[2x38x2]:finite size=74", "x=x[34x2x2]:finite axis=0 size=67",
                                   "x=x[2x257x2]:finite size=512 once=true", "x=x[273x2x2]:finite axis=0 size=544",
                                   "x=x[0x3x2] size=4", "x=x[3x0x2] axis=0 size=5", NULL},
    .bad = (const op_bad[]){{"x=x[3x3] size=4", "whose last axis of size 2"},
                            {"x=x[3x2] axis=-1 size=4", "holds real and imaginary parts"},
                            {"x=x[3x2] axis=3 size=4", "axis 3 of a 2-d tensor"},
                            {"x=x[3x2] size=4,5", "takes one size"},
                            {"x=x[3x2] size=-1", "takes one size"},
                            {"x=x[1x2] size=0", "transforms of 0 numbers"},
                            {"x=x[3x2] size=7", "half the spectrum and size / 2 + 1"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_tensor *op_irfft_of(tn_tensor *x, int64_t axis, tn_dim size, int64_t norm, bool once)
{
    return OP_MAKE(&op_irfft,
                   OP_ARGS([AXIS] = OP_I(axis), [SIZE] = OP_L(1, &size), [NORM] = OP_I(norm), [ONCE] = OP_I(once)), x);
}
