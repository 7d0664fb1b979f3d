"""Turn the embeddings of folds and windows into one vector per clip, or per window.

Each fold is a network of its own, so its features mean something else than those of another fold: they are normalised
to length 1 and put one after the other. The similarity of two vectors, their dot product, is then the mean over the
folds of the cosine of the angle between their embeddings.
"""

from __future__ import annotations

import numpy as np


def clip_vector(embeddings: np.ndarray, audible: np.ndarray | None = None) -> np.ndarray:
    """The vector of a clip: the mean of its windows in each fold, normalised.

    Parameters
    ----------
    embeddings : numpy.ndarray, shape=(folds, windows, features)
        From `audiotag.tagging.result.Tags.embeddings`; a window that is not audible is 0 and does not count.
    audible : numpy.ndarray, shape=(windows,), bool, optional
        Which windows count; by default those that are not 0.

    Returns
    -------
    numpy.ndarray, shape=(folds * features,), float32
        Of length 1; 0 for silence.
    """
    counts = (embeddings != 0).any(axis=(0, 2)) if audible is None else audible
    if not counts.any():
        return np.zeros(embeddings.shape[0] * embeddings.shape[2], np.float32)
    return fused(embeddings[:, counts].mean(axis=1))


def window_vectors(embeddings: np.ndarray) -> np.ndarray:
    """The vector of each window, ``(folds, windows, features)`` → ``(windows, folds * features)``; see `fused`."""
    return fused(np.moveaxis(embeddings, 0, 1))


def fused(embeddings: np.ndarray) -> np.ndarray:
    """Normalise the embedding of each fold to length 1, and put all folds into one vector of length 1.

    Parameters
    ----------
    embeddings : numpy.ndarray, shape=(…, folds, features)

    Returns
    -------
    numpy.ndarray, shape=(…, folds * features), float32
        An embedding of 0 stays 0.

    Examples
    --------
    >>> fused(np.array([[3.0, 4.0], [0.0, 2.0]])).round(3)
    array([0.424, 0.566, 0.   , 0.707], dtype=float32)
    """
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    unit = embeddings / np.where(lengths > 0, lengths, 1)
    flat = unit.reshape(*embeddings.shape[:-2], -1) / np.sqrt(embeddings.shape[-2])
    return np.asarray(flat, dtype=np.float32)
