/* Builders of signals that make several nodes: open sizes and sentences (support/compose.h). Values are compared with PyTorch's in
 * tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/compose.h"

/* A signal of open length. */
static tn_tensor *line(tn_tensor *x)
{
    return tn_unsqueeze(tn_flatten(x, 0), 0);
}

/* ---- open sizes -------------------------------------------------------------------------------------------------- */

static tn_tensor *transformed(tn_tensor *x)
{
    tn_tensor *y = tn_rfft_axes(x, 2, (int64_t[]){2, 0}, TN_FFT_ORTHO);
    y = tn_complex_mul(y, tn_fft_axes(y, 1, (int64_t[]){1}, TN_FFT_FORWARD));
    tn_tensor *back = tn_irfft_axes(y, tn_dim_of(x, 0), 2, (int64_t[]){2, 0}, TN_FFT_BACKWARD);
    return tn_add(back, tn_complex_abs(tn_ifft_axes(tn_complex(x, tn_square(x)), 1, (int64_t[]){0}, TN_FFT_ORTHO)));
}
static tn_tensor *there_and_back(tn_tensor *x)
{
    tn_tensor *window = tn_window(tn_tensor_graph(x), TN_F32, TN_WINDOW_HAMMING, 7, false), *y = line(x);
    tn_stft_opt o = {.hop = 3, .window = window, .normalized = true};
    tn_tensor *spectrum = tn_mul_f(tn_stft(y, 8, &o), 2);
    o.length = tn_dim_of(y, -1);
    return tn_istft(spectrum, 8, &o);
}
static tn_tensor *whole_spectra(tn_tensor *x)
{
    tn_stft_opt o = {.no_center = true, .two_sided = true};
    return tn_add(tn_stft(line(x), 9, &o), tn_stft(line(tn_square(x)), 9, &o));
}
static tn_tensor *powers(tn_tensor *x)
{
    tn_stft_opt o = {.zeros = true};
    return tn_add(tn_spectrogram(line(x), 8, 1, &o), tn_spectrogram(line(x), 8, 3, &o));
}
static tn_tensor *mels(tn_tensor *x)
{
    tn_mel_opt o = {.n_fft = 8, .hop = 3, .mels = 3, .slaney = true, .slaney_norm = true};
    tn_tensor *y = tn_log_mel(line(x), &o);
    o.log = TN_MEL_DECIBEL;
    return tn_concat(2, (tn_tensor *const[]){y, tn_mfcc(line(x), 2, &o)}, 1);
}
static tn_tensor *resampled(tn_tensor *x)
{
    tn_tensor *y = tn_resample(tn_resample(line(x), 300, 200, NULL), 2, 2, NULL);
    return tn_resample(y, 2, 5, TN_OPT(tn_resample_opt, .kaiser = true, .width = 3, .rolloff = 0.9));
}
static tn_tensor *overlapped(tn_tensor *x)
{
    return tn_overlap_add(tn_frames(line(x), 5, 2), 3);
}
/* Cut and filled to sizes that are symbols, and back. */
static tn_tensor *fitted(tn_tensor *x)
{
    tn_graph *g = tn_tensor_graph(x);
    tn_dim n = tn_dim_of(x, 0);
    tn_tensor *y = tn_rfft(tn_fit_axis(x, 2, tn_dim_add(g, n, 1)), 2, TN_FFT_BACKWARD);
    y = tn_irfft(y, tn_dim_add(g, n, 3), 2, TN_FFT_ORTHO);
    return tn_add(tn_fit_axis(y, 2, 4), tn_fit_axis(tn_fit_axis(x, 0, 3), 0, n));
}
static compose_fn *const builders[] = {transformed, there_and_back, whole_spectra, powers,
                                       mels,        resampled,      overlapped,    fitted};

/* ---- sentences --------------------------------------------------------------------------------------------------- */

