"""The networks of an ensemble as one, which takes a picture to the scores of all folds; apart, as it imports torch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import torch
from torch import nn


class AllFolds(nn.Module):
    """(windows, channels, height, width) → (folds, windows, labels), 0 to 1."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.folds = nn.ModuleList(networks)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores of every fold; the sigmoid is taken in single precision."""
        return torch.stack([fold(pictures).float().sigmoid() for fold in self.folds])


def onnx_graph(networks: Sequence[nn.Module], shape: tuple[int, int, int]) -> bytes:
    """`AllFolds` as an ONNX graph, from ``pictures`` to ``scores``, for any number of windows.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        As `audiotag.networks.base.NetworkSettings.exportable` gives them, in evaluation mode, on the CPU.
    shape : tuple[int, int, int]
        Of a picture: channels, height, width.
    """
    content = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter fixes the number of windows
        torch.onnx.export(
            AllFolds(networks).eval(),
            (torch.zeros(2, *shape),),
            content,  # type: ignore[arg-type]  # the newer one takes a path alone
            dynamo=False,
            input_names=["pictures"],
            output_names=["scores"],
            dynamic_axes={"pictures": {0: "windows"}, "scores": {1: "windows"}},
        )
    return content.getvalue()
