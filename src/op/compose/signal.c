/* signal.c: windows, filters, spectrograms on the mel scale (Stevens et al. 1937; Davis, Mermelstein 1980) and resampling (Smith 1984),
 * with the conventions of torch and torchaudio. */
#include "op/compose/compose.h"

#include <math.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

/* A constant of this dtype from numbers, which it frees; NULL is a failed allocation. */
static tn_tensor *constant_of(tn_graph *g, tn_dtype dtype, double *numbers, int rank, const int64_t *dims)
{
    unsigned char *at = numbers ? (unsigned char *)numbers : NULL;
    size_t size = tn_dtype_size(dtype), count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    tn_tensor *y = &g->poison;
    if (!numbers) {
        graph_fail(g, TN_MEMORY, "out of memory for a constant of %zu numbers", count);
    } else if (!tn_dtype_is_float(dtype)) {
        graph_fail(g, TN_DTYPE, "filters and windows are floats, not %s", tn_dtype_name(dtype));
    } else {
        for (size_t i = 0; i < count; i++) /* no element is larger than a double: those behind are untouched */
            (void)op_element_from_f64(dtype, numbers[i], at + i * size);
        tn_view view = tn_view_of(numbers, dtype, rank, dims);
        y = tn_constant(g, &view);
    }
    free(numbers);
    return y;
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

/* The modified Bessel function of the first kind, order 0. */
static double bessel(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 500 && term > sum * 1e-18; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

static double window_at(tn_window_kind kind, double place)
{
    double c = cos(2 * PI * place), away = 2 * place - 1;
    switch (kind) {
    case TN_WINDOW_HANN: return 0.5 - 0.5 * c;
    case TN_WINDOW_HAMMING: return 0.54 - 0.46 * c;
    case TN_WINDOW_BLACKMAN: return 0.42 - 0.5 * c + 0.08 * cos(4 * PI * place);
    case TN_WINDOW_BARTLETT: return 1 - fabs(away);
    case TN_WINDOW_KAISER: return bessel(12 * sqrt(fmax(0, 1 - away * away))) / bessel(12);
    default: return 1;
    }
}

tn_tensor *tn_window(tn_graph *graph, tn_dtype dtype, tn_window_kind kind, int64_t n, bool symmetric)
{
    if (n < 1 || n > 1 << 24 || (int)kind < 0 || kind > TN_WINDOW_ONES)
        return graph_fail(graph, TN_INVALID, "window: there is none of kind %d and %lld numbers", (int)kind,
                          (long long)n);
    double *w = malloc((size_t)n * sizeof *w);
    for (int64_t i = 0; w && i < n; i++)
        w[i] = n == 1 ? 1 : window_at(kind, (double)i / (double)(symmetric ? n - 1 : n));
    return constant_of(graph, dtype, w, 1, &n);
}

/* ---- mel scale ------------------------------------------------------------------------------------------------------ */

/* Options with what was left out. */
static tn_mel_opt with_defaults(const tn_mel_opt *opt)
{
    tn_mel_opt o = opt ? *opt : (tn_mel_opt){0};
    o.rate = o.rate != 0 ? o.rate : 16000;
    o.n_fft = o.n_fft ? o.n_fft : 400;
    o.window_length = o.window_length ? o.window_length : o.n_fft;
    o.hop = o.hop ? o.hop : o.window_length >= 2 ? o.window_length / 2 : 1;
    o.mels = o.mels ? o.mels : 80;
    o.high = o.high != 0 ? o.high : o.rate / 2;
    o.power = o.power != 0 ? o.power : 2;
    return o;
}

static bool is_possible(tn_graph *g, const tn_mel_opt *o)
{
    if (o->n_fft < 1 || o->n_fft > 1 << 24 || o->mels < 1 || o->mels > (1 << 26) / (o->n_fft / 2 + 1)) {
        graph_fail(g, TN_INVALID, "mel filters: %lld of frames of %lld elements; both must be above 0, and not huge",
                   (long long)o->mels, (long long)o->n_fft);
        return false;
    }
    if (!(o->rate > 0) || !(o->low >= 0) || !(o->high > o->low) || !(o->high <= o->rate)) {
        graph_fail(g, TN_INVALID, "mel filters from %g to %g Hz at a rate of %g; must be 0 <= low < high <= rate",
                   o->low, o->high, o->rate);
        return false;
    }
    return true;
}

/* Slaney's scale is linear up to 1000 Hz, 15 mels, and from there on logarithmic. */
static double mel_of(double hz, bool slaney)
{
    if (!slaney)
        return 2595 * log10(1 + hz / 700);
    return hz < 1000 ? hz * 3 / 200 : 15 + 27 * log(hz / 1000) / log(6.4);
}
static double hz_of(double mel, bool slaney)
{
    if (!slaney)
        return 700 * (pow(10, mel / 2595) - 1);
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

/* Filter m rises from corner m to m + 1 and falls to m + 2; corners are equally far apart in mels. */
tn_tensor *tn_mel_bank(tn_graph *graph, tn_dtype dtype, const tn_mel_opt *opt)
{
    const tn_mel_opt o = with_defaults(opt);
    if (!is_possible(graph, &o))
        return &graph->poison;
    const int64_t half = o.n_fft / 2 + 1, dims[2] = {half, o.mels};
    const double low = mel_of(o.low, o.slaney), step = (mel_of(o.high, o.slaney) - low) / (double)(o.mels + 1);
    double *w = malloc((size_t)(half * o.mels) * sizeof *w);
    for (int64_t m = 0; w && m < o.mels; m++) {
        const double from = hz_of(low + (double)m * step, o.slaney),
                     top = hz_of(low + (double)(m + 1) * step, o.slaney),
                     to = hz_of(low + (double)(m + 2) * step, o.slaney);
        for (int64_t k = 0; k < half; k++) {
            double hz = half > 1 ? (double)k * floor(o.rate / 2) / (double)(half - 1) : 0;
            double height = fmax(0, fmin((hz - from) / (top - from), (to - hz) / (to - top)));
            w[k * o.mels + m] = o.slaney_norm ? height * 2 / (to - from) : height;
        }
    }
    return constant_of(graph, dtype, w, 2, dims);
}

tn_tensor *tn_mel_spectrogram(tn_tensor *x, const tn_mel_opt *opt)
{
    if (op_unusable(x))
        return x;
    const tn_mel_opt o = with_defaults(opt);
    if (!(o.power > 0))
        return OP_REFUSE(x, TN_INVALID, "mel spectrogram of '%s': the power is %g; it must be above 0",
                         tn_tensor_name(x), o.power);
    tn_tensor *bank = tn_mel_bank(x->graph, x->type.dtype, &o);
    tn_tensor *window = tn_window(x->graph, x->type.dtype, o.window, o.window_length, false);
    tn_stft_opt s = {.hop = o.hop, .window = window, .no_center = o.no_center, .zeros = o.zeros};
    if (op_unusable(bank) || op_unusable(window))
        return &x->graph->poison;
    return tn_transpose(tn_matmul(op_spectrogram_of(x, o.n_fft, o.power, &s), bank), -1, -2);
}

tn_tensor *tn_log_mel(tn_tensor *x, const tn_mel_opt *opt)
{
    tn_tensor *y = tn_mel_spectrogram(x, opt);
    tn_mel_log how = opt ? opt->log : TN_MEL_LN;
    if (op_unusable(y))
        return y;
    if ((int)how < 0 || how > TN_MEL_DECIBEL)
        return OP_REFUSE(x, TN_INVALID, "log_mel of '%s': there is no logarithm %d", tn_tensor_name(x), (int)how);
    if (how == TN_MEL_LN)
        return tn_log(tn_add_f(y, 1e-6));
    y = tn_mul_f(tn_log10(tn_maximum(y, op_like_scalar(y, 1e-10))), 10);
    return tn_maximum(y, tn_sub_f(tn_max_axes(y, 2, (int64_t[]){-1, -2}, true), 80));
}

tn_tensor *tn_dct_matrix(tn_graph *graph, tn_dtype dtype, int64_t n, int64_t m)
{
    if (n < 1 || m < 1 || m > n || n > 1 << 13)
        return graph_fail(graph, TN_INVALID,
                          "dct_matrix: %lld coefficients of %lld numbers; must be 1 to as many as those", (long long)m,
                          (long long)n);
    double *w = malloc((size_t)(n * m) * sizeof *w);
    for (int64_t i = 0; w && i < n * m; i++) {
        const double k = (double)(i % m), place = (double)(i / m) + 0.5;
        w[i] = cos(PI * k * place / (double)n) * sqrt((k > 0 ? 2 : 1) / (double)n);
    }
    return constant_of(graph, dtype, w, 2, (int64_t[]){n, m});
}

tn_tensor *tn_mfcc(tn_tensor *x, int64_t coefficients, const tn_mel_opt *opt)
{
    tn_tensor *y = tn_log_mel(x, opt);
    if (op_unusable(y))
        return y;
    tn_tensor *w = tn_dct_matrix(y->graph, y->type.dtype, with_defaults(opt).mels, coefficients);
    return tn_transpose(tn_matmul(tn_transpose(y, -1, -2), w), -1, -2);
}

/* ---- resampling ----------------------------------------------------------------------------------------------------- */

static double resample_window(const tn_resample_opt *o, double t, double width)
{
    if (!o->kaiser)
        return cos(t * PI / width / 2) * cos(t * PI / width / 2);
    const double beta = o->beta > 0 ? o->beta : 14.769656459379492;
    return bessel(beta * sqrt(fmax(0, 1 - t / width * (t / width)))) / bessel(beta);
}

/* Row i [2 * side + from] makes the sample that stands i / to of a frame behind its beginning: a sinc that cuts at the rolloff, with a
 * window over `width` of its zero crossings on each side. */
static tn_tensor *sinc_filters(tn_tensor *x, int64_t from, int64_t to, const tn_resample_opt *o, double width,
                               int64_t side)
{
    const double rolloff = o->rolloff > 0 ? o->rolloff : 0.99;
    const double base = (double)(from < to ? from : to) * rolloff;
    const int64_t size = 2 * side + from, dims[2] = {to, size};
    double *w = malloc((size_t)(to * size) * sizeof *w);
    for (int64_t i = 0; w && i < to * size; i++) {
        double t = base * ((double)(i % size - side) / (double)from - (double)(i / size) / (double)to);
        t = fmax(-width, fmin(width, t));
        double sinc = t == 0 ? 1 : sin(PI * t) / (PI * t);
        w[i] = sinc * resample_window(o, t, width) * base / (double)from;
    }
    return constant_of(x->graph, x->type.dtype, w, 2, dims);
}

tn_tensor *tn_resample(tn_tensor *x, int64_t from, int64_t to, const tn_resample_opt *opt)
{
    static const tn_resample_opt usual = {0};
    const tn_resample_opt *o = opt ? opt : &usual;
    if (op_unusable(x))
        return x;
    if (x->type.rank < 1 || x->type.rank == TN_MAX_RANK)
        return OP_REFUSE(x, TN_SHAPE, "resample of '%s' takes signals [..., L] of 1 to %d axes; it has %d",
                         tn_tensor_name(x), TN_MAX_RANK - 1, x->type.rank);
    if (from < 1 || to < 1 || o->width < 0 || o->width > 4096 || !(o->rolloff >= 0 && o->rolloff <= 1))
        return OP_REFUSE(x, TN_INVALID,
                         "resample of '%s': from %lld to %lld samples a second, width %lld, rolloff %g; rates must be "
                         "above 0, the width up to 4096, the rolloff up to 1",
                         tn_tensor_name(x), (long long)from, (long long)to, (long long)o->width, o->rolloff);
    int64_t a = from, b = to;
    while (b) {
        int64_t rest = a % b;
        a = b, b = rest;
    }
    from /= a, to /= a;
    if (from == to)
        return x;
    const double width = (double)(o->width ? o->width : 6);
    const double lower = (double)(from < to ? from : to) * (o->rolloff > 0 ? o->rolloff : 0.99);
    const double reach = ceil(width * (double)from / lower);
    if ((double)to * (2 * reach + (double)from) > 1 << 24)
        return OP_REFUSE(x, TN_LIMIT,
                         "resample of '%s': rates of %lld to %lld, without common factors, need too large a filter",
                         tn_tensor_name(x), (long long)from, (long long)to);
    dim_table *t = x->graph->dims;
    const int64_t side = (int64_t)reach;
    tn_tensor *w = sinc_filters(x, from, to, o, width, side);
    tn_dim length = tn_dim_of(x, -1), whole = dim_div(t, dim_add(t, dim_mul(t, length, to), from - 1), from);
    int64_t low[TN_MAX_RANK] = {0}, high[TN_MAX_RANK] = {0};
    low[x->type.rank - 1] = side;
    high[x->type.rank - 1] = side + from;
    tn_tensor *y = tn_linear(op_frames_of(tn_pad(x, low, high, 0), 2 * side + from, from), w, NULL);
    tn_shape flat = tn_tensor_shape(x);
    flat.dims[flat.rank - 1] = op_unusable(y) ? 0 : dim_mul(t, tn_dim_of(y, -2), to);
    return tn_slice(tn_reshape(y, flat), -1, 0, whole);
}
