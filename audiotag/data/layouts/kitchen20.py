"""kitchen20: sounds of kitchens in twenty classes, several clips from each source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.layouts.base import Layout, OpenOptions, register_layout
from audiotag.data.layouts.published import read_known_table, release_root, require_root, separated
from audiotag.data.layouts.reading import Findings, ReadingRules, SubsetTable, build_dataset, check_rows

NAME = "kitchen20"
TABLE = f"{NAME}.csv"
PARTS = {TABLE, "audio"}
ROLES = {"file": "path", "labels": "category", "fold": "fold", "group": "usr_id"}
OTHERS = {
    "classes.csv": "classes.csv lists the recordings that the clips were cut from.",
    "results": "results/ has what people answered in listening tests.",
}


@register_layout("kitchen20")
class Kitchen20(Layout):
    """``kitchen20.csv`` beside ``audio/``; the group of a clip is its source, ``usr_id``.

    Other tables beside it are none of clips. Clips of one source are in several of the published folds.
    """

    title = NAME
    order = 18
    looks_for = f"{TABLE} ({NAME})"

    def recognises(self, path: Path) -> bool:
        """Whether the table is there."""
        return release_root(path, _is_release, PARTS) is not None

    def open(self, path: Path, options: OpenOptions) -> Dataset:
        """Read the table; its paths begin with ``audio/``."""
        root = require_root(path, release_root(path, _is_release, PARTS), self.looks_for)
        findings = Findings()
        table = read_known_table(root / TABLE, options, **ROLES)
        folder = root / "audio" if (root / "audio").is_dir() else root
        subset = SubsetTable("curated", root / TABLE, folder, shares_folder=folder == root)
        rows = table.rows(labels=table.labels(separated("", options)))
        clips = check_rows(subset, rows, ReadingRules(options=options), findings)
        others = [sentence for name, sentence in OTHERS.items() if (root / name).exists()]
        reading = table.reading(root, "one label", *others)
        return replace(build_dataset(path, [clips], findings), name=NAME, readings=(reading,))


def _is_release(folder: Path) -> bool:
    return (folder / TABLE).is_file()
