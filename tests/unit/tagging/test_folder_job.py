"""A folder is tagged by a process that can be stopped, killed and resumed, and nothing is written among the sounds."""

import csv
import json
import os
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging import folder_tagging
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.events import EventSettings
from audiotag.tagging.folder_job import FolderJob, FolderOptions, export_choices, export_path, list_jobs, restore_job
from audiotag.tagging.settings import TagSettings
from audiotag.workspace import Workspace, write_json

RATE = 44_100


@pytest.fixture
def sounds(tmp_path: Path, write_wav: Callable) -> Path:
    """Twelve sounds in two folders, and one file that is not a sound."""
    folder = tmp_path / "sounds"
    for number in range(12):
        waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 5)
        write_wav(folder / str(number % 2) / f"{number:02}.wav", waveform)
    (folder / "letter.wav").write_text("Dear sir")
    return folder


@pytest.fixture
def make(sounds: Path, tiny_ensemble: Path) -> Callable[..., FolderJob]:
    """``make(**options)``: a job that tags the sounds with the tiny ensemble."""
    thresholds = read_card(tiny_ensemble).thresholds

    def make_job(**options: Any) -> FolderJob:
        values = {"sounds": str(sounds), "ensemble": str(tiny_ensemble), "settings": TagSettings()} | options
        return FolderJob.create(FolderOptions(thresholds=thresholds, **values), Workspace())

    return make_job


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def run(job: FolderJob) -> FolderJob:
    """Do the job in this process, as another one that has ended since."""
    job.run(lambda: folder_tagging.tag_folder(job))
    write_json(job.folder / "process.json", {"pid": os.getpid(), "started": 1.0})
    return job


def test_a_job_that_was_killed_and_resumed_gives_the_files_of_an_undisturbed_one(
    make: Callable[..., FolderJob], sounds: Path, tmp_path: Path, fork_server: Any
) -> None:
    before = files_in(sounds)
    files = ("csv", "json", "audacity")
    alone = run(make(files=files, out=str(tmp_path / "alone")))
    assert alone.state() == "finished"
    job = make(files=files)
    log = tmp_path / "log.txt"
    status = fork_server.run(
        "audiotag.tagging.folder_tagging", job.arguments(), log, kill=("audiotag.tagging.journal", "Journal.add", 8, "")
    )
    assert status == -signal.SIGKILL, log.read_text()
    assert job.state() == "interrupted"
    assert "was killed" in job.failure()
    assert job.table().counts()[0] == 0  # the table was not written yet: the journal has what is tagged
    run(job)
    assert job.state() == "finished"
    assert job.failure() == ""
    assert (job.how_far().done, job.how_far().total, job.how_far().bad) == (13, 13, 1)
    assert job.table().counts()[:2] == (12, 1)
    for name in files[:2]:
        path = export_path(job.out(job.options()), name)
        assert path.read_bytes() == export_path(tmp_path / "alone", name).read_bytes()
    with zipfile.ZipFile(export_path(job.out(job.options()), "audacity")) as archive:
        assert archive.namelist() == [
            f"{number % 2}/{number:02}.wav.txt" for number in [*range(0, 12, 2), *range(1, 12, 2)]
        ]
    assert "letter.wav" in (job.out(job.options()) / "problems.csv").read_text()
    assert files_in(sounds) == before


