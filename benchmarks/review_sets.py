"""Make datasets with known label errors out of datasets whose labels are right: used by review.py.

A set is a folder in the layout of Freesound Audio Tagging 2019 whose sounds are links to those of its source. Its folds
are drawn from the right labels, keep recordings and copies together, and are the same for every share of errors, so
that runs can be compared clip by clip. The right labels are in ``true-labels.json``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audiotag.data.layouts import open_dataset
from audiotag.training.folds import assign_folds
from audiotag.training.recipe import Recipe
from audiotag.training.runs import RunSettings
from audiotag.training.session import Session
from audiotag.workspace import Workspace, read_json, write_bytes, write_json

TRUTH = "true-labels.json"
DROPPED_SHARE = 1 / 3  # of the clips with an error: one of several labels is missing; the others have a wrong label

Labels = tuple[str, ...]
ClipLabels = dict[tuple[str, str], Labels]


def inject_errors(labels: Sequence[Labels], vocabulary: Labels, share: float, rng: np.random.Generator) -> list[Labels]:
    """Give a share of the clips wrong labels.

    A third of them, or as many as have several labels, lose a label; in the others a label is replaced by another one.

    Parameters
    ----------
    labels : sequence of tuple of str
        The right labels of each clip.
    vocabulary : tuple of str
    share : float
        Of the clips, 0 to 1.
    rng : numpy.random.Generator

    Returns
    -------
    list of tuple of str
        Sorted labels of each clip; none is empty.
    """
    changed = [tuple(sorted(each)) for each in labels]
    order = rng.permutation(len(labels)).tolist()
    count = round(share * len(labels))
    several = [row for row in order if len(labels[row]) > 1]
    dropped = several[: min(len(several), round(DROPPED_SHARE * count))]
    replaced = [row for row in order if row not in set(dropped)][: count - len(dropped)]
    for row in dropped:
        changed[row] = _without_one(labels[row], rng)
    for row in replaced:
        others = [label for label in vocabulary if label not in labels[row]]
        changed[row] = tuple(sorted((*_without_one(labels[row], rng), str(rng.choice(others)))))
    return changed


def _without_one(labels: Labels, rng: np.random.Generator) -> Labels:
    gone = int(rng.integers(len(labels)))
    return tuple(sorted(label for place, label in enumerate(labels) if place != gone))


def write_set(source: Path, folder: Path, share: float, seed: int, recipe: Recipe, noisy: bool = False) -> Path:
    """Write a set whose curated clips have this share of errors, unless it is there.

    Parameters
    ----------
    source : Path
        Dataset with right labels of its curated clips.
    folder : Path
        Where to write.
    share : float
        Of the curated clips, 0 to 1.
    seed : int
        Of errors and folds.
    recipe : Recipe
        Its number of folds is used.
    noisy : bool
        Whether the noisy clips take part, with the errors that they have; ``train_noisy_truth.csv`` has their labels.
    """
    if (folder / TRUTH).exists():
        return folder
    dataset = open_dataset(source)
    session = Session(dataset, RunSettings(str(source), recipe, folds_from="recipe"), Workspace())
    truth: ClipLabels = {}
    for subset in ("curated", "noisy") if noisy else ("curated",):
        rows = session.rows_with_units(subset)
        right = [tuple(sorted(each)) for each in rows["labels"]]
        folds = assign_folds(rows, dataset.labels, recipe)
        given = right
        if subset == "curated":
            given = inject_errors(right, dataset.labels, share, np.random.default_rng((2019, seed)))
        else:
            right = _true_noisy_labels(source, rows["clip"].tolist())
        truth |= {(subset, clip): labels for clip, labels in zip(rows["clip"], right, strict=True)}
        _link(rows["path"].tolist(), rows["clip"].tolist(), folder / f"train_{subset}")
        lines = zip(rows["clip"], map(_as_cell, given), folds.tolist(), strict=True)
        _write_table(folder / f"train_{subset}.csv", lines)
    write_json(folder / TRUTH, [[*key, *map(_plain, labels)] for key, labels in truth.items()])
    return folder


def true_labels(folder: Path) -> ClipLabels:
    """The right labels of a set's clips, by subset and clip."""
    return {(subset, clip): tuple(labels) for subset, clip, *labels in read_json(folder / TRUTH)}


def _plain(label: str) -> str:
    """A label as the tables of the competition can have it."""
    return label.replace(" ", "_")


def _as_cell(labels: Labels) -> str:
    return ",".join(map(_plain, labels))


def _true_noisy_labels(source: Path, clips: list[str]) -> list[Labels]:
    with (source / "train_noisy_truth.csv").open(encoding="utf-8", newline="") as file:
        by_clip = {row["fname"]: tuple(sorted(row["labels"].split(","))) for row in csv.DictReader(file)}
    return [by_clip[clip] for clip in clips]


def _link(paths: list[Path], names: list[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, name in zip(paths, names, strict=True):
        link = folder / name
        if not link.exists():
            link.symlink_to(path.resolve())


def _write_table(path: Path, lines: object) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("fname", "labels", "fold"), *lines])  # type: ignore[misc]
    write_bytes(path, text.getvalue().encode())
