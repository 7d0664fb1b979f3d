"""Choose noisy clips with whose labels networks agree that were not trained on the clip: cross-validated agreement.

É. Bouteillon added noisy clips to the curated ones in this way: of each fold of the noisy clips, at most five per label
with √(a·b) ≥ 0.5, where a and b are the clip's own lwlrap by the networks of his first two stages, and in his last
stage those with an lwlrap of 1 (https://github.com/ebouteillon/freesound-audio-tagging-2019). Which of equally good
clips he took is not published: here it is those whose labels have the highest scores.

The network that scores a noisy clip has been trained neither on this clip nor on one that must stay with it. But it has
been trained on curated clips that other folds hold out, so what other folds add is chosen with some knowledge of their
held-out clips, as in the original. A choice without it would need, for each fold, networks that have seen neither its
held-out curated clips nor the noisy clips of each other fold: as many times the training of the stages that are asked
as there are folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audiotag.checks import Within, check, require
from audiotag.metrics import label_precisions


@dataclass(frozen=True)
class Agreement:
    """Which noisy clips a stage adds to its curated ones.

    Attributes
    ----------
    stages : tuple of int
        Numbers of earlier stages, from 1, at whose ends each fold's network scores the noisy clips that it holds out.
    at_least : float
        The lowest agreement of a clip that is added: the geometric mean, over these stages, of its own lwlrap.
    most : int
        Most clips per label and fold; 0 for no limit.
    """

    stages: tuple[int, ...]
    at_least: Annotated[float, Within(0, 1), "0.5 is common; 1 takes clips whose labels are all ranked first"] = 0.5
    most: Annotated[int, Within(0, 10_000, "clips"), "5 is common; 0 sets no limit"] = 0

    def __post_init__(self) -> None:
        if isinstance(self.stages, list):
            object.__setattr__(self, "stages", tuple(self.stages))
        check(self)
        is_right = isinstance(self.stages, tuple) and len(self.stages) > 0
        is_right = is_right and all(type(number) is int and number > 0 for number in self.stages)
        require(is_right, "stages", "be a list of numbers of earlier stages", self.stages, "the first stage is 1")


def clip_lwlraps(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The lwlrap of each clip by itself, shape ``(clips,)``: the mean precision at the ranks of its labels.

    Parameters
    ----------
    scores : numpy.ndarray, shape=(clips, labels)
    targets : numpy.ndarray, shape=(clips, labels)
        Multi-hot; a clip without a label gets 0.

    >>> clip_lwlraps(np.array([[0.9, 0.5, 0.1], [0.1, 0.9, 0.5]]), np.array([[1, 0, 1], [1, 0, 0]])).round(3)
    array([0.833, 0.333])
    """
    truth = np.asarray(targets > 0, dtype=float)
    precisions = label_precisions(truth, np.asarray(scores, dtype=float)) * truth
    return np.asarray(precisions.sum(axis=1) / np.maximum(truth.sum(axis=1), 1))


def choose_rows(scores: list[np.ndarray], targets: np.ndarray, agreement: Agreement) -> np.ndarray:
    """The clips of one fold with whose labels the networks of all stages that are asked agree.

    Parameters
    ----------
    scores : list of numpy.ndarray, shape=(clips, labels)
        By the network of each stage, after the sigmoid.
    targets : numpy.ndarray, shape=(clips, labels)
        Multi-hot.
    agreement : Agreement

    Returns
    -------
    numpy.ndarray of int
        Rows, in ascending order. Where there is a limit, each label takes the clips with the highest agreement and, of
        equal ones, those with the highest score of the least certain label; a clip with several labels counts for each.
    """
    own = np.prod([clip_lwlraps(each, targets) for each in scores], axis=0) ** (1 / len(scores))
    has = targets > 0
    agrees = (own >= agreement.at_least) & has.any(axis=1)
    if not agreement.most:
        return np.flatnonzero(agrees)
    lowest = np.where(has, np.prod(scores, axis=0), np.inf).min(axis=1)
    chosen: set[int] = set()
    for label in range(targets.shape[1]):
        rows = np.flatnonzero(agrees & has[:, label])
        order = np.lexsort((-lowest[rows], -own[rows]))
        chosen.update(rows[order][: agreement.most].tolist())
    return np.array(sorted(chosen), dtype=int)
