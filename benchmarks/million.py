"""Simulate tagging a million clips on a cluster, without decoding: ``python benchmarks/million.py [CLIPS …]``.

For each number of clips (10,000, 100,000 and 1,000,000 by default) there is a folder with so many files, hard links to
some small ones. Two new processes do what ``audiotag tag FOLDER --out FILE --on ray`` does in the process that lists
the files, by the same code: the first one counts and lists the files, cuts shards, and commits for each of them a part
with invented scores of 28 labels, as a node would send it; then it ends without writing the file, as if killed. The
second one resumes, finds that all clips are done, and writes the CSV file. The script prints the peak memory of both
processes, their times, and the sizes of journal, parts and file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.cli.bulk_job import work_into_file
from audiotag.cli.progress import Progress
from audiotag.tagging.bulk_job import count_sounds
from audiotag.tagging.export.base import ExportOptions, export_format, write_export
from audiotag.tagging.export.rows import Row
from audiotag.tagging.journal import Journal
from audiotag.tagging.parts import part_bytes
from audiotag.tagging.shards import cut_shards
from audiotag.tagging.sound_files import SoundFile, sound_files

DEFAULT_CLIPS = (10_000, 100_000, 1_000_000)
FILES_PER_FOLDER = 10_000
LINKS_PER_FILE = 30_000  # ext4 allows 65,000
LABELS = tuple(f"Label {number:02}" for number in range(28))
KINDS_OF_ROWS = 997  # invented once; clips take them in turn
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # unit of ru_maxrss


def make_files(folder: Path, clips: int) -> None:
    """Make a folder with so many files below it."""
    source = folder
    for number in range(clips):
        if number % FILES_PER_FOLDER == 0:
            inside = folder / f"{number // FILES_PER_FOLDER:04}"
            inside.mkdir(parents=True)
        path = inside / f"{number:07}.wav"
        if number % LINKS_PER_FILE == 0:
            path.write_bytes(b"RIFF")
            source = path
        else:
            os.link(source, path)


def invented_rows() -> Callable[[SoundFile, int], Row]:
    """A function that gives the row of a file, as `audiotag.tagging.export.rows.clip_row` makes it."""
    rng = np.random.default_rng(0)
    kinds: list[dict[str, Any]] = []
    for scores in rng.beta(0.2, 2, (KINDS_OF_ROWS, len(LABELS))).round(4):
        ranking = sorted(zip(LABELS, scores.tolist(), strict=True), key=lambda pair: -pair[1])
        tags = [{"label": label, "score": score, "folds": 5} for label, score in ranking if score >= 0.4]
        kinds.append({"duration_s": 5.0, "tags": tags, "scores": dict(ranking), "familiarity": 0.5, "unlike": False})

    def row(file: SoundFile, position: int) -> Row:
        path = {"clip": file.clip, "path": str(file.path)}
        return path | kinds[position % KINDS_OF_ROWS] | {"held_back": [], "notes": []}

    return row


def simulate(folder: Path, out: Path, ends_before_writing: bool) -> None:
    """Be one of the two processes; prints what it needed as JSON."""
    times: dict[str, float] = {}
    began = time.perf_counter()
    total = count_sounds([folder])
    times["count_s"] = time.perf_counter() - began
    row = invented_rows()

    def report() -> None:
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES / 1e6
        print(json.dumps({"memory_mb": memory_mb, **times}), flush=True)

    def work(journal: Journal, progress: Progress) -> None:
        began = time.perf_counter()
        for shard in cut_shards(journal, sound_files([folder])):
            rows = [row(file, position) for file, position in zip(shard.files, shard.positions, strict=True)]
            journal.commit(shard.positions, part_bytes(shard.keys, rows))
            progress.count_more(len(rows), 5.0 * len(rows), resumed=journal.resumed)
        times["tag_s"] = time.perf_counter() - began
        if ends_before_writing:
            report()
            os._exit(0)

    def write(rows: Callable[[], Iterator[Row]]) -> None:
        began = time.perf_counter()
        thresholds = (0.4,) * len(LABELS)
        write_export(export_format(out), out, rows(), ExportOptions(LABELS, thresholds))
        times["write_s"] = time.perf_counter() - began

    work_into_file(work, total, out, {"invented": True}, write)
    report()


def run(folder: Path, out: Path, *flags: str) -> dict[str, float]:
    """One of the two processes; what it printed, and its whole time."""
    began = time.perf_counter()
    command = [sys.executable, __file__, "--child", str(folder), str(out), *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "all_s": time.perf_counter() - began}


def main() -> None:
    """Simulate each number of clips and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=int, nargs="*", default=DEFAULT_CLIPS)
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ends", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        clips, out = options.child
        simulate(clips, out, ends_before_writing=options.ends)
        return
    columns = "clips", "memory", "resumed", "journal", "parts", "CSV file", "tag", "resume+write"
    print("  ".join(f"{name:>12}" for name in columns), flush=True)
    for clips in options.clips:
        with tempfile.TemporaryDirectory(prefix="audiotag-million-") as temporary:
            folder, out = Path(temporary) / "clips", Path(temporary) / "tags.csv"
            make_files(folder, clips)
            first = run(folder, out, "--ends")
            journal = out.with_name(".tags.csv.partial.jsonl").stat().st_size
            parts = sum(path.stat().st_size for path in out.with_name(".tags.csv.partial.parts").iterdir())
            second = run(folder, out)
            with out.open("rb") as file:
                assert sum(1 for _ in file) == clips + 1
            cells = [f"{first['memory_mb']:.0f} MB", f"{second['memory_mb']:.0f} MB", f"{journal / 1e6:.3f} MB"]
            cells += [f"{parts / 1e6:.1f} MB", f"{out.stat().st_size / 1e6:.1f} MB"]
            cells += [f"{first['all_s']:.0f} s", f"{second['all_s']:.0f} s"]
            print("  ".join(f"{cell:>12}" for cell in (f"{clips:,}", *cells)), flush=True)


if __name__ == "__main__":
    main()
