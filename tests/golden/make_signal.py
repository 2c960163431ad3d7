#!/usr/bin/env python3
"""Makes signal.safetensors: what PyTorch gives for Fourier transforms, frames, spectrograms, filters and resampling.

Usage: make_signal.py [FOLDER]      (PyTorch 2.x; the file is committed, so users never run this)

Complex tensors have a last axis of 2 (torch.view_as_real). Filters and resampling are computed here from their definitions as torchaudio
has them; where torchaudio is installed, they are compared with it. golden_cases.py says how the file is laid out.
"""
import math
import os
import sys

import torch

from golden_cases import case, random, save

try:
    import torchaudio.functional as audio
except ImportError:
    audio = None

SIZES = (1, 2, 3, 4, 7, 8, 15, 16, 17, 45, 101, 400, 512, 1009, 1024)


def complex_of(x):
    return torch.view_as_complex(x.contiguous())


def real_of(x):
    return torch.view_as_real(x.resolve_conj())


def agree(name, mine, theirs):
    """torchaudio computes in f32."""
    assert torch.allclose(mine.double(), theirs.double(), atol=2e-5, rtol=1e-4), f"{name} is not torchaudio's: {(mine - theirs).abs().max()}"


# ---- transforms


def transforms():
    for n in SIZES:
        second = n in (7, 16)
        case("fft", lambda x: real_of(torch.fft.fft(complex_of(x))), [random("fft", 2, n, 2)], tarn="fft", second=second)
        case("rfft", lambda x: real_of(torch.fft.rfft(x)), [random("rfft", 2, n)], tarn="rfft", second=second)
        case("irfft", lambda x, n=n: torch.fft.irfft(complex_of(x), n), [random("irfft", 2, n // 2 + 1, 2)], tarn=f"irfft size={n}", second=second)
    for norm in ("backward", "ortho", "forward"):
        case("fft", lambda x, norm: real_of(torch.fft.ifft(complex_of(x), norm=norm)), [random("ifft", 3, 20, 2)], tarn=f"fft inverse=true norm={norm}",
             norm=norm)
        case("fft", lambda x, norm: real_of(torch.fft.fft(complex_of(x), dim=0, norm=norm)), [random("fft axis", 6, 5, 2)],
             tarn=f"fft axis=0 norm={norm}", norm=norm)
        case("rfft", lambda x, norm: real_of(torch.fft.rfft(x, dim=1, norm=norm)), [random("rfft axis", 2, 9, 3)], tarn=f"rfft axis=1 norm={norm}",
             norm=norm)
        case("irfft", lambda x, norm: torch.fft.irfft(complex_of(x), 10, dim=-2, norm=norm), [random("irfft axis", 6, 3, 2)],
             tarn=f"irfft axis=0 size=10 norm={norm}", norm=norm)
    for n in (4, 7, 16):
        case("irfft_n", lambda x, n: torch.fft.irfft(complex_of(x), n), [random("irfft n", 2, 5, 2)], "cut or filled with zeros", n=n)
        case("fft_n", lambda x, n: real_of(torch.fft.fft(complex_of(x), n)), [random("fft n", 2, 8, 2)], "cut or filled with zeros", n=n)
        case("rfft_n", lambda x, n: real_of(torch.fft.rfft(x, n)), [random("rfft n", 2, 8)], "cut or filled with zeros", n=n)
    case("fft_axes", lambda x: real_of(torch.fft.fft2(complex_of(x))), [random("fft2", 2, 6, 5, 2)])
    case("ifft_axes", lambda x, norm: real_of(torch.fft.ifft2(complex_of(x), norm=norm)), [random("ifft2", 2, 6, 5, 2)], norm="ortho")
    case("rfft_axes", lambda x: real_of(torch.fft.rfft2(x)), [random("rfft2", 2, 6, 8)])
    case("irfft_axes", lambda x, n: torch.fft.irfft2(complex_of(x), s=(6, n)), [random("irfft2", 2, 6, 4, 2)], n=7)
    zero = random("abs", 3, 4, 2)
    zero[1, 2] = 0
    case("complex_abs", lambda x: complex_of(x).abs(), [zero], "the gradient at 0 is 0")
    case("complex_mul", lambda a, b: real_of(complex_of(a) * complex_of(b)), [random("mul", 3, 4, 2), random("mul b", 4, 2)], second=True)
    case("frames", lambda x: x.unfold(-1, 5, 3), [random("frames", 2, 3, 19)], tarn="frames size=5 step=3", second=True)
    add = lambda x: torch.nn.functional.fold(x.transpose(1, 2), (1, 15), (1, 5), stride=(1, 2)).flatten(1)
    case("overlap_add", add, [random("overlap", 2, 6, 5)], tarn="overlap_add step=2 length=15", second=True)


# ---- windows, frames of a signal

WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window, "blackman": torch.blackman_window, "bartlett": torch.bartlett_window,
           "kaiser": torch.kaiser_window}


def windows():
    for name, make in WINDOWS.items():
        for n, symmetric in ((9, False), (10, True), (1, False)):
            case("window", lambda make=make, **o: make(o["n"], periodic=not o["symmetric"], dtype=torch.float64), [], grad=False, kind=name, n=n,
                 symmetric=symmetric)


def short_spectra():
    x, hann = random("stft", 2, 70), torch.hann_window(16)

    def stft(x, w=None, n_fft=16, hop=4, center=True, pad_mode="reflect", normalized=False, onesided=True):
        return real_of(torch.stft(x, n_fft, hop, len(w) if w is not None else n_fft, w, center, pad_mode, normalized, onesided, True))

    def istft(x, w=None, n_fft=16, hop=4, center=True, normalized=False, onesided=True, length=None):
        return torch.istft(complex_of(x), n_fft, hop, len(w) if w is not None else n_fft, w, center, normalized, onesided, length)

    for o in ({}, {"hop": 5}, {"center": False}, {"pad_mode": "constant"}, {"normalized": True}, {"onesided": False}, {"n_fft": 17, "hop": 3}):
        case("stft", stft, [x, hann], second=not o, **o)
    case("stft", stft, [x], "no window", n_fft=16, hop=4)
    case("stft", stft, [x, torch.hamming_window(11)], "a shorter window", n_fft=16, hop=4)
    spectrum = real_of(torch.stft(x, 16, 4, 16, hann, return_complex=True))
    for o in ({}, {"length": 64}, {"length": 50}, {"normalized": True}):
        case("istft", istft, [spectrum, hann], second=not o, **o)
    case("istft", istft, [random("istft", 2, 9, 12, 2)], "no window, no centre", center=False, hop=6)
    case("istft", istft, [random("istft two", 2, 16, 6, 2), torch.hamming_window(11)], onesided=False, hop=3)
    for power in (1.0, 2.0, 1.5):
        case("spectrogram", lambda x, w, power: torch.stft(x, 16, 5, 16, w, return_complex=True).abs()**power, [x, hann], power=power)


# ---- mels


def mel_of(hz, slaney):
    if not slaney:
        return 2595 * math.log10(1 + hz / 700)
    return hz / (200 / 3) if hz < 1000 else 15 + math.log(hz / 1000) / (math.log(6.4) / 27)


def hz_of(mel, slaney):
    linear, steep = mel * (200 / 3), 1000 * torch.exp(math.log(6.4) / 27 * (mel - 15))
    return torch.where(mel < 15, linear, steep) if slaney else 700 * (10**(mel / 2595) - 1)


def bank_of(rate=16000, n_fft=400, mels=80, low=0.0, high=None, slaney=False, slaney_norm=False, **_):
    high = high or rate / 2
    hz = torch.linspace(0, rate // 2, n_fft // 2 + 1, dtype=torch.float64)
    corner = hz_of(torch.linspace(mel_of(low, slaney), mel_of(high, slaney), mels + 2, dtype=torch.float64), slaney)
    away = corner[None, :] - hz[:, None]
    rise, fall = -away[:, :-2] / (corner[1:-1] - corner[:-2]), away[:, 2:] / (corner[2:] - corner[1:-1])
    bank = torch.minimum(rise, fall).clamp(min=0)
    bank = bank * (2 / (corner[2:] - corner[:-2])) if slaney_norm else bank
    if audio:
        agree("the filter bank", bank, audio.melscale_fbanks(n_fft // 2 + 1, low, high, mels, rate, "slaney" if slaney_norm else None,
                                                             "slaney" if slaney else "htk"))
    return bank


def mel_spectrogram(x, rate=16000, n_fft=400, window_length=None, hop=None, power=2.0, center=True, **o):
    length = window_length or n_fft
    w = torch.hann_window(length, dtype=x.dtype)
    spectrum = torch.stft(x, n_fft, hop or length // 2, length, w, center, return_complex=True)
    spectrum = spectrum.real**2 + spectrum.imag**2 if power == 2 else spectrum.abs()**power
    return (spectrum.transpose(-1, -2) @ bank_of(rate, n_fft, **o).to(x.dtype)).transpose(-1, -2)


def log_mel(x, log="ln", **o):
    y = mel_spectrogram(x, **o)
    if log == "ln":
        return (y + 1e-6).log()
    y = 10 * y.clamp(min=1e-10).log10()
    return torch.maximum(y, y.amax((-1, -2), keepdim=True) - 80)


def cosines(n, m):
    matrix = torch.cos(math.pi / n * (torch.arange(n, dtype=torch.float64)[:, None] + 0.5) * torch.arange(m, dtype=torch.float64)[None, :])
    matrix[:, 0] *= 1 / math.sqrt(2)
    matrix *= math.sqrt(2 / n)
    if audio:
        agree("the cosine transform", matrix, audio.create_dct(m, n, "ortho"))
    return matrix


def mfcc(x, coefficients, **o):
    y = log_mel(x, **o)
    return (y.transpose(-1, -2) @ cosines(y.shape[-2], coefficients).to(x.dtype)).transpose(-1, -2)


def mels():
    for slaney in (False, True):
        for norm in (False, True):
            case("mel_bank", lambda **o: bank_of(**o), [], grad=False, rate=8000, n_fft=64, mels=9, low=100.0, high=3900.0, slaney=slaney,
                 slaney_norm=norm)
    case("mel_bank", lambda **o: bank_of(**o), [], grad=False, rate=11025, n_fft=65, mels=7)
    x = random("mel", 2, 300)
    small = {"rate": 8000, "n_fft": 64, "mels": 9}
    case("mel_spectrogram", mel_spectrogram, [x], second=True, **small)
    case("mel_spectrogram", mel_spectrogram, [x], power=1.0, window_length=50, hop=20, center=False, slaney=True, **small)
    case("log_mel", log_mel, [x], **small)
    case("log_mel", log_mel, [x], log="decibel", **small)
    case("log_mel", log_mel, [random("second of sound", 1600)], "the defaults")
    case("dct_matrix", lambda **o: cosines(o["n"], o["m"]), [], grad=False, n=9, m=5)
    case("mfcc", mfcc, [x], coefficients=5, **small)
    case("mfcc", mfcc, [x], coefficients=9, log="decibel", **small)


# ---- resampling


def resample(x, rates, width=6, rolloff=0.99, beta=None):
    """A sinc filter with a window, evaluated for each sample by its definition."""
    length, divisor = x.shape[-1], math.gcd(*rates)
    old, new = rates[0] // divisor, rates[1] // divisor
    cut = min(old, new) * rolloff
    reach = math.ceil(width * old / cut)
    count = -(-length * new // old)
    i, j = torch.arange(count), torch.arange(length)
    first = i // new * old  # the frame of sample i begins there
    t = ((j[None, :] - first[:, None]).double() / old - (i % new)[:, None].double() / new) * cut
    reached = (j[None, :] >= first[:, None] - reach) & (j[None, :] < first[:, None] + reach + old)
    t = t.clamp(-width, width)
    window = torch.cos(t * math.pi / width / 2)**2 if beta is None else torch.i0(beta * torch.sqrt(1 - (t / width)**2)) / torch.i0(torch.tensor(beta, dtype=torch.double))
    weight = torch.where(reached, torch.sinc(t) * window * cut / old, 0.0).to(x.dtype)
    y = x @ weight.T
    if audio:
        how = {} if beta is None else {"resampling_method": "sinc_interp_kaiser", "beta": beta}
        agree("resampling", y, audio.resample(x, *rates, lowpass_filter_width=width, rolloff=rolloff, **how))
    return y


def rates():
    x = random("resample", 2, 50)
    for pair in ((3, 2), (2, 3), (1, 4), (5, 1), (44100, 48000), (16000, 8000)):
        case("resample", resample, [x], rates=[n // math.gcd(*pair) for n in pair], second=pair == (3, 2))
    case("resample", resample, [x], rates=[3, 2], width=4, rolloff=0.9)
    case("resample", resample, [x], rates=[2, 5], beta=14.769656459379492)
    case("resample", resample, [random("resample one", 7)], rates=[7, 3])


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for group in (transforms, windows, short_spectra, mels, rates):
        group()
    save(os.path.join(folder, "signal.safetensors"), os.path.basename(__file__))


main()
