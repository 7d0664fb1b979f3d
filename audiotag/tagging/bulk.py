"""Tag many files, in their order, in memory that does not grow with their number.

Threads on all cores decode files and make network inputs, while the networks score the inputs of earlier files. A file
that cannot be read becomes a sentence and does not stop the rest. The networks get full batches, of several short clips
or of a part of a long one; no score depends on the batch. Each member of a blend decodes the files for itself, because
members may have other sample rates and trim in other ways; their results are joined file by file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from itertools import tee
from queue import Full, Queue
from threading import Event
from typing import NamedTuple

import numpy as np

from audiotag.audio.decoder_workers import stop_decoding_at
from audiotag.disk import modified_ns
from audiotag.errors import clip_problem
from audiotag.processors import usable_cpus
from audiotag.remote.ahead import fetch_ahead
from audiotag.tagging.clip_inputs import ClipInputs
from audiotag.tagging.engines import Outputs, join_outputs
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.fold_networks import WINDOWS_AT_ONCE
from audiotag.tagging.result import Tags
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger

MAX_CLIPS_AHEAD = 64  # clips that wait for the networks
MAX_BYTES_AHEAD = 1 << 28  # of their network inputs; those that are being computed come on top
MAX_UNSCORED_ITEMS = 256  # beyond it a batch is scored though not full: it might never fill if most files are broken
STOP_CHECK_EVERY_S = 0.1  # how often a thread that waits for space looks whether the work was stopped


class FileResult(NamedTuple):
    """The result of a file: its tags, or None and a sentence that says why.

    Attributes
    ----------
    file : SoundFile
    tags : Tags or None
    problem : str
    stamp : tuple[int, int]
        Size in bytes, and time of the last change in ns since 1970, before the file was read; 0 if it was not found.
    """

    file: SoundFile
    tags: Tags | None
    problem: str = ""
    stamp: tuple[int, int] = (0, 0)


class ScoredFile(NamedTuple):
    """The scores of a file: its evidence, or None and a sentence that says why; ``stamp`` as in `FileResult`."""

    file: SoundFile
    evidence: Evidence | None
    problem: str = ""
    stamp: tuple[int, int] = (0, 0)


def tag_files(tagger: Tagger, files: Iterable[SoundFile], workers: int = 0) -> Generator[FileResult, None, None]:
    """The result of each file, in order; only a limited number is taken from ``files`` in advance.

    Parameters
    ----------
    tagger : Tagger
    files : iterable of SoundFile
    workers : int
        Threads that decode files and make network inputs; 0 means one per core. They end when the generator is closed.
    """
    with closing(score_files(tagger, files, workers)) as results:
        for file, evidence, problem, stamp in results:
            tags = None if evidence is None else tagger.tags_of(evidence)
            yield FileResult(file, tags, problem, stamp)


def score_files(tagger: Tagger, files: Iterable[SoundFile], workers: int = 0) -> Generator[ScoredFile, None, None]:
    """The evidence of each file, in order; the parameters are those of `tag_files`."""
    parts = tagger.parts
    files = fetch_ahead(files, lambda file: file.path)
    workers = max(1, (workers or usable_cpus()) // len(parts))
    with ExitStack() as stack:
        streams = [
            stack.enter_context(closing(_scored_files(part, own_files, workers)))
            for part, own_files in zip(parts, tee(files, len(parts)), strict=True)
        ]
        for of_parts in zip(*streams, strict=True):
            evidence = [one.evidence for one in of_parts if one.evidence is not None]
            if len(evidence) == len(parts):
                yield of_parts[0]._replace(evidence=tagger.join_parts(evidence))
            else:
                yield next(one for one in of_parts if one.evidence is None)


def _scored_files(tagger: Tagger, files: Iterable[SoundFile], workers: int) -> Generator[ScoredFile, None, None]:
    """The evidence of each file, in order."""
    stop = Event()
    with ThreadPoolExecutor(workers, "clip-inputs", stop_decoding_at, (stop,)) as pool:
        try:
            yield from _scored_results(tagger, _queued_items(tagger, iter(files), pool, stop))
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


class _EndOfClip(NamedTuple):
    """Marks that all blocks of a clip were queued; ``problem`` is why it cannot be tagged, None if it can."""

    problem: str | None = None


_QueueItem = ClipInputs | _EndOfClip


@dataclass(eq=False)
class _PendingClip:
    """A file being tagged. Its queue has two places: enough to finish a short clip, while a long one must wait."""

    file: SoundFile
    items: Queue[_QueueItem] = field(default_factory=lambda: Queue(2))
    stamp: tuple[int, int] = (0, 0)
    evidence: list[Evidence] = field(default_factory=list)

    def waiting_bytes(self) -> int:
        """Size of the network inputs that wait in the queue."""
        with self.items.mutex:
            blocks = [item for item in self.items.queue if isinstance(item, ClipInputs)]
        return sum(block.plain.nbytes + (0 if block.augmented is None else block.augmented.nbytes) for block in blocks)


def _queued_items(
    tagger: Tagger, files: Iterator[SoundFile], pool: ThreadPoolExecutor, stop: Event
) -> Iterator[tuple[_PendingClip, _QueueItem]]:
    """The items of every clip, in order, while threads make those of the next clips."""
    waiting: deque[_PendingClip] = deque()
    while True:
        while len(waiting) < MAX_CLIPS_AHEAD and sum(clip.waiting_bytes() for clip in waiting) < MAX_BYTES_AHEAD:
            if (file := next(files, None)) is None:
                break
            waiting.append(clip := _PendingClip(file))
            if file.problem:
                clip.items.put(_EndOfClip(file.problem))
            else:
                pool.submit(_queue_inputs, tagger, clip, stop)
        if not waiting:
            return
        clip = waiting.popleft()
        item: _QueueItem | None = None
        while not isinstance(item, _EndOfClip):
            item = clip.items.get()
            yield clip, item


def _queue_inputs(tagger: Tagger, clip: _PendingClip, stop: Event) -> None:
    """Decode a file and queue its network inputs, then the end of the clip."""
    end = _EndOfClip()
    with suppress(OSError):
        stat = clip.file.path.stat()
        clip.stamp = stat.st_size, modified_ns(stat)
    try:
        for block in tagger.inputs(clip.file.path, clip.file.clip):
            _put_unless_stopped(clip, block, stop)
    except Exception as error:  # whatever a decoder raises, the other clips are still tagged
        end = _EndOfClip(clip_problem(clip.file.clip, error))
    _put_unless_stopped(clip, end, stop)


def _put_unless_stopped(clip: _PendingClip, item: _QueueItem, stop: Event) -> None:
    while not stop.is_set():
        with suppress(Full):
            clip.items.put(item, timeout=STOP_CHECK_EVERY_S)
            return


def _scored_results(tagger: Tagger, items: Iterator[tuple[_PendingClip, _QueueItem]]) -> Iterator[ScoredFile]:
    """Pass items through the networks; a clip is finished when its last block is scored."""
    batches = _BatchQueue(tagger)
    unscored: deque[tuple[_PendingClip, _QueueItem]] = deque()

    def finished_clips() -> Iterator[ScoredFile]:
        while unscored:
            clip, item = unscored[0]
            if isinstance(item, ClipInputs):
                if (evidence := batches.next_evidence(item)) is None:
                    return
                clip.evidence.append(evidence)
            elif item.problem is not None:
                yield ScoredFile(clip.file, None, item.problem)
            else:
                yield ScoredFile(clip.file, Evidence.of_blocks(clip.evidence), stamp=clip.stamp)
            unscored.popleft()

    for clip, item in items:
        unscored.append((clip, item))
        if isinstance(item, ClipInputs):
            batches.add(item)
        if len(unscored) > MAX_UNSCORED_ITEMS:
            batches.flush()
        yield from finished_clips()
    batches.flush()
    yield from finished_clips()


class _BatchQueue:
    """Takes blocks with any number of windows and scores them in batches of a multiple of `WINDOWS_AT_ONCE`."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger
        self._waiting: list[np.ndarray] = []  # network inputs without scores yet
        self._outputs = tagger.networks.silence(0)  # those that were not asked for yet

    def add(self, block: ClipInputs) -> None:
        """Queue the plain network inputs of a block, then those of its passes of test-time augmentation."""
        if not len(block.plain):
            return
        self._waiting += [block.plain, *(block.augmented if block.augmented is not None else ())]
        in_full_batches = sum(map(len, self._waiting)) // WINDOWS_AT_ONCE * WINDOWS_AT_ONCE
        if in_full_batches:
            inputs = np.concatenate(self._waiting)
            self._score(inputs[:in_full_batches])
            self._waiting = [inputs[in_full_batches:].copy()]  # a view would hold all of them in memory

    def flush(self) -> None:
        """Score what is left, even if it does not fill a batch."""
        if sum(map(len, self._waiting)):
            self._score(np.concatenate(self._waiting))
            self._waiting = []

    def next_evidence(self, block: ClipInputs) -> Evidence | None:
        """Evidence of ``block``, the earliest added one not asked for yet; None if its scores are not there yet."""
        windows, passes = len(block.plain), 0 if block.augmented is None else len(block.augmented)
        if not windows:
            silence = self._tagger.networks.silence(len(block.starts))
            return self._tagger.evidence_from(block, silence, np.stack([silence.scores] * passes) if passes else None)
        needed = windows * (1 + passes)
        if self._outputs.scores.shape[1] < needed:
            return None
        first, augmented = Outputs(*(array[:, :windows] for array in self._outputs)), None
        if passes:
            scores = self._outputs.scores[:, windows:needed]
            augmented = np.moveaxis(scores.reshape(len(scores), passes, windows, -1), 1, 0)
        self._outputs = Outputs(*(array[:, needed:] for array in self._outputs))
        return self._tagger.evidence_from(block, first, augmented)

    def _score(self, inputs: np.ndarray) -> None:
        self._outputs = join_outputs([self._outputs, self._tagger.networks.run_in_batches(inputs)])
