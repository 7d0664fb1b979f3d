"""The CSV format: one row per clip or per window, and the writer of CSV lines that other tables use too."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from audiotag.spreadsheets import disarm
from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.rows import Row, table_cells, table_columns


@register_export("csv")
class CsvFormat(ExportFormat):
    """One row per clip: ``fname``, one score per label, ``tags``, separated by commas, and how familiar the clip is.

    UTF-8, CRLF line ends.
    """

    title = "CSV"
    about = "A table with one row per clip: the score of every label, the tags, and how familiar the clip is."
    suffix = ".csv"
    mime = "text/csv"
    for_spreadsheets = True

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the table."""
        columns = table_columns(options.labels, options.timeline)
        cells = table_cells(rows, options.labels, options.timeline)
        file.writelines(csv_lines(columns, cells, options.spreadsheet))


def csv_lines(
    columns: Sequence[str], cells: Iterable[Sequence[object]], for_spreadsheet: bool = False
) -> Iterator[bytes]:
    """A CSV table line by line, the header first, so that it may be larger than memory.

    ``for_spreadsheet`` disarms text that a spreadsheet would take for a formula.
    """
    line = io.StringIO()
    writer = csv.writer(line)
    for row in itertools.chain([columns], cells):
        writer.writerow(map(disarm, row) if for_spreadsheet else row)
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()
