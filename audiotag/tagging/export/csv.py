"""The CSV format: one row per clip or per window, and the writer of CSV lines that other tables use too."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from audiotag.spreadsheets import UTF8_MARK, disarm
from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.rows import Row, table_cells, table_columns


@register_export("csv")
class CsvFormat(ExportFormat):
    """One row per clip: ``fname``, one score per label, ``tags``, separated by commas, how familiar the clip is, and
    when its recording began.

    UTF-8, CRLF line ends. The columns depend on the labels alone: ``recorded`` is there, and empty, also where no clip
    has such a time.
    """

    title = "CSV"
    about = "A table with one row per clip: scores of all labels, tags, familiarity, and when the recording began."
    suffix = ".csv"
    mime = "text/csv"
    for_spreadsheets = True

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the table."""
        columns = table_columns(options.labels, options.timeline)
        cells = table_cells(rows, options.labels, options.timeline)
        file.writelines(csv_lines(columns, cells, options.spreadsheet))


def csv_lines(
    columns: Sequence[str], cells: Iterable[Sequence[object]], for_spreadsheet: bool = False, tabs: bool = False
) -> Iterator[bytes]:
    """A table of text line by line, the header first, so that it may be larger than memory.

    Parameters
    ----------
    columns : sequence of str
    cells : iterable of sequence
        One sequence per row.
    for_spreadsheet : bool
        Mark the table as UTF-8, and disarm text that a spreadsheet would take for a formula.
    tabs : bool
        Separate cells by tabs in place of commas: tabs and line ends within a cell become a space. Only a cell that
        begins with a quotation mark is put between such marks, as in CSV; otherwise programs that know them would read
        on to the next mark, across cells and lines.
    """
    line = io.StringIO()
    writer = csv.writer(line)
    if for_spreadsheet:
        yield UTF8_MARK
    for row in itertools.chain([columns], cells):
        shown = map(_one_line, row) if tabs else row
        shown = map(disarm, shown) if for_spreadsheet else shown
        if tabs:
            line.write("\t".join(map(_quoted_if_needed, shown)) + "\r\n")
        else:
            writer.writerow(shown)
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()


def _one_line(cell: object) -> object:
    """A cell without tabs and line ends; numbers stay numbers."""
    return "" if cell is None else re.sub(r"[\t\r\n\v\f]+", " ", cell) if isinstance(cell, str) else cell


def _quoted_if_needed(cell: object) -> str:
    text = str(cell)
    return '"' + text.replace('"', '""') + '"' if text.lstrip().startswith('"') else text
