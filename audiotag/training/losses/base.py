"""The registry that finds a loss by the name that a recipe gives it.

A loss is one file: a function of ``(logits, targets)``, decorated with `register_loss`. Both are float tensors of shape
``(batch, n_labels)``; a target is 0 or 1, or between them where a mixer has mixed clips. The result is a scalar tensor,
the mean over the batch. Pages read recipes and must not wait for torch, so torch is imported inside the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from audiotag.registry import Registry

if TYPE_CHECKING:
    import torch

    Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LOSSES: Registry[Loss] = Registry("loss", "audiotag.training.losses", "audiotag.losses")


def register_loss(name: str) -> Callable[[Loss], Loss]:
    """Decorate a function to make it known to recipes as ``loss = "name"``."""
    return LOSSES.register(name)
