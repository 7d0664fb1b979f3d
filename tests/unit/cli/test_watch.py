"""``audiotag watch`` tags each file that arrives once, whatever ends it, and tags it again when it changes."""

import json
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.cli.exit_codes import Terminated
from audiotag.tagging import arrivals, watching
from audiotag.tagging.journal import journal_path

from ..conftest import CommandResult
from .conftest import RATE, table_of

Run = Callable[..., CommandResult]
FILES = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "arriving").mkdir()
    return tmp_path / "arriving"


@pytest.fixture
def watch(run: Run, folder: Path, tiny_ensemble: Path, tmp_path: Path) -> Run:
    """``watch(*options)``: watch the folder until nothing is left, into tags.csv unless another file is given."""

    def run_watch(*options: object) -> CommandResult:
        out = () if "--out" in options else ("--out", tmp_path / "tags.csv")
        return run("watch", folder, "--ensemble", tiny_ensemble, *out, "--settle", "0.1", "--once", *options)

    return run_watch


def write_noise(path: Path, seed: int = 0, duration_s: float = 0.3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, round(RATE * duration_s)), RATE)
    return path


def journal_lines(out: Path) -> Counter[str]:
    lines = journal_path(out, "watch").read_bytes().splitlines()[1:]
    return Counter(json.loads(line.rpartition(b" ")[0])["clip"] for line in lines)


def test_folder_is_tagged_as_audiotag_tag_does_it_and_not_again(
    watch: Run, run: Run, sounds: Path, folder: Path, tiny_ensemble: Path, tmp_path: Path, contents: Callable
) -> None:
    shutil.copytree(sounds, folder, dirs_exist_ok=True)
    before = contents(folder)
    first = watch()
    assert first.status == 1
    assert "a.wav: Bark " in first.out
    assert "not tagged: letter.mp3 cannot be read" in first.err
    assert f"3 clips tagged; {tmp_path / 'tags.csv'} has 3 clips. 2 clips could not be tagged" in first.err
    run("tag", folder, "--ensemble", tiny_ensemble, "--out", tmp_path / "alone.csv")
    assert (tmp_path / "tags.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert (tmp_path / "tags.csv.problems.csv").read_bytes() == (tmp_path / "alone.problems.csv").read_bytes()
    again = watch()
    assert (again.status, again.out) == (0, "")
    assert "tags.csv has 3 clips; what has not changed is not tagged again." in again.err
    assert contents(folder) == before


def test_replaced_file_replaces_its_row_and_a_deleted_one_keeps_it(watch: Run, folder: Path, tmp_path: Path) -> None:
    for seed, name in enumerate(("a.wav", "b.wav", "c.wav")):
        write_noise(folder / name, seed)
    watch()
    before = table_of(tmp_path / "tags.csv")
    write_noise(folder / "b.wav", 9, 0.5)
    (folder / "a.wav").unlink()
    (folder / "c.wav").write_text("not a sound any more")
    changed = watch()
    assert changed.status == 1
    assert changed.out.endswith(" (replaces its earlier result)\n")
    assert "1 clip tagged, 1 of them again; " in changed.err
    rows = table_of(tmp_path / "tags.csv")
    assert [row["fname"] for row in rows] == ["a.wav", "b.wav"]
    assert rows[0] == before[0]
    assert rows[1] != before[1]
    assert [row["fname"] for row in table_of(tmp_path / "tags.csv.problems.csv")] == ["c.wav"]
    write_noise(folder / "c.wav", 2)
    assert watch().status == 0
    assert table_of(tmp_path / "tags.csv")[2] == before[2]
    assert not (tmp_path / "tags.csv.problems.csv").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_files_that_arrive_while_it_is_killed_twice_are_tagged_once_each(
    watch: Run, run: Run, folder: Path, tiny_ensemble: Path, tmp_path: Path, fork_server: Any
) -> None:
    """Some files are renamed in, some are written in pieces; a thread drops them while two processes die."""
    out, log, rng = tmp_path / "tags.csv", tmp_path / "log.txt", np.random.default_rng(0)
    names = [f"{number % 3}/{number:02}.wav" for number in range(FILES)]
    go_on = threading.Event()

    def drop() -> None:
        for number, name in enumerate(names):
            if number == FILES // 2:
                go_on.wait(60)  # until the first process was killed
            aside = write_noise(tmp_path / "aside.wav", number)
            target = folder / name
            target.parent.mkdir(exist_ok=True)
            if rng.random() < 0.5:
                os.replace(aside, target)
            else:
                content = aside.read_bytes()
                with target.open("wb") as file:
                    for begin in range(0, len(content), 9000):
                        file.write(content[begin : begin + 9000])
                        file.flush()

    thread = threading.Thread(target=drop)
    thread.start()
    command = ["watch", str(folder), "--ensemble", str(tiny_ensemble), "--out", str(out), "--settle", "0.3"]
    for method, count in (("ArrivalJournal.add_arrival", 7), ("ArrivalJournal._note", 19)):
        kill = ("audiotag.tagging.arrival_journal", method, count, "")
        assert fork_server.run("audiotag.cli.main", command, log, kill=kill) == -signal.SIGKILL, log.read_text()
        go_on.set()
    with journal_path(out, "watch").open("ab") as file:
        file.write(b'{"clip": "torn')  # as if killed while a line was written
    thread.join()
    assert watch().status == 0
    assert journal_lines(out) == Counter({os.path.normpath(name): 1 for name in names})
    rows = sorted(out.read_text().splitlines()[1:])
    run("tag", folder, "--ensemble", tiny_ensemble, "--out", tmp_path / "alone.csv")
    assert rows == sorted((tmp_path / "alone.csv").read_text().splitlines()[1:])
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".tags.csv.watch.jsonl"]


