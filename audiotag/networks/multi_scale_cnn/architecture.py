"""What a multi-scale CNN is built from, as plain values: its layers are in `model`, which imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audiotag.checks import Within

GROWTH = 1.5  # each block has so many times the channels of the one before


@dataclass(frozen=True)
class MultiScaleCNNArchitecture:
    """Depth, width and head of a multi-scale CNN.

    Parameters
    ----------
    blocks : int, 2 to 6
        Each halves the maps.
    filters : int, 4 to 200
        Channels of the first block.
    recurrent : bool
        Whether a bidirectional GRU over the frames sums up the maps of each block, instead of the maximum over all
        places.
    dropout : float in [0, 1)
        Probability before the last layer.
    """

    blocks: Annotated[int, Within(2, 6, "blocks"), "5 and 6 are published"] = 5
    filters: Annotated[int, Within(4, 200, "channels"), "100 is published"] = 100
    recurrent: Annotated[bool, "write it without quotes"] = False
    dropout: Annotated[float, Within(0, 1, below=True), "0.5 is published, 0.7 with noisy clips"] = 0.5

    @property
    def channels_of_blocks(self) -> list[int]:
        """Channels of each block."""
        return [int(self.filters * GROWTH**block) for block in range(self.blocks)]
