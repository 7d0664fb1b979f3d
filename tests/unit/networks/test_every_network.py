"""Every network of the package can be described, built, split, measured without memory, and run by every engine."""

import copy
import json

import numpy as np
import pytest
import torch
from torch import nn

from audiotag.networks import size
from audiotag.networks.argus.settings import ArgusSettings
from audiotag.networks.base import NETWORKS, NetworkSettings, network_from_dict
from audiotag.networks.cost import multiplications
from audiotag.networks.crnn import CRNNSettings
from audiotag.networks.env_net import EnvNetSettings
from audiotag.networks.mobilenet import MobileNetSettings
from audiotag.networks.multi_scale_cnn.settings import MultiScaleCNNSettings
from audiotag.networks.resnet.settings import ResNetSettings
from audiotag.networks.size import shapes_within_bounds
from audiotag.networks.vgg import VGGSettings
from audiotag.networks.warm_up_cnn import WarmUpCNNSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.engines import open_graph, open_torch
from audiotag.tagging.onnx_export import onnx_graph

NARROW = 1 / 16
NETWORKS_OF_THE_PACKAGE: dict[str, NetworkSettings] = {
    "argus": ArgusSettings(width=NARROW),
    "argus with LSTM": ArgusSettings(width=NARROW, recurrent=True),
    "argus, plain": ArgusSettings(width=NARROW, skips=False, attention=False, pool="mean-max", auxiliary_weights=()),
    "warm-up": WarmUpCNNSettings(width=NARROW),
    "VGG": VGGSettings(width=NARROW),
    "6th place": XResNetSettings(width=NARROW, self_attention=True, wide_stem=True, head="concat"),
    "baseline": MobileNetSettings(width=NARROW),
    "3rd place": MultiScaleCNNSettings(filters=4),
    "3rd place with GRU": MultiScaleCNNSettings(filters=4, recurrent=True),
    "4th place": ResNetSettings(width=NARROW, hidden=16),
    "5th place": CRNNSettings(width=NARROW),
    "4th place, waveforms": EnvNetSettings(width=NARROW, hidden=16),
}
SHAPES = {"log-mel": (2, 40, 67), "waveform": (2, 1, 20_999)}  # sizes that no pool halves evenly
every_network = pytest.mark.parametrize("settings", NETWORKS_OF_THE_PACKAGE.values(), ids=list(NETWORKS_OF_THE_PACKAGE))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_no_network_is_forgotten_here() -> None:
    wrappers = {"flip-labels"}  # in test_flip_labels
    assert {settings.kind for settings in NETWORKS_OF_THE_PACKAGE.values()} == set(NETWORKS.names()) - wrappers


@every_network
def test_settings_come_back_from_plain_values(settings: NetworkSettings) -> None:
    again = network_from_dict(json.loads(json.dumps(settings.to_dict())))
    assert again == settings
    assert again.fingerprint() == settings.fingerprint()
    assert settings.describe() != settings.kind


@every_network
def test_size_is_known_without_memory(settings: NetworkSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = SHAPES[settings.takes]
    network = settings.for_inference(settings.build(3, shape[0])).eval()
    before = torch.get_rng_state()
    shapes = shapes_within_bounds(settings, 3, shape)
    assert torch.equal(torch.get_rng_state(), before)
    assert shapes == {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert (multiplications(settings, 3, shape) or 0) > 10_000

    on_meta = copy.deepcopy(network).to("meta")
    with size._largest_array() as without_memory:
        on_meta(torch.empty(1, *shape, device="meta"))
    monkeypatch.setattr(size, "_shape_rules", dict)
    with size._largest_array() as in_memory:
        network(torch.zeros(1, *shape))
    assert without_memory == in_memory


@torch.no_grad()
def settle(network: nn.Module, inputs: torch.Tensor, settings: NetworkSettings) -> nn.Module:
    """The network as an ensemble stores it, with the inputs' statistics in its norms, so that its scores differ."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    network(inputs)
    network = settings.for_inference(network).eval()
    head = (settings.split(network) or (network, network))[1]
    logits = network(inputs)
    head.weight /= logits.std(0)[:, None]
    head.bias -= head.bias + (logits - head.bias).mean(0) / logits.std(0)
    return network


@every_network
def test_engines_give_what_torch_gives(settings: NetworkSettings) -> None:
    shape = SHAPES[settings.takes]
    inputs = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    network = settle(settings.build(3, shape[0]), torch.from_numpy(inputs), settings)
    expected = open_torch("torch", [network], settings)(inputs)
    parts = settings.split(network)
    assert parts is not None
    body, head = parts
    with torch.no_grad():
        logits = network(torch.from_numpy(inputs))
        torch.testing.assert_close(head(body(torch.from_numpy(inputs))), logits)
    assert expected.embeddings.shape == (1, 5, head.in_features)
    assert expected.scores.std(axis=1).min() > 0.05
    graph = onnx_graph([settings.exportable(network)], settings, shape)
    for name in ("onnxruntime", "openvino"):
        pytest.importorskip(name, exc_type=ImportError)
        for count in (1, 5):
            got = open_graph(name, graph)(inputs[:count])
            np.testing.assert_allclose(got.scores, expected.scores[:, :count], rtol=0, atol=1e-4)


@every_network
def test_smallest_input_gives_logits(settings: NetworkSettings) -> None:
    shape = (2, 1, settings.fewest_bands, settings.fewest_frames)
    network = settings.build(3).eval()
    assert network(torch.zeros(shape)).shape == (2, 3)
    assert 1 <= settings.columns(100) <= 100
