"""Measure what each step of an ensemble adds to lwlrap, and its time per clip, on labelled held-out clips.

Every clip is scored once, with test-time augmentation; other ways to combine the same scores need no network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from audiotag.data.dataset import SUBSETS, Dataset
from audiotag.data.label_names import LabelNames, spelling_note
from audiotag.errors import AudiotagError, clip_problem
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.tagging.ablation import (
    GEOMETRIC,
    GEOMETRIC_TTA,
    MEAN,
    ONE,
    TTA,
    WEIGHTED,
    Ablation,
    AblationRow,
)
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import Say
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.settings import MEASURED, TagSettings
from audiotag.tagging.tagger import Tagger

ALL_SUBSETS = "all"
MAX_TIMED_CLIPS = 20

Progress = Callable[[int, int], None]
Scorer = Callable[[Evidence], np.ndarray]  # a clip's evidence to its scores, (labels,)


class Step(NamedTuple):
    """A way to score with an ensemble.

    Attributes
    ----------
    name : str
    settings : TagSettings
    over : str
        Name of the step that it is compared with.
    """

    name: str
    settings: TagSettings
    over: str


STEPS = (  # after one fold alone, which is the first row
    Step(MEAN, MEASURED, ONE),
    Step(GEOMETRIC, replace(MEASURED, combine="geometric"), MEAN),
    Step(WEIGHTED, replace(MEASURED, combine="weighted"), MEAN),
    Step(TTA, replace(MEASURED, tta=True), MEAN),
    Step(GEOMETRIC_TTA, replace(MEASURED, combine="geometric", tta=True), GEOMETRIC),
)


def measure_ablation(
    folder: Path,
    dataset: Dataset,
    subset: str = "test",
    progress: Progress = lambda done, total: None,
    say: Say = lambda sentence: None,
) -> Ablation:
    """Score labelled clips with every step that the ensemble supports.

    Parameters
    ----------
    folder : Path
        The ensemble's folder.
    dataset : Dataset
    subset : str
        "test", "curated", "noisy" or "all"; only "test" for the dataset that the ensemble was trained on.
    progress : callable(done, total), optional
        Is called after each clip.
    say : callable, optional
        Is called with a sentence if opening the ensemble takes long.

    Returns
    -------
    Ablation

    Raises
    ------
    AudiotagError
        If the ensemble was trained on these clips; or if there are no clips, none with a label of the ensemble, or
        none that can be read.
    """
    card = read_card(folder)
    notes: list[str] = []
    clips, labels = with_known_labels(held_out_clips(card, dataset, subset, notes), card, dataset, notes)
    tta_tagger = Tagger(folder, replace(MEASURED, tta=True), say=say)
    steps = _supported_steps(tta_tagger)
    scorers = _scorers(tta_tagger, steps)
    columns = [card.labels.index(label) for label in labels]
    scores, scored, unreadable = [], [], []
    known = 0
    rows = zip(clips["clip"], clips["path"], clips["labels"], strict=True)
    for done, (clip, path, truth) in enumerate(rows, start=1):
        try:
            evidence = tta_tagger.evidence(path, clip)
            known += bool(tta_tagger.trained_folds(evidence).any())
            evidence = replace(evidence, content="")  # the folds are compared, so all of them vote
        except Exception as error:  # whatever is wrong with a clip, the others are scored
            unreadable.append(clip_problem(clip, error))
        else:
            scores.append([score(evidence)[columns] for score in scorers])
            scored.append((path, truth))
        progress(done, len(clips))
    if not scored:
        raise AudiotagError(f"none of the {len(clips)} clips of {dataset.name} can be read; {unreadable[0]}")
    if known:
        notes.append(f"{card.name} was trained on {count_of_clips(known)} of these, which makes the figures too high.")
    if unreadable:
        notes.append(f"{count_of_clips(len(unreadable))} left out: unreadable.")
    targets = multi_hot([truth for _, truth in scored], labels)
    figures = [(lwlrap(targets, each), accuracy(targets, each)) for each in np.array(scores).transpose(1, 0, 2)]
    return Ablation(
        rows=_rows(figures, steps, _ms_per_clip(folder, tta_tagger, [path for path, _ in scored], say)),
        dataset=dataset.name,
        subset=subset,
        clips=len(scored),
        labels=len(labels),
        date=time.strftime("%Y-%m-%d"),
        folds=card.fold_checksums,
        engine=tta_tagger.engine_name,
        notes=tuple(notes),
        unreadable=tuple(unreadable),
    )


def held_out_clips(card: Card, dataset: Dataset, subset: str, notes: list[str]) -> pd.DataFrame:
    """The clips of the subset; raises if the ensemble was trained on them, adds a note if it may have been."""
    if subset not in (*SUBSETS, ALL_SUBSETS):
        raise AudiotagError(f"subset must be one of {', '.join(SUBSETS)} or {ALL_SUBSETS}, got {subset}.")
    clips = dataset.clips if subset == ALL_SUBSETS else dataset.subset(subset)
    if clips.empty:
        raise AudiotagError(
            f"{dataset.name} has no labelled {subset} clips, it has {' and '.join(dataset.subsets)}; "
            "choose one of these with --subset if the ensemble was not trained on it."
        )
    if subset == "test":
        return clips
    if dataset.fingerprint == card.dataset.get("fingerprint"):
        raise AudiotagError(
            f"{card.name} was trained on {dataset.name}, so the subset of its clips must be test, got {subset}; "
            "choose test, or another dataset."
        )
    if dataset.name == card.dataset.get("name"):
        notes.append(
            f"{card.name} was trained on a dataset of the same name with other clips or labels: clips that are in both "
            "make these figures too high."
        )
    return clips


def with_known_labels(
    clips: pd.DataFrame, card: Card, dataset: Dataset, notes: list[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The labelled clips of which the ensemble has all labels; and the labels that it shares with the dataset."""
    names = LabelNames(card.labels)
    spelt = {label: names.find(label) or label for label in dataset.labels}
    clips = clips.assign(
        labels=clips["labels"].map(lambda row: tuple(dict.fromkeys(spelt.get(label, label) for label in row)))
    )
    labels = tuple(label for label in card.labels if label in spelt.values())
    if not labels:
        raise AudiotagError(
            f"{card.name} and {dataset.name} have no label in common: the labels of the first are "
            f"{_first_names(card.labels)}, those of the second {_first_names(dataset.labels)}; choose another dataset, "
            "or rename its labels to those of the ensemble."
        )
    if note := spelling_note({label: name for label, name in spelt.items() if name in labels}):
        notes.append(note)
    labelled = clips[clips["labels"].map(len) > 0]
    known = labelled[labelled["labels"].map(set(labels).issuperset)].reset_index(drop=True)
    if count := len(clips) - len(labelled):
        notes.append(f"{count_of_clips(count)} left out: no label.")
    if count := len(labelled) - len(known):
        notes.append(f"{count_of_clips(count)} left out: a label that {card.name} does not have.")
    if known.empty:
        raise AudiotagError(
            f"each of the {len(clips)} clips of {dataset.name} has a label that {card.name} does not have; "
            "choose another subset or dataset."
        )
    return known, labels


