"""A dataset of the Hugging Face Hub in Parquet files, with the bytes of the sounds in the cells.

``data/train-00000-of-00001.parquet`` has a column ``audio`` of bytes and paths beside the labels. The names of labels
that are stored as numbers are in the schema's metadata (https://huggingface.co/docs/datasets/about_dataset_features).
"""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from audiotag.data.dataset import Dataset, Problem, Reading
from audiotag.data.layouts.annotated import GROUP_COLUMNS, several_left_out, without_wrapping
from audiotag.data.layouts.base import LABEL_SEPARATORS, NO_COLUMN, Layout, OpenOptions, register_layout
from audiotag.data.layouts.folder_names import split_of
from audiotag.data.layouts.folder_tree import with_validation_fold
from audiotag.data.layouts.reading import Findings, build_dataset, clip_table
from audiotag.data.parquet_sounds import audio_column, extract_sounds, extracted_folder, parquet_schema, path_stem
from audiotag.data.sound_paths import SoundPaths, is_folder, is_system_folder
from audiotag.data.tables import LABEL_COLUMNS
from audiotag.errors import AudiotagError

FIRST_ENTRIES = 20  # of a folder: those with Parquet files hold nothing else
MAX_DEPTH = 3
MORE_LABEL_COLUMNS = ("human_labels", "genre", "genres", "intent_class", "emotion", "species", "ebird_code")
SPLITS = {"dev": "validation", "eval": "test"}  # of `split_of`; the others are splits themselves


@register_layout("huggingface-parquet")
class HuggingFaceParquet(Layout):
    """Parquet files with sounds in a column; the sounds are extracted once into the workspace."""

    title = "Hugging Face dataset in Parquet files"
    order = 22

    def recognises(self, path: Path) -> bool:
        """Whether the first Parquet file has a column of sounds."""
        files = _parquet_files(without_wrapping(path))
        schema = parquet_schema(files[0]) if files else None
        return schema is not None and audio_column(schema) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Extract the sounds, and read the other columns."""
        path = without_wrapping(path)
        files = _parquet_files(path)
        if not files:
            raise AudiotagError(f"{path} has no Parquet file with sounds in it; choose another layout.")
        findings, tables = Findings(), []
        for file in files:
            schema = parquet_schema(file)
            column = audio_column(schema) if schema else None
            if schema is None or column is None:
                name = path_stem(file, path) + ".parquet"
                findings.problems.append(Problem(name, f"{name} has no column of sounds; it is left out.", "missing"))
                continue
            columns = _Columns.of(schema, column, options)
            tables.append(_read_file(path, file, columns, findings))
            findings.readings.append(columns.reading(f"{path_stem(file, path)}.parquet"))
        clips = pd.concat(tables, ignore_index=True) if tables else clip_table(clip=[], path=[], labels=[], subset=[])
        if len({reading.columns for reading in findings.readings}) == 1:
            del findings.readings[1:]
        return build_dataset(path, [_with_labels(clips, findings)], findings)


@dataclass(frozen=True)
class _Columns:
    """The columns of a file by what they are, and the names of labels that are stored as numbers."""

    every: tuple[str, ...]
    audio: str
    labels: str | None
    names: tuple[str, ...]
    split: str | None
    fold: str | None
    group: str | None
    separator: str

    @classmethod
    def of(cls, schema: pa.Schema, audio: str, options: OpenOptions) -> _Columns:
        features = _features(schema)
        every = tuple(schema.names)
        labels = options.label_column or _label_column(schema, features)
        for option, column in (("label_column", labels), ("fold_column", options.fold_column)):
            if column not in (None, NO_COLUMN, *every):
                raise AudiotagError(f"{option} must be one of {', '.join(every)}, got {column}.")
        return cls(
            every=every,
            audio=audio,
            labels=labels,
            names=_class_names(features.get(labels)) if labels else (),
            split=_first(every, options.split_column, ()),
            fold=_first(every, options.fold_column, ("fold",)),
            group=_first(every, options.group_column, GROUP_COLUMNS),
            separator=LABEL_SEPARATORS[options.label_separator] if options.label_separator else "",
        )

    @property
    def used(self) -> dict[str, str]:
        """The columns beside that of the sounds, by their roles."""
        roles = {"labels": self.labels, "split": self.split, "fold": self.fold, "group": self.group}
        return {role: column for role, column in roles.items() if column}

    def labels_of(self, cell: Any) -> tuple[str, ...]:
        """The labels in a cell: names, numbers of names, or a list of either."""
        if isinstance(cell, list):
            return tuple(dict.fromkeys(label for one in cell for label in self.labels_of(one)))
        if cell is None or cell == "" or (isinstance(cell, int) and cell < 0):  # -1 where nobody knows the label
            return ()
        if isinstance(cell, int) and not isinstance(cell, bool) and cell < len(self.names):
            return (self.names[cell],)
        parts = str(cell).split(self.separator) if self.separator else [str(cell)]
        return tuple(part.strip() for part in parts if part.strip())

    def reading(self, source: str) -> Reading:
        """What was read of the file, for the user."""
        used: dict[str, tuple[str, ...]] = {
            role: (column,) for role, column in {"file": self.audio, **self.used}.items()
        }
        rest = [column for column in self.every if (column,) not in used.values()]
        ignored = [f"Not used: the columns {', '.join(rest)}."] if rest else []
        ignored.append("The sounds are in the table itself; they are copied into the workspace once.")
        if not self.labels:
            ignored.insert(0, "No column holds labels, so the sounds have none; name one with the option label_column.")
        label_format = "numbers of the names that the file lists" if self.names else "one label, or a list of labels"
        return Reading(source, self.every, used, label_format if self.labels else "", tuple(ignored))


def _read_file(root: Path, file: Path, columns: _Columns, findings: Findings) -> pd.DataFrame:
    """The clips of one file."""
    folder = extracted_folder(root)
    stem = path_stem(file, root)
    names = extract_sounds(file, columns.audio, folder / stem)
    cells = pq.read_table(file, columns=list(dict.fromkeys(columns.used.values()))).to_pydict()
    outside = SoundPaths(file.parent)
    paths: list[Path | None] = [
        folder / stem / name if name and not name.startswith("/") else outside.find(name) if name else None
        for name in names
    ]
    missing = sum(path is None for path in paths)
    if missing:
        rows_are = "1 row is" if missing == 1 else f"{missing:,} rows are"
        reason = f"{stem}.parquet: {rows_are} left out, without the bytes of a sound and without a file."
        findings.problems.append(Problem(f"{stem}.parquet", reason, "missing"))
    rows = [row for row, path in enumerate(paths) if path is not None]
    split = _split_of_file(stem)
    splits = [_split(str(cells[columns.split][row])) if columns.split else split for row in rows]
    return clip_table(
        clip=[f"{stem}/{names[row].rpartition('/')[2]}" for row in rows],
        path=[paths[row] for row in rows],
        subset=["test" if one == "test" else "curated" for one in splits],
        labels=[columns.labels_of(cells[columns.labels][row]) if columns.labels else () for row in rows],
        fold=[_whole(cells[columns.fold][row]) for row in rows] if columns.fold else pd.NA,
        group=[_text(cells[columns.group][row]) for row in rows] if columns.group else pd.NA,
        split=[one or pd.NA for one in splits],
    )


def _with_labels(clips: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """The clips without those that lack a label while others to train on have one."""
    has_label = clips["labels"].map(bool).astype(bool)
    left_out = ~has_label & (clips["subset"] != "test") & bool(has_label.any())
    if left_out.any():
        without = clips.loc[left_out, "clip"].tolist()
        findings.problems.append(several_left_out(without, "clip", "without a label", "labels"))
    return with_validation_fold(clips[~left_out])


def _parquet_files(path: Path) -> list[Path]:
    """The Parquet files at a path, sorted; in a folder those of the outermost level that has any."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".parquet" else []
    level = [path]
    for _ in range(MAX_DEPTH):
        files, deeper = [], []
        for folder in level:
            found, folders = _parquet_in(folder)
            files += found
            deeper += folders
        if files:
            return sorted(files)
        level = deeper
    return []


