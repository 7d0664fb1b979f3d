"""One clip's tags as plain values, which export formats write and the journal stores.

File names appear in a table exactly as they are on disk, also those that begin with ``=``, ``+``, ``-`` or ``@``:
tables are joined by their file names, and a character put in front would break that. A spreadsheet takes such a cell
for a formula: `ExportOptions.spreadsheet` writes a table for it. A file name that is not valid UTF-8 cannot be written
as text; its invalid bytes are written as ``\\udcff``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from audiotag.audio.recording_time import RecordingTime
from audiotag.tagging.events import Event
from audiotag.tagging.result import SINGLE_NETWORK, Tag, Tags
from audiotag.wording import as_text

SCORE_DIGITS, SECOND_DIGITS = 4, 4
FAMILIARITY_COLUMNS = ("familiarity", "unlike", "held_back")  # after the tags; unlike is 1 or 0
WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
RECORDED = "recorded"  # the last column of every table

Row = dict[str, Any]
Cell = str | float | None


def clip_row(tags: Tags, clip: str, path: str = "", recorded: RecordingTime | None = None) -> Row:
    """The result of one clip.

    Parameters
    ----------
    tags : Tags
    clip : str
        The clip's name in tables: its path relative to its folder.
    path : str
        Where the file is; empty for an upload.
    recorded : RecordingTime, optional
        When the recording began.

    Returns
    -------
    dict
        ``clip``, ``path``, ``duration_s``, ``tags`` (a list of ``label``, ``score`` and ``folds``, the number of folds
        that agree; highest score first), ``scores`` (of every label, highest first), ``familiarity`` (see `Tags`; None
        where it is not known), ``unlike`` (whether the clip is unlike the training sounds; None where that is not
        known), ``held_back`` (as ``tags``: labels that are not tags only because the sound is unlike), ``notes`` and
        ``recorded`` (when the recording began, as ISO 8601, with the offset from UTC where that is known; None where
        the time is not known). With ``network``, "single network", where that tagged instead of the folds.
    """
    network = {"network": SINGLE_NETWORK} if tags.is_fast else {}
    return {
        "clip": as_text(clip),
        "path": as_text(path),
        "duration_s": round(tags.duration_s, SECOND_DIGITS),
        "tags": [_tag_entry(tag) for tag in tags.tags],
        "scores": {tag.label: round(tag.score, SCORE_DIGITS) for tag in tags.ranking},
        "familiarity": _rounded(tags.familiarity),
        "unlike": None if tags.familiarity is None else tags.is_unlike,
        "held_back": [_tag_entry(tag) for tag in tags.held_back],
        "notes": [as_text(note) for note in tags.notes],
        "recorded": recorded and recorded.iso(),
        **network,
    }


def event_entries(events: Iterable[Event]) -> list[Row]:
    """What a row holds as ``events``: ``start_s``, ``end_s``, ``label`` and ``score`` of each."""
    return [
        {
            "start_s": round(event.start_s, SECOND_DIGITS),
            "end_s": round(event.end_s, SECOND_DIGITS),
            "label": event.label,
            "score": round(event.score, SCORE_DIGITS),
        }
        for event in events
    ]


def _tag_entry(tag: Tag) -> Row:
    return {"label": tag.label, "score": round(tag.score, SCORE_DIGITS), "folds": tag.folds_agreeing}


def _rounded(familiarity: float | None) -> float | None:
    """As it is written; None where it is not known, or for silence."""
    return None if familiarity is None or np.isnan(familiarity) else round(float(familiarity), SCORE_DIGITS)


def path_of_text(text: str) -> PurePath:
    r"""A path in a row by the rules of the system that it is from, which `as_text` may have given backslashes.

    On other systems than Windows only a path with a drive, or with two backslashes at its start, is one of Windows.

    >>> path_of_text("D:\\night\\a.wav").name, path_of_text("/data/a.wav").name
    ('a.wav', 'a.wav')
    """
    return PureWindowsPath(text) if os.sep == "\\" or WINDOWS_PATH.match(text) else PurePosixPath(text)


def timeline_entries(tags: Tags, labels: Sequence[str], rounded: bool = True) -> list[Row]:
    """One entry per window: ``start_s``, ``end_s`` (at most the clip's end), ``scores``, in the order of labels, and
    ``familiarity``, None where it is not known or the window is silent."""
    familiar = [None] * len(tags.starts_s) if tags.window_familiarity is None else tags.window_familiarity.tolist()

    def shown(value: float, digits: int) -> float:
        return round(float(value), digits) if rounded else float(value)

    return [
        {
            "start_s": shown(start, SECOND_DIGITS),
            "end_s": shown(min(float(start) + tags.window_s, tags.duration_s), SECOND_DIGITS),
            "scores": {label: shown(score, SCORE_DIGITS) for label, score in zip(labels, scores, strict=True)},
            "familiarity": _rounded(familiarity),
        }
        for start, scores, familiarity in zip(tags.starts_s, tags.timeline, familiar, strict=True)
    ]


def exact_clip_row(
    tags: Tags, labels: Sequence[str], clip: str, path: str = "", recorded: RecordingTime | None = None
) -> Row:
    """`clip_row` with the unrounded timeline that a format with one file per clip gets."""
    return clip_row(tags, clip, path, recorded) | {"timeline": timeline_entries(tags, labels, rounded=False)}


def problem_row(clip: str, path: str, problem: str) -> Row:
    """What stands in place of `clip_row` for a clip that could not be tagged: ``clip``, ``path``, ``problem``."""
    return {"clip": as_text(clip), "path": as_text(path), "problem": problem}


def table_columns(labels: Sequence[str], timeline: bool = False) -> list[str]:
    """Column names of a table with one row per clip, or with one row per window."""
    if timeline:
        return ["fname", "start_s", "end_s", *labels, "familiarity", RECORDED]
    return ["fname", *labels, "tags", *FAMILIARITY_COLUMNS, RECORDED]


def table_cells(rows: Iterable[Row], labels: Sequence[str], timeline: bool = False) -> Iterator[list[Cell]]:
    """Cells of the table that has the columns `table_columns`; clips that could not be tagged are left out.

    For a ``timeline``, rows hold what `timeline_entries` gives under the key ``timeline``.
    """
    for row in rows:
        recorded = row.get("recorded")
        if timeline:
            for window in row.get("timeline", ()):
                scores = (window["scores"][label] for label in labels)
                yield [row["clip"], window["start_s"], window["end_s"], *scores, window.get("familiarity"), recorded]
        elif "problem" not in row:
            tags = ",".join(tag["label"] for tag in row["tags"])
            unlike = None if row.get("unlike") is None else int(row["unlike"])
            held_back = ",".join(tag["label"] for tag in row.get("held_back", ()))
            scores = (row["scores"][label] for label in labels)
            yield [row["clip"], *scores, tags, row.get("familiarity"), unlike, held_back, recorded]
