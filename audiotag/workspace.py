"""Paths in the workspace, and functions that write files there atomically.

A file is written under a temporary name and then renamed, so that nobody ever reads a half-written file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from audiotag.leftovers import move_into_place, sweep_once, temporary_file
from audiotag.shipped import SHIPPED_MODELS

RENAMED_OPTIONS = {"keep_condemned": "keep_flagged"}  # option names of audiotag 0.1


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
        return [path for path in dict.fromkeys(folders) if path.exists()]

    def remember_dataset(self, path: Path, options: dict[str, Any] | None = None) -> None:
        """Put a dataset first in `dataset_folders`.

        Parameters
        ----------
        path : Path
        options : dict, optional
            How to open it: fields of `audiotag.data.layouts.OpenOptions`. By default the saved options are not changed.
        """
        path = path.expanduser().absolute()
        others = [entry for entry in self._saved_datasets() if Path(entry["path"]) != path]
        options = self.dataset_options(path) if options is None else options
        write_json(self.root / "datasets.json", [{"path": str(path), "options": options}, *others])

    def dataset_options(self, path: Path) -> dict[str, Any]:
        """How to open a dataset: fields of `audiotag.data.layouts.OpenOptions`; empty for an unknown dataset."""
        saved = self._saved_datasets()
        options: dict[str, Any] = next((entry["options"] for entry in saved if Path(entry["path"]) == path), {})
        return {RENAMED_OPTIONS.get(name, name): value for name, value in options.items()}

    def _saved_datasets(self) -> list[dict[str, Any]]:
        return read_json(self.root / "datasets.json", default=[])

    def ensemble_folders(self) -> dict[str, Path]:
        """Ensembles by name: the shipped ones, then the user's own, newest first.

        An ensemble of the user replaces a shipped one of the same name.
        """
        own = sorted(_folders_with_card(self.ensembles), key=lambda folder: -(folder / "card.json").stat().st_mtime)
        return {folder.name: folder for folder in [*_folders_with_card(SHIPPED_MODELS), *own]}


def _folders_with_card(parent: Path) -> list[Path]:
    # A hidden folder is an ensemble that is being published.
    return sorted(card.parent for card in parent.glob("*/card.json") if not card.parent.name.startswith("."))


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing that replaces ``path`` at the end of the ``with`` block.

    A reader sees either the old content or the new. The content is on disk before the file is renamed, so this holds
    through a crash. After an error the old content stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep_once(path.parent)
    with temporary_file(path) as file:
        yield file
        move_into_place(file, path)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with open_atomic(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, atomically."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path, default: Any = None) -> Any:
    """Read the value of a JSON file; ``default`` if the file does not exist."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
