"""Where things are kept on disk, and how they are written: aside first, then renamed, so that no half is ever read."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

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
    def runs(self) -> Path:
        """Training runs, one folder each."""
        return self.root / "runs"

    @property
    def ensembles(self) -> Path:
        """The user's own ensembles, one folder each."""
        return self.root / "ensembles"

    def dataset_folders(self) -> list[Path]:
        """The datasets opened before that are still there, last opened first, the starter sounds at the end."""
        remembered = [Path(path) for path in read_json(self.root / "datasets.json", default=[])]
        if (self.starter / "starter.json").exists():  # written last: a render that was cut off is not shown
            remembered.append(self.starter)
        return [path for path in dict.fromkeys(remembered) if path.exists()]

    def remember_dataset(self, path: Path) -> None:
        """Put a dataset first in `dataset_folders`."""
        path = path.expanduser().absolute()
        others = [str(other) for other in self.dataset_folders() if other != path]
        write_json(self.root / "datasets.json", [str(path), *others])

    def ensemble_folders(self) -> dict[str, Path]:
        """Ensembles by name: the shipped ones, then the user's own, newest first, which may shadow a shipped one."""
        own = sorted(_with_card(self.ensembles), key=lambda folder: -(folder / "card.json").stat().st_mtime)
        return {folder.name: folder for folder in [*_with_card(SHIPPED_MODELS), *own]}


def _with_card(parent: Path) -> list[Path]:
    return sorted(card.parent for card in parent.glob("*/card.json"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part; survives a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """`write_bytes` of readable JSON."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path, default: Any = None) -> Any:
    """The value of a JSON file, or ``default`` where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
