"""TODO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audiotag.training.clips import LabelledClips


@dataclass(frozen=True)
class FoldSplit:
    """What one fold trains on and is measured on in one stage.

    Attributes
    ----------
    curated : Part or None
        In a noisy stage the curated clips that the fold holds out later, measured beside its own.
    """

    train: LabelledClips
    valid: LabelledClips
    curated: LabelledClips | None = None


@dataclass(frozen=True)
class EpochResult:
    """What one epoch gave on the fold's held-out clips; ``per_class`` is None for labels without a positive.

    ``seconds`` are those of the whole epoch, ``train_seconds`` those until held-out clips were measured.
    """

    epoch: int
    train_loss: float
    valid_loss: float
    lwlrap: float
    accuracy: float
    curated_lwlrap: float | None
    per_class: list[float | None]
    lr: float
    train_seconds: float
    seconds: float


@dataclass(frozen=True)
class TrainingCallbacks:
    """What the worker wants to hear and say while a stage trains.

    ``on_epoch`` hears of an epoch that is done, with all that is needed to go on from there; ``on_batch`` gets epoch,
    batch, batches, mean loss of the epoch so far, and whether held-out clips are being measured.
    """

    on_epoch: Callable[[EpochResult, dict[str, Any]], None]
    on_batch: Callable[[int, int, int, float, bool], None]
    must_stop: Callable[[], bool]
