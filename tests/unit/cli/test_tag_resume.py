"""``audiotag tag`` resumes wherever it was stopped, and passes the file that ended it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from audiotag import in_hand
from audiotag.cli import progress
from audiotag.cli.exit_codes import Terminated
from audiotag.workspace import Workspace

from ..conftest import CommandResult
from .conftest import RATE, stopped_after, table_of

STOPPED_SCRIPT = """
import os, signal, sys
from audiotag.tagging.journal import Journal
add, left = Journal.add, [int(sys.argv.pop(1))]
def stopped(self, row):
    if not left[0]:
        self._file.write(b'{"clip": "torn')
        self._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    add(self, row)
Journal.add = stopped
from audiotag.cli.main import main
main(sys.argv[1:])
"""


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
    run: Callable[..., CommandResult], archive: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    command = ("tag", archive, "--ensemble", tiny_ensemble, "--out")
    alone = run(*command, tmp_path / "alone.csv")
    assert alone.status == 1
    out = tmp_path / "stopped.csv"
    killed = subprocess.run(
        [sys.executable, "-c", STOPPED_SCRIPT, "15", *map(str, command), str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=120,
    )
    assert killed.returncode == -9, killed.stderr
    assert not out.exists()
    assert out.with_name(".stopped.csv.partial.jsonl").read_text().count("\n") == 16  # and its fingerprint
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
    way: str,
) -> None:
    command = [sys.executable, "-m", "audiotag", "tag", str(archive), "--ensemble", str(tiny_ensemble), "--out"]
    alone = run(*command[3:], tmp_path / "alone.csv")
    assert alone.status == 1
    fake_libsndfile.deadly(archive / "07.wav", way)
    out = tmp_path / "died.csv"
    died = subprocess.run([*command, str(out)], capture_output=True, text=True, timeout=120, check=False)
    assert died.returncode == (-6 if way == "abort" else -9), died.stderr
    assert not out.exists()
    assert archive / "07.wav" in in_hand.files_in(out.with_name(".died.csv.partial.in-hand"))
    went_on = run(*command[3:], out)
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
    run: Callable[..., CommandResult], archive: Path, tiny_ensemble: Path, fake_libsndfile: ModuleType
) -> None:
    for path in sorted(archive.iterdir())[4:]:
        path.unlink()
    fake_libsndfile.deadly(archive / "01.wav", "abort")
    command = [sys.executable, "-m", "audiotag", "tag", str(archive), "--ensemble", str(tiny_ensemble), "--json"]
    died = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert died.returncode == -6, died.stderr
    went_on = run(*command[3:])
    assert went_on.status == 1, went_on.err
    (sentence,) = (
        line for line in went_on.err.splitlines() if line.startswith("An earlier command ended while it read ")
    )
    assert str(archive / "01.wav") in sentence  # and perhaps what another thread was reading
    assert "01.wav cannot be read: its decoder crashed on it" in went_on.err
    assert [row["clip"] for row in json.loads(went_on.out) if "problem" not in row] == ["00.wav", "02.wav", "03.wav"]
    assert not list((Workspace().root / "in-hand").iterdir())
