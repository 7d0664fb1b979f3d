"""Open the engines that can run the networks of an ensemble: torch, which is the reference, OpenVINO and ONNX Runtime.

An engine is a function that maps network inputs, float32 ``(windows, channels, height, width)``, to `Outputs`. Several
threads may call it at once. The outputs of a window do not depend, except for the last bits, on the windows that are
passed with it, nor on their order.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audiotag.processors import cpu_has_bfloat16, usable_cpus

if TYPE_CHECKING:
    from torch import nn

    from audiotag.networks.base import NetworkSettings


class Outputs(NamedTuple):
    """What the networks of all folds give for some windows.

    Attributes
    ----------
    scores : numpy.ndarray, shape=(folds, windows, labels), float32
        0 to 1.
    embeddings : numpy.ndarray, shape=(folds, windows, features), float32
        What the last layer gets; not normalised. No features where the network has no embeddings, see
        `audiotag.networks.base.NetworkSettings.split`.
    """

    scores: np.ndarray
    embeddings: np.ndarray


def join_outputs(outputs: Sequence[Outputs]) -> Outputs:
    """Outputs for all windows from those for parts of them, in their order."""
    return Outputs(*(np.concatenate(arrays, axis=1) for arrays in zip(*outputs, strict=True)))


Engine = Callable[[np.ndarray], Outputs]

REFERENCE = "torch"
# Roughly the fastest first.
ENGINES = ("openvino", "openvino-bf16", "onnxruntime", REFERENCE, "torch-bf16", "torch-cuda")
WINDOWS_PER_REQUEST = 8  # so few that their activations fit into the CPU's cache
WINDOWS_PER_GPU_BATCH = 64


class EngineError(RuntimeError):
    """An engine does not work on this machine; the message says why."""


def needs_graph(name: str) -> bool:
    """Whether an engine is opened with an ONNX graph, by `open_graph`; the others need networks, by `open_torch`."""
    return not name.startswith("torch")


def open_torch(name: str, networks: Sequence[nn.Module], settings: NetworkSettings) -> Engine:
    """Open an engine that runs the networks of the folds in torch.

    Parameters
    ----------
    name : "torch", "torch-bf16" or "torch-cuda"
    networks : sequence of torch.nn.Module
        One per fold, on the CPU. For a GPU they are copied.
    settings : NetworkSettings
        Those of the networks.

    Raises
    ------
    EngineError
        If this machine has no GPU, or its CPU has no bfloat16.
    """
    import torch

    from audiotag.tagging.onnx_export import AllFolds

    in_bfloat16, on_gpu = name == "torch-bf16", name == "torch-cuda"
    if in_bfloat16 and not cpu_has_bfloat16():
        raise EngineError("this processor has no bfloat16")
    if on_gpu and not torch.cuda.is_available():
        raise EngineError("torch finds no GPU")
    device = torch.device("cuda" if on_gpu else "cpu")
    if on_gpu:
        networks = copy.deepcopy(networks)  # the caller's networks stay on the CPU
    all_folds = AllFolds(networks, settings).eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = WINDOWS_PER_GPU_BATCH if on_gpu else WINDOWS_PER_REQUEST

    def run(inputs: np.ndarray) -> Outputs:
        outputs = []
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16):
            for first in range(0, len(inputs), size):
                batch = torch.from_numpy(inputs[first : first + size]).to(device, memory_format=torch.channels_last)
                outputs.append(Outputs(*(tensor.cpu().numpy() for tensor in all_folds(batch))))
        return join_outputs(outputs)

    return run


def open_graph(name: str, graph: bytes) -> Engine:
    """Open an engine that runs an ONNX graph.

    Parameters
    ----------
    name : "openvino", "openvino-bf16" or "onnxruntime"
    graph : bytes
        From `audiotag.tagging.onnx_export.onnx_graph`.

    Raises
    ------
    ImportError
        If the engine's package is not installed.
    EngineError
        If the graph has no embeddings, as those that audiotag 0.2 and earlier wrote into workspaces.
    """
    if name == "onnxruntime":
        return _open_onnxruntime(graph)
    return _open_openvino(graph, "bf16" if name == "openvino-bf16" else "f32")


def _open_openvino(graph: bytes, precision: str) -> Engine:
    import openvino

    streams = usable_cpus()
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": str(streams)}
    compiled = core.compile_model(core.read_model(graph), "CPU", options)
    _check_outputs(len(compiled.outputs))

    def run(inputs: np.ndarray) -> Outputs:
        # One request per stream at a time. The windows of a short clip are shared out over all streams.
        # OpenVINO's own queue is not used: its threads call back into Python, which sometimes hangs or aborts at exit.
        size = min(WINDOWS_PER_REQUEST, -(-len(inputs) // streams))
        idle = [compiled.create_infer_request() for _ in range(streams)]
        running: deque[openvino.InferRequest] = deque()
        outputs: list[Outputs] = []

        def finish_first() -> None:
            request = running.popleft()
            request.wait()
            outputs.append(Outputs(*(request.get_output_tensor(number).data.copy() for number in range(2))))
            idle.append(request)

        for first in range(0, len(inputs), size):
            if not idle:
                finish_first()
            running.append(idle.pop())
            running[-1].start_async({0: np.ascontiguousarray(inputs[first : first + size])})
        while running:
            finish_first()
        return join_outputs(outputs)

    return run


def _open_onnxruntime(graph: bytes) -> Engine:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    _check_outputs(len(session.get_outputs()))
    input_name = session.get_inputs()[0].name

    def run(inputs: np.ndarray) -> Outputs:
        return join_outputs(
            [
                Outputs(*session.run(None, {input_name: inputs[first : first + WINDOWS_PER_REQUEST]}))
                for first in range(0, len(inputs), WINDOWS_PER_REQUEST)
            ]
        )

    return run


def _check_outputs(count: int) -> None:
    if count != len(Outputs._fields):
        raise EngineError("the graph was written by an earlier audiotag and has no embeddings")
