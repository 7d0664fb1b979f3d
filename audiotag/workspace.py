"""Where things are kept on disk, and how they are written: aside first, then renamed, so that no half is ever read."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

OPTIONS_RENAMED = {"keep_condemned": "keep_flagged"}  # as audiotag 0.1 wrote it
SHIPPED_MODELS = Path(__file__).parent.parent / "models"


class Workspace:
    """The folder for everything the user makes: datasets' indexes, presets, runs, ensembles.

    Parameters
    ----------
    root : Path, optional
        ``AUDIOTAG_HOME`` where that is set, else ``workspace`` in the current folder. Made when first written to.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or Path(os.environ.get("AUDIOTAG_HOME", "workspace"))).expanduser().absolute()

    @property
    def starter(self) -> Path:
        """The rendered starter sounds."""
        return self.root / "starter-sounds"

    @property
    def indexes(self) -> Path:
        """Cached indexes, one Parquet file a dataset."""
        return self.root / "indexes"

    @property
    def presets(self) -> Path:
        """The user's own spectrogram presets, one TOML file each."""
        return self.root / "presets"

    @property
    def runs(self) -> Path:
        """Training runs, one folder each."""
        return self.root / "runs"

    @property
    def ensembles(self) -> Path:
        """The user's own ensembles, one folder each."""
        return self.root / "ensembles"

    def dataset_folders(self) -> list[Path]:
        """The datasets opened before that are still there, last opened first, the starter sounds at the end."""
        remembered = [Path(entry["path"]) for entry in self._remembered()]
        if (self.starter / "starter.json").exists():  # written last: a render that was cut off is not shown
            remembered.append(self.starter)
        return [path for path in dict.fromkeys(remembered) if path.exists()]

    def remember_dataset(self, path: Path, options: dict[str, Any] | None = None) -> None:
        """Put a dataset first in `dataset_folders`, with how it is to be opened; None leaves that as it was."""
        path = path.expanduser().absolute()
        others = [entry for entry in self._remembered() if Path(entry["path"]) != path]
        kept = self.dataset_options(path) if options is None else options
        write_json(self.root / "datasets.json", [{"path": str(path), "options": kept}, *others])

    def dataset_options(self, path: Path) -> dict[str, Any]:
        """How a dataset is to be opened: fields of `audiotag.data.layouts.OpenOptions`; empty for one not known."""
        options: dict[str, Any] = next(
            (entry["options"] for entry in self._remembered() if Path(entry["path"]) == path), {}
        )
        return {OPTIONS_RENAMED.get(name, name): value for name, value in options.items()}

    def _remembered(self) -> list[dict[str, Any]]:
        return read_json(self.root / "datasets.json", default=[])

    def ensemble_folders(self) -> dict[str, Path]:
        """Ensembles by name: the shipped ones, then the user's own, newest first, which may shadow a shipped one."""
        own = sorted(_with_card(self.ensembles), key=lambda folder: -(folder / "card.json").stat().st_mtime)
        return {folder.name: folder for folder in [*_with_card(SHIPPED_MODELS), *own]}


def _with_card(parent: Path) -> list[Path]:
    return sorted(card.parent for card in parent.glob("*/card.json"))


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """A file to write into that takes the place of ``path`` at the end: a reader sees the old content or the new.

    It is on disk before it is renamed, so this holds through a crash; after an error the old content stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole, by `written_aside`."""
    with written_aside(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """`write_bytes` of readable JSON."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path, default: Any = None) -> Any:
    """The value of a JSON file, or ``default`` where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
