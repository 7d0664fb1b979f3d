"""Start trainings and wait for their end: what ``audiotag.train``, ``audiotag train`` and the benchmarks call."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.training.folds import check_folds, check_keep_together, with_fold_source
from audiotag.training.pool_notes import pool_notes
from audiotag.training.preparation import Report
from audiotag.training.run_options import RunOptions
from audiotag.training.run_progress import epochs_done, expected_epochs
from audiotag.training.run_splits import leak_sentences
from audiotag.training.runs import RESUMABLE, Run, RunSettings, create_run, list_runs
from audiotag.training.session import Session
from audiotag.workspace import Workspace

POLL_S = 0.5


def train_and_wait(
    options: RunOptions,
    workspace: Workspace,
    publish_as: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Train a new run to its end.

    Parameters
    ----------
    options : RunOptions
    workspace : Workspace
    publish_as : str
        Name of the ensemble that is made of the run; empty for none.
    progress : callable(done, total), optional
        Called as epochs of all folds are done.

    Returns
    -------
    Run
        Finished.

    Raises
    ------
    AudiotagError
        If an option or the name does not fit, which is found before the training, or the run fails or is stopped.
    """
    from audiotag.training.publish import add_familiarity, check_name, publish

    if publish_as:
        check_name(publish_as, workspace.ensembles)
    run = new_run(options, workspace)
    run.start()
    wait_for_end(run, progress)
    if publish_as:
        add_familiarity(publish(run, publish_as, workspace.ensembles), run)
    return run


def new_run(options: RunOptions, workspace: Workspace) -> Run:
    """Create the run of these options, without starting it.

    Raises
    ------
    AudiotagError
        If the dataset, a fold or another option does not fit.
    """
    dataset = open_remembered(Path(options.dataset), workspace)
    settings = options.settings(workspace)
    check_run(dataset, settings, workspace)
    run = create_run(workspace, settings)
    workspace.remember_dataset(dataset.root)
    return run


def check_run(dataset: Dataset, settings: RunSettings, workspace: Workspace) -> None:
    """Raise `AudiotagError` if no clip has a label, a fold or folder is missing, or folds cannot be drawn as asked."""
    session = Session(dataset, settings, workspace)
    session.check_labels()
    settings.recipe.negatives.sounds()  # raises if the folder has none
    check_folds(session.dataset, settings.recipe, settings.folds, settings.held_out, settings.folds_from)
    drawn = with_fold_source(session.dataset, settings.folds_from)
    check_keep_together(drawn, settings.recipe, settings.keep_together)


def run_notes(options: RunOptions, workspace: Workspace, report: Report | None = None) -> tuple[str, ...]:
    """Sentences to say about a new run: corrected labels, lists, pools, and what its folds do not keep together.

    ``report`` is called with what is being done meanwhile, as `audiotag.training.preparation.Report`.
    """
    try:
        if report:
            report("Opening the dataset", 0, 0)
        dataset = open_remembered(Path(options.dataset), workspace)
        session = Session(dataset, options.settings(workspace), workspace, report=report)
        return (*_corrections_note(session), *pool_notes(session), *leak_sentences(session))
    except AudiotagError:  # whatever it is, the run says it
        return ()


def _corrections_note(session: Session) -> tuple[str, ...]:
    if not (count := len(session.corrections)):
        return ()
    clips = "1 clip" if count == 1 else f"{count:,} clips"
    return (f"The labels of {clips} are used as reviewers corrected them; --no-corrections uses those in the tables.",)


def wait_for_end(run: Run, progress: Callable[[int, int], None] | None = None) -> None:
    """Wait until a run that was started has finished; an interrupt ends the waiting, not the run.

    Parameters
    ----------
    run : Run
    progress : callable(done, total), optional
        Called when the number of finished epochs, of all folds, has changed.

    Raises
    ------
    AudiotagError
        If the run fails or is stopped; gives the reason.
    """
    reported = -1
    while True:
        is_active = run.is_active()  # asked before the events, so that the last ones are reported
        if progress is not None:
            events = run.events()
            done = len(epochs_done(events))
            if done != reported and (epochs := expected_epochs(events)):
                progress(done, sum(epochs.values()))
                reported = done
        if not is_active:
            break
        time.sleep(POLL_S)
    if run.state() != "finished":
        raise AudiotagError(f"run {run.name} {how_it_ended(run)}")


def how_it_ended(run: Run) -> str:
    """Say how a run ended, and why; "failed. The disk is full; …", for one."""
    state = run.state()
    return f"{state if state in ('failed', 'finished') else f'was {state}'}. {run.reason()}".rstrip()


def train_run(settings: RunSettings, workspace: Workspace, progress: Callable[[int, int], None] | None = None) -> Run:
    """The finished run of these settings: an earlier one, resumed if it was cut off, or a new one.

    A script that is started again finds its runs again, and none is trained twice. ``progress`` is called as
    `wait_for_end` calls it.

    Raises
    ------
    AudiotagError
        If the run fails or is stopped; called again, it is resumed.
    """
    run = next((run for run in list_runs(workspace) if _settings_or_none(run) == settings), None)
    if run is None:
        run = create_run(workspace, settings)
        run.start()
    elif run.state() in RESUMABLE:
        run.start()
    try:
        wait_for_end(run, progress)
    except AudiotagError as error:
        raise AudiotagError(f"{error} Start the same training again to resume it.") from error
    return run


def _settings_or_none(run: Run) -> RunSettings | None:
    try:
        return run.settings()
    except AudiotagError:  # written by a version of audiotag with other fields
        return None
