"""What an ensemble says of a clip; plain values, so that figures and exports need no network."""

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


@dataclass(frozen=True, eq=False)
class Evidence:
    """What each fold says of each window of a clip, before any of it is combined.

    Attributes
    ----------
    name : str
    duration_s : float
        Of the clip.
    starts_s : numpy.ndarray, shape=(windows,)
        Where each window starts in the clip.
    window_s : float
        How long each is; it may reach over the clip's end.
    heard : numpy.ndarray, shape=(windows,), bool
        Whether there is anything in it; nothing is a tag of silence, whatever the networks make of its picture.
    scores : numpy.ndarray, shape=(folds, windows, labels)
        0 to 1.
    augmented : numpy.ndarray, shape=(passes, folds, windows, labels), or None
        The same from each pass of the test-time augmentation.
    notes : tuple[str, ...]
        What is odd about the clip, as sentences.
    """

    name: str
    duration_s: float
    starts_s: np.ndarray
    window_s: float
    audible: np.ndarray
    scores: np.ndarray
    augmented: np.ndarray | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Tags:
    """What an ensemble says of one clip.

    Attributes
    ----------
    name : str
    duration_s : float
    ranking : tuple[Tag, ...]
        Every label, the likeliest first.
    folds : int
    scores : numpy.ndarray, shape=(labels,)
        The folds combined, in the order of the card's labels; 0 to 1.
    timeline : numpy.ndarray, shape=(windows, labels)
        The folds combined for each window, without test-time augmentation; 0 for silence.
    starts_s : numpy.ndarray, shape=(windows,)
        Where each window starts in the clip.
    window_s : float
        How long each window is.
    notes : tuple[str, ...]
        What is odd about the clip, as sentences.
    """

    name: str
    duration_s: float
    ranking: tuple[Tag, ...]
    folds: int
    scores: np.ndarray
    timeline: np.ndarray
    starts_s: np.ndarray
    window_s: float
    notes: tuple[str, ...]

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The labels that pass their threshold, the likeliest first; empty for a sound it does not know."""
        return tuple(tag for tag in self.ranking if tag.passes)
