"""The training of one fold: fastai's Learner on fastaudio's types. The only importer of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from audiotag.metrics import accuracy, lwlrap
from audiotag.networks import build_network
from audiotag.sound.on_device import NetworkInput
from audiotag.training.devices import too_old
from audiotag.training.fastaudio_today import import_fastaudio
from audiotag.training.pictures import Clip
from audiotag.training.recipe import Recipe, Stage

import_fastaudio()

from fastai.callback.core import Callback, CancelFitException  # noqa: E402
from fastai.callback.mixup import MixUp  # noqa: E402
from fastai.callback.schedule import Learner  # noqa: E402  (patched with fit_one_cycle and fit_flat_cos)
from fastai.data.core import DataLoaders  # noqa: E402
from fastai.data.load import DataLoader  # noqa: E402
from fastai.losses import BCEWithLogitsLossFlat  # noqa: E402
from fastai.metrics import AccumMetric, ActivationType  # noqa: E402
from fastai.optimizer import Adam, ranger  # noqa: E402
from fastai.torch_core import TensorMultiCategory, set_seed  # noqa: E402
from fastaudio.augment.spectrogram import MaskFreq, MaskTime  # noqa: E402
from fastaudio.core.spectrogram import AudioSpectrogram  # noqa: E402

PROGRESS_EVERY_S = 0.5


@dataclass(frozen=True)
class Split:
    """The clips of one subset and one fold, with multi-hot targets of shape ``(clips, labels)``, float32."""

    train: list[Clip]
    train_targets: np.ndarray
    valid: list[Clip]
    valid_targets: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave, on the fold's own held-out clips, seen whole-framed and without augmentation."""

    epoch: int
    train_loss: float
    valid_loss: float
    lwlrap: float
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Watch:
    """What the worker wants to hear and say while a stage trains."""

    on_epoch: Callable[[Epoch], None]
    on_batch: Callable[[int, int, float], None]  # batch, batches, running loss
    must_stop: Callable[[], bool]


class Pictures:
    """Items for fastai's loader: an ``AudioSpectrogram`` of shape ``(1, n_mels, frames)`` in dB, and its targets.

    Every draw comes from (seed, epoch, item), so that an epoch is the same however it is loaded. Without ``augment``
    the crop is the middle of the clip and there is no mask.
    """

    def __init__(self, clips: list[Clip], targets: np.ndarray, recipe: Recipe, seed: int, augment: bool) -> None:
        self.clips, self.targets, self.recipe, self.seed, self.augment = clips, targets, recipe, seed, augment
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, item: int) -> tuple[AudioSpectrogram, TensorMultiCategory]:
        recipe = self.recipe
        draw = np.random.default_rng((self.seed, self.epoch, item))
        at = draw.random() if self.augment else 0.5
        picture = torch.from_numpy(self.clips[item].picture(recipe.spectrogram, at)[None])
        spectrogram = AudioSpectrogram.create(picture)
        if self.augment:
            _, bands, frames = picture.shape
            if recipe.time_mask:
                start = int(draw.integers(frames - recipe.time_mask + 1))
                spectrogram = MaskTime(size=recipe.time_mask, start=start)(spectrogram)
            if recipe.mel_mask:
                start = int(draw.integers(bands - recipe.mel_mask + 1))
                spectrogram = MaskFreq(size=recipe.mel_mask, start=start)(spectrogram)
        return spectrogram, TensorMultiCategory(self.targets[item])


