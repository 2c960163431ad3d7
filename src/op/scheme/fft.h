/* fft.h: what fft, rfft and irfft share. Complex numbers are a last axis of 2, real and imaginary part, as torch.view_as_real has
 * them. The adjoint of a transform is the transform the other way round with the factor of the first, so gradients stay among these
 * operators: backward and forward change places. */
#ifndef OP_FFT_H
#define OP_FFT_H

#include "op/scheme/op.h"

enum { OP_FFT_BACKWARD, OP_FFT_ORTHO, OP_FFT_FORWARD };
extern const char *const op_fft_norms[];

/* What a transform of n numbers is multiplied by: backward divides inverse ones by n, forward the others, ortho both by the root. */
double op_fft_factor(int64_t norm, bool inverse, int64_t n);
static inline int64_t op_fft_other_norm(int64_t norm)
{
    return OP_FFT_FORWARD - norm;
}
/* The axis (argument `arg`) of complex x[..., 2], which is not its last; -1 and the sentence otherwise, or when x is not complex. */
int op_fft_complex_axis(const op_infer *c, int arg);
/* Nothing cannot be transformed. */
tn_status op_fft_some(const op_infer *c, tn_dim n);
/* 5 n log2(n) for each transform of n of the elements. */
double op_fft_flops(const graph_type *numbers, int64_t axis, double elements);

/* cos and sin of 2 pi i / n. */
void op_fft_turn(int64_t i, int64_t n, double turn[2]);

tn_tensor *op_fft_of(tn_tensor *x, int64_t axis, bool inverse, int64_t norm);
/* twice: what stands for two numbers of the whole spectrum is doubled. once: it counts once. */
tn_tensor *op_rfft_of(tn_tensor *x, int64_t axis, int64_t norm, bool twice);
tn_tensor *op_irfft_of(tn_tensor *x, int64_t axis, tn_dim size, int64_t norm, bool once);

#endif