def _parquet_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The Parquet files in a folder, and the folders among its first entries."""
    try:
        with os.scandir(folder) as entries:
            first = list(itertools.islice(entries, FIRST_ENTRIES))
            has_table = any(entry.name.endswith(".parquet") for entry in first)
            rest = list(entries) if has_table else []
    except OSError:
        return [], []
    files = [Path(entry.path) for entry in [*first, *rest] if entry.name.lower().endswith(".parquet")]
    files = [file for file in files if not file.name.startswith(".")]
    folders = [Path(entry.path) for entry in first if not is_system_folder(entry.name) and is_folder(entry)]
    return files, folders


def _split_of_file(stem: str) -> str | None:
    """The split in the name of a file or of a folder around it.

    >>> _split_of_file("data/train-00000-of-00001"), _split_of_file("default/test/0000"), _split_of_file("clips")
    ('train', 'test', None)
    """
    *folders, name = stem.split("/")
    return next(filter(None, map(_split, [name.split("-0")[0], name, *reversed(folders)])), None)


def _split(name: str) -> str | None:
    word = split_of(name)
    return SPLITS.get(word, word) if word else None


def _features(schema: pa.Schema) -> dict[str, Any]:
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_names(feature: Any) -> tuple[str, ...]:
    """The names of a `ClassLabel`, or of a list of them; empty for any other feature."""
    if isinstance(feature, list) and feature:
        return _class_names(feature[0])
    if not isinstance(feature, dict):
        return ()
    names = feature.get("names")
    if isinstance(names, list):
        return tuple(map(str, names))
    return _class_names(feature.get("feature"))


def _label_column(schema: pa.Schema, features: dict[str, Any]) -> str | None:
    """Columns of text or of numbers with names come first, then a column of numbers that is called a label."""
    usual = [name for name in (*LABEL_COLUMNS, *MORE_LABEL_COLUMNS) if name in schema.names]
    for name in usual:
        if _class_names(features.get(name)) or _is_text(schema.field(name).type):
            return name
    named = [
        name for name in schema.names if _class_names(features.get(name)) and name not in ("split", "fold", "lang_id")
    ]
    return next(iter([*named, *usual]), None)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_text(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _first(columns: tuple[str, ...], chosen: str | None, usual: tuple[str, ...]) -> str | None:
    if chosen is not None:
        return chosen if chosen in columns else None
    return next((name for name in usual if name in columns), None)


def _whole(cell: Any) -> Any:
    return int(cell) if isinstance(cell, int | float) and cell == cell and float(cell).is_integer() else pd.NA


def _text(cell: Any) -> Any:
    return pd.NA if cell is None else str(cell)
