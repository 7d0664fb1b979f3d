"""The Audacity format: one label track per clip, with the time range of each tag.

A label track is a text file with one line per range: start and end in seconds, and a text, separated by tabs
(https://manual.audacityteam.org/man/importing_and_exporting_labels.html).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from audiotag.tagging.export.base import ExportFormat, ExportOptions, register_export
from audiotag.tagging.export.rows import Row


@register_export("audacity")
class AudacityFormat(ExportFormat):
    """Where each label reaches its threshold, with its score.

    Neighbouring windows that both reach the threshold make one range, from the start of the first to the end of the
    last, at most the clip's end; its score is their highest.
    """

    title = "Audacity labels"
    about = "The time range of each tag, as a label track to import in Audacity."
    suffix = ".txt"
    mime = "text/plain"
    one_file_per_clip = True

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write the ranges of all labels, sorted by start."""
        for row in rows:
            windows = row.get("timeline", ())
            ranges = []
            for label, threshold in zip(options.labels, options.thresholds, strict=True):
                scores = [window["scores"][label] for window in windows]
                for first, last in _true_ranges([score > 0 and score >= threshold for score in scores]):
                    text = f"{' '.join(label.split())} {max(scores[first : last + 1]):.2f}"
                    ranges.append((windows[first]["start_s"], windows[last]["end_s"], text))
            file.writelines(f"{start:.6f}\t{end:.6f}\t{text}\n".encode() for start, end, text in sorted(ranges))


def _true_ranges(values: list[bool]) -> list[tuple[int, int]]:
    """First and last position of every unbroken sequence of True.

    >>> _true_ranges([True, True, False, True])
    [(0, 1), (3, 3)]
    """
    ranges: list[tuple[int, int]] = []
    for position, value in enumerate(values):
        if value and position and values[position - 1]:
            ranges[-1] = (ranges[-1][0], position)
        elif value:
            ranges.append((position, position))
    return ranges
