"""The BirdNET format: the CSV table of BirdNET-Analyzer, for tools that read its results.

Columns as ``CSV_HEADER`` in its ``analyze/utils.py``: start and end in seconds from the start of the file, scientific
and common name, confidence from 0 to 1, path of the file. BirdNET's labels are ``Turdus merula_Eurasian Blackbird``; a
label without a scientific name stands in both columns, as BirdNET writes those of custom classifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import BinaryIO

from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.csv import csv_lines
from audiotag.tagging.export.intervals import ranges
from audiotag.tagging.export.rows import SCORE_DIGITS, SECOND_DIGITS, Row

COLUMNS = ("Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File")
BOTH_NAMES = re.compile(r"([A-Z][a-z-]+ [a-z-]+(?: [a-z-]+)?)_(.+)", re.DOTALL)


@register_export("birdnet")
class BirdnetFormat(ExportFormat):
    """One row per event of all clips."""

    title = "BirdNET CSV"
    about = "One table with the time ranges of all clips, in the columns of BirdNET-Analyzer."
    suffix = ".csv"
    mime = "text/csv"
    for_spreadsheets = True
    has_events = True
    found_by_suffix = False

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the table."""
        cells = (
            [
                round(event.start_s, SECOND_DIGITS),
                round(event.end_s, SECOND_DIGITS),
                *names_of(event.label),
                round(event.score, SCORE_DIGITS),
                row["path"] or row["clip"],
            ]
            for row, event in ranges(rows, options)
        )
        file.writelines(csv_lines(COLUMNS, cells, options.spreadsheet))


def names_of(label: str) -> tuple[str, str]:
    """Scientific and common name of a label.

    >>> names_of("Turdus merula_Eurasian Blackbird"), names_of("Male_speech"), names_of("Bark")
    (('Turdus merula', 'Eurasian Blackbird'), ('Male_speech', 'Male_speech'), ('Bark', 'Bark'))
    """
    found = BOTH_NAMES.fullmatch(label)
    return (found[1], found[2]) if found else (label, label)
