"""What runs the networks of an ensemble: torch, the reference; OpenVINO and ONNX Runtime from a compiled graph.

An engine is a function: pictures, float32 ``(windows, channels, height, width)``, to scores, float32 ``(folds, windows,
labels)``. Each window is scored as if it were alone, so that neither order nor company changes a clip's scores. All
folds are one graph, which is compiled once and kept in the workspace.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.tagging.ensemble import Card, load_networks

if TYPE_CHECKING:
    import torch

Engine = Callable[[np.ndarray], np.ndarray]

REFERENCE = "torch"
AT_ONCE = 8  # windows a request: their activations stay in the cache
GRAPHS = {"openvino": "folds.xml", "onnxruntime": "folds.onnx"}


def engine_names() -> tuple[str, ...]:
    """The engines that this machine may have, the reference first."""
    import torch

    names = (REFERENCE, "torch-bf16", "openvino", "openvino-bf16", "onnxruntime")
    return (*names, "torch-cuda") if torch.cuda.is_available() else names


def open_engine(name: str, folder: Path, card: Card, folds: tuple[int, ...], graphs: Path) -> Engine:
    """An engine for an ensemble's chosen folds.

    Parameters
    ----------
    name : str
        One of `engine_names`.
    folder : Path
        Of the ensemble.
    card : Card
    folds : tuple[int, ...]
        All, if empty.
    graphs : Path
        The folder that `write_graph` has written to; torch needs none.

    Raises
    ------
    AudiotagError
        If the ensemble's files are not what its card says.
    """
    if name.startswith("openvino"):
        return _openvino(graphs / GRAPHS["openvino"], "bf16" if name.endswith("bf16") else "f32")
    if name == "onnxruntime":
        return _onnxruntime(graphs / GRAPHS["onnxruntime"])
    return _torch(load_networks(folder, card, folds), name.removeprefix("torch").removeprefix("-"))


def write_graph(name: str, networks: list, shape: tuple[int, int, int], graphs: Path) -> None:
    """Compile networks into the file that an engine reads; ``shape`` is a picture's, (channels, height, width)."""
    import torch

    example = torch.zeros(2, *shape)
    path = graphs / GRAPHS[name.removesuffix("-bf16")]
    if path.is_file():
        return
    with torch.no_grad():
        if name == "onnxruntime":
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter fixes the number of windows
                torch.onnx.export(
                    _all_folds(networks), (example,), str(path), dynamo=False, input_names=["pictures"],
                    output_names=["scores"], dynamic_axes={"pictures": {0: "windows"}, "scores": {1: "windows"}},
                )  # fmt: skip
            return
        import openvino

        graph = openvino.convert_model(_all_folds(networks), example_input=example)
        graph.reshape({0: openvino.PartialShape([-1, *shape])})
        openvino.save_model(graph, path, compress_to_fp16=False)


def _all_folds(networks: list) -> torch.nn.Module:
    import torch

    class AllFolds(torch.nn.Module):
        """(windows, channels, height, width) → (folds, windows, labels)."""

        def __init__(self) -> None:
            super().__init__()
            self.folds = torch.nn.ModuleList(networks)

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return torch.stack([fold(pictures).sigmoid() for fold in self.folds])

    return AllFolds().eval()


def _torch(networks: list, kind: str) -> Engine:
    import torch

    device = torch.device("cuda" if kind == "cuda" else "cpu")
    all_folds = _all_folds(networks).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = 64 if kind == "cuda" else AT_ONCE

    def score(pictures: np.ndarray) -> np.ndarray:
        scores = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=kind == "bf16"):
            for first in range(0, len(pictures), size):
                batch = torch.from_numpy(pictures[first : first + size]).to(device, memory_format=torch.channels_last)
                scores.append(all_folds(batch).float().cpu().numpy())
        return np.concatenate(scores, axis=1)

    return score


def _openvino(graph: Path, precision: str) -> Engine:
    import openvino

    streams = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    compiled = openvino.Core().compile_model(
        str(graph), "CPU", {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": str(streams)}
    )

    def score(pictures: np.ndarray) -> np.ndarray:
        # A request a stream: half of a short clip's windows each, and never more than stay in the cache.
        size = min(AT_ONCE, -(-len(pictures) // streams))
        parts: dict[int, np.ndarray] = {}
        queue = openvino.AsyncInferQueue(compiled, streams)
        queue.set_callback(lambda request, first: parts.update({first: request.get_output_tensor(0).data.copy()}))
        for first in range(0, len(pictures), size):
            queue.start_async({0: np.ascontiguousarray(pictures[first : first + size])}, first)
        queue.wait_all()
        return np.concatenate([parts[first] for first in sorted(parts)], axis=1)

    return score


def _onnxruntime(graph: Path) -> Engine:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])

    def score(pictures: np.ndarray) -> np.ndarray:
        parts = [
            session.run(None, {"pictures": pictures[first : first + AT_ONCE]})[0]
            for first in range(0, len(pictures), AT_ONCE)
        ]
        return np.concatenate(parts, axis=1)

    return score
