"""The loss of a batch: each clip's by its kind, and each output's of a network with several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from audiotag.arrays import namespace, on_device
from audiotag.training.clips import KINDS
from audiotag.training.losses.base import LossChoice, LossesByKind, find_loss

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class BatchLoss:
    """The loss that a network is trained with; a scalar tensor.

    Clips of each kind have a loss, which is a mean over them. That of the batch is the mean of these, each weighted by
    the share of clips that are of its kind.

    Attributes
    ----------
    loss : str or LossSettings
        Of all clips that ``by_kind`` has no other one for.
    by_kind : LossesByKind
    output_weights : tuple[float, ...]
        The weight of each output of a network that has auxiliary ones; the main output is the first.
    """

    loss: LossChoice
    by_kind: LossesByKind = field(default_factory=LossesByKind)
    output_weights: tuple[float, ...] = (1.0,)

    def __call__(
        self, outputs: torch.Tensor | tuple[torch.Tensor, ...], targets: torch.Tensor, kinds: np.ndarray | None = None
    ) -> torch.Tensor:
        """The loss of a batch.

        Parameters
        ----------
        outputs : torch.Tensor or tuple of torch.Tensor, shape=(batch, labels)
            Logits: of all outputs while training, of the main one when clips are measured.
        targets : torch.Tensor, shape=(batch, labels)
        kinds : numpy.ndarray, shape=(batch,), int, optional
            Numbers in `audiotag.training.clips.KINDS`; by default all are curated.
        """
        if isinstance(outputs, tuple):
            weighted = zip(self.output_weights, outputs, strict=True)
            total = sum(weight * self._of_output(logits, targets, kinds) for weight, logits in weighted)
            return cast("torch.Tensor", total)
        return self.output_weights[0] * self._of_output(outputs, targets, kinds)

    def _of_output(self, logits: torch.Tensor, targets: torch.Tensor, kinds: np.ndarray | None) -> torch.Tensor:
        rows_of: dict[LossChoice, list[int]] = {}
        for row, kind in enumerate(np.zeros(len(targets), int) if kinds is None else kinds):
            rows_of.setdefault(self._choice_for(KINDS[kind]), []).append(row)
        if len(rows_of) == 1:
            return find_loss(next(iter(rows_of)))(logits, targets)
        whole = namespace(logits).int64  # as a list the places would be copied by a GPU that waits for them
        parts = []
        for loss, rows in rows_of.items():
            places = on_device(np.array(rows), logits, whole)
            parts.append(len(rows) / len(targets) * find_loss(loss)(logits[places], targets[places]))
        return cast("torch.Tensor", sum(parts))

    def _choice_for(self, kind: str) -> LossChoice:
        own: LossChoice | None = getattr(self.by_kind, kind, None)
        return self.loss if own is None else own
