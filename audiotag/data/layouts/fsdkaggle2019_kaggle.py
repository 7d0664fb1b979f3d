"""FSDKaggle2019 as the competition Freesound Audio Tagging 2019 on Kaggle distributes it.

The starter sounds have this layout too, with the labels of their test clips in ``test_truth.csv``.
"""

from __future__ import annotations

from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.fsdkaggle2019 import FLAGGED
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, read_subsets
from audiotag.data.tables import read_table

MARK = "train_curated.csv"
SUBMISSION = "sample_submission.csv"


@register_layout("fsdkaggle2019-kaggle")
class Kaggle(Layout):
    """``train_curated.csv`` and ``train_noisy.csv`` beside their folders; the vocabulary is the sample submission's."""

    title = "Freesound Audio Tagging 2019"
    order = 10
    can_be_fetched = True

    def recognises(self, path: Path) -> bool:
        """Whether the table of the curated clips is there."""
        return (path / MARK).is_file()

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the tables that are there; the separator and the columns are those of the competition."""
        vocabulary: tuple[str, ...] = ()
        if (path / SUBMISSION).is_file():
            vocabulary = tuple(read_table(path / SUBMISSION).columns[1:])
        subsets = [
            SubsetTable("curated", path / MARK, path / "train_curated"),
            SubsetTable("noisy", path / "train_noisy.csv", path / "train_noisy"),
            SubsetTable("test", path / "test_truth.csv", path / "test"),
        ]
        findings = Findings()
        if not subsets[0].table.is_file():
            findings.missing.append(f"{MARK} is not in {path}: the curated clips are left out.")
        return read_subsets(
            path, subsets, ReadingRules(vocabulary, SUBMISSION, FLAGGED, options.keep_flagged), findings
        )
