"""fastai callbacks of a training: make network inputs on the device, measure epochs, find a learning rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import LRFinder, ParamScheduler

from audiotag.augmentation.chain import apply_all
from audiotag.features.torch_log_mel import NetworkInput, crop_features
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.training.backend.loader import BatchLoader
from audiotag.training.backend.optimiser import plain_state
from audiotag.training.early_stop import soonest_end
from audiotag.training.progress import EpochResult, TrainingCallbacks
from audiotag.training.teaching import Teacher

PROGRESS_EVERY_S = 0.5
MAX_RATES, MIN_RATES_PER_EPOCH = 100, 4  # learning rates that a stage reports, and that each of its epochs may report


class InputsOnDevice(Callback):
    """Compute augmented network inputs from waveforms on the device; inputs that the CPU made stay as they are.

    Parameters
    ----------
    train, valid : BatchLoader
    """

    order = 15  # after fastai has cast its types away

    def __init__(self, train: BatchLoader, valid: BatchLoader) -> None:
        super().__init__()
        settings = train.batches.settings
        self.train_loader, self.valid_loader = train, valid
        self.features = crop_features(settings).to(train.device)
        self.finish = NetworkInput(settings)

    def before_batch(self) -> None:
        """Replace waveforms by network inputs, and give the loss the kinds of the clips."""
        loader = self.train_loader if self.training else self.valid_loader
        inputs, targets = self.inputs(loader, self.xb[0], self.yb[0])
        assert loader.current is not None
        self.learn.xb, self.learn.yb = (inputs,), (targets, loader.current.kinds)

    def inputs(
        self, loader: BatchLoader, values: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Network inputs and targets: the steps of `audiotag.training.batches.Batches`, with the same random draws."""
        values, targets = values.as_subclass(torch.Tensor), targets.as_subclass(torch.Tensor)
        if loader.makes_inputs:
            return values, targets
        assert loader.current is not None
        chain, rng, pools = loader.batches.chain, loader.current.rng, loader.batches.pools_of(loader.current.items)
        values, targets = apply_all(chain.on_waveforms, values, targets, rng, pools)
        features, targets = apply_all(chain.on_log_mels, self.features(values)[:, None], targets, rng, pools)
        return apply_all(chain.on_network_inputs, self.finish(features[:, 0]), targets, rng, pools)


class TeacherTargets(Callback):
    """Mix the scores of a teacher into the targets of training batches; held-out clips are measured by their labels.

    Parameters
    ----------
    teacher : Teacher
    """

    order = InputsOnDevice.order + 1  # the teacher scores the augmented inputs

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.teacher = teacher

    def before_batch(self) -> None:
        """Replace the targets of a training batch; the batch's own generator says who teaches which clip."""
        if not self.training:
            return
        batch = self.dls.train.current
        targets, kinds = self.learn.yb
        self.learn.yb = (self.teacher.targets(self.xb[0], targets, batch.items, batch.rng), kinds)


def end_fit_on_error(event: Callable[[Any], None]) -> Callable[[Any], None]:
    """Decorate an event of `EpochCallback`: an error ends the fit and is stored in ``error``.

    Without it fastai would raise the error with a message of its own.
    """

    @wraps(event)
    def guarded(self: EpochCallback) -> None:
        try:
            event(self)
        except CancelFitException:
            raise
        except Exception as error:
            self.error = error
            raise CancelFitException from error

    return guarded


