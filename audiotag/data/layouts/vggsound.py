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

from audiotag.data.dataset import Reading
from audiotag.data.layouts.annotated import (
    AnnotatedLayout,
    ClipLabels,
    files_at,
    first_bytes,
    missing_sounds,
    require_size,
)
from audiotag.data.layouts.audioset import by_video, sound_of
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.reading import Findings

FIRST_LINE = re.compile(rb'(\xef\xbb\xbf)?"?[\w-]{11}"?,\d+(\.\d+)?,("[^"\r\n]+"|[^",\r\n]+),"?(train|test)"?\r?\n')
COLUMNS = ("video", "start_seconds", "label", "split")
LINE_BYTES = 1024
DEPTH = 1  # the table may lie in a folder like metadata/


@register_layout("vggsound")
class VGGSound(AnnotatedLayout):
    """The segments whose sounds are there; the clips of one video are a group."""

    title = "VGGSound"
    order = 32
    annotations = "CSV file of VGGSound's segments"

    def annotation_files(self, path: Path) -> list[Path]:
        """The CSV files whose first line is a segment."""
        return [
            file
            for file in files_at(path, (".csv",), DEPTH)
            if FIRST_LINE.match(first_bytes(file, LINE_BYTES)) is not None
        ]

    def read(self, files: list[Path], clips: ClipLabels, findings: Findings, options: OpenOptions) -> None:
        """Read all tables of segments."""
        root, sounds = clips.sounds.root, by_video(clips.sounds.sounds)
        for table in files:
            missing = []
            for video, start, label, split in _segments(table):
                if file := sound_of(sounds.get(video, []), start):
                    clips.add(root / file, [label], split=split, group=video)
                else:
                    missing.append(f"{video}_{start:06.0f}")
            missing_sounds(missing, table.name, root, findings)
        roles = {"file": COLUMNS[:2], "labels": COLUMNS[2:3], "split": COLUMNS[3:]}
        ignored = ("The table has no header.", "The clips of one video are a group.", *clips.notes())
        findings.readings += [Reading(table.name, COLUMNS, roles, "one label per row", ignored) for table in files]


def _segments(table: Path) -> Iterator[tuple[str, float, str, str]]:
    require_size(table)
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.reader(file):
            if len(row) == len(COLUMNS):
                with suppress(ValueError):
                    yield row[0].strip(), float(row[1]), row[2].strip(), row[3].strip()
