"""Train one fold with fastai's Learner on fastaudio's types."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback, TrainEvalCallback
from fastai.data.core import DataLoaders
from fastai.learner import CastToTensor, Learner, Recorder
from fastai.torch_core import set_seed
from torch import nn

from audiotag.metrics import lwlrap
from audiotag.networks.size import shapes_within_bounds
from audiotag.training.backend.callbacks import EpochCallback, InputsOnDevice, RateFinder, TeacherTargets
from audiotag.training.backend.loader import BatchLoader
from audiotag.training.backend.memory import keep_freed_memory
from audiotag.training.backend.optimiser import ScheduleCallback, copy_to_device, optimiser_options, plain_state
from audiotag.training.backend.precision import autocast_for, choose_algorithms, precision_callbacks
from audiotag.training.batch_loss import BatchLoss
from audiotag.training.batches import Batches
from audiotag.training.clips import LabelledClips
from audiotag.training.early_stop import soonest_end
from audiotag.training.learning_rates import steepest_rate
from audiotag.training.negatives import share_tagged
from audiotag.training.packed_waveforms import PackedWaveforms
from audiotag.training.progress import FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage
from audiotag.training.teaching import Teacher


class FoldTrainer:
    """Train one fold, stage after stage.

    Parameters
    ----------
    recipe : Recipe
    labels : tuple[str, ...]
        The vocabulary, one logit per label.
    fold : int
        Part of the random seed.
    device : str
        As torch names it.
    packed : PackedWaveforms, optional
        Where the crops for a GPU are copied from, see `audiotag.training.packed_waveforms`.

    Attributes
    ----------
    network : torch.nn.Module
    optimiser : dict or None
        State of the optimiser after the last epoch.
    lwlraps : list of float
        lwlrap of the held-out clips after each epoch of the stage so far.
    teachers : callable(clips) or None
        Gives the teacher of a stage's training clips, negatives among them; None where the network learns from labels
        alone.
    """

    teachers: Callable[[LabelledClips], Teacher] | None = None

    def __init__(
        self,
        recipe: Recipe,
        labels: tuple[str, ...],
        fold: int,
        device: str,
        packed: PackedWaveforms | None = None,
    ) -> None:
        self.recipe, self.labels, self.fold, self.packed = recipe, labels, fold, packed
        self.device = torch.device(device)
        self.optimiser: dict[str, Any] | None = None
        self.lwlraps: list[float] = []
        for stage in recipe.stages:
            settings = recipe.spectrogram_of(stage)
            shape = (settings.channels, settings.height, recipe.frames_of(stage))
            shapes_within_bounds(recipe.network, len(labels), shape)
        keep_freed_memory()
        self._build(0)

    def _build(self, stage_number: int) -> None:
        set_seed(self.recipe.seed + self.fold + 1000 * stage_number)
        if self.device.type == "cuda":
            choose_algorithms(self.recipe.exact_resume)
        self.network = self.new_network()

    def new_network(self) -> nn.Module:
        """A network with fresh weights, on the device."""
        network = self.recipe.network.build(len(self.labels), self.recipe.spectrogram.channels)
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def state(self) -> dict[str, Any]:
        """Copies of the weights, the optimiser, torch's random states and lwlraps, in plain containers."""
        generators = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(self.device)
        return copy.deepcopy(
            {
                "network": dict(self.network.state_dict()),
                "optimiser": self.optimiser,
                "generators": generators,
                "lwlraps": self.lwlraps,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`."""
        self.network.load_state_dict(state["network"])
        self.optimiser = state["optimiser"]
        self.lwlraps = list(state.get("lwlraps", ()))  # audiotag 0.2 did not need them
        torch.set_rng_state(state["generators"]["cpu"])
        if self.device.type == "cuda" and "cuda" in state["generators"]:
            torch.cuda.set_rng_state(state["generators"]["cuda"], self.device)

    def train(
        self, stage_number: int, stage: Stage, split: FoldSplit, callbacks: TrainingCallbacks, epochs_done: int = 0
    ) -> bool:
        """Train one stage.

        Parameters
        ----------
        stage_number : int
            Its number in the recipe, from 0.
        stage : Stage
        split : FoldSplit
        callbacks : TrainingCallbacks
        epochs_done : int
            Epochs of the stage that an earlier training has done.

        Returns
        -------
        bool
            False if the training was stopped before the stage's end.

        Raises
        ------
        FloatingPointError
            If the training diverges. Errors of a batch or a callback are raised as they are.
        """
        recipe = self.recipe
        if epochs_done == 0 and stage_number and stage.start == "scratch":
            self._build(stage_number)
        if epochs_done == 0 and stage.start != "weights and optimiser":
            self.optimiser = None
        if epochs_done == 0:
            self.lwlraps = []
        elif epochs_done >= soonest_end(self.lwlraps, stage.epochs, stage.stop_after):
            return True
        seed = stage_seed(recipe, self.fold, stage_number)
        train = self._batches(split.train, stage, seed, True, split.negatives)
        valid = self._batches(split.valid, stage, seed + 1, training=False)
        curated = self._batches(split.curated, stage, seed + 2, training=False) if split.curated else None

        def curated_lwlrap(epoch: int) -> float | None:
            if curated is None:
                return None
            autocast = autocast_for(self.device, recipe.network.columns(curated.settings.width))
            return lwlrap(curated.labelled.targets, self.scores_of(curated, epoch, autocast))

        negatives = split.held_out_negatives
        measured = self._batches(negatives, stage, seed + 3, training=False) if negatives and negatives.clips else None

        def negatives_tagged(epoch: int) -> float | None:
            if measured is None:
                return None
            autocast = autocast_for(self.device, recipe.network.columns(measured.settings.width))
            return share_tagged(self.scores_of(measured, epoch, autocast))

        def checkpoint(optimiser: dict[str, Any]) -> dict[str, Any]:
            self.optimiser = optimiser
            return self.state()

        epoch_callback = EpochCallback(
            self.device,
            callbacks,
            epochs_done,
            curated_lwlrap,
            checkpoint,
            self.lwlraps,
            stage.stop_after,
            negatives_tagged,
        )
        teaching = [TeacherTargets(self.teachers(train.labelled))] if self.teachers else []  # with negatives
        learner = self._learner(train, valid, [*teaching, epoch_callback])
        with learner.no_bar(), learner.no_logging():
            schedule = ScheduleCallback(recipe, stage, self.lwlraps)
            learner.fit(stage.epochs, stage.lr, cbs=schedule, start_epoch=epochs_done)
        learner.dls.train.close()
        if epoch_callback.error is not None:
            raise epoch_callback.error
        self.optimiser = plain_state(learner.opt.state_dict())
        del learner, train, valid
        gc.collect()  # fastai's callbacks refer to each other, and so to the cached frames
        return not epoch_callback.stopped

    def find_rates(
        self, stage: Stage, labelled: LabelledClips, batches: int, max_s: float
    ) -> tuple[list[float], list[float], float | None]:
        """Train with learning rates from 1e-6 to 1, each batch with a higher one (Smith 2015, section 3.3).

        This is fastai's `LRFinder`: it ends early if the smoothed loss is four times its lowest, here also if the loss
        is not finite and after ``max_s``.

        Parameters
        ----------
        stage : Stage
        labelled : LabelledClips
            The clips to train on.
        batches : int
        max_s : float
            Seconds.

        Returns
        -------
        tuple[list of float, list of float, float or None]
            Rates; smoothed losses; the rate at which the loss falls steepest, None if it does not fall, see
            `audiotag.training.learning_rates`.
        """
        train = self._batches(labelled, stage, stage_seed(self.recipe, self.fold, 0), training=True)
        learner = self._learner(train, train, [Recorder()])
        learner.recorder.smooth_loss.beta = 1 - 2 / batches  # fastai's 0.98 for its 100 batches
        with learner.no_bar(), learner.no_logging():
            learner.fit(-(-batches // len(train)), cbs=RateFinder(batches, max_s))
        learner.dls.train.close()
        losses = [float(loss) for loss in learner.recorder.losses]
        count = next((number for number, loss in enumerate(losses) if not np.isfinite(loss)), len(losses))
        rates, losses = [float(rate) for rate in learner.recorder.lrs[:count]], losses[:count]
        judged = slice(batches // 10, max(count - batches // 20, 0))  # without the first and the last, as fastai does
        return rates, losses, steepest_rate(rates[judged], losses[judged])

    def scores(self, labelled: LabelledClips, stage: Stage, network: nn.Module | None = None) -> np.ndarray:
        """Scores of the middle crops of clips, without augmentation, as a published ensemble gives them.

        Parameters
        ----------
        labelled : LabelledClips
        stage : Stage
            Its size of network inputs is used.
        network : torch.nn.Module, optional
            On the device; by default the one in training.

        Returns
        -------
        numpy.ndarray, shape=(clips, labels), float32
            After the sigmoid; computed in 32 bits.
        """
        recipe = replace(self.recipe, augment_held_out=False)
        plain = Batches(labelled, recipe, stage, 0, training=False, packed=self.packed)
        return self.scores_of(plain, 0, nullcontext, network)

    def scores_of(
        self, batches: Batches, epoch: int, autocast: Callable[[], Any], network: nn.Module | None = None
    ) -> np.ndarray:
        """Scores of an epoch's batches, augmented where the batches are; ``autocast`` makes the context of each."""
        network = (self.network if network is None else network).eval()
        loader, scores = BatchLoader(batches, self.device), []
        inputs_on_device = InputsOnDevice(loader, loader)
        with torch.inference_mode():
            for _, tensors in loader.loaded_batches(epoch):
                inputs, _ = inputs_on_device.inputs(loader, *tensors)
                with autocast():
                    logits = network(inputs)
                scores.append(logits.float().sigmoid())
        return torch.cat(scores).cpu().numpy()

    def _batches(
        self, labelled: LabelledClips, stage: Stage, seed: int, training: bool, negatives: LabelledClips | None = None
    ) -> Batches:
        return Batches(labelled, self.recipe, stage, seed, training, self.packed, negatives)

    def _learner(self, train: Batches, valid: Batches, callbacks: list[Callback]) -> Learner:
        """fastai's Learner without its defaults, of which its `Recorder` copies each loss to the CPU: a GPU idles."""
        loaders = [BatchLoader(batches, self.device) for batches in (train, valid)]
        columns = self.recipe.network.columns(self.recipe.frames_of(train.stage))
        learner = Learner(
            DataLoaders(*loaders),
            self.network,
            loss_func=BatchLoss(self.recipe.loss, self.recipe.losses, self.recipe.network.output_weights),
            **optimiser_options(self.recipe, self.device),
            default_cbs=False,
            cbs=[
                TrainEvalCallback(),
                CastToTensor(),
                InputsOnDevice(*loaders),
                *precision_callbacks(self.device, columns),
                *callbacks,
            ],
        )
        learner.create_opt()
        if self.optimiser is not None:
            state = copy_to_device(self.optimiser, self.device)
            state["hypers"] = learner.opt.hypers  # the schedule sets them
            learner.opt.load_state_dict(state)
        return learner


def stage_seed(recipe: Recipe, fold: int, stage_number: int) -> int:
    """The seed of the random draws of a fold's stage; different for all folds and stages of a run."""
    return recipe.seed + 1000 * (fold % 100) + 100_000 * stage_number
