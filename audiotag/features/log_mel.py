"""Compute log-mel spectrograms, and the network input made from them, in NumPy.

Pages, training and tagging all use this implementation; `audiotag.features.torch_log_mel` does the same for batches in
torch. Conventions: frequencies in Hz; lengths in samples unless a name ends in ``_s`` or ``_ms``; a log-mel spectrogram
(log-mel for short) has shape ``(n_mels, frames)``, low frequencies first, in dB re 1.0 (a power of 1 in a mel band). It
becomes the network input, shape ``(channels, height, width)``, by normalising, adding deltas and resizing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from audiotag.arrays import resize
from audiotag.errors import AudiotagError
from audiotag.features.mel import AMIN, mel_matrix, window
from audiotag.features.settings import DELTA_FRAMES, DeltaFilter, SpectrogramSettings
from audiotag.features.trimming import fit_length

FRAMES_AT_ONCE = 32  # few enough that their spectra stay in the processor's cache; its vector units run across frames
TOP_LEVEL = 255  # of a spectrogram in 8 bits
_OFFSETS = range(-(DELTA_FRAMES // 2), DELTA_FRAMES // 2 + 1)
# Least squares over offsets k = −4 … 4, which have Σk² = 60 and Σk⁴ = 708: the slope of a line is Σ k·x / 60, and twice
# the curvature of a parabola is 2·Σ (k² − 60/9)·x / (708 − 60²/9).
DELTA_TAPS = (tuple(k / 60 for k in _OFFSETS), tuple(2 * (k**2 - 60 / 9) / 308 for k in _OFFSETS))
MIN_DEVIATION_DB = 1e-3  # below it is silence, whose rounding errors must not be amplified
DISPLAY_BLOCK_VALUES = 1 << 22  # values of the spectra that are in memory at a time


class Scale(NamedTuple):
    """What is subtracted from a log-mel, and what it is then divided by, both in dB."""

    subtracted: float
    divisor: float


def log_mel(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Compute the log-mel spectrogram of a waveform in dB re 1.0.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32 in [-1, 1]
        Any length above half of ``settings.n_fft`` is allowed.
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels, settings.frames_of(samples)), float32, dB
        With a floor ``settings.top_db`` below the loudest value.

    Raises
    ------
    AudiotagError
        If the waveform is too short to be mirrored at its ends.

    Notes
    -----
    Equal to torchaudio's ``MelSpectrogram`` (centred frames, mirrored ends, Hann window of ``win_length`` padded to
    ``n_fft``, power) and ``AmplitudeToDB``. Frames are only as long as the window, because the zeros around it change
    the phase and not the power. The mel matrix is 98 % zeros, so only its triangles are summed.
    """
    require_samples(len(waveform), settings)
    padded = _pad_mirrored(waveform, settings) if settings.centred else np.asarray(waveform, dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, settings.win_length)[:: settings.hop_length]
    return apply_floor(frames_in_db(frames[: settings.frames_of(len(waveform))], settings), settings)


def require_samples(samples: int, settings: SpectrogramSettings) -> None:
    """Raise if a waveform has too few samples for a log-mel."""
    if samples < settings.fewest_samples:
        rule = f"longer than half of n_fft ({settings.n_fft // 2} samples)"
        rule = rule if settings.centred else f"at least as long as a window ({settings.win_length} samples)"
        raise AudiotagError(f"the waveform must be {rule}, got {samples}; pad it to the clip length first.")


def samples_before(settings: SpectrogramSettings) -> int:
    """Number of samples of a window before the time of its frame, which is its centre or its beginning."""
    return settings.n_fft // 2 - (settings.n_fft - settings.win_length) // 2 if settings.centred else 0