class EpochCallback(Callback):
    """Measures each epoch, reports it with `TrainingCallbacks`, and stops the training when they ask for it.

    Parameters
    ----------
    device : torch.device
    callbacks : TrainingCallbacks
    epochs_done : int
        Epochs of an earlier training that are skipped.
    curated_lwlrap : callable(epoch)
        lwlrap of held-out curated clips in a noisy stage; None where there are none.
    checkpoint : callable(optimiser state)
        All that is needed to resume after this epoch.
    lwlraps : list of float
        lwlrap after each epoch of the stage so far; each epoch adds its own.
    stop_after : int
        As `audiotag.training.recipe.Stage.stop_after`.
    negatives_tagged : callable(epoch)
        The share of held-out negatives that get a tag; None where there are none.

    Attributes
    ----------
    stopped : bool
        Whether the training was asked to stop.
    error : Exception or None
        What ended the fit.
    """

    order = 70  # after the schedule, which must have set the learning rate that is reported

    def __init__(
        self,
        device: torch.device,
        callbacks: TrainingCallbacks,
        epochs_done: int,
        curated_lwlrap: Callable[[int], float | None],
        checkpoint: Callable[[dict[str, Any]], dict[str, Any]],
        lwlraps: list[float],
        stop_after: int,
        negatives_tagged: Callable[[int], float | None] = lambda epoch: None,
    ) -> None:
        super().__init__()
        self.lwlraps, self.stop_after = lwlraps, stop_after
        self.device, self.callbacks, self.epochs_done = device, callbacks, epochs_done
        self.curated_lwlrap, self.checkpoint = curated_lwlrap, checkpoint
        self.negatives_tagged = negatives_tagged
        self.stopped, self.reported_at = False, 0.0
        self.error: Exception | None = None

    def before_epoch(self) -> None:
        """Start the epoch's clock and its sums."""
        if self.epoch >= self.epochs_done:
            for loader in self.dls.loaders:
                loader.epoch = self.epoch
            self.began = time.perf_counter()
            self.loss_sum, self.loss_count = torch.zeros((), device=self.device), 0
            self.rates: list[float] = []

    @end_fit_on_error
    def before_validate(self) -> None:
        """Finish the training part of the epoch."""
        self.train_loss = float(self.loss_sum) / max(1, self.loss_count)
        self.train_seconds = round(time.perf_counter() - self.began, 3)
        self._require_finite()
        self.scores: list[torch.Tensor] = []
        self.targets: list[torch.Tensor] = []
        self.loss_sum, self.loss_count = torch.zeros((), device=self.device), 0

    @end_fit_on_error
    def after_batch(self) -> None:
        """Add the batch to the epoch's sums, report progress, and stop where that is asked."""
        targets = self.yb[0]
        self.loss_sum += self.loss.detach() * len(targets)
        self.loss_count += len(targets)
        if self.training:
            self.rates.append(float(self.opt.hypers[-1]["lr"]))
        else:
            self.scores.append(self.pred.detach().float().sigmoid())
            self.targets.append(targets)
        now = time.perf_counter()
        if now - self.reported_at > PROGRESS_EVERY_S:
            self.reported_at = now
            if self.training:
                self.train_loss = float(self.loss_sum) / self.loss_count
                self._require_finite()
            self.callbacks.on_batch(self.epoch + 1, self.iter + 1, self.n_iter, self.train_loss, not self.training)
        if self.callbacks.must_stop():
            self.stopped = True
            raise CancelFitException

    def _require_finite(self) -> None:
        if not np.isfinite(self.train_loss):
            raise FloatingPointError(
                f"the training loss became {self.train_loss} in epoch {self.epoch + 1}; try a lower lr in the recipe."
            )

    @end_fit_on_error
    def after_epoch(self) -> None:
        """Measure the epoch and report it."""
        if self.epoch < self.epochs_done:
            return  # skipped, for it was done before
        scores, targets = (torch.cat(parts).cpu().numpy() for parts in (self.scores, self.targets))
        if not np.isfinite(scores).all():  # the last step of the epoch may be the one
            self.train_loss = float("nan")
            self._require_finite()
        per_class, _ = lwlrap_per_class(targets, scores)
        epoch = EpochResult(
            epoch=self.epoch + 1,
            train_loss=self.train_loss,
            valid_loss=float(self.loss_sum) / self.loss_count,
            lwlrap=lwlrap(targets, scores),
            accuracy=accuracy(targets, scores),
            curated_lwlrap=self.curated_lwlrap(self.epoch),
            per_class=[round(float(value), 4) if np.isfinite(value) else None for value in per_class],
            lr=float(self.opt.hypers[-1]["lr"]),
            rates=evenly_spaced(self.rates, max(MIN_RATES_PER_EPOCH, MAX_RATES // self.n_epoch)),
            train_seconds=self.train_seconds,
            negatives_tagged=self.negatives_tagged(self.epoch),
            seconds=round(time.perf_counter() - self.began, 3),
        )
        self.lwlraps.append(epoch.lwlrap)
        self.callbacks.on_epoch(epoch, self.checkpoint(plain_state(self.opt.state_dict())))
        if len(self.lwlraps) >= soonest_end(self.lwlraps, self.n_epoch, self.stop_after):
            raise CancelFitException


def evenly_spaced(rates: list[float], most: int) -> list[list[float]]:
    """At most so many of an epoch's learning rates, the last one among them, each with the share of batches done.

    >>> evenly_spaced([0.1, 0.2, 0.3, 0.4], 2)
    [[0.5, 0.2], [1.0, 0.4]]
    """
    batches = len(rates)
    done = sorted({round(batches * part / most) for part in range(1, most + 1)} - {0})
    return [[round(number / batches, 4), rates[number - 1]] for number in done]


class RateFinder(LRFinder):
    """fastai's learning-rate finder, without the pickle of the weights that it writes to restore them afterwards.

    Parameters
    ----------
    batches : int
        Learning rates to try, from 1e-6 to 1.
    max_s : float
        Seconds after which it ends.
    """

    def __init__(self, batches: int, max_s: float) -> None:
        super().__init__(start_lr=1e-6, end_lr=1.0, num_it=batches)
        self.deadline = time.monotonic() + max_s

    def before_fit(self) -> None:
        """Start the schedule of rates."""
        ParamScheduler.before_fit(self)
        self.best_loss = float("inf")

    def before_epoch(self) -> None:
        """Tell the loader which epoch it is."""
        self.dls.train.epoch = self.epoch

    def after_batch(self) -> None:
        """Record the loss; stop where it is not finite or time is up."""
        super().after_batch()
        if not np.isfinite(float(self.smooth_loss)) or time.monotonic() > self.deadline:
            raise CancelFitException

    def after_fit(self) -> None:
        """End the schedule, keeping the weights as they are."""
        ParamScheduler.after_fit(self)
