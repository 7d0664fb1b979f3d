"""Tables of one run, from its events: its epochs, its folds, its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from audiotag.data.corrections import Correction
from audiotag.data.dataset import Dataset
from audiotag.data.list_changes import ListChanges, without_dropped
from audiotag.training.run_progress import best_steps, epochs_done, expected_epochs, fold_rows, plan_of, work_left
from audiotag.training.runs import SHARED_FOLD
from audiotag.wording import format_duration

SHARED_NETWORK = "shared network"
EPOCH_COLUMNS = [
    "fold", "stage", "subset", "step", "lwlrap", "curated_lwlrap", "accuracy", "train_loss", "valid_loss", "lr",
    "seconds",
]  # fmt: skip
FOLD_COLUMNS = ["fold", "state", "epochs", "lwlrap", "best", "best epoch", "seconds", "left"]
RATE_COLUMNS = ["fold", "epoch", "lr"]
Events = list[dict[str, Any]]


def fold_name(fold: int) -> str:
    """Name of a fold, or of the network that feeds all of them."""
    return SHARED_NETWORK if fold == SHARED_FOLD else f"fold {fold}"


def epoch_table(events: Events) -> pd.DataFrame:
    """One row per epoch with the values that the curves show."""
    done = epochs_done(events)
    has_negatives = any(epoch.get("negatives_tagged") is not None for epoch in done)
    table = pd.DataFrame(done, columns=[*EPOCH_COLUMNS, *(["negatives_tagged"] * has_negatives)])
    return table.assign(stage=table["stage"] + 1).rename(columns={"step": "epoch"})


def rate_points(epoch: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The learning rates of an epoch of `epochs_done`, and when they were used, in epochs since the fold began.

    A run of an earlier version has the one at the end of each epoch.

    >>> rate_points({"step": 3, "lr": 0.1, "rates": [[0.5, 0.2], [1.0, 0.1]]}), rate_points({"step": 3, "lr": 0.1})
    ([(2.5, 0.2), (3.0, 0.1)], [(3.0, 0.1)])
    """
    rates = epoch.get("rates") or ([[1.0, epoch["lr"]]] if "lr" in epoch else [])
    return [(epoch["step"] - 1 + share, rate) for share, rate in rates]


def rate_table(events: Events) -> pd.DataFrame:
    """One row per learning rate that was recorded: ``fold``, ``epoch`` as a decimal number, ``lr``."""
    rows = [(epoch["fold"], *point) for epoch in epochs_done(events) for point in rate_points(epoch)]
    return pd.DataFrame(rows, columns=RATE_COLUMNS)


def fold_table(events: Events, active: bool, in_training: Sequence[dict[str, Any]] = ()) -> pd.DataFrame:
    """One row per fold of a run: state, epochs, last and best lwlrap, the best epoch, seconds, remaining time.

    ``in_training`` is the progress of the folds in training.
    """
    plan = plan_of(events)
    stages = plan["stages"] if plan else []
    expected = expected_epochs(events)
    started = {row["fold"]: row for row in fold_rows(events, active)}
    shared = [SHARED_FOLD] if any(stage.get("shared") for stage in stages) else []
    steps, rows = best_steps(events), []
    for fold in dict.fromkeys([*shared, *(plan["folds"] if plan else []), *started]):
        row = started.get(fold, {"state": "waiting" if active else "not started", "epochs": 0, "seconds": None})
        total = sum(epochs for (of_fold, _), epochs in expected.items() if of_fold == fold)
        left_s = work_left(events, fold, in_training) if active and row["state"] != "finished" else None
        rows.append(
            {
                "fold": fold_name(fold),
                "state": row["state"],
                "epochs": f"{row['epochs']} of {total}",
                "lwlrap": row.get("lwlrap"),
                "best": row.get("best"),
                "best epoch": steps.get(fold),
                "seconds": row["seconds"],
                "left": None if left_s is None else format_duration(left_s),
            }
        )
    return pd.DataFrame(rows, columns=FOLD_COLUMNS)


def label_table(events: Events, clips: pd.Series | None) -> tuple[pd.DataFrame, str]:
    """Mean lwlrap of each label, the worst first, and a text that says which folds it is the mean of.

    The mean is over finished folds; before the first fold has finished, over the last epoch of each fold.

    Parameters
    ----------
    events : list of dict
    clips : pandas.Series or None
        Number of clips per label.
    """
    plan = plan_of(events)
    by_fold = {event["fold"]: event for event in events if event["event"] == "fold-finished" and event.get("per_class")}
    folds = "1 finished fold" if len(by_fold) == 1 else f"{len(by_fold)} finished folds"
    if not by_fold:
        last = {event["fold"]: event for event in epochs_done(events) if event.get("per_class")}
        by_fold = {fold: event for fold, event in last.items() if fold != SHARED_FOLD} or last
        folds = "the last epoch of " + ", ".join(map(fold_name, by_fold))
    if plan is None or not by_fold:
        return pd.DataFrame(columns=["label", "lwlrap", "clips"]), folds
    scores = pd.DataFrame([event["per_class"] for event in by_fold.values()], columns=plan["labels"], dtype=float)
    table = scores.mean().rename_axis("label").rename("lwlrap").reset_index()
    table["clips"] = table["label"].map(clips).fillna(0).astype(int) if clips is not None else pd.NA
    return table.sort_values(["lwlrap", "label"], na_position="last", ignore_index=True), folds


def clips_per_label(
    events: Events, dataset: Dataset, corrections: Sequence[Correction] = (), lists: ListChanges | None = None
) -> pd.Series | None:
    """Number of clips of each label in the subset of the run's last stage; None before the run has read the dataset.

    Parameters
    ----------
    events : list of dict
    dataset : Dataset
    corrections : sequence of Correction
        The corrected labels that the run began with.
    lists : ListChanges, optional
        What the recipe's lists changed when the run began: clips that they leave out are not counted.
    """
    if (plan := plan_of(events)) is None:
        return None
    clips = (lists or ListChanges()).apply(dataset, corrections).subset(plan["stages"][-1]["subset"])
    return without_dropped(clips)["labels"].explode().value_counts()
