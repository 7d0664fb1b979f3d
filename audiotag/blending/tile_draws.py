"""Draw the training items of a stacker: means over some of a clip's windows, as in lRomul/argus-freesound.

With a probability of one half only a contiguous run of windows counts, of a length that is drawn evenly; then, with the
same probability, only a random subset of these, of a size that is drawn evenly. The item is their mean.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

PROBABILITY = 0.5


def draw_means(tiles: np.ndarray, ends: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means over randomly chosen windows of clips.

    Parameters
    ----------
    tiles : numpy.ndarray, shape=(tiles, inputs), float32
        Windows of all clips, one clip after the other.
    ends, counts : numpy.ndarray, shape=(items,), int
        Where the windows of each drawn clip end, and how many there are; a clip may be drawn several times.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape=(items, inputs), float32
    """
    first, length = _runs(ends - counts, counts, rng)
    items, places = _subsets(length, rng)
    sizes = np.bincount(items, minlength=len(length))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    shares = np.repeat(1 / sizes, sizes).astype(np.float32)
    chosen = csr_array((shares, first[items] + places, starts), shape=(len(length), len(tiles)))
    return np.asarray(chosen @ tiles, dtype=np.float32)


def _runs(starts: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First window and number of windows of each item."""
    is_run = rng.random(len(counts)) < PROBABILITY
    length = np.where(is_run, rng.integers(1, counts + 1), counts)
    return starts + rng.integers(0, counts - length + 1), length


def _subsets(counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The windows that count: the item of each, in ascending order, and its place among the item's windows."""
    is_subset = rng.random(len(counts)) < PROBABILITY
    sizes = np.where(is_subset, rng.integers(1, counts + 1), counts)
    items = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(len(items)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.lexsort((rng.random(len(items)), items))  # the windows of each item in a random order
    is_chosen = places < np.repeat(sizes, counts)
    return items[is_chosen], places[order][is_chosen]
