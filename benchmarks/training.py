"""Measure what training costs besides the network: ``python benchmarks/training.py``.

Makes 160 WAV files of five seconds and prints, measured alternately in one run on the CPU:

- the training part of an epoch (reading, crops, log-mels, augmentation, MixUp, fastai's loop and callbacks) relative to
  the bare forward, backward and optimiser step of the same network on the same batches, for the networks of ``default``
  and of ``capstone``: with fastai's step, and with the one that is taken here, which is faster for ``default``; of the
  first epoch, which fills the cache of frames, also by itself;
- training clips per second of the capstone's network here, and in fastai and fastaudio as in their tutorials, in fp32.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from audiotag.training.backend.fastaudio_compat import import_fastaudio
from audiotag.training.backend.learner import FoldTrainer, stage_seed
from audiotag.training.backend.optimiser import optimiser_options
from audiotag.training.backend.precision import precision_of
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.stage import Stage

CLIPS, LABELS = 160, 16
RECIPES, EPOCHS = ("default", "capstone"), 4
STOCK_CLIPS = 64


def write_sounds(folder: Path) -> tuple[list[Path], np.ndarray]:
    """Write 16-bit mono WAV files of five seconds of noise; returns their paths and random targets."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:03}.wav" for number in range(CLIPS)]
    for path in paths:
        soundfile.write(path, 0.2 * rng.standard_normal(5 * 44_100).clip(-3, 3), 44_100)
    return paths, np.eye(LABELS, dtype=np.float32)[rng.integers(LABELS, size=CLIPS)]


def compare_with_bare(name: str, clips: LabelledClips) -> None:
    """Time epochs of the trainer and of the bare network alternately, and print the ratio."""
    recipe = load_recipe(name)
    main = recipe.main_stage
    stage = Stage("curated", EPOCHS, 1e-3, mixup=main.mixup, min_clips=main.min_clips)
    recipe = replace(recipe, stages=(stage,), batch_size=32)
    labels = tuple(f"label {number}" for number in range(LABELS))
    trainer = FoldTrainer(recipe, labels, 1, "cpu")
    network = recipe.network.build(LABELS).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    from fastai.optimizer import Adam, ranger

    steps = [ranger if recipe.optimiser == "ranger" else Adam, optimiser_options(recipe, trainer.device)["opt_func"]]
    times: list[tuple[float, ...]] = []

    def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
        bare = [bare_epoch(recipe, network, clips, epoch.epoch - 1, make) for make in steps]
        times.append((epoch.train_seconds, *bare))

    few = LabelledClips(clips.clips[:8], clips.targets[:8])
    trainer.train(
        0, recipe.stages[0], FoldSplit(clips, few), TrainingCallbacks(on_epoch, lambda *_: None, lambda: False)
    )
    first, later = times[0], np.array(times[1:])
    per_epoch = recipe.clips_per_epoch(stage, len(clips.clips))
    medians, fastest = np.median(later, axis=0), later.min(axis=0)
    print(f"{name}: {1000 * medians[0] / per_epoch:.2f} ms per clip", flush=True)
    for place, step in enumerate(("fastai's optimiser", "the same optimiser"), start=1):
        print(
            f"  bare, {step}: {1000 * medians[place] / per_epoch:.2f} ms, "
            f"{medians[0] / medians[place]:.3f} times; by the fastest epoch of each "
            f"{fastest[0] / fastest[place]:.3f}; the first epoch {first[0] / first[place]:.2f}",
            flush=True,
        )


def bare_epoch(
    recipe: Recipe, network: torch.nn.Module, clips: LabelledClips, epoch: int, make_optimiser: Callable[..., Any]
) -> float:
    """Seconds of forward, backward and optimiser step on the epoch's batches, which are made before."""
    stage = recipe.stages[0]
    source = Batches(clips, recipe, stage, stage_seed(recipe, 1, 0), training=True)
    batches = [(torch.from_numpy(b.values), torch.from_numpy(b.targets)) for b in source.epoch(epoch)]
    optimiser = make_optimiser(list(network.parameters()), lr=1e-3)
    dtype = torch.bfloat16 if precision_of(torch.device("cpu")) == "bf16" else None
    network.train()
    began = time.perf_counter()
    for inputs, targets in batches:
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            logits = network(inputs)
        torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets).backward()
        optimiser.step()
        optimiser.zero_grad()
    return time.perf_counter() - began


