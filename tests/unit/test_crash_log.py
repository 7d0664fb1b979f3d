"""Unexpected errors and crashes of native code leave a log file, which a sentence names."""

import faulthandler
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from audiotag import crash_log
from audiotag.crash_log import FILE_NAME, KEPT_FILES, log_error, start_log, unexpected, watch_for_crashes
from audiotag.workspace import Workspace

CRASH = """
import faulthandler
from audiotag.crash_log import watch_for_crashes
with watch_for_crashes(print):
    faulthandler._sigsegv()
"""


@pytest.fixture(autouse=True)
def _new_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(crash_log._file, "path", None)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def logs() -> Path:
    folder = Workspace().root / "logs"
    folder.parent.mkdir(exist_ok=True)
    return folder


def failure() -> KeyError:
    try:
        return {}["a"]  # type: ignore[return-value]
    except KeyError as error:
        return error


def test_traceback_is_in_the_file_that_the_sentence_names(logs: Path) -> None:
    sentence = unexpected("the command", failure())
    (path,) = logs.iterdir()
    assert sentence == (
        f"an unexpected error ended the command. The details are in {path}; please report it with that file."
    )
    text = path.read_text()
    assert "Traceback" in text
    assert "KeyError: 'a'" in text
    assert text.startswith("audiotag ")  # its version


def test_one_process_writes_one_file_and_not_without_end(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_log, "MAX_FILE_BYTES", 5000)
    paths = {log_error(failure()) for _ in range(100)}
    (path,) = logs.iterdir()
    assert paths == {path}
    assert path.stat().st_size < 6000


def test_the_newest_files_stay_and_those_of_others(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.mkdir()
    (logs / "notes.txt").write_text("mine")
    for minute in range(KEPT_FILES + 5):
        (logs / f"audiotag-2026-01-01-00{minute:02}00-abcd.txt").touch()
    path = log_error(failure())
    kept = sorted(file.name for file in logs.iterdir() if FILE_NAME.fullmatch(file.name))
    assert len(kept) == KEPT_FILES
    assert path is not None
    assert kept[-1] == path.name
    assert (logs / "notes.txt").exists()


def test_without_a_workspace_that_can_be_written_the_temporary_folder_has_the_file(logs: Path, tmp_path: Path) -> None:
    logs.write_text("a file where the folder should be")
    path = log_error(failure())
    assert path is not None
    assert path.parent == tmp_path / "temporary"
    assert "KeyError" in path.read_text()


def test_no_workspace_is_made_for_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "none"))
    path = log_error(failure())
    assert path is not None
    assert path.parent == tmp_path / "temporary"
    assert not (tmp_path / "none").exists()


def test_where_nothing_can_be_written_the_sentence_says_so(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    assert "The details could not be written" in unexpected("the command", failure())


def test_what_modules_report_goes_into_the_file_and_not_onto_the_terminal(
    logs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start_log()
    logging.getLogger("audiotag").error("%r cannot be used", "a.wav", exc_info=failure())
    logging.getLogger("audiotag.tagging").warning("odd")
    (path,) = logs.iterdir()
    assert "'a.wav' cannot be used" in path.read_text()
    assert "odd" in path.read_text()
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def no_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process in which pytest has not enabled `faulthandler`."""
    monkeypatch.setattr(faulthandler, "is_enabled", lambda: False)
    monkeypatch.setattr(faulthandler, "enable", lambda file: None)
    monkeypatch.setattr(faulthandler, "disable", lambda: None)


def run(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)  # type: ignore[call-overload]


def test_crash_of_native_code_is_named_by_the_next_process_once(logs: Path, no_handler: None) -> None:
    crashed = run(CRASH)
    assert crashed.returncode not in (0, 1)
    assert (crashed.stdout, crashed.stderr) == ("", "")
    said: list[str] = []
    for _ in range(2):
        with watch_for_crashes(said.append):
            pass
    (path,) = logs.iterdir()
    assert len(said) == 1
    assert said[0].startswith("an earlier audiotag crashed at ")
    assert str(path) in said[0]
    assert FILE_NAME.fullmatch(path.name)
    assert "Segmentation fault" in path.read_text()


def test_nothing_is_left_without_a_crash_and_after_a_kill(logs: Path, no_handler: None) -> None:
    said: list[str] = []
    with watch_for_crashes(said.append):
        assert len(list(logs.iterdir())) == 1
        with watch_for_crashes(said.append):  # another process
            assert len(list(logs.iterdir())) == 2
    assert list(logs.iterdir()) == []
    run(CRASH.replace("faulthandler._sigsegv()", "import os; os.kill(os.getpid(), 9)"))
    assert len(list(logs.iterdir())) == 1
    with watch_for_crashes(said.append):
        pass
    assert list(logs.iterdir()) == []
    assert said == []
