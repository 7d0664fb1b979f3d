"""The JSON format: an array with one object per clip, also for the clips that could not be tagged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.rows import Row


@register_export("json")
class JsonFormat(ExportFormat):
    """An array of the rows as they are, indented by two spaces."""

    title = "JSON"
    about = "One object per clip: scores, tags, time ranges, how many folds agree, familiarity, length and notes."
    suffix = ".json"
    mime = "application/json"

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the array."""
        file.writelines(json_parts(rows))


def json_parts(rows: Iterable[Row]) -> Iterator[bytes]:
    """A JSON array in parts, one row each, so that it may be larger than memory."""
    before = "[\n"
    for row in rows:
        yield (before + "  " + json.dumps(row, indent=2, ensure_ascii=False).replace("\n", "\n  ")).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"
