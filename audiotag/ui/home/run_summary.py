"""What the Home page says about a run: its state, how far it is, how good its folds are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.training.run_progress import (
    epochs_done,
    expected_epochs,
    may_end_early,
    plan_of,
    share_of_epoch,
    work_left,
)
from audiotag.training.runs import ACTIVE, SHARED_FOLD, Run, State
from audiotag.ui.text import Markdown
from audiotag.wording import format_duration


@dataclass(frozen=True)
class RunSummary:
    """A run as the Home page shows it.

    Attributes
    ----------
    name : str
    state : State
    dataset : Path or None
        None where the run's settings are damaged.
    recipe : str
        Title of its recipe.
    folds_done, folds : int
        Finished folds, and all that it trains; the latter is 0 where it is not known yet.
    lwlrap : float or None
        Mean over the finished folds.
    share : float or None
        How much of the training is done, 0 to 1, while it runs.
    left_s : float or None
        Seconds that it still takes, where they are known.
    may_end_early : bool
        Whether a stage ends once lwlrap does not rise any more; then it takes at least so many seconds.
    problem : str
        Why its settings cannot be read.
    """

    name: str
    state: State
    dataset: Path | None = None
    recipe: str = ""
    folds_done: int = 0
    folds: int = 0
    lwlrap: float | None = None
    share: float | None = None
    left_s: float | None = None
    problem: str = ""
    may_end_early: bool = False

    @property
    def counted_folds(self) -> Markdown:
        """How many folds are finished, of how many where that is known."""
        if self.folds:
            return Markdown(f"{self.folds_done:,} of {self.folds:,} fold{'' if self.folds == 1 else 's'}")
        return Markdown(f"{self.folds_done:,} fold{'' if self.folds_done == 1 else 's'}")

    @property
    def is_active(self) -> bool:
        """Whether it trains or waits for its device."""
        return self.state in ACTIVE


def summarise(run: Run) -> RunSummary:
    """Read a run's files."""
    state, events = run.state(), run.events()
    plan = plan_of(events)
    scores = {event["fold"]: event["lwlrap"] for event in events if event["event"] == "fold-finished"}
    dataset, recipe, problem, folds = None, "", "", len(plan["folds"]) if plan else 0
    try:
        settings = run.settings()
        dataset, recipe = Path(settings.dataset), settings.recipe.title
        folds = folds or len(settings.folds)
    except AudiotagError as error:
        problem = str(error)
    share = left_s = None
    if state in ACTIVE and plan:
        in_training = run.progress()
        left_s = work_left(events, in_training=in_training)
        share = _share_done(events, in_training)
    mean = sum(scores.values()) / len(scores) if scores else None
    early = may_end_early(events)
    return RunSummary(run.name, state, dataset, recipe, len(scores), folds, mean, share, left_s, problem, early)


def _share_done(events: list[dict], in_training: list[dict]) -> float:
    """Epochs that are done, of all epochs of all folds."""
    total = sum(expected_epochs(events).values())
    finished = {(event["fold"], event["stage"], event["epoch"]) for event in epochs_done(events)}
    begun = sum(
        share_of_epoch(each)
        for each in in_training
        if (each["fold"], each.get("stage"), each["epoch"]) not in finished and each["fold"] >= SHARED_FOLD
    )
    return min(1.0, (len(finished) + begun) / max(1, total))


def describe_progress(run: RunSummary) -> Markdown:
    """How far a run is, for a progress bar or a line.

    >>> describe_progress(RunSummary("r", "running", folds_done=2, folds=5, share=0.5, left_s=150))
    'Training: 2 of 5 folds finished, about 2 min left'
    >>> describe_progress(RunSummary("r", "queued"))
    'Waiting for its device'
    """
    if run.state in ("queued", "starting"):
        return Markdown("Waiting for its device" if run.state == "queued" else "Starting")
    counted: Markdown = run.counted_folds
    text = "Stopping" if run.state == "stopping" else "Training"
    text += f": {counted} finished" if run.folds else ""
    about = "at least" if run.may_end_early else "about"
    return Markdown(text if run.left_s is None else f"{text}, {about} {format_duration(run.left_s)} left")
