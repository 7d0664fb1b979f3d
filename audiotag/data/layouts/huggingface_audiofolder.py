"""Hugging Face's AudioFolder with metadata: ``metadata.csv``, ``.jsonl`` or ``.parquet`` beside the sounds.

Each split may have a folder with a table of its own. The column ``file_name`` has paths relative to the table
(https://huggingface.co/docs/datasets/audio_dataset). Without a column of labels the folders of the sounds are their
labels, as in `folder_per_class`; what was spoken (``transcription``) is not used as a label.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.column_names import NOT_LABELS, normalised_name
from audiotag.data.column_roles import distinct_cells
from audiotag.data.dataset import Dataset, Reading, TableRows
from audiotag.data.label_cells import find_label_format
from audiotag.data.label_columns import FLAGS, LEAST_FLAG_COLUMNS, LIKELY_NAMES, LabelColumns, binary_columns
from audiotag.data.layouts.annotated import (
    GROUP_COLUMNS,
    header_cells,
    missing_sounds,
    several_left_out,
    without_wrapping,
)
from audiotag.data.layouts.base import NO_COLUMN, Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_tree import FolderTree, Sound
from audiotag.data.layouts.reading import Findings
from audiotag.data.matching_tables import has_sound_in
from audiotag.data.parquet_sounds import parquet_schema
from audiotag.data.sound_paths import SoundPaths, is_folder, is_system_folder
from audiotag.data.split_cells import read_assignment
from audiotag.data.table_files import read_table_file
from audiotag.data.tables import LABEL_COLUMNS
from audiotag.errors import AudiotagError

TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE = "file_name"
SURE_SPLITS, SURE_FOLDS = ("split", "splits", "set", "subset", "partition"), ("fold", "folds", "fold_id", "cv_fold")
ROLES = ("split", "fold")
FILE_COLUMNS = (FILE, "audio_file_name", "audio_filepath")
DEPTH = 2  # metadata.csv, train/metadata.csv, data/train/metadata.csv
START_BYTES = 2**16


@register_layout("huggingface-audiofolder")
class HuggingFaceAudioFolder(Layout):
    """Sounds and their metadata; a table is about the sounds below its own folder."""

    title = "Hugging Face AudioFolder"
    order = 29

    def recognises(self, path: Path) -> bool:
        """Whether a table of metadata there has a column of file names that are those of sounds."""
        for table in _tables(without_wrapping(path)):
            column = _file_column(_columns(table))
            if column and has_sound_in(table, column, SoundPaths(table.parent)):
                return True
        return False

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read all tables; folders say which split, fold or group a sound is of, unless a column does."""
        path = without_wrapping(path)
        root = path if path.is_dir() else path.parent
        tree = FolderTree(root)
        by_clip = {sound.clip: sound for sound in tree.sounds}
        findings, found = Findings(), dict[str, Sound]()
        has_labels = False
        for table in _tables(path):
            columns = _columns(table)
            if _file_column(columns):
                reading, has_own = _read(table, root, columns, options, by_clip, found, findings)
                has_labels = has_labels or has_own
                findings.readings.append(reading)
        if not findings.readings:
            raise AudiotagError(f"{path} has no table of metadata with the column {FILE}; choose another layout.")
        sounds = [found[clip] for clip in by_clip if clip in found]
        unused = [clip for clip in by_clip if clip not in found]
        if unused:
            findings.problems.append(several_left_out(unused, "sound", "not in the metadata", "counts"))
        if any(sound.meaning.labels for sound in sounds):
            without = [sound.clip for sound in sounds if not sound.meaning.labels and sound.meaning.split != "test"]
            if without:
                findings.problems.append(several_left_out(without, "clip", "without a label", "labels"))
            left_out = set(without)
            sounds = [sound for sound in sounds if sound.clip not in left_out]
        dataset = tree.dataset(sounds, findings, [])
        *tables, folders = dataset.readings
        if has_labels:
            roles = {role: names for role, names in folders.roles.items() if role != "labels"}
            folders = replace(folders, roles=roles, label_format="")
        readings = (*tables, *([folders] if folders.roles else []))
        return replace(dataset, readings=readings, table_rows=_with_subsets(dataset))


