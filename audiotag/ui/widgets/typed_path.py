"""Read a path as people type it or paste it into a field."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from audiotag.data.layouts import absolute
from audiotag.errors import AudiotagError

QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`", "«": "»", "<": ">"}


def parse_path(text: str | None, when_empty: str) -> Path:
    """The absolute path that a user means.

    Spaces around it, quotes as a shell or a file manager puts them, ``file://`` addresses and ``~`` are understood. A
    path that exists as it is typed is taken as it is. That of an address, like ``s3://bucket/sounds``, is in the
    mirror, where `audiotag.data.remote_folders.localise` lists it.

    Parameters
    ----------
    text : str or None
    when_empty : str
        The message for an empty field.

    Raises
    ------
    AudiotagError
        If the text cannot be a path; says why.
    """
    typed = (text or "").strip("\r\n\t\0 \u00a0\u200b\ufeff")
    if not typed:
        raise AudiotagError(when_empty)
    if "\0" in typed:
        raise AudiotagError("The path contains a character that no path can have; type it again.")
    if _exists(Path(typed)):
        return absolute(typed)
    path = absolute(_without_address(_without_quotes(typed)))
    unescaped = Path(re.sub(r"\\(.)", r"\1", str(path)))  # "my\ sounds", as a shell completes it
    return unescaped if not _exists(path) and _exists(unescaped) else path


def _without_quotes(text: str) -> str:
    """The text inside of a pair of quotes.

    >>> _without_quotes("'/a b/c' "), _without_quotes("/it's")
    ('/a b/c', "/it's")
    """
    text = text.strip()
    while len(text) > 2 and QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _without_address(text: str) -> str:
    """The path of a ``file://`` address; any other text unchanged.

    >>> _without_address("file:///a%20b"), _without_address("/a%20b")
    ('/a b', '/a%20b')
    """
    if not text.lower().startswith("file:"):
        return text
    host, path = re.fullmatch(r"file:(?://([^/]*))?(.*)", text, re.IGNORECASE | re.DOTALL).groups()  # type: ignore[union-attr]
    if host not in (None, "", "localhost"):
        raise AudiotagError(f"{text} is on another machine ({host}). Give a path on the machine that runs this app.")
    return unquote(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long
        return False
