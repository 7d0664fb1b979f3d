"""Open a dataset with other tables in place of its own, without touching it: in a folder of links beside them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from audiotag.audio.opening import SUFFIXES
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import OpenOptions, open_dataset
from audiotag.data.table_files import TABLE_FOLDERS

ClipKey = tuple[str, str]  # the subset of a clip, and the path of its sound relative to the dataset's folder


def dataset_folder(dataset: Dataset) -> Path:
    """The folder that holds the dataset's tables and sounds; sounds that lie far from the tables are not in it."""
    root = dataset.root
    if root.is_file():
        root = root.parent
    if root.name.lower() in TABLE_FOLDERS:
        root = root.parent
    paths = [str(root), *(str(rows.path.parent) for rows in dataset.table_rows)]
    folders = {os.path.dirname(path) for path in dataset.clips["path"]}
    paths += [folder for folder in folders if root.parent != root and Path(folder).is_relative_to(root.parent)]
    try:
        return Path(os.path.commonpath(paths))
    except ValueError:  # drives of Windows
        return root


def relative_name(path: Path, folder: Path) -> str:
    """A path relative to a folder, with slashes; faster than pathlib for very many paths in the folder.

    >>> relative_name(Path("/sounds/in/a.wav"), Path("/sounds")), relative_name(Path("/a.wav"), Path("/sounds"))
    ('in/a.wav', '../a.wav')
    """
    text, start = str(path), os.path.join(folder, "")
    name = text[len(start) :] if text.startswith(start) else os.path.relpath(path, folder)
    return name.replace(os.sep, "/")


def labels_by_clip(dataset: Dataset, folder: Path) -> dict[ClipKey, frozenset[str]]:
    """The labels of all clips that have some."""
    clips = dataset.clips
    return {
        (subset, relative_name(path, folder)): frozenset(labels)
        for subset, path, labels in zip(clips["subset"], clips["path"], clips["labels"], strict=True)
        if labels
    }


@contextmanager
def reopened(
    folder: Path, root: Path, files: Mapping[str, bytes], options: OpenOptions
) -> Iterator[tuple[Dataset, Path]]:
    """The dataset with other files in its folder, and the folder in which it is then.

    Parameters
    ----------
    folder : Path
        The dataset's folder, see `dataset_folder`.
    root : Path
        What is opened, relative to the folder.
    files : Mapping[str, bytes]
        Contents by their paths relative to the folder.
    options : OpenOptions

    Raises
    ------
    AudiotagError
        If it cannot be opened.
    """
    with tempfile.TemporaryDirectory() as temporary:
        mirror = Path(temporary) / (folder.name or "dataset")
        _mirror(folder, mirror, dict(files))
        yield open_dataset(mirror / root, options), mirror


def _mirror(folder: Path, mirror: Path, files: dict[str, bytes]) -> None:
    """A folder with the given files, and with links to all else."""
    mirror.mkdir()
    own = {name: content for name, content in files.items() if "/" not in name}
    below: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        if "/" in name:
            first, _, rest = name.partition("/")
            below.setdefault(first, {})[rest] = content
    for name, content in own.items():
        (mirror / name).write_bytes(content)
    for name, inner in below.items():
        _mirror(folder / name, mirror / name, inner)
    if folder.is_dir():
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name not in own and entry.name not in below:
                    _link(Path(entry.path), mirror / entry.name)


def _link(source: Path, target: Path) -> None:
    """A link, or where the system allows none, empty files in place of sounds and copies of all else."""
    try:
        target.symlink_to(source, target_is_directory=source.is_dir())
    except OSError:
        if source.is_dir():
            target.mkdir()
            for inner in source.iterdir():
                _link(inner, target / inner.name)
        elif source.name.lower().endswith(SUFFIXES):
            target.touch()
        else:
            shutil.copyfile(source, target)
