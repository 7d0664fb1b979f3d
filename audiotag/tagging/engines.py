"""What runs the networks of an ensemble: torch, the reference; OpenVINO and ONNX Runtime from a graph of all folds.

An engine is a function: pictures, float32 ``(windows, channels, height, width)``, to scores, float32 ``(folds, windows,
labels)``. Several threads may call it at once. Whatever windows go in together, and in which order, a window's scores
are the same but for the last bits.
"""

from __future__ import annotations

import copy
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn

Engine = Callable[[np.ndarray], np.ndarray]

REFERENCE = "torch"
ENGINES = ("openvino", "openvino-bf16", "onnxruntime", REFERENCE, "torch-bf16", "torch-cuda")  # mostly, fastest first
AT_ONCE = 8  # windows a request: their activations stay in the cache
AT_ONCE_ON_GPU = 64


def needs_graph(name: str) -> bool:
    """Whether an engine runs a graph; the others run networks."""
    return not name.startswith("torch")


def open_torch(name: str, networks: Sequence[nn.Module]) -> Engine:
    """An engine that runs the networks of the folds themselves: "torch", "torch-bf16" or "torch-cuda".

    Raises
    ------
    RuntimeError
        If this machine has no GPU, or a processor that has no bfloat16.
    """
    import torch

    from audiotag.tagging.onnx_export import AllFolds

    halved, on_gpu = name == "torch-bf16", name == "torch-cuda"
    if halved and not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        raise RuntimeError("this processor has no bfloat16")
    if on_gpu and not torch.cuda.is_available():
        raise RuntimeError("torch sees no GPU")
    device = torch.device("cuda" if on_gpu else "cpu")
    if on_gpu:
        networks = copy.deepcopy(networks)  # those of the caller stay where they are
    all_folds = AllFolds(networks).eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = AT_ONCE_ON_GPU if on_gpu else AT_ONCE

    def score(pictures: np.ndarray) -> np.ndarray:
        scores = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=halved):
            for first in range(0, len(pictures), size):
                batch = torch.from_numpy(pictures[first : first + size]).to(device, memory_format=torch.channels_last)
                scores.append(all_folds(batch).cpu().numpy())
        return np.concatenate(scores, axis=1)

    return score


def open_graph(name: str, graph: bytes) -> Engine:
    """An engine that runs an ONNX graph, see `audiotag.tagging.onnx_export.onnx_graph`.

    Parameters
    ----------
    name : str
        "openvino", "openvino-bf16" or "onnxruntime"; a package that is not installed is an ImportError.
    graph : bytes
    """
    if name == "onnxruntime":
        return _onnxruntime(graph)
    return _openvino(graph, "bf16" if name == "openvino-bf16" else "f32")


def _openvino(graph: bytes, precision: str) -> Engine:
    import openvino

    streams = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": str(streams)}
    compiled = core.compile_model(core.read_model(graph), "CPU", options)

    def score(pictures: np.ndarray) -> np.ndarray:
        # A request a stream: half of a short clip's windows each, and never more than stay in the cache.
        # Not OpenVINO's own queue: its threads call back into Python, which at times stalls or aborts its end.
        size = min(AT_ONCE, -(-len(pictures) // streams))
        idle = [compiled.create_infer_request() for _ in range(streams)]
        running: deque[openvino.InferRequest] = deque()
        scores: list[np.ndarray] = []

        def finish_first() -> None:
            request = running.popleft()
            request.wait()
            scores.append(request.get_output_tensor(0).data.copy())
            idle.append(request)

        for first in range(0, len(pictures), size):
            if not idle:
                finish_first()
            running.append(idle.pop())
            running[-1].start_async({0: np.ascontiguousarray(pictures[first : first + size])})
        while running:
            finish_first()
        return np.concatenate(scores, axis=1)

    return score


def _onnxruntime(graph: bytes) -> Engine:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def score(pictures: np.ndarray) -> np.ndarray:
        parts = [
            session.run(None, {"pictures": pictures[first : first + AT_ONCE]})[0]
            for first in range(0, len(pictures), AT_ONCE)
        ]
        return np.concatenate(parts, axis=1)

    return score
