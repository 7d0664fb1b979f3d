"""How much memory tagging takes, by the number of clips: ``python benchmarks/tagging_memory.py [CLIPS …]``.

Tags folders of 100 and 10,000 clips (or of as many as are given) with the starter ensemble by ``audiotag tag``, each in
a process of its own, and prints the most memory that each process held, its ratio to the first one's, and its speed.
The clips are links to a hundred starter sounds that are rendered first, without overlap of windows; the engine is
measured before, so that its measuring is not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from audiotag.starter.render import StarterCounts, render_starter

STARTERS = StarterCounts(curated=1, noisy=1, test=100)


def linked(sounds: list[Path], folder: Path, clips: int) -> Path:
    """A folder of so many clips, which are all links to these sounds."""
    folder.mkdir()
    for number in range(clips):
        os.link(sounds[number % len(sounds)], folder / f"{number:06}.wav")
    return folder


def tagged(folder: Path) -> tuple[float, float]:
    """Peak memory in MB of a process that tags the folder, and the seconds that it took."""
    script = (
        "import json, resource, sys\n"
        "from audiotag.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))\n"
    )
    out = folder.with_suffix(".parquet")
    command = [sys.executable, "-c", script, "tag", str(folder), "--overlap", "0", "--out", str(out)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    units = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return json.loads(done.stdout) * units / 1e6, time.monotonic() - began


def main() -> None:
    """Measure and print."""
    counts = [int(count) for count in sys.argv[1:]] or [100, 10_000]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        os.environ.setdefault("AUDIOTAG_HOME", str(root / "workspace"))
        render_starter(root / "starter", seed=1, counts=STARTERS)
        sounds = sorted((root / "starter" / "test").glob("*.wav"))
        tagged(linked(sounds, root / "first", 1))
        print(f"{'clips':>8}  {'memory':>8}  {'ratio':>5}  {'clips/s':>7}")
        least = None
        for count in counts:
            memory_mb, seconds = tagged(linked(sounds, root / f"of-{count}", count))
            least = least or memory_mb
            print(f"{count:8,}  {memory_mb:5.0f} MB  {memory_mb / least:5.2f}  {count / seconds:7.1f}", flush=True)


if __name__ == "__main__":
    main()
