"""LSEP: a smooth count of pairs in which a label that a clip lacks ranks above one that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiotag.training.losses.base import register_loss

if TYPE_CHECKING:
    import torch

LOG_OF_ZERO = -1e30  # finite, so that clips without a label have a gradient, of 0


@register_loss("lsep")
def lsep(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-sum-exp pairwise loss (Li et al. 2017, equation 4), the mean over clips.

    ln(1 + Σ e^(z_j − z_i)) over all pairs of a label i that the clip has and a label j that it lacks. Where clips are
    mixed, a pair counts with target i times (1 − target j).
    """
    import torch
    from torch.nn import functional

    def log_of(weights: torch.Tensor) -> torch.Tensor:
        return torch.where(weights > 0, weights, 1).log() + torch.where(weights > 0, 0.0, LOG_OF_ZERO)

    has = torch.logsumexp(log_of(targets) - logits, dim=1)
    lacks = torch.logsumexp(log_of(1 - targets) + logits, dim=1)
    return functional.softplus(has + lacks).mean()
