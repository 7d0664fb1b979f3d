"""The cache of vectors in the workspace: each sound is embedded once by an ensemble, whatever dataset it is in.

A store is a folder per ensemble with parts ``part-NUMBER.safetensors``. A sound is known by the bytes of its file, and
by its samples. A file is known by its path, size and time: a part links it to the sound that its bytes are. So a file
that was seen before is found without opening it, a copy or a file that was moved by reading its bytes, which takes a
hundredth of the time of embedding it, and another file with the same samples where the dataset is measured.

Parts are only added, each at once, so several processes may write and any of them may be killed. `EmbeddingStore.merge`
joins small parts: the joined part is written before those that it replaces are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from audiotag.disk import locked, modified_ns, optional_write
from audiotag.errors import AudiotagError
from audiotag.similarity.stored_vectors import Part, StoredVectors, is_finite, read_part
from audiotag.similarity.vector_file import write_arrays
from audiotag.tagging.card import Card, select_folds
from audiotag.tagging.settings import MEASURED, TagSettings
from audiotag.workspace import Workspace

EDITION = 1  # rises when the vector of the same clip by the same ensemble changes
CONTENT_DIGITS = 16  # of a content hash: 8 bytes
READ_BYTES = 1 << 20
LARGER = 4  # a part that is so many times larger than all smaller ones together is not merged with them


class NewSound(NamedTuple):
    """The vectors of a sound on their way into a store.

    Attributes
    ----------
    file, sound, content : int
        From `file_key`, `sound_key` and `content_keys`.
    starts_s : numpy.ndarray, shape=(rows,)
        Where in the sound the window of each vector begins; 0 for the vector of a whole clip.
    vectors : numpy.ndarray, shape=(rows, dimensions)
        See `audiotag.similarity.vectors`; 0 for silence.
    """

    file: int
    sound: int
    content: int
    starts_s: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class EmbeddingStore:
    """The vectors that one ensemble gave.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @classmethod
    def of(cls, card: Card, workspace: Workspace, settings: TagSettings | None = None) -> EmbeddingStore:
        """The store of the ensemble with this card; nothing is written yet.

        Parameters
        ----------
        card : Card
        workspace : Workspace
        settings : TagSettings, optional
            Of these, ``folds`` and ``overlap`` change vectors.
        """
        settings = settings or MEASURED
        folds = [fold.sha256 for fold in select_folds(card, settings.folds)]
        what = [EDITION, folds, settings.overlap_share, card.spectrogram.to_dict(), card.network.to_dict()]
        what += [settings.window_rule] if settings.window_rule else []
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
        return cls(workspace.root / "embeddings" / f"{card.name}-{digest}")

    @property
    def windows(self) -> EmbeddingStore:
        """The store of the windows' vectors, in a folder of its own; this one has one vector per sound."""
        return EmbeddingStore(self.folder / "windows")

    def parts(self) -> list[Path]:
        """The files of the store; each has a name that no other file had before."""
        return sorted(self.folder.glob("part-*.safetensors"))

    def open(self) -> StoredVectors:
        """What the store has now. Only keys are read; vectors are when they are asked for."""
        while True:
            paths = self.parts()
            try:
                return StoredVectors([part for path in paths if (part := read_part(path))])
            except FileNotFoundError:  # another process has merged it into a new part
                continue

    def add(self, sounds: Iterable[NewSound], links: Iterable[tuple[int, int]] = ()) -> None:
        """Write the vectors of some sounds, and which other files are the same sounds.

        Parameters
        ----------
        sounds : iterable of NewSound
        links : iterable of (int, int)
            Key of a file, and of the sound that it has; the store has the sound already, or gets it now.
        """
        sounds = list(sounds)
        pairs = [*((new.file, new.sound) for new in sounds), *links]
        if not pairs:
            return
        vectors = [new.vectors.astype(np.float16) for new in sounds] or [np.zeros((0, 0), np.float16)]
        rows = [len(new.starts_s) for new in sounds]
        self._write(
            Part(
                self.folder,  # a new name in it
                files=np.array([file for file, _ in pairs], np.uint64),
                file_sounds=np.array([sound for _, sound in pairs], np.uint64),
                sounds=np.array([new.sound for new in sounds], np.uint64),
                contents=np.array([new.content for new in sounds], np.uint64),
                ends=np.cumsum(rows, dtype=np.int64),
                starts_s=np.concatenate([new.starts_s for new in sounds] or [np.empty(0)]).astype(np.float64),
                vectors=np.concatenate(vectors),
            )
        )

    def merge(self) -> None:
        """Join small parts, so that there are only a few to open; what is there several times is kept once."""
        refusal = "another process is merging the parts"
        with optional_write("the next page takes longer to read embeddings"):
            try:
                with locked(self.folder / "parts", refusal=refusal):
                    self._merge(self.parts())
            except AudiotagError:  # the other process merges
                return

    def _merge(self, paths: list[Path]) -> None:
        by_size = sorted(paths, key=lambda path: path.stat().st_size)
        chosen: list[Path] = []
        total = 0
        for path in by_size:
            if chosen and path.stat().st_size > LARGER * total:
                break
            chosen.append(path)
            total += path.stat().st_size
        if len(chosen) < 2:
            return
        parts = [part for path in chosen if (part := read_part(path)) and is_finite(part)]
        if parts:
            self._write(*StoredVectors(parts).distinct())
        for path in [part.path for part in parts]:
            with suppress(PermissionError):  # Windows does not remove a file that is mapped; the next merge does
                path.unlink(missing_ok=True)

    def _write(self, *parts: Part) -> None:
        """Write parts as one file; no two of them have the same sound."""
        with_rows = [part for part in parts if len(part.vectors)] or parts[:1]
        ends, before = [], 0
        for part in parts:
            ends.append(part.ends + before)
            before += len(part.vectors)
        write_arrays(
            self.folder / f"part-{secrets.token_hex(8)}.safetensors",
            {
                "files": [part.files for part in parts],
                "file_sounds": [part.file_sounds for part in parts],
                "sounds": [part.sounds for part in parts],
                "contents": [part.contents for part in parts],
                "ends": ends,
                "starts_s": [part.starts_s for part in parts],
                "vectors": [part.vectors for part in with_rows],
            },
        )


