"""Join the networks of all folds into one module and export it as an ONNX graph.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from audiotag.networks.base import NetworkSettings

GRAPH_INPUT, GRAPH_OUTPUTS = "inputs", ("scores", "embeddings")  # names in the graph


class AllFolds(nn.Module):
    """The networks of all folds: inputs (windows, channels, height, width) → scores and embeddings.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        One per fold; each gives logits (windows, labels).
    settings : NetworkSettings
        Those of the networks; says where their embeddings are.
    """

    def __init__(self, networks: Sequence[nn.Module], settings: NetworkSettings) -> None:
        super().__init__()
        parts = [settings.split(network) or (nn.Identity(), network) for network in networks]
        self.bodies = nn.ModuleList(body for body, _ in parts)
        self.heads = nn.ModuleList(head for _, head in parts)
        self.has_embeddings = all(settings.split(network) is not None for network in networks)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores of all folds, (folds, windows, labels), 0 to 1; embeddings, (folds, windows, features).

        The sigmoid is computed in single precision. A network without embeddings has no features.
        """
        embeddings = [body(inputs) for body in self.bodies]
        scores = [head(embedding).float().sigmoid() for head, embedding in zip(self.heads, embeddings, strict=True)]
        if not self.has_embeddings:
            embeddings = [score[:, :0] for score in scores]
        return torch.stack(scores), torch.stack([embedding.float() for embedding in embeddings])


def onnx_graph(networks: Sequence[nn.Module], settings: NetworkSettings, shape: tuple[int, int, int]) -> bytes:
    """Export `AllFolds` as an ONNX graph for any number of windows.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        From `audiotag.networks.base.NetworkSettings.exportable`, in evaluation mode, on the CPU.
    settings : NetworkSettings
        Those of the networks.
    shape : tuple[int, int, int]
        Channels, height and width of a network input.

    Returns
    -------
    bytes
        The graph as an ONNX file; its input is `GRAPH_INPUT`, its outputs are `GRAPH_OUTPUTS`.
    """
    content = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # Warnings say that this exporter is the older one (the newer one fixes the number of windows), and that a graph
        # holds for one size of inputs. Each engine is compared with torch before it is used.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            AllFolds(networks, settings).eval(),
            (torch.zeros(2, *shape),),
            content,  # type: ignore[arg-type]  # the newer exporter takes only a path
            dynamo=False,
            input_names=[GRAPH_INPUT],
            output_names=list(GRAPH_OUTPUTS),
            dynamic_axes={GRAPH_INPUT: {0: "windows"}} | {output: {1: "windows"} for output in GRAPH_OUTPUTS},
        )
    return content.getvalue()
