"""Plain values for what an ensemble finds in a clip, so that figures and exports need no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Tag(NamedTuple):
    """A label with its score for one clip, whether or not the score reaches the threshold.

    Attributes
    ----------
    label : str
    score, threshold : float
        0 to 1.
    folds_agreeing : int
        Folds whose own score reaches the threshold.
    """

    label: str
    score: float
    threshold: float
    folds_agreeing: int

    @property
    def passes(self) -> bool:
        """Whether the clip gets this tag; silence, which scores 0, gets no tag even where the threshold is 0."""
        return self.score > 0 and self.score >= self.threshold


@dataclass(frozen=True, eq=False)
class Evidence:
    """Scores of each fold for each window of a clip, before they are combined.

    Attributes
    ----------
    name : str
        Name of the clip.
    duration_s : float
        Length of the clip.
    starts_s : numpy.ndarray, shape=(windows,)
        Start of each window in the clip.
    window_s : float
        Length of each window; the last one may reach beyond the clip's end.
    audible : numpy.ndarray, shape=(windows,), bool
        Whether the window has a sample above -90 dBFS. A window that is not audible gets no tag, whatever the networks
        score.
    scores : numpy.ndarray, shape=(folds, windows, labels)
        0 to 1.
    augmented : numpy.ndarray, shape=(passes, folds, windows, labels), or None
        Scores of each pass of test-time augmentation.
    notes : tuple[str, ...]
        Remarks on the clip, as sentences.
    content : str
        Hash of the decoded samples, see `audiotag.audio.content`; empty where it is not known.
    embeddings : numpy.ndarray, shape=(folds, windows, features), float32, or None
        What the last layer of each network gets; 0 for a window that is not audible. None if the tagger does not keep
        them, or its networks have none.
    """

    name: str
    duration_s: float
    starts_s: np.ndarray
    window_s: float
    audible: np.ndarray
    scores: np.ndarray
    augmented: np.ndarray | None
    notes: tuple[str, ...]
    content: str = ""
    embeddings: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Tags:
    """Scores and tags of one clip, from all folds together.

    Attributes
    ----------
    name : str
        Name of the clip.
    duration_s : float
        Length of the clip.
    ranking : tuple[Tag, ...]
        Every label, the highest score first.
    folds : int
        Number of folds that vote: all, or those that were not trained on the clip.
    scores : numpy.ndarray, shape=(labels,)
        Combined scores in the order of the card's labels; 0 to 1.
    timeline : numpy.ndarray, shape=(windows, labels)
        Combined scores of each window, without test-time augmentation; 0 for silence.
    starts_s : numpy.ndarray, shape=(windows,)
        Start of each window in the clip.
    window_s : float
        Length of each window.
    notes : tuple[str, ...]
        Remarks on the clip, as sentences.
    trained_folds : int
        Number of the ensemble's folds that were trained on the clip, as far as that is known.
    voting_folds : tuple[int, ...]
        Numbers of the folds that vote.
    content : str
        Hash of the decoded samples; empty where it is not known.
    embeddings : numpy.ndarray, shape=(folds, windows, features), float32, or None
        Those of the evidence, of all folds: voting or not.
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
    trained_folds: int = 0
    voting_folds: tuple[int, ...] = ()
    content: str = ""
    embeddings: np.ndarray | None = None

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The labels that reach their threshold, the highest score first; empty where none does."""
        return tuple(tag for tag in self.ranking if tag.passes)
