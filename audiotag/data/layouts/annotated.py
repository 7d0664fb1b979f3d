"""What layouts share whose annotations are not one table row per clip: find the sounds, and say what was not used."""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pandas as pd

from audiotag.data.dataset import Dataset, Problem
from audiotag.data.layouts.base import Layout, OpenOptions
from audiotag.data.layouts.folder_names import is_container, split_of
from audiotag.data.layouts.folder_tree import with_validation_fold
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table
from audiotag.data.sound_paths import SoundPaths, is_folder, is_regular_file, is_system_folder
from audiotag.data.table_bounds import MAX_TABLE_BYTES, SEPARATORS
from audiotag.errors import AudiotagError
from audiotag.wording import as_text

HEADER_BYTES = 2**16
BYTE_ORDERS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
MAX_WRAPPINGS = 3
ANNOTATION_FOLDERS = {"annotation", "annotations", "export", "exports", "label", "labels", "meta", "metadata"}
FIRST_ENTRIES = 100  # of a folder, to see whether it holds nothing but another one
GROUP_COLUMNS = (
    "source_id", "freesound_id", "src_file", "group", "speaker_id", "speaker", "client_id", "fsID", "recording_id",
)  # fmt: skip
MAX_FOLDERS_NAMED = 5


class ClipLabels:
    """Collect clips and their labels, which may come from several rows, tables or annotators.

    Parameters
    ----------
    sounds : SoundPaths
        The sounds of the dataset; clips are named by their paths relative to its root.
    """

    def __init__(self, sounds: SoundPaths) -> None:
        self.sounds = sounds
        self._clips: dict[str, dict[str, object]] = {}
        self._without: dict[str, None] = {}

    def add(self, path: Path, labels: Iterable[str], **columns: object) -> None:
        """Add labels of a sound; the other columns of a clip are those that are given first."""
        clip = path.relative_to(self.sounds.root).as_posix()
        labels = tuple(label.strip() for label in labels if label.strip())
        if not labels:
            self._without[clip] = None
            return
        known = self._clips.setdefault(
            clip, {"labels": (), **{name: value for name, value in columns.items() if value}}
        )
        known["labels"] = tuple(dict.fromkeys((*known["labels"], *labels)))  # type: ignore[misc]

    def __contains__(self, clip: str) -> bool:
        return clip in self._clips

    def dataset(self, root: Path, findings: Findings) -> Dataset:
        """The dataset of these clips; raises `AudiotagError` with what was left out if there are none."""
        clips = self.table()
        if clips.empty:
            findings.missing += self.notes()
        return build_dataset(root, [clips], findings)

    def table(self) -> pd.DataFrame:
        """The clips as a `clip_table`, sorted by name."""
        names = sorted(self._clips, key=lambda clip: clip.split("/"))
        rows = [self._clips[name] for name in names]
        columns = {
            column: [row.get(column, pd.NA) for row in rows]
            for column in ("fold", "group", "licence", "source", "split")
        }
        clips = clip_table(
            clip=names,
            path=[self.sounds.root / name for name in names],
            subset=["test" if row.get("split") == "test" else row.get("subset", "curated") for row in rows],
            labels=[row["labels"] for row in rows],
            **columns,
        )
        return with_validation_fold(clips)

    def notes(self) -> list[str]:
        """Sentences about sounds that are annotated without a label, and about those that are not annotated."""
        without = [clip for clip in self._without if clip not in self._clips]
        notes = []
        if without:
            notes.append(_left_out(len(without), f"without any label, like {as_text(without[0])},"))
        unused = [sound for sound in self.sounds.sounds if sound not in self._clips and sound not in self._without]
        folders = Counter(sound.rpartition("/")[0] for sound in unused)
        for folder, count in list(folders.items())[:MAX_FOLDERS_NAMED]:
            where = f"in {as_text(folder)}" if folder else "in the folder itself"
            notes.append(_left_out(count, f"{where} without an annotation"))
        if len(folders) > MAX_FOLDERS_NAMED:
            notes.append(f"The same holds for {len(folders) - MAX_FOLDERS_NAMED:,} more folders.")
        return notes


