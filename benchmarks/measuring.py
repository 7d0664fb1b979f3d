"""Compare how fast clips are measured in two ways: ``python benchmarks/measuring.py [FOLDER]``.

Measures every sound in the folder, by default 105 starter sounds that are rendered first, in both ways alternately, and
prints clips per second and hours of sound per minute of each, on one core:

- with libraries, one call per figure: RMS by librosa, integrated loudness by pyloudnorm, Welch's spectrum by SciPy;
- with `audiotag.features.measures.measure`, which also computes all other measures, the trimmed duration and a hash.

Times are processor time of all threads, so that other work on the machine has little influence. The measurement job
itself runs one process per core.
"""

from __future__ import annotations

import argparse
import math
import shutil
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
from audiotag.features.loudness import MIN_LOUDNESS_S
from audiotag.features.measures import measure
from audiotag.starter.render import StarterCounts, render_starter

STARTER_COUNTS = StarterCounts(curated=30, noisy=60, test=15)


def measure_with_libraries(path: Path) -> tuple[float, float]:
    """RMS level in dBFS and loudness in LUFS; levels per frame and a spectrum are computed too."""
    waveform, rate = librosa.load(path, sr=None)
    librosa.feature.rms(y=waveform)
    welch(waveform, rate, nperseg=min(8192, len(waveform)))
    long_enough = len(waveform) >= MIN_LOUDNESS_S * rate
    loudness = pyloudnorm.Meter(rate).integrated_loudness(waveform) if long_enough else math.nan
    return 10 * np.log10(np.mean(waveform**2)), loudness


def measure_with_audiotag(path: Path) -> tuple[float, float]:
    """The same two figures, of all that `measure` computes."""
    measures = measure(path)
    return measures.rms_dbfs, measures.loudness_lufs


def time_once(way: Callable[[Path], tuple[float, float]], path: Path) -> tuple[float, tuple[float, float]]:
    """Processor time in seconds, and the two figures."""
    began = time.process_time()
    figures = way(path)
    return time.process_time() - began, figures


def compare(paths: list[Path]) -> None:
    """Measure every clip in both ways, in alternating order, and print how fast they are."""
    ways = [measure_with_libraries, measure_with_audiotag]
    for way in ways:
        way(paths[0])  # so that libraries are loaded and compiled
    seconds = dict.fromkeys(ways, 0.0)
    difference_db = 0.0
    for path in paths:
        figures: dict[Callable, tuple[float, float]] = {}
        for way in ways:
            took, figures[way] = time_once(way, path)
            seconds[way] += took
        theirs, ours = figures.values()
        if math.isfinite(sum(theirs) + sum(ours)):  # silent and short clips have no loudness
            difference_db = max(difference_db, *np.abs(np.subtract(theirs, ours)))
        ways.reverse()
    hours = sum(read_header(path).duration_s for path in paths) / 3600
    print(f"{len(paths):,} clips, {hours:.2f} hours of sound, on one core")
    for name, way in (("with libraries", measure_with_libraries), ("with audiotag", measure_with_audiotag)):
        speed = len(paths) / seconds[way]
        print(f"{name}: {speed:,.0f} clips per second, {60 * hours / seconds[way]:.1f} hours of sound per minute")
    ratio = seconds[measure_with_libraries] / seconds[measure_with_audiotag]
    print(f"audiotag is {ratio:.1f} times as fast; its levels are the same to {difference_db:.0e} dB")


def main(folder: Path | None) -> None:
    """Find the sounds, or render them, and compare."""
    np.seterr(divide="ignore")  # the level of digital silence
    root = Path(tempfile.mkdtemp(prefix="audiotag-benchmark-"))
    try:
        folder = folder or render_starter(root / "starter", counts=STARTER_COUNTS)
        compare(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES))
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="folder of sounds (default: starter sounds)")
    main(parser.parse_args().folder)