class FoldTrainer:
    """Trains one fold through the stages, the weights going from each to the next.

    Parameters
    ----------
    recipe : Recipe
    labels : tuple[str, ...]
        The vocabulary; one logit each.
    fold : int
        Only seeds the draws.
    """

    def __init__(self, recipe: Recipe, labels: tuple[str, ...], fold: int) -> None:
        self.recipe, self.fold = recipe, fold
        self.device = best_device()
        set_seed(recipe.seed + fold, reproducible=False)
        network = build_network(recipe.network, len(labels), recipe.spectrogram.channels)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.finish = NetworkInput(recipe.spectrogram)

    def train(self, stage_number: int, stage: Stage, split: Split, watch: Watch) -> bool:
        """Run one stage; False if it was stopped before its end."""
        recipe = self.recipe
        seed = recipe.seed + 1000 * self.fold + 100_000 * stage_number
        train = Pictures(split.train, split.train_targets, recipe, seed, augment=True)
        valid = Pictures(split.valid, split.valid_targets, recipe, seed, augment=False)
        size = min(recipe.batch_size, len(train))
        loaders = DataLoaders(
            DataLoader(train, bs=size, shuffle=True, drop_last=True, num_workers=0, device=self.device),
            DataLoader(valid, bs=2 * recipe.batch_size, num_workers=0, device=self.device),
            device=self.device,
        )
        watching = _Watching(watch, train)
        learner = Learner(
            loaders,
            self.network,
            loss_func=BCEWithLogitsLossFlat(),
            opt_func=ranger if recipe.optimiser == "ranger" else Adam,
            metrics=[_over_all_clips(lwlrap), _over_all_clips(accuracy)],
            cbs=[
                watching,
                _Finishing(self.finish),
                _Autocast(self.device),
                *([MixUp(stage.mixup)] if stage.mixup else []),
            ],
        )
        fit = learner.fit_flat_cos if recipe.schedule == "flat-cosine" else learner.fit_one_cycle
        with learner.no_bar(), learner.no_logging():
            fit(stage.epochs, stage.lr)
        return not watching.stopped

    def scores(self, clips: list[Clip]) -> np.ndarray:
        """Scores (after the sigmoid) of whole-framed clips, shape ``(clips, labels)``, float32."""
        pictures = Pictures(clips, np.zeros((len(clips), 1), dtype=np.float32), self.recipe, 0, augment=False)
        self.network.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(clips), self.recipe.batch_size):
                items = range(start, min(start + self.recipe.batch_size, len(clips)))
                batch = torch.stack([torch.Tensor(pictures[item][0]) for item in items]).to(self.device)
                parts.append(self.network(self.finish(batch[:, 0])).float().sigmoid().cpu().numpy())
        return np.concatenate(parts)


def best_device() -> torch.device:
    """The GPU if this torch can use it, else the CPU; says why it cannot."""
    if torch.cuda.is_available():
        problem = too_old(torch.cuda.get_device_name(), torch.cuda.get_device_capability())
        if not problem:
            return torch.device("cuda")
        print(problem, flush=True)
    elif torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _over_all_clips(metric: Callable[[np.ndarray, np.ndarray], float]) -> AccumMetric:
    """A metric over the scores of all validation clips at once, never a mean over batches."""
    return AccumMetric(
        metric,
        activation=ActivationType.Sigmoid,
        flatten=False,
        to_np=True,
        invert_arg=True,
    )


class _Watching(Callback):
    """Tells the worker of batches and epochs, and stops when it asks."""

    order = 60  # after the Recorder

    def __init__(self, watch: Watch, pictures: Pictures) -> None:
        super().__init__()
        self.watch, self.pictures, self.stopped, self.told = watch, pictures, False, 0.0

    def before_epoch(self) -> None:
        self.pictures.epoch = self.epoch
        self.began = time.perf_counter()

    def after_batch(self) -> None:
        now = time.perf_counter()
        if self.training and now - self.told > PROGRESS_EVERY_S:
            self.told = now
            self.watch.on_batch(self.iter + 1, self.n_iter, float(self.smooth_loss))
        if self.watch.must_stop():
            self.stopped = True
            raise CancelFitException

    def after_epoch(self) -> None:
        train_loss, valid_loss, score, share = (float(value) for value in self.recorder.values[-1])
        if not np.isfinite(train_loss):
            raise FloatingPointError(
                f"the training loss is {train_loss} in epoch {self.epoch + 1}; try a lower lr in the recipe."
            )
        seconds = round(time.perf_counter() - self.began, 2)
        self.watch.on_epoch(Epoch(self.epoch + 1, train_loss, valid_loss, score, share, seconds))


class _Finishing(Callback):
    """Makes of each batch of log-mels what the network gets: normalised, with deltas, resized, on the device."""

    order = 5  # before MixUp, which mixes what the network would get

    def __init__(self, finish: NetworkInput) -> None:
        super().__init__()
        self.finish = finish

    def before_batch(self) -> None:
        self.learn.xb = (self.finish(self.xb[0].as_subclass(torch.Tensor)[:, 0]), *self.xb[1:])


class _Autocast(Callback):
    """bf16 where the device computes it faster than fp32; fastai's own only knows CUDA."""

    order = 10

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        fast = (
            torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
            if device.type == "cpu"
            else torch.cuda.is_bf16_supported()
            if device.type == "cuda"
            else False
        )
        self.make: Any = (lambda: torch.autocast(device.type, torch.bfloat16)) if fast else nullcontext
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
