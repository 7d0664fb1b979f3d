"""Which clips a folder or a table holds, how they are labelled, and what about them is wrong.

Recognised without being told: the folder of the Freesound Audio Tagging 2019 competition; the release of FSDKaggle2019
on Zenodo; a table (CSV or Parquet) with a file column and a label column, like those of ESC-10 and ESC-50; a folder of
sounds for each class; a bare folder of sounds. No sound is opened here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from audiotag.audio.opening import SUFFIXES
from audiotag.data.dataset import CLIP_COLUMNS, Dataset, Problem
from audiotag.data.tables import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    TABLE_SUFFIXES,
    RowCheck,
    TableOptions,
    column_of,
    map_cells,
    read_table,
    split_labels,
)
from audiotag.errors import AudiotagError

GROUP_COLUMNS = ("source_id", "freesound_id", "flickr_video_URL", "src_file", "group")
LICENCE_COLUMNS = ("license", "licence")
FOLD = re.compile(r"(\d{1,9})(\.0+)?")  # a spreadsheet makes 1.0 of 1
VIDEO_COLUMNS = ("flickr_video_URL",)
FREESOUND_COLUMNS = ("freesound_id",)
ZENODO = "FSDKaggle2019"
# By the notes that come with FSDKaggle2019, section "Detected corrupted files in the curated train set".
FLAGGED = dict.fromkeys(
    ("f76181c4.wav", "77b925c2.wav", "6a1f682a.wav", "c7db12aa.wav", "7752cc8a.wav"),
    "has a wrong label, by the dataset's own notes",
) | {"1d44b0bd.wav": "contains no signal, by the dataset's own notes"}


@dataclass(frozen=True)
class SubsetTable:
    """One table and the folder of its clips; ``shared`` where that folder may hold what is not this table's."""

    subset: str
    table: Path
    folder: Path
    shared: bool = False


@dataclass(frozen=True)
class Rules:
    """How the tables of a layout are read.

    ``vocabulary`` are the labels that there are, where the layout says so, by the file ``spelling``; ``flagged`` are
    names of curated clips with the reason, left out unless ``keep_flagged``.
    """

    vocabulary: tuple[str, ...] = ()
    spelling: str = ""
    flagged: dict[str, str] = field(default_factory=dict)
    keep_flagged: bool = False
    options: TableOptions = field(default_factory=TableOptions)


def open_dataset(path: Path, options: TableOptions | None = None, keep_flagged: bool = False) -> Dataset:
    """Recognise a dataset and read its tables.

    Parameters
    ----------
    path : Path
        A folder, or a table (.csv, .tsv, .txt or .parquet).
    options : TableOptions, optional
        What to take a table's separator and columns for, where they are not found out rightly.
    keep_condemned : bool
        Put the clips back that the dataset's own notes condemn.

    Raises
    ------
    AudiotagError
        If it is not there or is no dataset; says what was looked for.
    """
    path = absolute(path)
    options = options or TableOptions()
    if path.is_file() and path.suffix.lower() in TABLE_SUFFIXES:
        return _open_table(path, options)
    if not path.is_dir():
        raise AudiotagError(f"{path} is not there; give the folder of a dataset, or its CSV file.")
    if (path / "train_curated.csv").is_file():
        return _open_competition(path, keep_flagged)
    meta = path if path.name == f"{ZENODO}.meta" else path / f"{ZENODO}.meta"
    if meta.is_dir() or any(path.glob(f"{ZENODO}.audio_*")):
        return _open_zenodo(path, meta, keep_flagged)
    tables = _tables_in(path) or _tables_in(path / "meta")
    if len(tables) == 1:
        return replace(_open_table(tables[0], options, path), root=path)
    if len(tables) > 1:
        raise AudiotagError(f"{path} has {len(tables)} tables; name the one to open, like {tables[0]}.")
    return _open_sounds(path)


def absolute(path: Path) -> Path:
    """The path from the root, without ``~`` and ``..``; links are left as they are."""
    return Path(os.path.abspath(path.expanduser()))