def file_keys(clips: pd.DataFrame) -> np.ndarray:
    """The `file_key` of each clip, shape ``(clips,)``, uint64.

    Parameters
    ----------
    clips : pandas.DataFrame
        With ``path``, ``size`` and ``modified_ns``, as `audiotag.data.index.with_keys` gives them.
    """
    rows = zip(clips["path"], clips["size"], clips["modified_ns"], strict=True)
    return np.array([file_key(*row) for row in rows], np.uint64)


def file_key(path: Path, size: int, time_ns: int) -> int:
    """A hash of path, size and time of the last change, by which a file is found again without opening it."""
    text = f"{os.path.abspath(path)}\0{size}\0{time_ns}"
    return _key(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest())


def file_key_now(path: Path) -> int:
    """The `file_key` of a file as it is now; 0 if it cannot be found."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return 0
    return file_key(path, stat.st_size, modified_ns(stat))


def sound_key(path: Path) -> int:
    """A hash of the bytes of a file, by which a copy of it is found; 0 if the file cannot be read."""
    digest = hashlib.sha256()  # processors have instructions for it
    try:
        with open(path, "rb") as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
    except (OSError, ValueError):
        return 0
    return _key(digest.digest()[:8])


def content_keys(contents: Iterable[object]) -> np.ndarray:
    """Hashes of samples as numbers, shape ``(clips,)``, uint64; 0 for a content that is not known."""
    keys = [int(content[:CONTENT_DIGITS], 16) if isinstance(content, str) and content else 0 for content in contents]
    return np.array(keys, np.uint64)


def _key(digest: bytes) -> int:
    """A number of 64 bits that is not 0, which means that nothing is known."""
    return int.from_bytes(digest, "little") or 1
