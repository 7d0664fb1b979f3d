"""What the sections of `gpu.py` share: device, sizes, sounds, recipes, clocks, and a guard for each figure."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.shipped import SHIPPED_MODELS
from audiotag.training.backend import precision as precision_module
from audiotag.training.backend.loader import BatchLoader
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.packed_waveforms import PackedWaveforms, pack_waveforms
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.stage import Stage

RATE, CLIP_S, LABELS = 44_100, 5, 80
STARTER = SHIPPED_MODELS / "starter"


@dataclass
class Bench:
    """What the sections share: device, sizes, sounds, and the time that is left.

    Attributes
    ----------
    device : torch.device
    is_small : bool
        Whether networks and numbers are so small that a CPU gets through.
    folder : Path
        Of the sounds.
    results : dict
        The figures of each section.
    """

    device: torch.device
    is_small: bool
    folder: Path
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends_at: float = math.inf

    def of_size(self, full: int, small: int) -> int:
        """A number, or the smaller one of a trial."""
        return small if self.is_small else full

    def left_s(self) -> float:
        """Seconds that the section has left."""
        return self.ends_at - time.monotonic()

    def synchronise(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def per_second(self, call: Callable[[], Any], items: int, most_s: float = 3.0) -> float:
        """Items per second of a call that handles so many, after calls that warm it up; the median of its runs."""
        for _ in range(self.of_size(3, 1)):
            call()
        self.synchronise()
        times: list[float] = []
        ends_at = time.monotonic() + min(most_s, max(self.left_s(), 0.5))
        while not times or (time.monotonic() < ends_at and not self.is_small):
            began = time.perf_counter()
            for _ in range(calls := self.of_size(10, 1)):
                call()
            self.synchronise()
            times.append((time.perf_counter() - began) / calls)
        return round(items / float(np.median(times)), 1)

    def clips(self) -> LabelledClips:
        """Clips of 5 s of noise in WAV files, each with a label."""
        count = self.of_size(400, 24)
        rng, clips = np.random.default_rng(0), []
        for number in range(count):
            path = self.folder / f"{number:04}.wav"
            if not path.exists():
                noise = 0.2 * rng.standard_normal(CLIP_S * RATE).clip(-3, 3)
                soundfile.write(path, noise, RATE)
                if number % 4 == 0:
                    soundfile.write(path.with_suffix(".flac"), noise, RATE)
            clips.append(Clip(path.name, path, 0, CLIP_S * RATE, True))
        return LabelledClips(clips, np.eye(LABELS, dtype=np.float32)[np.arange(count) % LABELS])

    def packed(self, clips: LabelledClips, recipe: Recipe) -> PackedWaveforms | None:
        """Their packed waveforms."""
        return pack_waveforms(clips.clips, recipe.spectrogram, self.folder / "packed", lambda sentence: None)

    def recipe(self, name: str, batches: int) -> Recipe:
        """A shipped recipe with one stage of two epochs of so many batches."""
        recipe = load_recipe(name)
        if self.is_small:
            recipe = replace(recipe, batch_size=4, network=XResNetSettings(depth=18, width=1 / 16, stem=4))
        mixup = 0.4 if name == "capstone" else 0.0
        stage = Stage("curated", 2, 1e-4, mixup=mixup, draws=batches * recipe.batch_size)
        return replace(recipe, stages=(stage,), schedule="constant", losses=replace(recipe.losses, noisy=None))


@contextmanager
def trained_in(precision: str) -> Iterator[None]:
    """Let networks train in this precision."""
    usual = precision_module.precision_of
    precision_module.precision_of = lambda device: precision
    try:
        yield
    finally:
        precision_module.precision_of = usual


@contextmanager
def timed_waits() -> Iterator[list[float]]:
    """Collect the seconds in which the training waits for each batch."""
    waits: list[float] = []
    usual = BatchLoader.loaded_batches

    def loaded(loader: BatchLoader, epoch: int) -> Iterator[Any]:
        batches, end = usual(loader, epoch), object()
        while True:
            began = time.perf_counter()
            batch: Any = next(batches, end)
            waits.append(time.perf_counter() - began)
            if batch is end:
                return
            yield batch

    BatchLoader.loaded_batches = loaded  # type: ignore[method-assign, assignment]
    try:
        yield waits
    finally:
        BatchLoader.loaded_batches = usual  # type: ignore[method-assign]


@contextmanager
def guarded(found: dict[str, Any], title: str) -> Iterator[None]:
    """Note an error in place of a figure, with its traceback on the screen."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        found[title] = f"failed: {type(error).__name__}: {str(error)[:200]}"


def table(name: str, found: dict[str, Any]) -> str:
    """The figures of a section, one per line."""
    lines = [f"\n{name}"]
    for key, value in found.items():
        text = ", ".join(f"{one} {of_it}" for one, of_it in value.items()) if isinstance(value, dict) else value
        lines.append(f"  {key:<48} {text}")
    return "\n".join(lines)
