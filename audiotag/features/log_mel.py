"""The log-mel spectrogram: one implementation for playground, training and tagging.

Conventions: frequencies in Hz, lengths in samples unless a name ends in ``_s`` or ``_ms``; a log-mel has shape
``(n_mels, frames)``, low frequencies first, in dB re 1.0 (a power of 1 in a mel band); what a network gets of it has
shape ``(channels, height, width)``. `audiotag.features.torch_log_mel` is the same for batches in torch.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiotag.arrays import resize
from audiotag.errors import AudiotagError
from audiotag.features.mel import AMIN, mel_matrix, window
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import fit_length

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
    from audiotag.features import kernels  # with it comes numba, which takes longer to import than a page may

    weights, bins = window(settings.window, settings.win_length), settings.n_fft // 2 + 1
    starts, ends, mel_weights = _runs(settings)
    plan = kernels.plan(settings.n_fft)
    planes, spare, power, bands = kernels.allocate_buffers(bins, settings.n_mels, FRAMES_AT_ONCE)
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


DISPLAY_BLOCK_VALUES = 1 << 22  # of a spectrum that is held at once


def display_log_mel(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """`log_mel` of a waveform of any length: zeros follow one too short for it, a long one goes through in blocks.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels, frames), float32, dB
    """
    if len(waveform) <= settings.n_fft // 2:
        padded = fit_length(waveform, settings.changed(padding="zeros-after"))
        return log_mel(padded, settings)[:, : 1 + len(waveform) // settings.hop_length]
    hop = settings.hop_length
    margin = -(-settings.n_fft // hop)  # frames that a mirrored end reaches, and samples enough for one frame
    size = max(margin, DISPLAY_BLOCK_VALUES // settings.n_fft)
    unfloored = settings.changed(top_db=200)  # the floor is the whole sound's, not a block's
    blocks = []
    for first in range(0, 1 + len(waveform) // hop, size):
        lead = min(first, margin)
        block = waveform[(first - lead) * hop : (first + size + margin) * hop]
        blocks.append(log_mel(block, unfloored)[:, lead : lead + size])
    picture = np.concatenate(blocks, axis=1)
    return np.maximum(picture, picture.max() - settings.top_db)
