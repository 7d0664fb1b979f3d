"""The log-mel spectrogram: one implementation for playground, training and tagging.

Conventions: frequencies in Hz, lengths in samples unless a name ends in ``_s`` or ``_ms``; a log-mel has shape
``(n_mels, frames)``, low frequencies first, in dB re 1.0 (a power of 1 in a mel band); what a network gets of it has
shape ``(channels, height, width)``. `audiotag.sound.on_device` is the same for batches in torch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.sound.audio import trim_bounds
from audiotag.sound.augment import resize
from audiotag.sound.settings import MelScale, SpectrogramSettings, Window

AMIN = 1e-10  # what power (or amplitude) is floored at, as torchaudio's AmplitudeToDB does: −100 dB of power
FRAMES_AT_ONCE = 32  # their spectra stay in the cache, and a processor's vectors run across them
DELTA_REACH = 4  # frames to each side
STEADY_DB = 1e-3  # a deviation below it is silence, whose noise of rounding must not be blown up


def log_mel(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Log-mel spectrogram in dB re 1.0; ``top_db`` floors the clip that far below its own loudest bin.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32 in [-1, 1]
        Longer than half of ``settings.n_fft``; any length beyond that.
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels, 1 + samples // hop_length), float32, dB

    Raises
    ------
    AudiotagError
        If the waveform is too short to be mirrored at its ends.

    Notes
    -----
    Equal to torchaudio's ``MelSpectrogram`` (centred frames, ends mirrored, Hann window of ``win_length`` padded to
    ``n_fft``, power) and ``AmplitudeToDB``. Only the window's samples are framed, the zeros around it add nothing but
    a phase; and of the mel matrix, 98 % zeros, only the triangles are summed.
    """
    if len(waveform) <= settings.n_fft // 2:
        raise AudiotagError(
            f"the waveform must be longer than half of n_fft ({settings.n_fft // 2} samples), got {len(waveform)}; "
            "pad it to the clip length first."
        )
    frames = np.lib.stride_tricks.sliding_window_view(_mirrored(waveform, settings), settings.win_length)
    frames = frames[:: settings.hop_length]
    return floored(frames_in_db(frames[: 1 + len(waveform) // settings.hop_length], settings), settings)


def samples_before(settings: SpectrogramSettings) -> int:
    """Samples of a window that lie left of its frame's centre."""
    return settings.n_fft // 2 - (settings.n_fft - settings.win_length) // 2


def _mirrored(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """The waveform, a window's length of its mirror image around it: `numpy.pad`, which takes three times as long."""
    before, end = samples_before(settings), samples_before(settings) + len(waveform)
    padded = np.empty(len(waveform) + settings.win_length, dtype=np.float32)
    padded[before:end] = waveform
    padded[:before] = padded[2 * before : before : -1]
    padded[end:] = padded[end - 2 : end - 2 - (len(padded) - end) : -1]
    return padded


def frames_in_db(frames: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Mel bands of frames, shape ``(frames, win_length)``, float32, as ``(n_mels, frames)`` in dB without a floor.

    FFTs of lengths that `kernels` has no passes for (odd ones, and those with a prime factor above 7) are SciPy's.
    """
    from audiotag.sound import kernels  # with it comes numba, which takes longer to import than a page may

    weights, bins = window(settings.window, settings.win_length), settings.n_fft // 2 + 1
    starts, ends, mel_weights = _runs(settings)
    plan = kernels.plan(settings.n_fft)
    planes, spare, power, bands = kernels.room(bins, settings.n_mels, FRAMES_AT_ONCE)
    decibels = np.empty((settings.n_mels, len(frames)), dtype=np.float32)
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        part = frames[first : first + FRAMES_AT_ONCE]
        if plan:
            kernels.place(part, weights, planes)
            kernels.power_of(planes, spare, (settings.win_length + 1) // 2, *plan, power)
        else:
            power[:, : len(part)] = _power_by_scipy(part * weights, settings.n_fft).T
        if settings.power == 1:
            np.sqrt(power[:, : len(part)], out=power[:, : len(part)])
        kernels.mel(power, starts, ends, mel_weights, bands)
        decibels[:, first : first + FRAMES_AT_ONCE] = bands[:, : len(part)]
    np.log10(np.maximum(decibels, AMIN, out=decibels), out=decibels)
    decibels *= np.float32(20 / settings.power)
    return decibels


def _power_by_scipy(frames: np.ndarray, n_fft: int) -> np.ndarray:
    """Power of the bins of windowed frames, ``(frames, n_fft // 2 + 1)``, for an FFT of any length."""
    import scipy.fft

    spectrum = scipy.fft.rfft(frames, n=n_fft, axis=1)
    return np.square(spectrum.real) + np.square(spectrum.imag)


@lru_cache(maxsize=32)
def _runs(settings: SpectrogramSettings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`mel_matrix` for `kernels.mel`: the first bin of each band, the ends of their weights, and the weights."""
    matrix = mel_matrix(settings)
    ends = matrix.indptr[1:]
    starts = np.append(matrix.indices, 0)[matrix.indptr[:-1]]  # an empty last band's start is never read
    return starts.astype(np.int64), ends.astype(np.int64), matrix.data


def floored(decibels: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """A clip's bands with their floor ``top_db`` below the loudest of them."""
    return np.maximum(decibels, decibels.max() - np.float32(settings.top_db))


def network_input(log_mel: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """What the network gets of a log-mel: normalised, with its deltas, resized.

    Parameters
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
    settings : SpectrogramSettings
        With ``normalise="batch"`` the picture is a batch of one: in training the whole batch shares one mean and
        deviation (`network_inputs`), and one clip alone has none but its own.

    Returns
    -------
    numpy.ndarray, shape=(settings.channels, settings.height, settings.width), float32
    """
    return network_inputs(log_mel[None], settings)[0]


def network_inputs(log_mels: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """`network_input` of a batch: ``(batch, n_mels, frames)`` in dB → ``(batch, channels, height, width)``."""
    pictures = normalised(log_mels, settings)
    batch = np.stack([pictures, *deltas(pictures, settings.deltas)], axis=1)
    return resize(batch, settings.height, settings.width) if settings.resize else batch


def normalised(log_mels: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Log-mels, ``(…, n_mels, frames)``, less a mean, over a deviation; as they are for ``normalise="none"``.

    The mean and deviation are each clip's own, the batch's (over all axes), or the settings'.
    """
    if settings.normalise == "none":
        return log_mels
    if settings.normalise == "global":
        return (log_mels - np.float32(settings.mean_db)) / np.float32(settings.std_db)
    axes = None if settings.normalise == "batch" else (-2, -1)
    mean = log_mels.mean(axis=axes, keepdims=True, dtype=np.float64)
    around = (log_mels - mean).astype(np.float32)
    deviation = np.sqrt(np.square(around).mean(axis=axes, keepdims=True, dtype=np.float64))
    return around / np.maximum(deviation, STEADY_DB).astype(np.float32)


def deltas(picture: np.ndarray, orders: int) -> list[np.ndarray]:
    """Slopes of ``(…, frames)`` along time, and slopes of slopes: ``orders`` arrays of the same shape, a frame each.

    The regression over nine frames of librosa's and the HTK book's deltas (equation 5.16), edges repeated.
    """
    taps = np.arange(-DELTA_REACH, DELTA_REACH + 1, dtype=np.float32)
    taps /= float(np.square(taps).sum())
    found = []
    for _ in range(orders):
        padded = np.pad(picture, [(0, 0)] * (picture.ndim - 1) + [(DELTA_REACH, DELTA_REACH)], mode="edge")
        picture = np.lib.stride_tricks.sliding_window_view(padded, len(taps), axis=-1) @ taps
        found.append(picture)
    return found


def kept_bounds(waveform: np.ndarray, settings: SpectrogramSettings) -> tuple[int, int]:
    """First sample, and the one after the last, that the settings' trimming keeps of ``(samples,)``."""
    if not settings.trim_db:
        return 0, len(waveform)
    return trim_bounds(waveform, settings.sample_rate, settings.trim_db, settings.trim_pad_s)


def crop_start(samples: int, settings: SpectrogramSettings, at: float = 0.5) -> int:
    """First sample of the crop that `fit_length` takes; negative where zeros come before a shorter clip."""
    if samples < settings.clip_samples and settings.padding != "zeros":
        return 0
    return round(at * (samples - settings.clip_samples))


def fit_length(waveform: np.ndarray, settings: SpectrogramSettings, at: float = 0.5) -> np.ndarray:
    """Cut or pad a waveform to the clip length.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
    settings : SpectrogramSettings
        Its ``clip_s`` and ``padding`` are used.
    at : float
        0 to 1: where the crop lies in a longer clip, or a shorter clip between its zeros; training draws it at
        random, pages and tagger take the middle.

    Returns
    -------
    numpy.ndarray, shape=(settings.clip_samples,), float32
    """
    wanted, have = settings.clip_samples, len(waveform)
    start = crop_start(have, settings, at)
    if have >= wanted:
        return waveform[start : start + wanted]
    if settings.padding == "repeat" and have:
        return np.resize(waveform, wanted)
    return np.pad(waveform, (-start, wanted - have + start))


def mel_frequencies(settings: SpectrogramSettings) -> np.ndarray:
    """Centre frequency of each mel band in Hz, shape ``(n_mels,)``."""
    return mel_corners(settings)[1:-1]


def empty_bands(settings: SpectrogramSettings) -> np.ndarray:
    """Indices of mel bands that no FFT bin falls into: rows of the picture that stay dark."""
    return np.flatnonzero(np.asarray(mel_matrix(settings).sum(axis=1)).ravel() == 0)


def hz_to_mel(frequency_hz: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Mels of frequencies in Hz.

    ``htk`` is O'Shaughnessy's 2595·log10(1 + f/700); ``slaney`` (Auditory Toolbox, 1998) is linear to 1 kHz at
    3 mel a 200 Hz, then logarithmic with 27 mel an octave-like factor of 6.4.
    """
    frequency_hz = np.asarray(frequency_hz, dtype=np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + frequency_hz / 700)
    logarithmic = 15 + 27 * np.log(np.maximum(frequency_hz, 1000) / 1000) / np.log(6.4)
    return np.where(frequency_hz < 1000, frequency_hz * 3 / 200, logarithmic)


def mel_to_hz(mel: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Frequencies in Hz of mels; the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


def mel_corners(settings: SpectrogramSettings) -> np.ndarray:
    """The ``n_mels + 2`` corners of the triangles, in Hz.

    Those of HTK's scale are rounded as torchaudio rounds them, which works in float32: up to 0.004 Hz, but where all
    sound lies at a triangle's foot that is 0.002 dB, and the published networks were trained on it.
    """
    ends = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    if settings.mel_scale == "slaney":
        return mel_to_hz(np.linspace(ends[0], ends[1], settings.n_mels + 2), "slaney")
    lowest, highest = _float32(ends)
    steps = np.arange(settings.n_mels + 2)
    step = _float32((highest - lowest) / (settings.n_mels + 1))
    upper = steps >= len(steps) // 2  # torch.linspace counts from both ends
    mels = _float32(np.where(upper, highest - step * steps[::-1], lowest + step * steps))
    return _float32(700 * _float32(_float32(10 ** _float32(mels / 2595)) - 1))


def _float32(values: np.ndarray) -> np.ndarray:
    """The values, rounded to what float32 holds."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


@lru_cache(maxsize=32)
def window(name: Window, win_length: int) -> np.ndarray:
    """A window, periodic as torch's, shape ``(win_length,)``, float32."""
    cosines = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46), "blackman": (0.42, 0.5, 0.08), "rectangular": (1.0,)}
    angle = 2 * np.pi * np.arange(win_length) / win_length
    weights = cosines[name]
    return sum((-1) ** order * weight * np.cos(order * angle) for order, weight in enumerate(weights)).astype(
        np.float32
    )


@lru_cache(maxsize=32)
def mel_matrix(settings: SpectrogramSettings) -> Any:  # scipy.sparse.csr_array
    """Triangles over the FFT's bins, of height 1 or (``mel_norm="slaney"``) area 1, ``(n_mels, n_fft // 2 + 1)``."""
    import scipy.sparse

    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    edges = mel_corners(settings)
    widths = np.diff(edges)
    rising = (bins - edges[:-2, None]) / widths[:-1, None]
    falling = (edges[2:, None] - bins) / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    if settings.mel_norm == "slaney":
        triangles *= 2 / (edges[2:] - edges[:-2])[:, None]
    return scipy.sparse.csr_array(triangles.astype(np.float32))
