"""The starter sounds: a small dataset in the layout of Freesound Audio Tagging 2019, rendered from a SoundFont.

Every clip depends only on (seed, subset, index), so clips can be rendered in any order and in parallel, and a render
that was interrupted is simply repeated, with the same bytes as the result. `starter.json` is written last: without it
the set is not complete. Durations are those of FSDKaggle2019 scaled by 8 / 30: the longest curated clip (30 s) becomes
8 s, and the usual noisy clip (15 s) becomes 4 s.

The SoundFont (TimGM6mb.sf2, shipped by pretty_midi) is under GPL-2: the sounds are rendered where they are used and
must not be committed.
"""

from __future__ import annotations

import csv
import io
import itertools
import multiprocessing
import os
import re
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2s
from pathlib import Path
from typing import Any

from audiotag.checks import require
from audiotag.disk import locked, name_in_errors
from audiotag.errors import AudiotagError
from audiotag.jobs import begin_worker, hold_signals
from audiotag.starter.clips import NOISY, SUBSETS, TEST, ClipPlan, SubsetPlan, render_clip, sample_clip
from audiotag.starter.voices import LABELS, SAMPLE_RATE
from audiotag.state import fits
from audiotag.workspace import read_json, write_json

VERSION = 1
MANIFEST = "starter.json"
MARKER = "starter.unfinished.json"  # marks an incomplete set as ours while there is no manifest
CLIPS_PER_TASK = 10


@dataclass(frozen=True)
class StarterCounts:
    """Number of clips in each subset, at least 1."""

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
    say: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Render the starter sounds into `folder`, unless a complete set of the same version, seed and counts is there.

    A complete set with other settings is replaced, an incomplete one is rendered again; other files in the folder are
    not touched. The labels of 40 % of the noisy clips are wrong: one label is replaced by another or, if there are
    several, left out. The background sounds of noisy clips have none of the labels, so `train_noisy_truth.csv` lists
    the labels of every sound in each clip.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    seed : int, at least 0
    counts : StarterCounts
    progress : callable or None
        Called in this process with (clips done, clips in total); an exception that it raises stops the render.
    workers : int
        Number of processes; 1 renders in this process. Other processes import the calling script again ("spawn"), which
        therefore needs ``if __name__ == "__main__"``.
    say : callable
        Gets a sentence if another process is rendering into `folder`; this call then waits for its end.

    Returns
    -------
    Path
        `folder`, which now has a complete set.

    Raises
    ------
    AudiotagError
        If `folder` has files but not a starter set, the SoundFont or its synthesiser is not installed, or the system
        ended a process that rendered.
    """
    require(seed >= 0, "seed", "be 0 or more", seed, "any such whole number works")
    manifest = _manifest(seed, counts)
    if is_whole(folder) and _read_manifest(folder) == manifest:
        return folder
    _refuse_other_folder(folder)
    with name_in_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with name_in_errors(folder), _lock(folder, say):
        if not is_whole(folder) or _read_manifest(folder) != manifest:  # while this process waited, another rendered
            _render(folder, seed, counts, progress, workers)
    return folder


def _render(
    folder: Path, seed: int, counts: StarterCounts, progress: Callable[[int, int], None] | None, workers: int
) -> None:
    """Render a set; the manifest is written last."""
    manifest = _manifest(seed, counts)
    write_json(folder / MARKER, manifest)
    (folder / MANIFEST).unlink(missing_ok=True)
    sizes = (counts.curated, counts.noisy, counts.test)
    names = _file_names(seed, sizes)
    for subset, subset_names in zip(SUBSETS, names, strict=True):
        (folder / subset.folder).mkdir(exist_ok=True)
        _remove_old_clips(folder / subset.folder, folder / _table_name(subset), set(subset_names))
        clips = [sample_clip(seed, subset.number, i) for i in range(len(subset_names))]
        _write_tables(folder, subset, sorted(zip(subset_names, clips, strict=True), key=lambda row: row[0]))
    jobs = [
        (seed, subset.number, index, folder / subset.folder / name)
        for subset, subset_names in zip(SUBSETS, names, strict=True)
        for index, name in enumerate(subset_names)
    ]
    done = 0
    # Closed at once when `progress` raises, so that no process writes files after this call has ended.
    with closing(_render_all(jobs, workers)) as task_sizes:
        for task_size in task_sizes:
            done += task_size
            if progress is not None:
                progress(done, len(jobs))
    write_json(folder / MANIFEST, manifest)
    (folder / MARKER).unlink(missing_ok=True)


def is_whole(folder: Path) -> bool:
    """Whether `folder` has a complete starter set: its manifest, and as many clips as that lists."""
    manifest = _read_manifest(folder)
    if manifest is None or (folder / MARKER).exists():
        return False
    counts = manifest["counts"]
    return all(
        (folder / subset.folder).is_dir() and sum(1 for _ in (folder / subset.folder).glob("*.wav")) >= counts[key]
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


def _refuse_other_folder(folder: Path) -> None:
    """Raise for a folder that has other files than those of a starter set."""
    if folder.exists() and not folder.is_dir():
        raise AudiotagError(f"{folder} must be a folder for the starter sounds, got a file; choose another folder")
    # Listed before the two are looked for, and the marker twice: another process may begin or end its render meanwhile.
    has_files = folder.exists() and any(not p.name.startswith(".") for p in folder.iterdir())
    if has_files and not any((folder / name).exists() for name in (MARKER, MANIFEST, MARKER)):
        raise AudiotagError(
            f"{folder} must be empty or contain an earlier starter set, got a folder with other files; "
            "choose a new folder, nothing was changed in this one"
        )


@contextmanager
def _lock(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let processes render into a folder one after the other; the system releases the lock when a process ends."""
    with ExitStack() as lock:
        try:
            lock.enter_context(locked(folder / "starter", wait_s=0))
        except AudiotagError:
            say(f"Another audiotag renders into {folder}; waiting until it has finished.")
            lock.enter_context(locked(folder / "starter", wait_s=-1))
        yield


