"""Store with an ensemble what its training sounds are like, so that it knows which sounds are unlike all of them.

The file beside the card has, for each fold, what `audiotag.trust.familiarity` fits, in the order of the card's folds,
and the familiarity that right tags have. It is made by `audiotag.tagging.familiarity_measurement`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.trust.familiarity import FamiliarSounds

if TYPE_CHECKING:
    from audiotag.tagging.card import Card

FILE = "familiar.safetensors"
OF_FOLDS = ("centres", "directions", "deviations", "held_out")  # arrays of each fold


@dataclass(frozen=True, eq=False)
class Familiar:
    """What the training sounds of an ensemble are like.

    Attributes
    ----------
    folds : tuple[FamiliarSounds, ...]
        In the order of the card's folds.
    threshold : float
        Familiarity below which a sound is unlike the training sounds: 95 % of right tags have at least this one, out of
        fold.
    """

    folds: tuple[FamiliarSounds, ...]
    threshold: float

    def of_windows(self, embeddings: np.ndarray, folds: Sequence[int]) -> np.ndarray:
        """Familiarity of each window to each fold.

        Parameters
        ----------
        embeddings : numpy.ndarray, shape=(folds, windows, features)
        folds : sequence of int
            Places of these folds in the card.

        Returns
        -------
        numpy.ndarray, shape=(folds, windows), float32
            Above 0, at most 1.

        Raises
        ------
        AudiotagError
            If the embeddings have another number of features.
        """
        features = self.folds[0].centres.shape[1]
        if embeddings.shape[-1] != features:
            raise AudiotagError(
                f"{FILE} is for embeddings with {features} features, the ensemble's have {embeddings.shape[-1]}; copy "
                "the ensemble again."
            )
        rows = [self.folds[place].familiarity(of_fold) for place, of_fold in zip(folds, embeddings, strict=True)]
        return np.array(rows, dtype=np.float32).reshape(embeddings.shape[:2])

    def to_bytes(self) -> bytes:
        """The content of a safetensors file with these arrays."""
        from safetensors.numpy import save

        arrays = {
            f"{name}-{place}": np.ascontiguousarray(getattr(fold, name))
            for place, fold in enumerate(self.folds)
            for name in OF_FOLDS
        }
        return save(arrays | {"threshold": np.array([self.threshold], np.float32)})


def read_familiar(folder: Path, card: Card) -> Familiar | None:
    """Read what the training sounds of an ensemble are like; None if its card has no checksum of such a file.

    Raises
    ------
    AudiotagError
        If the file is missing, damaged, or does not fit the card.
    """
    from audiotag.tagging.weights import read_arrays

    if not card.familiar:
        return None
    names = [f"{name}-{place}" for place in range(len(card.folds)) for name in OF_FOLDS]
    *arrays, threshold = read_arrays(folder, FILE, card.familiar, "familiar sounds", (*names, "threshold"))
    groups = [arrays[at : at + len(OF_FOLDS)] for at in range(0, len(arrays), len(OF_FOLDS))]
    folds = tuple(FamiliarSounds(*group) for group in groups)
    widths = {fold.centres.shape[-1:] for fold in folds}
    if threshold.shape != (1,) or len(widths) != 1 or not all(_fits(fold, len(card.labels)) for fold in folds):
        raise AudiotagError(f"{folder.name}/{FILE} does not fit the labels of its card; copy the ensemble again.")
    return Familiar(folds, float(threshold[0]))


def _fits(fold: FamiliarSounds, labels: int) -> bool:
    """Whether arrays of a fold have the shapes and values that they must have."""
    centres, directions, deviations, held_out = (getattr(fold, name) for name in OF_FOLDS)
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in (centres, directions, deviations)):
        return False
    return (
        centres.ndim == directions.ndim == 2
        and len(centres) == labels
        and directions.shape[1] == centres.shape[1]
        and deviations.shape == (len(directions) + 1,)
        and (deviations > 0).all()
        and held_out.ndim == 1
        and held_out.dtype.kind == "f"
        and (held_out[1:] >= held_out[:-1]).all()
    )
