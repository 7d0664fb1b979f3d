"""Many files to their tags, in their order, in memory that does not grow with their number.

Files are decoded and turned into pictures on all cores, while the networks score the pictures of those before; a file
that cannot be read becomes a reason and does not stop the rest. The networks get whole batches, of several short clips
or of a part of a long one, which no score depends on.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Full, Queue
from threading import Event
from typing import NamedTuple

import numpy as np

from audiotag.audio.reading import SUFFIXES
from audiotag.errors import AudiotagError
from audiotag.processors import usable_cpus
from audiotag.tagging.export import as_text
from audiotag.tagging.result import Evidence, Tags
from audiotag.tagging.tagger import WINDOWS_AT_ONCE, ClipInputs, Tagger, joined_evidence

CLIPS_AHEAD = 64  # that wait for the networks at most
BYTES_AHEAD = 1 << 28  # of their pictures; what is in the making comes on top
UNSCORED = 256  # clips that wait for a batch to be full; where most are broken, that could take for ever
LOOK_EVERY_S = 0.1  # whether the work was stopped, for those who wait for room


class SoundFile(NamedTuple):
    """A file to tag: where it lies, what tables call it, and what is wrong with it where that is known already."""

    path: Path
    clip: str
    problem: str = ""


class FileResult(NamedTuple):
    """What came of a file: its tags, or a sentence on why it has none."""

    found: SoundFile
    tags: Tags | None
    problem: str = ""


def sound_files(paths: Sequence[Path]) -> Iterator[SoundFile]:
    """Files as they are named, folders with all sounds in them, sorted by name.

    Hidden files are left out, and links to folders are not followed, so that no loop of links is endless. A file that
    was named by hand is given whatever it is, so that what is wrong with it is said; so is a link to nowhere, a folder
    that may not be read, and an empty one that is named like a sound.

    Parameters
    ----------
    paths : sequence of Path

    Yields
    ------
    Found
        A clip is called by its path in the given folder; in the folder that all have in common, if several are given.
    """
    base = _common_folder(paths)
    for path in paths:
        if os.path.isdir(path):  # Path.is_dir raises where it may not look
            yield from _in_folder(path, base)
        else:
            yield SoundFile(path, _clip(path, base))


def tag_files(tagger: Tagger, files: Iterable[SoundFile], workers: int = 0) -> Generator[FileResult, None, None]:
    """The outcome of each file, in their order; files are taken from ``files`` only some ahead.

    Parameters
    ----------
    tagger : Tagger
    files : iterable of Found
    workers : int
        Threads that decode and make pictures; by default one a core. They end when the generator is closed.
    """
    stop = Event()
    with ThreadPoolExecutor(workers or usable_cpus(), thread_name_prefix="pictures") as pool:
        try:
            yield from _scored(tagger, _pictures(tagger, iter(files), pool, stop))
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


class _Failed(NamedTuple):
    problem: str


class _Done(NamedTuple):
    pass


_Item = ClipInputs | _Failed | _Done  # blocks of pictures, and one of the others at the end


@dataclass(eq=False)
class _Clip:
    """A file on its way; its room for two items lets a short clip be finished, and a long one wait for the networks."""

    found: SoundFile
    items: Queue[_Item] = field(default_factory=lambda: Queue(2))
    evidence: list[Evidence] = field(default_factory=list)


def _pictures(
    tagger: Tagger, files: Iterator[SoundFile], pool: ThreadPoolExecutor, stop: Event
) -> Iterator[tuple[_Clip, _Item]]:
    """The items of every clip, in order, while those of the next ones are made."""
    waiting: deque[_Clip] = deque()
    while True:
        while len(waiting) < CLIPS_AHEAD and sum(map(_bytes, waiting)) < BYTES_AHEAD:
            if (found := next(files, None)) is None:
                break
            waiting.append(clip := _Clip(found))
            if found.problem:
                clip.items.put(_Failed(found.problem))
            else:
                pool.submit(_make, tagger, clip, stop)
        if not waiting:
            return
        clip = waiting.popleft()
        item: _Item | None = None
        while item is None or isinstance(item, ClipInputs):
            item = clip.items.get()
            yield clip, item


def _make(tagger: Tagger, clip: _Clip, stop: Event) -> None:
    """Put the pictures of a clip, or why there are none, where they are waited for."""
    end: _Item = _Done()
    try:
        for block in tagger.pictures(clip.found.path, clip.found.clip):
            _put(clip, block, stop)
    except Exception as error:  # whatever a decoder raises: the other clips go on
        end = _Failed(_reason(clip.found, error))
    _put(clip, end, stop)


def _put(clip: _Clip, item: _Item, stop: Event) -> None:
    while not stop.is_set():
        with suppress(Full):
            clip.items.put(item, timeout=LOOK_EVERY_S)
            return


def _reason(found: SoundFile, error: Exception) -> str:
    if isinstance(error, AudiotagError):
        return as_text(str(error))
    if isinstance(error, OSError) and error.strerror:
        return as_text(f"{found.clip} cannot be read: {error.strerror}.")
    if isinstance(error, MemoryError):
        return as_text(f"{found.clip} is too large for this machine's memory; cut it into parts.")
    return as_text(f"{found.clip} cannot be read: {type(error).__name__}: {error}; export it again from its source.")


def _scored(tagger: Tagger, items: Iterator[tuple[_Clip, _Item]]) -> Iterator[FileResult]:
    """Items through the networks: a clip is done when the scores of its last block are there."""
    networks = _Networks(tagger)
    unscored: deque[tuple[_Clip, _Item]] = deque()

    def settled() -> Iterator[FileResult]:
        while unscored:
            clip, item = unscored[0]
            if isinstance(item, ClipInputs):
                if (evidence := networks.evidence(item)) is None:
                    return
                clip.evidence.append(evidence)
            elif isinstance(item, _Failed):
                yield FileResult(clip.found, None, item.problem)
            else:
                yield FileResult(clip.found, tagger.tags_of(joined_evidence(clip.evidence)))
            unscored.popleft()

    for clip, item in items:
        unscored.append((clip, item))
        if isinstance(item, ClipInputs):
            networks.take(item)
        if len(unscored) > UNSCORED:
            networks.finish()
        yield from settled()
    networks.finish()
    yield from settled()


class _Networks:
    """The networks behind a queue: any number of pictures goes in, they get `WINDOWS_AT_ONCE` of them each time."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger
        self._like: ClipInputs
        self._pictures: list[np.ndarray] = []
        self._scores = np.empty((0, 0, 0), np.float32)  # (folds, pictures, labels) that nobody has asked for yet

    def take(self, block: ClipInputs) -> None:
        """Queue the pictures of a block, then those of its passes."""
        if not len(block.plain):
            return
        self._like = block
        self._pictures += [block.plain, *(block.augmented if block.augmented is not None else ())]
        whole = sum(map(len, self._pictures)) // WINDOWS_AT_ONCE * WINDOWS_AT_ONCE
        if whole:
            pictures = np.concatenate(self._pictures)
            self._score(pictures[:whole])
            self._pictures = [pictures[whole:].copy()]  # a view would keep all of them

    def finish(self) -> None:
        """Score what is left, though it fills no batch."""
        if sum(map(len, self._pictures)):
            self._score(np.concatenate(self._pictures))
            self._pictures = []

    def evidence(self, block: ClipInputs) -> Evidence | None:
        """Of the block that was taken first and not asked for yet; None while its scores are not there."""
        silent = self._tagger.scored(replace(block, plain=block.plain[:0], augmented=None))
        windows, passes = len(block.plain), 0 if block.augmented is None else len(block.augmented)
        if not windows:
            return replace(silent, augmented=np.stack([silent.scores] * passes) if passes else None)
        needed = windows * (1 + passes)
        if self._scores.shape[1] < needed:
            return None
        scores, self._scores = self._scores[:, :needed], self._scores[:, needed:]
        by_pass = np.moveaxis(scores.reshape(len(scores), 1 + passes, windows, -1), 1, 0)
        return replace(silent, scores=by_pass[0], augmented=by_pass[1:] if passes else None)

    def _score(self, pictures: np.ndarray) -> None:
        windows = len(pictures)
        batch = replace(
            self._like, starts=np.zeros(windows), audible=np.ones(windows, bool), plain=pictures, augmented=None
        )
        scores = self._tagger.scored(batch).scores
        self._scores = np.concatenate([self._scores, scores], axis=1) if self._scores.size else scores


