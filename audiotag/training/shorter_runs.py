"""Say what to train instead where a run would take many days: fewer epochs, a share of the clips, another recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.training.measured_batches import macs_per_input
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.session import Session
from audiotag.wording import format_duration

LONG_S = 3 * 86_400.0
MIN_FRACTION = 0.01
OTHERS = ("quick", "large")  # recipes that are offered, if they take less time
FOR_GPU = "large"
SHAPE = {"fraction": (float, None), "epochs": [int], "others": [{"recipe": str, "s": float}]}

BatchCounts = Sequence[tuple[int, int]]  # training and held-out batches of an epoch, per stage
BatchSeconds = Sequence[Sequence[tuple[float, float]]]  # of these, in the first epoch and in later ones


def find_shorter(session: Session, batches: BatchCounts, seconds: BatchSeconds, rounds: Sequence[int]) -> dict:
    """What would end within `LONG_S`: ``fraction``, ``epochs`` of each stage, and ``others`` with their seconds.

    Parameters
    ----------
    session : Session
    batches : sequence of tuple[int, int]
        Training and held-out batches of an epoch of each stage.
    seconds : sequence of sequence of tuple[float, float]
        Seconds of a training and a held-out batch of each stage, in the first epoch and in later ones.
    rounds : sequence of int
        How many folds train each stage one after the other.

    Returns
    -------
    dict
        ``fraction`` is None and ``epochs`` is empty where even the fewest do not end in time. Other recipes are scaled
        by their multiplications, so their times are rough.
    """
    training_s, held_out_s = _epoch_seconds(batches, seconds)
    epochs = np.array([stage.epochs for _, stage in session.stages])
    held_out_total_s = float(np.sum(rounds * epochs * held_out_s))
    training_total_s = float(np.sum(rounds * epochs * training_s))
    share = (LONG_S - held_out_total_s) / training_total_s
    fraction = math.floor(100 * share * session.recipe.fraction) / 100
    of_epochs = LONG_S / (training_total_s + held_out_total_s)
    fewer = np.maximum(1, np.floor(of_epochs * epochs)).astype(int)
    fits = float(np.sum(rounds * fewer * (training_s + held_out_s))) <= LONG_S
    return {
        "fraction": fraction if MIN_FRACTION <= fraction < session.recipe.fraction else None,
        "epochs": _for_all_stages(session, fewer.tolist()) if of_epochs < 1 and fits else [],
        "others": _other_recipes(session, training_total_s + held_out_total_s),
    }


def _epoch_seconds(batches: BatchCounts, seconds: BatchSeconds) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the training and of the held-out part of a later epoch, per stage."""
    later = np.array([times[-1] for times in seconds])
    training, held_out = (np.array(batches, float) * later).T
    return training, held_out


def _for_all_stages(session: Session, epochs: list[int]) -> list[int]:
    """Epochs of all stages of the recipe, also of those that the dataset has no clips for."""
    of_stages = {number: count for (number, _), count in zip(session.stages, epochs, strict=True)}
    return [of_stages.get(number, 1) for number in range(len(session.recipe.stages))]


def _other_recipes(session: Session, total_s: float) -> list[dict[str, Any]]:
    """The recipes of `OTHERS` that take less time than this one, with their seconds by multiplications."""
    own = _multiplications(session)
    if not own:
        return []
    found = []
    for name in OTHERS:
        if name == session.recipe.name:
            continue
        try:
            other = _session_with(session, load_recipe(name))
            seconds = total_s * _multiplications(other) / own
        except AudiotagError:  # the recipe does not fit the dataset
            continue
        if 0 < seconds < total_s:
            found.append({"recipe": name, "s": seconds})
    return found


def _session_with(session: Session, recipe: Recipe) -> Session:
    settings = replace(session.settings, recipe=recipe, folds=(), keep_together=())
    return Session(session.dataset, settings, session.workspace, corrections=(), together=())


def _multiplications(session: Session) -> float:
    """Multiply-accumulates of all training batches of a run; 0 where they cannot be counted."""
    recipe, batches, total = session.recipe, session.expected_batches(), 0.0
    for number, stage in session.stages:
        macs = macs_per_input(recipe, stage, len(session.labels))
        if macs is None:
            return 0.0
        folds = 1 if stage.shared else len(session.folds)
        total += folds * stage.epochs * batches.get(number, 0) * recipe.batch_size * macs
    return total


def describe_shorter(result: dict[str, Any], recipe: str, on_cpu: bool) -> str:
    """What to do about a run that takes more than `LONG_S`, by the result of an estimate; empty for a shorter one.

    Parameters
    ----------
    result : dict
        As `audiotag.training.estimate.Estimate.result` gives it.
    recipe : str
        Name of the run's own recipe.
    on_cpu : bool

    Examples
    --------
    >>> shorter = {"fraction": 0.12, "epochs": [2, 40], "others": [{"recipe": "quick", "s": 36_000.0}]}
    >>> describe_shorter({"total_s": 3e6, "shorter": shorter}, "default", on_cpu=True)  # doctest: +ELLIPSIS
    'That is about 5 weeks on this device. Within 3 days it can train on 12 % of the clips (--fraction 0.12), or ...'
    """
    if result["total_s"] <= LONG_S:
        return ""
    shorter = result.get("shorter") or {"fraction": None, "epochs": [], "others": []}
    sentences = [f"That is about {format_duration(result['total_s'])} on this device."]
    ways = []
    if shorter["fraction"]:
        share = shorter["fraction"]
        ways.append(f"train on {100 * share:.0f} % of the clips (--fraction {share:g})")
    if shorter["epochs"]:
        epochs = ",".join(map(str, shorter["epochs"]))
        ways.append(f"{'on all of them' if ways else 'train'} for fewer epochs (--epochs {epochs})")
    if ways:
        sentences.append(f"Within {format_duration(LONG_S)} it can {', or '.join(ways)}.")
    others = {other["recipe"]: other["s"] for other in shorter["others"]}
    for name, seconds in others.items():
        if name != FOR_GPU or not on_cpu:
            sentences.append(f"Recipe {name} takes about {format_duration(seconds)} here.")
    if on_cpu:
        sentences.append(f"{'This recipe is for a GPU' if recipe == FOR_GPU else f'On a GPU, use recipe {FOR_GPU}'}.")
    return " ".join(sentences)
