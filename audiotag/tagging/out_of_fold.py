"""What an ensemble's folds said of the clips that they never saw: the honest ground for thresholds and weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.metrics import best_f1_thresholds
from audiotag.tagging.fold_fusion import fitted_weights, fuse_folds
from audiotag.tagging.settings import Combine

if TYPE_CHECKING:
    from audiotag.tagging.ensemble import Card

FILE = "out-of-fold.safetensors"


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Every training clip, scored by the fold that it was held out of.

    Attributes
    ----------
    scores : numpy.ndarray, shape=(clips, labels), float32
    targets : numpy.ndarray, shape=(clips, labels), float32
        1 where the clip has the label.
    folds : numpy.ndarray, shape=(clips,), int
        The fold that scored it.
    """

    scores: np.ndarray
    targets: np.ndarray
    folds: np.ndarray

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        from safetensors.numpy import save

        return save(
            {
                "scores": self.scores.astype(np.float32),
                "targets": self.targets.astype(np.uint8),
                "folds": self.folds.astype(np.int32),
            }
        )

    def weights(self) -> np.ndarray:
        """See `audiotag.tagging.fold_fusion.fitted_weights`, shape ``(folds, 2)``."""
        return fitted_weights(self.scores, self.targets, self.folds)

    def as_combined(self, combine: Combine) -> OutOfFold:
        """Its scores on the scale that combining gives: only calibrated weights change it."""
        if combine != "weighted":
            return self
        weights, scores = self.weights(), np.empty_like(self.scores)
        for row, fold in enumerate(np.unique(self.folds)):
            own = self.folds == fold
            scores[own] = fuse_folds(self.scores[own][None], "weighted", weights[row : row + 1])
        return OutOfFold(scores, self.targets, self.folds)

    def precision_recall(self, label: int, threshold: float) -> tuple[float, float]:
        """Of the clips that a label at this threshold is given to, the share that has it; and the share of its own
        clips that get it. Precision is NaN where no clip gets it, recall where none has it."""
        given, has = self.scores[:, label] >= np.float64(threshold), self.targets[:, label] > 0
        right = np.count_nonzero(given & has)
        precision = right / given.sum() if given.any() else float("nan")
        return float(precision), float(right / has.sum()) if has.any() else float("nan")

    def thresholds(self, aim: str = "f1", least: float = 0.9) -> tuple[float, ...]:
        """A threshold for each label.

        Parameters
        ----------
        aim : "f1", "precision" or "recall"
            Best F1; or the lowest threshold whose precision is at least ``least``, which gives the most tags; or the
            highest whose recall is, which gives the fewest wrong ones.
        least : float
            0 to 1; not used for "f1".

        Returns
        -------
        tuple[float, ...]
            1.0 for a label that no clip has, and for one whose precision cannot be had.
        """
        require(aim in ("f1", "precision", "recall"), "the aim of thresholds", "be f1, precision or recall", aim, "?")
        require(0 < least <= 1, f"{aim} to reach", "be above 0, at most 1", least, "in per cent?")
        if aim == "f1":
            return tuple(float(value) for value in best_f1_thresholds(self.targets, self.scores))
        return tuple(self._reaching(label, aim, least) for label in range(self.scores.shape[1]))

    def _reaching(self, label: int, aim: str, least: float) -> float:
        scores = self.scores[:, label].astype(np.float64)  # half-way between two float32 may be one of them
        order = np.argsort(-scores, kind="stable")
        ranked, hits = scores[order], np.cumsum(self.targets[order, label] > 0)
        if not hits[-1]:
            return 1.0
        last_of_equals = np.append(ranked[:-1] != ranked[1:], True)  # no threshold parts equal scores
        reached = hits / np.arange(1, len(hits) + 1) if aim == "precision" else hits / hits[-1]
        places = np.flatnonzero((reached >= least) & last_of_equals)
        if not len(places):
            return 1.0
        place = int(places[-1] if aim == "precision" else places[0])
        below = ranked[place + 1] if place + 1 < len(ranked) else min(0.0, float(ranked[place]))
        return float((ranked[place] + below) / 2)


def read_out_of_fold(folder: Path, card: Card) -> OutOfFold | None:
    """An ensemble's out-of-fold scores; None where its card knows of none.

    Raises
    ------
    AudiotagError
        If the file is missing, damaged, or does not fit the card.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from audiotag.tagging.ensemble import checked_bytes

    if not card.out_of_fold:
        return None
    content = checked_bytes(folder, FILE, card.out_of_fold)
    try:
        arrays = load(content)
        found = OutOfFold(
            arrays["scores"].astype(np.float32), arrays["targets"].astype(np.float32), arrays["folds"].astype(int)
        )
    except (SafetensorError, KeyError, TypeError) as error:
        raise AudiotagError(f"{folder.name}/{FILE} is no table of out-of-fold scores: {error}.") from error
    wanted = (found.folds.size, len(card.labels))
    if found.scores.shape != wanted or found.targets.shape != wanted or found.folds.ndim != 1:
        raise AudiotagError(f"{folder.name}/{FILE} does not fit the {len(card.labels)} labels of its card.")
    if not ((found.scores >= 0) & (found.scores <= 1)).all():
        raise AudiotagError(f"{folder.name}/{FILE} holds scores that are not 0 to 1; publish the ensemble again.")
    if sorted(set(found.folds.tolist())) != sorted(fold.fold for fold in card.folds):
        raise AudiotagError(f"{folder.name}/{FILE} is of other folds than its card; copy the ensemble again.")
    return found
