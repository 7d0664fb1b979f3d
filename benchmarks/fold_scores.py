"""Scores of the clips that a fold holds out: written and read by the benchmarks that train, and compared in pairs.

Two trainings are compared on the same clips. The intervals are over sources: clips of one recording are resampled
together (`audiotag.training.paired_bootstrap`), and so are the scores of one clip by trainings with several seeds, so
that a difference is that of the means over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from audiotag.metrics import accuracy, labels_among_best, lwlrap
from audiotag.training.held_out import read_held_out
from audiotag.training.paired_bootstrap import Difference, PairedSums, sums_of
from audiotag.training.runs import Run
from audiotag.workspace import open_atomic

MEASURES = ("accuracy", "lwlrap", "bce")
MIN_SCORE = 1e-7  # scores are 32-bit floats, whose logarithm may be that of 0


@dataclass(frozen=True, eq=False)
class ClipScores:
    """Scores of clips by a network that was not trained on them.

    Attributes
    ----------
    clips, sources : numpy.ndarray, shape=(clips,), str
        Names of the clips, and of the recordings that they are from.
    truth : numpy.ndarray, shape=(clips, labels), bool
    scores : numpy.ndarray, shape=(clips, labels), float32
        0 to 1.
    """

    clips: np.ndarray
    sources: np.ndarray
    truth: np.ndarray
    scores: np.ndarray

    @classmethod
    def of_fold(cls, run: Run, fold: int, sources: pd.Series) -> ClipScores:
        """The held-out curated clips of a finished fold; ``sources`` has the source of each clip by its name."""
        found = read_held_out(run, [fold], ["curated"])
        names = found.clips["clip"]
        return cls(
            names.to_numpy(dtype=str), sources[names].to_numpy(dtype=str), found.targets.astype(bool), found.scores
        )

    @classmethod
    def load(cls, path: Path) -> ClipScores:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(stored["clips"], stored["sources"], stored["truth"], stored["scores"])

    def save(self, path: Path) -> None:
        """Write the scores, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_atomic(path) as file:
            np.savez_compressed(file, clips=self.clips, sources=self.sources, truth=self.truth, scores=self.scores)

    def figures(self) -> dict[str, float]:
        """Accuracy, lwlrap and binary cross-entropy of these clips, by their names in `MEASURES`."""
        return {
            "accuracy": accuracy(self.truth, self.scores),
            "lwlrap": lwlrap(self.truth, self.scores),
            "bce": float(cross_entropies(self.truth, self.scores).mean()),
        }

    def hits(self) -> np.ndarray:
        """Whether the highest score of each clip is that of its label; the mean over labels for several labels."""
        among_best = labels_among_best(self.truth, self.scores)
        return (self.truth & among_best).sum(axis=1) / self.truth.sum(axis=1)


def cross_entropies(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each clip in nats, the mean over its labels; shape ``(clips,)``."""
    bounded = np.clip(scores.astype(float), MIN_SCORE, 1 - MIN_SCORE)
    return -np.log(np.where(truth, bounded, 1 - bounded)).mean(axis=1)


def mean_scores(parts: Sequence[ClipScores]) -> ClipScores:
    """The mean of the scores of several networks for the same clips; raises `ValueError` for different ones."""
    first, *others = parts
    if not all(np.array_equal(first.clips, other.clips) for other in others):
        raise ValueError("scores of different clips have no mean")
    return replace(first, scores=np.mean([part.scores for part in parts], axis=0))


def joined(parts: Sequence[ClipScores]) -> ClipScores:
    """The clips of several folds, or of one fold scored with several seeds, one after the other."""
    return ClipScores(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("clips", "sources", "truth", "scores"))
    )


def paired_differences(first: Sequence[ClipScores], second: Sequence[ClipScores]) -> dict[str, Difference]:
    """By how much the second trainings are higher than the first ones in each of `MEASURES`, with intervals.

    Parameters
    ----------
    first, second : sequence of ClipScores
        One per fold and seed, in the same order.

    Raises
    ------
    ValueError
        If two that are compared have other clips, or other true labels.
    """
    one, other = joined(first), joined(second)
    if not (np.array_equal(one.clips, other.clips) and np.array_equal(one.truth, other.truth)):
        raise ValueError("the trainings that are compared must have held out the same clips with the same labels.")
    units = np.unique(one.sources, return_inverse=True)[1].ravel()
    of_lwlrap, of_accuracy = sums_of(one.truth, one.scores, other.scores, None, units).differences()[:2]
    losses = [csr_array(cross_entropies(each.truth, each.scores)[:, None]) for each in (one, other)]
    of_bce = PairedSums(losses[0], losses[1], csr_array(np.ones((len(units), 1))), units).differences()[0]
    return {"accuracy": of_accuracy, "lwlrap": of_lwlrap, "bce": of_bce}


def clustered_error(values: np.ndarray, sources: np.ndarray) -> float:
    """Standard error of the mean of values of which those of one source depend on each other.

    It is the one of a ratio of sums over sources, with the correction for few sources (Cameron and Miller, "A
    Practitioner's Guide to Cluster-Robust Inference", Journal of Human Resources 50, 2015); of clips that each have a
    source of their own it is the usual standard error of a mean.

    >>> round(clustered_error(np.array([0.0, 1.0, 1.0, 0.0]), np.arange(4)), 4)
    0.2887
    >>> round(clustered_error(np.array([0.0, 1.0, 1.0, 0.0] * 2), np.tile(np.arange(4), 2)), 4)
    0.2887
    """
    units = np.unique(sources, return_inverse=True)[1].ravel()
    sums = np.bincount(units, weights=values - values.mean())
    return float(np.sqrt(len(sums) / (len(sums) - 1) * np.square(sums).sum()) / len(values))
