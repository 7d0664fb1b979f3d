"""Lq loss: between cross-entropy and the mean absolute error, so that wrong labels count less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.training.losses.base import LossSettings, register_loss

if TYPE_CHECKING:
    import torch

MIN_SCORE = 1e-7  # of a label, so that the root of 0 has no infinite slope


@register_loss("lq")
@dataclass(frozen=True)
class Lq(LossSettings):
    """Generalised cross-entropy (Zhang and Sabuncu 2018, equation 6) of the scores of a clip's labels.

    It is the mean over clips and all labels, as argus has it (https://github.com/lRomul/argus-freesound): a label that
    a clip does not have adds a constant, so a wrong tag is never punished. argus's best networks do not use it.

    Attributes
    ----------
    q : float
        Near 0 it is cross-entropy, 1 the mean absolute error.
    """

    q: Annotated[float, Within(0, 1, above=True), "0.5 to 0.7 is common"] = 0.5

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over clips and labels."""
        scores = (logits.sigmoid() * targets).clamp(min=MIN_SCORE)
        return ((1 - scores**self.q) / self.q).mean()
