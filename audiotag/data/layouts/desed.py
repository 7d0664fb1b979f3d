"""DESED, the domestic sounds of DCASE task 4, and other tables of sound events with the same columns.

Weak labels are one row per clip (``filename``, ``event_labels``: several, separated by commas), strong labels one row
per event (``filename``, ``onset``, ``offset``, ``event_label``). The folders of tables and sounds have the same names:
``metadata/train/weak.tsv`` is about ``audio/train/weak/`` (https://project.inria.fr/desed).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.annotated import ClipLabels, files_in, header_cells, missing_sounds, without_wrapping
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_names import split_of
from audiotag.data.layouts.reading import Findings
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.tables import map_cells, read_table
from audiotag.errors import AudiotagError

TABLES = (".tsv", ".csv")
DATASET, FOLDER, SOUNDS = "dataset", "metadata", "audio"
FILE, WEAK, STRONG = "filename", "event_labels", "event_label"
DEPTH = 3  # of tables below the folder of tables
TEST_WORDS = {"public", "eval", "evaluation"}
TRAIN_WORDS = {"weak", "unlabel_in_domain"}


@register_layout("desed")
class Desed(Layout):
    """The clips of all tables with weak or strong labels; a clip that several tables name has the labels of all."""

    title = "DESED: tables of sound events"
    order = 23

    def recognises(self, path: Path) -> bool:
        """Whether several tables, or one below ``metadata``, have such columns; a single table is like any other."""
        path = _start_of(path)
        tables = [table for table in _tables(path) if _label_column(table)]
        return len(tables) > 1 or any(FOLDER in table.relative_to(_root(path)).parts for table in tables)

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read all tables that have labels, those in the order train, validation, test of their folders."""
        path = _start_of(path)
        tables = [table for table in _tables(path) if _label_column(table)]
        if not tables:
            raise AudiotagError(
                f"{path} has no table with the columns filename and event_label; choose another layout."
            )
        root = _root(path)
        findings, clips = Findings(), ClipLabels(SoundPaths(root))
        for table in tables:
            findings.readings.append(_read(table, root, clips, findings))
        notes = tuple(clips.notes())
        if notes and findings.readings:
            last = findings.readings[-1]
            findings.readings[-1] = replace(last, ignored=last.ignored + notes)
        return clips.dataset(root, findings)


def _read(table: Path, root: Path, clips: ClipLabels, findings: Findings) -> Reading:
    cells = read_table(table)
    column = _label_column(table)
    labels = map_cells(cells[column], lambda cell: cell.split(",") if column == WEAK else [cell])
    split = _split(table, root)
    sounds = SoundPaths(_folder_of_sounds(table, root))
    paths = sounds.find_all(cells[FILE].dropna().tolist())
    for name, own in zip(cells[FILE].tolist(), labels, strict=True):
        if isinstance(name, str) and (found := paths[name]):
            clips.add(found, own, split=split)
    source = table.relative_to(root).as_posix()
    missing_sounds([name for name, found in paths.items() if found is None], source, sounds.root, findings)
    return Reading(
        source=source,
        columns=tuple(map(str, cells.columns)),
        roles={"file": (FILE,), "labels": (column,)},
        label_format="labels separated by commas"
        if column == WEAK
        else "one event per row; a clip has the labels of all",
        ignored=("When an event begins and ends is not used.",) if column == STRONG else (),
    )


def _start_of(path: Path) -> Path:
    """The folder in which the dataset begins: in its repository that is ``dataset``."""
    path = without_wrapping(path)
    return path / DATASET if (path / DATASET / FOLDER).is_dir() else path


def _tables(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() in TABLES else []
    return files_in(path, TABLES) + files_in(path / FOLDER, TABLES, DEPTH)


def _label_column(table: Path) -> str:
    columns = header_cells(table)
    return next((name for name in (WEAK, STRONG) if FILE in columns and name in columns), "")


def _root(path: Path) -> Path:
    if path.is_dir():
        return path
    above = next((folder for folder in path.parents if folder.name == FOLDER), None)
    return above.parent if above else path.parent


def _folder_of_sounds(table: Path, root: Path) -> Path:
    """The folder below ``audio`` with the same name as the table, else the nearest one around it."""
    inner = table.relative_to(root).with_suffix("").parts
    inner = inner[1:] if inner[0] == FOLDER else inner
    base = root / SOUNDS
    for length in range(len(inner), 0, -1):
        for folder in (base.joinpath(*inner[:length]), root.joinpath(*inner[:length])):
            if folder.is_dir():
                return folder
    return base if base.is_dir() else root


def _split(table: Path, root: Path) -> str | None:
    """The split in the names of a table and the folders around it; the outermost name decides."""
    for part in table.relative_to(root).with_suffix("").parts:
        word = split_of(part)
        if part.lower() in TEST_WORDS or word == "eval":
            return "test"
        if word:
            return "validation" if word == "dev" else word
        if any(part.lower().startswith(start) for start in TRAIN_WORDS):
            return "train"
    return None
