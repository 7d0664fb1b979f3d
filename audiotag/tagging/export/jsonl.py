"""The JSON Lines format (https://jsonlines.org): one JSON object per clip, each on its own line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import BinaryIO

from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.rows import Row


@register_export("jsonl")
class JsonLinesFormat(ExportFormat):
    """The rows as they are, the same objects as in the JSON format; UTF-8, LF line ends."""

    title = "JSON Lines"
    about = "The objects of the JSON file, one per line, to be read clip by clip."
    suffix = ".jsonl"
    mime = "application/jsonl"

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the lines as the rows come."""
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
