"""Measure what crops from spectrograms of whole clips cost a CPU: ``python benchmarks/whole_clip_crops.py``.

Batches of the preset argus are made from 64 noise clips of 0.3 to 30 s, alternately with crops that are cut from the
spectrogram of the whole clip and, with the same settings otherwise, from the waveform. The shortest of five times
counts, divided by that of waveform crops that are computed anew each time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile
from timing import shortest_seconds

from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.frame_cache import FrameCache
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage
from audiotag.training.whole_clip_cache import WholeClipCache

WHOLE = PRESETS["argus"]
PARTS = WHOLE.with_changes(crop="waveform", padding="repeat")
CLIPS, BATCH_SIZE = 64, 32
STAGE = Stage("curated", 1, 1e-3)


def write_clips(folder: Path) -> list[Clip]:
    """Noise of lengths like those of FSDKaggle2019's curated clips."""
    rng, clips = np.random.default_rng(0), []
    for number in range(CLIPS):
        samples = int(44_100 * np.clip(rng.lognormal(np.log(5), 0.9), 0.3, 30))
        path = folder / f"{number}.wav"
        soundfile.write(path, rng.normal(0, 0.1, samples), 44_100, subtype="PCM_16")
        clips.append(Clip(path.name, path, 0, samples, True))
    return clips


def batches_of(clips: list[Clip], settings: SpectrogramSettings) -> Batches:
    """Training batches of these clips."""
    recipe = Recipe("r", "R", "", (STAGE,), spectrogram=settings, batch_size=BATCH_SIZE)
    return Batches(LabelledClips(clips, np.eye(len(clips), dtype=np.float32)), recipe, STAGE, 0, training=True)


def make_epoch(batches: Batches) -> None:
    """One epoch, without threads."""
    for number in range(len(batches)):
        batches.input_batch(0, number)


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        clips = write_clips(Path(folder))
        stored, no_memory, parts, parts_anew = (batches_of(clips, s) for s in (WHOLE, WHOLE, PARTS, PARTS))
        no_memory.frames = WholeClipCache(clips, WHOLE, budget_bytes=0)
        parts_anew.frames = FrameCache(clips, PARTS, True, budget_bytes=0)
        for batches in (stored, no_memory, parts):
            make_epoch(batches)
        names = ("stored", "no memory for them", "first time", "waveform crops, frames stored", "waveform crops, anew")
        seconds = shortest_seconds(
            lambda: make_epoch(stored),
            lambda: make_epoch(no_memory),
            lambda: make_epoch(batches_of(clips, WHOLE)),
            lambda: make_epoch(parts),
            lambda: make_epoch(parts_anew),
        )
        for name, each in zip(names, seconds, strict=True):
            print(f"{name:32} {each / seconds[-1]:.2f}")


if __name__ == "__main__":
    main()
