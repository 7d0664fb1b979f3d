"""Acoustic scenes of the DCASE challenges: development sets of TAU Urban Acoustic Scenes and TUT Acoustic Scenes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Problem
from audiotag.data.layouts.annotated import HEADER_BYTES
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import KnownTable, choose_columns, read_known_table
from audiotag.data.layouts.published import PublishedLayout, audio_of, header_of, lines_of
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows
from audiotag.data.table_files import read_table_file
from audiotag.data.tables import sound_names

TABLES = ("meta.csv", "meta.txt")
SETUP = "evaluation_setup"
COLUMNS = ("filename", "scene_label", "identifier")
ROLES = {"file": "filename", "labels": "scene_label", "group": "identifier"}
HELD_OUT, USED = ("evaluate", "test"), ("evaluate", "test", "train")
FOLD_LIST = re.compile(r"fold(\d{1,4})_(evaluate|test|train)\.(csv|txt)")
PLACE = re.compile(r"[^-]+-([^-]+-\d+)-.*|([a-z]+\d+)_\d+_\d+\.\w+")  # airport-lisbon-1000-40000-a or b020_90_100


@register_layout("dcase-scenes")
class DCASEScenes(PublishedLayout):
    """``meta.csv`` with a column ``scene_label``, beside ``audio/`` and ``evaluation_setup/``.

    Each published fold holds out the clips of its list ``foldN_evaluate``; where there is only one fold, these are the
    clips for validation. The group of a clip is the place where it was recorded.
    """

    title = "DCASE acoustic scenes (TAU or TUT)"
    order = 16
    mark = "meta.csv with a column scene_label"
    parts = frozenset({"audio", SETUP, *TABLES})

    def is_release(self, folder: Path) -> bool:
        """Whether the table of scenes is there."""
        return _table_of(folder) is not None

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips of the table with the folds of the lists; those that no list names are flagged."""
        file = _table_of(root)
        assert file is not None  # `is_release` found it
        table = _read_table(file, options)
        device = ["source_label is the device of a recording."] if table.column("source_label") is not None else []
        findings.readings.append(table.reading(root, *device))
        folds, used = _read_lists(root, HELD_OUT), _read_lists(root, USED)
        if not folds:
            findings.missing.append(f"{SETUP}/fold1_evaluate.csv is not there: the published folds are not known.")
        names = _base_names(table)
        is_unused = names.notna() & ~names.isin(used if folds else names)
        for name in names[is_unused]:
            findings.flagged.append(Problem(name, f"{name} is in no list of {SETUP}.", "flagged"))
        if not options.keep_flagged:
            table = replace(table, cells=table.cells[~is_unused])
        fold = _base_names(table).map(folds).astype("Int64")
        is_split = len(set(folds.values())) == 1
        rows = table.rows(
            names=_base_names(table),
            split=pd.Series("train", index=fold.index).mask(fold.notna(), "validation") if is_split else None,
            fold=fold,
            group=_places(table),
        )
        subset = SubsetTable("curated", file, audio_of(root), shares_folder=bool(is_unused.any()))
        return [check_rows(subset, rows, ReadingRules(options=options), findings)]


def _table_of(root: Path) -> Path | None:
    """The table of scenes; tables of other tasks have the same name and other columns."""
    tables = [root / name for name in TABLES]
    return next((table for table in tables if "scene_label" in header_of(table) or _is_bare(table)), None)


def _is_bare(table: Path) -> bool:
    """Whether a table has no header and its first line is a sound, its scene and perhaps its place, as until 2017."""
    if not table.is_file() or not (table.parent / SETUP).is_dir():
        return False
    with table.open(encoding="utf-8", errors="replace") as file:
        cells = file.readline(HEADER_BYTES).strip().split("\t")
    return len(cells) in (2, 3) and bool(sound_names(cells[:1])) and not cells[1][:1].isdigit()


def _read_table(file: Path, options: OpenOptions) -> KnownTable:
    if not _is_bare(file):
        return read_known_table(file, options, **ROLES)
    cells = read_table_file(file, "\t", has_header=False).table.iloc[:, : len(COLUMNS)]
    return choose_columns(file, cells.set_axis(list(COLUMNS)[: cells.shape[1]], axis=1), options, "none", (), **ROLES)


def _read_lists(root: Path, kinds: tuple[str, ...]) -> dict[str, int]:
    """The fold of each clip in the lists of these kinds, by the name of its file; of several folds, the last."""
    folds = {}
    for file in sorted((root / SETUP).glob("fold*")):
        parts = FOLD_LIST.fullmatch(file.name)
        if parts and parts[2] in kinds and file.is_file():
            for line in lines_of(file):
                name = line.split("\t")[0].split(",")[0].rpartition("/")[2].strip('" ')
                if sound_names([name]):
                    folds[name] = int(parts[1])
    return folds


def _base_names(table: KnownTable) -> pd.Series:
    return table.names.str.replace(r"^.*[/\\]", "", regex=True)


def _places(table: KnownTable) -> pd.Series:
    """The place of each recording, by its column or else by the name of the file."""
    found = _base_names(table).str.extract(PLACE)
    by_name = found[0].fillna(found[1])
    column = table.get("group")
    return by_name if column is None else column.fillna(by_name)
