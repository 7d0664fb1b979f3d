"""Read small text files that strangers may have made, JSON and TOML, within bounds of size and depth.

Cards, recipes and presets are passed on between people. What they hold is checked field by field elsewhere; here the
file itself must not exhaust memory or Python's stack while it is parsed, nor hold what cannot be written again.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audiotag.errors import AudiotagError, require_path
from audiotag.reasons import syntax_reason
from audiotag.wording import shortened

MAX_BYTES = 4 * 2**20
MAX_TOML_BYTES = 2**18
MAX_DEPTH = 32
MAX_DOTS = 100  # of a part of a line of TOML, where a key may be
MAX_DIGITS = 30  # of a whole number


def read_foreign_json(path: Path, most_bytes: int = MAX_BYTES) -> Any:
    """The value of a JSON file; raises FileNotFoundError if there is none.

    Parameters
    ----------
    path : Path
    most_bytes : int
        Size that the file may have.

    Raises
    ------
    AudiotagError
        If the file is not JSON, is too large or is nested too deeply, or holds text that is not Unicode.
    """
    return _read(path, "JSON", most_bytes, lambda text: json.loads(text, parse_int=_whole_number))


def read_foreign_toml(path: Path) -> dict[str, Any]:
    """The table of a TOML file; raises as `read_foreign_json` does."""
    values: dict[str, Any] = _read(path, "TOML", MAX_TOML_BYTES, _parse_toml)
    return values


def _read(path: Path, language: str, most_bytes: int, parse: Callable[[str], Any]) -> Any:
    require_path(path)
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise AudiotagError(f"{path} must have at most {most_bytes:,} bytes, it has more; is it the right file?")
    try:
        values = parse(content.decode("utf-8-sig"))
        _check_depth(values)
        json.dumps(values, ensure_ascii=False, default=str).encode()
    except RecursionError:
        raise AudiotagError(f"{path} cannot be read as {language}: {_TOO_DEEP}.") from None
    except UnicodeError as error:
        raise AudiotagError(f"{path} cannot be read as {language}: it is not UTF-8 text; save it as UTF-8.") from error
    except ValueError as error:
        reason = shortened(syntax_reason(error, language) if content.strip() else "it is empty")
        raise AudiotagError(f"{path} cannot be read as {language}: {reason}.") from error
    return values


_TOO_DEEP = f"its lists and tables must be nested at most {MAX_DEPTH} deep; remove the inner ones"


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise AudiotagError(f"a number in it must have at most {MAX_DIGITS} digits, got {len(digits):,}")
    return int(digits)


def _parse_toml(text: str) -> dict[str, Any]:
    """Python's parser takes time in proportion to the square of the number of parts of a key."""
    if any(part.count(".") > MAX_DOTS for line in text.splitlines() for part in line.split("=")):
        raise AudiotagError(f"a line in it must have at most {MAX_DOTS} dots; use fewer tables inside of each other")
    return tomllib.loads(text)


def _check_depth(values: Any) -> None:
    level = [values]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        raise AudiotagError(_TOO_DEEP)
