"""How clips are tagged: one object for page, command and library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from audiotag.checks import Within, check

Combine = Literal["mean", "geometric", "weighted"]
Windows = Literal["mean", "max"]
COMBINING = {  # as pages and reports call them
    "mean": "arithmetic mean",
    "geometric": "geometric mean",
    "weighted": "mean of logits, weighted by what each fold is worth",
}


@dataclass(frozen=True)
class TagSettings:
    """How an ensemble's folds, windows and passes become the scores of a clip.

    Attributes
    ----------
    combine : "mean", "geometric" or "weighted"
        How the folds become one: see `audiotag.tagging.fold_fusion`.
    tta : bool
        Test-time augmentation: four more passes over shifted, masked windows, which takes five times as long.
    overlap : float
        Of neighbouring windows, 0 to 0.9 of a window.
    windows : "mean", "max" or None
        How a long clip's windows become one; None for what the ensemble's card says.
    folds : tuple[int, ...]
        Only these of the ensemble's folds; all, if empty.
    """

    combine: Annotated[Combine, "mean is common"] = "mean"
    tta: bool = False
    overlap: Annotated[float, Within(0, 0.9, "of a window"), "0.5 is common"] = 0.5
    windows: Annotated[Windows | None, "leave it out to use the ensemble's own"] = None
    folds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check(self)

    def hop(self, window: int) -> int:
        """Samples from the start of a window, so many samples long, to that of the next."""
        return max(1, round(window * (1 - self.overlap)))
