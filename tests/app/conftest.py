"""A workspace for the pages, what opens them and reads them; what AppTest leaves behind is put back."""

import io
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from audiotag.starter.render import StarterCounts, render_starter
from audiotag.workspace import Workspace

ROOT = Path(__file__).parents[2]
COUNTS = StarterCounts(curated=24, noisy=20, test=6)


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest makes the page ``__main__`` and leaves it there; a process pool of a later test would run the page."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set of starter sounds."""
    return render_starter(tmp_path_factory.mktemp("sounds") / "starter-sounds", counts=COUNTS, workers=1)


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """A workspace with nothing in it, beside a `models/` with nothing in it."""
    monkeypatch.setattr("audiotag.workspace.SHIPPED_MODELS", tmp_path / "models")
    return Workspace()


@pytest.fixture
def home(empty: Workspace, sounds: Path, tiny_ensemble: Path) -> Workspace:
    """A workspace with the starter sounds and the tiny ensemble."""
    empty.remember_dataset(sounds)
    shutil.copytree(tiny_ensemble, empty.ensembles / "tiny")
    return empty


def opened(page: str, **address: Any) -> AppTest:
    """The page, with what its address says."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).switch_page(page)
    for key, value in address.items():
        at.query_params[key] = value
    return at.run()


def said(elements: Any) -> list[str]:
    """Texts of elements, without the backslashes that keep Markdown from reading them."""
    return [re.sub(r"\\(.)", r"\1", element.value) for element in elements]


def wav(waveform: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, 44_100, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def beep(seconds: float) -> np.ndarray:
    return 0.5 * np.sin(np.arange(round(44_100 * seconds)) / 9)


def table_dataset(folder: Path, lines: list[str], header: str = "fname,label") -> Path:
    """Beeps of a second, one a line, beside a table."""
    folder.mkdir(parents=True)
    for line in lines:
        (folder / line.split(",")[0]).write_bytes(wav(beep(1)))
    (folder / "clips.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder
