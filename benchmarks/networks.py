"""Measure what each network costs: ``python benchmarks/networks.py [NAME …] [--device cpu] [--batch 4] [--epochs 5]``.

Prints for each network of a published system, at the size of input for which it was published:

- weights, and multiplications (multiply-accumulates) of one spectrogram in evaluation mode;
- memory that one spectrogram takes between the forward and the backward pass, in single precision;
- time per spectrogram of a training here (reading, crops, log-mels, augmentation of ``default``, fastai's loop and
  callbacks) beside the bare forward, backward and optimiser step of the same network on the same batches, epochs of the
  two in turns; the first epoch, which fills the cache of frames, is not counted.

On a CPU the time is that of the processor, over all threads, because a benchmark of minutes on a shared machine would
otherwise measure its neighbours. On a GPU it is the clock's, and the peaks of the memory of both are printed as well.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.optimizer import Adam
from torch import nn

from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.argus import ArgusSettings
from audiotag.networks.base import NetworkSettings, default_network
from audiotag.networks.cost import multiplications
from audiotag.networks.crnn import CRNNSettings
from audiotag.networks.env_net import EnvNetSettings
from audiotag.networks.mobilenet import MobileNetSettings
from audiotag.networks.multi_scale_cnn import MultiScaleCNNSettings
from audiotag.networks.resnet import ResNetSettings
from audiotag.networks.vgg import VGGSettings
from audiotag.networks.warm_up_cnn import WarmUpCNNSettings
from audiotag.networks.xresnet import XResNetSettings
from audiotag.training.backend.learner import FoldTrainer, stage_seed
from audiotag.training.backend.precision import autocast_for
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.stage import Stage

LABELS, RATE, HOP_LENGTH = 80, 44_100, 690
BATCHES = 2  # per epoch

SKIP: dict[str, Any] = {"auxiliary_weights": (), "hidden": 128, "dropout": 0.2}
SIXTH: dict[str, Any] = {"activation": "relu", "self_attention": True, "wide_stem": True}
CONCAT: dict[str, Any] = {"activation": "relu", "head": "concat", "dropout": 0.5}
# Settings, and channels, height and width of the input
NETWORKS: dict[str, tuple[NetworkSettings, tuple[int, int, int]]] = {
    "default": (load_recipe("default").network, (1, 128, 126)),
    "xresnet-18": (default_network(), (1, 128, 128)),
    "argus-simple-kaggle": (
        ArgusSettings(**SKIP, skips=False, attention=False, conv_bias=True, pool="mean-max"),
        (3, 128, 256),
    ),
    "argus-simple": (ArgusSettings(**SKIP, skips=False), (3, 128, 256)),
    "argus-skip": (ArgusSettings(**SKIP), (3, 128, 256)),
    "argus-aux": (ArgusSettings(), (3, 128, 256)),
    "argus-rnn-aux": (ArgusSettings(recurrent=True), (3, 128, 256)),
    "warm-up-cnn": (WarmUpCNNSettings(), (3, 128, 128)),
    "warm-up-vgg": (VGGSettings(), (3, 128, 128)),
    "sixth-18ssa": (XResNetSettings(**SIXTH), (3, 256, 256)),
    "sixth-34ssa": (XResNetSettings(depth=34, **SIXTH), (3, 256, 256)),
    "sixth-34": (XResNetSettings(depth=34, **CONCAT), (3, 256, 256)),
    "sixth-50": (XResNetSettings(depth=50, **CONCAT), (3, 256, 256)),
    "baseline": (MobileNetSettings(), (1, 96, 100)),
    "third-5-max": (MultiScaleCNNSettings(), (1, 128, 256)),
    "third-5-rnn": (MultiScaleCNNSettings(recurrent=True), (1, 128, 256)),
    "third-6-max": (MultiScaleCNNSettings(blocks=6), (1, 128, 256)),
    "fourth-resnet-34": (ResNetSettings(), (1, 128, 512)),
    "fifth-crnn": (CRNNSettings(), (1, 128, 256)),
    "fourth-envnet-v2": (EnvNetSettings(), (1, 1, 133_300)),
}


def recipe_of(settings: NetworkSettings, shape: tuple[int, int, int], batch: int, epochs: int) -> Recipe:
    """The recipe ``default`` with another network and inputs of another size, which are not cropped.

    A network that takes waveforms gets them without augmentation.
    """
    recipe = load_recipe("default")
    stages = (Stage("curated", epochs, 1e-4),)
    channels, height, width = shape
    if settings.takes == "waveform":
        waveforms = SpectrogramSettings(clip_s=(width + 0.5) / RATE, network_input="waveform")
        return replace(recipe, network=settings, spectrogram=waveforms, batch_size=batch, augment=(), stages=stages)
    samples = HOP_LENGTH * (width - 1)
    spectrogram = SpectrogramSettings(
        clip_s=(samples + 0.5) / RATE, hop_length=HOP_LENGTH, n_mels=height, deltas=channels - 1, normalise="clip"
    )
    return replace(
        recipe,
        network=settings,
        spectrogram=spectrogram,
        batch_size=batch,
        augment=tuple(each for each in recipe.augment if each.kind != "crop"),
        stages=stages,
    )


def saved_bytes(network: nn.Module, shape: tuple[int, int, int], batch: int) -> float:
    """Bytes per spectrogram that a forward pass in training mode keeps for the backward pass, weights left out."""
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    device = next(network.parameters()).device
    inputs = torch.randn(batch, *shape, device=device).contiguous(memory_format=torch.channels_last)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = network.train()(inputs)  # held until all sizes are known, so that no memory is used twice
    del outputs
    return sum(sizes.values()) / batch


class Bare:
    """The bare forward, backward and optimiser step of a network."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        network = recipe.network.build(LABELS, recipe.spectrogram.channels)
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = Adam(list(self.network.parameters()), lr=1e-4)

    def epoch(self, clips: LabelledClips, number: int) -> float:
        """Seconds of an epoch; its batches are made before."""
        recipe, stage = self.recipe, self.recipe.stages[0]
        source = Batches(clips, recipe, stage, stage_seed(recipe, 1, 0), training=True)
        batches = [
            (
                torch.from_numpy(batch.values).to(self.device, memory_format=torch.channels_last),
                torch.from_numpy(batch.targets).to(self.device),
            )
            for batch in source.epoch(number)
        ]
        autocast = autocast_for(self.device, recipe.network.columns(recipe.frames_of(stage)))
        self.network.train()
        began = seconds(self.device)
        for inputs, targets in batches:
            with autocast():
                outputs = self.network(inputs)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            weighted = zip(recipe.network.output_weights, outputs, strict=True)
            loss = sum(w * nn.functional.binary_cross_entropy_with_logits(z.float(), targets) for w, z in weighted)
            loss.backward()  # type: ignore[union-attr]
            self.optimiser.step()
            self.optimiser.zero_grad()
        return seconds(self.device) - began