def compare_with_stock(paths: list[Path], clips: LabelledClips) -> None:
    """Time the capstone's training here and as fastai and fastaudio have it, and print the ratio."""
    recipe = replace(load_recipe("capstone"), batch_size=32, stages=(Stage("curated", 2, 1e-3, mixup=0.4),))
    some = LabelledClips(clips.clips[:STOCK_CLIPS], clips.targets[:STOCK_CLIPS])
    few = LabelledClips(clips.clips[:8], clips.targets[:8])
    ours: list[float] = []
    callbacks = TrainingCallbacks(lambda epoch, _: ours.append(epoch.train_seconds), lambda *_: None, lambda: False)
    trainer = FoldTrainer(recipe, tuple(map(str, range(LABELS))), 1, "cpu")
    stock = stock_learner(paths[: STOCK_CLIPS + 8], clips.targets)
    theirs: list[float] = []
    for _ in range(2):
        trainer.train(0, recipe.stages[0], FoldSplit(some, few), callbacks)
        stock.dls.train.n_inp  # noqa: B018  (it loads an item the first time; not part of the training)
        began = time.perf_counter()
        with stock.no_bar(), stock.no_logging():
            stock.fit(1, 1e-3)
        theirs.append(time.perf_counter() - began)
    here, there = STOCK_CLIPS / min(ours), STOCK_CLIPS / min(theirs)
    print(
        f"capstone's network: {here:.1f} clips per second, stock fastai + fastaudio in fp32 {there:.1f}: "
        f"{here / there:.2f} times"
    )


def stock_learner(paths: list[Path], targets: np.ndarray) -> Any:
    """fastai's Learner on a DataBlock of fastaudio, with the capstone's transforms and defaults for everything else."""
    audio = import_fastaudio()
    from fastai.callback.mixup import MixUp
    from fastai.data.all import DataBlock, IndexSplitter, MultiCategoryBlock
    from fastai.layers import Mish
    from fastai.learner import Learner
    from fastai.losses import BCEWithLogitsLossFlat
    from fastai.optimizer import ranger
    from fastai.vision.models.xresnet import xresnet50

    names = {path: [str(int(row.argmax()))] for path, row in zip(paths, targets, strict=False)}
    vocabulary = [str(number) for number in range(LABELS)]
    to_spectrogram = audio.AudioToSpec.from_cfg(
        audio.AudioConfig.BasicMelSpectrogram(
            sample_rate=44_100, n_fft=2560, win_length=1024, hop_length=690, n_mels=128, f_min=20, f_max=20_000
        )
    )
    block = DataBlock(
        blocks=(audio.AudioBlock(sample_rate=44_100), MultiCategoryBlock(vocab=vocabulary)),
        get_items=lambda _: paths,
        get_y=lambda path: names[path],
        splitter=IndexSplitter(range(STOCK_CLIPS, len(paths))),
        item_tfms=[
            audio.RemoveSilence(),
            audio.ResizeSignal(2000),
            to_spectrogram,
            audio.MaskTime(size=8),
            audio.MaskFreq(size=8),
        ],
    )
    loaders = block.dataloaders(paths, bs=32, num_workers=0)
    network = xresnet50(n_out=LABELS, c_in=1, act_cls=Mish, sa=True)
    return Learner(loaders, network, loss_func=BCEWithLogitsLossFlat(), opt_func=ranger, cbs=[MixUp(0.4)])


def main() -> None:
    """Write the sounds and compare."""
    with tempfile.TemporaryDirectory() as folder:
        paths, targets = write_sounds(Path(folder))
        clips = LabelledClips([Clip(path.name, path, 0, 5 * 44_100, True) for path in paths], targets)
        print(f"{torch.get_num_threads()} threads, {precision_of(torch.device('cpu'))}")
        for name in RECIPES:
            compare_with_bare(name, clips)
        compare_with_stock(paths, clips)


if __name__ == "__main__":
    main()
