"""What the tests of exports share: corrections by the names of clips, exports, and reading these again."""

import random
import shutil
from pathlib import Path
from typing import Any

from audiotag.data.corrections import Correction
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.review.export.exporting import Export, export_labels
from audiotag.workspace import Workspace


def labels_of(dataset: Dataset) -> dict[tuple[str, str], frozenset[str]]:
    clips = dataset.clips
    return {
        (subset, clip): frozenset(labels)
        for subset, clip, labels in zip(clips["subset"], clips["clip"], clips["labels"], strict=True)
    }


def correct(dataset: Dataset, **changes: str) -> list[Correction]:
    """Corrections of clips by the stems of their names; labels are separated by bars."""
    found = []
    for row in dataset.clips.itertuples():
        stem = Path(row.clip).stem
        if stem in changes:
            found.append(Correction(row.subset, row.clip, row.labels, tuple(filter(None, changes[stem].split("|")))))
    assert len(found) == len(changes)
    return found


def export_of(root: Path, corrections: list[Correction], **options: Any) -> Export:
    workspace = Workspace()
    workspace.remember_dataset(root, options)
    return export_labels(open_dataset(root, **options), corrections, workspace)


def reopen(export: Export, root: Path, tmp_path: Path, **options: Any) -> Dataset:
    """The dataset with the files of an export in place of its own, in a copy."""
    folder = root if root.is_dir() else root.parent
    base = Path(tmp_path / "copies" / str(len(list(tmp_path.glob("copies/*")))) / folder.name)
    shutil.copytree(folder, base)
    for name, content in export.files.items():
        (base / name).write_bytes(content)
    if export.is_own_format:
        return open_dataset(base / root.relative_to(folder), **options)
    return open_dataset(base / next(iter(export.files)))


def random_corrections(dataset: Dataset, rng: random.Random, most: int) -> list[Correction]:
    found = []
    for row in dataset.clips.itertuples():
        if rng.random() < 0.6:
            after = tuple(rng.sample(dataset.labels, rng.randint(1, min(most, len(dataset.labels)))))
            found.append(Correction(row.subset, row.clip, row.labels, after))
    return found


def expected(dataset: Dataset, corrections: list[Correction]) -> dict[tuple[str, str], frozenset[str]]:
    after = {(one.subset, one.clip): frozenset(one.after) for one in corrections}
    return {key: found for key, own in labels_of(dataset).items() if (found := after.get(key, own))}


def by_path(found: dict[tuple[str, str], frozenset[str]]) -> dict[str, frozenset[str]]:
    return {clip: labels for (_, clip), labels in found.items()}


def rewritten(root: Path, name: str = "t.csv", options: dict[str, Any] | None = None, **changes: str) -> bytes:
    """The table with these labels, which is in its own format and says nothing else."""
    export = export_of(root, correct(open_dataset(root, **(options or {})), **changes), **(options or {}))
    assert (export.is_own_format, export.notes, list(export.files)) == (True, (), [name])
    return export.files[name]
