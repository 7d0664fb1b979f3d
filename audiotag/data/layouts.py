"""Which clips a folder or a table holds, how they are labelled, and what about them is wrong.

Recognised: the folder of the Freesound Audio Tagging 2019 competition, and a CSV with a file column and a label column
beside its sounds (ESC-10 and its like).
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from audiotag.errors import AudiotagError

FILE_COLUMNS = ("fname", "filename", "file", "path")
LABEL_COLUMNS = ("labels", "label", "category")
GROUP_COLUMNS = ("source_id", "src_file", "group")
FOLD = re.compile(r"(\d+)(\.0+)?")  # a spreadsheet makes 1.0 of 1
SUBSETS = ("curated", "noisy", "test")
CLIP_COLUMNS = ["clip", "path", "subset", "labels", "fold", "group"]


@dataclass(frozen=True)
class Problem:
    """A clip or a table row that is left out, and the sentence that says why."""

    clip: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Labelled clips.

    Attributes
    ----------
    root : Path
        The folder or table that was opened.
    layout : str
        What was recognised, in words.
    clips : pandas.DataFrame
        A row a clip that is there: ``clip`` (file name), ``path`` (Path), ``subset`` (curated, noisy or test),
        ``labels`` (tuple of str), ``fold`` (the dataset's own, or NA), ``group`` (source recording, or NA).
    labels : tuple[str, ...]
        The vocabulary, sorted.
    problems : tuple[Problem, ...]
        What was left out.
    """

    name: str
    root: Path
    layout: str
    clips: pd.DataFrame
    labels: tuple[str, ...]
    problems: tuple[Problem, ...]

    def subset(self, name: str) -> pd.DataFrame:
        """The clips of one subset, numbered from 0."""
        return self.clips[self.clips["subset"] == name].reset_index(drop=True)

    @property
    def subsets(self) -> tuple[str, ...]:
        """The subsets that have clips, in the order curated, noisy, test."""
        present = set(self.clips["subset"])
        return tuple(name for name in SUBSETS if name in present)

    @property
    def own_folds(self) -> tuple[int, ...]:
        """The dataset's own folds, where every training clip has one; else empty."""
        folds = self.clips.loc[self.clips["subset"] != "test", "fold"]
        return tuple(sorted(set(map(int, folds)))) if len(folds) and folds.notna().all() else ()


