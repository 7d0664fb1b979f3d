"""Read what audiotag wrote into the workspace: what is damaged is set aside, named in a sentence, and done without.

A file of state is replaced as a whole (`audiotag.workspace.open_atomic`), so a reader never sees half of one that is
being written: one that cannot be read was damaged by something else. It is renamed to ``NAME.damaged``, or
``NAME.damaged-2`` and so on, and nothing is ever written over such a file. Ensembles, the settings of runs and whatever
else only the user can make again are not renamed; their readers raise `AudiotagError`, which names them.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from audiotag.wording import printable

T = TypeVar("T")

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_pending: list[str] = []  # sentences that no page has shown yet
_said: set[str] = set()  # sentences about files that could not be renamed, which every reader would say again
MAX_PENDING = 100


def read_state(
    path: Path, parse: Callable[[bytes], T], default: T, otherwise: str, raise_unreadable: bool = False
) -> T:
    """Read a file of the workspace.

    Parameters
    ----------
    path : Path
    parse : callable
        Makes the value of the file's bytes; raises anything if they are damaged.
    default : T
        The value if the file does not exist or is damaged.
    otherwise : str
        What is done without the file; ends the sentence about a damaged one: ``"its clips are measured again"``.
    raise_unreadable : bool
        Whether a file that is there but cannot be read is an `OSError`, instead of a sentence and the default: for
        a caller who then writes the file, because its content is probably intact.
    """
    content: bytes | None
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return default
    except IsADirectoryError:  # nothing of ours
        content = None
    except OSError as error:
        if raise_unreadable:
            raise
        say(f"{path} cannot be read ({error.strerror}): {otherwise}.", once=True)
        return default
    if content is not None:
        try:
            return parse(content)
        except MemoryError:
            raise
        except Exception:
            pass
    set_aside(path, content, otherwise)
    return default


def read_json_state(path: Path, shape: Any, default: Any, otherwise: str) -> Any:
    """Read a JSON file of the workspace, whose value must have a shape; see `fits` and `read_state`."""
    return read_state(path, json_parser(shape), default, otherwise)


def json_parser(shape: Any) -> Callable[[bytes], Any]:
    """A function that reads the value of a JSON file, and raises ValueError if it does not have the shape."""

    def parse(content: bytes) -> Any:
        value = json.loads(content.decode("utf-8"))
        if not fits(value, shape):
            raise ValueError("a field is missing or has another type")
        return value

    return parse


def fits(value: Any, shape: Any) -> bool:
    """Whether a value that JSON can hold has a shape.

    Parameters
    ----------
    value : object
    shape : object
        A type; None; a function that accepts the value; a list of one shape, for any number of such items; a dict of
        shapes, for a dict that has at least these keys, where a key that ends in ``?`` may be missing; a tuple of
        alternatives. A float is any finite number, and an int is at most of 64 bits.

    >>> fits([{"pid": 7, "note": "x"}], [{"pid": int, "since?": (float, None)}])
    True
    >>> fits({"pid": True}, {"pid": int}), fits(math.nan, float), fits([], {})
    (False, False, False)
    """
    if isinstance(shape, tuple):
        return any(fits(value, alternative) for alternative in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(_field_fits(value, name, of_field) for name, of_field in shape.items())
    if shape is None:
        return value is None
    if shape is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if shape is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if shape is str:
        return isinstance(value, str) and is_unicode(value)
    return isinstance(value, shape) if isinstance(shape, type) else shape(value)


def is_unicode(text: str) -> bool:
    """Whether a text can be written: JSON may hold halves of a character."""
    return text.encode("utf-8", "replace").decode("utf-8") == text


def is_path(value: Any) -> bool:
    """Whether a value is the text of a path that may exist; its bytes need not be valid UTF-8."""
    try:
        return isinstance(value, str) and bool(value) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def is_pid(value: Any) -> bool:
    """Whether a value may be the number of a process."""
    return fits(value, int) and 0 < value < 2**31


def is_number(value: Any) -> bool:
    """Whether a value is a number, NaN and infinity included."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def set_aside(path: Path, content: bytes | None, otherwise: str) -> None:
    """Rename a damaged file and say so.

    Parameters
    ----------
    path : Path
    content : bytes or None
        What was found damaged: if another process has written a whole file since, that one stays. None for a folder.
    otherwise : str
        What is done without it.
    """
    with _lock:
        aside = _free_name(path)
        try:
            os.rename(path, aside)
        except FileNotFoundError:  # another process was first
            return
        except OSError as error:
            say(f"{path} is damaged, and cannot be renamed ({error.strerror}): {otherwise}.", once=True)
            return
        if content is not None and _content_of(aside) != content and not path.exists():
            with suppress(OSError):
                os.rename(aside, path)
            return
    say(f"{path} was damaged, and is now {aside.name}: {otherwise}.")


def copy_aside(path: Path, content: bytes, otherwise: str) -> None:
    """Keep the content of a damaged file, which is about to be replaced, under another name, and say so."""
    with _lock:
        aside = _free_name(path)
        with aside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    say(f"{path} was damaged, and its content is now in {aside.name}: {otherwise}.")


def say(sentence: str, once: bool = False) -> None:
    """Tell the user: commands print the sentence, workers have it in their log, the next page that is shown has it.

    Parameters
    ----------
    sentence : str
    once : bool
        Whether this process says it only once.
    """
    if once and sentence in _said:
        return
    _said.add(sentence)
    _log.warning(sentence)
    _pending.append(sentence)
    del _pending[:-MAX_PENDING]


@contextmanager
def print_sentences() -> Iterator[None]:
    """Print what `say` is given on standard error, as a command does, inside the block."""
    handler = _Printer()
    _log.addHandler(handler)
    try:
        yield
    finally:
        _log.removeHandler(handler)


class _Printer(logging.Handler):
    """Prints on the standard error of the moment, which a progress bar may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        print(printable(f"audiotag: {record.getMessage()}"), file=sys.stderr)


def take_sentences() -> list[str]:
    """The sentences that no page has shown yet; they are not given again."""
    with _lock:
        sentences = list(dict.fromkeys(_pending))
        _pending.clear()
    return sentences


def _field_fits(value: dict[str, Any], name: str, shape: Any) -> bool:
    key = name.removesuffix("?")
    return fits(value[key], shape) if key in value else name != key


def _free_name(path: Path) -> Path:
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}.damaged" + (f"-{number}" if number > 1 else ""))
        if not os.path.lexists(aside):
            return aside
    raise AssertionError


def _content_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
