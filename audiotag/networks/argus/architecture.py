"""What a network of the winner is built from, as plain values: its layers are in `model` and `layers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from audiotag.checks import OneOf, Within

BLOCK_CHANNELS = (64, 128, 256, 512)
SKIPS = len(BLOCK_CHANNELS) - 1


@dataclass(frozen=True)
class ArgusArchitecture:
    """Width and parts of a network of the winner.

    Parameters
    ----------
    width : float, 1/16 to 2
        Factor on the channels of all blocks.
    skips : bool
        Whether the maps of the first three blocks are passed on to the end, beside those of the fourth.
    attention : bool
        Channel and spatial attention (CBAM: Woo et al. 2018, arXiv:1807.06521) on the maps after the blocks.
    attention_kernel : int, 3 or 7
        Side of the kernel of the spatial attention.
    recurrent : bool
        Whether a bidirectional LSTM runs over the frames before the mean over them.
    conv_bias : bool
        Whether the convolutions of the blocks have biases.
    pool : "mean" or "mean-max"
        Mean over all places, or mean over the frames, then maximum over the bands.
    hidden : int, 1 to 4096
        Features of the hidden layer of each head.
    dropout : float in [0, 1)
        Probability before the hidden layer; half of it before the last one.
    auxiliary_weights : tuple of float
        Weights, in the loss, of the auxiliary heads on the skips of the third, second and first block; the main head
        has the weight 1. Empty for a network without auxiliary heads.
    """

    width: Annotated[float, Within(1 / 16, 2), "1.0 is the published width; 0.5 has about a quarter of its weights"] = (
        1.0
    )
    skips: bool = True
    attention: bool = True
    attention_kernel: Annotated[int, OneOf(3, 7), "7 is the published kernel of six of the seven experiments"] = 7
    recurrent: bool = False
    conv_bias: bool = False
    pool: Literal["mean", "mean-max"] = "mean"
    hidden: Annotated[int, Within(1, 4096, "features"), "256 or 128 are published"] = 256
    dropout: Annotated[float, Within(0, 1, below=True), "a probability; 0.4 or 0.2 are published"] = 0.4
    auxiliary_weights: tuple[float, ...] = (0.4, 0.2, 0.1)
