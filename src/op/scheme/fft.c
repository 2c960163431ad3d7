/* fft.c: see fft.h. */
#include "op/scheme/fft.h"

#include <math.h>

const char *const op_fft_norms[] = {"backward", "ortho", "forward", NULL};

double op_fft_factor(int64_t norm, bool inverse, int64_t n)
{
    if (norm == OP_FFT_ORTHO)
        return 1 / sqrt((double)n);
    return (norm == OP_FFT_FORWARD) != inverse ? 1 / (double)n : 1;
}

int op_fft_complex_axis(const op_infer *c, int arg)
{
    const graph_type *x = c->in[0];
    if (x->rank < 2 || (dim_literal(x->dims[x->rank - 1]) && x->dims[x->rank - 1] != 2)) {
        op_fail(c, TN_SHAPE, "takes complex numbers, whose last axis of size 2 holds real and imaginary parts");
        return -1;
    }
    int axis = op_axis(c, arg, x->rank);
    if (axis == x->rank - 1) {
        op_fail(c, TN_INVALID, "axis %lld holds real and imaginary parts and is not transformed",
                (long long)op_int(c, arg));
        return -1;
    }
    if (axis >= 0 && op_want_same(c, x->dims[x->rank - 1], 2, "the last axis, real and imaginary parts") != TN_OK)
        return -1;
    return axis;
}

tn_status op_fft_some(const op_infer *c, tn_dim n)
{
    return n == 0 ? op_fail(c, TN_SHAPE, "transforms of 0 numbers do not exist") : TN_OK;
}

double op_fft_flops(const graph_type *numbers, int64_t axis, double elements)
{
    double n = (double)numbers->dims[axis < 0 ? axis + numbers->rank : axis];
    return n > 1 ? 5 * elements * log2(n) : elements;
}

/* The angle is brought to an eighth of the circle: what is 0 or 1 is so exactly, and the rest to the last bit. */
void op_fft_turn(int64_t i, int64_t n, double turn[2])
{
    i = i % n < 0 ? i % n + n : i % n;
    int64_t eight = 8 * i / n, quarter = (eight + 1) / 2; /* the nearest multiple of a quarter */
    double angle = 6.283185307179586476925 * ((double)(4 * i - quarter * n) / (double)(4 * n));
    double c = cos(angle), s = sin(angle);
    switch (quarter % 4) {
    case 0: turn[0] = c, turn[1] = s; break;
    case 1: turn[0] = -s, turn[1] = c; break;
    case 2: turn[0] = -c, turn[1] = -s; break;
    default: turn[0] = s, turn[1] = -c;
    }
}
