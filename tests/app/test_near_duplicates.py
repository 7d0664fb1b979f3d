"""The Problems tab looks for near-duplicates and plays them side by side; a new run keeps them in one fold."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from audiotag.similarity.near_duplicate_job import NearDuplicateJob, find_near_duplicates
from audiotag.workspace import Workspace

from .conftest import open_page, texts

RATE = 16_000
BUTTON = "look-for-near-duplicates"


@pytest.fixture
def noises(home: Workspace, tmp_path: Path) -> Path:
    """Three recordings of noise, and a copy of the first one in the test clips, with another label."""
    root = tmp_path / "noises"
    root.mkdir()
    made = [np.random.default_rng(seed).normal(0, 0.1, 2 * RATE) for seed in range(3)]
    clips = {"a.wav": made[0], "b.wav": made[1], "c.wav": made[2], "cut.wav": made[0][RATE // 2 :]}
    lines = ["fname,label,split", "a.wav,Hiss,train", "b.wav,Hiss,train", "c.wav,Rain,train", "cut.wav,Rain,test"]
    for name, waveform in clips.items():
        soundfile.write(root / name, waveform, RATE)
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    home.remember_dataset(root)
    return root


@pytest.fixture
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NearDuplicateJob, "start", lambda job: find_near_duplicates(job, Workspace()))


def problems(**address: str) -> AppTest:
    at = open_page("pages/dataset.py", tab="Problems", **address)
    assert not at.exception
    return at


def kinds(at: AppTest) -> list[list[str]]:
    (table,) = [frame.value for frame in at.dataframe if "what" in frame.value.columns]
    return table[["kind", "clip"]].to_numpy().tolist()


@pytest.mark.usefixtures("_in_this_process")
def test_button_finds_near_duplicates_which_stand_side_by_side_and_stay_together_in_training(noises: Path) -> None:
    at = problems()
    assert at.button(key=BUTTON).label == "Look for near-duplicates"
    at = at.button(key=BUTTON).click().run()
    assert not at.exception
    assert kinds(at) == [["leak", "a.wav"], ["near-duplicate", "cut.wav"], ["near-duplicate", "a.wav"]]
    assert "2 near-duplicates, of 1 recording, among 4 clips that were compared." in texts(at.caption)
    assert any("Near-duplicates are in the test clips" in text for text in texts(at.markdown))
    at = problems(**{"problem-kind": "near-duplicate"})
    assert any(
        "**near-duplicate** · cut.wav is the same recording as a.wav and begins 0.50 s later; similarity 0.9" in text
        and "Their labels differ: Rain here, Hiss there." in text
        for text in texts(at.markdown)
    )
    assert [text.split(" ")[0] for text in texts(at.markdown) if "Labels:" in text] == ["**cut.wav**", "**a.wav**"]


def test_search_shows_its_progress_and_stops_on_the_button(noises: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[Path] = []
    monkeypatch.setattr(NearDuplicateJob, "is_active", lambda job: True)
    monkeypatch.setattr(NearDuplicateJob, "progress", lambda job: {"done": 3, "total": 4, "left_s": 9.0})
    monkeypatch.setattr(NearDuplicateJob, "stop", lambda job: stopped.append(job.root))
    at = problems()
    (bar,) = at.get("progress")
    assert bar.proto.text.startswith("Comparing 3 of 4 clips · ")
    at.button(key="stop-near-duplicates").click().run()
    assert stopped == [noises]


def test_failed_search_says_why(noises: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NearDuplicateJob, "failure", lambda job: "Comparing failed: the disk is full.")
    assert "Comparing failed: the disk is full." in texts(problems().error)
