"""Focal loss of the clips that the network does not tag rightly yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.training.losses.base import LossSettings, register_loss

if TYPE_CHECKING:
    import torch


@register_loss("unsolved-focal")
@dataclass(frozen=True)
class UnsolvedFocal(LossSettings):
    """Focal loss summed over labels, the mean over the clips whose tags are not all right yet.

    A clip is left out if its F2 is 1: exactly the labels with a target of 1 have a score above the threshold. So it is
    in the sixth place's code (https://github.com/mnpinto/audiotagging2019). A clip that MixUp has mixed with one of
    other labels is never left out, and its loss is the mean of the losses of both, weighted as they are mixed: that is
    `focal` for soft targets.

    Attributes
    ----------
    threshold : float
        Score above which a label counts as tagged.
    """

    threshold: Annotated[float, Within(0, 1, above=True, below=True), "0.2 is mnpinto's"] = 0.2

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over the clips that are not left out; 0 if all of them are."""
        from audiotag.training.losses.focal import focal_of_each

        is_tagged = logits.detach().sigmoid() > self.threshold
        is_unsolved = (is_tagged.to(targets.dtype) != targets).any(dim=1)
        losses = focal_of_each(logits, targets).sum(dim=1)
        return (losses * is_unsolved).sum() / is_unsolved.sum().clamp(min=1)
