"""The WebVTT format: subtitles that a browser or a media player shows while it plays the clip.

A file begins with ``WEBVTT``; each cue is a line with its start and end as ``HH:MM:SS.mmm`` and a line of text, and an
empty line ends it. ``&``, ``<`` and ``>`` in texts are written as in HTML (https://www.w3.org/TR/webvtt1/).
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import BinaryIO

from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.intervals import events_of_row
from audiotag.tagging.export.rows import Row


@register_export("webvtt")
class WebvttFormat(ExportFormat):
    """One cue per event of a clip: its label and score."""

    title = "WebVTT subtitles"
    about = "The time range of each tag, as subtitles that players show with the clip."
    suffix = ".vtt"
    mime = "text/vtt"
    one_file_per_clip = True
    has_events = True

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the cues of all labels, sorted by start."""
        file.write(b"WEBVTT\n")
        for row in rows:
            for event in events_of_row(row, options):
                start_ms, end_ms = round(1000 * event.start_s), round(1000 * event.end_s)
                if end_ms > start_ms:  # a cue must last
                    text = escape(" ".join(event.label.split()), quote=False)
                    cue = f"\n{_timestamp(start_ms)} --> {_timestamp(end_ms)}\n{text} {event.score:.2f}\n"
                    file.write(cue.encode())


def _timestamp(time_ms: int) -> str:
    """A time as WebVTT writes it.

    >>> _timestamp(3_661_500)
    '01:01:01.500'
    """
    return f"{time_ms // 3_600_000:02}:{time_ms // 60_000 % 60:02}:{time_ms // 1000 % 60:02}.{time_ms % 1000:03}"
