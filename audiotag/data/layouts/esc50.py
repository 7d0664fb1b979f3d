"""ESC-50: environmental sounds in fifty classes and five folds; ten of the classes are ESC-10."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import freesound_links, read_known_table
from audiotag.data.layouts.published import PublishedLayout, audio_of, first_file
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows

TABLE = "esc50.csv"
ROLES = {"file": "filename", "labels": "category", "fold": "fold", "group": "src_file"}
LICENCES = {"true": "CC BY 3.0", "false": "CC BY-NC 3.0"}  # by the column esc10
ESC10 = "esc10 marks the clips of ESC-10, whose licence is CC BY."


@register_layout("esc50")
class ESC50(PublishedLayout):
    """``meta/esc50.csv`` beside ``audio/``; the group of a clip is its recording on Freesound, ``src_file``."""

    title = "ESC-50"
    name = "esc50"
    order = 19
    mark = TABLE
    parts = frozenset({"audio", "meta", TABLE})

    def is_release(self, folder: Path) -> bool:
        """Whether the table is there."""
        return _table_of(folder).is_file() and folder.name != "meta"

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips of the table; the workbook of a listening test beside it is not used."""
        table = read_known_table(_table_of(root), options, **ROLES)
        is_esc10 = table.column("esc10")
        rows = table.rows(
            licence=None if is_esc10 is None else is_esc10.str.strip().str.lower().map(LICENCES),
            source=freesound_links(table.column("src_file")),
        )
        findings.readings.append(table.reading(root, *([] if is_esc10 is None else [ESC10])))
        subset = SubsetTable("curated", table.path, audio_of(root), shares_folder=audio_of(root) == root)
        return [check_rows(subset, rows, ReadingRules(options=options), findings)]


def _table_of(root: Path) -> Path:
    return first_file(root / "meta" / TABLE, root / TABLE)
