"""What the events of a run tell about its progress: the plan, finished epochs, the work left, one row per fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audiotag.training.early_stop import soonest_end
from audiotag.training.runs import SHARED_FOLD

TRAINING_SHARE = 0.9  # of an epoch's time; the rest is measured without gradients, on fewer clips
LEFT_OUT_FILE = "left-out.txt"  # in the run's folder: one sentence per clip that takes no part


def plan_of(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The event that says what the run will do: ``folds``, ``labels``, ``stages``, ``devices``; None without it.

    Each stage has ``stage`` (its number in the recipe), ``subset``, ``epochs``, ``stop_after``, ``clips`` (that an
    epoch trains on or measures), ``pixels``, ``shared``; one that draws from pools also has ``subsets`` and ``pools``.
    """
    return next((event for event in events if event["event"] == "run-started"), None)


def subsets_of(plan: dict[str, Any]) -> list[str]:
    """The subsets that the stages of a plan train on."""
    return list(dict.fromkeys(name for each in plan["stages"] for name in each.get("subsets", [each["subset"]])))


def left_out_of(events: list[dict[str, Any]]) -> dict[Path, str]:
    """Clips that are left out since the run began, because they end the process that decodes them; and why."""
    found = [event for event in events if event["event"] == "clips-left-out"]
    return {Path(path): reason for event in found for path, reason in event.get("clips", {}).items()}


def left_out_reasons(events: list[dict[str, Any]]) -> list[str]:
    """Why clips take no part in the run, one sentence per clip."""
    plan = plan_of(events)
    return [*(plan.get("left_out", ()) if plan else ()), *left_out_of(events).values()]


def fingerprint_of(events: list[dict[str, Any]]) -> str:
    """The fingerprint of the clips that the run has used last, see `audiotag.training.subsets.fingerprint`.

    Empty where it is not known.
    """
    found = [event.get("fingerprint", "") for event in events if event["event"] in ("run-started", "clips-left-out")]
    return found[-1] if found else ""


