"""Pages on a workspace with a damaged file: no exception, what is damaged is named once, and all else is shown."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audiotag import state
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.workspace import Workspace, write_json

from .conftest import made_run, open_page, texts

DAMAGES = (b"", b"\0" * 40, b"{}", b"[]", b"null", b'"x"', b'{"state": 3, "pid": "x", "done": [], "engine": 1}')
FILES = {  # the page that reads each of them
    "datasets.json": "app.py",
    "guide.json": "app.py",
    "runs/*/status.json": "app.py",
    "runs/*/settings.json": "pages/train.py",
    "runs/*/process.json": "pages/train.py",
    "runs/*/events.jsonl": "pages/train.py",
    "runs/*/*/progress.json": "pages/train.py",
    "presets/mine.toml": "pages/spectrogram.py",
    "indexes/*/process.json": "pages/dataset.py",
    "indexes/*/progress.json": "pages/dataset.py",
    "ensembles/tiny/card.json": "app.py",
    "reviews/*.jsonl": "pages/review.py",
}


@pytest.fixture
def used(home: Workspace, sounds: Path) -> Iterator[Workspace]:
    """A workspace with a finished run and one that was cut off, a preset, and a measurement."""
    from audiotag.features.presets import save_preset
    from audiotag.features.settings import SpectrogramSettings
    from audiotag.inspection.measurement_job import MeasurementJob

    made_run(home, sounds, finished=(0.5, 0.6))
    run = made_run(home, sounds, finished=(0.7,))
    run.write_process(1, 0.0)
    run.write_status("stopped")
    progress = {"subset": "curated", "stage": 0, "epoch": 1, "epochs": 2, "batch": 1, "batches": 2, "loss": 0.5}
    run.write_progress(2, **progress)
    save_preset("mine", SpectrogramSettings(), home)
    write_json(home.root / "guide.json", {"hidden": False})
    job = MeasurementJob.of(sounds, sounds.name, home)
    write_json(job.folder / "process.json", {"pid": 1, "started": 0.0})
    write_json(job.folder / "progress.json", {"done": 1, "total": 2, "left_s": 1.0})
    VerdictJournal.of(sounds, home).append([Verdict("curated", "a.wav", "Bark", "wrong", ("Bark",), (), "anna")])
    state.take_sentences()
    state._said.clear()
    yield home
    state.take_sentences()


@pytest.mark.parametrize("file", FILES)
def test_page_shows_all_but_what_is_damaged(used: Workspace, file: str) -> None:
    path = sorted(used.root.glob(file))[-1]
    whole = path.read_bytes()
    for damage in (whole[: len(whole) // 2], DAMAGES[len(file) % len(DAMAGES)]):
        path.write_bytes(damage)
        at = open_page(FILES[file], tab="Sound")
        assert not at.exception, (damage, at.exception)
        assert damage in {found.read_bytes() for found in path.parent.iterdir() if found.is_file()}, "it was lost"
        path.write_bytes(whole)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_status_of_a_run_is_named_once_and_the_other_runs_are_shown(used: Workspace, damage: bytes) -> None:
    (path,) = used.runs.glob("*/status.json")
    path.write_bytes(damage)
    at = open_page("app.py")
    assert not at.exception
    states = [text for text in texts(at.markdown) if " · Quick" in text]
    assert [state.split(" · ")[0] for state in states] == ["⚠ interrupted", "⚠ interrupted"] or len(states) == 2
    (toast,) = texts(at.toast)
    assert "status.json was damaged, and is now status.json.damaged" in toast
    assert "finished folds are not trained again" in toast
    assert texts(at.run().toast) == []


@pytest.mark.parametrize("page", ["app.py", "pages/dataset.py", "pages/spectrogram.py", "pages/train.py"])
def test_page_opens_on_a_disk_that_cannot_be_written(
    used: Workspace, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*paths: Any, **named: Any) -> None:
        raise OSError(30, "Read-only file system", str(paths[0]))

    for name in ("mkdir", "replace", "rename"):
        monkeypatch.setattr(os, name, refuses)
    at = open_page(page)
    assert not at.exception
    assert len(at.title) == 1


def test_preset_that_cannot_be_saved_gives_a_sentence(used: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_page("pages/spectrogram.py")

    def full(*paths: Any) -> None:
        raise OSError(28, "No space left on device", str(paths[0]))

    monkeypatch.setattr(os, "replace", full)
    at.text_input(key="preset-name").set_value("other")
    next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    (error,) = texts(at.error)
    assert error.endswith("presets/other.toml cannot be written: the disk is full; free some space and try again.")
