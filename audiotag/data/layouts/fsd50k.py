"""FSD50K as its authors released it on Zenodo, and in the form of its copy on Hugging Face.

The clips of ``dev.csv`` are trained on, with a split into train and validation; those of ``eval.csv`` are the test
clips. A clip has several labels: the classes of its sounds, and all classes above these in the hierarchy.
"""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import (
    first_folder,
    freesound_links,
    has_table,
    read_known_table,
    release_root,
    require_root,
    separated,
)
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, build_dataset, check_rows

NAME = "FSD50K"
TABLES = (f"{NAME}.ground_truth", "labels")  # on Zenodo, on Hugging Face
SOUNDS = {"dev": (f"{NAME}.dev_audio", "clips/dev"), "eval": (f"{NAME}.eval_audio", "clips/eval")}
SUBSETS = {"dev": "curated", "eval": "test"}
PARTS = {*TABLES, *SOUNDS["dev"], *SOUNDS["eval"], "dev.csv", "eval.csv"}
MAX_INFO_BYTES = 2**28


@register_layout("fsd50k")
class FSD50K(Layout):
    """``FSD50K.ground_truth`` beside ``FSD50K.dev_audio`` and ``FSD50K.eval_audio``; any of them may be missing."""

    title = NAME
    order = 11
    looks_for = f"{NAME}.ground_truth ({NAME})"

    def recognises(self, path: Path) -> bool:
        """Whether the path is a release or a part of it."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read both tables; a part that is missing is left out and named."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        findings, tables, readings = Findings(), [], []
        for part, subset in SUBSETS.items():
            table = first_folder(root, *TABLES) / f"{part}.csv"
            if not has_table(table, root, part, findings):
                continue
            clips, reading = _read(root, SubsetTable(subset, table, first_folder(root, *SOUNDS[part])), findings, options)
            tables.append(clips)
            readings.append(reading)
        dataset = replace(build_dataset(path, tables, findings), name=NAME, readings=tuple(readings))
        vocabulary = first_folder(root, *TABLES) / "vocabulary.csv"
        findings.missing += _unknown_labels(vocabulary, dataset.labels)
        return replace(dataset, missing=tuple(findings.missing))


def _is_release(folder: Path) -> bool:
    if (folder / TABLES[0]).is_dir():
        return True
    return all((folder / TABLES[1] / name).is_file() for name in ("dev.csv", "vocabulary.csv"))


def _read(
    root: Path, subset: SubsetTable, findings: Findings, options: OpenOptions
) -> tuple[pd.DataFrame, Reading]:
    table = read_known_table(subset.table, options, file="fname", labels="labels", split="split")
    rows = table.rows(
        labels=table.labels(separated(",", options)),
        split=pd.Series("test", index=table.cells.index) if subset.subset == "test" else None,
        licence=_licences(root, subset.table.stem, table.names(), findings),
        source=freesound_links(table.names()),
    )
    reading = table.reading(root, "labels separated by commas", "mids has the labels once more, as AudioSet's numbers.")
    return check_rows(subset, rows, ReadingRules(options=options), findings), reading


def _licences(root: Path, part: str, names: pd.Series, findings: Findings) -> pd.Series | None:
    """The licence of each clip; None if the file that has them is not there, which is common."""
    path = root / f"{NAME}.metadata" / f"{part}_clips_info_{NAME}.json"
    if not path.is_file() or path.stat().st_size > MAX_INFO_BYTES:
        return None
    try:
        clips = json.loads(path.read_text(encoding="utf-8"))
        licences = {clip: str(facts["license"]) for clip, facts in clips.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        findings.missing.append(f"{path.name} is damaged: the licences of the {part} clips are not known.")
        return None
    return names.map(lambda name: licences.get(str(name).removesuffix(".wav"), pd.NA)).astype("string")


def _unknown_labels(vocabulary: Path, labels: tuple[str, ...]) -> list[str]:
    """A sentence about labels that the vocabulary lacks; none if it has them all, or there is none."""
    if not vocabulary.is_file():
        return []
    with vocabulary.open(encoding="utf-8", errors="replace", newline="") as file:
        known = {row[1].strip() for row in csv.reader(file) if len(row) > 1}
    unknown = [label for label in labels if label not in known]
    if not unknown:
        return []
    return [
        f"vocabulary.csv has {len(labels) - len(unknown)} of the {len(labels)} labels of the tables and lacks, for "
        f"example, {unknown[0]}: the labels are those of the tables."
    ]
