"""The registry that finds a loss by the name that a recipe gives it.

A loss is one file, decorated with `register_loss`: a function of ``(logits, targets)``, or for a loss with parameters
a frozen dataclass derived from `LossSettings`, whose ``__call__`` takes the same. Both arguments are float tensors of
shape ``(batch, n_labels)``; a target is 0 or 1, or between them where a mixer has mixed clips. The result is a scalar
tensor, the mean over the batch. Pages read recipes and must not wait for torch, so torch is imported inside the
function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from audiotag.checks import build
from audiotag.registry import Registry
from audiotag.training.parts import PartSettings, check_part, find_part, name_part, plain_part, read_part

if TYPE_CHECKING:
    import torch

    Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

Registered = TypeVar("Registered", bound=Callable[..., Any])


class LossSettings(PartSettings):
    """A loss with parameters; base of a frozen dataclass for each."""

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar tensor: the mean over the batch.

        Parameters
        ----------
        logits, targets : torch.Tensor, shape=(batch, n_labels), float
        """
        raise NotImplementedError


LOSSES: Registry[Callable[..., Any]] = Registry("loss", "audiotag.training.losses", "audiotag.losses")
LossChoice = str | LossSettings


def register_loss(name: str) -> Callable[[Registered], Registered]:
    """Decorate a function or a dataclass to make it known to recipes as ``loss = "name"``."""

    def register(loss: Registered) -> Registered:
        name_part(loss, name)
        LOSSES.register(name)(loss)
        return loss

    return register


def find_loss(loss: LossChoice) -> Loss:
    """The loss that a recipe's field holds; raises `AudiotagError` if there is none of this name."""
    found: Loss = find_part(loss, LOSSES)
    return found


@dataclass(frozen=True)
class LossesByKind:
    """Losses of clips of some kinds; None for the recipe's ``loss``.

    Attributes
    ----------
    trusted : str, LossSettings or None
        Of noisy clips whose labels somebody trusts.
    noisy : str, LossSettings or None
        Of the other noisy clips.
    """

    trusted: LossChoice | None = None
    noisy: LossChoice | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if (loss := getattr(self, field.name)) is not None:
                check_part(loss, LOSSES, field.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON, of the kinds that have a loss of their own."""
        losses = {field.name: plain_part(getattr(self, field.name)) for field in fields(self)}
        return {kind: loss for kind, loss in losses.items() if loss is not None}

    @classmethod
    def from_dict(cls, values: Any) -> LossesByKind:
        """Read the values of `to_dict`, or of a recipe's table ``[losses]``."""
        if isinstance(values, dict):
            values = {kind: read_part(loss, LOSSES, f"losses.{kind}") for kind, loss in values.items()}
        return build(cls, values, "losses.")
