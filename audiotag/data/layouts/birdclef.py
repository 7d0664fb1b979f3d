"""BirdCLEF: recordings of birds and other animals, as the yearly competition on Kaggle distributes them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import (
    KnownTable,
    first_folder,
    header_of,
    one_label,
    read_known_table,
    release_root,
    require_root,
)
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, build_dataset, check_rows

TABLES = ("train_metadata.csv", "train.csv")
FOLDERS = ("train_audio", "train_short_audio")
PARTS = {*TABLES, *FOLDERS}
NEEDED = {"primary_label", "filename"}
SECONDARY = "secondary_labels"
IN_LIST = re.compile(r"""'([^']*)'|"([^"]*)\"""")  # of ['amerob', "o'o'aa"]


@register_layout("birdclef")
class BirdCLEF(Layout):
    """``train_metadata.csv`` or ``train.csv`` beside ``train_audio/``, earlier ``train_short_audio/``.

    The labels of a clip are its primary label, then the secondary ones: species that are also heard. Its group is the
    author of the recording.
    """

    title = "BirdCLEF"
    order = 21
    looks_for = f"{TABLES[0]} with a column primary_label (BirdCLEF)"

    def recognises(self, path: Path) -> bool:
        """Whether one of the tables has the columns of this competition."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the table; long soundscapes beside it are not used."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        file = _table_of(root)
        findings = Findings()
        table = read_known_table(file, options, file="filename", labels="primary_label", group="author")
        names = _paths_in_folders(table)
        rows = table.rows(
            labels=_labels(table),
            names=names,
            group=_recordists(table),
            licence=table.column("license"),
            source=table.column("url"),
        )
        clips = check_rows(
            SubsetTable("curated", file, first_folder(root, *FOLDERS)), rows, ReadingRules(options=options), findings
        )
        soundscapes = [folder.name for folder in sorted(root.glob("*soundscapes")) if folder.is_dir()]
        ignored = [f"{name}/ holds long recordings, which are no clips of one species." for name in soundscapes]
        reading = table.reading(root, "the primary label, then a list of secondary ones", *ignored)
        roles = reading.roles | {"labels": (*reading.roles["labels"], SECONDARY)} if SECONDARY in table.cells else reading.roles
        return replace(build_dataset(path, [clips], findings), name=root.name, readings=(replace(reading, roles=roles),))


def _table_of(root: Path) -> Path:
    return next((root / name for name in TABLES if NEEDED <= header_of(root / name)), root / TABLES[0])


def _is_release(folder: Path) -> bool:
    return NEEDED <= header_of(_table_of(folder))


def _paths_in_folders(table: KnownTable) -> pd.Series:
    """The names with the folder of their species, which the tables until 2021 leave out."""
    names = table.names()
    species = table.column("ebird_code")
    species = table.column("primary_label") if species is None else species
    return names if species is None else names.where(names.str.contains("/").fillna(True), species + "/" + names)


def _labels(table: KnownTable) -> pd.Series:
    """Primary and secondary labels. In 2020 both are names, and a column has the codes of the primary ones."""
    primary = table.labels(one_label)
    secondary = table.column(SECONDARY)
    lists = primary.map(lambda _: ()) if secondary is None else secondary.fillna("").map(_parse_list)
    labels = [tuple(dict.fromkeys((*first, *others))) if first else () for first, others in zip(primary, lists, strict=True)]
    codes = table.column("ebird_code")
    if codes is not None:
        code_of = dict(zip((label for row in primary for label in row[:1]), codes, strict=False))
        labels = [tuple(code_of.get(label, label) for label in row) for row in labels]
    return pd.Series(labels, index=table.cells.index, dtype=object)


def _parse_list(cell: str) -> tuple[str, ...]:
    """The texts in a list as Python writes it.

    >>> _parse_list("['amerob', 'bkcchi']"), _parse_list("['']"), _parse_list("[]")
    (('amerob', 'bkcchi'), (), ())
    """
    return tuple(label for one, other in IN_LIST.findall(cell) if (label := (one or other).strip()))


def _recordists(table: KnownTable) -> pd.Series:
    """Who made the recording, or else the number of the recording."""
    numbers = table.names().str.rpartition("/")[2].str.partition(".")[0].astype("string")
    authors = table.get("group")
    return numbers if authors is None else authors.fillna(numbers)
