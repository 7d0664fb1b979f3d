"""How well the quick head does: its cross-validated lwlrap on the labelled clips, or why that cannot be said.

The labelled clips are not a random sample: the order prefers clips that are unlike each other and hard for the head. So
each of them counts by the number of clips of the folder that sound most like it, labelled or not. That brings the
figure nearer to one of the whole folder; it is still too low as a rule (docs/accuracy.md says by how much).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiotag.metrics import label_precisions
from audiotag.review.labelling.head import fit_head

FOLDS = 5
MIN_CLIPS = 20  # with a label that can be checked; with fewer the interval is too wide to say anything
RESAMPLES = 1000
SEED = 19


@dataclass(frozen=True)
class HeadFigure:
    """The cross-validated lwlrap of the quick head.

    Attributes
    ----------
    sentence : str
        The figure in words with what it is based on, or why it cannot be computed.
    lwlrap, low, high : float or None
        The figure, 0 to 1, and its 95 % interval (bootstrap over recordings), which says how much chance is in the
        figure, not how far the labelled clips differ from the others; None if there are too few clips.
    clips : int
        Clips that it is measured on.
    unchecked : tuple[str, ...]
        Labels with clips of a single recording: without it, the head has never met the label.
    """

    sentence: str
    lwlrap: float | None = None
    low: float | None = None
    high: float | None = None
    clips: int = 0
    unchecked: tuple[str, ...] = ()


def represented_clips(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """How many clips each labelled clip stands for: those that sound more like it than like any other labelled clip.

    Parameters
    ----------
    features : numpy.ndarray, shape=(clips, features)
        Of all clips, of length 1, or 0 for silence, which nothing stands for.
    rows : numpy.ndarray, shape=(labelled clips,), int

    Returns
    -------
    numpy.ndarray, shape=(labelled clips,), float64
    """
    if not len(rows):
        return np.zeros(0)
    audible = features[features.any(axis=1)]
    return np.bincount((audible @ features[rows].T).argmax(axis=1), minlength=len(rows)).astype(np.float64)


def head_figure(
    features: np.ndarray, targets: np.ndarray, sources: np.ndarray, counts: np.ndarray, labels: tuple[str, ...]
) -> HeadFigure:
    """Cross-validate the head on the labelled clips; clips of one source are never on both sides.

    Parameters
    ----------
    features : numpy.ndarray, shape=(clips, features)
    targets : numpy.ndarray, shape=(clips, labels)
        Multi-hot; a row of 0 trains the head, and does not count in its lwlrap.
    sources : numpy.ndarray, shape=(clips,), int
        The recording of each clip.
    counts : numpy.ndarray, shape=(clips,)
        How much each clip counts in the mean, see `represented_clips`.
    labels : tuple[str, ...]
        The names of the labels.
    """
    targets = np.asarray(targets, dtype=np.float64)
    per_label = [len(np.unique(sources[targets[:, column] > 0])) for column in range(len(labels))]
    can_check = np.array([count >= 2 for count in per_label], dtype=bool)
    unchecked = tuple(label for label, count in zip(labels, per_label, strict=True) if count == 1)
    checked = targets * can_check
    rows = np.flatnonzero(checked.any(axis=1))
    if len(rows) < MIN_CLIPS or can_check.sum() < 2 or not counts[rows].any():
        return HeadFigure(_too_few(len(rows), int(can_check.sum())), clips=len(rows), unchecked=unchecked)
    scores = _out_of_fold(features, targets, sources)
    precision = label_precisions(checked[rows], scores[rows]) * checked[rows]
    weight = counts[rows]
    value, low, high = _interval(weight * precision.sum(axis=1), weight * checked[rows].sum(axis=1), sources[rows])
    sentence = (
        f"lwlrap {value:.2f} (95 % interval {low:.2f} to {high:.2f}), cross-validated on {len(rows):,} labelled clips "
        f"with {int(can_check.sum())} labels. These clips are usually harder than the others."
    )
    sentence += _unchecked_sentence(unchecked)
    return HeadFigure(sentence, value, low, high, len(rows), unchecked)


def _too_few(clips: int, labels: int) -> str:
    have = "1 such clip" if clips == 1 else f"{clips} such clips"
    return (
        f"Too few clips to tell how good the head is. It needs {MIN_CLIPS} clips and 2 labels, each label with clips "
        f"of at least two recordings; there {'is' if clips == 1 else 'are'} {have} with "
        f"{'1 label' if labels == 1 else f'{labels} labels'} so far."
    )


def _unchecked_sentence(labels: tuple[str, ...]) -> str:
    if not labels:
        return ""
    if len(labels) == 1:
        return f" {labels[0]} has clips of one recording only and cannot be checked."
    return f" {len(labels)} labels, like {labels[0]}, have clips of one recording only and cannot be checked."


def _out_of_fold(features: np.ndarray, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """The scores of each clip by a head that was not fitted on clips of its source."""
    fold = _folds(targets, sources)
    scores = np.zeros_like(targets)
    for number in range(fold.max() + 1):
        head = fit_head(features[fold != number], targets[fold != number])
        if head is not None:
            scores[fold == number] = head.scores(features[fold == number])
    return scores


def _folds(targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """A fold from 0 for each clip: sources of the rarest label first, each to the fold that has least of the label."""
    units, unit_of = np.unique(sources, return_inverse=True)
    has = np.zeros((len(units), targets.shape[1]))
    np.add.at(has, unit_of, targets)
    sizes = np.bincount(unit_of)
    of_unit = np.full(len(units), -1)
    in_fold = np.zeros((FOLDS, targets.shape[1] + 1))
    everything = np.column_stack([has, sizes])
    rarity = np.argsort((has > 0).sum(axis=0), kind="stable")
    for label in [*rarity, targets.shape[1]]:
        of_label = np.flatnonzero((everything[:, label] > 0) & (of_unit < 0))
        for unit in of_label[np.argsort(-everything[of_label, label], kind="stable")]:
            best = np.lexsort((in_fold[:, -1], in_fold[:, label]))[0]
            of_unit[unit] = best
            in_fold[best] += everything[unit]
    return of_unit[unit_of]


def _interval(sums: np.ndarray, totals: np.ndarray, sources: np.ndarray) -> tuple[float, float, float]:
    """The mean precision of all true labels, and its 95 % interval by a bootstrap over sources.

    Parameters
    ----------
    sums, totals : numpy.ndarray, shape=(clips,)
        The weighted precisions of each clip's labels, and the weighted number of its labels.
    sources : numpy.ndarray, shape=(clips,), int
    """
    units, unit_of = np.unique(sources, return_inverse=True)
    of_unit = np.stack([np.bincount(unit_of, sums), np.bincount(unit_of, totals)])
    drawn = np.random.default_rng(SEED).multinomial(len(units), np.full(len(units), 1 / len(units)), RESAMPLES)
    resampled = drawn @ of_unit.T
    resampled = resampled[resampled[:, 1] > 0]
    low, high = np.quantile(resampled[:, 0] / resampled[:, 1], (0.025, 0.975))
    return float(sums.sum() / totals.sum()), float(low), float(high)
