"""Many trainings are trained once each, stop between epochs, and resume in the lane that they were in."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings, list_runs
from audiotag.workspace import Workspace

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
EPOCHS = 6
STAGE = {"stage": 0, "subset": "curated", "epochs": EPOCHS, "clips": 8, "pixels": 8, "shared": False}
PLAN = {"folds": [1], "labels": ["Bark"], "stages": [STAGE]}
EPOCH = {"fold": 1, "stage": 0, "subset": "curated", "lwlrap": 0.5, "seconds": 1.0, "train_loss": 1, "valid_loss": 1}


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The module, in a workspace of its own; a run trains an epoch each time that somebody looks at it."""
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("trainings")
    monkeypatch.setattr(module, "POLL_S", 0.001)

    def start(run: Run) -> None:
        for name in ("stop", "status.json"):
            (run.folder / name).unlink(missing_ok=True)
        process = psutil.Process()
        run.write_process(process.pid, process.create_time())
        run.write_event("run-resumed") if run.events() else run.write_event("run-started", **PLAN)

    def is_active(run: Run) -> bool:
        if run.state() in ("running", "stopping"):
            epochs = sum(event["event"] == "epoch" for event in run.events())
            if run.is_stop_requested():
                run.write_status("stopped")
            elif epochs == EPOCHS:
                run.write_status("finished")
            else:
                run.write_event("epoch", epoch=epochs + 1, **EPOCH)
        return run.state() in ("starting", "running", "stopping")

    monkeypatch.setattr(Run, "start", start)
    monkeypatch.setattr(Run, "is_active", is_active)
    return module


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[int], RunSettings]:
    recipe = load_recipe("quick")
    return lambda seed: RunSettings(str(tmp_path), replace(recipe, seed=seed), (1,), device="cpu")


def all_runs(tmp_path: Path) -> list[Run]:
    lanes = [tmp_path / "home", *sorted((tmp_path / "home").glob("lane-*"))]
    return [run for lane in lanes for run in list_runs(Workspace(lane))]


def events_of(run: Run, name: str) -> int:
    return sum(event["event"] == name for event in run.events())


def starts_of(run: Run) -> int:
    return events_of(run, "run-started") + events_of(run, "run-resumed")


def test_each_is_trained_once_whatever_the_number_of_lanes(
    trainings: Any, settings: Callable[[int], RunSettings], tmp_path: Path
) -> None:
    finished: list[int] = []
    wanted = [
        trainings.Training(settings(seed), lambda run: finished.append(run.settings().recipe.seed)) for seed in range(5)
    ]
    assert trainings.train_all(wanted, at_once=2)
    assert sorted(finished) == list(range(5))
    assert trainings.train_all(wanted, at_once=1)  # finds the runs of both lanes
    assert sorted(finished) == sorted(2 * list(range(5)))
    assert [starts_of(run) for run in all_runs(tmp_path)] == [1] * 5


def test_a_limit_stops_after_an_epoch_and_the_same_call_resumes(
    trainings: Any, settings: Callable[[int], RunSettings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished: list[str] = []
    wanted = [trainings.Training(settings(seed), lambda run: finished.append(run.name)) for seed in (1, 2)]
    limits = iter([0.0, 0.0])  # minutes: the time is over once the first run has begun
    trainings.time = type(
        "Clock", (), {"monotonic": staticmethod(lambda: next(limits, 1e9)), "sleep": staticmethod(lambda _: None)}
    )
    try:
        assert not trainings.train_all(wanted, at_once=1, limit_minutes=1)
    finally:
        trainings.time = importlib.import_module("time")
    (run,) = all_runs(tmp_path)
    assert run.state() == "stopped"
    assert 0 < events_of(run, "epoch") < EPOCHS
    assert not finished
    assert "2 of 2 trainings are not finished" in capsys.readouterr().out
    assert trainings.train_all(wanted, at_once=2)
    assert len(finished) == 2
    assert len(all_runs(tmp_path)) == 2
    assert events_of(run, "epoch") == EPOCHS


def test_a_run_is_resumed_in_the_lane_that_it_was_in(
    trainings: Any, settings: Callable[[int], RunSettings], tmp_path: Path
) -> None:
    run = trainings.create_run(Workspace(tmp_path / "home" / "lane-2"), settings(1))
    run.start()
    run.write_status("interrupted")
    assert trainings.train_all([trainings.Training(settings(1), lambda _: None)], at_once=2)
    assert [each.folder for each in all_runs(tmp_path)] == [run.folder]
    assert starts_of(run) == 2


def test_a_run_that_fails_is_named_and_the_others_are_trained(
    trainings: Any,
    settings: Callable[[int], RunSettings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole_start = Run.start

    def start(run: Run) -> None:
        whole_start(run)
        if run.settings().recipe.seed == 1:
            run.write_status("failed", "The disk is full.")

    monkeypatch.setattr(Run, "start", start)
    finished: list[str] = []
    wanted = [trainings.Training(settings(seed), lambda run: finished.append(run.name)) for seed in (1, 2)]
    assert not trainings.train_all(wanted)
    assert len(finished) == 1
    assert "failed. The disk is full." in capsys.readouterr().out
