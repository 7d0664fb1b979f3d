"""How fast a dataset of the size of FSDKaggle2019 is scanned and opened: ``python benchmarks/dataset.py [CLIPS]``.

Makes a folder of short WAVs in the layout of the competition (24,785 by default; header only and a few samples, for
no sample is decoded here) and prints, side by side in one run:

- header files a second of the index, beside the capstone's way, which loads each file, here of real length, to know
  its duration;
- the time to open the dataset again once it is indexed.
"""

from __future__ import annotations

import shutil
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset

CURATED_SHARE = 4970 / 24_785
LOADED = 100  # clips that the capstone's way loads: it is too slow for all
REAL_S = 15.0  # of most clips of the real noisy set
LABELS = [f"Label_{number:02}" for number in range(80)]


def build(root: Path, clips: int) -> None:
    """Write the folder; lengths as in the real sets, scaled by 1/50 to fit a disk."""
    draw = np.random.default_rng(0)
    curated = round(clips * CURATED_SHARE)
    for subset, count in (("curated", curated), ("noisy", clips - curated)):
        folder = root / f"train_{subset}"
        folder.mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(count):
            name = f"{subset[0]}{number:07x}.wav"
            seconds = draw.lognormal(1.5, 0.9) if subset == "curated" else 15.0
            frames = int(44_100 * min(max(seconds, 0.3), 30) / 50)
            (folder / name).write_bytes(wav_header(frames) + bytes(2 * frames))
            labels = draw.choice(LABELS, size=1 + int(draw.random() < 0.2), replace=False)
            lines.append(f'{name},"{",".join(labels)}"')
        (root / f"train_{subset}.csv").write_text("\n".join(lines) + "\n")
    (root / "sample_submission.csv").write_text("fname," + ",".join(LABELS) + "\n")


def wav_header(frames: int) -> bytes:
    """Of a mono 16-bit 44.1 kHz WAV."""
    size = 2 * frames
    riff = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 44_100, 88_200, 2, 16)
    return riff + fmt + struct.pack("<4sI", b"data", size)


def main(clips: int) -> None:
    """Build, scan, open again."""
    root = Path(tempfile.mkdtemp(prefix="audiotag-benchmark-"))
    try:
        build(root / "set", clips)
        cache = root / "indexes"
        paths = list(open_dataset(root / "set").clips["path"])
        for path in paths:
            path.stat()  # the directory is in memory for both

        clip = root / "clip.wav"
        frames = int(44_100 * REAL_S)
        clip.write_bytes(wav_header(frames) + bytes(2 * frames))
        began = time.perf_counter()
        for _ in range(LOADED):
            samples, rate = soundfile.read(clip)
            len(samples) / rate
        loading = LOADED / (time.perf_counter() - began)

        dataset = open_dataset(root / "set")
        began = time.perf_counter()
        scan(dataset, cache)
        scanning = clips / (time.perf_counter() - began)

        began = time.perf_counter()
        dataset = open_dataset(root / "set")
        opened = time.perf_counter() - began
        began = time.perf_counter()
        scan(dataset, cache)
        indexed = time.perf_counter() - began
    finally:
        shutil.rmtree(root)
    print(f"{clips:,} clips")
    print(f"headers: {scanning:,.0f} files a second")
    print(f"loading clips of {REAL_S:g} s: {loading:,.0f} a second; headers are {scanning / loading:.0f} × as fast")
    print(f"open again: {opened + indexed:.2f} s (tables {opened:.2f} s, index {indexed:.2f} s)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24_785)
