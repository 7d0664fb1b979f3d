"""Read the out-of-fold scores of a run: each clip's scores by the fold that was not trained on it.

A finished fold leaves ``scores.safetensors`` and ``clips.json`` of the clips that it is measured on, and
``noisy-scores.safetensors`` and ``noisy-clips.json`` of the clips of an earlier stage that it was not trained on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.metrics import best_f1_thresholds
from audiotag.state import fits
from audiotag.training.run_progress import plan_of, subsets_of
from audiotag.training.runs import Run
from audiotag.trust.labelled_scores import OUT_OF_FOLD, LabelledScores
from audiotag.workspace import read_json

SCORES, CLIPS = "scores.safetensors", "clips.json"


@dataclass(frozen=True, eq=False)
class HeldOutScores:
    """Scores of clips, each by folds that were not trained on it.

    Attributes
    ----------
    labels : tuple[str, ...]
        The vocabulary.
    clips : pandas.DataFrame
        One row per clip: ``subset``, ``clip`` and ``fold``, the fold that scored it.
    scores : numpy.ndarray, shape=(clips, labels), float32
        0 to 1.
    targets : numpy.ndarray, shape=(clips, labels), float32
        Multi-hot: the labels that the run used.
    """

    labels: tuple[str, ...]
    clips: pd.DataFrame
    scores: np.ndarray
    targets: np.ndarray


def file_names(subset: str, scored_subset: str) -> tuple[str, str]:
    """Names of the files of scores and of clips, in a fold's folder, of a subset's clips.

    >>> file_names("curated", "curated"), file_names("noisy", "curated")
    (('scores.safetensors', 'clips.json'), ('noisy-scores.safetensors', 'noisy-clips.json'))
    """
    begin = "" if subset == scored_subset else f"{subset}-"
    return begin + SCORES, begin + CLIPS


def read_held_out(run: Run, folds: Collection[int] = (), subsets: Collection[str] = ()) -> HeldOutScores:
    """The out-of-fold scores of a run's finished folds.

    Parameters
    ----------
    run : Run
    folds : collection of int
        Only these folds; all that are finished, if empty.
    subsets : collection of str
        Only these subsets; all, if empty. Runs of earlier versions have scores of their last stage's subset alone.

    Raises
    ------
    AudiotagError
        If no fold is finished, or a file is damaged or missing.
    """
    if run.settings().trains_single:
        raise AudiotagError(f"run {run.name} trains one network on all clips, so it has no out-of-fold scores.")
    plan, finished = plan_of(run.events()), run.finished_folds()
    if plan is None or not finished:
        raise AudiotagError(f"run {run.name} has no finished fold yet, so it has no out-of-fold scores.")
    labels = tuple(plan["labels"])
    scored_subset = plan["stages"][-1]["subset"]
    rows, scores, targets = [], [np.zeros((0, len(labels)), np.float32)], [np.zeros((0, len(labels)), np.float32)]
    for fold in finished:
        for subset in subsets_of(plan):
            scores_file, clips_file = (run.fold_folder(fold) / name for name in file_names(subset, scored_subset))
            if (folds and fold not in folds) or (subsets and subset not in subsets):
                continue
            if subset != scored_subset and not scores_file.exists():
                continue
            of_fold, of_targets = read_scores(scores_file, len(labels))
            clips = _read_clips(clips_file, len(of_fold))
            rows += [(subset, clip, fold) for clip in clips]
            scores.append(of_fold)
            targets.append(of_targets)
    table = pd.DataFrame(rows, columns=["subset", "clip", "fold"])
    return HeldOutScores(labels, table, np.concatenate(scores), np.concatenate(targets))


def read_scores(path: Path, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and targets of a fold's held-out clips, ``(clips, labels)`` each, float32.

    Raises
    ------
    AudiotagError
        If the file is damaged.
    FileNotFoundError
        If it is missing.
    """
    from safetensors.numpy import load

    with refuse_damaged(path):
        held_out = load(path.read_bytes())
        scores, targets = held_out["scores"], held_out["targets"]
        if scores.shape != targets.shape or scores.ndim != 2 or scores.shape[1] != labels or not len(scores):
            raise ValueError("it does not fit the labels")
    return scores.astype(np.float32), targets.astype(np.float32)


def _read_clips(path: Path, count: int) -> list[str]:
    with refuse_damaged(path):
        clips = read_json(path)
        if not fits(clips, [str]) or len(clips) != count:
            raise ValueError("it does not fit the scores")
    return list(clips)


@contextmanager
def refuse_damaged(path: Path) -> Iterator[None]:
    """Turn what a damaged file of a fold raises into a sentence that names it."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, KeyError, TypeError, ValueError, IsADirectoryError) as error:
        raise AudiotagError(f"{path} is damaged; put a copy of it there, or train the run again.") from error


def labelled_scores(run: Run) -> LabelledScores:
    """The out-of-fold scores of a run's last stage, with the thresholds that publishing it would give.

    Raises
    ------
    AudiotagError
        If no fold is finished, or a file is damaged.
    """
    plan = plan_of(run.events())
    found = read_held_out(run, subsets=[plan["stages"][-1]["subset"]] if plan else [])
    thresholds = tuple(float(value) for value in best_f1_thresholds(found.targets, found.scores))
    folds = found.clips["fold"].to_numpy(dtype=int)
    return LabelledScores(found.labels, found.scores, found.targets, OUT_OF_FOLD, folds, thresholds)
