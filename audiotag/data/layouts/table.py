"""A table with one row per clip, as ESC-10 and ESC-50 have it: a column of file names and a column of labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_tree import FolderTree
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, build_dataset, list_tables, read_subset
from audiotag.data.matching_tables import names_sounds
from audiotag.data.sound_paths import SoundPaths
from audiotag.data.table_files import TABLE_SUFFIXES
from audiotag.errors import AudiotagError

META_FOLDER = "meta"  # where ESC-50 has its table


@register_layout("table")
class Table(Layout):
    """One table, given by its own path or by the folder that holds it, directly or in ``meta/``.

    The clips are in ``audio/`` beside the table, or in the dataset's folder itself. All of them are curated clips.
    """

    title = "table with a file and a label column"
    order = 30
    looks_for = "one table (CSV or Parquet) with a file column and a label column"

    def recognises(self, path: Path) -> bool:
        """Whether it is a table, or a folder that holds one or more; beside class folders one must name the sounds."""
        if path.is_file():
            return path.suffix.lower() in TABLE_SUFFIXES
        tables = _tables_of(path)
        if not tables:
            return False
        tree = FolderTree(path)
        return not tree.are_classes or any(names_sounds(table, tree.paths) for table in tables)

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the table; a folder with several tables is refused, because any of them may be meant."""
        table = path if path.is_file() else _only_table_of(path)
        root = _root_of(table) if path.is_file() else path
        folder = next((folder for folder in (root / "audio", table.parent / "audio") if folder.is_dir()), root)
        shares_folder = folder == root or len(list_tables(table.parent)) > 1
        findings = Findings()
        clips = read_subset(
            SubsetTable("curated", table, folder, shares_folder), ReadingRules(options=options), findings
        )
        return replace(build_dataset(table, [clips], findings), name=table.stem)


def _root_of(table: Path) -> Path:
    return table.parent.parent if table.parent.name == META_FOLDER else table.parent


def _tables_of(folder: Path) -> list[Path]:
    return list_tables(folder) or list_tables(folder / META_FOLDER)


def _only_table_of(folder: Path) -> Path:
    tables = _tables_of(folder)
    if not tables:
        raise AudiotagError(f"{folder} has no table (CSV or Parquet); give the path of one, or choose another layout.")
    if len(tables) > 1:
        sounds = SoundPaths(folder)
        tables = [table for table in tables if names_sounds(table, sounds)] or tables
    if len(tables) > 1:
        raise AudiotagError(f"{folder} has {len(tables)} tables; name the one to open, like {tables[0]}.")
    return tables[0]
