"""The Kaleidoscope format: a table like ``cluster.csv`` of Wildlife Acoustics' Kaleidoscope, which its viewer opens.

Columns are those of a cluster analysis: where the sound is (`INDIR` / `FOLDER` / `IN FILE`), `CHANNEL` from 0, `OFFSET`
and `DURATION` of the event in seconds, its frequencies in Hz, date, time and hour at which it begins, the same twelve
hours earlier (so that a night has one date), the best match, and an empty `MANUAL ID` to be filled in. `TOP1DIST` is a
distance, smaller for better matches, here 1 - score.

Sources: Kaleidoscope Pro 5 user guide, section 5.1; the review files that Shiny_PNW-Cnet writes for Kaleidoscope
(``FOLDER``, ``IN FILE``, ``CHANNEL``, ``OFFSET``, ``DURATION``, ``Fmin`` … ``HOUR-12``, ``TOP1MATCH``, ``TOP1DIST``, …,
``VOCALIZATIONS``, ``MANUAL ID``); ``id.csv`` of Kaleidoscope for ``INDIR`` and the forms of dates and times.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import BinaryIO

from audiotag.tagging.events import Event
from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.csv import csv_lines
from audiotag.tagging.export.intervals import ranges, time_of
from audiotag.tagging.export.rows import SCORE_DIGITS, SECOND_DIGITS, Cell, Row, path_of_text

COLUMNS = (
    "INDIR", "FOLDER", "IN FILE", "CHANNEL", "OFFSET", "DURATION", "Fmin", "Fmean", "Fmax", "DATE", "TIME", "HOUR",
    "DATE-12", "TIME-12", "HOUR-12", "TOP1MATCH", "TOP1DIST", "VOCALIZATIONS", "MANUAL ID",
)  # fmt: skip
CHANNEL = 0
HALF_A_DAY = timedelta(hours=12)


@register_export("kaleidoscope")
class KaleidoscopeFormat(ExportFormat):
    """One row per event of all clips."""

    title = "Kaleidoscope CSV"
    about = "One table with the time ranges of all clips, for the viewer of Kaleidoscope."
    suffix = ".csv"
    mime = "text/csv"
    for_spreadsheets = True
    has_events = True
    found_by_suffix = False

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the table."""
        cells = (_cells(row, event, options) for row, event in ranges(rows, options))
        file.writelines(csv_lines(COLUMNS, cells, options.spreadsheet))


def _cells(row: Row, event: Event, options: ExportOptions) -> list[Cell]:
    low_hz, high_hz = options.band_hz
    moment = time_of(row, event.start_s)
    return [
        *_places(row["path"], row["clip"]),
        CHANNEL,
        round(event.start_s, SECOND_DIGITS),
        round(event.end_s - event.start_s, SECOND_DIGITS),
        low_hz,
        (low_hz + high_hz) / 2,
        high_hz,
        *_times(moment),
        *_times(moment and moment - HALF_A_DAY),
        event.label,
        round(1 - event.score, SCORE_DIGITS),
        1,
        "",
    ]


def _places(path: str, clip: str) -> tuple[str, str, str]:
    """The input folder, the folder in it, and the file.

    >>> _places("/data/night 1/a.wav", "night 1/a.wav"), _places("/data/a.wav", "a.wav"), _places("", "a.wav")
    (('/data', 'night 1', 'a.wav'), ('/data', '', 'a.wav'), ('', '', 'a.wav'))
    """
    pure = path_of_text(path)
    inner = type(pure)(clip)
    folder = "" if str(inner.parent) == "." else inner.parent.as_posix()
    if not path:
        return "", folder, inner.name
    depth = len(inner.parts) if pure.parts[-len(inner.parts) :] == inner.parts else 1
    return str(pure.parents[min(depth, len(pure.parents)) - 1]), folder if depth > 1 else "", pure.name


def _times(moment: datetime | None) -> tuple[str, str, str | int]:
    """Date, time and hour; empty where they are not known."""
    return (f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}", moment.hour) if moment else ("", "", "")
