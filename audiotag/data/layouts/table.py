"""A table with one row per clip, as ESC-10 and ESC-50 have it: a column of file names and a column of labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.reading import (
    Findings,
    ReadingRules,
    SubsetTable,
    build_dataset,
    check_rows,
    list_tables,
)
from audiotag.data.layouts.table_columns import TableColumns, read_columns
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
    looks_for = "one table (CSV, Excel or Parquet) with a file column and a label column"

    def recognises(self, path: Path) -> bool:
        """Whether it is a table, or a folder that holds one or more."""
        return (path.is_file() and path.name.lower().endswith(TABLE_SUFFIXES)) or bool(_tables_of(path))

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the table; a folder with several tables is refused, because any of them may be meant."""
        table = path if path.is_file() else _only_table_of(path)
        root = _root_of(table) if path.is_file() else path
        sounds, read = _read_with_sounds(table, _folders_of_sounds(root, table), options)
        shares_folder = sounds.root == root or len(list_tables(table.parent)) > 1
        findings = Findings(missing=list(sounds.unread))
        findings.readings.append(replace(read.reading, source=table.relative_to(root).as_posix()))
        clips = check_rows(
            SubsetTable("curated", table, sounds.root, shares_folder), read.rows, ReadingRules(), findings, sounds
        )
        return replace(build_dataset(table, [clips], findings), name=_name_of(table))


def _folders_of_sounds(root: Path, table: Path) -> list[Path]:
    """The folders where the sounds of a table may be: ``audio``, one named after the table, the dataset's own."""
    places = (root / "audio", table.parent / "audio", root / _name_of(table), table.parent / _name_of(table))
    return [*dict.fromkeys(place for place in places if place.is_dir()), root]


def _read_with_sounds(table: Path, folders: list[Path], options: OpenOptions) -> tuple[SoundPaths, TableColumns]:
    """The columns of a table, and the first folder with all of its sounds, or else the one with most of them."""
    best: tuple[float, SoundPaths, TableColumns] | None = None
    for folder in folders:
        sounds = SoundPaths(folder)
        read = read_columns(table, sounds, options)
        files = sounds.locate(read.rows.names.dropna().tolist()).values()
        share = sum(file is not None for file in files) / max(1, len(files))
        if best is None or share > best[0]:
            best = share, sounds, read
        if share == 1:
            break
    assert best is not None
    return best[1:]


def _name_of(table: Path) -> str:
    """The name of a table without its suffixes: those of ``a.csv.gz`` are two."""
    return Path(table.stem).stem if table.suffix.lower() == ".gz" else table.stem


def _root_of(table: Path) -> Path:
    return table.parent.parent if table.parent.name == META_FOLDER else table.parent


def _tables_of(folder: Path) -> list[Path]:
    return list_tables(folder) or list_tables(folder / META_FOLDER)


def _only_table_of(folder: Path) -> Path:
    tables = _tables_of(folder)
    if not tables:
        raise AudiotagError(
            f"{folder} has no table (CSV, Excel or Parquet); give the path of one, or choose another layout."
        )
    if len(tables) > 1:
        raise AudiotagError(f"{folder} has {len(tables)} tables; name the one to open, like {tables[0]}.")
    return tables[0]
