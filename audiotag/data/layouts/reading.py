"""What layouts share: reading a table together with its folder of clips, and collecting what is wrong on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.data.dataset import CLIP_COLUMNS, Dataset, Problem, Reading, TableRows
from audiotag.data.layouts.base import OpenOptions
from audiotag.data.layouts.table_columns import ROW_COLUMNS, ClipRows, read_columns
from audiotag.data.sound_paths import SoundPaths, name_parts
from audiotag.data.table_files import FOLDER_SUFFIXES
from audiotag.data.tables import RowCheck
from audiotag.errors import AudiotagError
from audiotag.wording import as_text

HIDDEN = (".", "~$")  # the latter is what Excel makes while a workbook is open
MAX_CONTRADICTIONS = 100  # that are spelt out
IS_FLAGGED = "is_flagged"  # column of the tables, until the dataset is built
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
    readings: list[Reading] = field(default_factory=list)
    table_rows: list[TableRows] = field(default_factory=list)


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
    return _list_visible(folder.glob("*"), FOLDER_SUFFIXES) if folder.is_dir() else []


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
    clips, flagged_clips = _without_flagged(clips)
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
        flagged_clips=flagged_clips,
        missing=tuple(findings.missing),
        readings=tuple(_with_relative_source(reading, source) for reading in findings.readings),
        table_rows=tuple(findings.table_rows),
    )


def _without_flagged(clips: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The clips that are used, and the flagged ones that are left out, as in `Dataset.flagged_clips`."""
    if IS_FLAGGED not in clips:
        return clips, None
    is_flagged = clips[IS_FLAGGED].eq(True).to_numpy(dtype=bool)  # NA in the tables that have none
    clips = clips.drop(columns=IS_FLAGGED)
    place = (~is_flagged).cumsum()[is_flagged]
    return clips[~is_flagged].reset_index(drop=True), clips[is_flagged].assign(place=place).reset_index(drop=True)


def _with_relative_source(reading: Reading, dataset: Path) -> Reading:
    """A reading whose table is named by its path relative to the dataset, where it is an absolute one."""
    folder = dataset.parent if dataset.is_file() else dataset
    table = Path(reading.source)
    return replace(reading, source=table.relative_to(folder).as_posix()) if table.is_relative_to(folder) else reading


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


def read_subset(
    subset: SubsetTable, rules: ReadingRules, findings: Findings, sounds: SoundPaths | None = None
) -> pd.DataFrame:
    """The usable rows of a table as a `clip_table`.

    What is wrong with the others, and how the table was read, are added to ``findings``.

    Parameters
    ----------
    subset : SubsetTable
    rules : ReadingRules
    findings : Findings
    sounds : SoundPaths, optional
        The sounds of ``subset.folder``, where several tables share them.
    """
    sounds = sounds or SoundPaths(subset.folder)
    read = read_columns(subset.table, sounds, rules.options, rules.vocabulary)
    findings.readings.append(read.reading)
    return check_rows(subset, read.rows, rules, findings, sounds)


