/* Operators on signals against PyTorch's: every case of signal.safetensors (make_signal.py) through compiled programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden.h"

static int64_t whole(const golden *c, const char *key, int64_t otherwise)
{
    return (int64_t)golden_number(c, key, (double)otherwise);
}

/* ---- transforms -------------------------------------------------------------------------------------------------- */

static bool make_irfft_n(golden *c)
{
    c->out[0] = tn_irfft(c->in[0], whole(c, "n", 0), -2, TN_FFT_BACKWARD);
    return true;
}

/* What PyTorch's n does to the axis, as tarn/ops.h says. */
static bool make_fft_n(golden *c)
{
    c->out[0] = tn_fft(tn_fit_axis(c->in[0], -2, whole(c, "n", 0)), -2, TN_FFT_BACKWARD);
    return true;
}
static bool make_rfft_n(golden *c)
{
    c->out[0] = tn_rfft(tn_fit_axis(c->in[0], -1, whole(c, "n", 0)), -1, TN_FFT_BACKWARD);
    return true;
}

/* The last two axes of numbers. */
static const int64_t complex_axes[2] = {-3, -2}, real_axes[2] = {-2, -1};

static bool make_fft_axes(golden *c)
{
    c->out[0] = tn_fft_axes(c->in[0], 2, complex_axes, TN_FFT_BACKWARD);
    return true;
}
static bool make_ifft_axes(golden *c)
{
    c->out[0] = tn_ifft_axes(c->in[0], 2, complex_axes, TN_FFT_ORTHO);
    return true;
}
static bool make_rfft_axes(golden *c)
{
    c->out[0] = tn_rfft_axes(c->in[0], 2, real_axes, TN_FFT_BACKWARD);
    return true;
}
static bool make_irfft_axes(golden *c)
{
    c->out[0] = tn_irfft_axes(c->in[0], whole(c, "n", 0), 2, complex_axes, TN_FFT_BACKWARD);
    return true;
}
static bool make_complex_abs(golden *c)
{
    c->out[0] = tn_complex_abs(c->in[0]);
    return true;
}
static bool make_complex_mul(golden *c)
{
    c->out[0] = tn_complex_mul(c->in[0], c->in[1]);
    return true;
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static bool make_window(golden *c)
{
    static const char *const kinds[] = {"hann", "hamming", "blackman", "bartlett", "kaiser"};
    int kind = 0;
    while (strcmp(kinds[kind], golden_word(c, "kind")) != 0)
        assert_true(++kind < 5);
    c->out[0] = tn_window(c->graph, TN_F32, (tn_window_kind)kind, whole(c, "n", 0), golden_flag(c, "symmetric", false));
    return true;
}

static tn_stft_opt stft_options(const golden *c)
{
    return (tn_stft_opt){.hop = whole(c, "hop", 4),
                         .window = c->in[1],
                         .no_center = !golden_flag(c, "center", true),
                         .zeros = strcmp(golden_word(c, "pad_mode"), "constant") == 0,
                         .normalized = golden_flag(c, "normalized", false),
                         .two_sided = !golden_flag(c, "onesided", true),
                         .length = whole(c, "length", 0)};
}
static bool make_stft(golden *c)
{
    tn_stft_opt o = stft_options(c);
    c->out[0] = tn_stft(c->in[0], whole(c, "n_fft", 16), &o);
    return true;
}
static bool make_istft(golden *c)
{
    tn_stft_opt o = stft_options(c);
    c->out[0] = tn_istft(c->in[0], whole(c, "n_fft", 16), &o);
    return true;
}
static bool make_spectrogram(golden *c)
{
    tn_stft_opt o = {.hop = 5, .window = c->in[1]};
    c->out[0] = tn_spectrogram(c->in[0], 16, golden_number(c, "power", 2), &o);
    return true;
}

/* ---- mels -------------------------------------------------------------------------------------------------------- */

static tn_mel_opt mel_options(const golden *c)
{
    return (tn_mel_opt){.rate = golden_number(c, "rate", 0),
                        .n_fft = whole(c, "n_fft", 0),
                        .window_length = whole(c, "window_length", 0),
                        .hop = whole(c, "hop", 0),
                        .mels = whole(c, "mels", 0),
                        .low = golden_number(c, "low", 0),
                        .high = golden_number(c, "high", 0),
                        .slaney = golden_flag(c, "slaney", false),
                        .slaney_norm = golden_flag(c, "slaney_norm", false),
                        .power = golden_number(c, "power", 0),
                        .no_center = !golden_flag(c, "center", true),
                        .log = strcmp(golden_word(c, "log"), "decibel") == 0 ? TN_MEL_DECIBEL : TN_MEL_LN};
}
static bool make_mel_bank(golden *c)
{
    tn_mel_opt o = mel_options(c);
    c->out[0] = tn_mel_bank(c->graph, TN_F32, &o);
    return true;
}
static bool make_mel_spectrogram(golden *c)
{
    tn_mel_opt o = mel_options(c);
    c->out[0] = tn_mel_spectrogram(c->in[0], &o);
    return true;
}
static bool make_log_mel(golden *c)
{
    tn_mel_opt o = mel_options(c);
    c->out[0] = tn_log_mel(c->in[0], &o);
    return true;
}
static bool make_dct_matrix(golden *c)
{
    c->out[0] = tn_dct_matrix(c->graph, TN_F32, whole(c, "n", 0), whole(c, "m", 0));
    return true;
}
static bool make_mfcc(golden *c)
{
    tn_mel_opt o = mel_options(c);
    c->out[0] = tn_mfcc(c->in[0], whole(c, "coefficients", 0), &o);
    return true;
}

static bool make_resample(golden *c)
{
    int64_t rate[TN_MAX_RANK] = {0};
    assert_int_equal(golden_numbers(c, "rates", rate), 2);
    tn_resample_opt o = {
        .width = whole(c, "width", 0), .rolloff = golden_number(c, "rolloff", 0), .beta = golden_number(c, "beta", 0)};
    o.kaiser = o.beta > 0;
    c->out[0] = tn_resample(c->in[0], rate[0], rate[1], &o);
    return true;
}

#define ROW(name)                                                                                                      \
    {                                                                                                                  \
#name, make_##name                                                                                             \
    }
static const golden_row table[] = {
    ROW(irfft_n),   ROW(fft_n),      ROW(rfft_n),      ROW(fft_axes),    ROW(ifft_axes),
    ROW(rfft_axes), ROW(irfft_axes), ROW(complex_abs), ROW(complex_mul), ROW(window),
    ROW(stft),      ROW(istft),      ROW(spectrogram), ROW(mel_bank),    ROW(mel_spectrogram),
    ROW(log_mel),   ROW(dct_matrix), ROW(mfcc),        ROW(resample),    {NULL, NULL}};

static void signals_are_as_in_pytorch(void **state)
{
    (void)state;
    golden_check_file("signal", 120, table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_are_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
