"""Count what folds separate: ``python benchmarks/leakage.py DATASET … [--copies N] [--group COLUMN]``.

For each dataset the recordings and the groups of identical clips that have clips in several folds: in its own folds, in
stratified folds of single clips, and in those that training draws. With ``--copies`` so many clips are copied first, in
a temporary folder, under other names. ``benchmarks/splits.py`` trains, to measure what that does to scores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.data.contents import same_content
from audiotag.data.dataset import Dataset
from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset
from audiotag.data.leaks import count_straddling
from audiotag.training.folds import assign_folds
from audiotag.training.leaks import add_units, groups_of
from audiotag.training.recipe_files import load_recipe

SEEDS = range(5)


def main() -> None:
    """Print one table per dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, nargs="+", help="folders of datasets")
    parser.add_argument("--copies", type=int, default=0, help="number of clips that are copied first")
    parser.add_argument("--group", help="column of the source recordings (default: detected automatically)")
    options = parser.parse_args()
    for path in options.datasets:
        with tempfile.TemporaryDirectory() as folder:
            dataset = open_dataset(path, group_column=options.group)
            report(with_copies(dataset, options.copies, Path(folder)) if options.copies else dataset)


def with_copies(dataset: Dataset, count: int, folder: Path) -> Dataset:
    """The curated clips and copies of some of them, as links: equal files of other names."""
    clips = dataset.subset("curated")
    rows = np.sort(np.random.default_rng(0).choice(len(clips), min(count, len(clips)), replace=False))
    copies = clips.iloc[rows].assign(clip=[f"copy-{Path(clip).name}" for clip in clips["clip"].iloc[rows]])
    copies["path"] = [folder / clip for clip in copies["clip"]]
    for clip, copy in zip(clips["path"].iloc[rows], copies["path"], strict=True):
        os.symlink(clip.resolve(), copy)
    return replace(dataset, clips=pd.concat([clips, copies], ignore_index=True))


def report(dataset: Dataset) -> None:
    """Print what straddles the dataset's own folds, and the folds of five seeds."""
    clips = add_units(dataset.clips, groups_of(dataset.clips, same_content(scan(dataset))))
    clips = clips[clips["subset"] == "curated"].reset_index(drop=True)
    drawn = clips.assign(fold=pd.array([pd.NA] * len(clips), dtype="Int64"))
    recipe = load_recipe("default")
    print(f"{dataset.name}: {len(clips)} clips")
    if dataset.own_folds:
        print(f"  own folds: {straddling(clips, assign_folds(clips, dataset.labels, recipe))}")
    for title, unit in (("single clips", np.arange(len(clips))), ("as training draws them", clips["unit"])):
        for seed in SEEDS:
            folds = assign_folds(drawn.assign(unit=unit), dataset.labels, replace(recipe, seed=seed))
            print(f"  stratified, {title}, seed {seed}: {straddling(clips, folds)}")


def straddling(clips: pd.DataFrame, folds: np.ndarray) -> str:
    """How many recordings and groups of identical clips have clips in several folds."""
    recordings, contents = (count_straddling(clips[key], folds) for key in ("group", "content"))
    return (
        f"{recordings.several} of {recordings.total} recordings, "
        f"{contents.several} of {contents.total} groups of identical clips"
    )


if __name__ == "__main__":
    main()
