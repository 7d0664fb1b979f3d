"""Scores of noisy clips by networks that were not trained on them, and the clips that stages choose by them.

Where a stage of the recipe has an `audiotag.training.agreement.Agreement`, each fold scores the noisy clips that it
holds out at the ends of the stages that are asked (``fold-1/agreement-2.safetensors`` and ``agreement-2.json``, for
stage 2). When all folds have done so, the clips of all folds are chosen (``agreement-3.json``, for stage 3), and each
fold adds those that it does not hold out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from audiotag.errors import AudiotagError
from audiotag.state import fits, read_json_state
from audiotag.training.agreement import choose_rows
from audiotag.training.clips import LabelledClips
from audiotag.training.held_out import refuse_damaged
from audiotag.training.runs import Run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.workspace import read_json, write_bytes, write_json

NAMES = "agreement-{}.json"
SCORES = "agreement-{}.safetensors"


def has_scores(run: Run, fold: int, stages: set[int]) -> bool:
    """Whether a fold has scored its noisy clips at the ends of these stages, numbered from 0."""
    return all((run.fold_folder(fold) / SCORES.format(number + 1)).exists() for number in stages)


def next_barrier(run: Run, session: Session) -> int | None:
    """The stage before which folds wait for the scores of others, numbered from 0; None where none waits any more.

    No fold waits before a stage whose clips are chosen: folds may be past it, and do not score again if files are lost.
    """
    unfinished = set(session.folds) - set(run.finished_folds())
    for barrier in session.barriers:
        is_chosen = (run.folder / NAMES.format(barrier + 1)).exists()
        asked = stages_asked(session, barrier)
        if not is_chosen and not all(has_scores(run, fold, asked) for fold in unfinished):
            return barrier
    return None


def stages_asked(session: Session, barrier: int) -> set[int]:
    """The stages, numbered from 0, whose networks choose the noisy clips of a stage that folds wait before."""
    agreement = session.recipe.stages[barrier].agreement
    assert agreement is not None
    return {asked - 1 for asked in agreement.stages}


def check_scores(run: Run, fold: int, stages: set[int]) -> None:
    """Raise `AudiotagError` if a fold that is trained up to a barrier lacks scores: it would wait for ever."""
    for number in sorted(stages):
        _check_exists(run.fold_folder(fold) / SCORES.format(number + 1))


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise AudiotagError(f"{path} is missing; train the run again.")


def save_scores(folder: Path, number: int, clips: LabelledClips, scores: np.ndarray) -> None:
    """Write the scores of a fold at the end of a stage, numbered from 0; the file of scores comes last."""
    write_json(folder / NAMES.format(number + 1), [clip.name for clip in clips.clips])
    arrays = {"scores": scores.astype(np.float32), "targets": clips.targets}
    write_bytes(folder / SCORES.format(number + 1), save_arrays(arrays))


def read_scores(folder: Path, number: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of the clips, their scores and their targets, as `save_scores` wrote them.

    Raises
    ------
    AudiotagError
        If a file is damaged or missing.
    """
    path = folder / SCORES.format(number + 1)
    _check_exists(path)
    with refuse_damaged(path):
        names, arrays = read_json(folder / NAMES.format(number + 1)), load_arrays(path.read_bytes())
        scores, targets = arrays["scores"], arrays["targets"]
        if not fits(names, [str]) or scores.shape != targets.shape or len(scores) != len(names):
            raise ValueError("the parts do not fit each other")
    return list(names), scores, targets


def choose_clips(run: Run, session: Session, number: int, stage: Stage) -> set[str]:
    """Names of the noisy clips of all folds that a stage, numbered from 0, adds; chosen once, and stored.

    Raises
    ------
    AudiotagError
        If the scores of a fold are damaged or missing.
    """
    assert stage.agreement is not None
    path = run.folder / NAMES.format(number + 1)
    names = read_json_state(path, [str], None, "the noisy clips are chosen again, by the stored scores")
    if names is not None:
        return set(names)
    chosen: list[str] = []
    scored = 0
    for fold in session.folds:
        by_stage = [read_scores(run.fold_folder(fold), asked - 1) for asked in stage.agreement.stages]
        of_fold, _, targets = by_stage[0]
        scored += len(of_fold)
        rows = choose_rows([scores for _, scores, _ in by_stage], targets, stage.agreement)
        chosen += [of_fold[row] for row in rows]
    write_json(path, chosen)
    print(
        f"stage {number + 1}: networks that were not trained on them agree with the labels of {len(chosen)} of "
        f"{scored} noisy clips",
        flush=True,
    )
    return set(chosen)
