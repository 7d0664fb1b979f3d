"""What the tests of training share: forked worker processes, waiting for the end of a run, finished runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from audiotag import jobs
from audiotag.jobs import is_alive
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.workspace import Workspace

from ..conftest import write_short_sounds
from .short_runs import RECIPE, THREE_FOLDS, Finished, work_and_record

PLAN: dict[str, Any] = {
    "folds": [1, 2],
    "labels": ["a"],
    "stages": [{"stage": 0, "subset": "curated", "epochs": 1, "clips": 2, "pixels": 9, "shared": False}],
}
PROGRESS: dict[str, Any] = {"subset": "curated", "epoch": 1, "epochs": 2, "batches": 9, "loss": 0.5}


def by_this_process(run: Run) -> None:
    run.write_process(os.getpid(), psutil.Process().create_time())


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture
def run(workspace: Workspace, tmp_path: Path) -> Run:
    """A run that has not been started."""
    return create_run(workspace, RunSettings(str(tmp_path), load_recipe("quick")))


@pytest.fixture
def forked_workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forked instead of started anew, where the system can fork."""
    if hasattr(os, "fork"):
        monkeypatch.setattr(jobs, "start_detached", request.getfixturevalue("fork_server").start_detached)


@pytest.fixture(scope="session")
def wait_for_end(wait_until: Callable[..., None]) -> Callable[[Run], None]:
    """``wait_for_end(run)``: until the run has ended, and its process too."""

    def wait(run: Run) -> None:
        process = json.loads((run.folder / "process.json").read_text())
        wait_until(lambda: not run.is_active() and not is_alive(process["pid"], process["started"]))

    return wait


@pytest.fixture(scope="session")
def short_sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_short_sounds(tmp_path_factory.mktemp("worker") / "sounds", noisy_level=0.19)


@pytest.fixture
def ready(short_sounds: Path, tmp_path: Path) -> Callable[..., Run]:
    """``ready(recipe, dataset, **settings)``: a run whose worker is called in this process."""

    def make(recipe: Recipe = RECIPE, dataset: Path = short_sounds, device: str = "cpu", **settings: Any) -> Run:
        return create_run(Workspace(tmp_path / "home"), RunSettings(str(dataset), recipe, device=device, **settings))

    return make


@pytest.fixture(scope="session")
def finished(short_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of the recipe as it is, for tests that only read it."""
    home = Workspace(tmp_path_factory.mktemp("finished"))
    return work_and_record(create_run(home, RunSettings(str(short_sounds), RECIPE, device="cpu")))


@pytest.fixture(scope="session")
def finished_with_shared_stage(short_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of three folds that share their noisy stage, for tests that only read it."""
    home = Workspace(tmp_path_factory.mktemp("finished"))
    return work_and_record(create_run(home, RunSettings(str(short_sounds), THREE_FOLDS, device="cpu"))).run
