"""However a command ends, it has a status of its own, and the user sees a sentence and no traceback."""

import argparse
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag import crash_log
from audiotag.cli import dataset as dataset_commands
from audiotag.cli import main as main_module
from audiotag.workspace import Workspace

from ..conftest import CommandResult

Run = Callable[..., CommandResult]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(crash_log._file, "path", None)
    Workspace().root.mkdir(exist_ok=True)
    return Workspace().root / "logs"


@pytest.fixture
def demo_does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """``demo_does(function)``: what ``audiotag demo`` does instead."""

    def set_function(function: Callable[[], int]) -> None:
        monkeypatch.setattr(dataset_commands, "demo", lambda options: function())

    return set_function


def test_unexpected_error_has_its_status_and_its_details_are_in_the_file_that_is_named(
    run: Run, logs: Path, demo_does: Callable
) -> None:
    demo_does(lambda: {}["a"])
    outcome = run("demo")
    (path,) = logs.iterdir()
    assert (outcome.status, outcome.out) == (70, "")
    assert outcome.err == (
        f"audiotag: an unexpected error ended the command. The details are in {path}; "
        "please report it with that file.\n"
    )
    assert "KeyError: 'a'" in path.read_text()


def test_command_that_reported_something_unexpected_says_where(run: Run, logs: Path, demo_does: Callable) -> None:
    def report() -> int:
        crash_log.LOGGER.error("'a.wav' cannot be used", exc_info=KeyError("a"))
        return 1

    demo_does(report)
    outcome = run("demo")
    (path,) = logs.iterdir()
    assert (outcome.status, outcome.err) == (
        1,
        f"audiotag: details of what was not expected are in {path}.\n",
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signal_unwinds_the_command(run: Run, logs: Path, demo_does: Callable, name: str) -> None:
    if not hasattr(signal, name):
        pytest.skip(f"this system has no {name}")
    number = getattr(signal, name)
    before, cleaned = signal.signal(number, signal.SIG_DFL), []  # nohup, for one, has SIGHUP ignored

    def wait() -> int:
        try:
            os.kill(os.getpid(), number)
            for _ in range(6000):  # the handler raises here, as soon as the main thread runs it
                time.sleep(0.01)
            return 0
        finally:
            cleaned.append(True)

    demo_does(wait)
    try:
        outcome = run("demo")
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert (outcome.status, outcome.err, cleaned) == (128 + number, "audiotag: stopped.\n", [True])
    assert not logs.exists()


def test_hangup_that_nohup_ignores_stays_ignored(run: Run, demo_does: Callable) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        demo_does(lambda: os.kill(os.getpid(), signal.SIGHUP) or 0)
        assert run("demo").status == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_reader_that_has_ended_is_no_error(dataset: Path) -> None:
    command = [sys.executable, "-m", "audiotag", "scan", str(dataset), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as scan:
        assert scan.stdout is not None
        assert scan.stderr is not None
        scan.stdout.close()  # as `head` does
        assert (scan.stderr.read(), scan.wait()) == ("", 141)


@pytest.mark.parametrize(
    ("arguments", "statuses", "said"),  # without buffers argparse does not notice that nobody reads
    [(["--help"], {0, 141}, ""), (["scan", "--help"], {0, 141}, ""), (["scan", "no-such-folder"], {2}, "not exist")],
)
def test_reader_that_has_ended_is_no_error_of_help_and_failures_either(
    arguments: list[str], statuses: set[int], said: str
) -> None:
    command = [sys.executable, "-m", "audiotag", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        printed = process.stderr.read()
        assert process.wait() in statuses
    assert said in printed
    assert "BrokenPipe" not in printed
    assert "Exception ignored" not in printed


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""), (OSError(errno.ENOSPC, "No space left"), 2, "full")],
)
def test_help_that_argparse_cannot_print_ends_as_other_output(
    error: OSError, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> None:  # as in Python 3.11.2; later versions hide it
        raise error

    monkeypatch.setattr(argparse.ArgumentParser, "_print_message", fail)
    monkeypatch.setattr(main_module, "_discard_output", lambda: None)
    with pytest.raises(SystemExit) as ended:
        main_module.main(["--help"])
    assert ended.value.code == status
    assert said in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="its shells close no output")
def test_output_that_is_closed_from_the_start_is_no_error(dataset: Path) -> None:
    command = f'"{sys.executable}" -m audiotag scan "{dataset}" >&-'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unexpected" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_disk_behind_the_output_is_said_once(dataset: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "audiotag", "scan", str(dataset)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("the disk is full") == 1


def test_help_lists_the_statuses(run: Run) -> None:
    text = " ".join(run("--help").out.split())
    for status in (0, 1, 2, 70, 130, 143, 141):
        assert f" {status} " in text.replace("(", " ").replace(";", " ;")
    assert main_module.INTERRUPTED == 130
    assert main_module.BROKEN_PIPE == 141
