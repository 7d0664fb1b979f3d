"""Paths in the workspace, the datasets that it knows, and functions that write files there atomically.

A file is written under a temporary name and then renamed, so that nobody ever reads a half-written file.
`audiotag.state` reads them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from audiotag.disk import locked, name_in_errors, optional_write
from audiotag.leftovers import move_into_place, sweep_once, temporary_file
from audiotag.shipped import SHIPPED_MODELS
from audiotag.state import fits, is_path, read_state

RENAMED_OPTIONS = {"keep_condemned": "keep_flagged"}  # option names of audiotag 0.1


SAVED_DATASET = {
    "path": is_path,
    "options": lambda value: isinstance(value, dict) and all(fits(one, (str, bool, None)) for one in value.values()),
}


class Workspace:
    """The folder for everything that the user makes: indexes of datasets, presets, runs and ensembles.

    Parameters
    ----------
    root : Path, optional
        By default the environment variable ``AUDIOTAG_HOME``, else ``workspace`` in the current folder. It is created
        when something is first written to it.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or Path(os.environ.get("AUDIOTAG_HOME", "workspace"))).expanduser().absolute()

    @property
    def starter(self) -> Path:
        """The rendered starter sounds."""
        return self.root / "starter-sounds"

    @property
    def indexes(self) -> Path:
        """Cached indexes, one Parquet file per dataset."""
        return self.root / "indexes"

    @property
    def presets(self) -> Path:
        """The user's own spectrogram presets, one TOML file per preset."""
        return self.root / "presets"

    @property
    def runs(self) -> Path:
        """Training runs, one folder per run."""
        return self.root / "runs"

    @property
    def ensembles(self) -> Path:
        """The user's own ensembles, one folder per ensemble."""
        return self.root / "ensembles"

    def dataset_folders(self) -> list[Path]:
        """Datasets that were opened before and still exist, last opened first, then the starter sounds."""
        folders = [Path(entry["path"]) for entry in self._saved_datasets()]
        if (self.starter / "starter.json").exists():  # written last, so an incomplete rendering is not listed
            folders.append(self.starter)
        return [path for path in dict.fromkeys(folders) if os.path.exists(path)]

    def remember_dataset(self, path: Path, options: dict[str, Any] | None = None) -> None:
        """Put a dataset first in `dataset_folders`; a disk that cannot be written is no reason to stop.

        Parameters
        ----------
        path : Path
        options : dict, optional
            How to open it: fields of `audiotag.data.layouts.OpenOptions`. By default the saved options are not changed.
        """
        path = path.expanduser().absolute()
        with optional_write("the dataset is not remembered"), locked(self._datasets_file):
            saved = self._saved_datasets(raise_unreadable=True)
            others = [entry for entry in saved if Path(entry["path"]) != path]
            options = _options_in(saved, path) if options is None else options
            write_json(self._datasets_file, [{"path": str(path), "options": options}, *others])

    def dataset_options(self, path: Path) -> dict[str, Any]:
        """How to open a dataset: fields of `audiotag.data.layouts.OpenOptions`; empty for an unknown dataset."""
        return _options_in(self._saved_datasets(), path)

    @property
    def _datasets_file(self) -> Path:
        return self.root / "datasets.json"

    def _saved_datasets(self, raise_unreadable: bool = False) -> list[dict[str, Any]]:
        otherwise = "the datasets of your runs are listed instead; open the others again, with their options"
        saved = read_state(self._datasets_file, _saved_entries, None, otherwise, raise_unreadable)
        if saved is None and list(self.root.glob("datasets.json*")):
            return self._datasets_of_runs()  # until the next dataset is opened, which writes the list
        return saved or []

    def _datasets_of_runs(self) -> list[dict[str, Any]]:
        """What `datasets.json` would hold after the runs alone, the newest first; without the options."""
        paths = []
        for file in sorted(self.runs.glob("*/settings.json"), reverse=True):
            with suppress(OSError, ValueError):
                values = json.loads(file.read_bytes())
                if fits(values, {"dataset": is_path}):
                    paths.append(values["dataset"])
        return [{"path": path, "options": {}} for path in dict.fromkeys(paths)]

    def ensemble_folders(self) -> dict[str, Path]:
        """Ensembles by name: the shipped ones, then the user's own, newest first.

        An ensemble of the user replaces a shipped one of the same name.
        """
        own = sorted(_folders_with_card(self.ensembles), key=_modified, reverse=True)
        return {folder.name: folder for folder in [*_folders_with_card(SHIPPED_MODELS), *own]}


def _saved_entries(content: bytes) -> list[dict[str, Any]]:
    saved = json.loads(content.decode("utf-8"))
    if not fits(saved, [SAVED_DATASET]):
        raise ValueError("an entry is not one of a dataset")
    return saved


def _options_in(saved: list[dict[str, Any]], path: Path) -> dict[str, Any]:
    options: dict[str, Any] = next((entry["options"] for entry in saved if Path(entry["path"]) == path), {})
    return {RENAMED_OPTIONS.get(name, name): value for name, value in options.items()}


def _folders_with_card(parent: Path) -> list[Path]:
    # A hidden folder is an ensemble that is being published.
    return sorted(card.parent for card in parent.glob("*/card.json") if not card.parent.name.startswith("."))


def _modified(folder: Path) -> float:
    with suppress(OSError):  # deleted since it was listed
        return (folder / "card.json").stat().st_mtime
    return 0.0


@contextmanager
def open_atomic(path: Path, keep_old_as: Path | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file for writing that replaces ``path`` at the end of the ``with`` block.

    A reader sees either the old content or the new. The content is on disk before the file is renamed, so this holds
    through a crash. After an error the old content stays. With ``keep_old_as``, the old file gets that name once the
    new content is on disk; a crash between the two renamings leaves it under that name alone.
    """
    with name_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_once(path.parent)
        with temporary_file(path) as file:
            yield file
            move_into_place(file, path, keep_old_as)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with open_atomic(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, atomically.

    Bytes of a path that are not valid UTF-8 are halves of surrogate pairs in its text; they are written as the escapes
    that JSON has for them, so that they are read back as they were.
    """
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))


def read_json(path: Path, default: Any = None) -> Any:
    """Read the value of a JSON file; ``default`` if the file does not exist."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
