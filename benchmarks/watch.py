"""Drop files into a watched folder while the command is killed: ``python benchmarks/watch.py [SOUNDS]``.

500 copies of the sounds in the folder, by default those of ESC-10 beside the repository, arrive at random times within
about two minutes: some are written slowly in pieces, some are renamed in, some are linked or copied. Meanwhile
``audiotag watch`` tags them with the starter ensemble, and is killed (SIGKILL) five times at random moments and started
again. Then the script ends it by Ctrl-C, tags the same folder with ``audiotag tag``, and prints:

- how many files the results have, how many were tagged more than once, and how many rows are doubled;
- whether each row is that of ``audiotag tag``: a file that was read before it was whole would have other scores;
- how long it took from the last byte of a file until its row was in the journal.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from audiotag.tagging.journal import journal_path, unsealed

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10" / "audio"
SUFFIXES = (".wav", ".ogg", ".flac")
DROPPERS = 4
DROP_S = 120.0  # in which all files arrive
PIECES = (3, 8)  # of a file that is written slowly
MAX_PAUSE_S = 0.4  # between two of them; less than a file must stay the same to count as complete
POLL_S = 0.02
PATIENCE_S = 900.0


class Droppers:
    """Threads that put files into a folder; `complete` is when each was whole, by the clock of the system."""

    def __init__(self, sources: list[Path], folder: Path, aside: Path, count: int, seed: int) -> None:
        self._folder, self._aside = folder, aside
        self.complete: dict[str, float] = {}
        self.ways: Counter[str] = Counter()
        self._jobs = [
            (f"{number % 7}/{number:04}{(p := sources[number % len(sources)]).suffix}", p) for number in range(count)
        ]
        random.Random(seed).shuffle(self._jobs)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._drop, args=(seed + 1 + n, count)) for n in range(DROPPERS)]

    def start(self) -> None:
        """Begin to drop files."""
        for thread in self._threads:
            thread.start()

    def is_done(self) -> bool:
        """Whether all files are there."""
        return not any(thread.is_alive() for thread in self._threads)

    def _drop(self, seed: int, count: int) -> None:
        rng = random.Random(seed)
        while True:
            with self._lock:
                if not self._jobs:
                    return
                name, source = self._jobs.pop()
            time.sleep(rng.uniform(0, 2 * DROP_S * DROPPERS / count))
            target = self._folder / name
            target.parent.mkdir(exist_ok=True)
            way = rng.choices(("in pieces", "renamed in", "linked or copied"), (4, 4, 2))[0]
            if way == "in pieces":
                write_slowly(source.read_bytes(), target, rng)
            elif way == "renamed in":
                shutil.copyfile(source, self._aside / target.name)
                os.replace(self._aside / target.name, target)
            else:
                try:
                    os.link(source, target)
                except OSError:  # another file system
                    shutil.copyfile(source, target)
            with self._lock:
                self.complete[name] = time.time()
                self.ways[way] += 1


def write_slowly(content: bytes, path: Path, rng: random.Random) -> None:
    """Write a file in pieces of random lengths, with pauses."""
    cuts = sorted(rng.sample(range(1, len(content)), rng.randint(*PIECES) - 1))
    with path.open("wb") as file:
        for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            file.write(content[begin:end])
            file.flush()
            if end < len(content):
                time.sleep(rng.uniform(0, MAX_PAUSE_S))


class Journal:
    """The journal of the command, read as it grows; `tagged` has, for each clip, when each of its lines was seen."""

    def __init__(self, out: Path) -> None:
        self._path, self._position = journal_path(out, "watch"), 0
        self.tagged: dict[str, list[float]] = {}

    def read(self) -> int:
        """Read what is new; how many lines there are by now."""
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._position)
            while (line := file.readline()).endswith(b"\n"):
                if self._position:
                    self.tagged.setdefault(json.loads(unsealed(line))["clip"], []).append(time.time())
                self._position = file.tell()
        return sum(map(len, self.tagged.values()))


def rows_of(path: Path) -> list[str]:
    """The lines of a CSV file without its header."""
    return path.read_text().splitlines()[1:]


def watch_and_kill(folder: Path, out: Path, droppers: Droppers, count: int, kills: int, seed: int) -> Journal:
    """Drop the files and kill the command; the journal at the end."""
    rng, journal = random.Random(seed), Journal(out)
    kill_at = sorted(rng.sample(range(1, count - 1), kills))
    command = [sys.executable, "-m", "audiotag", "watch", str(folder), "--out", str(out)]
    deadline, killed = time.monotonic() + PATIENCE_S, 0
    droppers.start()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        lines = journal.read()
        if killed < kills and lines >= kill_at[killed]:
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
            process.wait()
            killed += 1
            print(f"killed for the {killed}. time, {journal.read()} files in the journal", flush=True)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if droppers.is_done() and killed == kills and lines >= count:
            break
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise SystemExit(f"the command ended with {process.poll()} after {lines} files")
        time.sleep(POLL_S)
    time.sleep(5)  # for files that would be tagged twice
    process.send_signal(signal.SIGINT)
    status = process.wait()
    print(f"Ctrl-C ends it with exit status {status}")
    journal.read()
    return journal


def main(sounds: Path, count: int, kills: int, seed: int) -> None:
    """Run all, and print what was found."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored, also below
    sources = [path for path in sorted(sounds.rglob("*")) if path.suffix.lower() in SUFFIXES]
    root = Path(tempfile.mkdtemp(prefix="audiotag-benchmark-"))
    try:
        folder, aside = root / "sounds", root / "aside"
        folder.mkdir()
        aside.mkdir()
        droppers = Droppers(sources, folder, aside, count, seed)
        out = root / "watched.csv"
        journal = watch_and_kill(folder, out, droppers, count, kills, seed)
        lines = Counter({name: len(times) for name, times in journal.tagged.items()})
        names = Counter(row.partition(",")[0] for row in rows_of(out))
        print(f"{count} files arrived: " + ", ".join(f"{n} {way}" for way, n in sorted(droppers.ways.items())))
        print(
            f"{len(names)} files in the results, {sum(n > 1 for n in names.values())} rows doubled, "
            f"{count - len(names)} files lost, {sum(n > 1 for n in lines.values())} files tagged more than once"
        )
        delays = sorted(times[0] - droppers.complete[name] for name, times in journal.tagged.items())
        print(
            f"from a file's last byte to its row: median {delays[len(delays) // 2]:.1f} s, longest {delays[-1]:.1f} s"
        )
        undisturbed = root / "undisturbed.csv"
        subprocess.run(
            [sys.executable, "-m", "audiotag", "tag", str(folder), "--out", str(undisturbed)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        same = sorted(rows_of(out)) == sorted(rows_of(undisturbed))
        print(f"rows are {'the same as' if same else 'NOT those'} of audiotag tag")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", nargs="?", type=Path, default=ESC10, help="folder of sounds (default: ESC-10)")
    parser.add_argument("--count", type=int, default=500, help="number of files (default: 500)")
    parser.add_argument("--kills", type=int, default=5, help="how often the command is killed (default: 5)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    main(options.sounds, options.count, options.kills, options.seed)
