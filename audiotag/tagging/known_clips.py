"""Which clips an ensemble was trained on, by their content, so that only folds that were not vote for such a clip.

The file beside the card has 8 bytes of the content hash of each clip (`audiotag.audio.content`), sorted, and a bit per
fold: whether the fold was trained on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.content import DIGITS
from audiotag.errors import AudiotagError

if TYPE_CHECKING:
    from audiotag.tagging.card import Card

FILE = "known-clips.safetensors"
KEY_DIGITS = 16  # of the content hash: 8 bytes


@dataclass(frozen=True, eq=False)
class KnownClips:
    """The contents that an ensemble was trained on.

    Attributes
    ----------
    keys : numpy.ndarray, shape=(contents,), uint64
        Ascending, without repetitions.
    trained : numpy.ndarray, shape=(contents, folds), bool
        Whether each fold was trained on the content; the folds are in the card's order.
    """

    keys: np.ndarray
    trained: np.ndarray

    @classmethod
    def of(cls, contents: Iterable[tuple[str, Iterable[bool]]], folds: int) -> KnownClips:
        """From pairs of a content hash and, for each fold, whether it was trained on the clip; copies are joined."""
        by_key: dict[int, np.ndarray] = {}
        for content, trained in contents:
            row = by_key.setdefault(key_of(content), np.zeros(folds, dtype=bool))
            row |= np.array(list(trained), dtype=bool)
        keys = sorted(key for key, row in by_key.items() if row.any())
        rows = [by_key[key] for key in keys]
        return cls(np.array(keys, dtype=np.uint64), np.array(rows, dtype=bool).reshape(len(keys), folds))

    def trained_folds(self, content: str) -> np.ndarray:
        """Whether each fold was trained on a clip with this content hash, shape ``(folds,)``; an empty hash is none's.

        Examples
        --------
        >>> known = KnownClips.of([("0f" * 16, (True, False))], 2)
        >>> known.trained_folds("0f" * 16).tolist(), known.trained_folds("00" * 16).tolist()
        ([True, False], [False, False])
        """
        if len(content) == DIGITS:
            key = np.uint64(key_of(content))
            row = int(np.searchsorted(self.keys, key))
            if row < len(self.keys) and self.keys[row] == key:
                return self.trained[row]
        return np.zeros(self.trained.shape[1], dtype=bool)

    def of_single(self) -> KnownClips:
        """The same for one network that was trained on the clips of all folds."""
        return KnownClips(self.keys, np.any(self.trained, axis=1)[:, None])

    def to_bytes(self) -> bytes:
        """The content of a safetensors file with these arrays."""
        from safetensors.numpy import save

        return save({"keys": self.keys, "trained": np.packbits(self.trained, axis=1)})


def voting_note(folds: tuple[int, ...], trained: np.ndarray) -> str:
    """Say which folds vote for a clip that others were trained on; empty if none was.

    Parameters
    ----------
    folds : tuple[int, ...]
        Numbers of the folds.
    trained : numpy.ndarray, shape=(folds,), bool

    Examples
    --------
    >>> voting_note((1, 2, 3), np.array([True, False, True]))
    'Fold 2 alone votes: the other 2 folds were trained on this clip.'
    """
    if not trained.any():
        return ""
    if trained.all():
        which = {1: "The fold was", 2: "Both folds were"}.get(len(folds), f"All {len(folds)} folds were")
        return f"{which} trained on this clip: its scores are higher than those of a clip that is new to them."
    votes = [str(fold) for fold, is_trained in zip(folds, trained, strict=True) if not is_trained]
    others = len(folds) - len(votes)
    rest = "the other fold was" if others == 1 else f"the other {others} folds were"
    if len(votes) == 1:
        return f"Fold {votes[0]} alone votes: {rest} trained on this clip."
    return f"Folds {', '.join(votes[:-1])} and {votes[-1]} alone vote: {rest} trained on this clip."


def read_known_clips(folder: Path, card: Card) -> KnownClips | None:
    """Read which clips an ensemble was trained on; None if its card has no checksum of such a file.

    Raises
    ------
    AudiotagError
        If the file is missing, damaged, or does not fit the card.
    """
    from audiotag.tagging.weights import read_arrays

    if not card.known_clips:
        return None
    keys, packed = read_arrays(folder, FILE, card.known_clips, "known clips", ("keys", "trained"))
    folds = len(card.folds)
    is_whole = keys.dtype == np.uint64 and keys.ndim == 1 and packed.dtype == np.uint8
    if not is_whole or packed.shape != (len(keys), -(-folds // 8)) or not (keys[1:] > keys[:-1]).all():
        raise AudiotagError(
            f"{folder.name}/{FILE} does not fit the {folds} folds of its card; copy the ensemble again."
        )
    return KnownClips(keys, np.unpackbits(packed, axis=1, count=folds).astype(bool))


def key_of(content: str) -> int:
    """The part of a content hash that is kept of a clip."""
    return int(content[:KEY_DIGITS], 16)
