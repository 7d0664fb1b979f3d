"""Measure the memory of tagging by the number of clips: ``python benchmarks/tagging_memory.py [CLIPS …]``.

For each number of clips, 100 and 10,000 by default, a new process runs ``audiotag tag`` on a folder of so many clips
with the starter ensemble and windows without overlap. The script prints the peak memory of each process, its ratio to
that of the first one, and its speed. The clips are hard links to a hundred starter sounds that are rendered first. One
clip is tagged beforehand, so that choosing the engine is not part of the measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from audiotag.starter.render import StarterCounts, render_starter

STARTER_COUNTS = StarterCounts(curated=1, noisy=1, test=100)
DEFAULT_CLIPS = (100, 10_000)
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # unit of ru_maxrss: bytes on macOS, kilobytes elsewhere
TAG_SCRIPT = """\
import json, resource, sys
from audiotag.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def link_clips(sounds: list[Path], folder: Path, clips: int) -> Path:
    """Create a folder with this number of clips, all hard links to the sounds, and return it."""
    folder.mkdir()
    for number in range(clips):
        os.link(sounds[number % len(sounds)], folder / f"{number:06}.wav")
    return folder


def measure_tagging(folder: Path) -> tuple[float, float]:
    """Tag a folder in a new process; return its peak memory in MB and its run time in seconds."""
    out = folder.with_suffix(".parquet")
    command = [sys.executable, "-c", TAG_SCRIPT, "tag", str(folder), "--overlap", "0", "--out", str(out)]
    started = time.monotonic()
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(process.stdout) * MAXRSS_BYTES / 1e6, time.monotonic() - started


def main() -> None:
    """Measure each number of clips and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=int, nargs="*", default=DEFAULT_CLIPS, help="clips per run (default: 100 10000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        os.environ.setdefault("AUDIOTAG_HOME", str(root / "workspace"))
        render_starter(root / "starter", seed=1, counts=STARTER_COUNTS)
        sounds = sorted((root / "starter" / "test").glob("*.wav"))
        measure_tagging(link_clips(sounds, root / "first-use", 1))
        print(f"{'clips':>8}  {'memory':>8}  {'ratio':>5}  {'clips/s':>7}")
        first_memory_mb = None
        for count in options.clips:
            memory_mb, seconds = measure_tagging(link_clips(sounds, root / f"{count}-clips", count))
            first_memory_mb = first_memory_mb or memory_mb
            ratio = memory_mb / first_memory_mb
            print(f"{count:8,}  {memory_mb:5.0f} MB  {ratio:5.2f}  {count / seconds:7.1f}", flush=True)


if __name__ == "__main__":
    main()
