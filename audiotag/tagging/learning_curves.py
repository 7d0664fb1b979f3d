"""The learning curves of an ensemble's folds, in a file beside its card.

``audiotag publish`` writes it from the run, so that the ensemble's report has the curves wherever the ensemble goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audiotag.errors import AudiotagError
from audiotag.state import fits
from audiotag.tagging.card import Card
from audiotag.workspace import read_json, write_json

FILE = "curves.json"
FORMAT = 1
EPOCH_SHAPE = {
    "fold": int, "stage": int, "epoch": int, "lwlrap": float, "train_loss": (float, None), "valid_loss": (float, None),
}  # fmt: skip
SHAPE = {"epochs": [dict], "folds": [str]}
MAX_EPOCHS = 100_000
DIGITS = 5


@dataclass(frozen=True)
class Epoch:
    """One epoch of one fold, measured on the clips that the fold holds out.

    Attributes
    ----------
    fold : int
        Its number; -1 for a network that all folds begin with.
    stage : int
        From 1.
    epoch : int
        Its number within the fold, over all stages, from 1.
    lwlrap : float
        0 to 1.
    train_loss, valid_loss : float or None
        None where it was not measured.
    """

    fold: int
    stage: int
    epoch: int
    lwlrap: float
    train_loss: float | None = None
    valid_loss: float | None = None


def write_curves(folder: Path, epochs: Sequence[Epoch], folds: Sequence[str]) -> None:
    """Write the curves into an ensemble's folder.

    Parameters
    ----------
    folder : Path
    epochs : sequence of Epoch
    folds : sequence of str
        Checksums of the weights, as in the card.
    """
    rows = [
        {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in asdict(epoch).items()}
        for epoch in epochs
    ]
    write_json(folder / FILE, {"format": FORMAT, "folds": list(folds), "epochs": rows})


def read_curves(folder: Path, card: Card) -> tuple[Epoch, ...]:
    """Read the curves in an ensemble's folder; empty if there are none, or if they are of other weights.

    Raises
    ------
    AudiotagError
        If the file is damaged.
    """
    try:
        values: Any = read_json(folder / FILE)
        if values is None:
            return ()
        if values["format"] != FORMAT or not fits(values, SHAPE) or len(values["epochs"]) > MAX_EPOCHS:
            raise ValueError("a field is missing or has another type")
        if not fits(values["epochs"], [EPOCH_SHAPE]):
            raise ValueError("an epoch is missing a field, or one has another type")
        epochs = tuple(Epoch(**row) for row in values["epochs"])
        if not all(0 <= epoch.lwlrap <= 1 and epoch.epoch > 0 for epoch in epochs):
            raise ValueError("a value is out of its range")
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise AudiotagError(
            f"{folder.name}/{FILE} is damaged or of another version; delete it, or copy the ensemble again."
        ) from error
    return epochs if tuple(values["folds"]) == card.fold_checksums else ()
