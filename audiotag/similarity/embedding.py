"""Embed the sounds that a store does not have yet, and collect the vectors of sounds that are tagged anyway.

``audiotag embed`` and the job of a dataset use `embed_files`; ``audiotag tag --embeddings`` gives the results of its
own pass to an `EmbeddingWriter`. Vectors are written every few seconds, so a process that is killed at any moment loses
no more than that; the next one goes on with the sounds that the store does not have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from types import TracebackType
from typing import Self

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.similarity.embedding_store import (
    EmbeddingStore,
    NewSound,
    content_keys,
    file_key,
    file_key_now,
    sound_key,
)
from audiotag.similarity.stored_vectors import StoredVectors
from audiotag.similarity.vectors import clip_vector, window_vectors
from audiotag.tagging.bulk import FileResult, tag_files
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger

PART_INTERVAL_S = 5.0  # between parts that are written to disk


class EmbeddingWriter:
    """Writes vectors into a store, some seconds' worth at a time. A context manager, which may be entered again.

    Parameters
    ----------
    store : EmbeddingStore
    with_windows : bool
        Whether the vectors of windows are wanted as well; they go into ``store.windows``.

    Attributes
    ----------
    known : int
        Files that need not be embedded, because they were before, or a copy of them was.
    """

    def __init__(self, store: EmbeddingStore, with_windows: bool = False) -> None:
        self._stores = [store, store.windows] if with_windows else [store]
        self._stored: list[StoredVectors] = []
        self._waiting: list[list[NewSound]] = [[] for _ in self._stores]
        self._links: list[tuple[int, int]] = []
        self._added: set[int] = set()  # keys of sounds
        self._in_work: dict[int, int] = {}  # keys of files that are being embedded, and of their sounds
        self._written = time.monotonic()
        self.known = 0

    def __enter__(self) -> Self:
        self._stored = [store.open() for store in self._stores]
        self._added.clear()
        self.known = 0
        return self

    @property
    def store(self) -> EmbeddingStore:
        """Where the vectors that are asked for are: those of windows, or of whole sounds."""
        return self._stores[-1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.flush()
        if error is None:
            for store in self._stores:
                store.merge()

    def missing(self, files: Iterable[SoundFile], copies: list[SoundFile] | None = None) -> Iterator[SoundFile]:
        """The files that must be embedded; each new one is read, to see whether it is a copy.

        Parameters
        ----------
        files : iterable of SoundFile
        copies : list of SoundFile, optional
            Gets those that are copies of a file that is being embedded, in place of the caller.
        """
        for file in files:
            key = 0 if file.problem else file_key_now(file.path)
            if not key:
                yield file
                continue
            is_known = all(stored.has_file(key) for stored in self._stored)
            sound = 0 if is_known else sound_key(file.path)
            if is_known or self._has_sound(sound):
                self.known += 1
                self._link(key, sound)
            elif copies is not None and sound in self._in_work.values():
                copies.append(file)
            else:
                self._in_work[key] = sound
                yield file

    def add(self, result: FileResult) -> None:
        """Take the embeddings of a file; those of a file that was changed while it was read are not stored."""
        tags, key = result.tags, file_key(result.file.path, *result.stamp)
        sound = self._in_work.pop(key, 0)
        if tags is None or tags.embeddings is None or key != file_key_now(result.file.path):
            return
        if all(stored.has_file(key) for stored in self._stored):
            return
        sound = sound or sound_key(result.file.path)
        if self._has_sound(sound):
            self._link(key, sound)
        else:
            (content,) = content_keys([tags.content])
            whole = clip_vector(tags.embeddings)[None], np.zeros(1)
            windows = window_vectors(tags.embeddings), tags.starts_s
            for waiting, (vectors, starts_s) in zip(self._waiting, (whole, windows), strict=False):
                waiting.append(NewSound(key, sound, int(content), starts_s, vectors))
            self._added.add(sound)
        if time.monotonic() - self._written > PART_INTERVAL_S:
            self.flush()

    def flush(self) -> None:
        """Write what has not been written yet."""
        for store, waiting in zip(self._stores, self._waiting, strict=True):
            store.add(waiting, self._links)
            waiting.clear()
        self._links.clear()
        self._written = time.monotonic()

    def _has_sound(self, sound: int) -> bool:
        return sound in self._added or (sound != 0 and all(stored.has_sound(sound) for stored in self._stored))

    def _link(self, file: int, sound: int) -> None:
        if sound:
            self._links.append((file, sound))


def check_embeddings(tagger: Tagger) -> None:
    """Raise `AudiotagError` if the networks of a tagger have no embeddings."""
    if not tagger.features:
        raise AudiotagError(
            f"the networks of {tagger.card.name} have no embeddings; choose an ensemble of another network."
        )


def embed_files(
    open_tagger: Callable[[], Tagger], writer: EmbeddingWriter, files: Iterable[SoundFile]
) -> Generator[FileResult, None, None]:
    """Embed the files that the writer's store does not have; yields their results, in which problems are sentences.

    Parameters
    ----------
    open_tagger : callable
        Gives a tagger with ``keep_embeddings``; called only if there is something to embed.
    writer : EmbeddingWriter
    files : iterable of SoundFile

    Raises
    ------
    AudiotagError
        If the ensemble's networks have no embeddings.
    """
    copies: list[SoundFile] = []
    tagger: Tagger | None = None
    for todo in (writer.missing(files, copies), writer.missing(copies)):  # at last all copies, if the first one failed
        if (first := next(todo, None)) is None:
            continue
        if tagger is None:
            tagger = open_tagger()
            check_embeddings(tagger)
        with closing(tag_files(tagger, chain([first], todo))) as results:
            for result in results:
                writer.add(result)
                yield result