class Clock(Callback):
    """Time of the training part of each epoch, measured as that of `Bare`."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device, self.train_s = device, math.nan

    def before_train(self) -> None:
        """Start."""
        self.began = seconds(self.device)

    def after_train(self) -> None:
        """Stop."""
        self.train_s = seconds(self.device) - self.began


class TimedTrainer(FoldTrainer):
    """The trainer, with a clock in its learner."""

    def _learner(self, train: Batches, valid: Batches, callbacks: list[Callback]) -> Learner:
        self.clock = Clock(self.device)
        return super()._learner(train, valid, [*callbacks, self.clock])


def peak_bytes(device: torch.device) -> float:
    """The largest memory on a GPU since the last call."""
    if device.type != "cuda":
        return math.nan
    peak = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return float(peak)


def seconds(device: torch.device) -> float:
    """Time of the clock on a GPU, of the processor on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def measure(name: str, clips: list[Clip], device: torch.device, batch: int, epochs: int) -> None:
    """Print the row of one network."""
    settings, shape = NETWORKS[name]
    recipe = recipe_of(settings, shape, batch, epochs)
    targets = np.eye(LABELS, dtype=np.float32)[np.arange(BATCHES * batch) % LABELS]
    labelled = LabelledClips(clips[: BATCHES * batch], targets)
    few = LabelledClips(labelled.clips[:2], targets[:2])
    bare = Bare(recipe, device)
    weights = sum(weight.numel() for weight in bare.network.parameters())
    saved = saved_bytes(bare.network, shape, 2)
    times: list[tuple[float, float]] = []
    peaks: list[tuple[float, float]] = []
    trainer = TimedTrainer(recipe, tuple(map(str, range(LABELS))), 1, str(device))

    def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
        memory = peak_bytes(device)
        times.append((trainer.clock.train_s, bare.epoch(labelled, epoch.epoch - 1)))
        peaks.append((memory, peak_bytes(device)))

    callbacks = TrainingCallbacks(on_epoch, lambda *_: None, lambda: False)
    trainer.train(0, recipe.stages[0], FoldSplit(labelled, few), callbacks)
    here, bare_s = np.median(times[1:], axis=0)
    count = multiplications(settings, LABELS, shape)
    row = [
        name,
        f"{weights:,}",
        f"{(count or math.nan) / 1e9:.2f}",
        f"{saved / 2**20:.0f}",
        f"{1000 * here / len(labelled.clips):.1f}",
        f"{1000 * bare_s / len(labelled.clips):.1f}",
        f"{here / bare_s:.3f}",
        *([f"{value / 2**20:.0f}" for value in np.max(peaks, axis=0)] if device.type == "cuda" else []),
    ]
    print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    """Write sounds and measure the networks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}; all by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    device = torch.device(options.device)
    print(f"{device}, {torch.get_num_threads()} threads, batches of {options.batch}, {options.epochs} epochs")
    header = ["network", "weights", "GMAC", "MiB for backward", "ms here", "ms bare", "ratio"]
    header += ["MiB here", "MiB bare"] if device.type == "cuda" else []
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rng, clips = np.random.default_rng(0), []
        for number in range(BATCHES * options.batch):
            path = Path(folder) / f"{number:03}.wav"
            soundfile.write(path, 0.2 * rng.standard_normal(9 * RATE).clip(-3, 3), RATE)
            clips.append(Clip(path.name, path, 0, 9 * RATE, True))
        for name in options.names or NETWORKS:
            measure(name, clips, device, options.batch, options.epochs)


if __name__ == "__main__":
    main()
