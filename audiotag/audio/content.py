"""Hash the samples of a sound that comes in blocks, so that equal sounds are found whatever their files are."""

from __future__ import annotations

import hashlib

import numpy as np

DIGITS = 32  # 128 bits


class ContentHash:
    """Hash of a mono sound's samples and of its sample rate; it does not depend on the blocks, the container or tags.

    Parameters
    ----------
    sample_rate : int
        In Hz.

    Examples
    --------
    >>> whole, parts = ContentHash(8000), ContentHash(8000)
    >>> whole.add(np.zeros(4, np.float32))
    >>> for _ in range(2):
    ...     parts.add(np.zeros(2, np.float32))
    >>> whole.hexdigest() == parts.hexdigest()
    True
    """

    def __init__(self, sample_rate: int) -> None:
        # Processors have instructions for SHA-256, so it is fast.
        self._hash = hashlib.sha256(f"{sample_rate} Hz".encode())

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, shape ``(samples,)``, float32."""
        self._hash.update(np.ascontiguousarray(block, dtype="<f4").data)

    def hexdigest(self) -> str:
        """The hash of all samples so far, as `DIGITS` hexadecimal digits."""
        return self._hash.hexdigest()[:DIGITS]
