"""Read the out-of-fold scores of an ensemble, and derive thresholds and fold weights from them.

Each training clip was scored by the fold that it was held out of, so these scores show how the ensemble does on clips
that it was not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.metrics import best_f1_thresholds
from audiotag.tagging.fold_fusion import fit_weights, fuse_folds
from audiotag.tagging.settings import Combine
from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores

if TYPE_CHECKING:
    from audiotag.tagging.card import Card

FILE = "out-of-fold.safetensors"


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Scores of the training clips, each by the fold that it was held out of.

    Attributes
    ----------
    scores : numpy.ndarray, shape=(clips, labels), float32
        0 to 1.
    targets : numpy.ndarray, shape=(clips, labels), float32
        Multi-hot: 1 if the clip has the label, else 0.
    folds : numpy.ndarray, shape=(clips,), int
        Number of the fold that scored the clip; in a blend, the folds of this number of all members.
    """

    scores: np.ndarray
    targets: np.ndarray
    folds: np.ndarray

    def to_bytes(self) -> bytes:
        """The content of a safetensors file with these arrays."""
        from safetensors.numpy import save

        return save(  # which writes the memory of an array as it is, so rows must follow each other
            {
                "scores": self.scores.astype(np.float32, order="C"),
                "targets": self.targets.astype(np.uint8, order="C"),
                "folds": self.folds.astype(np.int32),
            }
        )

    def labelled(self, card: Card, thresholds: tuple[float, ...] | None = None) -> LabelledScores:
        """The scores with their labels, for `audiotag.trust`; with the card's thresholds unless others are given."""
        return LabelledScores(
            card.labels, self.scores, self.targets, OUT_OF_FOLD, self.folds, thresholds or card.thresholds
        )

    def weights(self) -> np.ndarray:
        """Scale and shift of each fold's logits, ``(folds, 2)``; see `audiotag.tagging.fold_fusion.fit_weights`."""
        return fit_weights(self.scores, self.targets, self.folds)

    def as_combined(self, combine: Combine) -> OutOfFold:
        """Convert the scores to the scale that combined folds have; only "weighted" changes the scale."""
        if combine != "weighted":
            return self
        weights, scores = self.weights(), np.empty_like(self.scores)
        for row, fold in enumerate(np.unique(self.folds)):
            of_fold = self.folds == fold
            scores[of_fold] = fuse_folds(self.scores[of_fold][None], "weighted", weights[row : row + 1])
        return OutOfFold(scores, self.targets, self.folds)

    def precision_recall(self, label: int, threshold: float) -> tuple[float, float]:
        """Precision and recall of a label at a threshold.

        Parameters
        ----------
        label : int
            Its column in `scores`.
        threshold : float
            0 to 1.

        Returns
        -------
        tuple[float, float]
            Precision, NaN if no clip gets the label; recall, NaN if no clip has the label.
        """
        gets, has = self.scores[:, label] >= np.float64(threshold), self.targets[:, label] > 0
        n_correct = np.count_nonzero(gets & has)
        precision = n_correct / gets.sum() if gets.any() else float("nan")
        return float(precision), float(n_correct / has.sum()) if has.any() else float("nan")

    def thresholds(self, aim: str = "f1", least: float = 0.9) -> tuple[float, ...]:
        """Find one threshold per label.

        Parameters
        ----------
        aim : "f1", "precision" or "recall"
            The best F1; or the lowest threshold with a precision of at least ``least``, which gives the most tags; or
            the highest threshold with a recall of at least ``least``, which gives the fewest wrong tags.
        least : float
            Above 0, at most 1; not used for "f1".

        Returns
        -------
        tuple[float, ...]
            0 to 1; 1.0 for a label that no clip has, and for one that cannot reach the precision.

        Raises
        ------
        AudiotagError
            If ``aim`` or ``least`` is not one of these.
        """
        aims = ("f1", "precision", "recall")
        require(aim in aims, "the aim of thresholds", f"be one of {', '.join(aims)}", aim, "check its spelling")
        require(0 < least <= 1, f"{aim} to reach", "be above 0, at most 1", least, "write 0.9 for 90 %")
        if aim == "f1":
            return tuple(float(value) for value in best_f1_thresholds(self.targets, self.scores))
        return tuple(self._threshold_for(label, aim, least) for label in range(self.scores.shape[1]))

    def _threshold_for(self, label: int, aim: str, least: float) -> float:
        scores = self.scores[:, label].astype(np.float64)  # the middle of two float32 may be rounded to one of them
        order = np.argsort(-scores, kind="stable")
        ranked, n_correct = scores[order], np.cumsum(self.targets[order, label] > 0)
        if not n_correct[-1]:
            return 1.0
        last_of_equals = np.append(ranked[:-1] != ranked[1:], True)  # a threshold cannot separate equal scores
        figure = n_correct / np.arange(1, len(n_correct) + 1) if aim == "precision" else n_correct / n_correct[-1]
        ranks = np.flatnonzero((figure >= least) & last_of_equals)
        if not len(ranks):
            return 1.0
        rank = int(ranks[-1] if aim == "precision" else ranks[0])
        below = ranked[rank + 1] if rank + 1 < len(ranked) else min(0.0, float(ranked[rank]))
        return float((ranked[rank] + below) / 2)


def read_out_of_fold(folder: Path, card: Card) -> OutOfFold | None:
    """Read the out-of-fold scores of an ensemble; None if its card has no checksum of such a file.

    Raises
    ------
    AudiotagError
        If the file is missing, damaged, or does not fit the card.
    """
    from audiotag.tagging.weights import read_arrays

    if not card.out_of_fold:
        return None
    names = ("scores", "targets", "folds")
    arrays = read_arrays(folder, FILE, card.out_of_fold, "out-of-fold scores", names)
    scores, targets, folds = arrays[0].astype(np.float32), arrays[1].astype(np.float32), arrays[2].astype(int)
    shape = (folds.size, len(card.labels))
    if scores.shape != shape or targets.shape != shape or folds.ndim != 1:
        raise AudiotagError(f"{folder.name}/{FILE} does not fit the {len(card.labels)} labels of its card.")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise AudiotagError(f"{folder.name}/{FILE} holds scores that are not 0 to 1; publish the ensemble again.")
    if not card.blend and sorted(set(folds.tolist())) != sorted(fold.fold for fold in card.folds):
        raise AudiotagError(f"{folder.name}/{FILE} has other folds than its card; copy the ensemble again.")
    return OutOfFold(scores, targets, folds)
