"""Write the report of a run as one HTML file that opens without a network.

The report is a list of sections (`SECTIONS`), each a function that takes the run's `RunFacts` and returns HTML, empty
where it has nothing to say. Another section is one more function in the list.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.figures import html_page as page
from audiotag.figures import training as figures
from audiotag.figures import trust
from audiotag.training.held_out import labelled_scores
from audiotag.training.parts import part_name
from audiotag.training.run_differences import changes_from_recipe, described
from audiotag.training.run_notes import RunNote, read_note
from audiotag.training.run_progress import epochs_done, left_out_reasons, plan_of, stages_as_trained
from audiotag.training.run_summary import RunSummary, spread_text, summarise
from audiotag.training.run_tables import epoch_table, fold_table, label_table, rate_table
from audiotag.training.runs import Run, RunSettings
from audiotag.training.weights_choice import TITLES, WeightsChoice, fold_results, optimism
from audiotag.trust.findings import EVERY_SCORE, Findings, percent
from audiotag.trust.tag_quality import worst_first
from audiotag.wording import format_duration

MAX_LEFT_OUT = 50  # reasons why clips are left out
MAX_LABELS = 30  # in the chart of precision and recall, the worst; the table has all
HELD_OUT = (
    "Every figure is of clips that the fold was not trained on. Those of finished folds are measured on the middle of "
    "each clip, without augmentation."
)


@dataclass(frozen=True, eq=False)
class RunFacts:
    """What the sections of a report are about.

    Attributes
    ----------
    run : Run
    settings : RunSettings
    command : str
        The command that trains the same again; empty if there is none.
    recipe_file : str
        The content of a recipe file for the command; empty if it needs none.
    clips_per_label : pandas.Series or None
        Number of clips of each label in the dataset; None where the dataset is missing.
    written : str
        When the report is written, as a text.
    """

    run: Run
    settings: RunSettings
    command: str = ""
    recipe_file: str = ""
    clips_per_label: pd.Series | None = None
    written: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M"))

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The events of the run, read once."""
        return self.run.events()

    @cached_property
    def note(self) -> RunNote:
        """The name and the note of the run."""
        return read_note(self.run)

    @cached_property
    def summary(self) -> RunSummary:
        """The run in one row."""
        return summarise(self.run)


Section = Callable[[RunFacts], str]


def run_report(facts: RunFacts) -> str:
    """The report of a run, as one HTML page.

    Raises
    ------
    AudiotagError
        If the run has not trained an epoch yet.
    """
    if not epochs_done(facts.events):
        raise AudiotagError(f"run {facts.run.name} has not finished an epoch yet, so there is nothing to report.")
    title = facts.summary.name
    return page.page(f"{title}: report of a run", [found for section in SECTIONS if (found := section(facts))])


def _head(facts: RunFacts) -> str:
    row = facts.summary
    parts = [page.text(row.name, "h1")]
    if row.name != row.run:
        parts.append(page.text(row.run, style="quiet"))
    if row.note:
        parts.append(page.text(row.note))
    scores = [result["lwlrap"] for result in fold_results(facts.events).values()]
    begun = "" if row.begun is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(row.begun))
    values = {
        "state": facts.run.state(),
        "recipe": row.recipe,
        "dataset": row.dataset,
        "begun": begun,
        "finished folds": f"{row.folds_done} of {row.folds}",
        "lwlrap, mean ± standard deviation over folds": spread_text(scores) if scores else "—",
        "time spent on training and measuring": format_duration(row.seconds),
        "report written": facts.written,
    }
    return "\n".join([*parts, _facts_table(values)])


def _data(facts: RunFacts) -> str:
    plan = plan_of(facts.events)
    if plan is None:
        return ""
    stages = pd.DataFrame(
        [
            {"stage": number, "clips": stage["subset"],
             "clips per epoch, held-out ones included": f"{stage['clips']:,}",
             "epochs": f"{'at most ' * bool(stage.get('stop_after'))}{stage['epochs']}",
             "trained": "once for all folds" if stage["shared"] else "for each fold"}
            for number, stage in enumerate(plan["stages"], start=1)
        ]
    )  # fmt: skip
    labels = "as reviewers corrected them" if facts.settings.corrected else "as in the dataset's tables"
    if corrected := plan.get("corrected"):
        labels += f", which changes {corrected:,} clips"
    parts = [
        page.text("Data", "h2"),
        page.text(facts.settings.dataset),
        page.table(stages),
        page.text(f"{len(plan['labels']):,} labels, {labels}."),
    ]
    if reasons := left_out_reasons(facts.events):
        listed = "".join(page.text(reason, "li") for reason in reasons[:MAX_LEFT_OUT])
        more = page.text(f"… and {len(reasons) - MAX_LEFT_OUT:,} more") if len(reasons) > MAX_LEFT_OUT else ""
        parts.append(page.collapsible(f"{len(reasons):,} clips are left out", f"<ul>{listed}</ul>{more}"))
    return "\n".join(parts)


def _recipe(facts: RunFacts) -> str:
    recipe, changes = facts.settings.recipe, changes_from_recipe(facts.settings)
    parts = [page.text("Recipe", "h2"), page.text(f"{recipe.title}: {recipe.about}")]
    if changes is None:
        parts.append(page.text("It is the user's own; all its settings are at the end."))
    elif changes:
        table = pd.DataFrame([(c.field, c.run, c.recipe) for c in changes], columns=["setting", "this run", "recipe"])
        parts += [page.text("What this run changes in it:"), page.table(table)]
    else:
        parts.append(page.text("This run changes nothing in it."))
    return "\n".join(parts)