def _read(
    table: Path,
    root: Path,
    columns: list[str],
    options: OpenOptions,
    by_clip: dict[str, Sound],
    found: dict[str, Sound],
    findings: Findings,
) -> tuple[Reading, bool]:
    """Add the sounds of a table to ``found``; returns how it was read, and whether it has labels."""
    roles = _roles(columns, options)
    sounds = SoundPaths(table.parent)
    cells = read_table_file(table, options.separator, tuple(columns)).table
    names = cells[roles["file"]]
    paths = sounds.find_all(names.dropna().tolist())
    source = table.relative_to(root).as_posix()
    missing_sounds([name for name, path in paths.items() if path is None], source, table.parent, findings)
    label_format = (
        find_label_format(cells[roles["labels"]].dropna(), options.label_separator) if "labels" in roles else None
    )
    flags = _flags(cells, roles, options)
    flagged = flags.labels_by_row(cells, tuple).tolist() if flags else []
    assigned = {
        role: read_assignment(roles[role], distinct_cells(cells[roles[role]])) for role in ROLES if role in roles
    }
    clips: dict[int, str] = {}
    for row, name in enumerate(names.tolist()):
        path = paths[name] if isinstance(name, str) else None
        if path is None:
            continue
        clip = path.relative_to(root).as_posix()
        clips[row] = clip
        before, meaning = found.get(clip), by_clip[clip].meaning
        cell = {role: _cell(cells[column].iat[row]) for role, column in roles.items()}
        if label_format:
            labels = dict.fromkeys([*(before.meaning.labels if before else ()), *label_format.split(cell["labels"])])
            meaning = replace(meaning, labels=tuple(labels))
        if flagged:
            meaning = replace(meaning, labels=flagged[row])
        if "split" in assigned and (split := assigned["split"].splits.get(cells[roles["split"]].iat[row])):
            meaning = replace(meaning, split=split)
        if "fold" in assigned and (text := cells[roles["fold"]].iat[row]) in assigned["fold"].folds:
            meaning = replace(meaning, fold=assigned["fold"].folds[text])
        if cell.get("group"):
            meaning = replace(meaning, group=cell["group"])
        found[clip] = Sound(clip, meaning)
    findings.table_rows.append(TableRows(table, pd.DataFrame({"clip": pd.Series(clips, dtype="object")})))
    rest = [column for column in columns if column not in (*roles.values(), *(flags.columns if flags else ()))]
    ignored = [f"Not used: the columns {', '.join(rest)}."] if rest else []
    ignored += [found.note for found in assigned.values() if found.note]
    if not (label_format or flags):
        ignored.insert(0, "No column holds labels; the names of folders are the labels where there are such folders.")
    used: dict[str, tuple[str, ...]] = {role: (name,) for role, name in roles.items()}
    words = label_format.words if label_format else ""
    if flags:
        used["labels"], words = flags.columns, flags.kind
    return Reading(source, tuple(columns), used, words, tuple(ignored)), bool(words)


def _with_subsets(dataset: Dataset) -> tuple[TableRows, ...]:
    """The rows of the tables with the subsets of their clips, which folders may have decided."""
    subset_of = dict(zip(dataset.clips["clip"], dataset.clips["subset"], strict=True))
    return tuple(
        TableRows(rows.path, rows.clips.assign(subset=rows.clips["clip"].map(subset_of)).dropna(subset="subset"))
        for rows in dataset.table_rows
    )


def _flags(cells: pd.DataFrame, roles: dict[str, str], options: OpenOptions) -> LabelColumns | None:
    """The columns of 0 and 1, one per label, where no column is named as labels are."""
    if "labels" in roles or options.label_column == NO_COLUMN:
        return None
    free = [name for name in cells.columns if name not in roles.values() and normalised_name(name) not in NOT_LABELS]
    columns = binary_columns(cells, free)
    return LabelColumns(tuple(columns), FLAGS) if len(columns) >= LEAST_FLAG_COLUMNS else None


def _cell(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _roles(columns: list[str], options: OpenOptions) -> dict[str, str]:
    """The column of each role that the table has."""
    usual = {
        "file": (options.file_column, (_file_column(columns),)),
        "labels": (options.label_column, (*LABEL_COLUMNS, *LIKELY_NAMES)),
        "split": (options.split_column, SURE_SPLITS),
        "fold": (options.fold_column, SURE_FOLDS),
        "group": (options.group_column, GROUP_COLUMNS),
    }
    spelt = {normalised_name(column): column for column in reversed(columns)}
    roles = {}
    for role, (chosen, names) in usual.items():
        if chosen == NO_COLUMN:
            continue
        if chosen and chosen not in columns:
            raise AudiotagError(f"the column of the {role} must be one of {', '.join(columns)}, got {chosen}.")
        name = chosen or next((spelt[key] for key in map(normalised_name, names) if key in spelt), None)
        if name:
            roles[role] = name
    return roles


def _columns(table: Path) -> list[str]:
    """The column names of a table, without reading it; of a JSON file those of its first row."""
    if table.suffix == ".parquet":
        schema = parquet_schema(table)
        return list(schema.names) if schema else []
    if table.suffix == ".jsonl":
        try:
            with table.open("rb") as file:
                row = json.loads(file.readline(START_BYTES).decode("utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            return []
        return list(map(str, row)) if isinstance(row, dict) else []
    return header_cells(table)


def _file_column(columns: list[str]) -> str:
    return next((name for name in FILE_COLUMNS if name in columns), "")


def _tables(path: Path) -> list[Path]:
    """The tables of metadata in a folder and those below it; or the one that the path itself is."""
    if path.is_file():
        return [path] if path.name.lower() in TABLES else []
    found, level = [], [path]
    for _ in range(DEPTH + 1):
        found += [folder / name for folder in level for name in TABLES if (folder / name).is_file()]
        level = [inner for folder in level for inner in _folders(folder)]
    return found


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path) for entry in entries if not is_system_folder(entry.name) and is_folder(entry)
            )
    except OSError:
        return []
