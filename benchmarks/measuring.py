"""How fast clips are measured by the second pass over a dataset: ``python benchmarks/measuring.py [FOLDER]``.

Measures every sound under the folder, by default 105 starter sounds that are rendered first, in two ways by turns, and
prints clips a second and hours of sound a minute of each, on one core:

- the plain way, a call a figure: ``librosa.load`` and its RMS, pyloudnorm's integrated loudness, SciPy's Welch;
- the pass, which measures that and the rest of `audiotag.features.measures.Measures`, trimming and hash included.

Times are of the processor, by all threads, so what else the machine does counts little. The pass itself has a process a
core.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pyloudnorm
from scipy.signal import welch

from audiotag.audio.opening import SUFFIXES
from audiotag.audio.reading import read_header
from audiotag.features.measures import MIN_LOUDNESS_S, measure
from audiotag.starter.render import StarterCounts, render_starter

STARTERS = StarterCounts(curated=30, noisy=60, test=15)


def plainly(path: Path) -> tuple[float, float]:
    """RMS level in dBFS and loudness in LUFS; a level a frame and a spectrum are computed too."""
    waveform, rate = librosa.load(path, sr=None)
    librosa.feature.rms(y=waveform)
    welch(waveform, rate, nperseg=min(8192, len(waveform)))
    long_enough = len(waveform) >= MIN_LOUDNESS_S * rate
    loudness = pyloudnorm.Meter(rate).integrated_loudness(waveform) if long_enough else math.nan
    return 10 * np.log10(np.mean(waveform**2)), loudness


def by_the_pass(path: Path) -> tuple[float, float]:
    """The same two figures out of all that the pass measures."""
    measures = measure(path)
    return measures.rms_dbfs, measures.loudness_lufs


def timed(way: Callable[[Path], tuple[float, float]], path: Path) -> tuple[float, tuple[float, float]]:
    """Seconds of one core that it takes, and what comes out."""
    began = time.process_time()
    figures = way(path)
    return time.process_time() - began, figures


def compare(paths: list[Path]) -> None:
    """Measure every clip in both ways, now the one first and now the other, and print how fast they are."""
    ways = [plainly, by_the_pass]
    for way in ways:
        way(paths[0])  # libraries are loaded and compiled
    seconds = dict.fromkeys(ways, 0.0)
    apart = 0.0
    for path in paths:
        figures: dict[Callable, tuple[float, float]] = {}
        for way in ways:
            took, figures[way] = timed(way, path)
            seconds[way] += took
        if math.isfinite(sum(sum(both) for both in figures.values())):  # silence and short clips have no loudness
            apart = max(apart, *np.abs(np.subtract(*figures.values())))
        ways.reverse()
    hours = sum(read_header(path).duration_s for path in paths) / 3600
    print(f"{len(paths):,} clips, {hours:.2f} hours of sound, on one core")
    for name, way in (("plain way", plainly), ("the pass", by_the_pass)):
        speed = len(paths) / seconds[way]
        print(f"{name}: {speed:,.0f} clips a second, {60 * hours / seconds[way]:.1f} hours of sound a minute")
    ratio = seconds[plainly] / seconds[by_the_pass]
    print(f"the pass is {ratio:.1f} × as fast; its levels are the same to {apart:.0e} dB")


def main(folder: Path | None) -> None:
    """Find the sounds, or render them, and compare."""
    np.seterr(divide="ignore")  # the level of digital silence
    root = Path(tempfile.mkdtemp(prefix="audiotag-benchmark-"))
    try:
        folder = folder or render_starter(root / "starter", counts=STARTERS)
        compare(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES))
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
