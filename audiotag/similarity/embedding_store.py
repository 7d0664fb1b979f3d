"""The cache of vectors in the workspace: each sound is embedded once by an ensemble, whatever dataset it is in.

A store is a folder per ensemble with parts ``part-NUMBER.safetensors``. Each part has vectors (16-bit floats), the file
that each was made of (a hash of path, size and time) and its content (8 bytes of the hash of the samples), so that a
copy, or a file that was moved, is found as well. Parts are only added, each at once, so several processes may write.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.state import read_state
from audiotag.tagging.ensemble import Card
from audiotag.workspace import Workspace, write_bytes

EDITION = 1  # rises when the vector of the same clip by the same ensemble changes
KEY_DIGITS = 16  # of a content hash: 8 bytes


def file_keys(clips: pd.DataFrame) -> np.ndarray:
    """A hash of each file by which its vector is found again, shape ``(clips,)``, uint64.

    Parameters
    ----------
    clips : pandas.DataFrame
        With ``path``, ``size`` and ``modified_ns``, as `audiotag.data.index.with_keys` gives them.
    """
    rows = zip(clips["path"], clips["size"], clips["modified_ns"], strict=True)
    return np.array([_hash(f"{os.path.abspath(path)}\0{size}\0{time}") for path, size, time in rows], np.uint64)


def content_keys(contents: Iterable[object]) -> np.ndarray:
    """Hashes of samples as numbers, shape ``(clips,)``, uint64; 0 for a content that is not known."""
    keys = [int(content[:KEY_DIGITS], 16) if isinstance(content, str) and content else 0 for content in contents]
    return np.array(keys, np.uint64)


@dataclass(frozen=True)
class EmbeddingStore:
    """The vectors that one ensemble gave.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @classmethod
    def of(cls, card: Card, workspace: Workspace) -> EmbeddingStore:
        """The store of the ensemble with this card; nothing is written yet."""
        what = [EDITION, [fold.sha256 for fold in card.folds], asdict(card.spectrogram), card.network.to_dict()]
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
        return cls(workspace.root / "embeddings" / f"{card.name}-{digest}")

    def add(self, files: np.ndarray, contents: np.ndarray, vectors: np.ndarray) -> None:
        """Write the vectors of some sounds.

        Parameters
        ----------
        files, contents : numpy.ndarray, shape=(sounds,), uint64
            From `file_keys` and `content_keys`.
        vectors : numpy.ndarray, shape=(sounds, dimensions)
            See `audiotag.similarity.vectors`; 0 for silence.
        """
        from safetensors.numpy import save

        arrays = {"files": files, "contents": contents, "vectors": vectors.astype(np.float16)}
        write_bytes(self.folder / f"part-{secrets.token_hex(8)}.safetensors", save(arrays))

    def find(self, files: np.ndarray, contents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of sounds, and which of the sounds have one.

        Parameters
        ----------
        files, contents : numpy.ndarray, shape=(sounds,), uint64

        Returns
        -------
        tuple[numpy.ndarray, numpy.ndarray]
            Vectors ``(sounds found, dimensions)``, float16, in the order of the sounds; whether each sound was found,
            ``(sounds,)``.
        """
        stored = [part for path in self.parts() if (part := _read_part(path)) is not None]
        if not stored:
            return np.zeros((0, 0), np.float16), np.zeros(len(files), dtype=bool)
        known_files, known_contents, vectors = (np.concatenate(arrays) for arrays in zip(*stored, strict=True))
        rows = _rows_of(files, known_files)
        by_content = _rows_of(contents, known_contents)
        rows = np.where((rows < 0) & (contents != 0), by_content, rows)
        return vectors[rows[rows >= 0]], rows >= 0

    def parts(self) -> list[Path]:
        """The files of the store; their number grows with every part that is added."""
        return sorted(self.folder.glob("part-*.safetensors"))


def _rows_of(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The last row of each wanted key; -1 where there is none."""
    order = np.argsort(known, kind="stable")
    places = np.searchsorted(known[order], wanted, side="right") - 1
    rows = order[np.maximum(places, 0)]
    return np.where((places >= 0) & (known[rows] == wanted), rows, -1)


def _read_part(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    return read_state(path, _parse_part, None, "its sounds are embedded again")


def _parse_part(content: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from safetensors.numpy import load

    arrays = load(content)
    files, contents, vectors = arrays["files"], arrays["contents"], arrays["vectors"]
    if files.dtype != np.uint64 or contents.dtype != np.uint64 or vectors.dtype != np.float16:
        raise ValueError("an array has another type")
    if files.shape != contents.shape or vectors.shape[:1] != files.shape or vectors.ndim != 2:
        raise ValueError("the arrays do not fit each other")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector is not finite")
    return files, contents, vectors


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
