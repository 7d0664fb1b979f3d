"""The starter sounds: a small dataset in the layout of Freesound Audio Tagging 2019, rendered from a SoundFont.

Every clip is a function of (seed, subset, index) alone, so clips are rendered in any order and in parallel, and a
render that was cut off is simply done again, to the same bytes. `starter.json` is written last: without it the set is
not whole. Lengths are those of the real sets scaled by 8 / 30, which brings the longest curated clip (30 s) to 8 s and
the usual noisy clip (15 s) to 4 s.

The SoundFont (TimGM6mb.sf2, shipped by pretty_midi) is under GPL-2: the sounds are rendered where they are used and are
not to be committed.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import blake2s
from pathlib import Path
from typing import Any

from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.starter.clips import NOISY, SUBSETS, TEST, ClipPlan, SubsetPlan, render_clip, sample_clip
from audiotag.starter.voices import LABELS, SAMPLE_RATE

VERSION = 1
MANIFEST = "starter.json"
# Says that the files beside it are ours while there is no manifest.
MARKER = "starter.unfinished.json"
_CHUNK = 10


@dataclass(frozen=True)
class StarterCounts:
    """Clips in each subset, each at least 1."""

    curated: int = 300
    noisy: int = 600
    test: int = 150

    def __post_init__(self) -> None:
        for field, value in asdict(self).items():
            require(value >= 1, field, "be at least 1 clip", value, "a subset cannot be empty")


def render_starter(
    folder: Path,
    seed: int = 2019,
    counts: StarterCounts = StarterCounts(),
    progress: Callable[[int, int], None] | None = None,
    workers: int = 2,
) -> Path:
    """Render the starter sounds into `folder`, unless a whole set of the same version, seed and counts is there.

    A whole set with other settings is replaced, an unfinished one is done again; files that are not of the set stay.
    The noisy set's labels are wrong for 40 % of its clips: their label set differs from what is heard, one label
    replaced by another or, where several are heard, left out. The strangers in the background of a noisy clip are
    instruments outside the labels, so `train_noisy_truth.csv` names all that is heard of the labels.

    Parameters
    ----------
    folder : Path
        Made if missing.
    seed : int, at least 0
    counts : StarterCounts
    progress : callable or None
        Called in this process with (clips done, clips in all); what it raises ends the render.
    workers : int
        Processes; 1 renders in this one. More start afresh ("spawn"), so a calling script needs its
        ``if __name__ == "__main__"``.

    Returns
    -------
    Path
        `folder`, holding a whole set.

    Raises
    ------
    AudiotagError
        If `folder` holds files but no starter set, or the SoundFont or its synthesiser is not installed.
    """
    require(seed >= 0, "seed", "be 0 or more", seed, "any whole number will do")
    manifest = _manifest(seed, counts)
    if is_whole(folder) and _read_json(folder / MANIFEST) == manifest:
        return folder
    _claim(folder, manifest)
    sizes = (counts.curated, counts.noisy, counts.test)
    names = _names(seed, sizes)
    for subset, subset_names in zip(SUBSETS, names, strict=True):
        (folder / subset.folder).mkdir(exist_ok=True)
        _remove_older(folder / subset.folder, folder / _list_name(subset), set(subset_names))
        clips = [sample_clip(seed, subset.number, i) for i in range(len(subset_names))]
        _write_tables(folder, subset, sorted(zip(subset_names, clips, strict=True), key=lambda row: row[0]))
    jobs = [
        (seed, subset.number, index, folder / subset.folder / name)
        for subset, subset_names in zip(SUBSETS, names, strict=True)
        for index, name in enumerate(subset_names)
    ]
    done = 0
    # Closed at once when `progress` raises: no process goes on writing after this call has ended.
    with closing(_render_all(jobs, workers)) as chunk_sizes:
        for chunk_size in chunk_sizes:
            done += chunk_size
            if progress is not None:
                progress(done, len(jobs))
    _write_json(folder / MANIFEST, manifest)
    (folder / MARKER).unlink(missing_ok=True)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds a finished starter set: its manifest, and as many clips as that says."""
    manifest = _read_json(folder / MANIFEST)
    if manifest is None or (folder / MARKER).exists():
        return False
    counts = manifest.get("counts", {})
    return all(
        (folder / subset.folder).is_dir()
        and sum(1 for _ in (folder / subset.folder).glob("*.wav")) >= counts.get(key, math.inf)
        for subset, key in zip(SUBSETS, ("curated", "noisy", "test"), strict=True)
    )


