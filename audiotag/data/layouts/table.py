"""A table with one row per clip, as ESC-10 and ESC-50 have it: a column of file names and a column of labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_tree import FolderTree
from audiotag.data.layouts.published import visible_folders
from audiotag.data.layouts.reading import (
    Findings,
    ReadingRules,
    SubsetTable,
    build_dataset,
    check_rows,
    list_tables,
)
from audiotag.data.layouts.table_columns import TableColumns, read_columns
from audiotag.data.matching_tables import names_sounds
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.table_files import TABLE_FOLDERS, TABLE_SUFFIXES
from audiotag.errors import AudiotagError
from audiotag.wording import as_text

MAX_TABLES = 20  # in one folder, that are looked into
USUAL_SUFFIXES = (".csv", ".tsv", ".parquet")
MOST_SOUNDS = 0.5  # share of the sounds that a table names, which are there


@register_layout("table")
class Table(Layout):
    """One table, given by its own path or by the folder that holds it, directly or in ``meta/`` or the like.

    The clips are in ``audio/`` beside the table, in a folder with its name, or anywhere in the dataset's folder. They
    are curated clips, but for those of a test split.
    """

    title = "table with a file and a label column"
    order = 33
    looks_for = "a table (CSV, Excel, JSON or Parquet) with a file column and a label column beside the sounds"

    def recognises(self, path: Path) -> bool:
        """Whether it is a table, or a folder that holds one or more; beside class folders one must name the sounds."""
        if path.is_file():
            return path.name.lower().endswith(TABLE_SUFFIXES)
        tables = _tables_of(path)
        if not tables:
            return bool(_texts_of(path))
        tree = FolderTree(path)
        return not tree.are_classes or any(names_sounds(table, tree.paths) for table in tables)

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the table; a folder with several tables is refused, because any of them may be meant."""
        table, note = (path, "") if path.is_file() else _only_table_of(path, options)
        root = _root_of(table) if path.is_file() else path
        sounds, read, _ = _read_with_sounds(table, _folders_of_sounds(root, table), options)
        shares_folder = sounds.root == root or len(list_tables(table.parent)) > 1
        shares_folder = shares_folder and not options.keep_unlabelled
        findings = Findings(missing=list(sounds.unread))
        ignored = (*read.reading.ignored, note) if note else read.reading.ignored
        subset, rules = SubsetTable("curated", table, sounds.root, shares_folder), ReadingRules(options=options)
        clips = check_rows(subset, read.rows, rules, findings, sounds)
        if shares_folder:
            ignored = (*ignored, *_sentence_of_unlisted(sounds, clips, findings))
        findings.readings.append(replace(read.reading, source=table.relative_to(root).as_posix(), ignored=ignored))
        return replace(build_dataset(table, [clips], findings), name=_name_of(table))


def _sentence_of_unlisted(sounds: SoundPaths, clips: pd.DataFrame, findings: Findings) -> list[str]:
    """A sentence about the sounds that the table does not name, if it names some; they may be about anything."""
    listed = {*clips["clip"], *(problem.clip for problem in findings.problems)}
    others = [sound for sound in map(as_text, sounds.sounds) if sound not in listed]
    if not others or len(others) == len(sounds.sounds):
        return []
    one = len(others) == 1
    return [
        f"{others[0]} is not in the table and not used."
        if one
        else f"{len(others):,} sounds, like {others[0]}, are not in the table and not used."
    ]


def _folders_of_sounds(root: Path, table: Path) -> list[Path]:
    """The folders where the sounds of a table may be: ``audio``, one named after the table, the dataset's own."""
    beside = table.parent
    places = (root / "audio", beside / "audio", root / _name_of(table), beside / _name_of(table), beside)
    return [*dict.fromkeys(place for place in places if place.is_dir() and place != root), root]


def _read_with_sounds(table: Path, folders: list[Path], options: OpenOptions) -> tuple[SoundPaths, TableColumns, float]:
    """The first folder with all sounds of a table, or else the one with most; its columns; the share of its sounds."""
    best: tuple[SoundPaths, TableColumns, float] | None = None
    for folder in folders:
        sounds = SoundPaths(folder)
        read = read_columns(table, sounds, options)
        files = sounds.locate(read.rows.names.dropna().tolist()).values()
        share = sum(file is not None for file in files) / max(1, len(files))
        if best is None or share > best[2]:
            best = sounds, read, share
        if share == 1:
            break
    assert best is not None
    return best


def _name_of(table: Path) -> str:
    """The name of a table without its suffixes: those of ``a.csv.gz`` are two."""
    return Path(table.stem).stem if table.suffix.lower() == ".gz" else table.stem


def _root_of(table: Path) -> Path:
    return table.parent.parent if table.parent.name.lower() in TABLE_FOLDERS else table.parent


def _tables_of(folder: Path) -> list[Path]:
    """The tables in a folder, or else in the first of its folders of tables that has any."""
    if not folder.is_dir():
        return []
    if tables := list_tables(folder):
        return tables
    folders = visible_folders(folder)
    inner = {inner.name.lower(): inner for inner in folders}
    found = next(filter(None, (list_tables(inner[name]) for name in TABLE_FOLDERS if name in inner)), [])
    return found or (_tables_of(folders[0]) if len(folders) == 1 else [])


def _texts_of(folder: Path) -> list[Path]:
    """The text files (.txt) in a folder that name its sounds and their labels, if its folders are not classes."""
    texts = sorted(folder.glob("[!.]*.txt"))[:MAX_TABLES] if folder.is_dir() else []
    if not texts or (tree := FolderTree(folder)).are_classes:
        return []
    return [text for text in texts if names_sounds(text, tree.paths)]


def _only_table_of(folder: Path, options: OpenOptions) -> tuple[Path, str]:
    """The only table of a folder, or the only one of the usual kinds that names its sounds; what is said of others."""
    tables = _tables_of(folder) or _texts_of(folder)
    if not tables:
        raise AudiotagError(
            f"{folder} has no table (CSV, Excel or Parquet); give the path of one, or choose another layout."
        )
    if len(tables) == 1:
        return tables[0], ""
    about_sounds = [table for table in tables[:MAX_TABLES] if _names_sounds(table, folder, options)]
    if len(about_sounds) > 1:  # ESC-50 has a workbook beside its CSV file
        about_sounds = [table for table in about_sounds if table.suffix.lower() in USUAL_SUFFIXES]
    if len(tables) > MAX_TABLES or len(about_sounds) != 1:
        raise AudiotagError(f"{folder} has {len(tables)} tables; name the one to open, like {tables[0]}.")
    others = ", ".join(table.name for table in tables if table != about_sounds[0])
    return about_sounds[0], f"Other tables here are not used: {others}."


def _names_sounds(table: Path, folder: Path, options: OpenOptions) -> bool:
    try:
        _, _, share = _read_with_sounds(table, _folders_of_sounds(folder, table), options)
    except AudiotagError:
        return False
    return share >= MOST_SOUNDS
