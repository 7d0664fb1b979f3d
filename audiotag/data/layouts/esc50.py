"""ESC-50: environmental sounds in fifty classes and five folds; ten of the classes are ESC-10."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import freesound_links, read_known_table, release_root, require_root, separated
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, build_dataset, check_rows

TABLE = "esc50.csv"
PARTS = {"audio", "meta", TABLE}
ROLES = {"file": "filename", "labels": "category", "fold": "fold", "group": "src_file"}
LICENCES = {"True": "CC BY 3.0", "False": "CC BY-NC 3.0"}  # by the column esc10


@register_layout("esc50")
class ESC50(Layout):
    """``meta/esc50.csv`` beside ``audio/``; the group of a clip is its recording on Freesound, ``src_file``.

    Clips of ESC-10, a column of the table, have a freer licence than the others.
    """

    title = "ESC-50"
    order = 19
    looks_for = f"{TABLE} (ESC-50)"

    def recognises(self, path: Path) -> bool:
        """Whether the table is there."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the table; the workbook of the listening test beside it is not used."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        file = _table_of(root)
        findings = Findings()
        table = read_known_table(file, options, **ROLES)
        is_esc10 = table.column("esc10")
        rows = table.rows(
            labels=table.labels(separated("", options)),
            licence=None if is_esc10 is None else is_esc10.str.strip().str.capitalize().map(LICENCES),
            source=freesound_links(table.column("src_file")),
        )
        folder = root / "audio" if (root / "audio").is_dir() else root
        subset = SubsetTable("curated", file, folder, shares_folder=folder == root)
        clips = check_rows(subset, rows, ReadingRules(options=options), findings)
        reading = table.reading(root, "one label", "esc10 marks the clips of ESC-10, which are under CC BY.")
        return replace(build_dataset(path, [clips], findings), name=file.stem, readings=(reading,))


def _table_of(root: Path) -> Path:
    return root / "meta" / TABLE if (root / "meta" / TABLE).is_file() else root / TABLE


def _is_release(folder: Path) -> bool:
    return _table_of(folder).is_file() and folder.name != "meta"
