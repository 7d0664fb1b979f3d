"""Measure how familiar an embedding is to a network: how far it lies from the sounds that the network was trained on.

The distance is Mahalanobis' to the nearest label, in embeddings of length 1: each label has a centre, the mean of its
training clips, and differences from it are divided by how much training clips differ from the centre of their label in
that direction. The `MAX_DIRECTIONS` directions in which they differ most have a deviation of their own, all others
share one. Deviations and centres take a few kilobytes per label and fold.

The familiarity is the share of held-out clips, which the network was not trained on either, that are at least as far
away: a conformal p-value (Bates et al. 2023). About 5 % of clips of the kind that it was trained on have a familiarity
below 0.05; a sound that is farther away than all held-out clips has 1 / (their number + 1).

Lee et al., "A simple unified framework for detecting out-of-distribution samples and adversarial attacks", NeurIPS
2018; for embeddings of length 1 Mueller and Hein, "Mahalanobis++: improving OOD detection via feature normalization",
ICML 2025. docs/accuracy.md compares it with the distance to the nearest clips (Sun et al., "Out-of-distribution
detection with deep nearest neighbors", ICML 2022), the highest score, and energy (Liu et al., NeurIPS 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MAX_DIRECTIONS = 32
CLIPS_PER_DIRECTION = 4  # at least so many clips more than labels for each direction, so that it is not chance
SMALLEST_DEVIATION = 0.03  # as a share of the mean deviation: few clips may not differ at all in some direction
MAX_HELD_OUT = 500  # distances of held-out clips that are stored per fold: quantiles where there are more
KEPT_SHARE = 0.95  # of right tags that are at least as familiar as the threshold


@dataclass(frozen=True, eq=False)
class FamiliarSounds:
    """Where the training sounds of one fold lie among its embeddings, and how far its held-out clips are from them.

    Attributes
    ----------
    centres : numpy.ndarray, shape=(labels, features)
        Mean of the normalised embeddings of each label's training clips; 0 for a label without clips.
    directions : numpy.ndarray, shape=(directions, features)
        Orthonormal: those in which training clips differ most from the centre of their label.
    deviations : numpy.ndarray, shape=(directions + 1,)
        Standard deviation in each direction, and in any other one; above 0.
    held_out : numpy.ndarray, shape=(clips,)
        Distances of held-out clips, ascending.
    """

    centres: np.ndarray
    directions: np.ndarray
    deviations: np.ndarray
    held_out: np.ndarray

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Distance of each embedding from the nearest label, in standard deviations.

        Parameters
        ----------
        embeddings : numpy.ndarray, shape=(windows, features)
            Not normalised.

        Returns
        -------
        numpy.ndarray, shape=(windows,), float64
        """
        centres, axes, centres_on_axes = self._in_double_precision
        if not len(centres):
            return np.zeros(len(embeddings))
        unit = _normalised(embeddings)
        on_axes, own = unit @ axes, self.deviations[:-1]
        along = _squared_distances(on_axes / own, centres_on_axes / own)
        in_span = _squared_distances(on_axes, centres_on_axes)
        across = np.maximum(_squared_distances(unit, centres) - in_span, 0) / self.deviations[-1] ** 2
        return np.sqrt((along + across).min(axis=1))

    @cached_property
    def _in_double_precision(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centres of the labels that have one, directions as columns, and the centres along these."""
        centres = self.centres[self.centres.any(axis=1)].astype(np.float64)
        axes = self.directions.astype(np.float64).T
        return centres, axes, centres @ axes

    def familiarity(self, embeddings: np.ndarray) -> np.ndarray:
        """Share of held-out clips that are at least as far away as each embedding.

        Parameters
        ----------
        embeddings : numpy.ndarray, shape=(windows, features)

        Returns
        -------
        numpy.ndarray, shape=(windows,), float64
            Above 0, at most 1.
        """
        return share_at_least(self.held_out, self.distances(embeddings))


def fit_sounds(embeddings: np.ndarray, targets: np.ndarray, held_out: np.ndarray) -> FamiliarSounds:
    """Find the centres of labels, and how training clips differ from them.

    Parameters
    ----------
    embeddings : numpy.ndarray, shape=(clips, features)
        Of the clips that the fold was trained on; not normalised.
    targets : numpy.ndarray, shape=(clips, labels), bool
        A clip with several labels counts for the centre of each, and differs from the nearest of them.
    held_out : numpy.ndarray, shape=(held-out clips, features)
        Of clips that it was not trained on.

    Returns
    -------
    FamiliarSounds
        In half precision, as it is stored.
    """
    unit, targets = _normalised(embeddings), np.asarray(targets, dtype=bool)
    counts = targets.sum(axis=0)
    centres = targets.T.astype(np.float64) @ unit / np.maximum(counts, 1)[:, None]
    of_clips = np.where(targets, _squared_distances(unit, centres), np.inf)
    rows = np.flatnonzero(targets.any(axis=1))
    differences = unit[rows] - centres[of_clips[rows].argmin(axis=1)]
    spare = max(len(rows) - int((counts > 0).sum()), 1)
    variances, vectors = np.linalg.eigh(differences.T @ differences / spare)
    variances, vectors = np.maximum(variances[::-1], 0), vectors[:, ::-1]
    number = min(MAX_DIRECTIONS, spare // CLIPS_PER_DIRECTION, len(variances) - 1)
    mean = max(float(variances.mean()), 1e-12)
    kept = np.concatenate([variances[:number], [variances[number:].mean()]])
    deviations = np.sqrt(np.maximum(kept, mean * SMALLEST_DEVIATION**2))
    sounds = FamiliarSounds(
        centres.astype(np.float16),
        np.ascontiguousarray(vectors[:, :number].T).astype(np.float16),
        deviations.astype(np.float32),
        np.empty(0, np.float32),
    )
    return FamiliarSounds(sounds.centres, sounds.directions, sounds.deviations, _summarised(sounds.distances(held_out)))


def share_at_least(held_out: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Share of held-out distances, the clip itself counted in, that are at least as large as each distance.

    Parameters
    ----------
    held_out : numpy.ndarray, shape=(clips,)
        Ascending.
    distances : numpy.ndarray, shape=(windows,)

    Examples
    --------
    >>> share_at_least(np.array([1.0, 2.0, 3.0]), np.array([0.5, 2.0, 9.0])).tolist()
    [1.0, 0.75, 0.25]
    """
    nearer = np.searchsorted(held_out, np.asarray(distances, dtype=np.float32), side="left")
    return (1 + len(held_out) - nearer) / (len(held_out) + 1)


def over_folds(familiarity: np.ndarray) -> np.ndarray:
    """Geometric mean over folds, ``(folds, …)`` → ``(…)``: one fold that finds a sound strange counts more than one.

    >>> over_folds(np.array([[0.01], [1.0]])).round(3)
    array([0.1])
    """
    return np.exp(np.log(familiarity).mean(axis=0))


def threshold_of(right_tags: np.ndarray) -> float:
    """The familiarity that `KEPT_SHARE` of right tags have at least; 0 without right tags.

    Parameters
    ----------
    right_tags : numpy.ndarray, shape=(tags,)
        Familiarity of the window of each tag that a held-out clip got and that is one of its labels.

    Examples
    --------
    >>> threshold_of(np.arange(1, 101) / 100)
    0.06
    """
    if not len(right_tags):
        return 0.0
    return float(np.sort(right_tags)[int(np.floor((1 - KEPT_SHARE) * len(right_tags) + 1e-9))])


def _summarised(distances: np.ndarray) -> np.ndarray:
    """Distances in ascending order, or `MAX_HELD_OUT` quantiles of them."""
    ascending = np.sort(distances)
    if len(ascending) > MAX_HELD_OUT:
        ascending = np.quantile(ascending, (np.arange(MAX_HELD_OUT) + 0.5) / MAX_HELD_OUT)
    return ascending.astype(np.float32)


def _normalised(embeddings: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(np.asarray(embeddings, dtype=np.float64), axis=-1, keepdims=True)
    return embeddings / np.where(lengths > 0, lengths, 1)


def _squared_distances(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Squared Euclidean distance of each row to each row of the other array."""
    squares = (rows**2).sum(axis=1)[:, None] + (columns**2).sum(axis=1)[None]
    return np.maximum(squares - 2 * rows @ columns.T, 0)
