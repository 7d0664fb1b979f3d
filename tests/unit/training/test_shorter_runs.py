"""What is offered instead of a run that would take many days."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.training.measured_batches import plan_measurements
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings
from audiotag.training.session import Session
from audiotag.training.shorter_runs import LONG_S, describe_shorter, find_shorter
from audiotag.workspace import Workspace

LABELS = tuple("abcdefgh")


def session_of(recipe: str, folder: Path, curated: int = 4000, noisy: int = 8000) -> Session:
    """A session of a large dataset without sounds."""
    count = curated + noisy
    clips = pd.DataFrame(
        {
            "clip": [f"{number}.wav" for number in range(count)],
            "path": [Path(f"/data/{number}.wav") for number in range(count)],
            "subset": ["curated"] * curated + ["noisy"] * noisy,
            "labels": [(LABELS[number % 8],) for number in range(count)],
            "fold": pd.array([pd.NA] * count, dtype="Int64"),
            "group": pd.NA,
        }
    )
    dataset = Dataset("data", Path("/data"), "made", clips, LABELS, ())
    return Session(dataset, RunSettings("/data", load_recipe(recipe), device="cpu"), Workspace(folder))


def total_s(session: Session, batches: list[tuple[int, int]], batch_s: tuple[float, float], rounds: int) -> float:
    return sum(
        rounds * stage.epochs * (training * batch_s[0] + held_out * batch_s[1])
        for (_, stage), (training, held_out) in zip(session.stages, batches, strict=True)
    )


def test_fewer_epochs_or_clips_end_within_the_time_and_nearly_fill_it(tmp_path: Path) -> None:
    session = session_of("default", tmp_path)
    batches, batch_s, rounds = [(200, 50), (100, 25), (100, 25)], (6.0, 3.0), 5
    found = find_shorter(session, batches, [[batch_s, batch_s]] * 3, [rounds] * 3)
    fewer = replace(session.settings, recipe=session.recipe.with_epochs(tuple(found["epochs"])))
    took_s = total_s(Session(session.dataset, fewer, session.workspace), batches, batch_s, rounds)
    assert 0.9 * LONG_S < took_s <= LONG_S
    shares = [(training * found["fraction"], held_out) for training, held_out in batches]
    assert 0.9 * LONG_S < total_s(session, shares, batch_s, rounds) <= LONG_S
    others = {other["recipe"]: other["s"] for other in found["others"]}
    assert 0 < others["quick"] < total_s(session, batches, batch_s, rounds)
    assert "large" not in others  # it takes longer than default


def test_nothing_is_offered_that_would_not_end_in_time(tmp_path: Path) -> None:
    session = session_of("default", tmp_path)
    found = find_shorter(session, [(10**7, 10**7)] * 3, [[(9.0, 9.0)] * 2] * 3, [5] * 3)
    assert (found["fraction"], found["epochs"]) == (None, [])
    sentence = describe_shorter({"total_s": 1e9, "shorter": found}, "default", on_cpu=True)
    assert "Within" not in sentence
    assert "use recipe large" in sentence


def test_only_a_long_run_is_talked_about(tmp_path: Path) -> None:
    assert describe_shorter({"total_s": LONG_S}, "default", on_cpu=True) == ""
    said = describe_shorter({"total_s": 3e6}, "default", on_cpu=False)  # as an earlier version stored it
    assert said == "That is about 5 weeks on this device."
    shorter = {"fraction": 0.12, "epochs": [2, 40], "others": [{"recipe": "large", "s": 8000.0}]}
    on_gpu = describe_shorter({"total_s": 3e6, "shorter": shorter}, "argus", on_cpu=False)
    assert re.search(r"12 % of the clips \(--fraction 0.12\), or on all of them .* \(--epochs 2,40\)", on_gpu)
    assert "Recipe large takes about 2 h 13 min here." in on_gpu


@pytest.mark.parametrize(("recipe", "measured"), [("default", 3), ("capstone", 1), ("argus", 1), ("large", 1)])
def test_measuring_a_costly_network_takes_bounded_work(recipe: str, measured: int, tmp_path: Path) -> None:
    session = session_of(recipe, tmp_path)
    plan = plan_measurements(session, "cpu")
    assert len(plan) == len(session.stages)
    assert len(set(plan)) == measured
    for each in set(plan):
        assert 2 <= each.size <= session.recipe.batch_size
    if recipe == "default":
        assert {each.size for each in plan} == {session.recipe.batch_size}
    on_gpu = plan_measurements(session, "cuda")
    assert {each.size for each in on_gpu} == {session.recipe.batch_size}