def epochs_done(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of finished epochs, each with ``step``: the epoch's number within its fold over all stages, from 1."""
    epochs_before = epochs_before_stages(events)
    finished = {}
    for event in events:
        if event["event"] == "epoch":
            step = epochs_before.get(event["stage"], 0) + event["epoch"]
            finished[event["fold"], step] = {**event, "step": step}
    return list(finished.values())


def may_end_early(events: list[dict[str, Any]]) -> bool:
    """Whether a stage of the run ends once lwlrap does not rise any more: then its work left is at least so much."""
    plan = plan_of(events)
    return plan is not None and any(stage.get("stop_after") for stage in plan["stages"])


def expected_epochs(events: list[dict[str, Any]]) -> dict[tuple[int, int], int]:
    """How many epochs each fold trains in each of its stages, by fold and number of the stage.

    In a stage that may end early they are those after which it ends at the soonest, by the epochs so far; for a fold
    that has not begun it, as many as the others have on average. Without any epoch they are those of the plan.
    """
    plan = plan_of(events)
    if plan is None:
        return {}
    lwlraps: dict[tuple[int, int], dict[int, float]] = {}
    if may_end_early(events):
        for event in events:
            if event["event"] == "epoch":
                lwlraps.setdefault((event["fold"], event["stage"]), {})[event["epoch"]] = event["lwlrap"]
    expected: dict[tuple[int, int], int] = {}
    for stage in plan["stages"]:
        number, planned, stop_after = stage["stage"], stage["epochs"], stage.get("stop_after", 0)
        folds = [SHARED_FOLD] if stage["shared"] else plan["folds"]
        ends = {
            fold: soonest_end(dict(sorted(measured.items())).values(), planned, stop_after)
            for fold in folds
            if (measured := lwlraps.get((fold, number)))
        }
        usual = round(sum(ends.values()) / len(ends)) if ends else planned
        expected |= {(fold, number): ends.get(fold, usual) for fold in folds}
    return expected


def stages_as_trained(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stages of the plan, each with as many ``epochs`` as the fold that trains it longest."""
    plan, expected = plan_of(events), expected_epochs(events)
    return [
        stage | {"epochs": max(epochs for (_, number), epochs in expected.items() if number == stage["stage"])}
        for stage in (plan["stages"] if plan else ())
    ]


def epochs_before_stages(events: list[dict[str, Any]]) -> dict[int, int]:
    """How many epochs the stages before each one have, by its number; each as many as its longest fold."""
    before, total = {}, 0
    for stage in stages_as_trained(events):
        before[stage["stage"]] = total
        total += stage["epochs"]
    return before


def best_epoch(epochs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The best epoch of one fold in the stage that it has reached; the first of several that are equally good.

    Stages have different held-out clips, so their lwlrap cannot be compared.

    >>> best_epoch([{"stage": 0, "lwlrap": 0.9}, {"stage": 1, "lwlrap": 0.5}, {"stage": 1, "lwlrap": 0.4}])
    {'stage': 1, 'lwlrap': 0.5}
    """
    if not epochs:
        return None
    return max((epoch for epoch in epochs if epoch["stage"] == epochs[-1]["stage"]), key=lambda epoch: epoch["lwlrap"])


def best_steps(events: list[dict[str, Any]]) -> dict[int, int]:
    """The number of the best epoch over all stages of each fold that has trained an epoch; see `best_epoch`."""
    by_fold: dict[int, list[dict[str, Any]]] = {}
    for epoch in epochs_done(events):
        by_fold.setdefault(epoch["fold"], []).append(epoch)
    return {
        fold: best["step"] for fold, epochs in by_fold.items() if fold != SHARED_FOLD and (best := best_epoch(epochs))
    }


def work_left(
    events: list[dict[str, Any]], fold: int | None = None, in_training: Sequence[dict[str, Any]] = ()
) -> float | None:
    """Seconds of work left for one fold or for the run, from the seconds per pixel of the epochs so far.

    None before the first epoch. The times of all folds add up to that of the run; folds that train on several devices
    at once share it.

    Parameters
    ----------
    events : list of dict
    fold : int, optional
        By default all folds.
    in_training : sequence of dict
        Progress of the folds in training, from `audiotag.training.runs.Run.progress`: the part of an epoch that is
        done is not left.
    """
    plan, finished = plan_of(events), epochs_done(events)
    if plan is None or not finished:
        return None
    stages = {stage["stage"]: stage for stage in plan["stages"]}

    def pixels_of(epochs: list[dict[str, Any]]) -> int:
        return sum(_pixels_per_epoch(stages[event["stage"]]) for event in epochs)

    seconds_per_pixel = sum(event["seconds"] for event in finished) / pixels_of(finished)
    done = {(event["fold"], event["stage"], event["epoch"]) for event in finished}
    begun = {  # pixels of the epochs in training
        each["fold"]: share_of_epoch(each) * _pixels_per_epoch(stages[each["stage"]])
        for each in in_training
        if each["stage"] in stages and (each["fold"], each["stage"], each["epoch"]) not in done
    }
    expected = expected_epochs(events)

    def pixels_left(of_fold: int) -> float:
        epochs_of = {stage: epochs for (one, stage), epochs in expected.items() if one == of_fold}
        whole = sum(epochs * _pixels_per_epoch(stages[stage]) for stage, epochs in epochs_of.items())
        pixels_done = pixels_of([event for event in finished if event["fold"] == of_fold])
        return max(0.0, whole - pixels_done - begun.get(of_fold, 0.0))

    if fold is not None:
        return seconds_per_pixel * pixels_left(fold)
    folds_at_once = max(1, min(len(plan.get("devices", ())), len(plan["folds"])))
    left = pixels_left(SHARED_FOLD) + sum(map(pixels_left, plan["folds"])) / folds_at_once
    return seconds_per_pixel * left


def share_of_epoch(progress: dict[str, Any]) -> float:
    """How much of its epoch a fold in training has done, from 0 to 1; measuring is the last part of an epoch.

    >>> share_of_epoch({"batch": 5, "batches": 10}), share_of_epoch({"batch": 4, "batches": 4, "phase": "measuring"})
    (0.45, 1.0)
    """
    share = min(1.0, progress["batch"] / max(1, progress["batches"]))
    if progress.get("phase") == "measuring":
        return TRAINING_SHARE + (1 - TRAINING_SHARE) * share
    return TRAINING_SHARE * share


def _pixels_per_epoch(stage: dict[str, Any]) -> int:
    return stage["clips"] * stage["pixels"]


def _state(active: bool, is_waiting: bool) -> str:
    return "cut off" if not active else "waiting" if is_waiting else "training"


def fold_rows(events: list[dict[str, Any]], active: bool = True) -> list[dict[str, Any]]:
    """One row per fold that has begun: ``fold``, ``state``, ``epochs``, ``lwlrap``, ``best``, ``seconds``, ``left_s``.

    The state is "finished", "training", "waiting" for the other folds or, if the run is not ``active`` any more, "cut
    off".
    """
    last_events = ("fold-finished", "shared-finished")
    final_lwlrap = {event["fold"]: event["lwlrap"] for event in events if event["event"] in last_events}
    finished_epochs = epochs_done(events)
    last = {event["fold"]: event["event"] for event in events if event.get("fold") is not None}
    rows = []
    for fold in dict.fromkeys(event["fold"] for event in events if event["event"] == "fold-started"):
        epochs = [event for event in finished_epochs if event["fold"] == fold]
        scores = [epoch["lwlrap"] for epoch in epochs]
        is_finished = fold in final_lwlrap
        rows.append(
            {
                "fold": fold,
                "state": "finished" if is_finished else _state(active, last[fold] == "fold-waits"),
                "epochs": len(epochs),
                "lwlrap": final_lwlrap.get(fold, scores[-1] if scores else None),
                "best": best["lwlrap"] if (best := best_epoch(epochs)) else None,
                "seconds": sum(epoch["seconds"] for epoch in epochs),
                "left_s": work_left(events, fold) if epochs and active and not is_finished else None,
            }
        )
    return rows
