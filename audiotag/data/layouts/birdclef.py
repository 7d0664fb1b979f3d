"""BirdCLEF: recordings of birds and other animals, as the yearly competition on Kaggle distributes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.label_cells import labels_of_list
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import KnownTable, read_known_table
from audiotag.data.layouts.published import PublishedLayout, first_file, first_folder, header_of, visible_folders
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows

TABLES = ("train_metadata.csv", "train.csv")
FOLDERS = ("train_audio", "train_short_audio")
COLUMNS = {"primary_label", "filename"}
SECONDARY = "secondary_labels"


@register_layout("birdclef")
class BirdCLEF(PublishedLayout):
    """``train_metadata.csv`` or ``train.csv`` beside ``train_audio/``, which was ``train_short_audio/`` in 2021.

    The labels of a clip are its primary label, then the secondary ones, which are other species in the recording. Its
    group is the author of the recording.
    """

    title = "BirdCLEF"
    order = 21
    mark = f"{TABLES[0]} with a column primary_label"
    parts = frozenset({*TABLES, *FOLDERS})

    def is_release(self, folder: Path) -> bool:
        """Whether one of the tables has the columns of this competition."""
        return header_of(_table_of(folder)) >= COLUMNS

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips of the table; long soundscapes beside it are not used."""
        table = read_known_table(_table_of(root), options, file="filename", labels="primary_label", group="author")
        rows = table.rows(
            labels=_labels(table),
            names=_names_with_folders(table),
            group=_recordists(table),
            licence=table.column("license"),
            source=table.column("url"),
        )
        soundscapes = [part.name for part in visible_folders(root) if part.name.endswith("soundscapes")]
        ignored = [f"{name}/ holds long recordings, which are not clips of the table." for name in soundscapes]
        reading = table.reading(root, *ignored)
        if table.column(SECONDARY) is not None:
            roles = reading.roles | {"labels": (table.roles["labels"], SECONDARY)}
            reading = replace(reading, roles=roles, label_format="the primary label, then a list of secondary labels")
        findings.readings.append(reading)
        subset = SubsetTable("curated", table.path, first_folder(root, *FOLDERS))
        return [check_rows(subset, rows, ReadingRules(options=options), findings)]


def _table_of(root: Path) -> Path:
    return first_file(*(root / name for name in TABLES if header_of(root / name) >= COLUMNS), root / TABLES[0])


def _names_with_folders(table: KnownTable) -> pd.Series:
    """The names with the folder of their species, which tables until 2021 leave out."""
    codes = table.column("ebird_code")
    folders = table.column("primary_label") if codes is None else codes
    names = table.names
    return names if folders is None else names.where(names.str.contains("/"), folders + "/" + names)


def _labels(table: KnownTable) -> pd.Series:
    """Primary and secondary labels. In 2020 both are names, and another column has the codes of the primary ones."""
    primary = table.labels.tolist()
    secondary = table.column(SECONDARY)
    others = [()] * len(primary) if secondary is None else [labels_of_list(cell) for cell in secondary.fillna("")]
    codes = table.column("ebird_code")
    code_of = {} if codes is None else {name: code for own, code in zip(primary, codes, strict=True) for name in own}
    labels = [
        tuple(dict.fromkeys(code_of.get(name, name) for name in (*own, *more))) if own else ()
        for own, more in zip(primary, others, strict=True)
    ]
    return pd.Series(labels, index=table.cells.index, dtype=object)


def _recordists(table: KnownTable) -> pd.Series:
    """Who made the recording, or else the number of the recording."""
    numbers = table.names.str.replace(r"^.*/|\..*$", "", regex=True)
    authors = table.get("group")
    return numbers if authors is None else authors.fillna(numbers)
