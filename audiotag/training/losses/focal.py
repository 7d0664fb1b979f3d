"""Focal loss: binary cross-entropy in which easy labels count less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiotag.training.losses.base import register_loss

if TYPE_CHECKING:
    import torch

FOCAL_GAMMA = 2.0


@register_loss("focal")
def focal(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Focal loss with γ 2 (Lin et al. 2017, equation 4), the mean over clips and labels.

    A soft target counts as a positive label with its weight, and as a negative one with the rest.
    """
    return focal_of_each(logits, targets).mean()


def focal_of_each(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Focal loss of each label of each clip, shape ``(batch, n_labels)``."""
    import torch
    from torch.nn import functional

    wrong = torch.sigmoid(torch.stack([-logits, logits]))  # 1 − score of the truth, for targets 1 and 0
    losses = -functional.logsigmoid(torch.stack([logits, -logits])) * wrong**FOCAL_GAMMA
    return (losses * torch.stack([targets, 1 - targets])).sum(0)
