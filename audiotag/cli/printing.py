"""Print for commands: every line that people read, and JSON.

Names, labels, sentences in cards and problems come from files that strangers may have made, and a terminal obeys the
codes in them. So all modules of the command line print by these functions, which a test checks: each line goes through
`audiotag.wording.printable`. Paths in the mirror of remote sounds are printed as addresses.
"""

from __future__ import annotations

import json
import os
import sys
from typing import IO, TYPE_CHECKING, Any

from audiotag.remote.addresses import with_addresses
from audiotag.wording import json_escaped, printable

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm


def print_line(line: str = "", bar: tqdm[Any] | None = None) -> None:
    """Print one line on standard output, above a progress bar where one is shown."""
    _write(printable(with_addresses(line)) + "\n", sys.stdout, bar)


def say(sentence: str = "", bar: tqdm[Any] | None = None) -> None:
    """Print one line on standard error, above a progress bar where one is shown."""
    _write(printable(with_addresses(sentence)) + "\n", sys.stderr, bar)


def print_table(table: pd.DataFrame, float_format: str) -> None:
    """Print a table of numbers on standard output; names of rows and columns may come from files."""
    shown = table.rename(index=_shown, columns=_shown)
    for line in shown.to_string(float_format=float_format.format).split("\n"):
        print_line(line)


def print_json(value: Any) -> None:
    """Print plain values on standard output as indented JSON."""
    print_json_part(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_json_part(part: str, bar: tqdm[Any] | None = None) -> None:
    """Print a part of a JSON text on standard output, above a progress bar where one is shown."""
    _write(json_escaped(with_addresses(part), sys.stdout.encoding or "utf-8"), sys.stdout, bar)


def accept_every_character() -> None:
    """Let both outputs spell out what their encoding lacks, where they would raise an error.

    One that was closed before the command began, as by ``>&-``, is replaced by one that nobody reads.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _write(text: str, stream: IO[str], bar: tqdm[Any] | None) -> None:
    if bar is None:
        stream.write(text)
    else:
        bar.write(text, file=stream, end="")


def _shown(name: Any) -> Any:
    return printable(name) if isinstance(name, str) else name