def open_dataset(path: Path) -> Dataset:
    """Recognise a dataset and read its tables; no sound is opened.

    Parameters
    ----------
    path : Path
        A folder, or a CSV file.

    Raises
    ------
    AudiotagError
        If it is not there or is no dataset; says what was looked for.
    """
    path = absolute(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        return _open_table(path)
    if not path.is_dir():
        raise AudiotagError(f"{path} is not there; give the folder of a dataset, or its CSV file.")
    if (path / "train_curated.csv").is_file():
        return _open_competition(path)
    tables = sorted(path.glob("*.csv"))
    if len(tables) == 1:
        return replace(_open_table(tables[0]), root=path)
    raise AudiotagError(
        f"{path} is no dataset: looked for train_curated.csv (Freesound Audio Tagging 2019) or one CSV with a file "
        f"column and a label column, found {f'{len(tables)} CSV files; name the one to open' if tables else 'neither'}."
    )


def absolute(path: Path) -> Path:
    """The path from the root, without ``~`` and ``..``; links are left as they are."""
    return Path(os.path.abspath(path.expanduser()))


def split_labels(cell: object) -> tuple[str, ...]:
    """The labels of a table cell, comma-separated as in FSDKaggle2019.

    >>> split_labels("Bark,Meow")
    ('Bark', 'Meow')
    """
    return tuple(label.strip() for label in str(cell).split(",") if label.strip()) if pd.notna(cell) else ()


def read_table(path: Path) -> pd.DataFrame:
    """A CSV as text; says what is wrong where it is none."""
    try:
        # Only an empty cell is empty: NA, None and null may be names and labels.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise AudiotagError(f"{path.name} cannot be read as a CSV file with a header line: {error}".strip()) from error
    except OSError as error:
        raise AudiotagError(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index, and shifts the rest
        raise AudiotagError(
            f"{path.name} has rows with more cells than its header; put several labels of a clip in quotes, "
            'like "Bark,Meow".'
        )
    if not all(str(name).isprintable() for name in table.columns):
        raise AudiotagError(
            f"{path.name} cannot be read as a CSV file with a header line: that line is not plain text; "
            "save it as text with commas between the columns."
        )
    return table


def column_of(table: pd.DataFrame, wanted: tuple[str, ...], path: Path) -> str:
    """The first of ``wanted`` that the table has."""
    for name in wanted:
        if name in table.columns:
            return name
    shown = ", ".join(f"{name:.40}" for name in map(str, table.columns[:10]))
    more = f" and {len(table.columns) - 10} more" if len(table.columns) > 10 else ""
    raise AudiotagError(
        f"{path.name} needs a column named {' or '.join(wanted)}, it has {shown}{more}; rename one of them."
    )


def _open_competition(root: Path) -> Dataset:
    parts, problems = [], []
    vocabulary: tuple[str, ...] = ()
    submission = root / "sample_submission.csv"
    if submission.is_file():
        vocabulary = tuple(read_table(submission).columns[1:])
    for subset, table_name, folder in (
        ("curated", "train_curated.csv", "train_curated"),
        ("noisy", "train_noisy.csv", "train_noisy"),
        ("test", "test_truth.csv", "test"),
    ):
        if (root / table_name).is_file():
            clips, found = _read_clips(root / table_name, root / folder, subset, vocabulary)
            parts.append(clips)
            problems += found
    return _dataset(root, "Freesound Audio Tagging 2019", parts, problems, vocabulary)


def _open_table(table: Path) -> Dataset:
    folders = [table.parent / "audio", table.parent]
    folder = next((folder for folder in folders if folder.is_dir()), table.parent)
    clips, problems = _read_clips(table, folder, "curated", ())
    return _dataset(table, "CSV with a file and a label column", [clips], problems, ())


def _dataset(
    root: Path, layout: str, parts: list[pd.DataFrame], problems: list[Problem], vocabulary: tuple[str, ...]
) -> Dataset:
    clips = pd.concat(parts, ignore_index=True)
    if clips.empty:
        shown = " ".join(problem.reason for problem in problems[:3])
        raise AudiotagError(f"{root} has no usable clip. {shown}".strip())
    labels = vocabulary or tuple(sorted({label for row in clips["labels"] for label in row}))
    name = root.stem if root.suffix.lower() == ".csv" else root.name
    return Dataset(name, root, layout, clips, labels, tuple(problems))


def _read_clips(
    table_path: Path, folder: Path, subset: str, vocabulary: tuple[str, ...]
) -> tuple[pd.DataFrame, list[Problem]]:
    table = read_table(table_path)
    files, labels = column_of(table, FILE_COLUMNS, table_path), column_of(table, LABEL_COLUMNS, table_path)
    group = next((name for name in GROUP_COLUMNS if name in table.columns), None)
    present = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    rows, problems = [], []
    seen: set[object] = set()
    for number, row in enumerate(table.to_dict("records"), start=2):
        clip, clip_labels = row[files], split_labels(row[labels])
        reason = _why_unusable(clip, clip_labels, present, seen, folder, table_path.name, number, vocabulary)
        if reason:
            problems.append(Problem(str(clip), reason))
            continue
        seen.add(clip)
        fold = FOLD.fullmatch(str(row.get("fold")))
        rows.append(
            (
                clip,
                folder / str(clip),
                subset,
                clip_labels,
                int(fold[1]) if fold else pd.NA,
                row[group] if group else pd.NA,
            )
        )
    clips = pd.DataFrame(rows, columns=CLIP_COLUMNS)
    clips["fold"] = clips["fold"].astype("Int64")
    return clips, problems


def _why_unusable(
    clip: object,
    labels: tuple[str, ...],
    present: set[str],
    seen: set,
    folder: Path,
    table: str,
    line: int,
    vocabulary: tuple[str, ...],
) -> str | None:
    if not isinstance(clip, str):
        return f"{table}, line {line} names no file; it is left out."
    if Path(clip).name != clip:
        return f"{table}, line {line}: {clip} must be a bare file name inside {folder.name}/; it is left out."
    if clip in seen:
        return f"{clip} is listed twice in {table} (again in line {line}); its first row counts."
    if clip not in present:
        return f"{clip} is listed in {table} but is not in {folder}; it is left out."
    if not labels:
        return f"{clip} has no label in {table}, line {line}; it is left out."
    for label in labels:
        if vocabulary and label not in vocabulary:
            close = difflib.get_close_matches(label, vocabulary, n=1)
            hint = f"did you mean {close[0]}?" if close else "is it spelt as in sample_submission.csv?"
            return (
                f"{clip} has the label {label}, which is not among this dataset's {len(vocabulary)}; {hint} "
                "It is left out."
            )
    return None
