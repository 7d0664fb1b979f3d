"""A dataset as the user opened it: the workspace remembers what was said of its columns and condemned clips."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.tables import TableOptions
from audiotag.workspace import Workspace


def open_remembered(root: Path, workspace: Workspace) -> Dataset:
    """`open_dataset` with the options that were remembered, so that page, command and worker see the same clips."""
    options = workspace.dataset_options(root)
    table = TableOptions(**{name: options.get(name) for name in asdict(TableOptions())})
    return open_dataset(root, table, options.get("keep_flagged", False))


def open_and_remember(path: Path, options: TableOptions, keep_flagged: bool, workspace: Workspace) -> Dataset:
    """Open a dataset in this way now and later; raises, and remembers nothing, where that cannot be done."""
    dataset = open_dataset(path, options, keep_flagged)
    workspace.remember_dataset(dataset.root, asdict(options) | {"keep_flagged": keep_flagged})
    return dataset
