"""The training of one fold: fastai's Learner on fastaudio's types. The only importer of both."""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.networks import build_network
from audiotag.sound.on_device import LogMel, NetworkInput
from audiotag.training.augmentation import augmented
from audiotag.training.batches import Batch, Batches, Part, workers_for
from audiotag.training.fastaudio_today import import_fastaudio
from audiotag.training.recipe import Recipe, Stage

import_fastaudio()

from fastai.callback.core import Callback, CancelFitException  # noqa: E402
from fastai.callback.fp16 import AMPMode, MixedPrecision  # noqa: E402
from fastai.callback.schedule import LRFinder, ParamScheduler, combined_cos, valley  # noqa: E402
from fastai.data.core import DataLoaders  # noqa: E402
from fastai.learner import Learner  # noqa: E402
from fastai.optimizer import Adam, ranger  # noqa: E402
from fastai.torch_core import TensorMultiCategory, set_seed  # noqa: E402
from fastaudio.core.signal import AudioTensor  # noqa: E402
from fastaudio.core.spectrogram import AudioSpectrogram  # noqa: E402

PROGRESS_EVERY_S = 0.5
FOCAL_GAMMA = 2.0
NARROW = 16  # places: oneDNN leaves bf16 gradients of convolutions over a map one pixel wide unwritten (torch 2.11)
WARM_UP = 0.25  # of one-cycle; fastai's own, as are its divisors and the share of flat-cosine that is flat
FLAT = 0.75
START_DIVISOR, END_DIVISOR = 25.0, 1e5


@dataclass(frozen=True)
class Split:
    """What one fold trains on and is measured on in one stage.

    Attributes
    ----------
    curated : Part or None
        In a noisy stage the curated clips that the fold holds out later, measured beside its own.
    """

    train: Part
    valid: Part
    curated: Part | None = None


@dataclass(frozen=True)
class Epoch:
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
class Watch:
    """What the worker wants to hear and say while a stage trains.

    ``on_epoch`` hears of an epoch that is done, with all that is needed to go on from there; ``on_batch`` gets epoch,
    batch, batches, mean loss of the epoch so far, and whether held-out clips are being measured.
    """

    on_epoch: Callable[[Epoch, dict[str, Any]], None]
    on_batch: Callable[[int, int, int, float, bool], None]
    must_stop: Callable[[], bool]


