"""What the worker and the trainer of a fold pass each other: the fold's clips, results of epochs, callbacks."""

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
    train : LabelledClips
    valid : LabelledClips
        The clips that the fold holds out.
    curated : LabelledClips or None
        In a noisy stage the curated clips that the fold holds out later; measured as well.
    negatives : LabelledClips or None
        Sounds with none of the labels that batches have beside the clips of ``train``.
    held_out_negatives : LabelledClips or None
        Those that no fold trains on; measured as well.
    """

    train: LabelledClips
    valid: LabelledClips
    curated: LabelledClips | None = None
    negatives: LabelledClips | None = None
    held_out_negatives: LabelledClips | None = None


@dataclass(frozen=True)
class EpochResult:
    """Figures of one epoch; all but the training loss are of the fold's held-out clips.

    Attributes
    ----------
    epoch : int
        From 1.
    train_loss, valid_loss : float
    lwlrap, accuracy : float
        0 to 1.
    curated_lwlrap : float or None
        lwlrap of the curated clips of a noisy stage.
    per_class : list of float or None
        lwlrap of each label; None for a label that no held-out clip has.
    lr : float
        Learning rate at the end of the epoch.
    rates : list of [float, float]
        Learning rates in the course of the epoch: the share of its batches that are done, above 0 to 1, and the rate
        of the last one of these.
    train_seconds, seconds : float
        Seconds of the training part, and of the whole epoch with its measurement.
    negatives_tagged : float or None
        Share of the held-out negatives with a score of 0.5 or more for any label; None without negatives.
    """

    epoch: int
    train_loss: float
    valid_loss: float
    lwlrap: float
    accuracy: float
    curated_lwlrap: float | None
    per_class: list[float | None]
    lr: float
    rates: list[list[float]]
    train_seconds: float
    seconds: float
    negatives_tagged: float | None = None


@dataclass(frozen=True)
class TrainingCallbacks:
    """Callbacks that the trainer calls while it trains a stage.

    Attributes
    ----------
    on_epoch : callable(result, state)
        Called after each epoch, with the state from which `FoldTrainer.restore` can resume.
    on_batch : callable(epoch, batch, batches, loss, is_measuring)
        Called every half second: epoch and batch from 1, mean loss of the epoch so far, whether held-out clips are
        being measured.
    must_stop : callable
        Asked after each batch.
    """

    on_epoch: Callable[[EpochResult, dict[str, Any]], None]
    on_batch: Callable[[int, int, int, float, bool], None]
    must_stop: Callable[[], bool]