static tn_tensor *bad_axis(tn_tensor *x)
{
    return tn_irfft(x, 4, 3, TN_FFT_BACKWARD);
}
static tn_tensor *bad_count(tn_tensor *x)
{
    return tn_rfft_axes(x, 0, NULL, TN_FFT_BACKWARD);
}
static tn_tensor *bad_count_back(tn_tensor *x)
{
    return tn_irfft_axes(x, 4, 9, NULL, TN_FFT_BACKWARD);
}
static tn_tensor *bad_other_axis(tn_tensor *x)
{
    return tn_rfft_axes(x, 2, (int64_t[]){-4, 1}, TN_FFT_BACKWARD);
}
static tn_tensor *bad_word(tn_tensor *x)
{
    return tn_rfft(x, 0, (tn_fft_norm)3);
}
static tn_tensor *bad_abs(tn_tensor *x)
{
    return tn_complex_abs(x);
}
static tn_tensor *bad_mul(tn_tensor *x)
{
    return tn_complex_mul(tn_complex(x, x), x);
}
static tn_tensor *bad_frame(tn_tensor *x)
{
    return tn_stft(x, 0, NULL);
}
static tn_tensor *bad_hop(tn_tensor *x)
{
    return tn_istft(x, 4, TN_OPT(tn_stft_opt, .hop = -1));
}
static tn_tensor *bad_window(tn_tensor *x)
{
    return tn_stft(x, 4, TN_OPT(tn_stft_opt, .window = x));
}
static tn_tensor *bad_border(tn_tensor *x)
{
    return tn_stft(x, 8, NULL);
}
static tn_tensor *bad_short(tn_tensor *x)
{
    return tn_stft(x, 8, TN_OPT(tn_stft_opt, .no_center = true));
}
static tn_tensor *bad_signal(tn_tensor *x)
{
    return tn_stft(tn_sum(x), 4, NULL);
}
static tn_tensor *bad_power(tn_tensor *x)
{
    return tn_spectrogram(x, 4, 0, NULL);
}
static tn_tensor *bad_spectrum(tn_tensor *x)
{
    return tn_istft(tn_sum(x), 4, NULL);
}
static tn_tensor *bad_numbers(tn_tensor *x)
{
    return tn_istft(x, 8, NULL);
}
static tn_tensor *bad_kind(tn_tensor *x)
{
    return tn_window(tn_tensor_graph(x), TN_F32, (tn_window_kind)6, 4, false);
}
static tn_tensor *bad_size(tn_tensor *x)
{
    return tn_window(tn_tensor_graph(x), TN_F32, TN_WINDOW_HANN, 0, false);
}
static tn_tensor *bad_dtype(tn_tensor *x)
{
    return tn_window(tn_tensor_graph(x), TN_I64, TN_WINDOW_HANN, 4, false);
}
static tn_tensor *bad_mels(tn_tensor *x)
{
    return tn_log_mel(x, TN_OPT(tn_mel_opt, .mels = -1));
}
static tn_tensor *bad_range(tn_tensor *x)
{
    return tn_mel_spectrogram(x, TN_OPT(tn_mel_opt, .low = 300, .high = 200));
}
static tn_tensor *bad_mel_power(tn_tensor *x)
{
    return tn_log_mel(x, TN_OPT(tn_mel_opt, .power = -1));
}
static tn_tensor *bad_log(tn_tensor *x)
{
    return tn_log_mel(x, TN_OPT(tn_mel_opt, .n_fft = 4, .mels = 2, .log = (tn_mel_log)2));
}
static tn_tensor *bad_cosines(tn_tensor *x)
{
    return tn_mfcc(x, 3, TN_OPT(tn_mel_opt, .n_fft = 4, .mels = 2));
}
static tn_tensor *bad_rate(tn_tensor *x)
{
    return tn_resample(x, 0, 2, NULL);
}
static tn_tensor *bad_rates(tn_tensor *x)
{
    return tn_resample(x, 1000003, 999983, NULL);
}
static tn_tensor *bad_value(tn_tensor *x)
{
    return tn_resample(tn_sum(x), 1, 2, NULL);
}

static tn_tensor *bad_fit(tn_tensor *x)
{
    return tn_fit_axis(x, 3, 4);
}
static tn_tensor *bad_fit_size(tn_tensor *x)
{
    return tn_fit_axis(x, 2, TN_INFER);
}

static const compose_wrong wrong[] = {{bad_fit, "fit_axis of 'x': axis 3 of a 3-d tensor"},
                                      {bad_fit_size, "the size of axis 2 is not given"},
                                      {bad_axis, "irfft of 'x': axis 3 of a 3-d tensor"},
                                      {bad_count, "rfft of 'x': 0 axes asked for"},
                                      {bad_count_back, "irfft of 'x': 9 axes asked for"},
                                      {bad_other_axis, "rfft of 'x': axis -4 of a 3-d tensor"},
                                      {bad_word, "norm"},
                                      {bad_abs, "complex_abs of 'x' takes complex numbers"},
                                      {bad_mul, "complex_mul of 'x' takes complex numbers"},
                                      {bad_frame, "stft of 'x': frames of 0 elements, 0 apart"},
                                      {bad_hop, "istft of 'x': frames of 4 elements, -1 apart"},
                                      {bad_window, "the window must be a vector of 1 to 4 numbers"},
                                      {bad_border, "a border of 4 and 4 elements cannot be made of axis 2 of size 4"},
                                      {bad_short, "a frame of 8 elements does not fit into 4"},
                                      {bad_signal, "takes signals [..., L] of up to 6 axes; it has 0"},
                                      {bad_power, "the power is 0"},
                                      {bad_spectrum, "takes spectra [..., numbers, frames, 2]; it has 0 axes"},
                                      {bad_numbers, "have spectra of 5 numbers, not 2"},
                                      {bad_kind, "there is none of kind 6"},
                                      {bad_size, "there is none of kind 0 and 0 numbers"},
                                      {bad_dtype, "filters and windows are floats, not i64"},
                                      {bad_mels, "-1 of frames of 400 elements"},
                                      {bad_range, "from 300 to 200 Hz at a rate of 16000"},
                                      {bad_mel_power, "the power is -1"},
                                      {bad_log, "there is no logarithm 2"},
                                      {bad_cosines, "3 coefficients of 2 numbers"},
                                      {bad_rate, "from 0 to 2 samples a second"},
                                      {bad_rates, "need too large a filter"},
                                      {bad_value, "takes signals [..., L] of 1 to 7 axes; it has 0"}};

int main(void)
{
    compose_list list = COMPOSE_LIST(builders, wrong);
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(compose_open_sizes, &list),
                                       cmocka_unit_test_prestate(compose_sentences, &list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
