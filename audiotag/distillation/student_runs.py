"""Start and find the runs that an ensemble teaches: one network on all clips, or one per fold to measure it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from audiotag.distillation.source import Source, check_folds_are_the_same, unseen_folds
from audiotag.errors import AudiotagError
from audiotag.tagging.weights import read_checked
from audiotag.training.begun import COPIES, begin_as, open_session
from audiotag.training.run_blocking import wait_for_end
from audiotag.training.runs import RESUMABLE, Run, RunSettings, create_run, list_runs
from audiotag.training.teaching import FOLDER, TeacherFiles, Teaching
from audiotag.workspace import Workspace, write_bytes, write_json

PROCESS = "process.json"  # of a run that was started


def taught_settings(source: Source, teaching: Teaching, epochs: tuple[int, ...] = (), device: str = "") -> RunSettings:
    """The settings of a run that an ensemble teaches.

    Parameters
    ----------
    source : Source
    teaching : Teaching
    epochs : tuple[int, ...]
        One number for all stages, or one per stage; empty for those of the ensemble's recipe.
    device : str
        As `RunSettings.device`; empty for the best.
    """
    recipe = source.settings.recipe.with_epochs(epochs) if epochs else source.settings.recipe
    return replace(source.settings, recipe=recipe, device=device, teaching=teaching)


def student_run(source: Source, settings: RunSettings, workspace: Workspace) -> Run:
    """The newest run of these settings that learns from this ensemble as it is now, or a new one; it is not started.

    Raises
    ------
    AudiotagError
        If the ensemble is damaged, or its folds would be measured on clips that they were trained on.
    """
    for run in list_runs(workspace):
        with suppress(AudiotagError):  # written by a version of audiotag with other fields
            if run.settings() == settings and _teachers_are(run, source):
                return run
    unseen = unseen_folds(source, workspace)
    run = create_run(workspace, settings)
    if source.run is not None:
        begin_as(run, source.run)
    assert settings.teaching is not None
    if not settings.teaching.is_single:
        _begin_with_the_same_folds(run, source, unseen)
    files = {}
    for fold in source.card.folds:
        write_bytes(run.folder / FOLDER / fold.file, read_checked(source.folder, fold.file, fold.sha256))
        files[fold.fold] = fold.file
    TeacherFiles(files, unseen).write(run.folder)
    return run


def train_student(
    source: Source,
    teaching: Teaching,
    workspace: Workspace,
    epochs: tuple[int, ...] = (),
    device: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """The finished run of these settings, resumed if it was cut off; see `taught_settings` and `student_run`.

    Raises
    ------
    AudiotagError
        If the run fails or is stopped; called again, it is resumed.
    """
    run = student_run(source, taught_settings(source, teaching, epochs, device), workspace)
    start_unless_active(run)
    wait_for_end(run, progress)
    return run


def start_unless_active(run: Run) -> bool:
    """Start or resume a run that is neither finished nor in training; returns whether it was started."""
    is_new = not (run.folder / PROCESS).exists()
    if is_new or run.state() in RESUMABLE:
        run.start()
        return True
    return False


def _teachers_are(run: Run, source: Source) -> bool:
    """Whether a run's teachers are the networks of an ensemble."""
    files = TeacherFiles.read(run.folder).files
    if files != {fold.fold: fold.file for fold in source.card.folds}:
        return False
    for fold in source.card.folds:
        read_checked(run.folder / FOLDER, fold.file, fold.sha256)
    return True


def _begin_with_the_same_folds(run: Run, source: Source, unseen: dict[str, list[int]]) -> None:
    """Give a run the folds of the ensemble's training, with the copies of clips that are known now or with none.

    An ensemble that was trained by an earlier version, or before its dataset was measured, did not look for copies.
    """
    try:
        check_folds_are_the_same(open_session(run), unseen, source.card)
    except AudiotagError:
        if (run.folder / COPIES).exists():
            raise
        write_json(run.folder / COPIES, [])
        check_folds_are_the_same(open_session(run), unseen, source.card)
