"""kitchen20: sounds of kitchens in twenty classes, several clips from each source."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import read_known_table
from audiotag.data.layouts.published import PublishedLayout, audio_of, header_of
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows

NAME = "kitchen20"
TABLE = f"{NAME}.csv"
ROLES = {"file": "path", "labels": "category", "fold": "fold", "group": "usr_id"}
OTHERS = {
    "classes.csv": "classes.csv lists the recordings that the clips were cut from, not clips.",
    "results": "results/ has the answers of a listening test.",
}


@register_layout("kitchen20")
class Kitchen20(PublishedLayout):
    """``kitchen20.csv`` beside ``audio/``; the group of a clip is its source, ``usr_id``.

    Clips of one source are in several of the published folds.
    """

    title = name = NAME
    order = 18
    mark = f"{TABLE} with a column {ROLES['file']}"
    parts = frozenset({TABLE, "audio"})

    def is_release(self, folder: Path) -> bool:
        """Whether the table is there, with its column of paths."""
        return ROLES["file"] in header_of(folder / TABLE)

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips of the table, whose paths begin with ``audio/``; other tables beside it have none."""
        table = read_known_table(root / TABLE, options, **ROLES)
        others = [sentence for name, sentence in OTHERS.items() if (root / name).exists()]
        findings.readings.append(table.reading(root, *others))
        subset = SubsetTable("curated", root / TABLE, audio_of(root), shares_folder=audio_of(root) == root)
        return [check_rows(subset, table.rows(), ReadingRules(options=options), findings)]
