"""Compare two runs on the clips that both held out, clip by clip, on the same true labels.

The conclusion rests on lwlrap over all these clips, with a bootstrap interval over recordings. The interval says how
far the result depends on which recordings are in the dataset; it does not say how far it depends on the seed of the
training, which only further runs can tell.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.held_out import HeldOutScores, read_held_out
from audiotag.training.paired_bootstrap import MIN_DIFFERING_UNITS, Conclusion, Difference, sums_of
from audiotag.training.paired_clips import ClipKey, Names, pair_clips
from audiotag.training.run_progress import plan_of
from audiotag.training.runs import Run
from audiotag.training.true_labels import Truth, true_labels
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.data.dataset import Dataset

MAX_NAMED_LABELS = 5


@dataclass(frozen=True)
class Comparison:
    """How a second run differs from a first one.

    Attributes
    ----------
    first, second : str
        Names of the runs.
    truth : Truth or None
        Which labels both are measured on, see `TRUTHS`; None for labels that were given.
    lwlrap, accuracy : Difference
        Over all clips.
    folds : dict[int, Difference]
        lwlrap of each fold; empty if the folds of the runs differ.
    mean_of_folds : Difference or None
        Mean lwlrap of several folds, as the Train page shows it for a run.
    labels : dict[str, Difference]
        lwlrap of each label that a clip has.
    notes : tuple[str, ...]
        Sentences about what is left out, and about how the runs differ.
    """

    first: str
    second: str
    truth: Truth | None
    lwlrap: Difference
    accuracy: Difference
    folds: dict[int, Difference]
    mean_of_folds: Difference | None
    labels: dict[str, Difference]
    notes: tuple[str, ...] = field(default=())

    @property
    def conclusion(self) -> Conclusion:
        """What can be said of the second run."""
        return self.lwlrap.conclusion

    @property
    def sentence(self) -> str:
        """The conclusion in words, with figures."""
        result = self.lwlrap
        clips = "this 1 clip" if result.clips == 1 else f"these {result.clips:,} clips"
        figures = f"lwlrap {result.second:.4f} against {result.first:.4f}, a difference of {result.difference:+.4f}"
        if not np.isnan(result.low):
            figures += f" (95 % interval {result.low:+.4f} to {result.high:+.4f})"
        if self.conclusion != "cannot be told apart":
            return f"{self.second} is {self.conclusion} than {self.first} on {clips}: {figures}."
        sentence = f"{self.second} and {self.first} cannot be told apart by {clips}: {figures}."
        if 0 < result.differing_units < MIN_DIFFERING_UNITS:
            only = "1 recording" if result.differing_units == 1 else f"{result.differing_units} recordings"
            sentence += f" They differ on {only}; at least {MIN_DIFFERING_UNITS} are needed to tell."
        return sentence

    @property
    def rows(self) -> dict[str, Difference]:
        """The differences in lwlrap by what they are over: each fold, the mean of the folds, all clips."""
        rows = {f"fold {fold}": result for fold, result in self.folds.items()}
        if self.mean_of_folds is not None:
            rows[f"mean of {len(self.folds)} folds"] = self.mean_of_folds
        return rows | {"all clips": self.lwlrap}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "truth": self.truth,
            "conclusion": self.conclusion,
            "sentence": self.sentence,
            "lwlrap": self.lwlrap.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "folds": {str(fold): result.to_dict() for fold, result in self.folds.items()},
            "mean_of_folds": None if self.mean_of_folds is None else self.mean_of_folds.to_dict(),
            "labels": {label: result.to_dict() for label, result in self.labels.items()},
            "notes": list(self.notes),
        }


def compare_held_out(
    first: HeldOutScores,
    second: HeldOutScores,
    truth: Mapping[ClipKey, Collection[str]],
    groups: Mapping[ClipKey, Hashable] | None = None,
    left_out: Collection[ClipKey] = (),
    names: Names = ("the first run", "the second run"),
    seed: int = 0,
) -> Comparison:
    """Compare two sets of out-of-fold scores of the same clips.

    Parameters
    ----------
    first, second : HeldOutScores
        Their own targets are not used.
    truth : mapping of (subset, clip) to collection of str
        The labels of the clips that the dataset has.
    groups : mapping of (subset, clip) to hashable, optional
        Clips of equal value are resampled together: clips of one recording, and copies of a sound. A clip that is not
        in it, as by default all, is resampled alone.
    left_out : collection of (subset, clip)
        Clips that the user left out of the dataset.
    names : tuple[str, str]
        What sentences call the runs.
    seed : int
        Of the resamples.

    Raises
    ------
    AudiotagError
        If they have no clip or no label in common, or no clip has a label that both know.
    """
    labels = tuple(label for label in first.labels if label in set(second.labels))
    if not labels:
        raise AudiotagError("they have no label in common.")
    pairs = pair_clips(first, second, truth, left_out, names)
    for held_out, rows, name in ((first, pairs.first_rows, names[0]), (second, pairs.second_rows, names[1])):
        if broken := int(np.isnan(held_out.scores[rows]).any(axis=1).sum()):
            raise AudiotagError(f"{broken:,} scores of {name} are not numbers: its training diverged. Train it again.")
    true_labels = [truth[key] for key in pairs.keys]
    notes = [*pairs.notes, *_label_notes((first.labels, second.labels), true_labels, names)]
    known = set(labels)
    targets = multi_hot([tuple(label for label in of_clip if label in known) for of_clip in true_labels], labels)
    is_labelled = targets.sum(axis=1) > 0
    if not is_labelled.any():
        raise AudiotagError("none of the clips that both held out has a label that both know.")
    if count := int(np.count_nonzero(~is_labelled)):
        notes.append(f"{'1 clip has' if count == 1 else f'{count:,} clips have'} no label to be scored by.")
    pairs, targets = pairs.where(is_labelled), targets[is_labelled]
    numbers: dict[Hashable, int] = {}
    units = [numbers.setdefault((groups or {}).get(key, key), len(numbers)) for key in pairs.keys]
    scores = [
        held_out.scores[rows][:, [held_out.labels.index(label) for label in labels]]
        for held_out, rows in ((first, pairs.first_rows), (second, pairs.second_rows))
    ]
    folds = sorted(set(pairs.folds.tolist())) if pairs.folds is not None else []
    used = np.flatnonzero(targets.sum(axis=0))
    sums = sums_of(targets, scores[0], scores[1], pairs.folds, np.array(units))
    means = [range(2, 2 + len(folds))] if len(folds) > 1 else []
    differences = sums.differences(seed, means)
    return Comparison(
        first=names[0],
        second=names[1],
        truth=None,
        lwlrap=differences[0],
        accuracy=differences[1],
        folds=dict(zip(folds, differences[2:], strict=False)),
        mean_of_folds=differences[-1] if means else None,
        labels={labels[column]: differences[2 + len(folds) + at] for at, column in enumerate(used)},
        notes=tuple(notes),
    )


def _label_notes(
    vocabularies: tuple[tuple[str, ...], tuple[str, ...]], true_labels: list[Collection[str]], names: Names
) -> list[str]:
    """Sentences about labels that one run does not know, or neither."""
    first, second = map(set, vocabularies)
    notes = []
    for more, less, name in ((first, second, names[1]), (second, first, names[0])):
        if more - less:
            notes.append(f"{name} does not know {_listed(more - less)}; only labels that both know are compared.")
    if unknown := {label for labels in true_labels for label in labels} - first - second:
        notes.append(f"Neither run knows {_listed(unknown)}, which some clips have; that is not scored.")
    return notes


def _listed(labels: set[str]) -> str:
    names = sorted(labels)
    more = f" and {len(names) - MAX_NAMED_LABELS:,} more labels" if len(names) > MAX_NAMED_LABELS else ""
    return ", ".join(names[:MAX_NAMED_LABELS]) + more


def compare_runs(
    first: Run,
    second: Run,
    workspace: Workspace,
    truth: Truth = "corrected",
    subsets: Collection[str] = (),
    seed: int = 0,
) -> Comparison:
    """Compare the finished folds of two runs on one dataset, as the dataset is now.

    Parameters
    ----------
    first, second : Run
    workspace : Workspace
        Holds the journal of verdicts, and the measures by which copies of a sound are found.
    truth : Truth
        The labels that both are measured on, whatever labels they were trained on.
    subsets : collection of str
        The subsets to compare them on; by default those that their folds are scored on.
    seed : int
        Of the resamples.

    Raises
    ------
    AudiotagError
        If a run has no finished fold or a damaged one, or they have no dataset, clip or label in common.
    """
    held_out = scores_of(first, subsets), scores_of(second, subsets)
    dataset = _common_dataset(first, second, workspace)
    known = true_labels(dataset, first.settings(), workspace, truth)
    try:
        comparison = compare_held_out(
            *held_out, known.labels, known.groups, known.left_out, (first.name, second.name), seed
        )
    except AudiotagError as error:
        raise AudiotagError(f"{first.name} and {second.name} cannot be compared: {error}") from error
    notes = [*_correction_notes(first, second), *comparison.notes]
    return replace(comparison, truth=truth, notes=tuple(notes))


def scores_of(run: Run, subsets: Collection[str] = ()) -> HeldOutScores:
    """The out-of-fold scores of a run, by default those of the subset that its folds are scored on.

    Raises
    ------
    AudiotagError
        If there are none, or a file is damaged or missing.
    """
    plan = plan_of(run.events())
    wanted = tuple(subsets) or ((plan["stages"][-1]["subset"],) if plan else ())
    try:
        held_out = read_held_out(run, subsets=wanted)
    except FileNotFoundError as error:
        raise AudiotagError(f"run {run.name} is incomplete: {error.filename} is missing; train it again.") from error
    if not len(held_out.clips):
        raise AudiotagError(f"run {run.name} has no out-of-fold scores of {' or '.join(wanted)} clips.")
    return held_out


def _common_dataset(first: Run, second: Run, workspace: Workspace) -> Dataset:
    """The dataset of both runs, as the workspace knows it now."""
    paths = [Path(run.settings().dataset) for run in (first, second)]
    if paths[0].resolve() != paths[1].resolve():
        raise AudiotagError(
            f"{first.name} and {second.name} cannot be compared: the first is of {paths[0]}, and the second of "
            f"{paths[1]}. Choose two runs of one dataset."
        )
    return open_remembered(paths[0], workspace)


def _correction_notes(first: Run, second: Run) -> list[str]:
    """A sentence per run that was trained on corrected labels, or by lists of clips."""
    listed = [
        f"{run.name} was trained by lists of clips; both runs are compared on the labels of the dataset."
        for run in (first, second)
        if run.settings().recipe.lists
    ]
    counts = [(run.name, (plan_of(run.events()) or {}).get("corrected", 0)) for run in (first, second)]
    corrected = [
        f"{name} was trained on the corrected labels of {'1 clip' if count == 1 else f'{count:,} clips'}."
        for name, count in counts
        if count
    ]
    return [*corrected, *listed]
