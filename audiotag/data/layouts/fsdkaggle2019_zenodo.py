"""FSDKaggle2019 as its authors released it on Zenodo: tables in one folder, the sounds of each subset in another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.fsdkaggle2019 import FLAGGED, META, NAME
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, read_subsets

VOCABULARY = "vocabulary.csv"
TABLES = {"curated": "train_curated", "noisy": "train_noisy", "test": "test"}


@register_layout("fsdkaggle2019-zenodo")
class Zenodo(Layout):
    """``FSDKaggle2019.meta`` beside the ``FSDKaggle2019.audio_…`` folders, given by their parent or by the former."""

    title = f"{NAME}, as released on Zenodo"
    order = 20
    can_be_fetched = True

    def recognises(self, path: Path) -> bool:
        """Whether the folder of tables or one of the folders of sounds is there."""
        return _meta_of(path).is_dir() or (path.is_dir() and any(path.glob(f"{NAME}.audio_*")))

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the tables that are there; the separator and the columns are those of the release."""
        meta = _meta_of(path)
        findings = Findings()
        subsets = []
        for subset, name in TABLES.items():
            table = meta / f"{name}_post_competition.csv"
            subsets.append(SubsetTable(subset, table, meta.parent / f"{NAME}.audio_{name}"))
            if not table.is_file():
                findings.missing.append(f"{table.name} is not in {meta}: the {subset} clips are left out.")
        rules = ReadingRules(_read_vocabulary(meta / VOCABULARY), VOCABULARY, FLAGGED, options.keep_flagged)
        return replace(read_subsets(path, subsets, rules, findings), name=NAME)


def _meta_of(path: Path) -> Path:
    return path if path.name == META else path / META


def _read_vocabulary(table: Path) -> tuple[str, ...]:
    """The labels in a table of numbers and names without a header; empty if there is no such file."""
    if not table.is_file():
        return ()
    lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(name for line in lines if (name := line.partition(",")[2].strip()))
