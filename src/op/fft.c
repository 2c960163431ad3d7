/* fft: the discrete Fourier transform of complex numbers along an axis, y[k] = f sum of x[j] exp(-2 pi i j k / n), or with the other
 * sign (inverse). Complex numbers are a last axis of 2, which axes count. The factor f is op_fft_factor's. */
#include "op/scheme/fft.h"
#include "op/internal.h"

#include <math.h>

enum { AXIS, INVERSE, NORM };

static tn_status fft_infer(const op_infer *c)
{
    int axis = op_fft_complex_axis(c, AXIS);
    if (axis < 0)
        return c->error->status;
    BASE_TRY(op_fft_some(c, c->in[0]->dims[axis]));
    return op_infer_same(c);
}

/* The matrix is symmetric, so its adjoint is its conjugate. */
static tn_status fft_backward(const op_grad *c)
{
    return op_give(
        c, 0,
        op_fft_of(op_dout(c, 0), op_arg(c, AXIS)->i, !op_arg(c, INVERSE)->i, op_fft_other_norm(op_arg(c, NORM)->i)));
}

/* Row r, whose numbers begin at `first` and are 2 * stride apart. */
static void transform_row(const op_ref *c, int64_t first, int64_t step, int64_t n)
{
    const op_array *x = c->in[0];
    op_array *y = c->out[0];
    double factor = op_fft_factor(c->arg[NORM].i, c->arg[INVERSE].i, n), turn[2];
    for (int64_t k = 0; k < n; k++) {
        double re = 0, im = 0, size = 0;
        for (int64_t j = 0; j < n; j++) {
            double a = x->f[first + j * step], b = x->f[first + j * step + 1];
            op_fft_turn(c->arg[INVERSE].i ? j * k % n : -(j * k % n), n, turn);
            re += a * turn[0] - b * turn[1];
            im += a * turn[1] + b * turn[0];
            size += fabs(a) + fabs(b);
        }
        int64_t at = first + k * step;
        y->f[at] = factor * re;
        y->f[at + 1] = factor * im;
        y->magnitude[at] = y->magnitude[at + 1] = factor * size;
    }
}

static void fft_ref(const op_ref *c)
{
    op_row row = op_row_of(c->in[0], c->arg[AXIS].i);
    for (int64_t r = 0; r < row.count; r++)
        if (op_row_first(&row, r) % 2 == 0)
            transform_row(c, op_row_first(&row, r), row.stride, row.size);
}

static double flops(const op_value *arg, const graph_type *const *in, const graph_type *out)
{
    return op_fft_flops(in[0], arg[AXIS].i, op_elements(out) / 2);
}

const op_def op_fft = {
    .name = "fft",
    .doc = "The discrete Fourier transform along an axis of complex x[..., 2].",
    .torch = "torch.fft.fft",
    .onnx = "DFT",
    .in = {{"x", OP_BIT(TN_F64) | OP_BIT(TN_F32), 'T'}},
    .out = {{"y", 0, 'T'}},
    .arg = {[AXIS] = OP_ARG_INT("axis", -2),
            [INVERSE] = OP_ARG_BOOL("inverse", false),
            [NORM] = OP_ARG_ENUM("norm", OP_FFT_BACKWARD, op_fft_norms)},
    .infer = fft_infer,
    .grad = fft_backward,
    .ref = fft_ref,
    .flops = flops,
    .cases = (const char *const[]){"x=x[1x2]:finite", "x=x[2x2]:finite", "x=x[3x5x2]:finite axis=1",
                                   "x=x[2x7x2]:finite inverse=true", "x=x[8x2]:finite norm=ortho",
                                   "x=x[3x6x2]:finite axis=0 inverse=true norm=forward", "x=x[2x12x3x2]:finite axis=1",
                                   "x=x[2x64x2]:finite inverse=true norm=ortho", "x=x[2x15x17x2]:finite axis=-3",
                                   "x=x[67x2]:finite", "x=x[2x37x3x2]:finite axis=1", "x=x[256x2]:finite",
                                   "x=x[272x2x2]:finite axis=0 inverse=true", "x=x[33x4x2]:finite", "x=x[0x4x2]",
                                   "x=x[4x0x2] axis=0", NULL},
    .bad = (const op_bad[]){{"x=x[2x3]", "whose last axis of size 2"},
                            {"x=x[2]", "whose last axis of size 2"},
                            {"x=x[3x2] axis=2", "axis 2 of a 2-d tensor"},
                            {"x=x[3x2] axis=-1", "axis -1 holds real and imaginary parts"},
                            {"x=x[0x2]", "transforms of 0 numbers"},
                            {0}},
    .tol = {[TN_F64] = OP_TOL(1e-13, 1e-300), [TN_F32] = OP_TOL(2e-6, 1e-37)},
};

tn_tensor *op_fft_of(tn_tensor *x, int64_t axis, bool inverse, int64_t norm)
{
    return OP_MAKE(&op_fft, OP_ARGS([AXIS] = OP_I(axis), [INVERSE] = OP_I(inverse), [NORM] = OP_I(norm)), x);
}