@pytest.mark.parametrize(("end", "status"), [(KeyboardInterrupt(), 130), (Terminated(signal.SIGTERM), 143)])
def test_end_by_ctrl_c_writes_the_results_and_a_summary(
    run: Run, folder: Path, tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    end: BaseException, status: int,
) -> None:  # fmt: skip
    write_noise(folder / "a.wav")

    def rest(seconds: float) -> None:
        if (tmp_path / "tags.csv").exists():
            raise end

    monkeypatch.setattr(watching.watch_folder, "__defaults__", (rest,))
    ended = run("watch", folder, "--ensemble", tiny_ensemble, "--out", tmp_path / "tags.csv", "--settle", "0")
    assert ended.status == status
    assert f"1 clip tagged; {tmp_path / 'tags.csv'} has 1 clip." in ended.err
    assert [row["fname"] for row in table_of(tmp_path / "tags.csv")] == ["a.wav"]


@pytest.mark.parametrize(
    ("name", "options"), [("tags.json", ("--timeline",)), ("tags.parquet", ()), ("tracks", ("--format", "audacity"))]
)
def test_every_format_that_audiotag_tag_writes_is_written(
    watch: Run, run: Run, folder: Path, tiny_ensemble: Path, tmp_path: Path, name: str, options: tuple[str, ...],
    contents: Callable,
) -> None:  # fmt: skip
    write_noise(folder / "a.wav", 1, 1.5)
    write_noise(folder / "b.wav", 2)
    (tmp_path / "other").mkdir()
    assert watch("--out", tmp_path / name, *options).status == 0
    run("tag", folder, "--ensemble", tiny_ensemble, "--out", tmp_path / "other" / name, *options)
    if (tmp_path / name).is_dir():
        by_watch, by_tag = (contents(parent / name) for parent in (tmp_path, tmp_path / "other"))
        assert {path: one[0] for path, one in by_watch.items()} == {path: one[0] for path, one in by_tag.items()}
        assert len(by_watch) == 2
    else:
        assert (tmp_path / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_file_that_changes_while_it_is_read_is_tagged_when_it_has_settled(
    watch: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, changes = write_noise(folder / "a.wav", 1), []
    tag_files = watching.tag_files

    def tag_and_change(*arguments: Any) -> Iterator[Any]:
        for result in tag_files(*arguments):
            if not changes:
                changes.append(write_noise(path, 2, 0.7))
            yield result

    monkeypatch.setattr(watching, "tag_files", tag_and_change)
    assert watch().status == 0
    assert journal_lines(tmp_path / "tags.csv") == {"a.wav": 1}
    changed = table_of(tmp_path / "tags.csv")
    journal_path(tmp_path / "tags.csv", "watch").unlink()
    (tmp_path / "tags.csv").unlink()
    monkeypatch.setattr(watching, "tag_files", tag_files)
    watch()
    assert table_of(tmp_path / "tags.csv") == changed


def test_what_cannot_be_watched_is_said_before_anything_is_written(
    watch: Run, run: Run, folder: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = ("--ensemble", tiny_ensemble, "--out", tmp_path / "tags.csv")
    address = run("watch", "s3://bucket/sounds", *out)
    assert address.status == 2
    assert "must be a folder on this machine, or a network folder that is mounted here" in address.err
    assert f"{tmp_path / 'gone'} does not exist; check the path." in run("watch", tmp_path / "gone", *out).err
    wrong = write_noise(folder / "a.wav")
    assert f"{wrong} is a file; give the folder that it is in." in run("watch", wrong, *out).err
    assert "--settle must be 0 to 86,400 seconds, got -1." in watch("--settle", "-1").err
    assert "--out must end in" in watch("--out", tmp_path / "tags.xyz").err
    recording = wrong.read_bytes()
    for _ in range(2):
        assert "which is among the sounds of" in watch("--out", wrong, "--format", "csv").err
    assert wrong.read_bytes() == recording
    assert [path.name for path in folder.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("torn", [b"", b'{"fold'], ids=["no journal", "torn journal"])
def test_results_of_another_command_are_refused_every_time(
    watch: Run, folder: Path, tmp_path: Path, torn: bytes
) -> None:
    write_noise(folder / "a.wav")
    (tmp_path / "tags.csv").write_text("somebody's results")
    if torn:
        journal_path(tmp_path / "tags.csv", "watch").write_bytes(torn)
    for _ in range(2):
        refused = watch()
        assert refused.status == 2
        assert "tags.csv exists already, and .tags.csv.watch.jsonl is not beside it" in refused.err
        assert (tmp_path / "tags.csv").read_text() == "somebody's results"
        assert not list(tmp_path.glob(".*"))


def test_list_of_problems_of_another_command_stays(watch: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tags.problems.csv").write_text("somebody's list")  # as of tags.json
    bad = folder / "a.wav"
    bad.write_text("not a sound")
    assert watch().status == 2
    write_noise(bad)
    assert watch().status == 0
    assert (tmp_path / "tags.problems.csv").read_text() == "somebody's list"


def test_other_thresholds_are_refused_because_results_would_be_lost(watch: Run, folder: Path, tmp_path: Path) -> None:
    write_noise(folder / "a.wav")
    watch()
    before = (tmp_path / "tags.csv").read_bytes()
    other = watch("--threshold", "0.3")
    assert other.status == 2
    assert "tags.csv was begun with other settings (thresholds); give those again, or choose another file." in other.err
    assert (tmp_path / "tags.csv").read_bytes() == before


def test_newer_version_continues(watch: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_noise(folder / "a.wav")
    watch()
    monkeypatch.setattr("audiotag.tagging.bulk_job.__version__", "99.0")
    assert "what has not changed is not tagged again" in watch().err


def test_ensemble_is_not_loaded_when_nothing_is_new(watch: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_noise(folder / "a.wav")
    watch()
    monkeypatch.setattr("audiotag.tagging.opening.open_tagger", lambda *a, **k: pytest.fail("the ensemble is loaded"))
    assert watch().status == 0


def test_once_ends_only_when_a_folder_with_more_files_than_are_remembered_is_tagged(
    watch: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MAX_WAITING", 2)
    monkeypatch.setattr(arrivals, "RECENT_S", -1.0)  # only complete rounds list the folder again
    monkeypatch.setattr(arrivals, "REST_PER_WORK", 10**9)
    for seed in range(5):
        write_noise(folder / f"{seed}.wav", seed)
    assert watch("--settle", "0").status == 0
    assert len(table_of(tmp_path / "tags.csv")) == 5


def test_folder_that_cannot_be_read_shows_in_the_exit_code(
    watch: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_noise(folder / "a.wav")
    write_noise(folder / "locked/b.wav")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(arrivals.os, "scandir", refuse)
    for _ in range(2):  # also if everything else was tagged before
        result = watch()
        assert result.status == 1
        assert f"{folder / 'locked'} cannot be read: Permission denied." in result.err
        assert "1 folder was not read as a whole, see above." in result.err


def test_empty_folder_leaves_no_results_and_does_not_say_so(watch: Run, tmp_path: Path) -> None:
    result = watch()
    assert result.status == 0
    assert f"There was nothing to tag, so {tmp_path / 'tags.csv'} is not written." in result.err
    assert not (tmp_path / "tags.csv").exists()


def test_own_file_of_a_clip_goes_when_its_sound_is_replaced_by_a_bad_one(
    watch: Run, folder: Path, tmp_path: Path
) -> None:
    command = ("--out", tmp_path / "tracks", "--format", "webvtt")
    for name in ("a.wav", "b.wav"):
        write_noise(folder / name)
    watch(*command)
    assert len(list((tmp_path / "tracks").iterdir())) == 2
    (folder / "a.wav").write_text("not a sound")
    assert watch(*command).status == 2
    assert [path.name for path in (tmp_path / "tracks").iterdir()] == ["b.wav.vtt"]


def test_name_that_is_too_long_for_a_file_of_its_own_is_a_problem_of_its_clip(
    watch: Run, folder: Path, tmp_path: Path
) -> None:
    for name in ("a" * 220, "b" * 250, "short"):
        write_noise(folder / "deep" / f"{name}.wav")
    result = watch("--out", tmp_path / "tracks", "--format", "webvtt")
    assert result.status == 1
    assert "bbb.wav: its name is too long for a file of its own, bbb" in result.err
    assert {path.name[0] for path in (tmp_path / "tracks/deep").iterdir()} == {"a", "s"}
    assert watch("--out", tmp_path / "tracks", "--format", "webvtt").status == 0