def _bytes(clip: _Clip) -> int:
    """Of the pictures that wait in a clip; what is not made yet counts nothing."""
    with clip.items.mutex:
        items = [item for item in clip.items.queue if isinstance(item, ClipInputs)]
    return sum(item.plain.nbytes + (0 if item.augmented is None else item.augmented.nbytes) for item in items)


def _common_folder(paths: Sequence[Path]) -> str:
    folders = {os.path.abspath(path if os.path.isdir(path) else path.parent) for path in paths}
    try:
        return os.path.commonpath(folders)
    except ValueError:  # several drives of Windows have none
        return ""


def _clip(path: Path, base: str) -> str:
    return os.path.relpath(path, base) if base else path.name


def _in_folder(folder: Path, base: str) -> Iterator[SoundFile]:
    try:
        with os.scandir(folder) as entries:
            visible = ((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if entry.name[0] != ".")
            seen = sorted(one for one in visible if one[1] or one[0].lower().endswith(SUFFIXES))
    except OSError as error:
        name = as_text(_clip(folder, base))
        yield SoundFile(folder, name, f"{name}: the folder cannot be read: {error.strerror or error}.")
        return
    for name, is_folder in seen:
        path = folder / name
        if not is_folder:
            yield SoundFile(path, _clip(path, base))
            continue
        empty = True
        for found in _in_folder(path, base):
            empty = False
            yield found
        if empty and name.lower().endswith(SUFFIXES):
            clip = as_text(_clip(path, base))
            yield SoundFile(path, clip, f"{clip} is a folder without sounds, named like a sound; remove it.")