def _file_names(seed: int, sizes: tuple[int, ...]) -> list[list[str]]:
    """File names for every subset: 8 hexadecimal digits that do not reveal the label, all different."""
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


def _table_name(subset: SubsetPlan) -> str:
    return "test_truth.csv" if subset is TEST else f"{subset.folder}.csv"


def _remove_old_clips(clips: Path, table: Path, keep: set[str]) -> None:
    """Remove the clips that are in the table of an earlier set but not in this one."""
    if not table.is_file():
        return
    with table.open(encoding="utf-8", newline="") as file:
        old_names = {row[0] for row in csv.reader(file) if row}
    for name in old_names - keep:
        if re.fullmatch(r"[0-9a-f]{8}\.wav", name):
            (clips / name).unlink(missing_ok=True)


def _write_tables(folder: Path, subset: SubsetPlan, rows: list[tuple[str, ClipPlan]]) -> None:
    table_rows = [[name, ",".join(clip.table_labels)] for name, clip in rows]
    if subset is TEST:
        usage = ["Public" if clip.is_public else "Private" for _, clip in rows]
        _write_csv(folder / "sample_submission.csv", ["fname", *LABELS], [[n, *[0] * len(LABELS)] for n, _ in rows])
        table_rows = [[*row, use] for row, use in zip(table_rows, usage, strict=True)]
        _write_csv(folder / "test_truth.csv", ["fname", "labels", "usage"], table_rows)
        return
    if subset is NOISY:
        true_rows = [[name, ",".join(clip.true_labels)] for name, clip in rows]
        _write_csv(folder / "train_noisy_truth.csv", ["fname", "labels"], true_rows)
    _write_csv(folder / f"{subset.folder}.csv", ["fname", "labels"], table_rows)


def _write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with name_in_errors(path), path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a complete set; None if there is none, or if it cannot be read."""
    try:
        content = read_json(folder / MANIFEST)  # not renamed: it says that the folder is ours, and is written again
    except (OSError, ValueError, RecursionError):
        return None
    return content if fits(content, {"counts": dict.fromkeys(("curated", "noisy", "test"), int)}) else None


def _render_all(jobs: list[tuple[int, int, int, Path]], workers: int) -> Generator[int, None, None]:
    """Render clips, and yield the number of clips of each finished task."""
    tasks = [jobs[i : i + CLIPS_PER_TASK] for i in range(0, len(jobs), CLIPS_PER_TASK)]
    if workers <= 1:
        for task in tasks:
            yield _render_task(task)
        return
    # "spawn" on every system, because a fork of a process with threads (Streamlit, torch) may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=begin_worker, initargs=(os.getpid(),))
    try:
        with hold_signals():
            futures = [pool.submit(_render_task, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise AudiotagError(
            "the system ended a process that rendered, probably because memory ran out; close other programs and start "
            "again"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _render_task(jobs: list[tuple[int, int, int, Path]]) -> int:
    import soundfile

    for seed, subset, index, path in jobs:
        content = io.BytesIO()  # libsndfile does not say that the disk is full
        soundfile.write(content, render_clip(seed, subset, index), SAMPLE_RATE, format="WAV", subtype="PCM_16")
        with name_in_errors(path):
            path.write_bytes(content.getbuffer())
    return len(jobs)
