"""Measure what it costs to decode in another process: ``python benchmarks/isolation.py [SECONDS]``.

A stereo M4A of some seconds of noise, 60 by default, is decoded by FFmpeg in this process and in a worker process, in
alternating order. The script prints the wall time and the processor time (of both processes) of each way, their ratio,
and how much the additional processor time is of what the starter ensemble takes to tag the file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import psutil

from audiotag.audio.ffmpeg import FFmpegFile
from audiotag.audio.isolation import IsolatedFile
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import SHIPPED_MODELS

RATE = 44_100
ROUNDS = 15


class Times(NamedTuple):
    """Seconds of wall time, and of processor time of this process and its children."""

    wall_s: float
    processor_s: float


def write_m4a(path: Path, duration_s: float) -> Path:
    """Encode stereo noise as AAC."""
    noise = np.random.default_rng(0).normal(0, 0.1, (2, round(duration_s * RATE))).astype(np.float32)
    with av.open(str(path), "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=RATE, layout="stereo", bit_rate=128_000)
        for at in range(0, noise.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(noise[:, at : at + 1024]), "fltp", "stereo")
            frame.sample_rate, frame.pts = RATE, at
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def decode(open_file: Callable[[Path, str, str], FFmpegFile | IsolatedFile], path: Path) -> int:
    """Decode a whole file, and return its number of samples per channel."""
    with open_file(path, "MP4", path.name) as file:
        return sum(map(len, file.blocks()))


def measure(work: Callable[[], object]) -> Times:
    """Time one call."""
    began, processor = time.perf_counter(), processor_seconds()
    work()
    return Times(time.perf_counter() - began, processor_seconds() - processor)


def processor_seconds() -> float:
    """Processor time so far of this process and of the children that it has now."""
    family = [psutil.Process(), *psutil.Process().children()]
    return sum(sum(process.cpu_times()[:2]) for process in family)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0, help="duration of the sound (default: 60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ.setdefault("AUDIOTAG_HOME", temporary)
        path = write_m4a(Path(temporary) / "noise.m4a", options.seconds)
        tagger = Tagger(SHIPPED_MODELS / "starter", TagSettings(overlap=0.0))
        ways: dict[str, Callable[..., Any]] = {"in this process": FFmpegFile, "in a worker": IsolatedFile}
        samples = {decode(way, path) for way in ways.values()}  # also loads FFmpeg, and starts the worker
        assert len(samples) == 1
        tagger.tag(path)
        times: dict[str, list[Times]] = {name: [] for name in ways}
        for number in range(ROUNDS):
            for name in list(ways)[:: 1 if number % 2 else -1]:
                times[name].append(measure(partial(decode, ways[name], path)))
        tagging = statistics.median(measure(lambda: tagger.tag(path)).processor_s for _ in range(3))
    middle = {
        name: Times(*(statistics.median(column) for column in zip(*each, strict=True))) for name, each in times.items()
    }
    for name, (wall_s, processor_s) in middle.items():
        print(f"{name:16} {1000 * wall_s:7.0f} ms wall, {1000 * processor_s:7.0f} ms of processors")
    here, there = middle.values()
    print(f"ratio            {there.wall_s / here.wall_s:7.2f} wall, {there.processor_s / here.processor_s:7.2f}")
    more = there.processor_s - here.processor_s
    print(f"tagging the file takes {1000 * tagging:.0f} ms of processors; the worker's part is {more / tagging:.1%}")


if __name__ == "__main__":
    main()
