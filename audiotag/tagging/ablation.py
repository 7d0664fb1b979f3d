"""What each step of an ensemble gains, and what it costs, measured on labelled clips that it never saw.

The clips go through once, with test-time augmentation: combining the folds in another way asks no network again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from audiotag.data.dataset import SUBSETS, Dataset
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, multi_hot
from audiotag.tagging.engine_selection import Say
from audiotag.tagging.ensemble import Card, read_card
from audiotag.tagging.result import Evidence
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import read_json, write_json

FILE = "gains.json"
FORMAT = 1
WHOLE = "all"  # in place of a subset
TIMED_CLIPS = 20
ONE, MEAN, GEOMETRIC, WEIGHTED = "one fold", "all folds, arithmetic mean", "geometric mean", "weighted"
TTA, GEOMETRIC_TTA = "with test-time augmentation", "geometric mean with test-time augmentation"

Progress = Callable[[int, int], None]
Way = Callable[[Evidence], np.ndarray]  # scores of the labels, (labels,)


class Step(NamedTuple):
    """A way to score with an ensemble, and the one that it builds on."""

    name: str
    settings: TagSettings
    over: str


STEPS = (  # after one fold alone, which builds on nothing
    Step(MEAN, TagSettings(), ONE),
    Step(GEOMETRIC, TagSettings(combine="geometric"), MEAN),
    Step(WEIGHTED, TagSettings(combine="weighted"), MEAN),
    Step(TTA, TagSettings(tta=True), MEAN),
    Step(GEOMETRIC_TTA, TagSettings(combine="geometric", tta=True), GEOMETRIC),
)


@dataclass(frozen=True)
class AblationRow:
    """One row of the table.

    Attributes
    ----------
    step : str
    lwlrap, accuracy : float
        0 to 1.
    over : str
        The step that it builds on; empty for the first.
    gain : float or None
        Its lwlrap above that of ``over``.
    ms_a_clip : float
        From the file to the scores.
    """

    step: str
    lwlrap: float
    accuracy: float
    over: str
    gain: float | None
    ms_a_clip: float


@dataclass(frozen=True)
class Ablation:
    """What was measured, and on what.

    Attributes
    ----------
    rows : tuple[Gain, ...]
    dataset, subset : str
        Their names; the subset may be "all".
    clips, labels : int
        Clips that were scored, and labels that the ensemble and the dataset share.
    date : str
        As 2026-01-31.
    folds : tuple[str, ...]
        Checksums of the folds' weights.
    engine : str
        What scored, see `audiotag.tagging.engines`.
    notes : tuple[str, ...]
        What was left out, and what to know, as sentences.
    unreadable : tuple[str, ...]
        A sentence for each clip that cannot be read.
    """

    rows: tuple[AblationRow, ...]
    dataset: str
    subset: str
    clips: int
    labels: int
    date: str
    folds: tuple[str, ...]
    engine: str
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"format": FORMAT} | asdict(self)


def measure_ablation(
    folder: Path,
    dataset: Dataset,
    subset: str = "test",
    progress: Progress = lambda done, total: None,
    say: Say = lambda sentence: None,
) -> Ablation:
    """Score labelled clips in every way that the ensemble has.

    Parameters
    ----------
    folder : Path
        Of the ensemble.
    dataset : Dataset
    subset : str
        "test", "curated", "noisy" or "all"; of the dataset that the ensemble was trained on, "test" alone.
    progress : callable(done, total), optional
    say : callable, optional
        Hears a sentence where opening the ensemble takes long.

    Raises
    ------
    AudiotagError
        If the ensemble was trained on these clips, or they are none, share no label with it, or cannot be read.
    """
    card = read_card(folder)
    notes: list[str] = []
    clips, labels = _usable(_chosen(card, dataset, subset, notes), card, dataset, notes)
    tta = Tagger(folder, TagSettings(tta=True), say=say)
    steps = _steps(tta)
    ways = _ways(tta, steps)
    columns = [card.labels.index(label) for label in labels]
    scores, scored, unreadable = [], [], []
    for done, (path, truth) in enumerate(zip(clips["path"], clips["labels"], strict=True), start=1):
        try:
            evidence = tta.evidence(path)
        except (AudiotagError, OSError) as error:
            unreadable.append(str(error))
        else:
            scores.append([way(evidence)[columns] for way in ways])
            scored.append((path, truth))
        progress(done, len(clips))
    if not scored:
        raise AudiotagError(f"none of the {len(clips)} clips of {dataset.name} can be read; {unreadable[0]}")
    if unreadable:
        notes.append(f"{_counted(len(unreadable))} left out: unreadable.")
    target = multi_hot([truth for _, truth in scored], labels)
    worth = [(lwlrap(target, each), accuracy(target, each)) for each in np.array(scores).transpose(1, 0, 2)]
    return Ablation(
        rows=_rows(worth, steps, _costs(folder, tta, [path for path, _ in scored], say)),
        dataset=dataset.name,
        subset=subset,
        clips=len(scored),
        labels=len(labels),
        date=time.strftime("%Y-%m-%d"),
        folds=_checksums(card),
        engine=tta.engine_name,
        notes=tuple(notes),
        unreadable=tuple(unreadable),
    )


def write_ablation(folder: Path, gains: Ablation) -> None:
    """Keep them in the ensemble's folder."""
    write_json(folder / FILE, gains.to_dict())


