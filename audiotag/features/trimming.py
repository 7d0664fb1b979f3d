"""Trim the silence at both ends of a waveform, and cut or pad a waveform to the clip length.

Conventions: a waveform has shape ``(samples,)``; bounds are the indices of the first sample and of the one after
the last.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from audiotag.features.settings import SpectrogramSettings, TrimRule

FRAME_SAMPLES = 2048  # librosa's default frame_length
HALF_FRAME = FRAME_SAMPLES // 2
LIBROSA_HOP = 512  # librosa's default hop_length, in samples


def trim_bounds(
    waveform: np.ndarray, sample_rate: int, threshold_db: float = 20.0, pad_s: float = 0.02
) -> tuple[int, int]:
    """Find the bounds of a clip without the silence at both ends, as fastaudio's ``RemoveSilence`` does.

    A frame of 2048 samples is loud when its RMS level is less than ``threshold_db`` below that of the loudest frame.
    Frames are ``pad_s`` apart. The bounds reach from the first to the last loud frame, plus ``pad_s`` on both sides.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
    sample_rate : int
        In Hz.
    threshold_db : float
        Positive, in dB below the loudest frame.
    pad_s : float
        In seconds; also the hop between frames.

    Returns
    -------
    tuple[int, int]
        Index of the first sample, and of the one after the last.

    Notes
    -----
    The reference is fastaudio 1.0.2, which uses librosa's ``effects.split``: frames are centred, with zeros before
    and after the clip, and a clip shorter than one pad is not trimmed.
    """
    trimmer = SilenceTrimmer(sample_rate, threshold_db, pad_s)
    trimmer.add(waveform)
    return trimmer.bounds()


class SilenceTrimmer:
    """Finds the `trim_bounds` of a sound whose samples are given block by block.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    threshold_db, pad_s : float
        As in `trim_bounds`.
    rule : "fastaudio" or "librosa"
        With "librosa", frames are 512 samples apart, the sound is mirrored at its ends, and there is no margin:
        ``librosa.effects.trim`` of librosa 0.6.3, as the published systems of 2019 use it.
    """

    def __init__(
        self, sample_rate: int, threshold_db: float = 20.0, pad_s: float = 0.02, rule: TrimRule = "fastaudio"
    ) -> None:
        self._mirrors = rule == "librosa"
        self._hop = LIBROSA_HOP if self._mirrors else int(pad_s * sample_rate)
        self._threshold_db = threshold_db
        self._length = 0
        self._beginning = np.empty(0, np.float32)  # of a sound that is mirrored, until there is enough of it
        self._end = np.empty(0, np.float32)
        self._samples = np.zeros(0 if self._mirrors else HALF_FRAME, np.float32)  # from the next frame on
        self._gap = 0  # samples between these and the next frame
        self._powers: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``."""
        before, self._length = self._length, self._length + len(block)
        if not self._mirrors:
            if self._hop:
                self._add_frames(block)
            return
        self._end = np.concatenate([self._end, block])[-HALF_FRAME - 1 :]
        if before > HALF_FRAME:
            self._add_frames(block)
            return
        self._beginning = np.concatenate([self._beginning, block])
        if self._length > HALF_FRAME:
            self._add_frames(np.concatenate([self._beginning[HALF_FRAME:0:-1], self._beginning]))

    def bounds(self) -> tuple[int, int]:
        """Index of the first sample, and of the one after the last; call it once, after the last block."""
        n_samples, hop = self._length, self._hop
        margin = 0 if self._mirrors else hop
        if margin > n_samples or not hop or not n_samples:
            return 0, n_samples
        if not self._mirrors:
            self._add_frames(np.zeros(HALF_FRAME, np.float32))
        elif n_samples > HALF_FRAME:
            self._add_frames(self._end[-2::-1])
        else:  # shorter than its mirror image, which is then mirrored again
            self._add_frames(np.pad(self._beginning, HALF_FRAME, mode="reflect"))
        power = np.concatenate(self._powers)
        level_db = 10 * np.log10(np.maximum(power, 1e-10)) - 10 * np.log10(max(float(power.max()), 1e-10))
        loud = np.flatnonzero(level_db > -self._threshold_db)
        start = min(int(loud[0]) * hop, n_samples)
        end = min((int(loud[-1]) + 1) * hop, n_samples)
        return max(start - margin, 0), min(end + margin, n_samples)

    def _add_frames(self, block: np.ndarray) -> None:
        skipped = min(self._gap, len(block))
        self._gap -= skipped
        block = block[skipped:]
        if len(self._samples):
            begun = -(-len(self._samples) // self._hop)  # frames that begin before the block
            joined = np.concatenate([self._samples, block[:FRAME_SAMPLES]])
            start = self._add_powers(joined[: (begun - 1) * self._hop + FRAME_SAMPLES])
            if start < begun * self._hop:  # the block ends before they do
                self._samples = joined[start:]
                return
            start -= len(self._samples)
            self._gap = max(start - len(block), 0)
            block = block[start:]
        start = self._add_powers(block)
        self._gap += max(start - len(block), 0)
        self._samples = block[start:].copy()

    def _add_powers(self, samples: np.ndarray) -> int:
        """Add the powers of all frames that fit into the samples; returns where the next frame begins."""
        if len(samples) < FRAME_SAMPLES:
            return 0
        shape = ((len(samples) - FRAME_SAMPLES) // self._hop + 1, FRAME_SAMPLES)
        strides = (self._hop * samples.strides[0], samples.strides[0])  # `sliding_window_view` takes 100 µs for it
        frames = np.lib.stride_tricks.as_strided(samples, shape, strides, writeable=False)
        self._powers.append(np.einsum("ij,ij->i", frames, frames) / np.float32(FRAME_SAMPLES))
        return len(frames) * self._hop


def trimmed_bounds(waveform: np.ndarray, settings: SpectrogramSettings) -> tuple[int, int]:
    """Bounds of a waveform after the trimming that the settings ask for: ``trim_db`` 0 trims nothing."""
    return trimmed_bounds_of_blocks([waveform], settings)


def trimmed_bounds_of_blocks(blocks: Iterable[np.ndarray], settings: SpectrogramSettings) -> tuple[int, int]:
    """`trimmed_bounds` of a sound that comes in blocks, each of shape ``(samples,)``."""
    if not settings.trim_db:
        return 0, sum(map(len, blocks))
    trimmer = SilenceTrimmer(settings.sample_rate, settings.trim_db, settings.trim_pad_s, settings.trim_rule)
    samples = 0
    for block in blocks:
        trimmer.add(block)
        samples += len(block)
    return _extended(*trimmer.bounds(), samples, int(settings.min_s * settings.sample_rate))


def _extended(start: int, end: int, samples: int, fewest: int) -> tuple[int, int]:
    """Bounds that are at least ``fewest`` samples apart, with the same middle, as far as the sound reaches."""
    if end - start >= fewest:
        return start, end
    middle = start + (end - start) // 2
    return max(0, middle - fewest // 2), min(samples, middle + fewest - fewest // 2)


def crop_start(samples: int, settings: SpectrogramSettings, at: float = 0.5) -> int:
    """Index of the first sample of the crop that `fit_length` takes; negative if zeros precede a shorter clip."""
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
        Position from 0 (start) to 1 (end) of the crop in a longer clip, or of a shorter clip between its zeros.
        Training samples it at random; pages and the tagger use the middle.

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
