"""Run a network on four flips of its input, and read each flip from outputs of its own."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import logsigmoid

from audiotag.arrays import FLIPS


class FlipNetwork(nn.Module):
    """A network with four outputs per label in training mode, and in evaluation mode one: the mean over the flips.

    Parameters
    ----------
    network : torch.nn.Module
        Gives logits of shape (batch, flips · n_labels): those of all labels for the first of
        `audiotag.arrays.FLIPS`, then for the second, and so on.
    n_labels : int
    """

    def __init__(self, network: nn.Module, n_labels: int) -> None:
        super().__init__()
        self.network, self.n_labels = network, n_labels

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of (batch, channels, height, width): four per label in training mode, otherwise one."""
        if self.training:
            return self.network(inputs)
        logits = self.network(all_flips(inputs)).reshape(len(FLIPS), -1, len(FLIPS), self.n_labels)
        return mean_logits([logits[flip, :, flip] for flip in range(len(FLIPS))])


class FlipBody(nn.Module):
    """The embeddings of all flips beside each other, (batch, flips · features)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Embeddings of (batch, channels, height, width)."""
        embeddings = self.body(all_flips(inputs))
        return torch.cat(embeddings.reshape(len(FLIPS), -1, embeddings.shape[1]).unbind(), 1)


class FlipHead(nn.Module):
    """The logits of `FlipNetwork` in evaluation mode, from the embeddings of `FlipBody`."""

    def __init__(self, head: nn.Module, n_labels: int) -> None:
        super().__init__()
        self.head, self.n_labels = head, n_labels

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits, (batch, n_labels)."""
        of_flips = embeddings.chunk(len(FLIPS), 1)
        outputs = [self.head(one)[:, flip * self.n_labels :][:, : self.n_labels] for flip, one in enumerate(of_flips)]
        return mean_logits(outputs)


def all_flips(inputs: torch.Tensor) -> torch.Tensor:
    """All flips of the whole batch, one flip after the other: (flips · batch, channels, height, width)."""
    return torch.cat([inputs.flip(axes) if axes else inputs for axes in FLIPS])


def mean_logits(logits: list[torch.Tensor]) -> torch.Tensor:
    """The logits of the mean of the scores that several logits stand for.

    >>> mean_logits([torch.tensor([0.0, 100.0, -100.0]), torch.tensor([0.0, 100.0, -100.0])]).tolist()
    [0.0, 100.0, -100.0]
    """
    stacked = torch.stack(logits)  # the mean of the scores itself would be rounded to 0 or 1
    return logsigmoid(stacked).logsumexp(0) - logsigmoid(-stacked).logsumexp(0)
