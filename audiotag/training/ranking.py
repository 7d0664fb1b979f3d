"""Rank runs by lwlrap on the clips that all of them held out, with intervals over recordings.

Two questions are kept apart. Whether a run is worse than the best one is answered by the paired interval of their
difference, as `audiotag.training.comparison` gives it for two runs. How good the best one is on new clips is answered
by neither run's figure: it was chosen on these clips, so its lwlrap is too high. `lwlrap_of_choice` estimates what the
choice itself is worth: in each resample of recordings the best run is chosen anew, and measured on the recordings that
were not drawn (Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and
accurate cross-validation", Machine Learning 107, 2018).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from audiotag.errors import AudiotagError
from audiotag.metrics import label_precisions, multi_hot
from audiotag.training.held_out import HeldOutScores
from audiotag.training.paired_bootstrap import Difference, PairedSums, resample_units
from audiotag.training.paired_clips import ClipKey
from audiotag.training.true_labels import TrueLabels


@dataclass(frozen=True)
class Placed:
    """Where a run is in the ranking.

    Attributes
    ----------
    name : str
    rank : int
        From 1.
    lwlrap, low, high : float
        Over all clips, with its 95 % bootstrap interval; NaN if there is one recording alone.
    against_best : Difference or None
        Its lwlrap minus that of the best run; None of the best one itself.
    """

    name: str
    rank: int
    lwlrap: float
    low: float
    high: float
    against_best: Difference | None


@dataclass(frozen=True)
class Ranking:
    """Runs, the best first.

    Attributes
    ----------
    placed : tuple[Placed, ...]
    clips, recordings : int
        That the runs are measured on.
    of_choice : float or None
        lwlrap to be expected of a run that is chosen like this, see the module; None where it cannot be estimated.
    notes : tuple[str, ...]
        Sentences about clips that are left out.
    """

    placed: tuple[Placed, ...]
    clips: int
    recordings: int
    of_choice: float | None
    notes: tuple[str, ...] = ()


def rank_runs(held_out: Mapping[str, HeldOutScores], truth: TrueLabels, seed: int = 0) -> Ranking:
    """Rank runs with the same labels.

    Parameters
    ----------
    held_out : mapping of str to HeldOutScores
        By the names of the runs, at least one. Their own targets are not used.
    truth : TrueLabels
    seed : int
        Of the resamples.

    Raises
    ------
    AudiotagError
        If their labels differ, they have no clip with a label in common, or scores are not numbers.
    """
    labels, *others = [each.labels for each in held_out.values()]
    if any(set(other) != set(labels) for other in others):
        raise AudiotagError("the runs were trained on other labels, so they cannot be ranked; train all of them again.")
    rows = {name: _rows_by_clip(each) for name, each in held_out.items()}
    every = set.union(*(set(each) for each in rows.values()))
    common = set.intersection(*(set(each) for each in rows.values()))
    known = set(labels)
    targets_of = {
        key: wanted
        for key in sorted(common & truth.labels.keys())
        if (wanted := tuple(label for label in truth.labels[key] if label in known))
    }
    if not targets_of:
        raise AudiotagError("the runs held out no clip with a label in common; train the same folds of all.")
    keys = list(targets_of)
    targets = multi_hot(list(targets_of.values()), labels)
    precisions = np.empty((len(keys), len(held_out)))
    for column, (name, each) in enumerate(held_out.items()):
        order = [each.labels.index(label) for label in labels]
        scores = each.scores[[rows[name][key] for key in keys]][:, order]
        if broken := int(np.isnan(scores).any(axis=1).sum()):
            raise AudiotagError(f"{broken:,} scores of {name} are not numbers: its training diverged. Train it again.")
        precisions[:, column] = np.where(targets > 0, label_precisions(targets, scores), 0).sum(axis=1)
    counts = targets.sum(axis=1)
    numbers: dict[Hashable, int] = {}
    units = np.array([numbers.setdefault(truth.groups.get(key, key), len(numbers)) for key in keys])
    return Ranking(
        placed=_place(list(held_out), precisions, counts, units, seed),
        clips=len(keys),
        recordings=len(numbers),
        of_choice=lwlrap_of_choice(precisions, counts, units, seed),
        notes=_notes(every, common, set(targets_of), truth),
    )


def lwlrap_of_choice(precisions: np.ndarray, counts: np.ndarray, units: np.ndarray, seed: int = 0) -> float | None:
    """The lwlrap to be expected of the best of several runs, on recordings that it was not chosen by.

    Parameters
    ----------
    precisions : numpy.ndarray, shape=(clips, runs)
        Each run's sum of label precisions per clip.
    counts : numpy.ndarray, shape=(clips,)
        Number of true labels of each clip.
    units : numpy.ndarray, shape=(clips,), int
        Number of the recording of each clip, from 0.
    seed : int

    Returns
    -------
    float or None
        None for a single run or recording.
    """
    recordings = int(units.max(initial=-1)) + 1
    if precisions.shape[1] < 2 or recordings < 2:
        return None
    sums = np.zeros((recordings, precisions.shape[1]))
    np.add.at(sums, units, precisions)
    totals = np.bincount(units, counts, recordings)
    found = []
    for times in resample_units(recordings, seed):
        is_out = (times == 0).astype(float)
        best = (times @ sums).argmax(axis=1)  # all runs have the same counts
        out_sums, out_totals = (is_out @ sums)[np.arange(len(best)), best], is_out @ totals
        found.append(out_sums[out_totals > 0] / out_totals[out_totals > 0])
    return float(np.concatenate(found).mean())


def _place(
    names: list[str], precisions: np.ndarray, counts: np.ndarray, units: np.ndarray, seed: int
) -> tuple[Placed, ...]:
    own = csr_array(precisions)
    per_run = csr_array(np.repeat(counts[:, None], len(names), axis=1))
    alone = PairedSums(csr_array(own.shape), own, per_run, units).differences(seed)  # above 0: lwlrap itself
    order = sorted(range(len(names)), key=lambda at: (-alone[at].second, at))
    best = order[0]
    of_best = csr_array(np.repeat(precisions[:, [best]], len(names), axis=1))
    against = PairedSums(of_best, own, per_run, units).differences(seed)
    return tuple(
        Placed(names[at], rank, alone[at].second, alone[at].low, alone[at].high, None if at == best else against[at])
        for rank, at in enumerate(order, 1)
    )


def _rows_by_clip(held_out: HeldOutScores) -> dict[ClipKey, int]:
    pairs = zip(held_out.clips["subset"], held_out.clips["clip"], strict=True)
    return {pair: row for row, pair in enumerate(pairs)}


def _notes(every: set[ClipKey], common: set[ClipKey], used: set[ClipKey], truth: TrueLabels) -> tuple[str, ...]:
    """Sentences about clips that some runs held out but that do not count."""
    left_out = set(truth.left_out) - truth.labels.keys()
    counted = (
        (len(every - common), "was not held out by all of these runs", "were not held out by all of these runs"),
        (len(common & left_out), "is left out of the dataset by you", "are left out of the dataset by you"),
        (
            len(common - truth.labels.keys() - left_out),
            "is not in the dataset any more",
            "are not in the dataset any more",
        ),
        (
            len((common & truth.labels.keys()) - used),
            "has no label to be scored by",
            "have no label to be scored by",
        ),
    )
    return tuple(
        f"1 clip {one}, and does not count." if count == 1 else f"{count:,} clips {several}, and do not count."
        for count, one, several in counted
        if count
    )
