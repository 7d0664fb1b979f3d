"""What is doubtful about labels: one doubt per label of a clip that is probably wrong, or probably missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DoubtKind = Literal["wrong", "missing", "contradiction", "problem"]


@dataclass(frozen=True)
class Doubt:
    """A doubt about one label of one clip.

    Attributes
    ----------
    kind : DoubtKind
        "wrong": the clip has the label, and it is scored low; "missing": the clip does not have it, and it is scored
        high; "contradiction": a copy of the clip has other labels; "problem": the sound itself has a fault.
    subset, clip : str
        The clip, as in `audiotag.data.dataset.Dataset.clips`.
    path : Path
    labels : tuple[str, ...]
        The clip's labels in the dataset's tables.
    label : str
        The label in doubt.
    quality : float
        How likely the label, or its absence, is right, from 0 to 1: the lowest come first in the queue.
    score : float or None
        Out-of-fold score of the label; None if no fold has scored the clip.
    fold : int or None
        The fold that scored the clip; None if no fold, or several folds, scored it.
    clip_lwlrap : float or None
        The clip's own lwlrap.
    suggestions : tuple[tuple[str, float], ...]
        Labels that the clip does not have, with their scores, the highest first.
    reason : str
        A sentence for the reviewer.
    """

    kind: DoubtKind
    subset: str
    clip: str
    path: Path
    labels: tuple[str, ...]
    label: str
    quality: float
    score: float | None = None
    fold: int | None = None
    clip_lwlrap: float | None = None
    suggestions: tuple[tuple[str, float], ...] = ()
    reason: str = ""
