"""TODO."""

from __future__ import annotations

import torch
from torch.nn import functional

FOCAL_GAMMA = 2.0


def binary_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, targets)


def focal(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Focal loss (Lin et al. 2017, equation 4), for soft targets by their two parts."""
    wrong = torch.sigmoid(torch.stack([-logits, logits]))  # one minus the score of the truth, for 1 and for 0
    losses = -functional.logsigmoid(torch.stack([logits, -logits])) * wrong**FOCAL_GAMMA
    return (losses * torch.stack([targets, 1 - targets])).sum(0).mean()
