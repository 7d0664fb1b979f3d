"""Join the networks of all folds into one module and export it as an ONNX graph.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import torch
from torch import nn

# Names of the graph's input and output. Graphs that audiotag 0.1 wrote into workspaces have them too.
GRAPH_INPUT, GRAPH_OUTPUT = "pictures", "scores"


class AllFolds(nn.Module):
    """The networks of all folds: inputs (windows, channels, height, width) → scores (folds, windows, labels), 0 to 1.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        One per fold; each gives logits (windows, labels).
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.folds = nn.ModuleList(networks)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores of all folds; the sigmoid is computed in single precision."""
        return torch.stack([fold(inputs).float().sigmoid() for fold in self.folds])


def onnx_graph(networks: Sequence[nn.Module], shape: tuple[int, int, int]) -> bytes:
    """Export `AllFolds` as an ONNX graph for any number of windows.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        From `audiotag.networks.base.NetworkSettings.exportable`, in evaluation mode, on the CPU.
    shape : tuple[int, int, int]
        Channels, height and width of a network input.

    Returns
    -------
    bytes
        The graph as an ONNX file; its input and output are `GRAPH_INPUT` and `GRAPH_OUTPUT`.
    """
    content = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter fixes the number of windows
        torch.onnx.export(
            AllFolds(networks).eval(),
            (torch.zeros(2, *shape),),
            content,  # type: ignore[arg-type]  # the newer exporter takes only a path
            dynamo=False,
            input_names=[GRAPH_INPUT],
            output_names=[GRAPH_OUTPUT],
            dynamic_axes={GRAPH_INPUT: {0: "windows"}, GRAPH_OUTPUT: {1: "windows"}},
        )
    return content.getvalue()