def _pad_mirrored(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Pad a waveform with its mirror image, by one window length in total; three times as fast as `numpy.pad`."""
    before, end = samples_before(settings), samples_before(settings) + len(waveform)
    padded = np.empty(len(waveform) + settings.win_length, dtype=np.float32)
    padded[before:end] = waveform
    padded[:before] = padded[2 * before : before : -1]
    padded[end:] = padded[end - 2 : end - 2 - (len(padded) - end) : -1]
    return padded


def frames_in_db(frames: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Compute the mel bands of frames in dB, without a floor.

    SciPy computes the FFT where `audiotag.features.kernels` has none: for odd lengths, and those with a prime factor
    above 7.

    Parameters
    ----------
    frames : numpy.ndarray, shape=(frames, win_length), float32
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels, frames), float32, dB
    """
    from audiotag.features import kernels  # imports numba, which is too slow for the start of a page

    kernels.compile_in_another_process()
    window_weights, bins = window(settings.window, settings.win_length), settings.n_fft // 2 + 1
    starts, ends, mel_weights = _band_weights(settings)
    plan = kernels.fft_plan(settings.n_fft)
    signal, scratch, power, bands = kernels.allocate_buffers(bins, settings.n_mels, FRAMES_AT_ONCE)
    decibels = np.empty((settings.n_mels, len(frames)), dtype=np.float32)
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        part = frames[first : first + FRAMES_AT_ONCE]
        if plan:
            kernels.pack_windowed(part, window_weights, signal)
            kernels.power_spectrum(signal, scratch, (settings.win_length + 1) // 2, *plan, power)
        else:
            power[:, : len(part)] = _scipy_power_spectrum(part * window_weights, settings.n_fft).T
        if settings.power == 1:
            np.sqrt(power[:, : len(part)], out=power[:, : len(part)])
        kernels.sum_bands(power, starts, ends, mel_weights, bands)
        decibels[:, first : first + FRAMES_AT_ONCE] = bands[:, : len(part)]
    if settings.log_offset:
        decibels += np.float32(settings.log_offset)
    np.log10(np.maximum(decibels, AMIN, out=decibels), out=decibels)
    decibels *= np.float32(20 / settings.power)
    return decibels


def _scipy_power_spectrum(frames: np.ndarray, n_fft: int) -> np.ndarray:
    """Power spectrum of windowed frames for any FFT length, shape ``(frames, n_fft // 2 + 1)``."""
    import scipy.fft

    spectrum = scipy.fft.rfft(frames, n=n_fft, axis=1)
    return np.square(spectrum.real) + np.square(spectrum.imag)


@lru_cache(maxsize=32)
def _band_weights(settings: SpectrogramSettings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`mel_matrix` as `kernels.sum_bands` takes it: first bin of each band, end of its weights, all weights."""
    matrix = mel_matrix(settings)
    ends = matrix.indptr[1:]
    starts = np.append(matrix.indices, 0)[matrix.indptr[:-1]]  # the start of an empty last band is never read
    return starts.astype(np.int64), ends.astype(np.int64), matrix.data


def apply_floor(decibels: np.ndarray, settings: SpectrogramSettings, out: np.ndarray | None = None) -> np.ndarray:
    """Raise the values of a clip to at least ``top_db`` below its loudest value; ``out`` may be the clip itself."""
    return np.maximum(decibels, decibels.max() - np.float32(settings.top_db), out=out)


def network_input(log_mel: np.ndarray, settings: SpectrogramSettings, scale: Scale | None = None) -> np.ndarray:
    """Make the network input from a log-mel: normalise it, add its deltas, resize it.

    The other features of `audiotag.features.crop_features.crop_features`, waveforms, stay as they are.

    Parameters
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
    settings : SpectrogramSettings
        With ``normalise="batch"`` the clip is a batch of one and is normalised by its own mean and deviation; in
        training all clips of a batch share one mean and deviation (`network_inputs`).
    scale : Scale, optional
        Of the whole clip that the log-mel was cut from, see `clip_scale`; by default that of the log-mel itself.

    Returns
    -------
    numpy.ndarray, shape=(settings.channels, settings.height, settings.width), float32
    """
    return network_inputs(log_mel[None], settings, None if scale is None else [scale])[0]


def network_inputs(
    log_mels: np.ndarray, settings: SpectrogramSettings, scales: Sequence[Scale] | None = None
) -> np.ndarray:
    """Make the network inputs of a batch: ``(batch, n_mels, frames)`` in dB → ``(batch, channels, height, width)``."""
    channel = normalise(log_mels, settings, scales)
    channels = [channel] * settings.equal_channels
    batch = np.stack([*channels, *deltas(channel, settings.deltas, settings.delta_filter)], axis=1)
    if not settings.resize:
        return batch
    if settings.resize_filter == "nearest":
        rows, columns = (
            nearest_lines(*sizes) for sizes in zip(batch.shape[2:], (settings.height, settings.width), strict=True)
        )
        return batch[:, :, rows[:, None], columns]
    return resize(batch, settings.height, settings.width)


def nearest_lines(have: int, wanted: int) -> np.ndarray:
    """Which of ``have`` lines is nearest to the middle of each of ``wanted`` lines, shape ``(wanted,)``."""
    return ((2 * np.arange(wanted) + 1) * have) // (2 * wanted)


def clip_scale(log_mel: np.ndarray, settings: SpectrogramSettings) -> Scale:
    """What `normalise` subtracts from a log-mel of this clip, and divides it by, with "clip" and "range"."""
    if settings.normalise == "range":
        low = float(log_mel.min())
        return Scale(low, float(log_mel.max()) - low)
    mean = float(log_mel.mean(dtype=np.float64))
    return Scale(mean, float(np.sqrt(np.square(log_mel - mean, dtype=np.float64).mean())))


def normalise(log_mels: np.ndarray, settings: SpectrogramSettings, scales: Sequence[Scale] | None = None) -> np.ndarray:
    """Subtract a mean from log-mels, shape ``(…, n_mels, frames)``, and divide by a standard deviation.

    Mean and deviation are those of each clip, of the whole batch (over all axes), or of the settings; or minimum and
    range are those of each clip. With ``normalise="none"`` the log-mels are returned unchanged.

    Parameters
    ----------
    log_mels : numpy.ndarray, shape=(…, n_mels, frames), dB
    settings : SpectrogramSettings
    scales : sequence of Scale, optional
        For log-mels of shape ``(batch, n_mels, frames)`` that were cut from whole clips, with "clip" and "range": the
        scale of each whole clip. By default that of each log-mel.
    """
    if settings.normalise == "none":
        return log_mels
    if settings.normalise == "global":
        return (log_mels - np.float32(settings.mean_db)) / np.float32(settings.std_db)
    if scales is not None and settings.normalise != "batch":
        subtracted, divisor = (np.array(part, dtype=np.float32)[:, None, None] for part in zip(*scales, strict=True))
        return _scaled(log_mels - subtracted, divisor, settings)
    axes = None if settings.normalise == "batch" else (-2, -1)
    if settings.normalise == "range":
        centred = log_mels - log_mels.min(axis=axes, keepdims=True)
        return _scaled(centred, centred.max(axis=axes, keepdims=True), settings)
    mean = log_mels.mean(axis=axes, keepdims=True, dtype=np.float64)
    centred = (log_mels - mean).astype(np.float32)
    return _scaled(centred, np.sqrt(np.square(centred).mean(axis=axes, keepdims=True, dtype=np.float64)), settings)


def _scaled(centred: np.ndarray, divisor: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Log-mels from which a mean or minimum was subtracted, divided by a deviation or range."""
    divisor = np.maximum(divisor, MIN_DEVIATION_DB).astype(np.float32)
    if settings.normalise != "range":
        return centred / divisor
    levels = np.floor(np.clip(centred / divisor, 0, 1) * np.float32(TOP_LEVEL)) / np.float32(TOP_LEVEL)
    return (levels - np.float32(settings.range_mean)) / np.float32(settings.range_std)


def deltas(log_mels: np.ndarray, orders: int, delta_filter: DeltaFilter = "slope") -> list[np.ndarray]:
    """Compute the first and the second derivative along time from nine frames.

    Parameters
    ----------
    log_mels : numpy.ndarray, shape=(…, frames)
    orders : int
        0 for none, 1 for the first derivative, 2 for both.
    delta_filter : "slope" or "savitzky-golay"
        "slope" is linear regression, with repeated edge frames, as in the HTK book (equation 5.16); its second
        derivative is the slope of the slope. "savitzky-golay" takes the derivatives of a line and of a parabola that
        are fitted to nine frames, as librosa's ``feature.delta`` with its default ``mode="interp"``: the fits at the
        ends give the values of the four outermost frames, which are all equal, because these derivatives of a line and
        a parabola are constant. It needs nine frames.

    Returns
    -------
    list[numpy.ndarray]
        ``orders`` arrays of the same shape, in units per frame and per frame².
    """
    if delta_filter == "slope":
        slopes, slope = [], log_mels
        for _ in range(orders):
            slope = _filtered(_edge_repeated(slope), DELTA_TAPS[0])
            slopes.append(slope)
        return slopes
    if orders and log_mels.shape[-1] < DELTA_FRAMES:
        raise AudiotagError(f"deltas of a fit need at least {DELTA_FRAMES} frames, got {log_mels.shape[-1]}.")
    return [_edge_repeated(_filtered(log_mels, taps)) for taps in DELTA_TAPS[:orders]]


def _edge_repeated(log_mels: np.ndarray) -> np.ndarray:
    reach = DELTA_FRAMES // 2
    return np.pad(log_mels, [(0, 0)] * (log_mels.ndim - 1) + [(reach, reach)], mode="edge")


def _filtered(log_mels: np.ndarray, taps: tuple[float, ...]) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(log_mels, len(taps), axis=-1) @ np.array(taps, dtype=np.float32)


def display_log_mel(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Compute the log-mel of a whole recording for display, whatever its length.

    `log_mel` refuses a waveform shorter than half an FFT, and needs memory in proportion to its length. For the
    spectrogram of a player, a short waveform is padded with zeros and a long one is computed in blocks. Networks get
    the log-mel of a crop instead.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels, frames), float32, dB
    """
    if len(waveform) < settings.fewest_samples:
        padded = fit_length(waveform, settings.with_changes(padding="zeros-after"))
        return log_mel(padded, settings)[:, : max(1, settings.frames_of(len(waveform)))]
    hop = settings.hop_length
    margin = -(-settings.n_fft // hop)  # frames at a block's end that its mirror image changes
    size = max(margin, DISPLAY_BLOCK_VALUES // settings.n_fft)
    unfloored = settings.with_changes(top_db=200)  # the floor depends on the whole sound, not on one block
    blocks = []
    for first in range(0, settings.frames_of(len(waveform)), size):
        lead = min(first, margin)
        block = waveform[(first - lead) * hop : (first + size + margin) * hop]
        blocks.append(log_mel(block, unfloored)[:, lead : lead + size])
    return apply_floor(np.concatenate(blocks, axis=1), settings)
