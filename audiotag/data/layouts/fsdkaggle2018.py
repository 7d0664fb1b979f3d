"""FSDKaggle2018 as its authors released it on Zenodo, and as the competition on Kaggle distributed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import (
    VERIFIED,
    KnownTable,
    freesound_links,
    read_known_table,
    subset_of_verified,
)
from audiotag.data.layouts.published import PublishedLayout, first_file, first_folder, has_table, header_of
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows

NAME = "FSDKaggle2018"
META = f"{NAME}.meta"
TABLES = {  # on Zenodo; those that Kaggle has instead
    "train": ("train_post_competition.csv", "train.csv"),
    "test": ("test_post_competition_scoring_clips.csv", "test_post_competition.csv"),
}
SOUNDS = {part: (f"{NAME}.audio_{part}", f"audio_{part}") for part in TABLES}
ROLES = {"file": "fname", "labels": "label", "group": "freesound_id"}
SUBSETS = {"train": "curated", "test": "test"}
TRAIN_COLUMNS = {"fname", "label", "manually_verified"}
PADDING = "Ignored"  # usage of clips without labels that were put among the test clips, so that these cannot be told


@register_layout("fsdkaggle2018")
class FSDKaggle2018(PublishedLayout):
    """The table of the training clips with its column ``manually_verified``, and the folders of the sounds.

    Clips that people did not verify are the noisy subset, the others the curated one. The labels of the test clips were
    published after the competition, with the release on Zenodo.
    """

    name = NAME
    title = f"{NAME} (Freesound Audio Tagging 2018)"
    order = 13
    mark = f"{META} and no train.csv with a column manually_verified"
    parts = frozenset({META, *(name for part in TABLES for name in (*TABLES[part], *SOUNDS[part]))})

    def is_release(self, folder: Path) -> bool:
        """Whether the folder of tables is there, or the table of the training clips with its columns."""
        header = header_of(_table_of(folder, "train"))
        return (folder / META).is_dir() or (header >= TRAIN_COLUMNS and "noisy_small" not in header)

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips for training, verified and not, then those for the test."""
        clips = []
        for part, subset in SUBSETS.items():
            file = _table_of(root, part)
            if not has_table(file, root, part, findings):
                continue
            table, padding = _without_padding(read_known_table(file, options, **ROLES))
            verified = table.column("manually_verified")
            rows = table.rows(
                subset=None if verified is None or part == "test" else subset_of_verified(verified),
                split=part,
                licence=table.column("license"),
                source=freesound_links(table.column("freesound_id")),
            )
            folder = first_folder(root, *SOUNDS[part])
            subset_table = SubsetTable(subset, file, folder, shares_folder=bool(padding))
            clips.append(check_rows(subset_table, rows, ReadingRules(options=options), findings))
            notes = [] if verified is None or part == "test" else [VERIFIED]
            notes += [f"Rows of usage {PADDING}, which have no labels: {padding:,}."] if padding else []
            findings.readings.append(table.reading(root, *notes))
        return clips


def _table_of(root: Path, part: str) -> Path:
    """The table of a part: in a folder of tables, or beside the sounds."""
    return first_file(*(folder / name for name in TABLES[part] for folder in (root / META, root / "meta", root)))


def _without_padding(table: KnownTable) -> tuple[KnownTable, int]:
    usage = table.column("usage")
    if usage is None:
        return table, 0
    is_padding = usage.eq(PADDING).fillna(False).astype(bool)
    return replace(table, cells=table.cells[~is_padding]), int(is_padding.sum())
