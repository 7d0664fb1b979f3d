"""FSDKaggle2018 as its authors released it on Zenodo, and as the competition on Kaggle distributed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import (
    first_folder,
    freesound_links,
    has_table,
    header_of,
    read_known_table,
    release_root,
    require_root,
    separated,
    subset_of_verified,
)
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, build_dataset, check_rows

NAME = "FSDKaggle2018"
META = f"{NAME}.meta"
TABLES = {  # on Zenodo; those that Kaggle has instead
    "train": ("train_post_competition.csv", "train.csv"),
    "test": ("test_post_competition_scoring_clips.csv", "test_post_competition.csv"),
}
SUBSETS = {"train": "curated", "test": "test"}
PARTS = {META, f"{NAME}.audio_train", f"{NAME}.audio_test", "audio_train", "audio_test", *TABLES["train"], *TABLES["test"]}
TRAIN_COLUMNS = {"fname", "label", "manually_verified"}
PADDING = "Ignored"  # usage of clips that were only put among the test clips to hide these


@register_layout("fsdkaggle2018")
class FSDKaggle2018(Layout):
    """The table of the training clips with its column ``manually_verified``, and the folders of the sounds.

    Clips that are not verified by people are the noisy subset, the others the curated one. The labels of the test
    clips were published after the competition, with the release on Zenodo.
    """

    title = f"{NAME} (Freesound Audio Tagging 2018)"
    order = 13
    looks_for = f"{META} ({NAME})"

    def recognises(self, path: Path) -> bool:
        """Whether the path is a release, the competition's folder, or a part of it."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read both tables; a part that is missing is left out and named."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        findings, tables, readings = Findings(), [], []
        for part, subset in SUBSETS.items():
            file = _table_of(root, part)
            if has_table(file, root, part, findings):
                folder = first_folder(root, f"{NAME}.audio_{part}", f"audio_{part}")
                clips, reading = _read(root, SubsetTable(subset, file, folder), findings, options)
                tables.append(clips)
                readings.append(reading)
        return replace(build_dataset(path, tables, findings), name=NAME, readings=tuple(readings))


def _is_release(folder: Path) -> bool:
    if (folder / META).is_dir():
        return True
    header = header_of(_table_of(folder, "train"))
    return header >= TRAIN_COLUMNS and "noisy_small" not in header  # which FSDnoisy18k has


def _table_of(root: Path, part: str) -> Path:
    """The table of a part: beside the sounds, or in a folder of tables."""
    places = [folder / name for name in TABLES[part] for folder in (root / META, root / "meta", root)]
    return next((place for place in places if place.is_file()), places[0])


def _read(
    root: Path, subset: SubsetTable, findings: Findings, options: OpenOptions
) -> tuple[pd.DataFrame, Reading]:
    table = read_known_table(subset.table, options, file="fname", labels="label", split="split")
    usage = table.column("usage")
    padding = 0
    if usage is not None:
        is_padding = usage.eq(PADDING).fillna(False).astype(bool)
        padding = int(is_padding.sum())
        table = replace(table, cells=table.cells[~is_padding])
    verified, part = table.column("manually_verified"), "test" if subset.subset == "test" else "train"
    rows = table.rows(
        labels=table.labels(separated("", options)),
        subset=None if verified is None else subset_of_verified(verified),
        split=pd.Series(part, index=table.cells.index),
        group=table.get("group") if "group" in table.roles else table.column("freesound_id"),
        licence=table.column("license"),
        source=freesound_links(table.column("freesound_id")),
    )
    ignored = f"{padding:,} rows have the usage {PADDING}: clips without labels that were put among the others."
    if padding:  # whose sounds lie in the same folder
        subset = replace(subset, shares_folder=True)
    clips = check_rows(subset, rows, ReadingRules(options=options), findings)
    return clips, table.reading(root, "one label", ignored if padding else "")