def test_a_stopped_job_goes_on_and_tags_what_is_new(
    make: Callable[..., FolderJob], sounds: Path, write_wav: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, count = make(), folder_tagging._Reporter.count

    def stop_after_five(self: Any, result: Any) -> bool:
        if self.done() == 5:
            job.stop()
        return count(self, result)

    monkeypatch.setattr(folder_tagging._Reporter, "count", stop_after_five)
    assert run(job).state() == "stopped"
    assert (job.how_far().done, sum(job.table().counts()[:2])) == (6, 6)
    assert not export_path(job.out(job.options()), "csv").exists()
    monkeypatch.setattr(folder_tagging._Reporter, "count", count)
    (job.folder / "stop").unlink()  # as `start` does
    assert make().folder == job.folder  # the same options are the same job
    assert run(job).state() == "finished"
    write_wav(sounds / "new.wav", np.random.default_rng(99).normal(0, 0.1, RATE // 5))
    (sounds / "letter.wav").unlink()
    job.add_file("parquet")
    tagged = []
    monkeypatch.setattr(folder_tagging._Reporter, "count", lambda self, result: tagged.append(result.file.clip))
    run(job)
    assert tagged == ["new.wav"]  # what has not changed is not tagged again
    assert job.table().counts()[:2] == (13, 0)
    assert sorted(path.name for path in job.out(job.options()).iterdir()) == ["tags.csv", "tags.parquet"]


def test_a_job_is_refused_where_it_would_write_among_the_sounds_or_over_files(
    make: Callable[..., FolderJob], sounds: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tags.csv").write_text("mine")
    (tmp_path / "link").symlink_to(sounds)
    (tmp_path / "empty").mkdir()
    for options, sentence in (
        ({"out": str(sounds)}, "is inside of the folder of sounds"),
        ({"out": str(tmp_path / "link" / "results")}, "is inside of the folder of sounds"),
        ({"out": str(tmp_path / "mine")}, "tags.csv exists already"),
        ({"files": ()}, "Choose at least one kind of file"),
        ({"sounds": str(tmp_path / "gone")}, "does not exist"),
        ({"sounds": str(sounds / "letter.wav")}, "is a file"),
        ({"sounds": str(tmp_path / "empty")}, "contains no sounds"),
    ):
        with pytest.raises(AudiotagError, match=sentence):
            make(**options)
    assert list_jobs(Workspace()) == []


def test_jobs_are_listed_deleted_and_restored_and_a_damaged_one_can_be_deleted(make: Callable[..., FolderJob]) -> None:
    first, second = make(created=1.0), make(created=2.0, settings=TagSettings(windows="max"))
    assert list_jobs(Workspace()) == [second, first]
    first.delete()
    assert list_jobs(Workspace()) == [second]
    restore_job(first.folder.name, Workspace())
    assert list_jobs(Workspace()) == [second, first]
    write_json(second.folder / "job.json", {"sounds": 7})
    assert list_jobs(Workspace())[-1].options_if_any() is None
    with pytest.raises(AudiotagError, match="damaged"):
        second.options()
    second.delete()
    assert list_jobs(Workspace()) == [first]


def test_every_kind_of_file_has_its_own_path() -> None:
    paths = [export_path(Path("out"), name) for name in export_choices()]
    assert len(set(paths)) == len(paths) >= 5


def test_options_survive_the_disk_with_a_path_that_is_not_text(make: Callable[..., FolderJob], sounds: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(sounds.parent) + b"/caf\xe9"))
    sounds.rename(odd)
    job = make(sounds=str(odd), settings=TagSettings(folds=(2,)), specs=("Bark=0.5",))
    options = job.options()
    assert (options.sounds, options.settings.folds, options.specs) == (str(odd), (2,), ("Bark=0.5",))


def test_files_of_time_ranges_have_names_of_their_own_and_can_be_made_later(make: Callable[..., FolderJob]) -> None:
    job = run(make(files=("csv", "kaleidoscope", "raven-per-clip"), events=EventSettings(gap_s=1.0)))
    assert job.state() == "finished"
    assert job.options().events == EventSettings(gap_s=1.0)
    out = job.out(job.options())
    assert {path.name for path in out.iterdir() if path.is_file()} >= {"tags.csv", "tags-kaleidoscope.csv"}
    with zipfile.ZipFile(export_path(out, "raven-per-clip")) as archive:
        assert archive.namelist()[0] == "0/00.wav.Table.1.selections.txt"
    before = (job.folder / ".tags.partial.jsonl").read_bytes()
    job.add_file("raven-spreadsheet")
    job.add_file("birdnet")
    run(job)
    lines = (out / "tags-raven-spreadsheet.txt").read_text("utf-8-sig").splitlines()
    for name in ("tags-kaleidoscope.csv", "tags-birdnet.csv"):
        with (out / name).open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(lines) - 1 > 0
    assert (job.folder / ".tags.partial.jsonl").read_bytes().startswith(before)  # nothing was tagged again
    other = make(files=("csv",), events=EventSettings(gap_s=2.0))
    assert other.folder != job.folder


def test_a_job_of_an_earlier_version_goes_on_without_time_ranges(make: Callable[..., FolderJob]) -> None:
    job = make(files=("csv",))
    values = json.loads((job.folder / "job.json").read_text())
    del values["events"]
    write_json(job.folder / "job.json", values)
    assert job.options().events is None
    assert run(job).state() == "finished"
    assert "kaleidoscope" in export_choices()
    assert "kaleidoscope" not in export_choices(with_events=False)
    assert "jsonl" in export_choices(with_events=False)
