"""What an XResNet is built from, as plain values: its layers are in `model` and `blocks`, which import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audiotag.checks import OneOf, Within

GROUP_CHANNELS = (64, 128, 256, 512)
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}  # depth → blocks in each of the four groups
EXPANSION = {18: 1, 34: 1, 50: 4}  # depth → output channels of a block over its inner ones
ACTIVATION_NAMES = ("relu", "mish")
POOLS = ("max", "max-blur")
HEADS = ("mean", "concat")
WIDTH_HINT = "1.0 is the published width; 0.5 has about a quarter of its weights"


@dataclass(frozen=True)
class XResNetArchitecture:
    """Depth, width and parts of an XResNet.

    Parameters
    ----------
    depth : int, 18, 34 or 50
    width : float, 1/64 to 4
        Factor on the channels of the four groups (fastai's ``widen``); 1/64 leaves one channel in the first group.
    stem : int, 1 to 256
        Channels of the first two convolutions; the third has twice as many. Narrow networks spend most of their time
        here, where the feature maps are largest.
    activation : str, "relu" or "mish"
    self_attention : bool
        Self-attention at the end of the first group.
    pool : str, "max" or "max-blur"
        How the feature maps are halved after the stem.
    dropout : float in [0, 1)
        Probability, before the last layer.
    band_channel : bool
        Whether the network input gets one more channel that holds the mel band of each place, from −1 at the lowest to
        1 at the highest. Convolutions and the mean at the end do not know places, but the same shape at another pitch
        is another sound.
    frames_at_once : int, 1 to 16
        Neighbouring frames that the first convolution takes as one place: its kernel and its stride along time are so
        many times as long. Frames as short as crackling needs then cost hardly more than long ones.
    wide_stem : bool
        Whether the second convolution has twice ``stem`` channels, as the third.
    head : str, "mean" or "concat"
        What turns the last maps into logits: a mean over all places and one layer; or the head of fastai 1.0, maximum
        and mean over all places and a hidden layer of 512 features, before which half of ``dropout`` acts.

    Raises
    ------
    AudiotagError
        If a field is out of its range.
    """

    depth: Annotated[int, OneOf(*BLOCKS), "18 is the quickest, 50 the largest"] = 18
    width: Annotated[float, Within(1 / GROUP_CHANNELS[0], 4), WIDTH_HINT] = 1.0
    stem: Annotated[int, Within(1, 256, "channels"), "32 is the published stem"] = 32
    activation: Annotated[str, OneOf(*ACTIVATION_NAMES), "names are in lower case"] = "mish"
    self_attention: Annotated[bool, "write it without quotes"] = False
    pool: Annotated[str, OneOf(*POOLS), "names are in lower case"] = "max"
    dropout: Annotated[float, Within(0, 1, below=True), "a probability; write 0.2 for 20 %"] = 0.0
    band_channel: Annotated[bool, "write it without quotes"] = False
    frames_at_once: Annotated[int, Within(1, 16, "frames"), "1 takes each frame by itself, as published"] = 1
    wide_stem: Annotated[bool, "write it without quotes"] = False
    head: Annotated[str, OneOf(*HEADS), "names are in lower case"] = "mean"