def _supported_steps(tagger: Tagger) -> tuple[Step, ...]:
    """Steps that this ensemble supports: combining needs several folds, weights need out-of-fold scores."""
    if len(tagger.card.folds) == 1:
        return (Step(TTA, replace(MEASURED, tta=True), ONE),)
    return tuple(step for step in STEPS if step.name != WEIGHTED or tagger.weights is not None)


def _scorers(tagger: Tagger, steps: Sequence[Step]) -> list[Scorer]:
    """One function per fold alone, then one per step."""

    def by_fold(fold: int) -> Scorer:
        return lambda evidence: (
            tagger.tags_of(replace(evidence, scores=evidence.scores[fold : fold + 1], augmented=None), MEASURED).scores
        )

    def by_step(step: Step) -> Scorer:
        return lambda evidence: tagger.tags_of(evidence, step.settings).scores

    return [*map(by_fold, range(len(tagger.card.folds))), *map(by_step, steps)]


def _rows(
    figures: list[tuple[float, float]], steps: Sequence[Step], ms_per_clip: tuple[float, float, float]
) -> tuple[AblationRow, ...]:
    """The table, from lwlrap and accuracy of each of `_scorers` and from `_ms_per_clip`."""
    one_ms, all_ms, tta_ms = ms_per_clip
    n_folds = len(figures) - len(steps)
    mean_lwlrap, mean_accuracy = np.mean(figures[:n_folds], axis=0)
    rows = {ONE: AblationRow(ONE, float(mean_lwlrap), float(mean_accuracy), "", None, one_ms)}
    for step, (step_lwlrap, step_accuracy) in zip(steps, figures[n_folds:], strict=True):
        gain = step_lwlrap - rows[step.over].lwlrap
        step_ms = tta_ms if step.settings.tta else all_ms
        rows[step.name] = AblationRow(step.name, step_lwlrap, step_accuracy, step.over, gain, step_ms)
    return tuple(rows.values())


def _ms_per_clip(folder: Path, tta_tagger: Tagger, paths: Sequence[Path], say: Say) -> tuple[float, float, float]:
    """Milliseconds per clip with one fold, with all folds, and with all folds and test-time augmentation."""
    tagger = Tagger(folder, MEASURED, say=say)
    folds = tagger.card.folds
    one_fold_tagger = Tagger(folder, replace(MEASURED, folds=(folds[0].fold,)), say=say) if len(folds) > 1 else tagger
    one_ms, all_ms, tta_ms = ms_per_clip((one_fold_tagger, tagger, tta_tagger), paths)
    return one_ms, all_ms, tta_ms


def ms_per_clip(taggers: Sequence[Tagger], paths: Sequence[Path]) -> list[float]:
    """Milliseconds that each tagger takes per clip, of some of the clips.

    They take turns at each clip, so that other programs slow all of them down alike.
    """
    timed = [paths[row] for row in np.unique(np.linspace(0, len(paths) - 1, MAX_TIMED_CLIPS).astype(int))]
    for each in taggers:
        each.tag(timed[0])  # the first call takes longer
    seconds = np.zeros(len(taggers))
    for path in timed:
        for number, each in enumerate(taggers):
            began = time.perf_counter()
            each.tag(path)
            seconds[number] += time.perf_counter() - began
    return [float(value) for value in 1000 * seconds / len(timed)]


def count_of_clips(count: int) -> str:
    """A number of clips in words, such as 1 clip or 2 clips."""
    return "1 clip" if count == 1 else f"{count:,} clips"


def _first_names(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