def _folds(facts: RunFacts) -> str:
    shown = fold_table(facts.events, active=False).drop(columns="left")
    shown = shown.rename(columns={"lwlrap": "lwlrap, last epoch", "best": "lwlrap, best epoch"})
    parts = [page.text("Folds", "h2"), page.table(shown), page.text(HELD_OUT, style="quiet")]
    choices: tuple[WeightsChoice, ...] = ("last", "best")
    rows = [
        (TITLES[weights], spread_text([each["lwlrap"] for each in results.values()]), len(results))
        for weights in choices
        if (results := fold_results(facts.events, weights))
    ]
    if rows:
        table = pd.DataFrame(rows, columns=["weights", "lwlrap of finished folds, mean ± deviation", "folds"])
        parts += [page.table(table), page.text(optimism(facts.settings.recipe), style="quiet")]
    return "\n".join(parts)


def _splits(facts: RunFacts) -> str:
    verdict, *kinds = (plan_of(facts.events) or {}).get("splits") or [""]
    if not verdict:
        return ""
    listed = "".join(page.text(kind, "li") for kind in kinds)
    return "\n".join([page.text("Can the folds be trusted?", "h2"), page.text(verdict), f"<ul>{listed}</ul>"])


def _curves(facts: RunFacts) -> str:
    epochs, plan = epochs_done(facts.events), plan_of(facts.events)
    if plan is None:
        return ""
    stages, loss = stages_as_trained(facts.events), part_name(facts.settings.recipe.loss)
    return "\n".join(
        [
            page.text("Curves", "h2"),
            page.figure(figures.lwlrap(epochs, stages)),
            page.text("The star is the best epoch of a fold's last stage.", style="quiet"),
            page.figure(figures.losses(epochs, stages, loss=loss)),
            page.figure(figures.schedule(epochs, stages)),
            page.collapsible_table("Epochs as a table", epoch_table(facts.events)),
            page.collapsible_table("Learning rates as a table", rate_table(facts.events)),
        ]
    )


def _labels(facts: RunFacts) -> str:
    table, folds = label_table(facts.events, facts.clips_per_label)
    if table.empty:
        return ""
    shown = table if table["clips"].notna().any() else table.drop(columns="clips")
    shown = shown.rename(columns={"lwlrap": "mean lwlrap"})
    return "\n".join([page.text("Labels, worst first", "h2"), page.table(shown), page.text(f"Mean over {folds}.")])


def _trust(facts: RunFacts) -> str:
    if not facts.run.finished_folds():
        return ""
    try:
        found = Findings(labelled_scores(facts.run))
    except (AudiotagError, OSError) as error:
        reason = disk_problem(error) if isinstance(error, OSError) else str(error)
        return "\n".join([page.text("Can the scores be trusted?", "h2"), page.text(reason)])
    overall, labels = found.overall, worst_first(found.labels)
    parts = [
        page.text("Can the scores be trusted?", "h2"),
        page.text(
            f"{overall['right']:,} of {overall['tagged']:,} tags are right ({percent(overall['precision_low'])} to "
            f"{percent(overall['precision_high'])}), and {overall['right']:,} of {overall['positives']:,} labels are "
            f"found ({percent(overall['recall_low'])} to {percent(overall['recall_high'])}). Intervals are of 95 %."
        ),
        page.text("Out of fold, with thresholds that were chosen on these clips, which flatters both.", style="quiet"),
        page.figure(trust.precision_recall_intervals(labels[labels["positives"] > 0].head(MAX_LABELS))),
        page.collapsible_table("Labels as a table", labels),
    ]
    if curves := found.curves(EVERY_SCORE):
        errors = " and ".join(f"{curve.ece:.4f} {name}" for name, curve in curves.items())
        parts += [page.text(f"Expected calibration error: {errors}."), page.figure(trust.reliability(curves))]
    pairs = found.confused_ranks.pairs()
    return "\n".join(
        [*parts, page.collapsible_table("Which label is mistaken for which", pairs)] if len(pairs) else parts
    )


def _reproduction(facts: RunFacts) -> str:
    versions = (plan_of(facts.events) or {}).get("versions") or {}
    parts = [page.text("Train it again", "h2")]
    if facts.recipe_file:
        parts.append(page.text("Save this recipe in the file that the command names:"))
        parts.append(page.text(facts.recipe_file, "pre"))
    parts.append(page.text(facts.command, "pre"))
    parts.append(
        page.text(
            "On the same data, device and versions, the same seed gives the same network. The folds are drawn by the "
            "seed, unless the dataset has its own."
        )
    )
    if versions:
        parts.append(_facts_table({name: str(version) for name, version in versions.items()}))
    else:
        parts.append(page.text("The versions are not known: audiotag 0.2 and earlier did not note them."))
    return "\n".join(parts)


def _settings(facts: RunFacts) -> str:
    return "\n".join([page.text("All settings", "h2"), _facts_table(described(facts.settings))])


def _facts_table(values: dict[str, str]) -> str:
    rows = "".join(f"<tr>{page.text(name, 'th')}{page.text(value, 'td')}</tr>" for name, value in values.items())
    return f"<table>{rows}</table>"


SECTIONS: list[Section] = [_head, _data, _recipe, _folds, _splits, _curves, _labels, _trust, _reproduction, _settings]
