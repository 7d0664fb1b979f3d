"""The engines of a GPU give the reference's scores, whatever windows are passed together."""

import numpy as np
import pytest
import torch

from audiotag.features.log_mel import log_mel, network_input
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_comparison import MAX_SCORE_DIFFERENCE
from audiotag.tagging.engines import WINDOWS_PER_GPU_BATCH, open_torch
from audiotag.tagging.onnx_export import onnx_graph
from audiotag.tagging.synthetic_sounds import mixtures
from audiotag.tagging.weights import load_networks
from audiotag.workspace import SHIPPED_MODELS

STARTER = SHIPPED_MODELS / "starter"


def starter_inputs(count: int) -> np.ndarray:
    settings = read_card(STARTER).spectrogram
    return np.stack([network_input(log_mel(sound, settings), settings) for sound in mixtures(settings, count, 2)])


def test_torch_gives_the_references_scores(device: torch.device) -> None:
    card = read_card(STARTER)
    networks, inputs = load_networks(STARTER, card), starter_inputs(2 if device.type == "cpu" else 8)
    reference = open_torch("torch", networks, card.network)(inputs)
    engine = open_torch("torch-cuda" if device.type == "cuda" else "torch", networks, card.network)
    many = engine(np.concatenate([inputs] * (1 if device.type == "cpu" else 1 + WINDOWS_PER_GPU_BATCH // 4)))
    for outputs in (engine(inputs), type(many)(*(array[:, -len(inputs) :] for array in many))):
        difference = np.abs(outputs.scores.mean(0) - reference.scores.mean(0)).max()
        assert difference <= MAX_SCORE_DIFFERENCE
        scale = np.abs(reference.embeddings).max()
        assert np.abs(outputs.embeddings - reference.embeddings).max() <= 0.02 * scale


def test_onnx_runtimes_cuda_provider_gives_the_references_scores(cuda: torch.device) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip(f"onnxruntime {onnxruntime.__version__} here is without CUDA")
    card = read_card(STARTER)
    networks, inputs = load_networks(STARTER, card), starter_inputs(8)
    settings = card.spectrogram
    shape = (settings.channels, settings.height, settings.width)
    graph = onnx_graph([card.network.exportable(network) for network in networks], card.network, shape)
    session = onnxruntime.InferenceSession(graph, providers=["CUDAExecutionProvider"])
    assert session.get_providers()[0] == "CUDAExecutionProvider"
    scores = session.run(None, {session.get_inputs()[0].name: inputs})[0].mean(0)
    reference = open_torch("torch", networks, card.network)(inputs).scores.mean(0)
    assert np.abs(scores - reference).max() <= MAX_SCORE_DIFFERENCE
