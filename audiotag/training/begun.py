"""What a run notes when it begins: copies of clips, corrected labels, and which folds train on each clip.

``copies.json`` holds the groups of clips with the same content. What is measured, or copied, while a run is stopped
must not change its folds, so a run that is resumed reads them there. ``together.json`` holds the groups that the
settings' ``keep_together`` asks for, in the same way. ``corrections.json`` holds the clips whose labels
reviewers had corrected; what they say later is for the next run. ``lists.json`` holds what the recipe's lists of clips
change. ``apart.json`` holds the subsets of which no fold trains on a clip that belongs with clips that it is scored on;
earlier versions did not write it, and trained on such clips where folds are shuffled. ``trained-on.parquet`` holds each
clip that some fold trains on, with the numbers of these folds; `audiotag.training.publish` stores it in the ensemble.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import pandas as pd

from audiotag.data.corrections import SHAPE, Correction
from audiotag.data.index import write_parquet
from audiotag.data.list_changes import CHANGES_SHAPE, ListChanges
from audiotag.state import read_json_state, read_state
from audiotag.training.pools import subset_of
from audiotag.training.preparation import Report
from audiotag.training.run_progress import plan_of
from audiotag.training.runs import SHARED_FOLD, Run
from audiotag.training.session import Session
from audiotag.workspace import write_bytes, write_json

COPIES = "copies.json"
TOGETHER = "together.json"
CORRECTIONS = "corrections.json"
LISTS = "lists.json"
APART = "apart.json"
TRAINED_ON = "trained-on.parquet"
COLUMNS = ["subset", "clip", "folds"]


def open_session(run: Run, left_out: Collection[Path] = (), report: Report | None = None) -> Session:
    """The session of a run: with the copies that it began with, or, before it has begun, those that are known now.

    A run that was given those of another one (`begin_as`) has these.

    Raises
    ------
    AudiotagError
        As `Session.open`.
    """
    settings, workspace = run.settings(), run.workspace
    has_begun = plan_of(run.events()) is not None
    if has_begun and not any((run.folder / name).exists() for name in (COPIES, TRAINED_ON)):
        # It began with a version of audiotag that did not look for copies.
        return Session.open(settings, workspace, left_out, copies=(), keeps_apart=False, report=report)
    if not has_begun and not (run.folder / COPIES).exists():
        return Session.open(settings, workspace, left_out, report=report)
    copies = read_json_state(run.folder / COPIES, [[str]], None, "copies of clips are looked for again")
    together = read_json_state(run.folder / TOGETHER, [[[str]]], None, "names and near-duplicates are looked at again")
    lists = read_list_changes(run)
    keeps_apart = settings.recipe.fold_method == "stratified" or (run.folder / APART).exists()
    corrections = read_corrections(run)
    return Session.open(settings, workspace, left_out, copies, corrections, keeps_apart, together, lists, report)


def begin_as(run: Run, other: Run) -> None:
    """Let a new run begin with what another run of the same folds and labels noted when it began.

    What is measured, found or corrected since then changes neither its folds nor its labels. Nothing is written unless
    the other run has begun.
    """
    if (other.folder / COPIES).exists():
        for name in (TOGETHER, CORRECTIONS, LISTS, APART, COPIES):
            with suppress(FileNotFoundError):
                write_bytes(run.folder / name, (other.folder / name).read_bytes())


def note_begin(run: Run, session: Session) -> None:
    """Write the files; before the event that says that the run has begun."""
    if session.settings.keep_together:
        write_json(run.folder / TOGETHER, session.together)
    if session.settings.corrected:
        write_json(run.folder / CORRECTIONS, [correction.to_dict() for correction in session.corrections])
    if session.recipe.lists:
        write_json(run.folder / LISTS, session.lists.to_dict())
    if session.kept_apart:
        write_json(run.folder / APART, session.kept_apart)
    write_json(run.folder / COPIES, session.copies)  # last: it says that the others are whole
    write_parquet(trained_on(session), run.folder / TRAINED_ON)


def trained_on(session: Session) -> pd.DataFrame:
    """Each clip that a fold trains on: ``subset``, ``clip`` and ``folds``, numbers separated by spaces."""
    folds_of: dict[str, dict[Path, set[int]]] = {subset: {} for subset in session.subsets}
    for _, stage in session.stages:
        for fold in (SHARED_FOLD,) if stage.shared else session.folds:
            for kind in session.pools_of(stage) or [stage.subset]:
                subset = session.clips(subset_of(kind))
                for row in subset.folds.pool_rows(kind, fold):
                    trained = folds_of[subset_of(kind)].setdefault(subset.clips[row].path, set())
                    trained.update(session.folds if stage.shared else (fold,))
    rows = [
        (subset, clip, " ".join(map(str, sorted(folds_of[subset][path]))))
        for subset in session.subsets
        for clip, path in session.rows(subset)[["clip", "path"]].itertuples(index=False, name=None)
        if path in folds_of[subset]
    ]
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


def read_corrections(run: Run) -> list[Correction]:
    """The corrected labels that a run began with; empty for one that uses the labels in the dataset's tables."""
    otherwise = f"run {run.name} goes on with the labels in the dataset's tables"
    listed = read_json_state(run.folder / CORRECTIONS, [SHAPE], [], otherwise)
    return [Correction.from_dict(values) for values in listed]


def read_list_changes(run: Run) -> ListChanges | None:
    """What the lists of the run's recipe changed when it began; None where that is not known."""
    values = read_json_state(run.folder / LISTS, CHANGES_SHAPE, None, "the lists of clips are read again")
    return None if values is None else ListChanges.from_dict(values)


def read_trained_on(run: Run) -> pd.DataFrame | None:
    """What `trained_on` gave when the run began; None for a run that has no such file, or a damaged one."""
    otherwise = f"an ensemble of run {run.name} does not know which clips it was trained on"
    return read_state(run.folder / TRAINED_ON, _parse, None, otherwise)


def _parse(content: bytes) -> pd.DataFrame:
    table = pd.read_parquet(io.BytesIO(content))[COLUMNS]
    if not all(isinstance(value, str) for column in COLUMNS for value in table[column]):
        raise ValueError("it has other values")
    for folds in table["folds"]:
        [int(fold) for fold in folds.split()]
    return table
