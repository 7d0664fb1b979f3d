"""Label smoothing: targets that are a little less sure than labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audiotag.checks import Within
from audiotag.training.losses.base import LossSettings, register_loss

if TYPE_CHECKING:
    import torch


@register_loss("label-smoothing")
@dataclass(frozen=True)
class LabelSmoothing(LossSettings):
    """Binary cross-entropy with the targets t · (1 − s) + s / 2, as TensorFlow smooths them.

    The baseline of the 2019 task has 0.1 for curated clips and 0.3 for noisy ones
    (https://github.com/DCASE-REPO/dcase2019_task2_baseline).

    Attributes
    ----------
    smoothing : float
        s: 0 leaves targets as they are, 1 makes all of them 0.5.
    """

    smoothing: Annotated[float, Within(0, 1, below=True), "0.1 is common"] = 0.1

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over clips and labels."""
        from torch.nn import functional

        smooth = targets * (1 - self.smoothing) + self.smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits, smooth)
