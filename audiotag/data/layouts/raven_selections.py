"""Selection tables of Raven: text files with tabs, one row per selection, as people annotate sounds in Raven Pro.

Other programs save them with commas, semicolons or bars, and with quotation marks around cells. Raven itself has no
such marks: there they are a part of the annotation.

A table is about the sound with its name (``a.Table.1.selections.txt`` or ``a.selections.txt`` about ``a.wav``), or it
names the sound of each row by ``Begin Path`` or ``Begin File``, as tables about several sounds do. Raven writes two
rows for a selection that is shown in two views. Annotations are in columns that the user named; `LABEL_COLUMNS` has
common names.

Sources: Raven Pro 1.6 user's guide, chapter 6; the tables of BirdNET-Analyzer and of `Rraven`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from audiotag.data.column_names import normalised_name
from audiotag.data.dataset import Reading
from audiotag.data.layouts.annotated import (
    AnnotatedLayout,
    ClipLabels,
    files_at,
    folder_of_sounds,
    header_cells,
    missing_sounds,
    sound_of_text,
    split_header,
    split_of_sound,
    without_wrapping,
)
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.folder_tree import FolderTree
from audiotag.data.layouts.reading import Findings
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.text_files import TextFile, open_text_file
from audiotag.errors import AudiotagError
from audiotag.spreadsheets import rearm

BEGIN, END = "Begin Time (s)", "End Time (s)"
PATH, FILE = "Begin Path", "Begin File"
LABEL_COLUMNS = (
    "annotation", "annotations", "label", "labels", "species", "commonname", "class", "calltype", "soundtype", "type",
    "call", "tag", "tags", "category", "scientificname", "speciescode", "code", "id",
)  # fmt: skip
# Columns without a unit that hold no annotation; all other measurements of Raven have a unit in brackets.
NO_LABELS = (
    "selection", "view", "channel", "beginpath", "beginfile", "endpath", "endfile", "begindatetime", "enddatetime",
    "begindate", "enddate", "beginclocktime", "endclocktime", "score", "confidence", "occupancy", "notes", "comments",
)  # fmt: skip
ENDINGS = re.compile(
    r"(?:\.table\.\d+)?\.selections?$|\.birdnet\.(?:results|selection\.table)$|[ ._-]*(?:raven|selections?)$",
    re.IGNORECASE,
)
LINE_END = re.compile(r"\s*[\r\n]\s*")
SUFFIXES = (".txt", ".tsv")
DEPTH = 2
FILES_TRIED = 50


@register_layout("raven-selections")
class RavenSelections(AnnotatedLayout):
    """Each sound has the annotations of all its selections; a sound without a selection is left out."""

    title = "Raven selection tables"
    order = 28
    annotations = "selection tables of Raven"

    def recognises(self, path: Path) -> bool:
        """Whether one of the first text files is a selection table with a column of annotations."""
        path = without_wrapping(path)
        texts = files_at(path, SUFFIXES, DEPTH)
        tables = [(text, cells) for text in texts[:FILES_TRIED] if _is_table(cells := header_cells(text))]
        if not any(_label_column(cells) for _, cells in tables):
            return False
        tree = FolderTree(folder_of_sounds(path))
        names_files = any({PATH, FILE} & set(cells) for _, cells in tables)
        if not names_files and tree.are_classes and 2 * len(texts) < len(tree.paths.sounds):
            return False
        paths = [table for table, _ in tables]
        return names_files or any(sound_of_text(table, paths, tree.paths, ENDINGS) for table in paths)

    def annotation_files(self, path: Path) -> list[Path]:
        """The selection tables."""
        return [text for text in files_at(path, SUFFIXES, DEPTH) if _is_table(header_cells(text))]

    def read(self, files: list[Path], clips: ClipLabels, findings: Findings, options: OpenOptions) -> None:
        """Read all tables, and report each name in a table, or of a table, that no sound has."""
        root, missing = clips.sounds.root, dict[str, None]()
        columns = dict[str, None]()
        for table in files:
            header, rows = _read_table(table)
            column = _label_column(header, options.label_column)
            if not column:
                named = f" {options.label_column}" if options.label_column else " of annotations"
                raise AudiotagError(
                    f"{table} has no column{named}; name the right one of its columns with --label-column: "
                    f"{', '.join(header)}."
                )
            columns[column] = None
            own = sound_of_text(table, files, clips.sounds, ENDINGS)
            found = _Sounds(clips.sounds, rows, own)
            for row in rows:
                if (sound := found.of(row)) is None:
                    missing[found.name(row) or table.relative_to(root).as_posix()] = None
                else:
                    clips.add(sound, [LINE_END.sub(" ", row.get(column, ""))], split=split_of_sound(sound, root))
            if not rows and own:
                clips.add(own, [])
        missing_sounds(list(missing), "the selection tables", root, findings)
        labels = sorted({label for labels in clips.table()["labels"] for label in labels})
        findings.readings.append(
            Reading(
                "selection tables",
                (PATH, FILE, BEGIN, END, *columns),
                {"labels": tuple(columns)},
                "one label per selection; a clip has the labels of all its selections",
                ("When a selection begins and ends, and its frequencies, are not used.", *clips.notes()),
                {column: tuple(labels)[:3] for column in columns},
            )
        )


class _Sounds:
    """Finds the sound of each row of a table: by the row's path or file name, else by the name of the table."""

    def __init__(self, sounds: SoundPaths, rows: list[dict[str, str]], own: Path | None) -> None:
        self._own = own
        self._found: Mapping[str, Path | None] = {
            **sounds.find_all(row[FILE] for row in rows if row.get(FILE)),
            **sounds.find_all(row[PATH] for row in rows if row.get(PATH)),
        }

    def name(self, row: dict[str, str]) -> str:
        """What the row calls its sound; empty if it does not name it."""
        return row.get(PATH) or row.get(FILE) or ""

    def of(self, row: dict[str, str]) -> Path | None:
        """The sound; None if it is not there."""
        named = [name for name in (row.get(PATH), row.get(FILE)) if name]
        return next(filter(None, map(self._found.get, named)), None) if named else self._own


