"""``audiotag tag`` resumes wherever it was stopped, and passes the file that ended it."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag import in_hand
from audiotag.cli import progress
from audiotag.cli.exit_codes import Terminated
from audiotag.workspace import Workspace

from ..conftest import CommandResult
from .conftest import RATE, stopped_after, table_of

MAIN = "audiotag.cli.main"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """24 sounds, and two files that are not sounds."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(24):
        waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 5 * (1 + number % 4))
        soundfile.write(folder / f"{number:02}.wav", waveform, RATE)
    (folder / "10-empty.wav").touch()
    (folder / "20-letter.wav").write_text("Dear sir")
    return folder


def test_killed_run_goes_on_and_writes_the_file_of_an_undisturbed_run(
    run: Callable[..., CommandResult], archive: Path, tiny_ensemble: Path, tmp_path: Path, fork_server: Any
) -> None:
    command = ("tag", archive, "--ensemble", tiny_ensemble, "--out")
    alone = run(*command, tmp_path / "alone.csv")
    assert alone.status == 1
    out = tmp_path / "stopped.csv"
    log, arguments = tmp_path / "log.txt", [*map(str, command), str(out)]
    status = fork_server.run(MAIN, arguments, log, kill=("audiotag.tagging.journal", "Journal.add", 16, ""))
    assert status == -signal.SIGKILL, log.read_text()
    assert not out.exists()
    journal = out.with_name(".stopped.csv.partial.jsonl")
    assert journal.read_text().count("\n") == 16  # and its fingerprint
    with journal.open("ab") as file:
        file.write(b'{"clip": "torn')  # as if killed while the next line was written
    went_on = run(*command, out)
    assert went_on.status == 1
    assert "Resuming stopped.csv: 14 clips are already tagged." in went_on.err  # and a broken one
    assert "24 clips, 14 of them tagged before" in went_on.err
    assert "2 left out:" in went_on.err  # both were tried again, or for the first time
    assert out.read_bytes() == (tmp_path / "alone.csv").read_bytes()
    problems = (tmp_path / "alone.problems.csv").read_bytes()
    assert (tmp_path / "stopped.problems.csv").read_bytes() == problems
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(("suffix", "options"), [("csv", ()), ("json", ("--timeline",))], ids=["clips", "windows"])
def test_ctrl_c_keeps_finished_clips(
    run: Callable[..., CommandResult],
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    options: tuple[str, ...],
) -> None:
    command = ("tag", archive, "--ensemble", tiny_ensemble, *options, "--out")
    run(*command, tmp_path / f"alone.{suffix}")
    count = progress.Progress.count
    for done, end, status in ((9, KeyboardInterrupt, 130), (17, Terminated(signal.SIGTERM), 143)):
        monkeypatch.setattr(progress.Progress, "count", stopped_after(done, end))
        stopped = run(*command, tmp_path / f"tags.{suffix}")
        assert stopped.status == status
        assert f"{done} clips are tagged; run the same command again to resume." in stopped.err
        assert not (tmp_path / f"tags.{suffix}").exists()
        monkeypatch.setattr(progress.Progress, "count", count)
    went_on = run(*command, tmp_path / f"tags.{suffix}")
    assert "Resuming tags" in went_on.err
    assert (tmp_path / f"tags.{suffix}").read_bytes() == (tmp_path / f"alone.{suffix}").read_bytes()


def test_unfinished_run_with_other_settings_starts_anew_and_says_why(
    run: Callable[..., CommandResult],
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "tags.csv"
    stop = pytest.MonkeyPatch()
    stop.setattr(progress.Progress, "count", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run("tag", archive, "--ensemble", tiny_ensemble, "--out", out).status == 130
    stop.undo()
    result = run("tag", archive, "--ensemble", tiny_ensemble, "--overlap", "0", "--threshold", "0.3", "--out", out)
    assert "because this has changed: tagging options and thresholds. Starting again from the beginning." in result.err
    assert "tagged before" not in result.err


@pytest.mark.parametrize("way", ["abort", "kill once"])
def test_file_that_ends_the_process_is_named_by_the_next_command_which_tags_the_rest(
    run: Callable[..., CommandResult],
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    fake_libsndfile: ModuleType,
    fork_server: Any,
    way: str,
) -> None:
    command = ["tag", str(archive), "--ensemble", str(tiny_ensemble), "--out"]
    alone = run(*command, tmp_path / "alone.csv")
    assert alone.status == 1
    fake_libsndfile.deadly(archive / "07.wav", way)
    out, log = tmp_path / "died.csv", tmp_path / "log.txt"
    status = fork_server.run(MAIN, [*command, str(out)], log, stand_in=fake_libsndfile.__file__)
    assert status == -(signal.SIGABRT if way == "abort" else signal.SIGKILL), log.read_text()
    assert not out.exists()
    assert archive / "07.wav" in in_hand.files_in(out.with_name(".died.csv.partial.in-hand"))
    went_on = run(*command, out)
    assert went_on.status == 1, went_on.err
    assert "An earlier command ended while it read " in went_on.err
    assert not list(tmp_path.glob(".*"))
    if way == "kill once":  # as by somebody: nothing is lost
        assert out.read_bytes() == (tmp_path / "alone.csv").read_bytes()
        return
    problems = {row["fname"]: row["problem"] for row in table_of(tmp_path / "died.problems.csv")}
    assert sorted(problems) == ["07.wav", "10-empty.wav", "20-letter.wav"]
    assert problems["07.wav"].startswith("07.wav cannot be read: its decoder crashed on it")
    assert problems["07.wav"] in went_on.err
    lines = (tmp_path / "alone.csv").read_bytes().splitlines(keepends=True)
    assert out.read_bytes() == b"".join(line for line in lines if not line.startswith(b"07.wav"))


def test_command_onto_the_screen_passes_the_file_that_ended_it_before(
    run: Callable[..., CommandResult],
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    fake_libsndfile: ModuleType,
    fork_server: Any,
) -> None:
    for path in sorted(archive.iterdir())[4:]:
        path.unlink()
    fake_libsndfile.deadly(archive / "01.wav", "abort")
    command, log = ["tag", str(archive), "--ensemble", str(tiny_ensemble), "--json"], tmp_path / "log.txt"
    assert fork_server.run(MAIN, command, log, stand_in=fake_libsndfile.__file__) == -signal.SIGABRT, log.read_text()
    went_on = run(*command)
    assert went_on.status == 1, went_on.err
    (sentence,) = (
        line for line in went_on.err.splitlines() if line.startswith("An earlier command ended while it read ")
    )
    assert str(archive / "01.wav") in sentence  # and perhaps what another thread was reading
    assert "01.wav cannot be read: its decoder crashed on it" in went_on.err
    assert [row["clip"] for row in json.loads(went_on.out) if "problem" not in row] == ["00.wav", "02.wav", "03.wav"]
    assert not list((Workspace().root / "in-hand").iterdir())
