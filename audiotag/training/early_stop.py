"""When a stage ends before its last epoch: once lwlrap has not risen for some epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable


def soonest_end(lwlraps: Iterable[float], epochs: int, stop_after: int) -> int:
    """The epoch after which a stage ends if lwlrap does not rise any more; a stage that has got so far is over.

    Parameters
    ----------
    lwlraps : iterable of float
        Of the held-out clips, after each epoch so far.
    epochs : int
        The stage's number of epochs.
    stop_after : int
        Epochs without a rise after which the stage ends; 0 for a stage that always trains all its epochs.

    Examples
    --------
    >>> soonest_end([], 700, 18), soonest_end([0.1, 0.3, 0.2], 700, 18), soonest_end([0.1], 700, 0)
    (18, 20, 700)
    """
    if not stop_after:
        return epochs
    best, best_epoch = -math.inf, 0
    for epoch, lwlrap in enumerate(lwlraps, start=1):
        if lwlrap > best:
            best, best_epoch = lwlrap, epoch
    return min(epochs, best_epoch + stop_after)
