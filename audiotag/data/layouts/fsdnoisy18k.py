"""FSDnoisy18k as its authors released it on Zenodo: 20 classes, few clips verified by people and many that are not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.known_tables import VERIFIED, freesound_links, read_known_table, subset_of_verified
from audiotag.data.layouts.published import PublishedLayout, first_folder, has_table, header_of
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, check_rows

NAME = "FSDnoisy18k"
META = (f"{NAME}.meta", "meta")
SUBSETS = {"train": "curated", "test": "test"}
NOISY_SMALL = "noisy_small, which marks a part of the noisy clips, is not used."


@register_layout("fsdnoisy18k")
class FSDnoisy18k(PublishedLayout):
    """``FSDnoisy18k.meta`` beside ``FSDnoisy18k.audio_train`` and ``FSDnoisy18k.audio_test``.

    Clips of ``train.csv`` that people did not verify are the noisy subset, the others the curated one.
    """

    title = name = NAME
    order = 12
    mark = META[0]
    parts = frozenset({*META, f"{NAME}.audio_train", f"{NAME}.audio_test", "train.csv", "test.csv"})

    def is_release(self, folder: Path) -> bool:
        """Whether the folder of tables is there."""
        return (folder / META[0]).is_dir() or "noisy_small" in header_of(folder / META[1] / "train.csv")

    def read(self, root: Path, options: OpenOptions, findings: Findings) -> list[pd.DataFrame]:
        """The clips for training, verified and not, then those for the test."""
        clips = []
        for part, subset in SUBSETS.items():
            file = first_folder(root, *META) / f"{part}.csv"
            if not has_table(file, root, part, findings):
                continue
            table = read_known_table(file, options, file="fname", labels="label")
            verified = table.column("manually_verified")
            rows = table.rows(
                subset=None if verified is None or part == "test" else subset_of_verified(verified),
                split=part,
                source=freesound_links(table.names),
            )
            folder = first_folder(root, f"{NAME}.audio_{part}", f"audio_{part}")
            clips.append(check_rows(SubsetTable(subset, file, folder), rows, ReadingRules(options=options), findings))
            notes = [] if verified is None or part == "test" else [VERIFIED]
            notes += [] if table.column("noisy_small") is None else [NOISY_SMALL]
            findings.readings.append(table.reading(root, *notes))
        return clips
