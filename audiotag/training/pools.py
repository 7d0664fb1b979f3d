"""Pools: the groups of clips from which one stage draws, each with a probability."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np

from audiotag.checks import Within, check, require

# A clip's kind says how far its labels are trusted. Each pool has the name of a kind, and clips drawn from it are of
# this kind: a trusted clip is "trusted" where it is drawn from its own pool, "noisy" from the pool of all noisy clips.
KINDS = ("curated", "trusted", "noisy")
PROBABILITY = Within(0, 1)
HINT = "write 0.2 for 20 %"
SUM_TOLERANCE = 0.001


@dataclass(frozen=True)
class Pools:
    """The probability with which a stage draws a clip from each pool.

    Attributes
    ----------
    curated : float
        Of the dataset's curated clips.
    trusted : float
        Of the noisy clips that the recipe's list says to trust (`audiotag.data.clip_lists`).
    noisy : float
        Of all noisy clips, the trusted ones too.

    Notes
    -----
    This is how the winner of Freesound Audio Tagging 2019 trained, with its trusted clips in both pools
    (R. Romul, https://github.com/lRomul/argus-freesound).
    """

    curated: Annotated[float, PROBABILITY, HINT] = 0.0
    trusted: Annotated[float, PROBABILITY, HINT] = 0.0
    noisy: Annotated[float, PROBABILITY, HINT] = 0.0

    def __post_init__(self) -> None:
        check(self)
        total = self.curated + self.trusted + self.noisy
        require(abs(total - 1) <= SUM_TOLERANCE, "the sum of pools", "be 1", f"{total:g}", "they are probabilities")

    @property
    def probabilities(self) -> dict[str, float]:
        """The pools with a probability above 0."""
        return {kind: value for kind, value in asdict(self).items() if value}

    @property
    def subsets(self) -> tuple[str, ...]:
        """The dataset's subsets that the pools take clips from."""
        return tuple(dict.fromkeys(subset_of(kind) for kind in self.probabilities))

    def scaled(self, present: set[str]) -> dict[str, float]:
        """The probabilities of the pools that are ``present``, scaled to a sum of 1; empty where none is.

        >>> Pools(curated=0.5, noisy=0.25, trusted=0.25).scaled({"curated", "noisy"})
        {'curated': 0.6666666666666666, 'noisy': 0.3333333333333333}
        """
        found = {kind: value for kind, value in self.probabilities.items() if kind in present}
        return {kind: value / sum(found.values()) for kind, value in found.items()}

    def draw_probabilities(self, kinds: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """The probability that each clip is drawn: that of its pool, shared evenly or by weights.

        Parameters
        ----------
        kinds : numpy.ndarray, shape=(clips,), int
            The number of each clip's pool in `KINDS`.
        weights : numpy.ndarray, shape=(clips,), optional
            How often clips of one pool are drawn in relation to each other.

        Returns
        -------
        numpy.ndarray, shape=(clips,)
            They add up to 1; pools without clips are left out.
        """
        drawn = np.ones(len(kinds)) if weights is None else weights.astype(float)
        for kind, probability in self.scaled({KINDS[number] for number in np.unique(kinds)}).items():
            is_in = kinds == KINDS.index(kind)
            drawn[is_in] *= probability / drawn[is_in].sum()
        return drawn / drawn.sum()


def subset_of(kind: str) -> str:
    """The dataset's subset that has the clips of a kind."""
    return "curated" if kind == "curated" else "noisy"
