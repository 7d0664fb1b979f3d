"""Pages show how far the starter sounds are while there is no dataset, and open them as soon as they are there."""

import shutil
from pathlib import Path

import psutil
import pytest

from audiotag import jobs
from audiotag.starter.render_job import RenderJob
from audiotag.ui.address import dataset_key
from audiotag.workspace import Workspace, write_json

from .conftest import open_page, texts


@pytest.fixture
def rendering(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> RenderJob:
    """A job whose process, which is this one, has rendered 430 clips."""
    monkeypatch.setattr(jobs, "start_detached", lambda *_: psutil.Process())
    job = RenderJob.of(empty)
    job.start()
    job.write_progress(430, 1050, 12.0)
    return job


def test_page_shows_progress_and_then_the_dataset(rendering: RenderJob, empty: Workspace, sounds: Path) -> None:
    at = open_page("app.py", dataset=dataset_key(empty.starter))  # a tab that was open before the workspace was deleted
    assert any("The starter sounds are being rendered." in text for text in texts(at.markdown))
    assert [bar.proto.text for bar in at.main.get("progress")] == ["Rendering 430 of 1,050 clips · 12 s left"]
    assert [bar.proto.text for bar in at.sidebar.get("progress")] == ["Rendering 430 of 1,050 clips · 12 s left"]
    shutil.copytree(sounds, empty.starter)
    at.run()  # as the fragment does every second
    assert "**starter-sounds**" in texts(at.markdown)
    assert not at.get("progress")
    assert at.sidebar.selectbox(key="dataset").value == empty.starter


def test_failure_is_a_sentence_and_can_be_tried_again(
    rendering: RenderJob, empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(rendering.folder / "process.json", {"pid": 2**22 + 1, "started": 1.0})
    write_json(rendering.folder / "status.json", {"state": "failed", "reason": "The disk is full."})
    at = open_page("pages/train.py")
    (error,) = texts(at.error)
    assert error.startswith("Rendering the starter sounds failed: The disk is full.")
    assert not at.get("progress")
    at = at.button(key="render-starter-sounds").click().run()
    assert not at.error
    assert [bar.proto.text for bar in at.main.get("progress")] == ["Starting …"]
