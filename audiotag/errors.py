"""Define the exception whose message users see, and the sentence for whatever goes wrong with one clip.

Every loop over clips catches ``Exception`` around one clip, and writes `clip_problem` in place of its result. Where one
clip is asked for, `clip_guard` turns whatever is raised into the exception that pages and commands show.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from audiotag.wording import as_text

_LOG = logging.getLogger("audiotag")
_LOG.addHandler(logging.NullHandler())  # without a log file nothing is printed among the results


class AudiotagError(ValueError):
    """Input or settings are unusable; the message names the thing, the rule, the value and the likely fix.

    A file name in the message may have bytes that are not valid UTF-8; they are spelt out, so that the message can be
    printed, shown and stored.

    Parameters
    ----------
    message : object
    may_pass : bool
        As the function `may_pass`.
    """

    def __init__(self, message: object = "", may_pass: bool = False) -> None:
        super().__init__(as_text(message))
        self.may_pass = may_pass


def may_pass(error: BaseException) -> bool:
    """Whether the system may be the cause of a clip's failure rather than the clip, so that the next try may succeed.

    What is stored about a clip until its file changes must not be such a failure.

    Examples
    --------
    >>> may_pass(OSError(5, "Input/output error"))
    True
    >>> may_pass(AudiotagError("a.wav is empty (0 bytes); copy or record it again."))
    False
    """
    return error.may_pass if isinstance(error, AudiotagError) else isinstance(error, OSError | MemoryError)


def require_path(path: str | PurePath) -> None:
    """Raise `AudiotagError` if no file can have a path, for which Python has words of its own.

    >>> require_path("a\\0.wav")
    Traceback (most recent call last):
    ...
    audiotag.errors.AudiotagError: a path must not have NUL characters, got 'a\\x00.wav'; paste or type it again.
    """
    if "\0" in str(path):
        raise AudiotagError(f"a path must not have NUL characters, got {str(path)!r}; paste or type it again.")


def clip_problem(name: str, error: BaseException) -> str:
    """The sentence that says why a clip cannot be used, whatever was raised for it.

    An exception that nobody expected also goes to the log, with its traceback.

    Parameters
    ----------
    name : str
        The clip's path relative to its dataset or folder.
    error : BaseException

    Returns
    -------
    str
        It names the clip by ``name``; bytes of it that are not valid UTF-8 are spelt out.

    Examples
    --------
    >>> clip_problem("dogs/a.wav", AudiotagError("a.wav is empty (0 bytes); copy or record it again."))
    'dogs/a.wav is empty (0 bytes); copy or record it again.'
    >>> clip_problem("dogs/a.wav", PermissionError(13, "Permission denied"))
    'dogs/a.wav cannot be read: Permission denied; check the file and its disk.'
    """
    return as_text(_sentence(name, error))


@contextmanager
def clip_guard(name: str) -> Iterator[None]:
    """Turn whatever is raised for one clip into an `AudiotagError`; one that is raised already stays as it is."""
    try:
        yield
    except AudiotagError:
        raise
    except Exception as error:
        raise AudiotagError(clip_problem(name, error), may_pass(error)) from error


def _sentence(name: str, error: BaseException) -> str:
    if isinstance(error, AudiotagError):
        return _with_path(name, str(error))
    if isinstance(error, FileNotFoundError):
        return f"{name} does not exist; was it moved or deleted meanwhile?"
    if isinstance(error, MemoryError):
        return f"{name} is too large for this machine's memory; cut it into parts."
    if isinstance(error, OSError) and error.strerror:
        return f"{name} cannot be read: {error.strerror}; check the file and its disk."
    _LOG.error("%r cannot be used", name, exc_info=error)
    return f"{name} cannot be used: it is damaged in a way that was not expected; export it again from its source."


def _with_path(name: str, text: str) -> str:
    """A sentence that names a clip by its base name, with its path instead."""
    base = PurePath(name).name
    if base and text.startswith(base) and not text.startswith(name):  # the path may be further on: "(looked for …)"
        return name + text.removeprefix(base)
    return text if name in text else f"{name}: {text}"