def _seen(files: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """Those with one of the suffixes, sorted, without hidden ones (macOS puts a ``._a.wav`` beside an ``a.wav``)."""
    return sorted(file for file in files if file.suffix.lower() in suffixes and not file.name.startswith("."))


def _tables_in(folder: Path) -> list[Path]:
    return _seen(folder.glob("*"), (".csv", ".tsv", ".parquet"))


def _open_competition(root: Path, keep_flagged: bool) -> Dataset:
    vocabulary: tuple[str, ...] = ()
    if (root / "sample_submission.csv").is_file():
        vocabulary = tuple(read_table(root / "sample_submission.csv").columns[1:])
    parts = [
        SubsetTable("curated", root / "train_curated.csv", root / "train_curated"),
        SubsetTable("noisy", root / "train_noisy.csv", root / "train_noisy"),
        SubsetTable("test", root / "test_truth.csv", root / "test"),
    ]
    rules = Rules(vocabulary, "sample_submission.csv", FLAGGED, keep_flagged)
    return _read_parts(root, "Freesound Audio Tagging 2019", parts, rules, Findings())


def _open_zenodo(root: Path, meta: Path, keep_flagged: bool) -> Dataset:
    vocabulary: tuple[str, ...] = ()
    if (meta / "vocabulary.csv").is_file():  # number, name; without a header
        lines = (meta / "vocabulary.csv").read_text(encoding="utf-8", errors="replace").splitlines()
        vocabulary = tuple(name for line in lines if (name := line.partition(",")[2].strip()))
    findings = Findings()
    parts = []
    for subset, table in (("curated", "train_curated"), ("noisy", "train_noisy"), ("test", "test")):
        part = SubsetTable(subset, meta / f"{table}_post_competition.csv", meta.parent / f"{ZENODO}.audio_{table}")
        parts.append(part)
        if not part.table.is_file():
            findings.missing.append(f"{part.table.name} is not in {meta}: the {subset} clips are left out.")
    rules = Rules(vocabulary, "vocabulary.csv", FLAGGED, keep_flagged)
    dataset = _read_parts(root, f"{ZENODO}, as released on Zenodo", parts, rules, findings)
    return replace(dataset, name=ZENODO)


def _open_table(table: Path, options: TableOptions, root: Path | None = None) -> Dataset:
    root = root or (table.parent.parent if table.parent.name == "meta" else table.parent)  # ESC-50 has a meta/
    folder = next((folder for folder in (root / "audio", table.parent / "audio") if folder.is_dir()), root)
    part = SubsetTable("curated", table, folder, shared=folder == root or len(_tables_in(table.parent)) > 1)
    rules = Rules(options=options)
    dataset = _read_parts(table, "table with a file and a label column", [part], rules, Findings())
    return replace(dataset, name=table.stem)


def _open_sounds(root: Path) -> Dataset:
    """A folder a class, each clip labelled by the folder that it is in; or one folder of unlabelled sounds.

    Which of the two, most sounds decide; the others are named, and so are sounds that lie deeper, for there the folder
    of the class cannot be told from a folder of a subset or a session.
    """
    findings = Findings()
    loose = _seen(root.glob("*"), SUFFIXES)
    by_class = _seen(root.glob("*/*"), SUFFIXES)
    if deeper := next((file for file in root.glob("*/*/*") if _seen([file], SUFFIXES)), None):
        findings.missing.append(
            f"Sounds that lie deeper than one folder, like {deeper.relative_to(root)}, are left out; open "
            f"{deeper.parent.parent} to see them."
        )
    if not loose and not by_class:
        raise AudiotagError(
            f"{root} is no dataset: looked for train_curated.csv (Freesound Audio Tagging 2019), {ZENODO}.meta "
            "(its release on Zenodo), one table (CSV or Parquet) with a file column and a label column, sounds in a "
            f"folder for each class, and sounds; found none of them. {' '.join(findings.missing)}".strip()
        )
    labelled = len(by_class) >= len(loose)
    files, others = (by_class, loose) if labelled else (loose, by_class)
    fault = "is in no folder of a class" if labelled else "is not in the folder of most sounds"
    for file in others:
        clip = str(file.relative_to(root))
        findings.problems.append(Problem(clip, f"{clip} {fault}; it is left out."))
    clips = _clips(
        {
            "clip": [str(file.relative_to(root)) for file in files],
            "path": files,
            "subset": "curated",
            "labels": [(file.parent.name,) if labelled else () for file in files],
        }
    )
    layout = "folder a class" if labelled else "folder of sounds, without labels"
    return _dataset(root, layout, [clips], (), findings)


class Findings:
    """What is collected on the way: problems, condemned clips, missing parts."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.flagged: list[Problem] = []
        self.missing: list[str] = []


def _read_parts(root: Path, layout: str, parts: list[SubsetTable], rules: Rules, findings: Findings) -> Dataset:
    read = [_read_part(part, rules, findings) for part in parts if part.table.is_file()]
    return _dataset(root, layout, read, rules.vocabulary, findings)


def _dataset(
    root: Path, layout: str, parts: list[pd.DataFrame], vocabulary: tuple[str, ...], findings: Findings
) -> Dataset:
    clips = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=CLIP_COLUMNS)
    if clips.empty:
        shown = " ".join([problem.reason for problem in findings.problems[:3]] or findings.missing)
        raise AudiotagError(f"{root} has no usable clip. {shown}".strip())
    labels = vocabulary or tuple(sorted(set().union(*clips["labels"])))
    return Dataset(
        name=root.stem if root.is_file() else root.name,
        root=root,
        layout=layout,
        clips=clips,
        labels=labels,
        problems=tuple(findings.problems),
        flagged=tuple(findings.flagged),
        missing=tuple(findings.missing),
    )


def _read_part(part: SubsetTable, rules: Rules, findings: Findings) -> pd.DataFrame:
    options = rules.options
    table = read_table(part.table, options.separator)
    names = table[column_of(table, (options.file_column,) if options.file_column else FILE_COLUMNS, part.table)]
    cells = table[column_of(table, (options.label_column,) if options.label_column else LABEL_COLUMNS, part.table)]
    present = set(os.listdir(part.folder)) if part.folder.is_dir() else None
    if present is None or (len(table) > 1 and present.isdisjoint(names.tolist())):
        findings.missing.append(
            f"The sounds of {part.table.name} are not in {part.folder}: durations, levels and players need them, "
            "the label statistics do not."
        )
        present = None
    check = RowCheck(part.table.name, part.folder, present, rules.vocabulary, rules.spelling)
    surplus = None if part.shared else check.surplus(names)
    flagged = names.isin(rules.flagged if part.subset == "curated" else ())
    findings.flagged += [Problem(clip, f"{clip} {rules.flagged[clip]}.", "condemned") for clip in names[flagged]]
    if not rules.keep_flagged:
        names, cells = names[~flagged], cells[~flagged]
    labels = pd.Series(map_cells(cells, split_labels), index=names.index, dtype=object)
    problems = check.problems(names, labels)
    findings.problems += [*problems.values(), *([surplus] if surplus else [])]
    names = names.drop(list(problems))
    table = table.loc[names.index]
    return _clips(
        {
            "clip": names,
            "path": [part.folder / name for name in names.tolist()],
            "subset": part.subset,
            "labels": labels[names.index],
            "fold": map_cells(table["fold"], _fold) if "fold" in table.columns else pd.NA,
            "group": _first(table, GROUP_COLUMNS),
            "licence": _first(table, LICENCE_COLUMNS),
            "source": _links(table),
        }
    )


def _clips(columns: dict[str, object]) -> pd.DataFrame:
    clips = pd.DataFrame({name: columns.get(name, pd.NA) for name in CLIP_COLUMNS})
    types = {"clip": "str", "fold": "Int64", "group": "string", "licence": "string", "source": "string"}
    return clips.astype(types).reset_index(drop=True)


def _fold(cell: str) -> object:
    fold = FOLD.fullmatch(cell)
    return int(fold[1]) if fold else pd.NA


def _first(table: pd.DataFrame, wanted: tuple[str, ...]) -> pd.Series:
    """The first of these columns that the table has, or an empty one."""
    for name in wanted:
        if name in table.columns:
            return table[name].astype("string")
    return pd.Series(pd.NA, index=table.index, dtype="string")


def _links(table: pd.DataFrame) -> pd.Series:
    """Where the clips came from: a Flickr video, or a sound of Freesound."""
    sounds = _first(table, FREESOUND_COLUMNS).str.removesuffix(".0")  # a spreadsheet's
    return _first(table, VIDEO_COLUMNS).fillna("https://freesound.org/s/" + sounds + "/")
