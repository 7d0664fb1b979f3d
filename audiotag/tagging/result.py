"""Plain values for the tags of a clip, so that figures and exports need no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SINGLE_NETWORK = "single network"  # what votes where an ensemble tags fast


class Tag(NamedTuple):
    """A label with its score for one clip, whether or not the score reaches the threshold.

    Attributes
    ----------
    label : str
    score, threshold : float
        0 to 1.
    folds_agreeing : int
        Folds whose own score reaches the threshold.
    familiarity : float or None
        Above 0, at most 1: how familiar the window is in which the label scores highest, see
        `audiotag.trust.familiarity`. None for silence, and where the ensemble does not know its training sounds.
    is_held_back : bool
        Whether the label is no tag because that window is unlike the training sounds, see `TagSettings.hold_back`.
    """

    label: str
    score: float
    threshold: float
    folds_agreeing: int
    familiarity: float | None = None
    is_held_back: bool = False

    @property
    def passes(self) -> bool:
        """Whether the clip gets this tag: it reaches its threshold and is not held back."""
        return self.reaches and not self.is_held_back

    @property
    def reaches(self) -> bool:
        """Whether the score reaches the threshold; silence, which scores 0, does not even where the threshold is 0."""
        return self.score > 0 and self.score >= self.threshold


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
        Number of folds that vote: all, or those that were not trained on the clip; of a blend, of members and stackers.
    scores : numpy.ndarray, shape=(labels,)
        Combined scores in the order of the card's labels; 0 to 1.
    timeline : numpy.ndarray, shape=(windows, labels)
        Combined scores of each window, without test-time augmentation; 0 for silence. Where windows overlap by three
        quarters or more, those of moments, which are as long as windows are apart (`audiotag.tagging.moments`).
    starts_s : numpy.ndarray, shape=(windows,)
        Start of each window, or moment, in the clip.
    window_s : float
        Length of each window, or moment.
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
    window_familiarity : numpy.ndarray, shape=(windows,), or None
        How familiar each window is to the folds that vote, above 0 and at most 1: about the share of training clips
        that, when they were held out, were at least as far from the others. NaN for silence; None where the ensemble
        does not know its training sounds.
    familiarity_threshold : float
        Below it a window is unlike the training sounds; 95 % of right tags have at least this familiarity.
    differences : tuple[str, ...]
        Those of the notes that say in what the clip differs from the training sounds: familiarity, bandwidth, level.
    voters : tuple[str, ...]
        What votes, in words: "fold", `SINGLE_NETWORK`, or of a blend "member", "stacker" or both.
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
    window_familiarity: np.ndarray | None = None
    familiarity_threshold: float = 0.0
    differences: tuple[str, ...] = ()
    voters: tuple[str, ...] = ("fold",)

    @property
    def is_fast(self) -> bool:
        """Whether the single network of an ensemble scored it, instead of its folds."""
        return SINGLE_NETWORK in self.voters

    @property
    def voter_words(self) -> str:
        """What votes, in words that fit ``folds``: "fold", "folds", "members and stackers"."""
        return self.voters[0] if self.folds == 1 else " and ".join(f"{voter}s" for voter in self.voters)

    def votes_for(self, tag: Tag) -> str:
        """How many agree with a tag, in words: "4 of 5 folds"; of a single network there is nothing to count."""
        return SINGLE_NETWORK if self.is_fast else f"{tag.folds_agreeing} of {self.folds} {self.voter_words}"

    @property
    def tags(self) -> tuple[Tag, ...]:
        """The labels that reach their threshold and are not held back, the highest score first; may be empty."""
        return tuple(tag for tag in self.ranking if tag.passes)

    @property
    def held_back(self) -> tuple[Tag, ...]:
        """The labels that reach their threshold but are held back, the highest score first; mostly empty."""
        return tuple(tag for tag in self.ranking if tag.reaches and tag.is_held_back)

    @property
    def familiarity(self) -> float | None:
        """Familiarity of the most familiar label that reaches its threshold, or of the likeliest one where none does.

        None where it is not known.
        """
        known = [tag.familiarity for tag in self.ranking if tag.reaches and tag.familiarity is not None]
        return max(known, default=self.ranking[0].familiarity if self.ranking else None)

    @property
    def is_unlike(self) -> bool:
        """Whether the clip is unlike the training sounds, as far as that is known."""
        return self.familiarity is not None and self.familiarity < self.familiarity_threshold
