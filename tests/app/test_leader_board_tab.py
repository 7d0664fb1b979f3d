"""The Leader board tab: what was compared, how it ranks, its settings in the form, and the start of a sweep."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.training.sweeps import Sweep, list_sweeps
from audiotag.ui.spectrogram import leader_board_tab
from audiotag.workspace import Workspace

from .conftest import open_page, texts

TAB = {"view": "Leader board"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Sweep]:
    """The sweeps that the page starts; no process is started."""
    sweeps: list[Sweep] = []
    monkeypatch.setattr(Sweep, "start", lambda sweep: sweeps.append(sweep))
    return sweeps


def opened(**address: Any) -> AppTest:
    at = open_page("pages/spectrogram.py", **TAB, **address)
    assert not at.exception
    return at


def test_an_empty_leader_board_says_what_to_do_and_starts_a_sweep(home: Workspace, started: list[Sweep]) -> None:
    at = opened()
    assert any("No settings have been compared by training yet." in text for text in texts(at.info))
    at.selectbox(key="sweep-field-2").set_value("clip_s")
    at.text_input(key="sweep-epochs").set_value("1, 2")
    at = at.run()
    assert any("4 runs, one after the other, each 5 folds of 3 epochs." in text for text in texts(at.caption))
    (dataset,) = home.dataset_folders()
    line = f"audiotag sweep {dataset} --recipe quick --epochs 1,2 --vary n_mels=64,128 --vary clip_s=2,4"
    assert line in [code.value for code in at.code]
    at = at.button(key="start-sweep").click().run()
    assert not at.exception
    assert started == list_sweeps(home)
    assert at.selectbox(key="sweep").value == started[0].name


def test_values_that_do_not_fit_are_named_and_nothing_starts(home: Workspace, started: list[Sweep]) -> None:
    at = opened()
    at = at.text_input(key="sweep-field-1-values-n_mels").set_value("64, 1000").run()
    assert any("n_mels 1000: n_mels must be a whole number from 8 to 512" in text for text in texts(at.error))
    assert "start-sweep" not in [button.key for button in at.button]
    at = at.text_input(key="sweep-field-1-values-n_mels").set_value("").run()
    assert any("n_mels is varied without a value" in text for text in texts(at.error))


def test_the_board_ranks_the_settings_and_use_sets_the_form(
    home: Workspace, sounds: Path, scored_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = scored_sweep(home, sounds, (0, 50), "n_mels=64,96", "network.width=0.25,0.5")
    at = opened()
    table = next(frame.value for frame in at.dataframe if "against the best" in frame.value)
    assert table["n_mels"].tolist() == ["64", "64", "96", "96"]
    assert table["network.width"].tolist() == ["0.5", "0.25", "0.25", "0.5"]
    assert table["against the best"].tolist()[::2] == ["best", "not started"]
    assert any("The best is n_mels 64, network.width 0.5: lwlrap 1.0000" in text for text in texts(at.markdown))
    assert any("its lwlrap is too high for new clips" in text for text in texts(at.caption))
    assert at.button(key="resume-sweep")
    board = leader_board_tab.verdict_cache.leader_board(sweep)
    chosen: list[Any] = []
    monkeypatch.setattr(leader_board_tab.settings_state, "set_step", chosen.append)
    monkeypatch.setattr(leader_board_tab.st, "session_state", {leader_board_tab.USED: {"row": 0}})
    monkeypatch.setattr(leader_board_tab.st, "toast", lambda *_, **__: None)
    leader_board_tab._use(board, home)
    preset, settings = chosen[0]
    assert preset == "capstone"
    assert settings == board.entries[0].settings.recipe.spectrogram


def test_a_running_sweep_shows_its_progress_and_can_be_stopped(
    home: Workspace, sounds: Path, scored_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = scored_sweep(home, sounds, (1,), "n_mels=64,96")
    monkeypatch.setattr(Sweep, "is_active", lambda sweep: not sweep.is_stop_requested())
    sweep.write_progress(3, 8, 120)
    at = opened()
    assert any("Training 3 of 8 epochs" in bar.proto.text for bar in at.get("progress"))
    at = at.button(key="stop-sweep").click().run()
    assert not at.exception
    assert sweep.is_stop_requested()
    assert at.button(key="resume-sweep")


def test_a_damaged_sweep_is_named_and_the_form_stays(home: Workspace, started: list[Sweep]) -> None:
    folder = home.root / "sweeps" / "2026-11-29-quick"
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text("{")
    at = opened()
    assert any("the settings of sweep 2026-11-29-quick cannot be read" in text for text in texts(at.error))
    assert at.button(key="start-sweep")
