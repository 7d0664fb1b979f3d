"""The Tag page starts, shows, filters and deletes jobs that tag a folder; the process itself is tested with tagging."""

import json
import os
import shlex
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.tagging import folder_tagging
from audiotag.tagging.events import EventSettings
from audiotag.tagging.folder_job import FolderJob, FolderProgress, list_jobs
from audiotag.workspace import Workspace, write_json

from .conftest import open_page, texts
from .tag_page import command, noise


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[FolderJob]:
    """The jobs that the page starts; no process is started."""
    jobs: list[FolderJob] = []
    monkeypatch.setattr(FolderJob, "start", lambda job: jobs.append(job))
    return jobs


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three sounds and a file that is not a sound."""
    folder = tmp_path / "my archive"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.wav").write_bytes(noise(0.2, seed=number))
    (folder / "letter.wav").write_text("Dear sir")
    return folder


def start(at: AppTest, folder: Path) -> AppTest:
    at.text_input(key="folder-sounds").set_value(str(folder))
    return next(button for button in at.button if button.label == "Tag this folder").click().run()


def pretend_process(job: FolderJob, alive: bool) -> None:
    """Make the job look as if this process did it, or one that has ended."""
    write_json(
        job.folder / "process.json", {"pid": os.getpid(), "started": psutil.Process().create_time() if alive else 1.0}
    )


def test_a_folder_is_tagged_in_the_background_and_its_results_are_shown(
    home: Workspace, archive: Path, started: list[FolderJob]
) -> None:
    at = start(open_page("pages/tag.py", view="Folders"), archive)
    assert not at.exception
    (job,) = started
    assert job.options().sounds == str(archive)
    pretend_process(job, alive=True)
    job.report(FolderProgress("tagging", 1, 4, 61.0, 1, 12.5, 20.0))
    at = at.run()
    assert [each.label for each in at.button if each.key == "folder-stop"] == ["Stop"]
    assert "1 sound could not be tagged so far" in "\n".join(texts(at.caption))

    job.run(lambda: folder_tagging.tag_folder(job))
    pretend_process(job, alive=False)
    at = open_page("pages/tag.py", view="Folders")  # another session finds it
    assert not at.exception
    assert "All 4 sounds are done. 1 sound could not be tagged." in texts(at.success)
    (table,) = [frame.value for frame in at.dataframe if "likeliest" in frame.value]
    assert list(table["sound"]) == ["0.wav", "1.wav", "2.wav"]
    (problems,) = [frame.value for frame in at.dataframe if "problem" in frame.value]
    assert list(problems["sound"]) == ["letter.wav"]
    highest = table["score"].max()
    at = at.selectbox(key="folder-order").set_value("highest score first").run()
    (table,) = [frame.value for frame in at.dataframe if "likeliest" in frame.value]
    assert table["score"].iloc[0] == highest
    at = at.text_input(key="folder-text").set_value("1.w").run()
    (table,) = [frame.value for frame in at.dataframe if "likeliest" in frame.value]
    assert list(table["sound"]) == ["1.wav"]
    words = shlex.split(command(at))
    assert words == ["audiotag", "tag", str(archive), "--ensemble", "tiny", "--out", f"{job.folder}/files/tags.csv"]
    at = at.selectbox(key="folder-another").set_value("json").run()
    at = at.button(key="folder-make").click().run()
    assert started == [job, job]
    assert job.options().files == ("csv", "json")


def test_a_job_that_was_killed_is_resumed_deleted_and_restored(
    home: Workspace, archive: Path, started: list[FolderJob]
) -> None:
    at = start(open_page("pages/tag.py", view="Folders"), archive)
    (job,) = started
    pretend_process(job, alive=False)
    at = at.run()
    assert any("its process was killed" in error for error in texts(at.error))
    at = at.button(key="folder-resume").click().run()
    assert started == [job, job]
    at = at.button(key="folder-delete").click().run()
    assert not at.exception
    assert list_jobs(home) == []
    assert any("my archive · tiny" in text and "was deleted" in text for text in texts(at.caption))
    at = at.button(key="folder-undo").click().run()
    assert list_jobs(home) == [job]
    (job.folder / "job.json").write_text(json.dumps({"sounds": 7}))
    at = at.run()
    assert not at.exception
    assert at.button(key="folder-delete")
    assert not [button for button in at.button if button.key == "folder-resume"]


def test_a_folder_that_cannot_be_tagged_gives_a_message(
    home: Workspace, archive: Path, started: list[FolderJob]
) -> None:
    at = open_page("pages/tag.py", view="Folders")
    for path, sentence in ((archive / "0.wav", "is a file"), (archive / "gone", "does not exist")):
        at = start(at, path)
        assert not at.exception
        assert any(sentence in error for error in texts(at.error))
    assert started == []


def test_the_form_asks_how_time_ranges_are_found_where_a_file_has_them(
    home: Workspace, archive: Path, started: list[FolderJob]
) -> None:
    at = open_page("pages/tag.py", view="Folders")
    assert "folder-event-gap" not in {field.key for field in at.text_input}
    at = at.multiselect(key="folder-files").set_value(["csv", "raven", "webvtt"]).run()
    at.text_input(key="folder-event-gap").set_value("1,5")
    at.text_input(key="folder-event-min").set_value("0.25")
    at = start(at, archive)
    assert not at.exception
    (job,) = started
    assert job.options().events == EventSettings(gap_s=1.5, min_s=0.25)
    assert job.options().files == ("csv", "raven", "webvtt")
    assert command(at).endswith("--event-gap 1.5 --event-min 0.25")
