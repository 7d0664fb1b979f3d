"""What the server does in the background: imports of pages, and the choice of engines for new ensembles."""

import shutil
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audiotag.shipped import APP
from audiotag.ui import warm_up
from audiotag.workspace import Workspace


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The ensembles that processes are started for; there are no shipped ones."""
    folders: list[Path] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: folders.append(Path(command[-1])))
    monkeypatch.setattr("audiotag.workspace.SHIPPED_MODELS", tmp_path)
    monkeypatch.delenv("AUDIOTAG_ENGINE")
    return folders


def test_imports_of_every_page_can_be_done_apart_from_it() -> None:
    home, *others = warm_up.page_imports()
    assert "from audiotag.ui import" in home
    assert len(others) == len(list((APP.parent / "pages").glob("*.py")))
    for statements in (home, *others):
        assert not set(statements) & set("()=")  # nothing is called
        exec(statements, {})


def test_engines_are_measured_once_for_a_new_ensemble_and_again_if_it_changes(
    measured: list[Path], tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: set[tuple[Path, float]] = set()
    warm_up.measure_new_ensemble(tried)
    assert measured == []
    folder = Workspace().ensembles / "mine"
    shutil.copytree(tiny_ensemble, folder)
    for _ in range(2):
        warm_up.measure_new_ensemble(tried)
    assert measured == [folder]
    card = folder / "card.json"
    card.write_text(card.read_text().replace("tiny", "other"))
    monkeypatch.setattr("audiotag.tagging.engine_selection.is_measured", lambda folder, card: True)
    warm_up.measure_new_ensemble(tried)
    assert measured == [folder]  # somebody has used it meanwhile
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch")
    warm_up.measure_new_ensemble(set())
    assert measured == [folder]


def test_waiting_for_pages_ends_when_none_runs_and_at_the_latest_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, page = [0.0], threading.Thread(name="ScriptRunner.scriptThread")
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))
    monkeypatch.setattr(warm_up, "time", clock)
    running: list[Any] = [[page]] * 10 + [[]] * 1000
    monkeypatch.setattr(warm_up.threading, "enumerate", lambda: running.pop(0))
    warm_up.wait_until_pages_rest()
    assert now[0] == pytest.approx(10 * warm_up.POLL_INTERVAL_S + warm_up.REST_S, abs=0.06)
    now[0], running = 0.0, [[page]] * 1000
    warm_up.wait_until_pages_rest(2.0)
    assert now[0] == pytest.approx(2.0, abs=0.06)
