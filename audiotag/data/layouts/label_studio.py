"""Exports of Label Studio: JSON, JSON-MIN and CSV (https://labelstud.io/guide/export).

A task names its sound as ``/data/upload/1/4f2a91c7-dog.wav`` (with eight characters before the name of the file), as
``/data/local-files/?d=sounds/dog.wav``, or by an address. Labels are choices, or regions with start and end. A clip
that several people annotated has the labels that at least half of them gave.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from audiotag.audio.opening import SUFFIXES
from audiotag.data.dataset import Reading
from audiotag.data.layouts.annotated import (
    AnnotatedLayout,
    ClipLabels,
    files_at,
    first_bytes,
    header_cells,
    missing_sounds,
)
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.reading import Findings
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.tables import read_table
from audiotag.errors import AudiotagError

START_BYTES = 2**16
MAX_JSON_BYTES = 2**28
FULL_MARKS = (b'"was_cancelled"', b'"completed_by"', b'"from_name"', b'"completions"')
MIN_MARKS = (b'"annotation_id"', b'"lead_time"')
OWN_FIELDS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement", "review"}
UPLOAD_HASH = re.compile(r"[0-9a-f]{8}-(.+)", re.DOTALL)
HALF = 0.5
MAX_DEPTH = 10  # of lists and objects in a result
DEPTH = 1  # exports may lie in a folder like annotations/


@dataclass(frozen=True)
class _Annotation:
    """What one person said about one sound: the names by which the sound may be found, and its labels."""

    names: tuple[str, ...]
    labels: tuple[str, ...]


@register_layout("label-studio")
class LabelStudio(AnnotatedLayout):
    """All exports in a folder, or one of them, and the sounds below the folder."""

    title = "Label Studio export"
    order = 26
    annotations = "export of Label Studio"

    def annotation_files(self, path: Path) -> list[Path]:
        """The JSON and CSV files that have the fields of an export."""
        return [file for file in files_at(path, (".json", ".csv"), DEPTH) if _is_export(file)]

    def read(self, files: list[Path], clips: ClipLabels, findings: Findings, options: OpenOptions) -> None:
        """Read the exports; what each annotator said is counted per clip."""
        finder = _Finder(clips.sounds)
        opinions: dict[Path, list[tuple[str, ...]]] = {}
        for export in files:
            missing: dict[str, None] = {}
            for annotation in _annotations(export, options.label_column):
                found = finder.find(annotation.names)
                if found is None:
                    missing[annotation.names[0] if annotation.names else "a task without a sound"] = None
                else:
                    opinions.setdefault(found, []).append(annotation.labels)
            missing_sounds(missing, export.name, clips.sounds.root, findings)
        for found, given in opinions.items():
            votes = Counter(label for labels in given for label in dict.fromkeys(labels))
            clips.add(found, [label for label, count in votes.items() if count >= HALF * len(given)])
        several = sum(len(given) > 1 for given in opinions.values())
        notes = ["When a region begins and ends is not used."]
        if several:
            notes.append(
                f"Clips with several annotations: {several:,}. A label counts if at least half of them have it."
            )
        notes += clips.notes()
        for export in files:
            findings.readings.append(
                Reading(
                    export.name,
                    tuple(header_cells(export)) if export.suffix.lower() == ".csv" else (),
                    label_format="choices and labelled regions",
                    ignored=tuple(notes),
                )
            )


class _Finder:
    """Finds sounds by what Label Studio calls them."""

    def __init__(self, sounds: SoundPaths) -> None:
        self.sounds = sounds
        self._by_valid_name: dict[str, list[str]] = {}
        for sound in sounds.sounds:
            self._by_valid_name.setdefault(_valid_name(sound), []).append(sound)

    def find(self, names: tuple[str, ...]) -> Path | None:
        for name in names:
            if found := self.sounds.find(name):
                return found
        for name in names:
            files = self._by_valid_name.get(_valid_name(name), [])
            if len(files) == 1:
                return self.sounds.root / files[0]
        return None


def _valid_name(path: str) -> str:
    """A base name as Label Studio stores it: spaces become underscores, other signs are dropped."""
    return re.sub(r"[^-\w.]", "", path.rpartition("/")[2].strip().replace(" ", "_"))


def _annotations(export: Path, field: str | None) -> Iterator[_Annotation]:
    if export.suffix.lower() == ".csv":
        for row in read_table(export).to_dict("records"):
            yield _from_flat({str(name): _parsed(cell) for name, cell in row.items()}, field)
        return
    tasks = _read_json(export)
    for task in tasks if isinstance(tasks, list) else []:
        if isinstance(task, dict):
            yield from _from_task(task) if isinstance(task.get("data"), dict) else [_from_flat(task, field)]


def _from_task(task: dict[str, Any]) -> Iterator[_Annotation]:
    """The annotations of a task of the JSON export; those that were skipped say nothing."""
    names = _sound_names([*task["data"].values(), task.get("file_upload")])
    for annotation in task.get("annotations") or task.get("completions") or []:
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            yield _Annotation(names, tuple(_labels_in(annotation.get("result") or [])))


def _from_flat(row: dict[str, Any], field: str | None) -> _Annotation:
    """The annotation in an object of JSON-MIN, or in a row of a CSV file."""
    names = _sound_names([value for value in row.values() if isinstance(value, str)])
    if field is not None:
        return _Annotation(names, tuple(_labels_in(row.get(field))))
    fields = list(row)
    after = fields[fields.index("id") + 1 :] if "id" in fields else fields  # those of the task itself come first
    values = [row[name] for name in after if name not in OWN_FIELDS]
    labels = [value for value in values if not isinstance(value, str) or not _names_a_sound(value)]
    return _Annotation(names, tuple(_labels_in(labels)))


def _labels_in(value: Any, depth: int = 0) -> Iterator[str]:
    """The labels in a result: texts, and what is below keys that end in choices or labels."""
    if isinstance(value, str):
        yield value
    elif depth > MAX_DEPTH:
        return
    elif isinstance(value, list):
        for one in value:
            yield from _labels_in(one, depth + 1)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "value" or key.lower().endswith(("choices", "labels")):
                yield from _labels_in(inner, depth + 1)
            elif key == "taxonomy" and isinstance(inner, list):
                yield from (str(path[-1]) for path in inner if isinstance(path, list) and path)


def _sound_names(values: list[Any]) -> tuple[str, ...]:
    """The names by which a sound may be found, the longest first; of the fields that name a sound."""
    names: dict[str, None] = {}
    for value in values:
        if not isinstance(value, str) or not _names_a_sound(value):
            continue
        address = urlsplit(value) if "?" in value else None
        local = parse_qs(address.query).get("d", []) if address else []
        for name in [*local, unquote(address.path if address else value)]:
            base = name.rpartition("/")[2]
            match = UPLOAD_HASH.fullmatch(base)
            names |= dict.fromkeys(filter(None, [name, match[1] if match else "", base]))
    return tuple(names)


def _names_a_sound(value: str) -> bool:
    return value.split("?")[0].lower().endswith(SUFFIXES) or value.lower().endswith(SUFFIXES)


def _parsed(cell: object) -> Any:
    """The value of a cell of a CSV export: JSON where it looks like it, else its text."""
    if isinstance(cell, str) and cell[:1] in "[{":
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell


def _read_json(export: Path) -> Any:
    size = export.stat().st_size
    if size > MAX_JSON_BYTES:
        raise AudiotagError(
            f"{export} must have at most {MAX_JSON_BYTES:,} bytes, got {size:,}; export fewer tasks at once."
        )
    try:
        return json.loads(export.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise AudiotagError(f"{export.name} is not valid JSON; it may be cut off: export it again.") from error


def _is_export(file: Path) -> bool:
    if file.suffix.lower() == ".csv":
        return {"annotation_id", "lead_time"} <= set(header_cells(file))
    start = first_bytes(file, START_BYTES)
    if not re.match(rb"(?:\xef\xbb\xbf)?\s*\[\s*\{", start):
        return False
    is_full = (b'"annotations"' in start or b'"completions"' in start) and any(mark in start for mark in FULL_MARKS)
    return is_full or all(mark in start for mark in MIN_MARKS)