def _is_table(cells: list[str]) -> bool:
    return BEGIN in cells and END in cells


def _label_column(cells: list[str], wanted: str | None = None) -> str:
    """The column of annotations: the wanted one, one with a common name, or the only one without measurements."""
    if wanted:
        return next((cell for cell in cells if normalised_name(cell) == normalised_name(wanted)), "")
    names = {normalised_name(cell): cell for cell in reversed(cells)}
    if known := next((names[name] for name in LABEL_COLUMNS if name in names), ""):
        return known
    others = [cell for name, cell in names.items() if cell and "(" not in cell and name not in NO_LABELS]
    return others[0] if len(others) == 1 else ""


def _read_table(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The column names, and the cells of each row by their columns."""
    text = open_text_file(table)
    change = rearm if text.encoding == "utf-8-sig" else str
    with text.open() as file:
        separator, cells = split_header(file.readline().rstrip("\r\n"))
    header = [change(cell) for cell in cells]
    return header, [dict(zip(header, map(change, row), strict=False)) for row in _rows(text, separator, len(header))]


def _rows(text: TextFile, separator: str, columns: int) -> list[list[str]]:
    """The rows below the header; quotation marks enclose cells only where more rows are then as long as the header."""
    with text.open() as file:
        lines = [line.rstrip("\r\n") for line in file][1:]
    plain = [[_cell(cell) for cell in line.split(separator)] for line in lines if line.strip()]
    irregular = sum(len(row) != columns for row in plain)
    if not irregular:
        return plain
    try:
        with text.open() as file:
            reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
            quoted = [[cell.strip() for cell in row] for row in reader if any(row)][1:]
    except csv.Error:  # a mark that is not closed
        return plain
    return quoted if sum(len(row) != columns for row in quoted) < irregular else plain


def _cell(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text
