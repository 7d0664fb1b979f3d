"""The options of ``audiotag tag`` that say how time ranges are found in timelines."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.tagging.events import EventSettings
    from audiotag.tagging.export.base import ExportFormat

FIELDS = {"--event-gap": "gap_s", "--event-min": "min_s", "--event-hysteresis": "hysteresis"}
WITH_EVENTS = ("json", "jsonl")  # formats whose rows hold events beside the scores


def add_event_settings(sub: argparse.ArgumentParser) -> None:
    """Add one option per field of `EventSettings`."""
    group = sub.add_argument_group(
        "time ranges",
        "in raven, kaleidoscope, birdnet, audacity, raven-per-clip and webvtt files, and as `events` in JSON",
    )
    group.add_argument(
        "--event-gap",
        type=float,
        metavar="S",
        help="join time ranges of a label that are at most S seconds apart (default: 0, only those that overlap)",
    )
    group.add_argument(
        "--event-min", type=float, metavar="S", help="leave out time ranges shorter than S seconds (default: 0)"
    )
    group.add_argument(
        "--event-hysteresis",
        type=float,
        metavar="D",
        help="a time range begins where the score reaches the threshold, and ends where it falls more than D below it "
        "(default: 0)",
    )


def event_settings(options: argparse.Namespace, format: ExportFormat | None) -> EventSettings:
    """What the options say.

    Raises
    ------
    AudiotagError
        If a value is out of its range, or nothing that is written has time ranges.
    """
    from audiotag.tagging.events import EventSettings

    given = {option: getattr(options, option[2:].replace("-", "_")) for option in FIELDS}
    given = {option: value for option, value in given.items() if value is not None}
    has_events = format is not None and (format.has_events or format.name in WITH_EVENTS)
    if given and not (has_events or getattr(options, "json", False) or options.audacity):
        raise AudiotagError(
            f"{next(iter(given))} is for formats with time ranges; add --format raven, kaleidoscope, birdnet, audacity "
            "or webvtt, or leave it out."
        )
    return EventSettings(**{FIELDS[option]: value for option, value in given.items()})
