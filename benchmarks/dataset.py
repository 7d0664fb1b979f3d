"""Measure how fast a large dataset is scanned, opened and shown: ``python benchmarks/dataset.py``.

Writes a folder of short WAV files in the layout of the competition, with the shape of the real dataset (24,785 clips by
default; durations scaled by 1/50 to save disk space, noise at levels of −60 to 0 dBFS), and prints:

- how many headers per second the index reads, and in comparison how many files of real duration per second can be
  loaded, which is how the capstone finds durations;
- the time to open the dataset again after it is indexed;
- the server's time for every interaction with the Dataset page after all clips are measured: the complete run of the
  page, as on the server, without the browser.
"""

from __future__ import annotations

import argparse
import logging
import os
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

N_CLIPS = 24_785  # of the two training sets of FSDKaggle2019
N_LOADED = 100  # clips that are loaded for comparison; loading all would take too long
REAL_CLIP_S = 15.0  # duration of most clips of the real noisy set
LABELS = [f"Label_{number:02}" for number in range(80)]
REPEATS = 5
CURATED_SHARE = 4970 / N_CLIPS
ROOT = Path(__file__).parents[1]


def build(root: Path, clips: int) -> None:
    """Write the dataset."""
    rng = np.random.default_rng(0)
    noise = np.clip(rng.standard_normal(44_100) * 8000, -32_768, 32_767)
    curated = round(clips * CURATED_SHARE)
    for subset, count in (("curated", curated), ("noisy", clips - curated)):
        folder = root / f"train_{subset}"
        folder.mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(count):
            name = f"{subset[0]}{number:07x}.wav"
            seconds = rng.lognormal(1.5, 0.9) if subset == "curated" else 15.0
            frames = int(44_100 * min(max(seconds, 0.3), 30) / 50)
            first = int(rng.integers(0, 44_100 - frames))
            samples = noise[first : first + frames] * 10 ** rng.uniform(-2.5, 0)
            (folder / name).write_bytes(wav_header(frames) + samples.astype("<i2").tobytes())
            labels = rng.choice(LABELS, size=1 + int(rng.random() < 0.2), replace=False)
            lines.append(f'{name},"{",".join(labels)}"')
        (root / f"train_{subset}.csv").write_text("\n".join(lines) + "\n")
    (root / "sample_submission.csv").write_text("fname," + ",".join(LABELS) + "\n")


def wav_header(frames: int) -> bytes:
    """Header of a mono WAV file of 16 bit at 44.1 kHz."""
    size = 2 * frames
    riff = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 44_100, 88_200, 2, 16)
    return riff + fmt + struct.pack("<4sI", b"data", size)


def compare_headers(root: Path, clips: int) -> None:
    """Time reading headers, loading files, and opening the dataset again."""
    from audiotag.data.index import scan
    from audiotag.data.layouts import OpenOptions
    from audiotag.data.saved_options import open_and_remember
    from audiotag.workspace import Workspace

    workspace = Workspace()
    dataset = open_and_remember(root / "set", OpenOptions(), workspace)
    for path in dataset.clips["path"]:
        path.stat()  # so that the directory is in memory for both

    clip = root / "clip.wav"
    frames = int(44_100 * REAL_CLIP_S)
    clip.write_bytes(wav_header(frames) + bytes(2 * frames))
    loading = N_LOADED / seconds(lambda: [soundfile.read(clip) for _ in range(N_LOADED)])
    scanning = clips / seconds(lambda: scan(dataset, workspace.indexes))
    opened = seconds(lambda: open_and_remember(root / "set", OpenOptions(), workspace))
    indexed = seconds(lambda: scan(dataset, workspace.indexes))
    print(f"{clips:,} clips")
    print(f"headers: {scanning:,.0f} files per second")
    print(f"loading clips of {REAL_CLIP_S:g} s: {loading:,.0f} per second")
    print(f"reading headers is {scanning / loading:.0f} times as fast")
    print(f"open again: {opened + indexed:.2f} s (tables {opened:.2f} s, index {indexed:.2f} s)")


def measure_all(root: Path) -> None:
    """Measure every clip in this process."""
    from audiotag.data.layouts import open_dataset
    from audiotag.inspection.measurement_job import MeasurementJob, measure_clips
    from audiotag.workspace import Workspace

    dataset = open_dataset(root / "set")
    job = MeasurementJob.of(dataset.root, dataset.name, Workspace())
    job.folder.mkdir(parents=True)
    print(f"measured in {seconds(lambda: measure_clips(job)):.0f} s")


def time_interactions() -> None:
    """Print the server time of the page after each kind of interaction, the median of five; the slowest first."""
    from streamlit.testing.v1 import AppTest

    logging.disable(logging.WARNING)  # about the missing browser
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page("pages/dataset.py")
    began = time.perf_counter()
    page.run()
    print(f"first run of the page, with all imports: {time.perf_counter() - began:.2f} s")
    times: dict[str, float] = {}

    def timed(name: str, **state: Any) -> None:
        runs = []
        for _ in range(REPEATS):
            clear()
            for key, value in state.items():
                page.session_state[key] = value
            runs.append(seconds(lambda: page.run()))
            assert not page.exception
        times[name] = float(np.median(runs))

    def clear() -> None:
        unfiltered: dict[str, Any] = {"labels": [], "text": "", "subset": "all", "shortest": None, "below": None}
        for key, value in unfiltered.items():
            page.session_state[key] = value
        page.run()

    for tab in ("Durations", "Labels", "Sound", "Problems", "Clips"):
        page.session_state["tab"] = tab
        timed(f"{tab}: shown")
        timed(f"{tab}: a click on a label's bar", labels=[LABELS[7]])
        timed(f"{tab}: a search", text="00a")
        timed(f"{tab}: a subset", subset="noisy")
        timed(f"{tab}: a click on a bar of durations", shortest=0.3, below=0.4)
    page.session_state["tab"] = "Durations"
    timed("Durations: crop length", **{"crop-length": 4.0})
    page.session_state["tab"] = "Clips"
    timed("Clips: another clip", **{"clips-table": {"selection": {"rows": [20_000], "columns": [], "cells": []}}})
    for name, took in sorted(times.items(), key=lambda item: -item[1]):
        print(f"{1000 * took:5.0f} ms  {name}")


def seconds(what: Callable[[], Any]) -> float:
    """Run time of a function in seconds."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def main(clips: int) -> None:
    """Build the dataset, scan it, open it again, measure it, and time the page."""
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        root = Path(folder)
        os.environ["AUDIOTAG_HOME"] = str(root / "workspace")
        build(root / "set", clips)
        compare_headers(root, clips)
        measure_all(root)
        time_interactions()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="?", type=int, default=N_CLIPS, help=f"number of clips (default: {N_CLIPS})")
    main(parser.parse_args().clips)