def check_rows(
    subset: SubsetTable, rows: ClipRows, rules: ReadingRules, findings: Findings, sounds: SoundPaths | None = None
) -> pd.DataFrame:
    """The usable ones of a table's rows as a `clip_table`; what is wrong with the others is added to ``findings``.

    The rows of one clip become one: it has the labels of all of them, and the other columns of the first.

    Parameters
    ----------
    subset : SubsetTable
        Where the rows come from, and the folder of their sounds.
    rows : ClipRows
    rules : ReadingRules
    findings : Findings
    sounds : SoundPaths, optional
        The sounds of ``subset.folder``, where several tables share them.
    """
    sounds = sounds or SoundPaths(subset.folder)
    names = rows.names
    files = sounds.locate(names.dropna().tolist())
    if not any(files.values()) and (len(names) > 1 or not subset.folder.is_dir()):
        findings.missing.append(
            f"The sounds of {subset.table.name} are not in {subset.folder}: durations, levels and players need them, "
            "the label statistics do not."
        )
        files = {name: "/".join(name_parts(name)) or None for name in files}
    clips = {name: as_text(file or name) for name, file in files.items()}
    columns = {column: getattr(rows, column) for column in ROW_COLUMNS if getattr(rows, column) is not None}
    table = pd.DataFrame({"name": names, "clip": names.map(clips), "labels": rows.labels} | columns)
    if "subset" in table:
        table["subset"] = table["subset"].fillna(subset.subset)
    if subset.subset == "test":
        table["split"], columns["split"] = "test", None
    of_rows = table.assign(subset=table.get("subset", subset.subset))[["subset", "clip"]].dropna(subset="clip")
    findings.table_rows.append(TableRows(subset.table, of_rows))
    keeps_all = rules.options.keep_unlabelled
    check = RowCheck(subset.table.name, sounds, files, rules.vocabulary, rules.vocabulary_file, keeps_all)
    surplus = None if subset.shares_folder or keeps_all else check.surplus()
    is_flagged = table["clip"].isin(rules.flagged if subset.subset == "curated" else ())
    flagged = table.loc[is_flagged, "clip"]
    findings.flagged += [Problem(clip, f"{clip} {rules.flagged[clip]}.", "flagged") for clip in flagged.unique()]
    hidden = set() if rules.keep_flagged else set(flagged)
    table, contradictions = _one_row_per_clip(table, subset.table.name)
    problems = check.problems(table["name"], table["labels"])
    listed = [problem for row, problem in problems.items() if table.at[row, "clip"] not in hidden]
    findings.problems += [*listed, *contradictions, *([surplus] if surplus else [])]
    table = table.drop(list(problems))
    clips = clip_table(
        **{"subset": subset.subset} | {column: table[column] for column in ("clip", "labels", *columns)},
        path=[sounds.root / file for name in table["name"].tolist() if (file := files[name])],
    )
    if hidden:
        clips[IS_FLAGGED] = clips["clip"].isin(hidden)
    extra = check.extra_sounds() if keeps_all and not subset.shares_folder else []
    return pd.concat([clips, _unlabelled(extra, subset, sounds)], ignore_index=True) if extra else clips


def _unlabelled(files: list[str], subset: SubsetTable, sounds: SoundPaths) -> pd.DataFrame:
    """Sounds that are in no table, as a `clip_table`."""
    paths = [sounds.root / file for file in files]
    return clip_table(clip=files, path=paths, subset=subset.subset, labels=[()] * len(files))


def _one_row_per_clip(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[Problem]]:
    """One row per clip, with the labels of all its rows, and the problems of clips whose rows contradict each other.

    If the rows of most clips contradict each other, it is the column that means something else; it is not used.
    """
    is_repeated = table["clip"].duplicated(keep=False) & table["clip"].notna()
    if not is_repeated.any():
        return table, []
    repeated = table[is_repeated]
    labels: dict[str, dict[str, None]] = {}
    for clip, own in zip(repeated["clip"].tolist(), repeated["labels"].tolist(), strict=True):
        labels.setdefault(clip, {}).update(dict.fromkeys(own))
    table = table[~table["clip"].duplicated() | table["clip"].isna()]
    joined = [
        tuple(labels[clip]) if clip in labels else own
        for clip, own in zip(table["clip"].tolist(), table["labels"].tolist(), strict=True)
    ]
    table = table.assign(labels=pd.Series(joined, index=table.index, dtype=object))
    problems: dict[str, Problem] = {}
    for column, what in (("split", "splits"), ("fold", "folds"), ("subset", "subsets")):
        counts = repeated.groupby("clip", sort=False)[column].nunique() if column in table else pd.Series(dtype=int)
        contradicting = counts[counts > 1].index.tolist()
        values = {
            clip: " and ".join(map(str, repeated.loc[repeated["clip"] == clip, column].dropna().unique()[:2]))
            for clip in contradicting[:MAX_CONTRADICTIONS]
        }
        if 2 * len(contradicting) > len(table) and column != "subset":
            clip = contradicting[0]
            reason = f"The {what} in {name} differ within clips, like {values[clip]} for {clip}; they are not used."
            problems[column] = Problem(clip, reason, "counts")
            table = table.assign(**{column: pd.NA})
            continue
        for clip in contradicting:
            reason = f"{clip} has two {what} in {name}" + (f", {values[clip]}" if clip in values else "")
            problems.setdefault(clip, Problem(clip, f"{reason}; it is left out.", "listed twice"))
    return table[~table["clip"].isin(set(problems))], list(problems.values())


def _list_visible(files: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in files if file.name.lower().endswith(suffixes) and not file.name.startswith(HIDDEN))
