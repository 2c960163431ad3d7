/* fourier.c: Fourier transforms of signals: along axes, of frames, and back (Griffin, Lim 1984). Complex tensors have a last axis of 2. */
#include "op/compose/compose.h"
#include "op/scheme/fft.h"

#include <math.h>

/* ---- transforms -------------------------------------------------------------------------------------------------- */

tn_tensor *tn_fft(tn_tensor *x, int axis, tn_fft_norm norm)
{
    return op_fft_of(x, axis, false, norm);
}

tn_tensor *tn_ifft(tn_tensor *x, int axis, tn_fft_norm norm)
{
    return op_fft_of(x, axis, true, norm);
}

tn_tensor *tn_rfft(tn_tensor *x, int axis, tn_fft_norm norm)
{
    return op_rfft_of(x, axis, norm, false);
}

tn_tensor *tn_irfft(tn_tensor *x, tn_dim n, int axis, tn_fft_norm norm)
{
    if (op_unusable(x))
        return x;
    int at = op_axis_of(x, axis, "irfft");
    if (at < 0)
        return &x->graph->poison;
    dim_table *t = x->graph->dims;
    if (n == TN_INFER)
        n = dim_mul(t, dim_sub(t, x->type.dims[at], 1), 2);
    else if (!dim_literal(n) || n > 0)
        x = tn_fit_axis(x, at, dim_add(t, dim_div(t, n, 2), 1));
    return op_irfft_of(x, axis, n, norm, false);
}

/* All axes but those from `n` on; whoever fails leaves its sentence. */
static tn_tensor *along(tn_tensor *x, int n, const int64_t *axes, bool inverse, tn_fft_norm norm)
{
    for (int i = 0; i < n; i++)
        x = op_fft_of(x, axes[i], inverse, norm);
    return x;
}

tn_tensor *tn_fft_axes(tn_tensor *x, int n_axes, const int64_t *axes, tn_fft_norm norm)
{
    return along(x, n_axes, axes, false, norm);
}

tn_tensor *tn_ifft_axes(tn_tensor *x, int n_axes, const int64_t *axes, tn_fft_norm norm)
{
    return along(x, n_axes, axes, true, norm);
}

/* Axes count those of the real tensor; behind them the complex one has one more. */
tn_tensor *tn_rfft_axes(tn_tensor *x, int n_axes, const int64_t *axes, tn_fft_norm norm)
{
    if (op_unusable(x))
        return x;
    if (n_axes < 1 || n_axes > TN_MAX_RANK)
        return OP_REFUSE(x, TN_SHAPE, "rfft of '%s': %d axes asked for", tn_tensor_name(x), n_axes);
    int64_t other[TN_MAX_RANK];
    for (int i = 0; i < n_axes - 1; i++) {
        int at = op_axis_of(x, (int)axes[i], "rfft");
        if (at < 0)
            return &x->graph->poison;
        other[i] = at;
    }
    return along(op_rfft_of(x, axes[n_axes - 1], norm, false), n_axes - 1, other, false, norm);
}

tn_tensor *tn_irfft_axes(tn_tensor *x, tn_dim n, int n_axes, const int64_t *axes, tn_fft_norm norm)
{
    if (op_unusable(x))
        return x;
    if (n_axes < 1 || n_axes > TN_MAX_RANK)
        return OP_REFUSE(x, TN_SHAPE, "irfft of '%s': %d axes asked for", tn_tensor_name(x), n_axes);
    return tn_irfft(along(x, n_axes - 1, axes, true, norm), n, (int)axes[n_axes - 1], norm);
}

/* ---- complex numbers --------------------------------------------------------------------------------------------- */

/* Real (0) or imaginary (1) parts; a view. */
static tn_tensor *part(tn_tensor *x, int which)
{
    return tn_squeeze(tn_slice(x, -1, which, which + 1), -1);
}

static bool is_complex(tn_tensor *x, const char *builder)
{
    int rank = x->type.rank;
    if (rank >= 1 && dim_same(x->graph->dims, x->type.dims[rank - 1], 2, builder))
        return true;
    graph_fail(x->graph, TN_SHAPE,
               "%s of '%s' takes complex numbers, whose last axis of size 2 holds real and imaginary parts", builder,
               tn_tensor_name(x));
    return false;
}