class AnnotatedLayout(Layout):
    """A layout whose labels are in files of annotations beside the sounds or in a folder of their own.

    A subclass says which files these are and reads them.

    Attributes
    ----------
    annotations : str
        What the files are, for the message about a path that has none of them.
    """

    annotations: ClassVar[str] = ""

    def annotation_files(self, path: Path) -> list[Path]:
        """The files of annotations at a path, which is one of them or the folder in which a dataset begins."""
        raise NotImplementedError

    def read(self, files: list[Path], clips: ClipLabels, findings: Findings, options: OpenOptions) -> None:
        """Add the annotated clips, how each file was read, and what it names in vain."""
        raise NotImplementedError

    def recognises(self, path: Path) -> bool:
        """Whether there is such a file."""
        return bool(self.annotation_files(without_wrapping(path)))

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read all files of annotations."""
        path = without_wrapping(path)
        files = self.annotation_files(path)
        if not files:
            raise AudiotagError(f"{path} has no {self.annotations}; choose another layout.")
        findings, clips = Findings(), ClipLabels(SoundPaths(folder_of_sounds(path)))
        self.read(files, clips, findings, options)
        return clips.dataset(clips.sounds.root, findings)


def missing_sounds(names: Collection[str], source: str, root: Path, findings: Findings) -> None:
    """Add one problem for all sounds that annotations name and that are not there."""
    if not names:
        return
    findings.problems.append(several_left_out(list(names), "sound", f"listed in {source} but not in {root}", "missing"))


def several_left_out(clips: Sequence[str], noun: str, what: str, kind: str) -> Problem:
    """One problem for all clips that are left out for the same reason.

    >>> several_left_out(["a.wav", "b.wav"], "clip", "without a label", "labels").reason
    '2 clips, like a.wav, are without a label; they are left out.'
    """
    example = as_text(clips[0])
    if len(clips) == 1:
        return Problem(example, f"{example} is {what}; it is left out.", kind)
    return Problem(example, f"{len(clips):,} {noun}s, like {example}, are {what}; they are left out.", kind)


def sound_of_text(text: Path, texts: Sequence[Path], sounds: SoundPaths, endings: re.Pattern[str]) -> Path | None:
    """The sound with the name of an annotation file, in the same folder or in one of the same name elsewhere.

    Parameters
    ----------
    text : Path
        Below the root of the sounds.
    texts : sequence of Path
        All annotation files; a single one may be about a single sound of any name.
    sounds : SoundPaths
    endings : re.Pattern
        What may follow the sound's name in that of the file, before its suffix.
    """
    parts = text.relative_to(sounds.root).with_suffix("").parts
    for stem in dict.fromkeys([parts[-1], endings.sub("", parts[-1])]):
        for start in range(len(parts)):
            name = "/".join([*parts[start:-1], stem])
            found = sounds.find(name) if stem else None
            if found and found.suffix.lower() != text.suffix.lower():
                return found
    only = sounds.sounds
    return sounds.root / only[0] if len(only) == 1 and len(texts) == 1 else None


def split_of_sound(sound: Path, root: Path) -> str | None:
    """The split that a folder around a sound is named after; None if there is none."""
    split = next(filter(None, map(split_of, sound.relative_to(root).parts[:-1])), None)
    return {"dev": "validation", "eval": "test"}.get(split or "", split)


def require_size(file: Path) -> None:
    """Raise `AudiotagError` if a text file is larger than a table may be."""
    size = file.stat().st_size
    if size > MAX_TABLE_BYTES:
        raise AudiotagError(f"{file} must have at most {MAX_TABLE_BYTES:,} bytes, got {size:,}; is it the right file?")


def first_bytes(file: Path, count: int) -> bytes:
    """At most so many bytes from the start of a file; none of one that cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(count)
    except OSError:
        return b""


def header_cells(table: Path) -> list[str]:
    """The column names of a text table, whatever separates them; empty if it cannot be read."""
    try:
        with table.open("rb") as file:
            start = file.readline(HEADER_BYTES)
    except OSError:
        return []
    try:
        text = start.decode(BYTE_ORDERS.get(start[:2], "utf-8-sig"))
    except UnicodeDecodeError:
        text = start.decode(BYTE_ORDERS.get(start[:2], "cp1252"), errors="replace")
    return split_header(next(iter(text.splitlines()), ""))[1]


def split_header(line: str) -> tuple[str, list[str]]:
    """The separator that gives most cells, and the column names.

    >>> split_header("start;end;'kind, loud'")
    (';', ['start', 'end', "'kind, loud'"])
    """
    found: list[tuple[str, list[str]]] = []
    for separator in SEPARATORS:
        with suppress(csv.Error):
            cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
            found.append((separator, [cell.strip() for cell in cells]))
    return max(found, key=lambda one: len(one[1]), default=(SEPARATORS[0], []))


def without_wrapping(path: Path) -> Path:
    """The folder in which a dataset begins: a folder that holds nothing but another one is an archive's."""
    for _ in range(MAX_WRAPPINGS):
        try:
            with os.scandir(path) as entries:
                visible = [entry for entry in itertools.islice(entries, FIRST_ENTRIES) if not _is_hidden(entry.name)]
        except OSError:
            return path
        if len(visible) != 1 or not is_folder(visible[0]) or _has_meaning(visible[0].name):
            return path
        path = Path(visible[0].path)
    return path


def folder_of_sounds(path: Path) -> Path:
    """The folder in which the sounds of an annotation file are, at any depth; a folder is its own."""
    if path.is_dir():
        return path
    return path.parent.parent if path.parent.name.lower() in ANNOTATION_FOLDERS else path.parent


def _has_meaning(name: str) -> bool:
    return is_container(name) or split_of(name) is not None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or is_system_folder(name)


def files_at(path: Path, suffixes: tuple[str, ...], depth: int = 0) -> list[Path]:
    """The path itself if it is a file with such a suffix; of a folder, its `files_in`."""
    if path.is_file():
        return [path] if path.name.lower().endswith(suffixes) else []
    return files_in(path, suffixes, depth)


def files_in(folder: Path, suffixes: tuple[str, ...], depth: int = 0) -> list[Path]:
    """The files with such a suffix in a folder, sorted, and those up to ``depth`` folders deeper; no hidden ones.

    Pipes and devices are left out: reading one may never end.
    """
    found, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                is_named_so = entry.name.lower().endswith(suffixes)
                if (is_named_so or depth) and is_folder(entry):
                    if depth and not is_system_folder(entry.name):
                        folders.append(Path(entry.path))
                elif is_named_so and is_regular_file(entry):
                    found.append(Path(entry.path))
    except OSError:
        return []
    return sorted(found) + [file for inner in sorted(folders) for file in files_in(inner, suffixes, depth - 1)]


def _left_out(count: int, what: str) -> str:
    return f"1 sound {what} is left out." if count == 1 else f"{count:,} sounds {what} are left out."