def read_ablation(folder: Path, card: Card) -> Ablation | None:
    """What was kept in an ensemble's folder; None where nothing was, or was measured with other folds.

    Raises
    ------
    AudiotagError
        If the file is damaged.
    """
    try:
        values = read_json(folder / FILE)
        if values is None:
            return None
        if values.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        rows = tuple(AblationRow(**row) for row in values["rows"])
        lists = {name: tuple(values[name]) for name in ("folds", "notes", "unreadable")}
        gains = Ablation(**values | lists | {"rows": rows})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AudiotagError(
            f"{folder.name}/{FILE} is damaged ({error}); delete it, or measure anew by audiotag ablation --keep."
        ) from error
    return gains if gains.folds == _checksums(card) else None


def _checksums(card: Card) -> tuple[str, ...]:
    return tuple(fold.sha256 for fold in card.folds)


def _chosen(card: Card, dataset: Dataset, subset: str, notes: list[str]) -> pd.DataFrame:
    """The clips of the subset, unless the ensemble was trained on them."""
    if subset not in (*SUBSETS, WHOLE):
        raise AudiotagError(f"subset must be one of {', '.join(SUBSETS)} or {WHOLE}, got {subset}.")
    clips = dataset.clips if subset == WHOLE else dataset.subset(subset)
    if clips.empty:
        raise AudiotagError(
            f"{dataset.name} has no labelled {subset} clips, it has {' and '.join(dataset.subsets)}; "
            "name one of these by --subset, if the ensemble was not trained on them."
        )
    if subset == "test":
        return clips
    if dataset.fingerprint == card.dataset.get("fingerprint"):
        raise AudiotagError(
            f"{card.name} was trained on {dataset.name}, so of its clips only the subset test says how good it is, "
            f"got {subset}; use that, or a dataset that it never saw."
        )
    if dataset.name == card.dataset.get("name"):
        notes.append(
            f"{card.name} was trained on a dataset of the same name with other clips or labels: what clips both have "
            "flatter these figures."
        )
    return clips


def _usable(
    clips: pd.DataFrame, card: Card, dataset: Dataset, notes: list[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The labelled clips of which the ensemble knows all labels, and the labels that they share with it."""
    labels = tuple(label for label in card.labels if label in dataset.labels)
    if not labels:
        raise AudiotagError(
            f"{card.name} and {dataset.name} have no label in common: the one knows {_few(card.labels)}, the other "
            f"{_few(dataset.labels)}; choose another dataset, or map its labels to the ensemble's names."
        )
    labelled = clips[clips["labels"].map(len) > 0]
    known = labelled[labelled["labels"].map(set(labels).issuperset)].reset_index(drop=True)
    if count := len(clips) - len(labelled):
        notes.append(f"{_counted(count)} left out: no label.")
    if count := len(labelled) - len(known):
        notes.append(f"{_counted(count)} left out: a label that {card.name} does not know.")
    if known.empty:
        raise AudiotagError(
            f"{card.name} knows all labels of none of the {len(clips)} clips of {dataset.name}; choose another subset "
            "or dataset."
        )
    return known, labels


def _steps(tagger: Tagger) -> tuple[Step, ...]:
    """Those that this ensemble has: a single fold cannot be combined, weights need out-of-fold scores."""
    if len(tagger.card.folds) == 1:
        return (Step(TTA, TagSettings(tta=True), ONE),)
    return tuple(step for step in STEPS if step.name != WEIGHTED or tagger.weights is not None)


def _ways(tagger: Tagger, steps: Sequence[Step]) -> list[Way]:
    """Evidence to a clip's scores: by each fold alone, then by each step."""

    def by_fold(fold: int) -> Way:
        return lambda evidence: (
            tagger.tags_of(
                replace(evidence, scores=evidence.scores[fold : fold + 1], augmented=None), TagSettings()
            ).scores
        )

    def by_step(step: Step) -> Way:
        return lambda evidence: tagger.tags_of(evidence, step.settings).scores

    return [*map(by_fold, range(len(tagger.card.folds))), *map(by_step, steps)]


def _rows(
    worth: list[tuple[float, float]], steps: Sequence[Step], costs: tuple[float, float, float]
) -> tuple[AblationRow, ...]:
    """The table, from (lwlrap, accuracy) of each of `_ways` and from `_costs`."""
    alone, plain, augmented = costs
    folds = len(worth) - len(steps)
    first = np.mean(worth[:folds], axis=0)
    rows = {ONE: AblationRow(ONE, float(first[0]), float(first[1]), "", None, alone)}
    for step, (its_lwlrap, its_accuracy) in zip(steps, worth[folds:], strict=True):
        gain = its_lwlrap - rows[step.over].lwlrap
        cost = augmented if step.settings.tta else plain
        rows[step.name] = AblationRow(step.name, its_lwlrap, its_accuracy, step.over, gain, cost)
    return tuple(rows.values())


def _costs(folder: Path, augmented: Tagger, paths: Sequence[Path], say: Say) -> tuple[float, float, float]:
    """Milliseconds a clip of one fold, of all, and of all with test-time augmentation.

    Clip by clip in turn, so that whatever else the machine does slows all three alike.
    """
    plain = Tagger(folder, say=say)
    folds = plain.card.folds
    alone = Tagger(folder, TagSettings(folds=(folds[0].fold,)), say=say) if len(folds) > 1 else plain
    taggers = (alone, plain, augmented)
    timed = [paths[at] for at in np.unique(np.linspace(0, len(paths) - 1, TIMED_CLIPS).astype(int))]
    for tagger in taggers:
        tagger.tag(timed[0])  # the first call of a kind prepares what the others find
    seconds = np.zeros(len(taggers))
    for path in timed:
        for number, tagger in enumerate(taggers):
            began = time.perf_counter()
            tagger.tag(path)
            seconds[number] += time.perf_counter() - began
    one, all_of_them, with_tta = (float(value) for value in 1000 * seconds / len(timed))
    return one, all_of_them, with_tta


def _counted(count: int) -> str:
    return "1 clip" if count == 1 else f"{count:,} clips"


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
