"""Settings of a blend and of its stackers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from audiotag.checks import Within, check, require
from audiotag.tagging.blend_card import BlendCombine

DRAWS_PER_CLIP = 8.27  # 32,768 of 3,964: four fifths of the 4,955 clips of the published stackers


@dataclass(frozen=True)
class StackerSettings:
    """How a stacker is built and fitted.

    Attributes
    ----------
    name : str
    reduction : int
        The gate's hidden layer has so many times fewer units than there are inputs.
    dropout : float
    lr : float
        Learning rate of Adam, without weight decay.
    patience : int
        Epochs without a rise of lwlrap after which the rate is lowered.
    factor : float
        By which it is then multiplied.
    """

    name: str
    reduction: Annotated[int, Within(1, 1000), "16 is published"]
    dropout: Annotated[float, Within(0, 1, below=True), "0.05 is published"]
    lr: Annotated[float, Within(0, 1, above=True), "4.6e-5 is published"]
    patience: Annotated[int, Within(1, 1000, "epochs"), "5 is published"]
    factor: Annotated[float, Within(0, 1, above=True, below=True), "0.66 is published"]

    def __post_init__(self) -> None:
        check(self)


# The three stackers of lRomul/argus-freesound, named by the numbers that their random search gave them.
PUBLISHED_STACKERS = (
    StackerSettings("43040", 16, 0.05141, 4.595e-5, 5, 0.65777),
    StackerSettings("45041", 2, 0.48357, 3.898e-5, 9, 0.79537),
    StackerSettings("50013", 1, 0.16628, 2.581e-5, 7, 0.55375),
)


@dataclass(frozen=True)
class FitSettings:
    """How long stackers are fitted; the defaults are those of lRomul/argus-freesound, except for the seed.

    There an epoch draws 32,768 clips of about 3,964 that a fold trains on. By default an epoch draws as many times as
    many clips as there are, so that a small dataset is not drawn a hundred times between two measurements.

    Attributes
    ----------
    batch_size : int
        Clips.
    draws : int
        Clips that an epoch draws, with replacement; 0 for `DRAWS_PER_CLIP` times the number of clips.
    max_epochs : int
    stop_after : int
        Epochs without a rise of lwlrap after which fitting ends; the weights of the best epoch count.
    lr_scale : float
        All learning rates are multiplied by it. Ours; 1 is as published.
    seed : int
    """

    batch_size: Annotated[int, Within(1, 100_000, "clips"), "128 is published"] = 128
    draws: Annotated[int, Within(0, 10_000_000, "clips"), "32768 is published"] = 0
    max_epochs: Annotated[int, Within(1, 100_000, "epochs"), "700 is published"] = 700
    stop_after: Annotated[int, Within(1, 100_000, "epochs"), "30 is published"] = 30
    lr_scale: Annotated[float, Within(0, 1000, above=True), "1 is as published"] = 1.0
    seed: Annotated[int, Within(0), "0 is common"] = 0

    def __post_init__(self) -> None:
        check(self)

    def draws_of(self, clips: int) -> int:
        """Draws of an epoch where there are so many clips to train on."""
        return self.draws or round(DRAWS_PER_CLIP * clips)


@dataclass(frozen=True)
class BlendSettings:
    """What a blend is made of.

    Attributes
    ----------
    name : str
        Letters, digits, ``-`` and ``_``.
    members : tuple[Path, ...]
        Folders of at least two ensembles.
    combine : "geometric" or "mean"
        How the scores of members and stackers are combined.
    weights : tuple[float, ...]
        One per member, or one per member and stacker; empty for equal weights.
    stackers : tuple[StackerSettings, ...]
        Empty for a blend without stackers.
    fit : FitSettings
        Of the stackers.
    """

    name: str
    members: tuple[Path, ...]
    combine: BlendCombine = "geometric"
    weights: tuple[float, ...] = ()
    stackers: tuple[StackerSettings, ...] = ()
    fit: FitSettings = FitSettings()

    def __post_init__(self) -> None:
        check(self)
        members, stackers = len(self.members), len(self.stackers)
        require(members > 1, "a blend", "have at least two members", members, "name more ensembles")
        counts = (0, members, members + stackers)
        rule = f"be one per member ({members})" + (f", or also one per stacker ({counts[2]})" if stackers else "")
        require(len(self.weights) in counts, "weights", rule, len(self.weights), "separate them by commas")
        for weight in self.weights:
            require(0 < weight <= 1000, "a weight", "be above 0 and at most 1000", weight, "leave the member out")

    @property
    def all_weights(self) -> tuple[float, ...]:
        """One weight per member and stacker; those that are not given are 1."""
        voters = len(self.members) + len(self.stackers)
        return (*self.weights, *[1.0] * (voters - len(self.weights)))