def _manifest(seed: int, counts: StarterCounts) -> dict[str, Any]:
    return {
        "version": VERSION,
        "seed": seed,
        "counts": asdict(counts),
        "labels": list(LABELS),
        "sample_rate": SAMPLE_RATE,
        "source": "rendered from TimGM6mb.sf2, the General MIDI SoundFont that pretty_midi ships",
        "licence": "the SoundFont is under GPL-2: do not commit these sounds, render them with `audiotag demo`",
    }


def _claim(folder: Path, manifest: dict[str, Any]) -> None:
    """Mark `folder` as ours and not whole; refuse one that holds other things."""
    if folder.exists() and not folder.is_dir():
        raise AudiotagError(f"{folder} must be a folder for the starter sounds, got a file; name another")
    ours = (folder / MARKER).exists() or (folder / MANIFEST).exists()
    if folder.exists() and not ours and any(not p.name.startswith(".") for p in folder.iterdir()):
        raise AudiotagError(
            f"{folder} must be empty or hold an earlier starter set, got a folder with other files; "
            "name a new folder, nothing was changed here"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / MARKER, manifest)
    (folder / MANIFEST).unlink(missing_ok=True)


def _names(seed: int, sizes: tuple[int, ...]) -> list[list[str]]:
    """File names for every subset: 8 hex digits that tell nothing of the label, no two alike."""
    taken: set[str] = set()
    names: list[list[str]] = []
    for number, size in enumerate(sizes):
        names.append([])
        for index in range(size):
            for attempt in itertools.count():
                key = f"{seed}/{number}/{index}/{attempt}".encode()
                name = blake2s(key, digest_size=4).hexdigest() + ".wav"
                if name not in taken:
                    break
            taken.add(name)
            names[-1].append(name)
    return names


def _list_name(subset: SubsetPlan) -> str:
    return "test_truth.csv" if subset is TEST else f"{subset.folder}.csv"


def _remove_older(clips: Path, table: Path, keep: set[str]) -> None:
    """Remove the clips which an earlier set's table names and this one's does not."""
    if not table.is_file():
        return
    with table.open(encoding="utf-8", newline="") as file:
        older = {row[0] for row in csv.reader(file) if row}
    for name in older - keep:
        if re.fullmatch(r"[0-9a-f]{8}\.wav", name):
            (clips / name).unlink(missing_ok=True)


def _write_tables(folder: Path, subset: SubsetPlan, rows: list[tuple[str, ClipPlan]]) -> None:
    listed = [[name, ",".join(clip.listed)] for name, clip in rows]
    if subset is TEST:
        usage = ["Public" if clip.is_public else "Private" for _, clip in rows]
        _write_csv(folder / "sample_submission.csv", ["fname", *LABELS], [[n, *[0] * len(LABELS)] for n, _ in rows])
        listed = [[*row, use] for row, use in zip(listed, usage, strict=True)]
        _write_csv(folder / "test_truth.csv", ["fname", "labels", "usage"], listed)
        return
    if subset is NOISY:
        heard = [[name, ",".join(clip.heard)] for name, clip in rows]
        _write_csv(folder / "train_noisy_truth.csv", ["fname", "labels"], heard)
    _write_csv(folder / f"{subset.folder}.csv", ["fname", "labels"], listed)


def _write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _write_json(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}.aside")
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(aside, path)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _render_all(jobs: list[tuple[int, int, int, Path]], workers: int) -> Generator[int, None, None]:
    """Render clips, yielding after every chunk how many it held."""
    chunks = [jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
    if workers <= 1:
        for chunk in chunks:
            yield _render_chunk(chunk)
        return
    # "spawn" on every system: a fork of a process with threads (Streamlit, torch) may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_ignore_interrupt)
    try:
        for future in as_completed([pool.submit(_render_chunk, chunk) for chunk in chunks]):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupt() -> None:
    # Ctrl-C reaches the whole group: the parent ends the render, the workers need no traceback of their own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _render_chunk(jobs: list[tuple[int, int, int, Path]]) -> int:
    import soundfile

    for seed, subset, index, path in jobs:
        soundfile.write(path, render_clip(seed, subset, index), SAMPLE_RATE, subtype="PCM_16")
    return len(jobs)
