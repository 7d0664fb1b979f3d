"""Compute what a full-scale sine reads in a log-mel, so that its levels can be given in dB re full scale (dBFS).

A log-mel is in dB re a power of 1 in a mel band, which depends on window, FFT length, power and filter bank. A level in
dBFS does not: a sine of amplitude 1 at the centre of a band reads 0 dBFS in this band, whatever the settings are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiotag.features.mel import AMIN, WINDOW_COSINES, mel_frequencies, mel_matrix
from audiotag.features.settings import SpectrogramSettings


@lru_cache(maxsize=32)
def full_scale_db(settings: SpectrogramSettings) -> np.ndarray:
    """Level of a full-scale sine at the centre of each mel band, as `audiotag.features.log_mel.log_mel` gives it.

    Subtracted from a log-mel, it gives levels in dBFS.

    Parameters
    ----------
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels,), float64, dB re 1.0
        NaN for bands without an FFT bin (`audiotag.features.mel.empty_bands`). Read-only.

    Notes
    -----
    Let :math:`x[n] = \\sin(2π f n / r + φ)` with sample rate r, and w the window of N samples with the transform
    :math:`W(θ) = \\sum_n w[n] e^{-iθn}`. The sine is the difference of two exponentials with amplitudes of ½, so the
    FFT of the windowed frame at the bin of frequency :math:`f_k` is

    .. math:: |X_k| = ½ |e^{iφ} W(2π (f_k - f) / r) - e^{-iφ} W(2π (f_k + f) / r)|

    Zeros around the window change the phase alone. The second term matters only within a main lobe of 0 Hz or half the
    sample rate, and there its sign depends on the phase φ. The mean power over all phases has no cross term:

    .. math:: P_k = ¼ (|W(2π (f_k - f) / r)|² + |W(2π (f_k + f) / r)|²)

    A band sums :math:`m_k P_k^{p/2}` over its bins, with its filter m and ``power`` p of 2 or 1, and is given in
    :math:`(20/p) \\log_{10}` of this sum. With ``power=2`` and a band that is wider than the main lobe, m is about 1
    wherever P is not small, so by Parseval's theorem the reference is close to
    :math:`10 \\log_{10}(n_{fft} \\sum w² / 4)`. Narrower bands, at low frequencies, get a part of the main lobe; with
    ``mel_norm="slaney"`` m is smaller the wider the band is. Both make the reference different from band to band.
    """
    matrix = mel_matrix(settings).tocoo()
    centres_hz = mel_frequencies(settings)[matrix.row]
    bins_hz = matrix.col * settings.sample_rate / settings.n_fft
    power = sum(
        _window_power(2 * np.pi * (bins_hz + sign * centres_hz) / settings.sample_rate, settings) for sign in (-1, 1)
    )
    sums = np.bincount(matrix.row, matrix.data * (power / 4) ** (settings.power / 2), minlength=settings.n_mels)
    has_bins = np.bincount(matrix.row, minlength=settings.n_mels) > 0
    levels = np.where(has_bins, (20 / settings.power) * np.log10(np.maximum(sums + settings.log_offset, AMIN)), np.nan)
    levels.flags.writeable = False
    return levels


def _window_power(angle: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """|W|² of the settings' window at angles θ in radians per sample.

    A window is a sum of cosines, :math:`w[n] = \\sum_m (-1)^m a_m \\cos(2π m n / N)`, so its transform is a sum of
    shifted transforms D of the rectangular window.
    """
    size = settings.win_length
    shift = 2 * np.pi / size
    transform = np.zeros(len(angle), dtype=np.complex128)
    for order, weight in enumerate(WINDOW_COSINES[settings.window]):
        pair = _dirichlet(angle - order * shift, size) + _dirichlet(angle + order * shift, size)
        transform += (-1) ** order * weight / 2 * pair
    return np.square(np.abs(transform))


def _dirichlet(angle: np.ndarray, size: int) -> np.ndarray:
    """Transform of a rectangular window, :math:`D(θ) = e^{-iθ(N-1)/2} \\sin(Nθ/2) / \\sin(θ/2)`."""
    denominator = np.sin(angle / 2)
    is_peak = np.abs(denominator) < 1e-12
    ratio = np.sin(size * angle / 2) / np.where(is_peak, 1, denominator)
    return np.where(is_peak, size, np.exp(-0.5j * angle * (size - 1)) * ratio)
