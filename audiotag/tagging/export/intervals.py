"""What formats with time ranges have in common: the events of a row, and times of day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import numpy as np

from audiotag.tagging.events import Event, events_of_windows, window_events
from audiotag.tagging.export.base import ExportOptions
from audiotag.tagging.export.rows import Row


def events_of_row(row: Row, options: ExportOptions) -> list[Event]:
    """The events of one clip, sorted by start; none for a clip that could not be tagged.

    Those that the row holds, or else those in its timeline.
    """
    if "events" in row:
        return [Event(each["start_s"], each["end_s"], each["label"], each["score"]) for each in row["events"]]
    if not row.get("timeline"):
        return []
    return events_of_windows(*_windows(row, options), options.labels, options.thresholds, options.events)


def ranges(rows: Iterable[Row], options: ExportOptions) -> Iterator[tuple[Row, Event]]:
    """The time ranges of all clips, each with the row of its clip.

    Events, or with ``options.timeline`` every window that reaches the threshold of a label.
    """
    for row in rows:
        if options.timeline and "timeline" in row:
            found = window_events(*_windows(row, options), options.labels, options.thresholds)
        else:
            found = events_of_row(row, options)
        for event in found:
            yield row, event


def time_of(row: Row, offset_s: float) -> datetime | None:
    """The time of day at an offset in a clip; None where it is not known when the recording began."""
    recorded = row.get("recorded")
    return datetime.fromisoformat(recorded) + timedelta(seconds=offset_s) if recorded else None


def _windows(row: Row, options: ExportOptions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    windows = row["timeline"]
    starts_s, ends_s = (np.array([window[key] for window in windows], dtype=float) for key in ("start_s", "end_s"))
    scores = [[window["scores"][label] for label in options.labels] for window in windows]
    return starts_s, ends_s, np.array(scores, dtype=float).reshape(len(windows), len(options.labels))
