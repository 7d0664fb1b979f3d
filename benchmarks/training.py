"""What training costs around the network: ``python benchmarks/training.py``.

Makes 160 WAVs of five seconds and prints, by turns in one run on the CPU:

- the training part of an epoch (reading, crops, log-mels, augmentation, MixUp, fastai's loop and callbacks) over the
  bare forward, backward and step of the same network with the same optimiser on the same batches, for the networks of
  ``default`` and of ``capstone``; the first epoch, which computes what is kept, apart;
- images a second of the capstone's network here, and in fastai and fastaudio as their tutorials have it, in fp32.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from audiotag.training.backend import learner
from audiotag.training.backend.fastaudio_compat import import_fastaudio
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.progress import FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe, Stage, load_recipe

CLIPS, LABELS = 160, 16
EPOCHS = {"default": 12, "capstone": 4}
STOCK_CLIPS = 64


def make(folder: Path) -> tuple[list[Path], np.ndarray]:
    """16-bit mono WAVs of five seconds of noise, and random targets."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:03}.wav" for number in range(CLIPS)]
    for path in paths:
        soundfile.write(path, 0.2 * rng.standard_normal(5 * 44_100).clip(-3, 3), 44_100)
    return paths, np.eye(LABELS, dtype=np.float32)[rng.integers(LABELS, size=CLIPS)]


def compare_with_bare(name: str, part: LabelledClips) -> None:
    """Epochs of the trainer and of the bare network, by turns."""
    recipe = replace(load_recipe(name), stages=(Stage("curated", EPOCHS[name], 1e-3, mixup=0.4),), batch_size=32)
    labels = tuple(f"label {number}" for number in range(LABELS))
    trainer = FoldTrainer(recipe, labels, 1, "cpu")
    network = recipe.network.build(LABELS).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    times: list[tuple[float, float]] = []

    def on_epoch(epoch: learner.Epoch, state: dict[str, Any]) -> None:
        bare = bare_epoch(recipe, network, part, epoch.epoch - 1)
        times.append((epoch.train_seconds, bare))

    few = LabelledClips(part.clips[:8], part.targets[:8])
    trainer.train(
        0, recipe.stages[0], FoldSplit(part, few), TrainingCallbacks(on_epoch, lambda *_: None, lambda: False)
    )
    first, later = times[0], np.array(times[1:])
    here, bare = np.median(later, axis=0)
    print(
        f"{name}: {1000 * here / len(part.clips):.2f} ms an image, bare {1000 * bare / len(part.clips):.2f}: "
        f"{here / bare:.3f} times; by the least of each {later[:, 0].min() / later[:, 1].min():.3f}; "
        f"the first epoch {first[0] / first[1]:.2f}",
        flush=True,
    )


def bare_epoch(recipe: Recipe, network: torch.nn.Module, part: LabelledClips, epoch: int) -> float:
    """Seconds of forward, backward and step on the epoch's own batches, made before."""
    stage = recipe.stages[0]
    source = Batches(part, recipe, stage, learner.stage_seed(recipe, 1, 0), training=True)
    batches = [(torch.from_numpy(b.values), torch.from_numpy(b.targets)) for b in source.epoch(epoch)]
    optimiser = (learner.ranger if recipe.optimiser == "ranger" else learner.Adam)(list(network.parameters()), lr=1e-3)
    kind = torch.bfloat16 if learner.precision_of(torch.device("cpu")) == "bf16" else None
    network.train()
    began = time.perf_counter()
    for pictures, targets in batches:
        with torch.autocast("cpu", kind, enabled=kind is not None):
            logits = network(pictures)
        torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets).backward()
        optimiser.step()
        optimiser.zero_grad()
    return time.perf_counter() - began


def compare_with_stock(paths: list[Path], part: LabelledClips) -> None:
    """The capstone's training here, and as fastai and fastaudio have it."""
    recipe = replace(load_recipe("capstone"), batch_size=32, stages=(Stage("curated", 2, 1e-3, mixup=0.4),))
    some = LabelledClips(part.clips[:STOCK_CLIPS], part.targets[:STOCK_CLIPS])
    few = LabelledClips(part.clips[:8], part.targets[:8])
    took: list[float] = []
    watch = TrainingCallbacks(lambda epoch, _: took.append(epoch.train_seconds), lambda *_: None, lambda: False)
    trainer = FoldTrainer(recipe, tuple(map(str, range(LABELS))), 1, "cpu")
    stock = stock_learner(paths[: STOCK_CLIPS + 8], part.targets)
    theirs: list[float] = []
    for _ in range(2):
        trainer.train(0, recipe.stages[0], FoldSplit(some, few), watch)
        stock.dls.train.n_inp  # noqa: B018  (draws an item the first time, apart from training)
        began = time.perf_counter()
        with stock.no_bar(), stock.no_logging():
            stock.fit(1, 1e-3)
        theirs.append(time.perf_counter() - began)
    here, there = STOCK_CLIPS / min(took), STOCK_CLIPS / min(theirs)
    print(
        f"capstone's network: {here:.1f} images a second, stock fastai + fastaudio in fp32 {there:.1f}: "
        f"{here / there:.2f} times"
    )


def stock_learner(paths: list[Path], targets: np.ndarray) -> Any:
    """fastai's Learner on a DataBlock of fastaudio's, the capstone's transforms, everything else as it comes."""
    audio = import_fastaudio()
    from fastai.callback.mixup import MixUp
    from fastai.data.all import DataBlock, IndexSplitter, MultiCategoryBlock
    from fastai.layers import Mish
    from fastai.losses import BCEWithLogitsLossFlat
    from fastai.vision.models.xresnet import xresnet50

    names = {path: [str(int(row.argmax()))] for path, row in zip(paths, targets, strict=False)}
    vocabulary = [str(number) for number in range(LABELS)]
    to_picture = audio.AudioToSpec.from_cfg(
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
            to_picture,
            audio.MaskTime(size=8),
            audio.MaskFreq(size=8),
        ],
    )
    loaders = block.dataloaders(paths, bs=32, num_workers=0)
    network = xresnet50(n_out=LABELS, c_in=1, act_cls=Mish, sa=True)
    stock = learner.Learner(
        loaders, network, loss_func=BCEWithLogitsLossFlat(), opt_func=learner.ranger, cbs=[MixUp(0.4)]
    )
    return stock


def main() -> None:
    """Make the sounds and compare."""
    with tempfile.TemporaryDirectory() as folder:
        paths, targets = make(Path(folder))
        part = LabelledClips([Clip(path.name, path, 0, 5 * 44_100, True) for path in paths], targets)
        print(f"{torch.get_num_threads()} threads, {learner.precision_of(torch.device('cpu'))}")
        for name in EPOCHS:
            compare_with_bare(name, part)
        compare_with_stock(paths, part)


if __name__ == "__main__":
    main()
