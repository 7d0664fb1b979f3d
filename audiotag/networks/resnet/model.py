"""Build ResNet-34 in torch.

Shapes are (batch, channels, height, width): mel bands along the height, frames along the width.
"""

from __future__ import annotations

import torch
from torch import nn

from audiotag.networks.layers.heads import MaxPool

GROUPS = ((64, 3), (128, 4), (256, 6), (512, 3))  # channels and blocks of each


def build_network(width: float, hidden: int, n_labels: int, channels: int = 1) -> nn.Sequential:
    """A freshly initialised network; its random weights come from torch's global generator.

    As in torchvision, kernels start with He et al.'s normal distribution by the number of outputs.

    Parameters
    ----------
    width : float
        Factor on the channels of all groups.
    hidden : int
        Features of the two hidden layers.
    n_labels : int
        Number of logits, one per label.
    channels : int
        Channels of the network input.

    Returns
    -------
    torch.nn.Sequential
        Takes (batch, channels, height, width) float, gives logits (batch, n_labels).
    """
    n_in = int(GROUPS[0][0] * width)
    layers: list[nn.Module] = [
        nn.Conv2d(channels, n_in, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(n_in),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    for group, (of_group, blocks) in enumerate(GROUPS):
        for block in range(blocks):
            n_out = int(of_group * width)
            layers.append(BasicBlock(n_in, n_out, stride=2 if group > 0 and block == 0 else 1))
            n_in = n_out
    body = nn.Sequential(*layers)
    for module in body.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(
        *body,
        MaxPool(),
        nn.Linear(n_in, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, n_labels),
    )


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut: (batch, n_in, h, w) → (batch, n_out, ⌈h / stride⌉, ⌈w / stride⌉)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if n_in != n_out or stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, n_in, h, w) → (batch, n_out, ⌈h / stride⌉, ⌈w / stride⌉)."""
        return self.activation(self.convolutions(x) + self.shortcut(x))
