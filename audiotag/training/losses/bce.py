"""Binary cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiotag.training.losses.base import register_loss

if TYPE_CHECKING:
    import torch


@register_loss("bce")
def binary_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, the mean over clips and labels."""
    from torch.nn import functional

    return functional.binary_cross_entropy_with_logits(logits, targets)
