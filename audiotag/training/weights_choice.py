"""Which weights of a run's folds are used: those of the last epoch, or those of the best one.

The last epoch is the default, unless the recipe says otherwise. The best one is chosen by the lwlrap of the fold's
held-out clips, so its figures on these same clips are higher than those on new clips will be. Each choice has its own
out-of-fold scores, made with its own weights; they are never mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from audiotag.errors import AudiotagError
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_fields import WeightsChoice
from audiotag.training.run_progress import epochs_before_stages, expected_epochs, plan_of
from audiotag.training.runs import Run

WEIGHTS: dict[WeightsChoice, str] = {"last": "weights.safetensors", "best": "best.safetensors"}
SCORES: dict[WeightsChoice, str] = {"last": "scores.safetensors", "best": "best-scores.safetensors"}
TITLES: dict[WeightsChoice, str] = {"last": "last epoch", "best": "best epoch"}
OPTIMISM = (
    "The best epoch is chosen on the same held-out clips that measure it, so its figures are too high for new clips; "
    "those of the last epoch are not."
)
OPTIMISM_OF_BOTH = (
    "The best epoch is chosen on the same held-out clips that measure it, and so are the learning rate or the end of a "
    "stage. So the figures of the last epoch are too high for new clips too, though less."
)


def optimism(recipe: Recipe | None) -> str:
    """Which figures of the held-out clips are too high for new clips, and why; None for a recipe that is not known."""
    return OPTIMISM_OF_BOTH if recipe is not None and recipe.follows_held_out else OPTIMISM


def check_choice(weights: str) -> None:
    """Raise `AudiotagError` if this is not a choice of weights."""
    if weights not in get_args(WeightsChoice):
        raise AudiotagError(f"weights must be last or best, got {weights!r}; leave it out for what the recipe says.")


def fold_results(events: Sequence[dict[str, Any]], weights: WeightsChoice = "last") -> dict[int, dict[str, Any]]:
    """What each finished fold was measured at with these weights, by the fold's number, in ascending order.

    Each has ``lwlrap``, ``accuracy``, ``per_class`` and ``step``, the number of the epoch over all stages. A fold that
    does not have the weights of its best epoch is left out.
    """
    plan, finished = plan_of(list(events)), {}
    last_stage = plan["stages"][-1]["stage"] if plan else 0
    before, expected = epochs_before_stages(list(events)).get(last_stage, 0), expected_epochs(list(events))
    for event in events:
        if event["event"] == "fold-finished":
            result = event if weights == "last" else event.get("best")
            if not result:
                continue
            epoch = expected.get((event["fold"], last_stage), 0) if weights == "last" else result["epoch"]
            finished[event["fold"]] = {
                "lwlrap": result["lwlrap"],
                "accuracy": result.get("accuracy"),
                "per_class": result.get("per_class"),
                "step": before + epoch,
            }
    return dict(sorted(finished.items()))


def mean_lwlrap(events: Sequence[dict[str, Any]], weights: WeightsChoice = "last") -> float | None:
    """Mean lwlrap of the finished folds with these weights; None where there is none."""
    scores = [result["lwlrap"] for result in fold_results(events, weights).values()]
    return sum(scores) / len(scores) if scores else None


def why_not_best(run: Run) -> str:
    """Why the weights of the best epochs cannot be used, as a sentence; empty if they can."""
    events = run.events()
    missing = [fold for fold in fold_results(events) if fold not in fold_results(events, "best")]
    missing += [
        fold
        for fold in fold_results(events, "best")
        if not all((run.fold_folder(fold) / files["best"]).exists() for files in (WEIGHTS, SCORES))
    ]
    if not missing:
        return ""
    folds = f"fold {missing[0]}" if len(missing) == 1 else f"folds {', '.join(map(str, sorted(set(missing))))}"
    return (
        f"Only the weights of the last epoch can be used: scores of the best epoch are not stored for {folds}, as in "
        "runs of audiotag 0.2 and earlier."
    )
