"""One run in one row: what it was asked to do, how far it is, and what it was measured at."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.training.run_differences import changes_text
from audiotag.training.run_notes import read_note
from audiotag.training.run_progress import best_steps, epochs_done, expected_epochs, plan_of
from audiotag.training.runs import Run
from audiotag.training.weights_choice import fold_results


@dataclass(frozen=True)
class RunSummary:
    """A row of the table of runs.

    Attributes
    ----------
    run : str
        Name of its folder.
    name, note : str
        What the user calls it, by default the same, and noted about it.
    dataset, recipe : str
        Name of the dataset, and title of the recipe; a sentence instead of the dataset where the settings are damaged.
    changes : str
        How it differs from the recipe, in one line.
    folds_done, folds : int
        Finished folds, and all; 0 before the run has read the dataset.
    epochs_done, epochs : int
        Of all folds; fewer than planned where a stage ends early.
    lwlrap, deviation : float or None
        Mean over the finished folds, and their sample standard deviation; with the weights of the last epoch.
    best_epoch : float or None
        Mean over the folds of the number of their best epoch; counted over all stages.
    seconds : float
        Spent on training and measuring, of all folds together.
    begun : float or None
        When it began, in seconds since 1970.
    """

    run: str
    name: str
    note: str
    dataset: str
    recipe: str
    changes: str
    folds_done: int
    folds: int
    epochs_done: int
    epochs: int
    lwlrap: float | None
    deviation: float | None
    best_epoch: float | None
    seconds: float
    begun: float | None


def summarise(run: Run) -> RunSummary:
    """The row of a run, from its files."""
    events, note = run.events(), read_note(run)
    plan, epochs, steps = plan_of(events), epochs_done(events), best_steps(events)
    scores = [result["lwlrap"] for result in fold_results(events).values()]
    folds = len(plan["folds"]) if plan else 0
    dataset, recipe, changes = _described(run)
    return RunSummary(
        run=run.name,
        name=note.title or run.name,
        note=note.note,
        dataset=dataset,
        recipe=recipe,
        changes=changes,
        folds_done=len(scores),
        folds=folds,
        epochs_done=len(epochs),
        epochs=sum(expected_epochs(events).values()),
        lwlrap=statistics.fmean(scores) if scores else None,
        deviation=statistics.stdev(scores) if len(scores) > 1 else None,
        best_epoch=statistics.fmean(steps.values()) if steps else None,
        seconds=sum(epoch["seconds"] for epoch in epochs),
        begun=plan.get("time") if plan else None,
    )


def table_of(rows: list[RunSummary], states: list[str]) -> pd.DataFrame:
    """One row per run with the fields of `RunSummary`, its state, and ``progress``, the share of epochs done."""
    table = pd.DataFrame([vars(row) for row in rows], columns=[field.name for field in fields(RunSummary)])
    table["state"] = pd.Series(states, dtype=object)
    table["progress"] = [row.epochs_done / row.epochs if row.epochs else 0.0 for row in rows]
    return table


def matches(row: RunSummary, state: str, wanted: str) -> bool:
    """Whether each word that is searched for is in a text of the row or in the run's state; case does not matter."""
    text = " ".join((row.run, row.name, row.note, row.dataset, row.recipe, row.changes, state)).casefold()
    return all(word in text for word in wanted.casefold().split())


def _described(run: Run) -> tuple[str, str, str]:
    """Dataset, recipe and changes of a run; of a damaged one what is wrong with it."""
    try:
        settings = run.settings()
    except AudiotagError as error:
        return str(error), "", ""
    return Path(settings.dataset).name, settings.recipe.title, changes_text(settings)


def spread_text(values: list[float]) -> str:
    """Mean and sample standard deviation of folds.

    >>> spread_text([0.8, 0.9]), spread_text([0.8])
    ('0.8500 ± 0.0707', '0.8000')
    """
    mean = f"{statistics.fmean(values):.4f}"
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean
