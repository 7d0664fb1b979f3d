"""What an ensemble finds in a clip before it is combined: scores of each fold for each window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Evidence:
    """Scores of each fold for each window of a clip, before they are combined.

    Attributes
    ----------
    name : str
        Name of the clip.
    duration_s : float
        Length of the clip.
    starts_s : numpy.ndarray, shape=(windows,)
        Start of each window in the clip.
    window_s : float
        Length of each window; the last one may reach beyond the clip's end.
    audible : numpy.ndarray, shape=(windows,), bool
        Whether the window has a sample above -90 dBFS. A window that is not audible gets no tag, whatever the networks
        score.
    scores : numpy.ndarray, shape=(folds, windows, labels)
        0 to 1.
    augmented : numpy.ndarray, shape=(passes, folds, windows, labels), or None
        Scores of each pass of test-time augmentation.
    notes : tuple[str, ...]
        Remarks on the clip, as sentences.
    content : str
        Hash of the decoded samples, see `audiotag.audio.content`; empty where it is not known.
    embeddings : numpy.ndarray, shape=(folds, windows, features), float32, or None
        What the last layer of each network gets; 0 for a window that is not audible. None if the tagger does not keep
        them, or its networks have none.
    familiarity : numpy.ndarray, shape=(folds, windows), float32, or None
        How familiar each window is to each fold, above 0 and at most 1; NaN for a window that is not audible. None
        where the ensemble does not know its training sounds, see `audiotag.tagging.familiar`.
    differences : tuple[str, ...]
        Those of the notes that say in what the clip differs from the training sounds.
    members : tuple[Evidence, ...]
        Of a blend, the evidence of each member; its own ``scores`` are then empty, and all else is that of the first.
    """

    name: str
    duration_s: float
    starts_s: np.ndarray
    window_s: float
    audible: np.ndarray
    scores: np.ndarray
    augmented: np.ndarray | None
    notes: tuple[str, ...]
    content: str = ""
    embeddings: np.ndarray | None = None
    familiarity: np.ndarray | None = None
    differences: tuple[str, ...] = ()
    members: tuple[Evidence, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size of its arrays."""
        arrays = (self.scores, self.augmented, self.embeddings)
        own = sum(array.nbytes for array in arrays if array is not None)
        return sum(member.nbytes for member in self.members) if self.members else own

    @classmethod
    def of_members(cls, members: Sequence[Evidence]) -> Evidence:
        """The evidence of a blend from that of its members, which all have looked at the same clip."""
        first = members[0]
        return replace(
            first,
            scores=first.scores[:0],
            augmented=None,
            notes=tuple(dict.fromkeys(note for member in members for note in member.notes)),
            differences=tuple(dict.fromkeys(note for member in members for note in member.differences)),
            members=tuple(members),
        )

    @classmethod
    def of_blocks(cls, blocks: Sequence[Evidence]) -> Evidence:
        """The evidence of a clip from that of its blocks, in their order."""
        augmented = [block.augmented for block in blocks if block.augmented is not None]
        embeddings = [block.embeddings for block in blocks if block.embeddings is not None]
        familiarity = [block.familiarity for block in blocks if block.familiarity is not None]
        return replace(
            blocks[-1],
            starts_s=np.concatenate([block.starts_s for block in blocks]),
            audible=np.concatenate([block.audible for block in blocks]),
            scores=np.concatenate([block.scores for block in blocks], axis=1),
            augmented=np.concatenate(augmented, axis=2) if augmented else None,
            embeddings=np.concatenate(embeddings, axis=1) if embeddings else None,
            familiarity=np.concatenate(familiarity, axis=1) if familiarity else None,
            notes=tuple(note for block in blocks for note in block.notes),
            differences=tuple(note for block in blocks for note in block.differences),
        )

    def votes(self, folds: np.ndarray) -> Evidence:
        """The votes of some folds alone: those that ``folds`` (bool) says. Embeddings stay as they are."""
        return replace(
            self,
            scores=self.scores[folds],
            augmented=None if self.augmented is None else self.augmented[:, folds],
            familiarity=None if self.familiarity is None else self.familiarity[folds],
        )
