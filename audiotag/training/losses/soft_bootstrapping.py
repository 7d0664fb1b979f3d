"""Soft bootstrapping: targets that are partly the network's own scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.training.losses.base import LossSettings, register_loss

if TYPE_CHECKING:
    import torch


@register_loss("soft-bootstrapping")
@dataclass(frozen=True)
class SoftBootstrapping(LossSettings):
    """Binary cross-entropy with targets that are partly the network's own scores (Reed et al. 2015, equation 6).

    The target is β · label + (1 − β) · score, as argus uses it for noisy clips
    (https://github.com/lRomul/argus-freesound). No gradient flows through the target, so the gradient is β times that
    of plain cross-entropy: beside clips of another loss, its clips count β times as much.

    Attributes
    ----------
    beta : float
        Share of the label in the target.
    """

    beta: Annotated[float, Within(0, 1, above=True), "0.7 is argus's"] = 0.7

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over clips and labels."""
        from torch.nn import functional

        own = self.beta * targets + (1 - self.beta) * logits.detach().sigmoid()
        return functional.binary_cross_entropy_with_logits(logits, own)
