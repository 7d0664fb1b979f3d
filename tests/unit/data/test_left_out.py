"""What a user leaves out is left out wherever the dataset is opened, changes no file of it, and can be taken back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.data.layouts import OpenOptions
from audiotag.data.left_out import LeftOutClip, leave_out, left_out_path, take_back
from audiotag.data.saved_options import open_and_remember, open_remembered
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

REASON = "The same sound has different labels."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", np.zeros(100), 8000)
    lines = "".join(f"{number}.wav,{'Hum' if number % 2 else 'Hiss'}\n" for number in range(4))
    (folder / "clips.csv").write_text("fname,label\n" + lines)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def test_left_out_clips_are_gone_from_everywhere_and_named(
    root: Path, workspace: Workspace, contents: Callable[[Path], dict]
) -> None:
    before = contents(root)
    dataset = open_and_remember(root, OpenOptions(), workspace)
    assert leave_out(dataset, [LeftOutClip("curated", "1.wav", REASON)], workspace) == 1
    for opened in (open_remembered(root, workspace), open_and_remember(root, OpenOptions(), workspace)):
        assert opened.clips["clip"].tolist() == ["0.wav", "2.wav", "3.wav"]
        assert opened.labels == dataset.labels
        (problem,) = opened.left_out
        assert (problem.clip, problem.kind) == ("1.wav", "left out")
        assert REASON in problem.reason
        assert opened.fingerprint != dataset.fingerprint
    assert contents(root) == before


def test_taking_back_restores_all_and_a_clip_is_left_out_once(root: Path, workspace: Workspace) -> None:
    dataset = open_remembered(root, workspace)
    for _ in range(2):
        leave_out(dataset, [LeftOutClip("curated", name, REASON) for name in ("1.wav", "3.wav")], workspace)
    assert leave_out(dataset, [LeftOutClip("curated", "1.wav", REASON)], workspace) == 0
    assert take_back(root, workspace) == 2
    assert open_remembered(root, workspace).fingerprint == dataset.fingerprint
    assert take_back(root, workspace) == 0


def test_leaving_out_every_clip_is_refused(root: Path, workspace: Workspace) -> None:
    dataset = open_remembered(root, workspace)
    with pytest.raises(AudiotagError, match="would have no clip left"):
        leave_out(dataset, [LeftOutClip("curated", f"{number}.wav", REASON) for number in range(4)], workspace)
    assert len(open_remembered(root, workspace).clips) == 4


@pytest.mark.parametrize("content", ["{", '[{"clip": 3}]', "[1]"])
def test_a_damaged_list_leaves_nothing_out(root: Path, workspace: Workspace, content: str) -> None:
    path = left_out_path(root, workspace)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert len(open_remembered(root, workspace).clips) == 4