class FoldTrainer:
    """Trains one fold, stage after stage.

    Parameters
    ----------
    recipe : Recipe
    labels : tuple[str, ...]
        The vocabulary; one logit each.
    fold : int
        Only seeds the draws.
    device : str
        As torch names it.
    """

    def __init__(self, recipe: Recipe, labels: tuple[str, ...], fold: int, device: str) -> None:
        self.recipe, self.labels, self.fold = recipe, labels, fold
        self.device = torch.device(device)
        self.optimiser: dict[str, Any] | None = None  # the state that the stage before left
        self._build(0)

    def _build(self, stage_number: int) -> None:
        on_gpu = self.device.type == "cuda"  # cuDNN takes another sum each time unless it is told not to
        set_seed(self.recipe.seed + self.fold + 1000 * stage_number, reproducible=on_gpu)
        network = build_network(self.recipe.network, len(self.labels), self.recipe.spectrogram.channels)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def state(self) -> dict[str, Any]:
        """Weights, optimiser and torch's generators, as plain containers of tensors and numbers; copies."""
        generators = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(self.device)
        return copy.deepcopy(
            {"network": dict(self.network.state_dict()), "optimiser": self.optimiser, "generators": generators}
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.network.load_state_dict(state["network"])
        self.optimiser = state["optimiser"]
        torch.set_rng_state(state["generators"]["cpu"])
        if self.device.type == "cuda" and "cuda" in state["generators"]:
            torch.cuda.set_rng_state(state["generators"]["cuda"], self.device)

    def train(self, stage_number: int, stage: Stage, split: Split, watch: Watch, done: int = 0) -> bool:
        """Run one stage from the epoch after ``done``; False if it was stopped before its end.

        Raises
        ------
        FloatingPointError
            If the training diverges; whatever else a batch or ``watch`` raises comes as it is.
        """
        recipe = self.recipe
        if done == 0 and stage_number and stage.start == "scratch":
            self._build(stage_number)
        if done == 0 and stage.start != "weights and optimiser":
            self.optimiser = None
        seed = stage_seed(recipe, self.fold, stage_number)
        train = Batches(split.train, recipe, stage, seed, training=True)
        valid = Batches(split.valid, recipe, stage, seed + 1, training=False)
        curated = Batches(split.curated, recipe, stage, seed + 2, training=False) if split.curated else None
        watching = _Watching(self, train, valid, curated, watch, done)
        learner = self._learner(train, valid, [watching])
        with learner.no_bar(), learner.no_logging():
            learner.fit(stage.epochs, stage.lr, cbs=ParamScheduler(_schedule(recipe, stage)), start_epoch=done)
        if watching.error is not None:
            raise watching.error
        self.optimiser = _plain(learner.opt.state_dict())
        del learner, train, valid, curated
        gc.collect()  # fastai's callbacks hold each other, and with them the frames that were kept
        return not watching.stopped

    def find_rates(
        self, stage: Stage, part: Part, batches: int, most_s: float
    ) -> tuple[list[float], list[float], float | None]:
        """Train on ``part`` at rates from 1e-6 to 1, each batch at a higher one (Smith 2015, section 3.3).

        By fastai's `LRFinder`: it ends early where the smoothed loss is four times its lowest, here also where that is
        no number and after ``most_s``.

        Returns
        -------
        tuple[list of float, list of float, float or None]
            Rates; losses, smoothed; fastai's suggestion "valley", the middle of the longest stretch over which the
            loss falls, None where it does not.
        """
        train = Batches(part, self.recipe, stage, stage_seed(self.recipe, self.fold, 0), training=True)
        learner = self._learner(train, train, [])
        learner.recorder.smooth_loss.beta = 1 - 2 / batches  # fastai's 0.98 for its 100 batches
        with learner.no_bar(), learner.no_logging():
            learner.fit(-(-batches // len(train)), cbs=_RateFinder(batches, most_s))
        losses = [float(loss) for loss in learner.recorder.losses]
        count = next((number for number, loss in enumerate(losses) if not np.isfinite(loss)), len(losses))
        rates, losses = [float(rate) for rate in learner.recorder.lrs[:count]], losses[:count]
        judged = slice(batches // 10, max(count - batches // 20, 0))  # without the first and the last, as fastai does
        falls = min(losses[judged], default=np.inf) < max(losses[judged][:1], default=-np.inf)
        return rates, losses, valley(rates[judged], losses[judged], batches)[0] if falls else None

    def scores(self, part: Part, stage: Stage) -> np.ndarray:
        """Scores (after the sigmoid) of whole-framed clips as they are, shape ``(clips, labels)``, float32.

        In full precision: a published ensemble is held to them.
        """
        plain = Batches(part, replace(self.recipe, augment_held_out=False), stage, 0, training=False)
        return self.scores_of(plain, 0, nullcontext)

    def scores_of(self, batches: Batches, epoch: int, autocast: Callable[[], Any]) -> np.ndarray:
        """Scores of batches as they come."""
        self.network.eval()
        loader, parts = _Loader(batches, self.device), []
        prepare = _OnDevice(loader, loader)
        with torch.inference_mode():
            for batch in loader.batches_of(epoch):
                pictures, _ = prepare.pictures(loader, *loader.tensors(batch))
                with autocast():
                    logits = self.network(pictures)
                parts.append(logits.float().sigmoid().cpu().numpy())
        return np.concatenate(parts)

    def _learner(self, train: Batches, valid: Batches, callbacks: list[Callback]) -> Learner:
        loaders = [_Loader(batches, self.device) for batches in (train, valid)]
        places = self.recipe.network.places(self.recipe.frames_of(train.stage))
        learner = Learner(
            DataLoaders(*loaders),
            self.network,
            loss_func=_focal if self.recipe.loss == "focal" else _cross_entropy,
            opt_func=ranger if self.recipe.optimiser == "ranger" else Adam,
            wd=self.recipe.weight_decay,
            cbs=[_OnDevice(*loaders), *_precision(self.device, places), *callbacks],
        )
        learner.create_opt()
        if self.optimiser is not None:
            state = _moved(self.optimiser, self.device)
            state["hypers"] = learner.opt.hypers  # the schedule sets them
            learner.opt.load_state_dict(state)
        return learner


def stage_seed(recipe: Recipe, fold: int, stage_number: int) -> int:
    """What the draws of a fold's stage are seeded by."""
    return recipe.seed + 1000 * (fold % 100) + 100_000 * stage_number


class _Loader:
    """Batches as fastai's loop wants them: iterable, sized, on a device."""

    n_inp = 1

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self.batches, self.device = batches, device
        self.makes_pictures = device.type == "cpu"
        self.current: Batch | None = None
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in self.batches_of(self.epoch):
            yield self.tensors(batch)

    def batches_of(self, epoch: int) -> Iterator[Batch]:
        """An epoch's batches; `current` is the one in use."""
        for batch in self.batches.epoch(epoch, self.makes_pictures, workers_for(self.device.type)):
            self.current = batch
            yield batch

    def tensors(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures or waveforms, and targets, in fastai's types, on the device."""
        values, targets = torch.from_numpy(batch.values), torch.from_numpy(batch.targets)
        if self.device.type == "cuda":
            values, targets = values.pin_memory(), targets.pin_memory()
        kind = AudioSpectrogram if self.makes_pictures else AudioTensor
        return (
            kind(values.to(self.device, non_blocking=True)),
            TensorMultiCategory(targets.to(self.device, non_blocking=True)),
        )


class _OnDevice(Callback):
    """Makes waveforms into augmented pictures where the network is; pictures that the CPU made pass."""

    order = 15  # after fastai has cast its types away

    def __init__(self, train: _Loader, valid: _Loader) -> None:
        super().__init__()
        settings = train.batches.settings
        self.train_loader, self.valid_loader = train, valid
        self.log_mel = LogMel(settings).to(train.device)
        self.finish = NetworkInput(settings)

    def before_batch(self) -> None:
        loader = self.train_loader if self.training else self.valid_loader
        pictures, targets = self.pictures(loader, self.xb[0], self.yb[0])
        self.learn.xb, self.learn.yb = (pictures,), (targets,)

    def pictures(
        self, loader: _Loader, values: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The steps of `audiotag.training.batches.Batches`, on the device, by the same draws."""
        values, targets = values.as_subclass(torch.Tensor), targets.as_subclass(torch.Tensor)
        if loader.makes_pictures:
            return values, targets
        assert loader.current is not None
        chain, draw = loader.batches.chain, loader.current.generator
        values, targets = augmented(chain.on_waveforms, values, targets, draw)
        log_mels, targets = augmented(chain.on_log_mels, self.log_mel(values)[:, None], targets, draw)
        return augmented(chain.on_pictures, self.finish(log_mels[:, 0]), targets, draw)


def _kept(event: Callable[[Any], None]) -> Callable[[Any], None]:
    """An error in this event ends the fit and is kept as it is: fastai would put words of its own in its place."""

    @wraps(event)
    def told(self: _Watching) -> None:
        try:
            event(self)
        except CancelFitException:
            raise
        except Exception as error:
            self.error = error
            raise CancelFitException from error

    return told


class _Watching(Callback):
    """Measures epochs, tells the worker of them, and stops when it asks."""

    order = 70  # after the schedule, which must have set the rate that is told

    def __init__(
        self,
        trainer: FoldTrainer,
        train: Batches,
        valid: Batches,
        curated: Batches | None,
        watch: Watch,
        done: int,
    ) -> None:
        super().__init__()
        self.trainer, self.train, self.valid, self.curated = trainer, train, valid, curated
        self.watch, self.done, self.stopped, self.told = watch, done, False, 0.0
        self.error: Exception | None = None

    def before_epoch(self) -> None:
        if self.epoch >= self.done:
            for loader in self.dls.loaders:
                loader.epoch = self.epoch
            self.began = time.perf_counter()
            self.loss_sum, self.loss_count = torch.zeros((), device=self.trainer.device), 0

    @_kept
    def before_validate(self) -> None:
        self.train_loss = float(self.loss_sum) / max(1, self.loss_count)
        self.train_seconds = round(time.perf_counter() - self.began, 3)
        self._require_finite()
        self.scores: list[torch.Tensor] = []
        self.targets: list[torch.Tensor] = []
        self.loss_sum, self.loss_count = torch.zeros((), device=self.trainer.device), 0

    @_kept
    def after_batch(self) -> None:
        self.loss_sum += self.loss.detach() * len(self.y)
        self.loss_count += len(self.y)
        if not self.training:
            self.scores.append(self.pred.detach().float().sigmoid())
            self.targets.append(self.y)
        now = time.perf_counter()
        if now - self.told > PROGRESS_EVERY_S:
            self.told = now
            if self.training:
                self.train_loss = float(self.loss_sum) / self.loss_count
                self._require_finite()
            self.watch.on_batch(self.epoch + 1, self.iter + 1, self.n_iter, self.train_loss, not self.training)
        if self.watch.must_stop():
            self.stopped = True
            raise CancelFitException

    def _require_finite(self) -> None:
        if not np.isfinite(self.train_loss):
            raise FloatingPointError(
                f"the training loss became {self.train_loss} in epoch {self.epoch + 1}; try a lower lr in the recipe."
            )

    @_kept
    def after_epoch(self) -> None:
        if self.epoch < self.done:
            return  # skipped, for it was done before
        scores, targets = (torch.cat(parts).cpu().numpy() for parts in (self.scores, self.targets))
        if not np.isfinite(scores).all():  # the last step of the epoch may be the one
            self.train_loss = float("nan")
            self._require_finite()
        per_class, _ = lwlrap_per_class(targets, scores)
        curated_lwlrap = None
        if self.curated is not None:
            places = self.trainer.recipe.network.places(self.curated.settings.width)
            autocast = _autocast(self.trainer.device, places)
            curated_scores = self.trainer.scores_of(self.curated, self.epoch, autocast)
            curated_lwlrap = lwlrap(self.curated.part.targets, curated_scores)
        epoch = Epoch(
            epoch=self.epoch + 1,
            train_loss=self.train_loss,
            valid_loss=float(self.loss_sum) / self.loss_count,
            lwlrap=lwlrap(targets, scores),
            accuracy=accuracy(targets, scores),
            curated_lwlrap=curated_lwlrap,
            per_class=[round(float(value), 4) if np.isfinite(value) else None for value in per_class],
            lr=float(self.opt.hypers[-1]["lr"]),
            train_seconds=self.train_seconds,
            seconds=round(time.perf_counter() - self.began, 3),
        )
        self.trainer.optimiser = _plain(self.opt.state_dict())
        self.watch.on_epoch(epoch, self.trainer.state())


class _RateFinder(LRFinder):
    """fastai's, which would pickle the weights beside the program to bring them back afterwards."""

    def __init__(self, batches: int, most_s: float) -> None:
        super().__init__(start_lr=1e-6, end_lr=1.0, num_it=batches)
        self.ends = time.monotonic() + most_s

    def before_fit(self) -> None:
        ParamScheduler.before_fit(self)
        self.best_loss = float("inf")

    def before_epoch(self) -> None:
        self.dls.train.epoch = self.epoch

    def after_batch(self) -> None:
        super().after_batch()
        if not np.isfinite(float(self.smooth_loss)) or time.monotonic() > self.ends:
            raise CancelFitException

    def after_fit(self) -> None:
        ParamScheduler.after_fit(self)


class _Autocast(Callback):
    """bf16 where the device computes it faster than fp32; fastai's own only knows CUDA."""

    order = 20

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self.make = make
        self.context: Any = None

    def before_batch(self) -> None:
        self.context = self.make()
        self.context.__enter__()

    def after_pred(self) -> None:
        self.learn.pred = self.pred.float()
        self.leave()

    def leave(self) -> None:
        if self.context is not None:
            self.context.__exit__(None, None, None)
            self.context = None

    after_cancel_batch = after_cancel_fit = leave


def precision_of(device: torch.device) -> str:
    """What a network is trained in on a device: "bf16", "fp16" or "fp32"."""
    if device.type == "cpu":
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return "bf16" if fast else "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "fp32"


def _precision(device: torch.device, places: int) -> list[Callback]:
    if precision_of(device) == "fp16":
        return [MixedPrecision(amp_mode=AMPMode.FP16)]  # which scales the loss
    return [_Autocast(_autocast(device, places))]


def _autocast(device: torch.device, places: int) -> Callable[[], Any]:
    if device.type == "cpu" and places <= NARROW:
        return nullcontext
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    precision = precision_of(device)
    return (lambda: torch.autocast(device.type, kinds[precision])) if precision in kinds else nullcontext


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, targets)


def _focal(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Focal loss (Lin et al. 2017, equation 4), for soft targets by their two parts."""
    wrong = torch.sigmoid(torch.stack([-logits, logits]))  # one minus the score of the truth, for 1 and for 0
    losses = -functional.logsigmoid(torch.stack([logits, -logits])) * wrong**FOCAL_GAMMA
    return (losses * torch.stack([targets, 1 - targets])).sum(0).mean()


def _schedule(recipe: Recipe, stage: Stage) -> dict[str, Any]:
    """fastai's ``fit_flat_cos`` and ``fit_one_cycle``, which cannot both begin in the middle."""
    if recipe.schedule == "flat-cosine":
        return {"lr": combined_cos(FLAT, stage.lr, stage.lr, stage.lr / END_DIVISOR)}
    return {
        "lr": combined_cos(WARM_UP, stage.lr / START_DIVISOR, stage.lr, stage.lr / END_DIVISOR),
        "mom": combined_cos(WARM_UP, 0.95, 0.85, 0.95),
    }


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """fastai's optimiser state without its hyper-parameters, in lists and dicts alone."""
    plain: dict[str, Any] = {"state": [dict(values) for values in state["state"]]}
    if "count" in state:
        slow = state["slow_weights"]
        plain |= {"count": state["count"], "slow_weights": slow and [list(group) for group in slow]}
    return plain


def _moved(value: Any, device: torch.device) -> Any:
    """A copy with all tensors on the device."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().to(device)
    if isinstance(value, dict):
        return {key: _moved(item, device) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, device) for item in value]
    return value
