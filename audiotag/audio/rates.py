"""Keep one sample rate in a sound whose parts have several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class RateKeeper:
    """Resample blocks to one rate (soxr, high quality, band-limited); those that have it stay as they are.

    Parameters
    ----------
    sample_rate : int
        In Hz.

    Attributes
    ----------
    has_resampled : bool
        Whether a block had another rate.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._from_rate = sample_rate, sample_rate
        self._stream: Any = None
        self._empty = np.empty((0, 1), np.float32)
        self.has_resampled = False

    def convert(self, block: np.ndarray, rate: int) -> Iterator[np.ndarray]:
        """Yield a block of shape ``(samples, channels)`` at the rate to keep, after what is left of another rate."""
        if rate != self._from_rate:
            yield from self.flush()
            self._from_rate = rate
        if rate == self._rate:
            yield block
            return
        if self._stream is None:
            import soxr

            self.has_resampled = True
            self._stream = soxr.ResampleStream(rate, self._rate, block.shape[1], dtype="float32")
            self._empty = np.empty((0, block.shape[1]), np.float32)
        yield self._stream.resample_chunk(np.ascontiguousarray(block))

    def flush(self) -> Iterator[np.ndarray]:
        """Yield the samples that are left of blocks of another rate."""
        stream, self._stream = self._stream, None
        if stream is not None:
            yield stream.resample_chunk(self._empty, last=True)
