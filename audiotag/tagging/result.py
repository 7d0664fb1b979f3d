"""What an ensemble says of a clip; plain values, so that figures and exports need no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Tag(NamedTuple):
    """One label that a clip gets, or nearly."""

    label: str
    score: float
    threshold: float
    folds_agreeing: int

    @property
    def passes(self) -> bool:
        """Whether the clip gets it; nothing is a tag of silence, which scores 0."""
        return self.score > 0 and self.score >= self.threshold


@dataclass(frozen=True)
class Tags:
    """What an ensemble says of one clip.

    Attributes
    ----------
    name : str
    ranking : tuple[Tag, ...]
        Every label, the likeliest first.
    folds : int
    scores : numpy.ndarray, shape=(labels,)
        Mean over the folds, in the order of the card's labels; 0 to 1.
    timeline : numpy.ndarray, shape=(windows, labels)
        Mean over the folds, for each window.
    starts_s : numpy.ndarray, shape=(windows,)
        Where each window starts in the clip.
    notes : tuple[str, ...]
        What is odd about the clip, as sentences.
    """

    name: str
    ranking: tuple[Tag, ...]
    folds: int
    scores: np.ndarray
    timeline: np.ndarray
    starts_s: np.ndarray
    notes: tuple[str, ...]

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The labels that pass their threshold, the likeliest first; empty for a sound it does not know."""
        return tuple(tag for tag in self.ranking if tag.passes)
