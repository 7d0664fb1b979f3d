"""AudioSet: segments of videos in CSV files with comment lines, and labels by number (research.google.com/audioset).

A row is the number of a video, the seconds where a segment starts and ends, and the machine identifiers (MIDs) of its
labels. Their names are in ``class_labels_indices.csv`` or ``ontology.json``. Downloaded sounds are called ``ID.wav``,
``YID.wav``, ``ID_30.000.wav`` or ``ID_30.000_40.000.wav``, the times in seconds or milliseconds.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Reading
from audiotag.data.layouts.annotated import (
    AnnotatedLayout,
    ClipLabels,
    files_at,
    files_in,
    first_bytes,
    missing_sounds,
    require_size,
)
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.folder_names import split_of
from audiotag.data.layouts.reading import Findings
from audiotag.foreign import read_foreign_json

NAMES, ONTOLOGY = "class_labels_indices.csv", "ontology.json"
COLUMNS = ("YTID", "start_seconds", "end_seconds", "positive_labels")
HEADER = re.compile(rb"^#?\s*YTID\s*,", re.MULTILINE | re.IGNORECASE)
HEADER_BYTES = 2048
TIMES = tuple(re.compile(rf"(.+)((?:[_-]\d+(?:\.\d+)?){{{count}}})") for count in (1, 2))  # start, or start and end
DEPTH = 1  # tables may lie in a folder like metadata/
MILLISECONDS = 1000


@register_layout("audioset")
class AudioSet(AnnotatedLayout):
    """The segments whose sounds are there; their number among all segments is said."""

    title = "AudioSet"
    order = 25
    annotations = "CSV file of AudioSet's segments"

    def annotation_files(self, path: Path) -> list[Path]:
        """The CSV files that have the comment line with AudioSet's columns."""
        return [
            file
            for file in files_at(path, (".csv",), DEPTH)
            if HEADER.search(first_bytes(file, HEADER_BYTES)) is not None
        ]

    def read(self, files: list[Path], clips: ClipLabels, findings: Findings, options: OpenOptions) -> None:
        """Read all tables of segments; that of the evaluation is the test subset."""
        names, sounds = _label_names(clips.sounds.root), by_video(clips.sounds.sounds)
        for table in files:
            findings.readings.append(_read(table, names, sounds, clips, findings))
        last = findings.readings[-1]
        findings.readings[-1] = replace(last, ignored=(*last.ignored, *clips.notes()))


def _read(
    table: Path,
    names: dict[str, str],
    sounds: dict[str, list[tuple[list[float], str]]],
    clips: ClipLabels,
    findings: Findings,
) -> Reading:
    root = clips.sounds.root
    split = split_of(table.stem.replace("segments", "").replace("unbalanced", "").replace("balanced", ""))
    split = {"eval": "test", "dev": "validation"}.get(split or "", split)
    missing, unnamed = [], set()
    for video, start, mids in _segments(table):
        file = sound_of(sounds.get(video, []), start)
        if file is None:
            missing.append(f"{video}_{start:g}")
            continue
        unnamed |= set(mids) - set(names)
        clips.add(root / file, [names.get(mid, mid) for mid in mids], split=split, group=video)
    source = table.relative_to(root).as_posix()
    missing_sounds(missing, source, root, findings)
    ignored = ["The clips of one video are a group."]
    if unnamed:
        example = min(unnamed)
        ignored.append(
            f"Labels without a name: {len(unnamed):,}, like {example}; put {NAMES} beside the table to have the names."
        )
    return Reading(
        source, COLUMNS, {"file": COLUMNS[:2], "labels": COLUMNS[3:]}, "numbers separated by commas", tuple(ignored)
    )


def _segments(table: Path) -> Iterator[tuple[str, float, list[str]]]:
    """Video, start in seconds and labels of each row that has them."""
    require_size(table)
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.reader((line for line in file if not line.startswith("#")), skipinitialspace=True):
            if len(row) > len(COLUMNS):  # labels without quotation marks
                row = [*row[:3], ",".join(row[3:])]
            if len(row) == len(COLUMNS):
                with suppress(ValueError):
                    yield row[0].strip(), float(row[1]), [mid.strip() for mid in row[3].split(",") if mid.strip()]


def by_video(files: list[str]) -> dict[str, list[tuple[list[float], str]]]:
    """The files of each video, with the times in their names."""
    found: dict[str, list[tuple[list[float], str]]] = defaultdict(list)
    for file in files:
        stem = file.rpartition("/")[2].rpartition(".")[0]
        names: list[tuple[str, list[float]]] = [(stem, [])]
        for pattern in TIMES:
            if match := pattern.fullmatch(stem):
                names.append((match[1], [float(time) for time in re.split("[_-]", match[2][1:])]))
        for name, times in names:
            found[name].append((times, file))
            if name.startswith("Y"):  # youtube-dl and AudioSet's strong labels write it before the number
                found[name[1:]].append((times, file))
    return found


def sound_of(files: list[tuple[list[float], str]], start: float) -> str | None:
    """The file whose name has this start, else one whose name has no times."""
    for times, file in files:
        if times and times[0] in (start, start * MILLISECONDS):
            return file
    return next((file for times, file in files if not times), None)


def _label_names(root: Path) -> dict[str, str]:
    """The names of labels by their numbers, from the first file of names beside the tables or in the folder around."""
    files = [*files_in(root, (NAMES, ONTOLOGY), DEPTH), *files_in(root.parent, (NAMES, ONTOLOGY))]
    for file in sorted(files, key=lambda file: file.name.lower() != NAMES):
        if file.suffix.lower() == ".csv":
            with file.open(encoding="utf-8-sig", errors="replace", newline="") as opened:
                rows = csv.DictReader(opened, skipinitialspace=True)
                return {row["mid"]: row["display_name"] for row in rows if row.get("mid") and row.get("display_name")}
        entries = read_foreign_json(file)
        classes = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        return {str(entry["id"]): str(entry["name"]) for entry in classes if "id" in entry and "name" in entry}
    return {}
