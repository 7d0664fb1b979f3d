"""Open a dataset as the workspace knows it: with the options saved when it was opened last, without left-out clips."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions, open_dataset
from audiotag.data.left_out import without_left_out
from audiotag.workspace import Workspace


def open_remembered(root: Path, workspace: Workspace) -> Dataset:
    """`open_dataset` with the saved options, so that page, command and worker see the same clips."""
    return without_left_out(open_whole(root, workspace), workspace)


def open_whole(root: Path, workspace: Workspace) -> Dataset:
    """`open_remembered` with the clips that are left out, for what was made before they were."""
    return open_dataset(root, OpenOptions.from_dict(workspace.dataset_options(root)))


def open_and_remember(path: Path, options: OpenOptions, workspace: Workspace) -> Dataset:
    """`open_dataset`, and save the options for `open_remembered`; nothing is saved if the dataset cannot be opened."""
    dataset = open_dataset(path, options)
    workspace.remember_dataset(dataset.root, asdict(options))
    return without_left_out(dataset, workspace)


def count_unlabelled_sounds(root: Path, workspace: Workspace) -> int:
    """How many sounds of a dataset's folder have no label and are not listed, but would be with `keep_unlabelled`."""
    options = OpenOptions.from_dict(workspace.dataset_options(root))
    if options.keep_unlabelled:
        return 0
    with_them = open_dataset(root, replace(options, keep_unlabelled=True))
    return len(with_them.clips) - len(open_dataset(root, options).clips)


def keep_unlabelled(root: Path, workspace: Workspace) -> None:
    """List the sounds without a label from now on, so that they can be labelled."""
    workspace.remember_dataset(root, workspace.dataset_options(root) | {"keep_unlabelled": True})
