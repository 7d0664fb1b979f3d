"""The Raven format: a selection table for Raven Pro and Raven Lite, with the time ranges of all clips.

A selection table is text with tabs between its columns, which have Raven's own names and units; `View` says for which
view of the sound a row is. A table about several sounds names each by `Begin Path` and `Begin File`, and its times run
on from sound to sound, as Raven numbers them when it opens all of them as one sequence: `Begin Time (s)` and
`End Time (s)` count from the start of the first, `File Offset (s)` from the start of the sound itself.

A cell that begins with a quotation mark, as a file name may, is enclosed in such marks, and those in it are doubled.
pandas, R and spreadsheets then read the cell as it is, and do not take it for the start of a longer one.

Sources: Raven Pro 1.6 user's guide, chapter 6 and appendix B; tables that BirdNET-Analyzer writes and combines
(``generate_raven_table``, ``combine_raven_tables`` in its ``analyze/utils.py``); `Rraven` (`exp_raven`, `imp_raven`);
"Real Clock Times" in Raven's knowledge base for `Begin Date Time`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from audiotag.tagging.events import Event
from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.csv import csv_lines
from audiotag.tagging.export.intervals import ranges, time_of
from audiotag.tagging.export.rows import SECOND_DIGITS, Cell, Row, path_of_text

COLUMNS = (
    "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)", "Begin Path",
    "Begin File", "File Offset (s)", "Begin Date Time", "Annotation", "Score",
)  # fmt: skip
VIEW, CHANNEL = "Spectrogram 1", 1


@register_export("raven")
class RavenFormat(ExportFormat):
    """One row per event of all clips; the frequencies are the band that the ensemble gets.

    The clips must be opened in Raven in the order of the table; those that could not be tagged are not part of it.
    """

    title = "Raven selection table"
    about = "One table with the time ranges of all clips, to open in Raven with the sounds as one sequence."
    suffix = ".txt"
    mime = "text/tab-separated-values"
    for_spreadsheets = True
    has_events = True
    found_by_suffix = False

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the table."""
        file.writelines(csv_lines(COLUMNS, _cells(rows, options), options.spreadsheet, tabs=True))


def _cells(rows: Iterable[Row], options: ExportOptions) -> Iterator[list[Cell]]:
    number, before_s = 0, 0.0  # selections so far, and the length of the sounds before this one
    for row in rows:
        for _, event in ranges([row], options):
            number += 1
            yield _selection(number, before_s, row, event, options)
        before_s += row.get("duration_s", 0.0)


def _selection(number: int, before_s: float, row: Row, event: Event, options: ExportOptions) -> list[Cell]:
    moment = time_of(row, event.start_s)
    path = row["path"] or row["clip"]
    return [
        number,
        VIEW,
        CHANNEL,
        round(before_s + event.start_s, SECOND_DIGITS),
        round(before_s + event.end_s, SECOND_DIGITS),
        *options.band_hz,
        path,
        path_of_text(path).name,
        round(event.start_s, SECOND_DIGITS),
        f"{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03}" if moment else "",
        event.label,
        round(event.score, 4),
    ]
