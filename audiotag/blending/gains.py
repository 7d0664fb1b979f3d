"""Measure what each part of a blend adds to lwlrap, with paired intervals, and its time per clip.

The rows are each member with one fold and with all folds, the blend of the members, the same without each member, the
stackers alone, and the whole blend. Every clip is scored once; other combinations need no network. The blend is
compared with the member whose card has the highest out-of-fold lwlrap: the choice does not look at the measured clips.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError, clip_problem
from audiotag.metrics import accuracy, label_precisions, lwlrap, multi_hot
from audiotag.tagging import ablation_measurement
from audiotag.tagging.ablation import Ablation, AblationRow
from audiotag.tagging.ablation_measurement import (
    count_of_clips,
    held_out_clips,
    ms_per_clip,
    with_known_labels,
)
from audiotag.tagging.blend_fusion import fuse_voters
from audiotag.tagging.blend_tagger import BlendTagger
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import Say
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.settings import MEASURED
from audiotag.tagging.tagger import Tagger
from audiotag.training.paired_bootstrap import PairedSums

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class _ClipScores:
    """Scores of one clip: of each fold of each member, ``(folds, labels)``, and of each voter, ``(voters, labels)``."""

    folds: list[np.ndarray]
    voters: np.ndarray


@dataclass(frozen=True, eq=False)
class _Step:
    """A row of the table: its scores ``(clips, labels)``, or of several single folds, whose figures are averaged."""

    name: str
    scores: Sequence[np.ndarray]
    over: str
    ms_per_clip: float


def measure_gains(
    folder: Path,
    dataset: Dataset,
    subset: str = "test",
    progress: Progress = lambda done, total: None,
    say: Say = lambda sentence: None,
) -> Ablation:
    """Score labelled clips with every step of an ensemble, or with every part of a blend.

    The parameters, and what is raised, are those of `audiotag.tagging.ablation_measurement.measure_ablation`.
    """
    card = read_card(folder)
    if card.blend is None:
        return ablation_measurement.measure_ablation(folder, dataset, subset, progress, say)
    tagger, notes = BlendTagger(folder, MEASURED, say=say), list[str]()
    for member in tagger.members:
        clips = held_out_clips(member.card, dataset, subset, notes)
    clips, labels = with_known_labels(clips, card, dataset, notes)
    scored, rows, unreadable, known = [], [], [], 0
    for done, (clip, path) in enumerate(zip(clips["clip"], clips["path"], strict=True), start=1):
        try:
            evidence = tagger.evidence(path, clip)
            known += any(of.any() for of in map(Tagger.trained_folds, tagger.members, evidence.members))
            scored.append(_score(tagger, evidence))
            rows.append(done - 1)
        except Exception as error:  # whatever is wrong with a clip, the others are scored
            unreadable.append(clip_problem(clip, error))
        progress(done, len(clips))
    if not scored:
        raise AudiotagError(f"none of the {len(clips)} clips of {dataset.name} can be read; {unreadable[0]}")
    if known:
        notes.append(f"Members were trained on {count_of_clips(known)} of these, which makes the figures too high.")
    if unreadable:
        notes.append(f"{count_of_clips(len(unreadable))} left out: unreadable.")
    clips = clips.iloc[rows]
    targets = multi_hot(clips["labels"].tolist(), labels)
    columns = [card.labels.index(label) for label in labels]
    steps = _steps(tagger, scored, columns, _ms_per_clip(folder, tagger, clips["path"].tolist(), say))
    return Ablation(
        rows=_rows(steps, targets, _units(clips)),
        dataset=dataset.name,
        subset=subset,
        clips=len(clips),
        labels=len(labels),
        date=time.strftime("%Y-%m-%d"),
        folds=card.fold_checksums,
        engine=tagger.engine_name,
        notes=tuple(dict.fromkeys(notes)),
        unreadable=tuple(unreadable),
    )


def _score(tagger: BlendTagger, evidence: Evidence) -> _ClipScores:
    """Scores of all parts; all folds vote, whatever they were trained on."""
    members = tuple(replace(member, content="") for member in evidence.members)
    evidence = replace(evidence, content="", members=members)
    tags = tagger.member_tags(evidence, tagger.settings)
    voters, _ = tagger.voter_scores(evidence, tags, tagger.settings.combine)
    folds = []
    for member, own, order in zip(tagger.members, members, tagger.orders, strict=True):
        alone = [replace(own, scores=own.scores[fold : fold + 1]) for fold in range(len(own.scores))]
        folds.append(np.array([member.tags_of(each).scores[order] for each in alone]))
    return _ClipScores(folds, voters)


def _steps(
    tagger: BlendTagger, scored: Sequence[_ClipScores], columns: list[int], ms_per_clip: Sequence[tuple[float, float]]
) -> list[_Step]:
    """All rows of the table; ``ms_per_clip`` has, for each member and at last for the blend, one fold and all folds."""
    blend, alone, steps = tagger.blend, list[str](), list[_Step]()
    voters = np.array([clip.voters for clip in scored]).transpose(1, 0, 2)[:, :, columns]
    names = _names([member.name for member in blend.members])
    for number, name in enumerate(names):
        folds = np.array([clip.folds[number] for clip in scored]).transpose(1, 0, 2)[:, :, columns]
        one_ms, all_ms = ms_per_clip[number]
        steps.append(_Step(f"{name}, one fold", list(folds), "", one_ms))
        if len(folds) > 1:
            steps.append(_Step(f"{name}, all folds", [voters[number]], f"{name}, one fold", all_ms))
        alone.append(steps[-1].name)
    best = alone[int(np.argmax([member.card.lwlrap for member in tagger.members]))]
    members, all_ms = range(len(names)), ms_per_clip[-1][1]

    def fused(chosen: Sequence[int], combine: str = blend.combine) -> list[np.ndarray]:
        weights = [blend.weights[voter] for voter in chosen]
        return [fuse_voters(voters[list(chosen)], "mean" if combine == "mean" else "geometric", weights)]

    titles = {"geometric": "geometric mean of the members", "mean": "arithmetic mean of the members"}
    own = titles[blend.combine]
    other = next(combine for combine in titles if combine != blend.combine)
    steps.append(_Step(own, fused(members), best, all_ms))
    steps.append(_Step(titles[other], fused(members, other), own, all_ms))
    for number in members if len(names) > 2 else ():
        rest = [member for member in members if member != number]
        rest_ms = sum(ms_per_clip[member][1] for member in rest)
        steps.append(_Step(f"without {names[number]}", fused(rest), own, rest_ms))
    if blend.stackers:
        stackers = range(len(names), len(blend.weights))
        steps.append(_Step("stackers alone", fused(stackers), own, all_ms))
        steps.append(_Step("members and stackers", fused(range(len(blend.weights))), own, all_ms))
    return steps


def _rows(steps: Sequence[_Step], targets: np.ndarray, units: np.ndarray) -> tuple[AblationRow, ...]:
    by_name = {step.name: step for step in steps}
    figures = {
        step.name: np.mean([(lwlrap(targets, each), accuracy(targets, each)) for each in step.scores], axis=0)
        for step in steps
    }
    rows = []
    for step in steps:
        gain = low = high = None
        if step.over:
            gain = float(figures[step.name][0] - figures[step.over][0])
            low, high = _interval(targets, by_name[step.over], step, units)
        reached, share = map(float, figures[step.name])
        rows.append(AblationRow(step.name, reached, share, step.over, gain, step.ms_per_clip, low, high))
    return tuple(rows)


def _interval(targets: np.ndarray, first: _Step, second: _Step, units: np.ndarray) -> tuple[float | None, float | None]:
    """The paired interval of a gain of lwlrap; None where there is one recording alone."""
    counts = csr_array((targets > 0).sum(axis=1, keepdims=True).astype(float))
    sums = PairedSums(_precisions(targets, first), _precisions(targets, second), counts, units)
    found = sums.differences()[0]
    return (None, None) if np.isnan(found.low) else (found.low, found.high)


def _precisions(targets: np.ndarray, step: _Step) -> csr_array:
    """Sum of the precisions at the ranks of each clip's labels, ``(clips, 1)``; of single folds, their mean."""
    of_folds = [
        (label_precisions(targets, scores) * (targets > 0)).sum(axis=1, keepdims=True) for scores in step.scores
    ]
    return csr_array(np.mean(of_folds, axis=0))


def _units(clips: pd.DataFrame) -> np.ndarray:
    """Number of the recording of each clip; a clip of which that is not known is one of its own."""
    groups = clips["group"].astype(object)
    own = [f"recording {group}" if pd.notna(group) else number for number, group in enumerate(groups)]
    return pd.factorize(pd.Series(own, dtype=object))[0]


def _ms_per_clip(folder: Path, tagger: BlendTagger, paths: Sequence[Path], say: Say) -> list[tuple[float, float]]:
    """Milliseconds per clip of each member with one fold and with all, and of the blend; they take turns."""
    taggers: list[Tagger] = []
    for member, own in zip(tagger.members, tagger.card.network_folders(folder), strict=True):
        first = replace(MEASURED, folds=(member.card.folds[0].fold,))
        taggers += [Tagger(own, first, say=say) if len(member.card.folds) > 1 else member, member]
    taggers.append(tagger)
    ms = ms_per_clip(taggers, paths)
    return [*zip(ms[:-1:2], ms[1:-1:2], strict=True), (ms[-1], ms[-1])]


def _names(names: Sequence[str]) -> list[str]:
    """The names of members, with a number where two are the same."""
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names, start=1)]
