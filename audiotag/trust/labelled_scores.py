"""Scores of clips whose true labels are known, and where both come from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audiotag.metrics import best_f1_thresholds, labels_among_best

OUT_OF_FOLD = "out of fold"
HELD_OUT = "held out"


@dataclass(frozen=True, eq=False)
class LabelledScores:
    """Scores of clips that were not trained on, with their true labels.

    Attributes
    ----------
    labels : tuple[str, ...]
        The vocabulary.
    scores : numpy.ndarray, shape=(clips, labels)
        0 to 1 if `are_probabilities`.
    targets : numpy.ndarray, shape=(clips, labels)
        Multi-hot: 1 if the clip has the label, else 0.
    origin : "out of fold" or "held out"
        Each clip was scored by the fold that it was held out of, or by all folds, none of which was trained on it.
    folds : numpy.ndarray, shape=(clips,), or None
        Number of the fold that scored the clip, if they are out of fold.
    thresholds : tuple[float, ...] or None
        One per label. Without them a clip gets as many tags as it has labels.
    """

    labels: tuple[str, ...]
    scores: np.ndarray
    targets: np.ndarray
    origin: str
    folds: np.ndarray | None = None
    thresholds: tuple[float, ...] | None = None

    @property
    def are_probabilities(self) -> bool:
        """Whether all scores are within 0 to 1, so that they can be read as probabilities."""
        return bool(self.scores.size) and bool(((self.scores >= 0) & (self.scores <= 1)).all())

    @property
    def tags(self) -> np.ndarray:
        """Whether each clip gets each label as a tag, shape ``(clips, labels)``, bool.

        A score that reaches its threshold is a tag, but never a score of 0. Without thresholds the k highest scores
        of a clip are its tags, where k is its number of labels.
        """
        if self.thresholds is None:
            return self.best_tags
        return (self.scores >= np.array(self.thresholds)) & (self.scores > 0)

    @property
    def best_tags(self) -> np.ndarray:
        """The k highest scores of each clip, where k is its number of labels; ``(clips, labels)``, bool."""
        return labels_among_best(self.targets, self.scores)

    def with_scores(self, scores: np.ndarray) -> LabelledScores:
        """The same clips and labels with other scores, and without thresholds, which were for these."""
        return replace(self, scores=scores, thresholds=None)

    def cross_fitted_tags(self) -> np.ndarray | None:
        """The tags of each fold's clips at the thresholds with the best F1 on the clips of the other folds.

        Thresholds that were chosen on the same clips flatter precision and recall; these do not. None with fewer than
        two folds.
        """
        if self.folds is None or len(np.unique(self.folds)) < 2:
            return None
        tags = np.zeros(self.scores.shape, dtype=bool)
        for fold in np.unique(self.folds):
            of_fold = self.folds == fold
            thresholds = best_f1_thresholds(self.targets[~of_fold], self.scores[~of_fold])
            tags[of_fold] = self.scores[of_fold] >= thresholds
        return tags & (self.scores > 0)
