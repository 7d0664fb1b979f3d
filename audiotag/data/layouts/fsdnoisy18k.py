"""FSDnoisy18k as its authors released it on Zenodo: 20 classes, few clips verified by people and many that are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset
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

NAME = "FSDnoisy18k"
META = (f"{NAME}.meta", "meta")
SUBSETS = {"train": "curated", "test": "test"}
PARTS = {*META, f"{NAME}.audio_train", f"{NAME}.audio_test", "train.csv", "test.csv"}
NOISY_SMALL = "noisy_small marks a part of the clips that are not verified; all of them are in the noisy subset."


@register_layout("fsdnoisy18k")
class FSDnoisy18k(Layout):
    """``FSDnoisy18k.meta`` beside ``FSDnoisy18k.audio_train`` and ``FSDnoisy18k.audio_test``.

    Clips of ``train.csv`` that are not verified by people are the noisy subset, the others the curated one.
    """

    title = NAME
    order = 12
    looks_for = f"{META[0]} ({NAME})"

    def recognises(self, path: Path) -> bool:
        """Whether the path is a release or a part of it."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read both tables; a part that is missing is left out and named."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        findings, tables, readings = Findings(), [], []
        for part, subset in SUBSETS.items():
            file = first_folder(root, *META) / f"{part}.csv"
            if not has_table(file, root, part, findings):
                continue
            table = read_known_table(file, options, file="fname", labels="label", split="split")
            verified = table.column("manually_verified")
            rows = table.rows(
                labels=table.labels(separated("", options)),
                subset=None if verified is None else subset_of_verified(verified),
                split=pd.Series(part, index=table.cells.index),
                source=freesound_links(table.names().str.removesuffix(".wav")),
            )
            folder = first_folder(root, f"{NAME}.audio_{part}", f"audio_{part}")
            tables.append(check_rows(SubsetTable(subset, file, folder), rows, ReadingRules(options=options), findings))
            readings.append(table.reading(root, "one label", NOISY_SMALL if part == "train" else ""))
        return replace(build_dataset(path, tables, findings), name=NAME, readings=tuple(readings))


def _is_release(folder: Path) -> bool:
    return (folder / META[0]).is_dir() or "noisy_small" in header_of(folder / META[1] / "train.csv")
