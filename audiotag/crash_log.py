"""Write unexpected errors, and crashes of native code, into log files that a sentence then names.

The files are in ``logs`` of the workspace or, where there is none that can be written, in the system's temporary
folder. The first entry of a process makes its file; the newest 20 files stay. What modules report by `logging`, under
the name "audiotag", goes there too and never onto the terminal.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import platform
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from audiotag.leftovers import lock_if_abandoned, temporary_file
from audiotag.workspace import Workspace

KEPT_FILES = 20
MAX_FILE_BYTES = 1_000_000  # a million clips may fail in the same unexpected way
FILE_PREFIX = "audiotag-%Y-%m-%d-%H%M%S-"
FILE_NAME = re.compile(r"audiotag-\d{4}-\d\d-\d\d-\d{6}-\w+\.txt")
TRACE_NAME, TRACE_MARK = "audiotag", "crash"  # of the file that a crash of native code is written to
LOGGER = logging.getLogger("audiotag")


class LogFile(logging.Handler):
    """Appends what it gets to one file, which the first entry makes.

    Attributes
    ----------
    path : Path or None
        The file; None as long as nothing was written.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.addFilter(lambda record: record.name != "audiotag.state")  # damaged files are shown, and nobody's fault
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self.path: Path | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Append an entry; one that cannot be written is lost."""
        with suppress(OSError):
            if self.path is None or not self.path.exists():
                self.path = _new_file()
            if self.path.stat().st_size < MAX_FILE_BYTES:
                with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(self.format(record) + "\n")


_file = LogFile()


def start_log() -> None:
    """Have what is reported by `logging` from now on written into a new log file."""
    _listen()
    _file.path = None


def log_file() -> Path | None:
    """The log file; None if nothing was reported since `start_log`."""
    return _file.path


def _listen() -> None:
    if _file not in LOGGER.handlers:
        LOGGER.addHandler(_file)


def log_error(error: BaseException) -> Path | None:
    """Write an unexpected error with its traceback into the log; the file, or None if nothing can be written."""
    _listen()
    LOGGER.error("an unexpected error", exc_info=error)
    return _file.path


def unexpected(what: str, error: BaseException) -> str:
    """Log an unexpected error, and say where its details are.

    Parameters
    ----------
    what : str
        What the error ended; "the command", for one.
    error : BaseException

    Returns
    -------
    str
        Two sentences for the user, without the error's own text: that is for engineers.
    """
    path = log_error(error)
    details = f"The details are in {path}" if path else "The details could not be written to any disk"
    return f"an unexpected error ended {what}. {details}; please report it with that file."


@contextmanager
def watch_for_crashes(say: Callable[[str], None]) -> Iterator[None]:
    """Inside the context a crash of native code, which no exception reports, leaves its trace in a file.

    The process itself cannot say so any more. The next one does, and turns the trace into a log file.

    Parameters
    ----------
    say : callable
        Gets a sentence for each crash of an earlier process.
    """
    if faulthandler.is_enabled():  # by whoever started this process
        yield
        return
    for folder in _folders():
        for trace in folder.glob(f".{TRACE_NAME}.{TRACE_MARK}-*"):
            with lock_if_abandoned(trace) as is_abandoned:
                if is_abandoned:
                    _report(trace, say)
    with ExitStack() as stack:
        with suppress(OSError):
            faulthandler.enable(stack.enter_context(temporary_file(_folders()[0] / TRACE_NAME, TRACE_MARK)))
            stack.callback(faulthandler.disable)
        yield


def _report(trace: Path, say: Callable[[str], None]) -> None:
    """Turn the trace of a process that crashed into a log file; remove that of one that was killed."""
    with suppress(OSError):  # another process reports it
        if trace.stat().st_size == 0:
            trace.unlink()
            return
        when = time.localtime(trace.stat().st_mtime)
        log = trace.with_name(f"{time.strftime(FILE_PREFIX, when)}crash_{secrets.token_hex(4)}.txt")
        trace.rename(log)
        _remove_old_files(log.parent)
        say(
            f"an earlier audiotag crashed at {time.strftime('%H:%M on %Y-%m-%d', when)}. The details are in {log}; "
            "please report it with that file."
        )


def _new_file() -> Path:
    """Make a log file in the best folder that can be written."""
    version = sys.modules["audiotag"].__version__
    heading = f"audiotag {version}, Python {platform.python_version()}, {platform.platform()}\n{sys.argv}\n"
    for folder in _folders():
        with suppress(OSError):
            descriptor, name = tempfile.mkstemp(".txt", time.strftime(FILE_PREFIX), folder)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(heading)
            _remove_old_files(folder)
            return Path(name)
    raise OSError("no log file can be written")


def _folders() -> list[Path]:
    """Folders for log files, the best first. A workspace is not made for them."""
    temporary = Path(tempfile.gettempdir())
    with suppress(OSError, RuntimeError):  # AUDIOTAG_HOME may name anything
        logs = Workspace().root / "logs"
        if logs.parent.is_dir():
            logs.mkdir(exist_ok=True)
        if os.access(logs, os.W_OK):
            return [logs, temporary]
    return [temporary]


def _remove_old_files(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if FILE_NAME.fullmatch(path.name))
    for name in names[:-KEPT_FILES]:
        with suppress(OSError):
            (folder / name).unlink()
