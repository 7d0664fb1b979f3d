"""What layouts share: reading a table together with its folder of clips, and collecting what is wrong on the way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.data.dataset import CLIP_COLUMNS, Dataset, Problem
from audiotag.data.layouts.base import OpenOptions
from audiotag.data.tables import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    RowCheck,
    column_of,
    map_cells,
    read_table,
    split_labels,
)
from audiotag.errors import AudiotagError
from audiotag.wording import as_text

GROUP_COLUMNS = ("source_id", "freesound_id", "flickr_video_URL", "src_file", "group")
LICENCE_COLUMNS = ("license", "licence")
VIDEO_COLUMNS = ("flickr_video_URL",)
FREESOUND_COLUMNS = ("freesound_id",)
FOLD_CELL = re.compile(r"(\d{1,9})(\.0+)?")  # spreadsheets write 1.0 for 1
CLIP_TYPES = {
    "clip": "str",
    "fold": "Int64",
    "group": "string",
    "licence": "string",
    "source": "string",
    "split": "string",
}


@dataclass
class Findings:
    """What a layout collects while it reads; fields as in `audiotag.data.dataset.Dataset`."""

    problems: list[Problem] = field(default_factory=list)
    flagged: list[Problem] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SubsetTable:
    """One table and the folder of its clips.

    With ``shares_folder`` the folder may also hold sounds that do not belong to this table.
    """

    subset: str
    table: Path
    folder: Path
    shares_folder: bool = False


@dataclass(frozen=True)
class ReadingRules:
    """How the tables of a layout are read.

    Attributes
    ----------
    vocabulary : tuple[str, ...]
        The labels that are allowed; empty if any label is.
    vocabulary_file : str
        Name of the file that the vocabulary was read from, for messages.
    flagged : dict[str, str]
        Names of curated clips that the dataset's authors marked as wrong, with the reason.
    keep_flagged : bool
        Whether these clips are used nevertheless.
    options : OpenOptions
        Separator and columns, if they are not detected automatically.
    """

    vocabulary: tuple[str, ...] = ()
    vocabulary_file: str = ""
    flagged: dict[str, str] = field(default_factory=dict)
    keep_flagged: bool = False
    options: OpenOptions = field(default_factory=OpenOptions)


def list_sounds(files: Iterable[Path]) -> list[Path]:
    """The sound files among ``files``, sorted; hidden files are skipped (macOS puts ``._a.wav`` beside ``a.wav``)."""
    return _list_visible(files, SUFFIXES)


def list_tables(folder: Path) -> list[Path]:
    """The tables in a folder, sorted; empty if there is no such folder. Text files (.txt) may be anything."""
    return _list_visible(folder.glob("*"), (".csv", ".tsv", ".parquet")) if folder.is_dir() else []


def read_subsets(source: Path, subsets: list[SubsetTable], rules: ReadingRules, findings: Findings) -> Dataset:
    """One dataset of several tables; a table that is not there is skipped."""
    clips = [read_subset(subset, rules, findings) for subset in subsets if subset.table.is_file()]
    return build_dataset(source, clips, findings, rules.vocabulary)


def build_dataset(
    source: Path, tables: list[pd.DataFrame], findings: Findings, vocabulary: tuple[str, ...] = ()
) -> Dataset:
    """A dataset of one or more tables from `clip_table`, named after its folder or file.

    Parameters
    ----------
    source : Path
        The folder or table that was read.
    tables : list[pandas.DataFrame]
    findings : Findings
    vocabulary : tuple[str, ...]
        All labels; if empty, those of the clips, sorted.

    Raises
    ------
    AudiotagError
        If there is no usable clip; the message has the first three reasons.
    """
    clips = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=CLIP_COLUMNS)
    if clips.empty:
        reasons = " ".join([problem.reason for problem in findings.problems[:3]] or findings.missing)
        raise AudiotagError(f"{source} has no usable clip. {reasons}".strip())
    return Dataset(
        name=source.stem if source.is_file() else source.name,
        root=source,
        layout="",
        clips=clips,
        labels=vocabulary or tuple(sorted(set().union(*clips["labels"]))),
        problems=tuple(findings.problems),
        flagged=tuple(findings.flagged),
        missing=tuple(findings.missing),
    )


def clip_table(**columns: Any) -> pd.DataFrame:
    """The ``clips`` of a `Dataset`, from its columns; those that are not given are NA in every row.

    Bytes of a clip's name or label that are not valid UTF-8 are spelt out; ``path`` opens the file.

    >>> table = clip_table(clip=["a.wav"], path=[Path("/sounds/a.wav")], subset="curated", labels=[("Bark",)])
    >>> table["labels"][0], bool(table["fold"].isna()[0])
    (('Bark',), True)
    """
    if isinstance(names := columns.get("clip"), list):  # from a folder: a table holds text only
        columns["clip"] = [as_text(name) for name in names]
        columns["labels"] = [tuple(map(as_text, labels)) for labels in columns["labels"]]
    clips = pd.DataFrame({name: columns.get(name, pd.NA) for name in CLIP_COLUMNS})
    return clips.astype(CLIP_TYPES).reset_index(drop=True)


def read_subset(subset: SubsetTable, rules: ReadingRules, findings: Findings) -> pd.DataFrame:
    """The usable rows of a table as a `clip_table`; what is wrong with the others is added to ``findings``."""
    options = rules.options
    table = read_table(subset.table, options.separator)
    names = table[column_of(table, (options.file_column,) if options.file_column else FILE_COLUMNS, subset.table)]
    cells = table[column_of(table, (options.label_column,) if options.label_column else LABEL_COLUMNS, subset.table)]
    present = _names_present(subset, names, findings)
    check = RowCheck(subset.table.name, subset.folder, present, rules.vocabulary, rules.vocabulary_file)
    surplus = None if subset.shares_folder else check.surplus(names)
    is_flagged = names.isin(rules.flagged if subset.subset == "curated" else ())
    findings.flagged += [Problem(clip, f"{clip} {rules.flagged[clip]}.", "flagged") for clip in names[is_flagged]]
    if not rules.keep_flagged:
        names, cells = names[~is_flagged], cells[~is_flagged]
    labels = pd.Series(map_cells(cells, split_labels), index=names.index, dtype=object)
    problems = check.problems(names, labels)
    findings.problems += [*problems.values(), *([surplus] if surplus else [])]
    names = names.drop(list(problems))
    table = table.loc[names.index]
    return clip_table(
        clip=names,
        path=[subset.folder / name for name in names.tolist()],
        subset=subset.subset,
        labels=labels[names.index],
        fold=map_cells(table["fold"], _parse_fold) if "fold" in table.columns else pd.NA,
        group=_first_column(table, GROUP_COLUMNS),
        licence=_first_column(table, LICENCE_COLUMNS),
        source=_source_links(table),
    )


def _list_visible(files: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in files if file.suffix.lower() in suffixes and not file.name.startswith("."))


def _names_present(subset: SubsetTable, names: pd.Series, findings: Findings) -> set[str] | None:
    """The file names in the folder; None, with a sentence among the findings, if no clip of the table is there."""
    present = set(os.listdir(subset.folder)) if subset.folder.is_dir() else None
    if present is None or (len(names) > 1 and present.isdisjoint(names.tolist())):
        findings.missing.append(
            f"The sounds of {subset.table.name} are not in {subset.folder}: durations, levels and players need them, "
            "the label statistics do not."
        )
        return None
    return present


def _parse_fold(cell: str) -> object:
    fold = FOLD_CELL.fullmatch(cell)
    return int(fold[1]) if fold else pd.NA


def _first_column(table: pd.DataFrame, wanted: tuple[str, ...]) -> pd.Series:
    """The first of the wanted columns that the table has; NA in every row if it has none of them."""
    for name in wanted:
        if name in table.columns:
            return table[name].astype("string")
    return pd.Series(pd.NA, index=table.index, dtype="string")


def _source_links(table: pd.DataFrame) -> pd.Series:
    """Links to where the clips came from: a Flickr video, or a sound of Freesound."""
    sounds = _first_column(table, FREESOUND_COLUMNS).str.removesuffix(".0")  # spreadsheets write 1.0 for 1
    return _first_column(table, VIDEO_COLUMNS).fillna("https://freesound.org/s/" + sounds + "/")
