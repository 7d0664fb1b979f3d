"""The grid of clips on a page: what it shows for a label, and where there is nothing to show."""

import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.workspace import Workspace

from .conftest import places_of, table_dataset, texts
from .test_hostile_text import HOSTILE, check

TONE, HUM = "Tone", "Hum"


def grid_page() -> None:
    """Clips of the dataset ``grid-sounds``: the score of each label is the number of the clip, in hundredths."""
    import os
    from pathlib import Path

    import numpy as np

    from audiotag.training.held_out import HeldOutScores
    from audiotag.ui import dataset_cache
    from audiotag.ui.review.grid import show_grid
    from audiotag.workspace import Workspace

    dataset = dataset_cache.load_dataset(Path(os.environ["GRID_SOUNDS"]))
    clips = dataset.clips
    given = np.array([[label in labels for label in dataset.labels] for labels in clips["labels"]], np.float32)
    scores = np.repeat([[int(clip[:2]) / 100] for clip in clips["clip"]], len(dataset.labels), axis=1)
    names = clips[["subset", "clip"]].assign(fold=1).reset_index(drop=True)
    held_out = HeldOutScores(dataset.labels, names, scores.astype(np.float32), given)
    show_grid(dataset, held_out, os.environ.get("GRID_REVIEWER", "Ada"), Workspace())


@pytest.fixture
def sounds(empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fourteen clips with Tone and two with Hum, of one second each."""
    lines = [f"{number:02}.wav,{TONE if number < 14 else HUM}" for number in range(16)]
    folder = table_dataset(tmp_path / "grid-sounds", lines)
    monkeypatch.setenv("GRID_SOUNDS", str(folder))
    return folder


def opened(**address: Any) -> AppTest:
    at = AppTest.from_function(grid_page, default_timeout=60)
    for key, value in address.items():
        at.query_params[key.replace("_", "-")] = value
    at.run()
    assert not at.exception, at.exception
    return at


def shown(at: AppTest) -> list[list[str]]:
    """Names of the clips in the grid that is shown, and in the next one."""
    blocks = [component.proto.bytes for component in at.get("bidi_component")]
    return [
        [name.decode() for name in re.findall(rb'"id": "[0-9a-f]{16}", "name": "([^"]+)"', each)] for each in blocks
    ]


def judge(sounds: Path, numbers: range, label: str = TONE, reviewer: str = "Ada") -> None:
    verdicts = [
        Verdict("curated", f"{number:02}.wav", label, "right", (label,), (label,), reviewer) for number in numbers
    ]
    VerdictJournal.of(open_dataset(sounds).root, Workspace()).append(verdicts)


def progress_text(at: AppTest) -> str:
    (bar,) = at.get("progress")
    return bar.proto.text


def names(numbers: range) -> list[str]:
    return [f"{number:02}.wav" for number in numbers]


def test_twelve_clips_are_shown_and_the_next_ones_are_ready(sounds: Path) -> None:
    at = opened(grid_label=TONE)
    assert shown(at) == [names(range(12)), names(range(12, 14))]
    assert progress_text(at) == "0 of 14 clips with Tone"
    assert at.button(key="grid-undo").disabled


def test_judged_clips_are_not_shown_again_except_to_others(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(sounds, range(3))
    at = opened(grid_label=TONE)
    assert shown(at) == [names(range(3, 14))]
    assert progress_text(at) == "3 of 14 clips with Tone"
    assert "Tone: 3 right" in texts(at.caption)
    monkeypatch.setenv("GRID_REVIEWER", "Grace")
    assert shown(opened(grid_label=TONE))[0] == names(range(12))


def test_undo_brings_the_clips_back_and_says_what_was_taken_back(sounds: Path) -> None:
    judge(sounds, range(3))
    at = opened(grid_label=HUM)
    at.button(key="grid-undo").click().run()
    assert shown(at)[0] == names(range(12))
    assert at.selectbox(key="grid-label").value == TONE
    assert [toast.value for toast in at.toast] == ["Taken back: Tone: 3 right"]
    assert at.button(key="grid-undo").disabled


def test_clips_without_the_label_are_shown_highest_score_first(sounds: Path) -> None:
    at = opened(grid_label=TONE, grid_kind="Without it")
    assert shown(at) == [["15.wav", "14.wav"]]
    assert progress_text(at) == "0 of 2 clips that may lack Tone"
    at = opened(grid_label=HUM, grid_kind="Without it")
    assert shown(at) == []
    assert texts(at.info) == ["No clip without Hum scores as high as most clips with it."]


def test_a_label_that_is_done_offers_the_next_one(sounds: Path) -> None:
    judge(sounds, range(14))
    at = opened(grid_label=TONE)
    assert texts(at.success) == ["You have judged these clips for Tone."]
    at.button(key="grid-next-label").click().run()
    assert shown(at) == [["14.wav", "15.wav"]]


def test_clips_that_cannot_be_read_are_left_out_and_counted(sounds: Path) -> None:
    (sounds / "00.wav").write_text("no sound")
    (sounds / "05.wav").write_bytes(b"")
    at = opened(grid_label=TONE)
    assert shown(at) == [[f"{number:02}.wav" for number in range(14) if number not in (0, 5)]]
    wanted = "2 clips are left out, because the sound cannot be read; see the Dataset page."
    assert any(text.endswith(wanted) for text in texts(at.caption))


def test_a_reviewer_without_a_name_is_asked_for_it(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRID_REVIEWER", "")
    at = opened()
    assert shown(at) == []
    assert [text.split(":")[0] for text in texts(at.warning)] == ["Type your name above before you answer"]


def test_a_dataset_without_labels_has_no_grid(
    empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = table_dataset(tmp_path / "grid-sounds", ["00.wav,Tone"])
    (folder / "clips.csv").unlink()
    monkeypatch.setenv("GRID_SOUNDS", str(folder))
    assert texts(opened().info) == ["No fold has scored a clip with a label yet."]


def test_a_full_disk_is_a_message(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(sounds, range(1))
    at = opened(grid_label=TONE)

    def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(VerdictJournal, "undo", refuse)
    places = places_of(at, "audiotag-clip-grid")
    at.button(key="grid-undo").click().run()
    assert len(at.error) == 1
    assert places
    assert places_of(at, "audiotag-clip-grid") == places  # so the clips that are marked stay marked
    assert not at.toast
    assert not at.run().error


def test_labels_of_strangers_stay_text(empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = HOSTILE.replace(",", " ")
    folder = table_dataset(tmp_path / "grid-sounds", [f'{number:02}.wav,"{label}"' for number in range(2)])
    monkeypatch.setenv("GRID_SOUNDS", str(folder))
    check(opened(), "progress", "markdown")
    judge(folder, range(2), label)
    check(opened(), "progress", "success", "caption")
