"""The Audacity format: one label track per clip, with the time range of each tag.

A label track is a text file with one line per range: start and end in seconds, and a text, separated by tabs
(https://manual.audacityteam.org/man/importing_and_exporting_labels.html).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.intervals import events_of_row
from audiotag.tagging.export.rows import Row


@register_export("audacity")
class AudacityFormat(ExportFormat):
    """The events of a clip (`audiotag.tagging.events`): label and score of each, sorted by start."""

    title = "Audacity labels"
    about = "The time range of each tag, as a label track to import in Audacity."
    suffix = ".txt"
    mime = "text/plain"
    one_file_per_clip = True
    has_events = True

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the ranges of all labels, sorted by start."""
        for row in rows:
            ranges = sorted(
                (event.start_s, event.end_s, f"{' '.join(event.label.split())} {event.score:.2f}")
                for event in events_of_row(row, options)
            )
            file.writelines(f"{start:.6f}\t{end:.6f}\t{text}\n".encode() for start, end, text in ranges)
