"""Write and read the checkpoint of a fold: one file with all that resuming after its last epoch needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from audiotag.workspace import open_atomic

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(folder: Path, values: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dicts; a kill leaves the old checkpoint or the new one, whole."""
    with open_atomic(folder / CHECKPOINT) as file:
        torch.save(values, file)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last checkpoint, its tensors on the CPU, or None; runs no code from the file."""
    path = folder / CHECKPOINT
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


def remove_checkpoint(folder: Path) -> None:
    """Delete the checkpoint of a fold that is finished, if there is one."""
    (folder / CHECKPOINT).unlink(missing_ok=True)
