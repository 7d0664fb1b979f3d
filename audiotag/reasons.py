"""Say in plain words why a library or the system could not read a file.

Texts of other libraries name exception classes, positions of a parser and codecs, which help nobody who only has the
file. Sentences of audiotag use `plain_reason` in their place.
"""

from __future__ import annotations

import os
import re

from audiotag.errors import AudiotagError

DAMAGED = "it is damaged, cut short, or of another format"
# What the text of a library's exception has, and what that means; in the order in which they are tried.
MEANINGS: tuple[tuple[str, str], ...] = (
    (r"null (byte|character)|NUL", "it has NUL characters, which a path or a text must not have"),
    (r"Cannot (overwrite|declare|mutate)|already", "it gives the same name twice"),
    (r"int_max_str_digits", "a number in it has too many digits"),
    (r"recursion|nested too deep", "it is nested too deeply"),
    (r"Expected \d+ fields in line (?P<line>\d+), saw (?P<cells>\d+)", "line {line} has {cells} cells, more than the "
     'lines above; put several labels of a clip in quotes, like "Bark,Meow"'),
    (r"EOF inside string starting at row (?P<row>\d+)", "a quotation mark is not closed, in or after line {row}"),
    (r"field larger than field limit", "a cell of its header line is too long"),
    (r"No columns to parse|size is 0 bytes|is 0 bytes", "it is empty"),
    (r"magic bytes not found|not a parquet file", "it is not a Parquet file, or its end is missing"),
    (r"encrypt", "it is encrypted; save it without a password"),
    (r"codec .* not|Support for codec|compression", "its compression cannot be read; save it with snappy"),
)  # fmt: skip


def plain_reason(error: BaseException) -> str:
    """Why a file could not be read, as the words after "cannot be read:", without a full stop.

    Parameters
    ----------
    error : BaseException
        What was raised. The text of an `AudiotagError` is ours, so it is the reason.

    Examples
    --------
    >>> plain_reason(ValueError("embedded null byte")), plain_reason(KeyError("folds"))
    ('it has NUL characters, which a path or a text must not have', 'it is damaged, cut short, or of another format')
    >>> plain_reason(FileNotFoundError(2, "No such file or directory"))
    'No such file or directory'
    """
    text = str(error)
    if isinstance(error, AudiotagError):
        return text.rstrip(".")
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        is_the_systems = error.strerror.isprintable() and "errno" not in error.strerror.lower()
        return error.strerror.rstrip(".") if is_the_systems else os.strerror(error.errno)
    if isinstance(error, UnicodeError):
        return "it is not UTF-8 text; save it as UTF-8"
    if isinstance(error, MemoryError):
        return "it is too large for this machine's memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    for pattern, meaning in MEANINGS:
        if found := re.search(pattern, text):
            return meaning.format(**found.groupdict())
    return DAMAGED


def syntax_reason(error: ValueError, language: str) -> str:
    """Why a text is not valid JSON or TOML, with the line to look at.

    Parameters
    ----------
    error : ValueError
        As `json.loads` or `tomllib.loads` raises it.
    language : str
        "JSON" or "TOML".

    Examples
    --------
    >>> import json, tomllib
    >>> try:
    ...     tomllib.loads("a = 1\\nb = =")
    ... except ValueError as error:
    ...     syntax_reason(error, "TOML")
    'it is not valid TOML; look at line 2'
    """
    if isinstance(error, AudiotagError):
        return plain_reason(error)
    meaning = plain_reason(error)
    what = f"it is not valid {language}" if meaning == DAMAGED else meaning
    line = re.search(r"\(?at line (\d+)|line (\d+)", str(error))
    number = int(next(filter(None, line.groups()))) if line else 1
    return f"{what}; look at line {number}" if number > 1 else what
