"""VGGSound: segments of videos in one CSV file without a header (www.robots.ox.ac.uk/~vgg/data/vggsound).

A row is the number of a video, the second where its segment starts, the label, and ``train`` or ``test``. Downloaded
sounds are called ``ID_000030.wav``, or as `audiotag.data.layouts.audioset` has them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.annotated import (
    ClipLabels,
    files_in,
    folder_of_sounds,
    missing_sounds,
    require_size,
    without_wrapping,
)
from audiotag.data.layouts.audioset import by_video, sound_of
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.reading import Findings
from audiotag.data.sound_paths import SoundPaths
from audiotag.errors import AudiotagError

FIRST_LINE = re.compile(rb'(\xef\xbb\xbf)?"?[\w-]{11}"?,\d+(\.\d+)?,("[^"\r\n]+"|[^",\r\n]+),"?(train|test)"?\r?\n')
COLUMNS = ("video", "start_seconds", "label", "split")
LINE_BYTES = 1024
DEPTH = 1  # the table may lie in a folder like metadata/


@register_layout("vggsound")
class VGGSound(Layout):
    """The segments whose sounds are there; the clips of one video are a group."""

    title = "VGGSound"
    order = 31

    def recognises(self, path: Path) -> bool:
        """Whether the first line of a CSV file is a segment."""
        return bool(_tables(without_wrapping(path)))

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read all tables of segments."""
        path = without_wrapping(path)
        tables = _tables(path)
        if not tables:
            raise AudiotagError(f"{path} has no CSV file of VGGSound's segments; choose another layout.")
        root = folder_of_sounds(path)
        findings, clips = Findings(), ClipLabels(SoundPaths(root))
        sounds = by_video(clips.sounds.sounds)
        for table in tables:
            missing = []
            for video, start, label, split in _segments(table):
                if file := sound_of(sounds.get(video, []), start):
                    clips.add(root / file, [label], split=split, group=video)
                else:
                    missing.append(f"{video}_{start:06.0f}")
            missing_sounds(missing, table.name, root, findings)
        roles = {"file": COLUMNS[:2], "labels": COLUMNS[2:3], "split": COLUMNS[3:]}
        ignored = ("The table has no header.", "The clips of one video are a group.", *clips.notes())
        findings.readings += [Reading(table.name, COLUMNS, roles, "one label per row", ignored) for table in tables]
        return clips.dataset(root, findings)


def _segments(table: Path) -> Iterator[tuple[str, float, str, str]]:
    require_size(table)
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.reader(file):
            if len(row) == len(COLUMNS):
                with suppress(ValueError):
                    yield row[0].strip(), float(row[1]), row[2].strip(), row[3].strip()


def _tables(path: Path) -> list[Path]:
    files = [path] if path.is_file() and path.suffix.lower() == ".csv" else files_in(path, (".csv",), DEPTH)
    return [file for file in files if _has_segments(file)]


def _has_segments(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return FIRST_LINE.match(opened.readline(LINE_BYTES)) is not None
    except OSError:
        return False
