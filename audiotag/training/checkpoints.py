"""Write and read the checkpoints of a fold; each is one file with all that resuming after its epoch needs.

The last two are kept: with the newest damaged, the fold resumes one epoch earlier and trains the lost epoch again, to
the same bits. A checkpoint ends with a checksum of the rest, which those of audiotag 0.1 lack.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from audiotag.state import read_state
from audiotag.workspace import open_atomic

CHECKPOINT, PREVIOUS = "checkpoint.pt", "checkpoint-previous.pt"
CHECKSUM_MARK = b"\naudiotag sha256 "
CHECKSUM_BYTES = len(CHECKSUM_MARK) + 64


def save_checkpoint(folder: Path, values: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dicts; a kill leaves the checkpoint before it whole."""
    buffer = io.BytesIO()
    torch.save(values, buffer)
    with open_atomic(folder / CHECKPOINT, keep_old_as=folder / PREVIOUS) as file:
        file.write(buffer.getbuffer())
        file.write(CHECKSUM_MARK + hashlib.sha256(buffer.getbuffer()).hexdigest().encode())


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint that is whole, its tensors on the CPU, or None; runs no code from a file.

    One that cannot be read is an `OSError`, not None: training on would replace it, and it is probably intact.
    """
    what_then = "the fold resumes one epoch earlier" if (folder / PREVIOUS).exists() else "the fold starts anew"
    newest = load_newest_checkpoint(folder, what_then)
    return newest or read_state(folder / PREVIOUS, _parse, None, "the fold starts anew", raise_unreadable=True)


def load_newest_checkpoint(folder: Path, otherwise: str) -> dict[str, Any] | None:
    """The last checkpoint, or None if it is damaged; ``otherwise`` says what happens then."""
    return read_state(folder / CHECKPOINT, _parse, None, otherwise, raise_unreadable=True)


def remove_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a fold that is finished, damaged ones too."""
    for path in folder.glob("checkpoint*.pt*"):
        path.unlink(missing_ok=True)


def _parse(content: bytes) -> dict[str, Any]:
    view = memoryview(content)
    if content[-CHECKSUM_BYTES:].startswith(CHECKSUM_MARK):
        view, checksum = view[:-CHECKSUM_BYTES], content[-64:]
        if hashlib.sha256(view).hexdigest().encode() != checksum:
            raise ValueError("the checksum is another one")
    values = torch.load(io.BytesIO(view), map_location="cpu", weights_only=True)
    if not isinstance(values, dict) or not isinstance(values.get("state"), dict):
        raise ValueError("it has no state")
    return values
