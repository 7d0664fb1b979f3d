"""Workspaces for the pages, and functions that open pages, read them and make runs for them."""

import hashlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from audiotag.starter.render import StarterCounts, render_starter
from audiotag.tagging.out_of_fold import FILE, OutOfFold
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.ui.widgets import measurement
from audiotag.workspace import Workspace

from .bound_controls import check_places

ROOT = Path(__file__).parents[2]
COUNTS = StarterCounts(curated=24, noisy=20, test=6)
START_BY_ITSELF = measurement.start_by_itself


@pytest.fixture(scope="session", autouse=True)
def _components_looked_for_once() -> Iterator[None]:
    """Have Streamlit read the metadata of all installed packages once, not for each page that is opened (0.2 s)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def _nothing_is_measured_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no page start a process that measures a small dataset, except where a test is about that."""
    monkeypatch.setattr(measurement, "start_by_itself", lambda *_: None)


@pytest.fixture(autouse=True)
def _controls_stay_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each page that a test opens be checked: no control in the address is moved by what comes and goes."""
    run = AppTest.run

    def checked(at: AppTest, *args: Any, **options: Any) -> AppTest:
        at = run(at, *args, **options)
        check_places(at)
        return at

    monkeypatch.setattr(AppTest, "run", checked)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set of starter sounds."""
    return render_starter(tmp_path_factory.mktemp("sounds") / "starter-sounds", counts=COUNTS, workers=1)


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """An empty workspace without shipped ensembles."""
    monkeypatch.setattr("audiotag.workspace.SHIPPED_MODELS", tmp_path / "models")
    return Workspace()


@pytest.fixture
def home(empty: Workspace, sounds: Path, tiny_ensemble: Path) -> Workspace:
    """A workspace with the starter sounds and the tiny ensemble."""
    empty.remember_dataset(sounds)
    shutil.copytree(tiny_ensemble, empty.ensembles / "tiny")
    return empty


@pytest.fixture
def held_out(home: Workspace) -> OutOfFold:
    """Out-of-fold scores for the tiny ensemble: good for Bark, poor for Bell; no clip has Hiss."""
    draw = np.random.default_rng(0)
    targets = np.zeros((40, 3), np.float32)
    targets[:10, 0] = targets[5:25, 1] = 1
    scores = (0.2 * draw.random((40, 3)) + 0.7 * targets * [[1, 0.2, 0]]).astype(np.float16).astype(np.float32)
    found = OutOfFold(scores, targets, np.arange(40) % 2 + 1)
    folder = home.ensembles / "tiny"
    (folder / FILE).write_bytes(found.to_bytes())
    changed(folder, out_of_fold=hashlib.sha256(found.to_bytes()).hexdigest())
    return found


def changed(folder: Path, **fields: Any) -> None:
    """Write other values into an ensemble's card."""
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | fields))


@contextmanager
def own_workspace(tmp_path_factory: pytest.TempPathFactory, sounds: Path) -> Iterator[Workspace]:
    """A workspace with the starter sounds, for a page that several tests read: pages open in it inside the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIOTAG_HOME", str(tmp_path_factory.mktemp("workspace")))
        patch.setattr("audiotag.workspace.SHIPPED_MODELS", tmp_path_factory.mktemp("models"))
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        home = Workspace()
        home.remember_dataset(sounds)
        yield home


def open_page(page: str, **address: Any) -> AppTest:
    """The page at an address with these parameters."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).switch_page(page)
    for key, value in address.items():
        at.query_params[key] = value
    return at.run()


def open_by_path(at: AppTest, path: str) -> AppTest:
    """Type a path into the dialog that opens datasets, and press its button."""
    at = at.button(key="open-dataset").click().run()
    at.text_input(key="dataset-path").set_value(path)
    return at.button(key="open-path").click().run()


def run_picker(at: AppTest) -> Any:
    """The picker of the open run on the Train page."""
    return next(box for box in at.selectbox if box.label == "Run")


def texts(elements: Any) -> list[str]:
    """Texts of elements without the backslashes that escape Markdown."""
    return [re.sub(r"\\(.)", r"\1", element.value) for element in elements]


def players(at: AppTest) -> list[Any]:
    """The players on the page, without the hidden components that hold their data."""
    return [each for each in at.get("bidi_component") if each.proto.component_name == "audiotag-player"]


def wav(waveform: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, 44_100, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def beep(seconds: float) -> np.ndarray:
    return 0.5 * np.sin(np.arange(round(44_100 * seconds)) / 9)


def table_dataset(folder: Path, lines: list[str], header: str = "fname,label") -> Path:
    """A folder with a table and a beep of one second for each of its lines."""
    folder.mkdir(parents=True)
    for line in lines:
        (folder / line.split(",")[0]).write_bytes(wav(beep(1)))
    (folder / "clips.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


def clip_table(at: AppTest) -> list[str]:
    """Names in the table of the Clips tab."""
    columns = ["clip", "labels", "duration_s", "subset"]
    (table,) = [frame.value for frame in at.dataframe if list(frame.value.columns) == columns]
    return sorted(table["clip"])


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs that a page starts; no worker process is started."""
    runs: list[Run] = []
    monkeypatch.setattr(Run, "start", lambda run: runs.append(run))
    return runs


def made_run(
    home: Workspace, sounds: Path, finished: tuple[float, ...] = (), recipe: str = "quick", stages: Any = None
) -> Run:
    """A run of one stage of two epochs: one finished fold per score in ``finished``, and the next one in training."""
    run = create_run(home, RunSettings(str(sounds), load_recipe(recipe), (1, 2, 3)))
    stages = stages or [{"stage": 0, "subset": "curated", "epochs": 2, "clips": 24, "pixels": 9, "shared": False}]
    run.write_event("run-started", folds=[1, 2, 3], labels=["a", "b", "c"], stages=stages, devices=["cpu"])
    for fold in range(1, len(finished) + 2):
        run.write_event("fold-started", fold=fold)
        for epoch in (1, 2):
            write_epoch(run, fold, epoch, 0.4 + 0.1 * epoch)
        if fold <= len(finished):
            score = finished[fold - 1]
            per_class = [score, None, score - 0.3]
            run.write_event("fold-finished", fold=fold, clips=8, lwlrap=score, accuracy=0.5, per_class=per_class)
    return run


def write_epoch(run: Run, fold: int, epoch: int, lwlrap: float, **others: Any) -> None:
    values = {
        "stage": 0, "subset": "curated", "train_loss": 0.5, "valid_loss": 0.6, "accuracy": 0.4, "seconds": 2.0,
        "lr": 1e-3, "per_class": [0.9, 0.2, lwlrap], "curated_lwlrap": None,
    }  # fmt: skip
    run.write_event("epoch", fold=fold, epoch=epoch, lwlrap=lwlrap, **(values | others))


def at_work(run: Run, waiting_since: float | None = None) -> Run:
    """Make the run look active: this process, which is alive, is its worker."""
    run.write_process(os.getpid(), psutil.Process().create_time(), waiting_since)
    return run


def places_of(at: AppTest, component: str) -> list[tuple[int, ...]]:
    """Where a component of ours is in the tree of the page; one whose place changes begins anew in the browser."""
    found = []

    def search(block: Any, place: tuple[int, ...]) -> None:
        for number, child in block.children.items():
            if hasattr(child, "children"):
                search(child, (*place, number))
            elif child.type == "bidi_component" and child.proto.component_name == component:
                found.append((*place, number))

    search(at.main, ())
    return found
