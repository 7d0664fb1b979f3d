"""Measure how fast the Spectrogram page responds: ``python benchmarks/spectrogram_page.py``.

Prints the server's time for a whole run of the page after each change of a slider, for a clip of five seconds: the
median of some runs, the slowest first. The browser's time is not included.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
REPEATS = 9
CLIP_S = 5


def build(root: Path) -> None:
    """Write a table and eight clips of noise, five seconds each."""
    rng = np.random.default_rng(0)
    root.mkdir()
    names = [f"{number}.wav" for number in range(8)]
    for name in names:
        soundfile.write(root / name, 0.1 * rng.standard_normal(CLIP_S * 44_100), 44_100)
    (root / "clips.csv").write_text("fname,label\n" + "".join(f"{name},Hiss\n" for name in names))


def time_changes() -> None:
    """Measure the page after each change of a slider."""
    from streamlit.testing.v1 import AppTest

    logging.disable(logging.WARNING)  # which say that there is no browser
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page("pages/spectrogram.py")
    page.run()
    times: dict[str, float] = {}

    def timed(name: str, key: str, *values: Any) -> None:
        runs = []
        for number in range(REPEATS):
            page.session_state[key] = values[number % len(values)]
            began = time.perf_counter()
            page.run()
            runs.append(time.perf_counter() - began)
            assert not page.exception
            assert not page.error
        times[name] = float(np.median(runs))

    for tab in ("Network input", "Compare", "Other clips", "Augmentation", "Resynthesis", "Code"):
        page.session_state["view"] = tab
        page.run()
        timed(f"{tab}: mel bands", "set-n_mels", 64, 96, 128)
        timed(f"{tab}: hop", "set-hop_length", 400, 512, 690)
        timed(f"{tab}: clip length", "set-clip_s", 1.0, 3.0, 2.0)
        timed(f"{tab}: floor", "set-top_db", 80, 40, 60)
    for name, took in sorted(times.items(), key=lambda item: -item[1]):
        print(f"{1000 * took:5.0f} ms  {name}")


def main() -> None:
    """Build the clips, measure, print."""
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        os.environ["AUDIOTAG_HOME"] = str(Path(folder) / "workspace")
        build(Path(folder) / "noise")
        from audiotag.workspace import Workspace

        Workspace().remember_dataset(Path(folder) / "noise")
        time_changes()


if __name__ == "__main__":
    main()
