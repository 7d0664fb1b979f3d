"""Measure the single network of an ensemble against its folds: lwlrap on the same clips, agreement, and speed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.audio.reading import read_header
from audiotag.data.contents import connect_rows
from audiotag.distillation.source import Source
from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.tagging.bulk import score_files, tag_files
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.single_card import SameClips, Speeds
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.training.held_out import HeldOutScores, read_held_out
from audiotag.training.paired_bootstrap import sums_of
from audiotag.training.runs import Run
from audiotag.training.session import Session
from audiotag.training.single_network import separate_test_clips

MAX_TIMED_CLIPS = 200
TIMINGS = 3

Say = Callable[[str], None]


def compare(
    labels: Sequence[str],
    targets: np.ndarray,
    folds: np.ndarray,
    single: np.ndarray,
    units: np.ndarray,
    thresholds: tuple[Sequence[float], Sequence[float]],
) -> SameClips:
    """Compare the scores of the folds with those of the single network.

    Parameters
    ----------
    labels : sequence of str
    targets, folds, single : numpy.ndarray, shape=(clips, labels)
        Labels, multi-hot, and both scores, 0 to 1. Clips without a label are left out.
    units : numpy.ndarray, shape=(clips,), int
        Number of the recording of each clip.
    thresholds : tuple of two sequences of float
        Those of the folds and of the single network, one per label.
    """
    has_label = targets.any(axis=1)
    targets, folds, single, units = (array[has_label] for array in (targets, folds, single, units))
    numbers = np.unique(units, return_inverse=True)[1]
    found = sums_of(targets, folds, single, None, numbers).differences()[0]
    first, second = (scores >= np.array(limits) for scores, limits in zip((folds, single), thresholds, strict=True))
    either, both = (first | second).sum(axis=0), (first & second).sum(axis=0)
    return SameClips(
        clips=found.clips,
        recordings=found.units,
        folds=round(found.first, 5),
        single=round(found.second, 5),
        low=None if np.isnan(found.low) else round(found.low, 5),
        high=None if np.isnan(found.high) else round(found.high, 5),
        agreement={
            label: round(float(both[column] / either[column]), 4)
            for column, label in enumerate(labels)
            if either[column]
        },
    )


def held_out_pairs(source: Source, run: Run, session: Session) -> tuple[HeldOutScores, np.ndarray, np.ndarray]:
    """Out-of-fold scores of the networks that each fold taught, with those of the folds and the clips' recordings.

    Parameters
    ----------
    source : Source
    run : Run
        A finished run whose teaching is "per-fold".
    session : Session
        Of this run.

    Returns
    -------
    tuple[HeldOutScores, numpy.ndarray, numpy.ndarray]
        Scores of the taught networks; those of the folds, ``(clips, labels)``; numbers of recordings, ``(clips,)``.

    Raises
    ------
    AudiotagError
        If the ensemble has no out-of-fold scores, or they are of other clips or labels.
    """
    found = read_out_of_fold(source.folder, source.card)
    if found is None:
        raise AudiotagError(f"{source.card.name} holds no out-of-fold scores to compare with; publish it again.")
    taught = read_held_out(run, subsets=[session.scored_subset])
    scores = np.empty_like(taught.scores)
    folds = taught.clips["fold"].to_numpy(dtype=int)
    for fold in np.unique(folds):
        own, there = folds == fold, found.folds == fold
        if not np.array_equal(taught.targets[own], found.targets[there]):
            raise AudiotagError(
                f"the clips or labels of fold {fold} of {source.card.name} have changed since it was trained, so its "
                "scores cannot be compared; train it again."
            )
        scores[own] = found.scores[there]
    return taught, scores, _units_of(taught.clips, session)


def _units_of(clips: pd.DataFrame, session: Session) -> np.ndarray:
    """The number of the recording of each clip, where a clip without one counts for itself."""
    named = clips.merge(session.rows_with_units(session.scored_subset)[["clip", "unit"]], on="clip", how="left")
    return np.asarray(connect_rows(named["unit"]))


def measure_test_clips(folder: Path, session: Session, say: Say) -> SameClips | None:
    """Both on labelled test clips of which nothing was trained on a copy; None if there are none.

    Parameters
    ----------
    folder : Path
        Of an ensemble that has its single network.
    session : Session
        Of the dataset.
    say : callable
        Gets a sentence where opening the ensemble takes long.
    """
    rows = separate_test_clips(session.dataset.clips, session.content, session.labels)
    if rows.empty:
        return None
    files = [SoundFile(path, clip) for clip, path in rows[["clip", "path"]].itertuples(index=False, name=None)]
    taggers = [Tagger(folder, say=say, fast=fast) for fast in (False, True)]
    scores = [_scores(tagger, files) for tagger in taggers]
    scored = ~np.isnan(scores[0]).any(axis=1) & ~np.isnan(scores[1]).any(axis=1)
    if not scored.any():
        return None
    targets = multi_hot(list(rows["labels"]), session.labels)
    units = np.asarray(connect_rows(rows["group"]))
    thresholds = (taggers[0].thresholds, taggers[1].thresholds)
    return compare(session.labels, targets[scored], scores[0][scored], scores[1][scored], units[scored], thresholds)


def _scores(tagger: Tagger, files: Sequence[SoundFile]) -> np.ndarray:
    """Scores of each file, ``(files, labels)``; NaN for one that cannot be read."""
    order = {label: column for column, label in enumerate(tagger.card.labels)}
    scores = np.full((len(files), len(order)), np.nan, np.float32)
    for row, result in enumerate(score_files(tagger, files)):
        if result.evidence is not None:
            for tag in tagger.tags_of(result.evidence).ranking:
                scores[row, order[tag.label]] = tag.score
    return scores


def measure_speed(folder: Path, paths: Sequence[Path], say: Say = lambda sentence: None) -> Speeds | None:
    """How fast both tag sounds in bulk, without overlap; the best of three times each, in turn.

    Parameters
    ----------
    folder : Path
        Of an ensemble that has its single network.
    paths : sequence of Path
        At most `MAX_TIMED_CLIPS` of them are tagged, at even distances.
    say : callable
        As `measure_test_clips`.
    """
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), MAX_TIMED_CLIPS)).astype(int))
    files = [SoundFile(paths[row], paths[row].name) for row in chosen]
    sound_s = sum(read_header(file.path).duration_s for file in files)
    taggers = [Tagger(folder, TagSettings(overlap=0.0), say=say, fast=fast) for fast in (False, True)]
    seconds = np.full((TIMINGS, len(taggers)), np.inf)
    for turn in range(TIMINGS):
        for number, tagger in enumerate(taggers):
            started = time.perf_counter()
            for _ in tag_files(tagger, files):
                pass
            seconds[turn, number] = time.perf_counter() - started
    folds, single = sound_s / seconds.min(axis=0)
    return Speeds(round(float(folds), 1), round(float(single), 1), os.cpu_count() or 1, len(files))
