"""The steps of the guide: folder, measure, label, train, tag, review; how far one is, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from audiotag.ui.home.facts import Facts
from audiotag.ui.home.run_summary import RunSummary, describe_progress
from audiotag.ui.text import Markdown, escape
from audiotag.wording import format_duration

NO_PAGE = Markdown("")
DATASET, TRAIN = Markdown("pages/dataset.py"), Markdown("pages/train.py")
TAG, REVIEW = Markdown("pages/tag.py"), Markdown("pages/review.py")


@dataclass(frozen=True)
class Action:
    """What a step offers to do.

    Attributes
    ----------
    label : Markdown
    page : Markdown
        The page that it leads to; empty for a button on the Home page.
    address : dict[str, str]
        Query parameters of that page.
    button : "open", "measure" or ""
        What the button does.
    """

    label: Markdown
    page: Markdown = NO_PAGE
    address: dict[str, str] = field(default_factory=dict)
    button: Literal["open", "measure", ""] = ""


@dataclass(frozen=True)
class Step:
    """A step of the guide.

    Attributes
    ----------
    key : str
    title : Markdown
    state : Markdown
        How far it is, and what it brings.
    is_done : bool
    action : Action
    share : float or None
        How much is done, 0 to 1, while it runs and this is not shown elsewhere on the page.
    is_running, is_optional : bool
    """

    key: str
    title: Markdown
    state: Markdown
    is_done: bool
    action: Action
    share: float | None = None
    is_running: bool = False
    is_optional: bool = False


def guide_steps(facts: Facts) -> list[Step]:
    """The steps in their order; clips are labelled only where there are no labels."""
    label = [_label_step(facts)] if facts.dataset is not None and facts.readable and not facts.dataset.labels else []
    first, last = [_folder_step(facts), _measure_step(facts)], [_tag_step(facts), _review_step(facts)]
    return [*first, *label, _train_step(facts), *last]


def next_step(steps: list[Step]) -> Step | None:
    """The first step to be done; None once all are done or run, apart from optional ones."""
    return next((step for step in steps if not (step.is_done or step.is_running or step.is_optional)), None)


def _folder_step(facts: Facts) -> Step:
    title, button = Markdown("Open a folder of sounds"), Action(Markdown("Open a dataset"), button="open")
    if facts.dataset is None:
        return Step("folder", title, Markdown("Labelled or not. Your files are never changed."), False, button)
    name, clips = escape(facts.dataset.name), _clips(facts.clips)
    if facts.readable == 0:
        text = Markdown(f"{name}: {clips}, but no sound can be read. The Dataset page says what is missing.")
        return Step("folder", title, text, False, Action(Markdown("See what is missing"), DATASET))
    return Step("folder", title, Markdown(f"{name}: {clips}."), True, Action(Markdown("Open another"), button="open"))


def _measure_step(facts: Facts) -> Step:
    title = Markdown("Measure the clips")
    show = Action(Markdown("See the levels"), DATASET, {"tab": "Sound"})
    counted = Markdown(f"{facts.measured:,} of {_clips(facts.readable)} measured")
    if facts.is_measuring:
        left = "" if facts.measuring_left_s is None else f", about {format_duration(facts.measuring_left_s)} left"
        share = facts.measured / max(1, facts.readable)
        return Step("measure", title, Markdown(f"{counted}{left}"), False, show, share, is_running=True)
    if facts.readable and facts.measured >= facts.readable:
        return Step("measure", title, Markdown(f"All {_clips(facts.readable)} are measured."), True, show)
    text = Markdown("Finds levels, spectra, copies of a sound, and faults.")
    if facts.measured:
        text = Markdown(f"{counted}. {text}")
    measure = Action(Markdown("Measure"), button="measure") if facts.readable else show
    return Step("measure", title, text, False, measure)


def _label_step(facts: Facts) -> Step:
    title = Markdown("Label the clips")
    action = Action(Markdown("Label these clips"), REVIEW, {"tab": "Label"})
    if facts.verdicts:
        text = Markdown(f"{facts.verdicts:,} verdict{'' if facts.verdicts == 1 else 's'} so far.")
        return Step("label", title, text, True, action)
    text = Markdown("They have no labels yet. Those that teach a network most are asked about first.")
    return Step("label", title, text, False, action)


def _train_step(facts: Facts) -> Step:
    title, run = Markdown("Train an ensemble"), facts.run
    if facts.ensemble:
        text = Markdown(f"Published as {escape(facts.ensemble)}.")
        return Step("train", title, text, True, Action(Markdown("Open the runs"), TRAIN))
    if run is None:
        text = Markdown("Folds of a network learn the labels and are measured on clips that they did not see.")
        return Step("train", title, text, False, Action(Markdown("Train folds"), TRAIN))
    open_run = Action(Markdown("Open the run"), TRAIN, {"run": run.name})
    if run.is_active:
        return Step("train", title, describe_progress(run), False, open_run, is_running=True)
    return Step("train", title, _describe_ended(run), False, open_run)


def _describe_ended(run: RunSummary) -> Markdown:
    """What to do about a run that does not run any more, and of which nothing is published."""
    if run.state == "finished":
        score = f"lwlrap {run.lwlrap:.3f}" if run.lwlrap is not None else "no scores"
        return Markdown(f"The run has finished: {score}. Publish it, so that the Tag page can use it.")
    folds = f"{run.folds_done:,} fold{' is' if run.folds_done == 1 else 's are'} finished"
    return Markdown(f"The run was {escape(run.state)}: {folds}. Resume it, or publish what is finished.")


def _tag_step(facts: Facts) -> Step:
    title = Markdown("Tag other sounds")
    address = {"ensemble": facts.ensemble} if facts.ensemble else {}
    action = Action(Markdown("Tag a clip"), TAG, address)
    text = Markdown("Sounds were tagged." if facts.has_tagged else "Drop a clip, or give a folder of any size.")
    return Step("tag", title, text, facts.has_tagged, action)


def _review_step(facts: Facts) -> Step:
    title = Markdown("Review doubtful labels")
    action = Action(Markdown("Review labels"), REVIEW)
    if facts.verdicts and (facts.dataset is None or facts.dataset.labels):  # else they are what made the labels
        text = Markdown(f"{facts.verdicts:,} verdict{'' if facts.verdicts == 1 else 's'} so far.")
        return Step("review", title, text, True, action, is_optional=True)
    text = Markdown("Correct the labels that the folds doubt, train again, and see what it brings.")
    return Step("review", title, text, False, action, is_optional=True)


def _clips(number: int) -> Markdown:
    return Markdown(f"{number:,} clip{'' if number == 1 else 's'}")