tn_tensor *tn_complex(tn_tensor *re, tn_tensor *im)
{
    return tn_stack(2, (tn_tensor *const[]){re, im}, -1);
}

tn_tensor *tn_complex_abs(tn_tensor *x)
{
    if (op_unusable(x))
        return x;
    if (!is_complex(x, "complex_abs"))
        return &x->graph->poison;
    tn_tensor *re = part(x, 0), *im = part(x, 1), *zero = op_like_scalar(x, 0);
    tn_tensor *none = tn_logical_and(tn_eq(re, zero), tn_eq(im, zero));
    return tn_where(none, zero, tn_hypot(tn_where(none, op_like_scalar(x, 1), re), im));
}

tn_tensor *tn_complex_mul(tn_tensor *a, tn_tensor *b)
{
    if (op_unusable(a) || op_unusable(b))
        return op_unusable(a) ? a : b;
    if (!is_complex(a, "complex_mul") || !is_complex(b, "complex_mul"))
        return &a->graph->poison;
    tn_tensor *ar = part(a, 0), *ai = part(a, 1), *br = part(b, 0), *bi = part(b, 1);
    return tn_complex(tn_sub(tn_mul(ar, br), tn_mul(ai, bi)), tn_add(tn_mul(ar, bi), tn_mul(ai, br)));
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static const tn_stft_opt plain = {0};

/* The window, of n_fft numbers with zeros on both sides; *good is false when it does not fit. NULL: none. */
static tn_tensor *full_window(tn_tensor *x, int64_t n_fft, const tn_stft_opt *o, const char *builder, bool *good)
{
    tn_tensor *w = o->window;
    *good = false;
    if (n_fft < 1 || n_fft > OP_FAR || o->hop < 0 || o->hop > OP_FAR) {
        OP_REFUSE(x, TN_INVALID, "%s of '%s': frames of %lld elements, %lld apart; both must be above 0", builder,
                  tn_tensor_name(x), (long long)n_fft, (long long)o->hop);
        return NULL;
    }
    *good = true;
    if (!w || graph_poisoned(w))
        return w;
    tn_dim n = w->type.rank == 1 ? w->type.dims[0] : 0;
    if (!dim_literal(n) || n < 1 || n > n_fft) {
        OP_REFUSE(x, TN_SHAPE, "%s of '%s': the window must be a vector of 1 to %lld numbers, as many as a frame",
                  builder, tn_tensor_name(x), (long long)n_fft);
        *good = false;
        return NULL;
    }
    int64_t low[1] = {(n_fft - n) / 2}, high[1] = {n_fft - n - low[0]};
    return n == n_fft ? w : tn_pad(w, low, high, 0);
}

static int64_t hop_of(const tn_stft_opt *o, int64_t n_fft)
{
    return o->hop ? o->hop : n_fft >= 4 ? n_fft / 4 : 1;
}

/* Spectra of frames [..., frames, numbers, 2]. */
static tn_tensor *spectra(tn_tensor *x, int64_t n_fft, const tn_stft_opt *o, const char *builder)
{
    bool good;
    tn_tensor *w = full_window(x, n_fft, o, builder, &good);
    tn_fft_norm norm = o->normalized ? TN_FFT_ORTHO : TN_FFT_BACKWARD;
    if (!good)
        return &x->graph->poison;
    if (x->type.rank < 1 || x->type.rank > TN_MAX_RANK - 2)
        return OP_REFUSE(x, TN_SHAPE, "%s of '%s' takes signals [..., L] of up to %d axes; it has %d", builder,
                         tn_tensor_name(x), TN_MAX_RANK - 2, x->type.rank);
    if (!o->no_center) {
        int64_t side[TN_MAX_RANK] = {0};
        side[x->type.rank - 1] = n_fft / 2;
        x = o->zeros ? tn_pad(x, side, side, 0) : tn_pad_border(x, side, side, TN_BORDER_REFLECT);
    }
    tn_tensor *y = op_frames_of(x, n_fft, hop_of(o, n_fft));
    y = w ? tn_mul(y, w) : y;
    if (o->two_sided)
        return op_fft_of(tn_complex(y, op_full_like(y, TN_NONE, 0)), -2, false, norm);
    return op_rfft_of(y, -1, norm, false);
}

tn_tensor *tn_stft(tn_tensor *x, int64_t n_fft, const tn_stft_opt *opt)
{
    return op_unusable(x) ? x : tn_transpose(spectra(x, n_fft, opt ? opt : &plain, "stft"), -2, -3);
}

tn_tensor *op_spectrogram_of(tn_tensor *x, int64_t n_fft, double power, const tn_stft_opt *opt)
{
    tn_tensor *y = spectra(x, n_fft, opt ? opt : &plain, "spectrogram");
    if (power == 1)
        return tn_complex_abs(y);
    y = tn_add(tn_square(part(y, 0)), tn_square(part(y, 1)));
    return power == 2 ? y : tn_pow_f(y, power / 2);
}

tn_tensor *tn_spectrogram(tn_tensor *x, int64_t n_fft, double power, const tn_stft_opt *opt)
{
    if (op_unusable(x))
        return x;
    if (!(power > 0))
        return OP_REFUSE(x, TN_INVALID, "spectrogram of '%s': the power is %g; it must be above 0", tn_tensor_name(x),
                         power);
    return tn_transpose(op_spectrogram_of(x, n_fft, power, opt), -1, -2);
}

/* y[..., total] without what was added on both sides, or `length` elements of it. */
static tn_tensor *cut(tn_tensor *y, int64_t side, tn_dim length)
{
    if (op_unusable(y))
        return y;
    dim_table *t = y->graph->dims;
    int rank = y->type.rank;
    tn_dim total = y->type.dims[rank - 1], end = length ? dim_add(t, length, side) : dim_sub(t, total, side);
    if (dim_literal(total) && dim_literal(end) && end > total) {
        int64_t none[TN_MAX_RANK] = {0}, more[TN_MAX_RANK] = {0};
        more[rank - 1] = end - total;
        y = tn_pad(y, none, more, 0);
    }
    return tn_slice(y, -1, side, end);
}

tn_tensor *tn_istft(tn_tensor *x, int64_t n_fft, const tn_stft_opt *opt)
{
    const tn_stft_opt *o = opt ? opt : &plain;
    bool good;
    if (op_unusable(x))
        return x;
    tn_tensor *w = full_window(x, n_fft, o, "istft", &good), *y, *sum;
    if (!good)
        return &x->graph->poison;
    if (x->type.rank < 3)
        return OP_REFUSE(x, TN_SHAPE, "istft of '%s' takes spectra [..., numbers, frames, 2]; it has %d axes",
                         tn_tensor_name(x), x->type.rank);
    tn_fft_norm norm = o->normalized ? TN_FFT_ORTHO : TN_FFT_BACKWARD;
    tn_dim frames = tn_dim_of(x, -2), numbers = o->two_sided ? n_fft : n_fft / 2 + 1;
    if (!dim_same(x->graph->dims, tn_dim_of(x, -3), numbers, "istft"))
        return OP_REFUSE(x, TN_SHAPE, "istft of '%s': frames of %lld elements have spectra of %lld numbers, not %lld",
                         tn_tensor_name(x), (long long)n_fft, (long long)numbers, (long long)tn_dim_of(x, -3));
    x = tn_transpose(x, -2, -3); /* of whole spectra the first half is looked at, as PyTorch does */
    y = op_irfft_of(tn_slice(x, -2, 0, n_fft / 2 + 1), -2, n_fft, norm, false);
    w = w ? w : tn_full(x->graph, x->type.dtype, TN_SHAPE(n_fft), 1);
    y = tn_overlap_add(tn_mul(y, w), hop_of(o, n_fft));
    sum = tn_overlap_add(tn_expand(tn_square(w), TN_SHAPE(frames, n_fft)), hop_of(o, n_fft));
    int64_t side = o->no_center ? 0 : n_fft / 2;
    y = cut(y, side, o->length);
    sum = cut(sum, side, o->length);
    tn_tensor *zero = op_like_scalar(x, 0), *covered = tn_gt(sum, op_like_scalar(x, 1e-11));
    tn_tensor *share = tn_reciprocal(tn_where(covered, sum, op_like_scalar(x, 1)));
    return tn_mul(y, tn_where(covered, share, zero));
}
