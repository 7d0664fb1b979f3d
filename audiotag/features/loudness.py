"""Measure the integrated loudness of a sound that comes in blocks (ITU-R BS.1770-4).

The coefficients of the K weighting, and the length and overlap of the gating blocks, are pyloudnorm's, which measures
whole waveforms only; a test holds both equal.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

MIN_LOUDNESS_S = 0.4  # one gating block
MIN_LOUDNESS_RATE_HZ = 3000  # below it the shelf of the K weighting, at 1.5 kHz, is not a stable filter
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
LOUDNESS_OFFSET = -0.691  # of the loudness in LUFS from the weighted power in dB
STEP = 0.25  # of a gating block, between the starts of two
FILTERED_AT_ONCE = 1 << 16  # samples, in float64
DENORMAL_GUARD = 1e-15  # −300 dBFS, inaudible


class LoudnessMeter:
    """Loudness of a mono sound, whose samples are given block by block.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._length = sample_rate, 0
        self._is_defined = sample_rate >= MIN_LOUDNESS_RATE_HZ
        self._filters = _k_weighting(sample_rate) if self._is_defined else np.empty((0, 6))
        self._state = np.zeros((len(self._filters), 2))
        self._waiting: list[np.ndarray] = []  # until there is one gating block: shorter sounds have no loudness
        self._weighted = np.empty(0, np.float32)  # from the start of the next gating block on
        self._start = 0  # of these samples in the sound
        self._powers: list[float] = []  # of each gating block

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``."""
        self._length += len(block)
        if not self._is_defined:
            return
        self._waiting.append(block)
        if self._length < MIN_LOUDNESS_S * self._rate:
            return
        weighted = self._weight(self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting))
        self._waiting.clear()
        self._weighted = np.concatenate([self._weighted, weighted]) if len(self._weighted) else weighted
        while self._bounds(len(self._powers))[1] <= self._length:
            self._measure_block()
        at = max(0, self._bounds(len(self._powers))[0] - self._start)
        self._weighted, self._start = self._weighted[at:].copy(), self._start + at

    def loudness_lufs(self) -> float:
        """Integrated loudness in LUFS; call it once, after the last block.

        It is NaN if the sound is shorter than one gating block, if all blocks are gated as silence, and at sample rates
        below 3 kHz, for which the K weighting is not defined.
        """
        if not self._is_defined or self._length < MIN_LOUDNESS_S * self._rate:
            return float("nan")
        blocks = round((self._length / self._rate - MIN_LOUDNESS_S) / (MIN_LOUDNESS_S * STEP)) + 1
        while len(self._powers) < blocks:  # the last one may reach beyond the end
            self._measure_block()
        powers = np.array(self._powers, dtype=np.float64)
        with np.errstate(divide="ignore"):
            loudness = LOUDNESS_OFFSET + 10 * np.log10(powers)
        audible = loudness >= ABSOLUTE_GATE_LUFS
        if not audible.any():
            return float("nan")
        gate = _in_lufs(powers[audible]) + RELATIVE_GATE_LU
        loud = (loudness > gate) & (loudness > ABSOLUTE_GATE_LUFS)
        return _in_lufs(powers[loud]) if loud.any() else float("nan")

    def _bounds(self, number: int) -> tuple[int, int]:
        """First sample of a gating block, and the one after its last."""
        return (
            int(MIN_LOUDNESS_S * (number * STEP) * self._rate),
            int(MIN_LOUDNESS_S * (number * STEP + 1) * self._rate),
        )

    def _measure_block(self) -> None:
        first, last = self._bounds(len(self._powers))
        samples = self._weighted[first - self._start : last - self._start]
        self._powers.append((1.0 / (MIN_LOUDNESS_S * self._rate)) * np.sum(np.square(samples)))

    def _weight(self, block: np.ndarray) -> np.ndarray:
        """The K-weighted samples, as fast in silence as in sound."""
        from scipy.signal import sosfilt

        weighted = np.empty(len(block), np.float32)
        for at in range(0, len(block), FILTERED_AT_ONCE):
            # In digital silence the state of the filters decays to denormal numbers, which are twenty times as slow.
            piece = np.add(block[at : at + FILTERED_AT_ONCE], DENORMAL_GUARD, dtype=np.float64)
            weighted[at : at + FILTERED_AT_ONCE], self._state = sosfilt(self._filters, piece, zi=self._state)
        return weighted


def _in_lufs(powers: np.ndarray) -> float:
    return LOUDNESS_OFFSET + 10 * float(np.log10(np.mean(powers)))


@lru_cache(maxsize=8)
def _k_weighting(sample_rate: int) -> np.ndarray:
    """Second-order sections of the K weighting, shape ``(sections, 6)``."""
    import pyloudnorm

    filters = pyloudnorm.Meter(sample_rate)._filters.values()
    return np.array([[*section.b, *section.a] for section in filters])
