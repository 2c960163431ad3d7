/* rfft: the discrete Fourier transform of real numbers along an axis: the first half of the spectrum, n / 2 + 1 complex numbers, as a
 * new last axis of 2; the others are their conjugates. `twice` doubles those that have such a twin: the gradient of irfft needs it. */
#include "op/internal.h"
#include "op/scheme/fft.h"

#include <math.h>
#include <string.h>

enum { AXIS, NORM, TWICE };

static tn_status rfft_infer(const op_infer *c)
{
    const graph_type *x = c->in[0];
    int axis = op_axis(c, AXIS, x->rank);
    if (axis < 0)
        return c->error->status;
    if (x->rank == TN_MAX_RANK)
        return op_fail(c, TN_SHAPE, "the axis of real and imaginary parts would be one more than %d", TN_MAX_RANK);
    BASE_TRY(op_fft_some(c, x->dims[axis]));
    BASE_TRY(op_like(c, 0, x));
    c->out[0].dims[axis] = dim_add(c->dims, dim_div(c->dims, x->dims[axis], 2), 1);
    c->out[0].dims[c->out[0].rank++] = 2;
    return TN_OK;
}

static tn_status rfft_backward(const op_grad *c)
{
    tn_tensor *x = op_in(c, 0);
    int64_t axis = op_arg(c, AXIS)->i < 0 ? op_arg(c, AXIS)->i + x->type.rank : op_arg(c, AXIS)->i;
    return op_give(c, 0,
                   op_irfft_of(op_dout(c, 0), axis, x->type.dims[axis], op_fft_other_norm(op_arg(c, NORM)->i),
                               !op_arg(c, TWICE)->i));
}

static void rfft_ref(const op_ref *c)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    op_row row = op_row_of(x, c->arg[AXIS].i);
    int64_t half = row.size / 2 + 1;
    double factor = op_fft_factor(c->arg[NORM].i, false, row.size), turn[2];
    for (int64_t r = 0; r < row.count; r++)
        for (int64_t k = 0; k < half; k++) {
            double re = 0, im = 0, size = 0, by = c->arg[TWICE].i && k && 2 * k != row.size ? 2 * factor : factor;
            int64_t at = 2 * ((r / row.stride * half + k) * row.stride + r % row.stride);
            for (int64_t j = 0; j < row.size; j++) {
                double a = x->f[op_row_first(&row, r) + j * row.stride];
                op_fft_turn(-(j * k % row.size), row.size, turn);
                re += a * turn[0];
                im += a * turn[1];
                size += fabs(a);
            }
            y->f[at] = by * re;
            y->f[at + 1] = by * im;
            y->magnitude[at] = y->magnitude[at + 1] = by * size;
        }
}

static double flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    (void)out;
    return op_fft_flops(in[0], arg[AXIS].i, op_elements(in[0]) / 2);
}

const op_def op_rfft = {
    .name = "rfft",
    .doc = "Half the spectrum of real numbers along an axis, complex as a last axis of 2.",
    .torch = "torch.fft.rfft",
    .onnx = "DFT",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -1),
            [NORM] = OP_ARG_ENUM("norm", OP_FFT_BACKWARD, op_fft_norms),
            [TWICE] = OP_ARG_BOOL("twice", false)},
    .infer = rfft_infer,
    .grad = rfft_backward,
    .ref = rfft_ref,
    .flops = flops,
    .cases =
        (const char *const[]){"x=x[1]:finite", "x=x[2]:finite", "x=x[3x5]:finite", "x=x[3x6]:finite norm=ortho",
                              "x=x[8x3]:finite axis=0 norm=forward", "x=x[2x7x3]:finite axis=1 twice=true",
                              "x=x[2x10x17]:finite axis=-2 twice=true", "x=x[18x20]:finite", "x=x[2x74]:finite",
                              "x=x[67x2]:finite axis=0", "x=x[2x512]:finite twice=true norm=ortho",
                              "x=x[544x2]:finite axis=0", "x=x[2x400]:finite", "x=x[0x4]", "x=x[4x0] axis=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3] axis=2", "axis 2 of a 2-d tensor"},
                            {"x=x[3x0]", "transforms of 0 numbers"},
                            {"x=x[1x1x1x1x1x1x1x2]", "would be one more than"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_tensor *op_rfft_of(tn_tensor *x, int64_t axis, int64_t norm, bool twice)
{
    return OP_MAKE(&op_rfft, OP_ARGS([AXIS] = OP_I(axis), [NORM] = OP_I(norm), [TWICE] = OP_I(twice)), x);
}
