"""Networks of published systems have the published sizes, and the published code's outputs for the same weights.

The fixtures hold what the published code gave. Weights and inputs follow a rule that looks only at a tensor's own shape
and kind (`fill`), so that neither names nor the order of the weights matter.
"""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from audiotag.networks.argus.settings import ArgusSettings
from audiotag.networks.base import NetworkSettings
from audiotag.networks.crnn import CRNNSettings
from audiotag.networks.env_net import EnvNetSettings
from audiotag.networks.mobilenet import MobileNetSettings
from audiotag.networks.multi_scale_cnn.settings import MultiScaleCNNSettings
from audiotag.networks.resnet.settings import ResNetSettings
from audiotag.networks.vgg import VGGSettings
from audiotag.networks.warm_up_cnn import WarmUpCNNSettings
from audiotag.networks.xresnet.blocks import SelfAttention
from audiotag.networks.xresnet.model import fold_spectral_norm
from audiotag.networks.xresnet.settings import XResNetSettings

FIXTURES = Path(__file__).parents[2] / "fixtures" / "systems"
TOLERANCE = 1e-5  # of the deviation of an output
BATCH_TOLERANCE = 1e-4  # with statistics of the batch; those outputs are known in single precision only


@dataclass(frozen=True)
class System:
    """A published network: its settings here, its outputs' names in the fixture, whether it has a second head there."""

    settings: NetworkSettings
    outputs: tuple[str, ...] = ("main",)
    second_head: bool = False


SKIP = {"auxiliary_weights": (), "hidden": 128, "dropout": 0.2}
AUXILIARY = ("main", "aux3", "aux2", "aux1")
SIXTH = {"activation": "relu"}
ATTENDING, CONCAT = {"self_attention": True, "wide_stem": True}, {"head": "concat", "dropout": 0.5}
SYSTEMS = {
    "argus_aux_skip_attention": System(ArgusSettings(), AUXILIARY),
    "argus_rnn_aux_skip_attention": System(ArgusSettings(recurrent=True), AUXILIARY),
    "argus_skip_attention_k7": System(ArgusSettings(**SKIP)),
    "argus_skip_attention_k3": System(ArgusSettings(**SKIP, attention_kernel=3)),
    "argus_simple_attention": System(ArgusSettings(**SKIP, skips=False)),
    "argus_simple_kaggle": System(ArgusSettings(**SKIP, skips=False, attention=False, conv_bias=True, pool="mean-max")),
    "warmup_cnn_model_1": System(WarmUpCNNSettings()),
    "warmup_vgg16_bn": System(VGGSettings()),
    "mnpinto_xresnet18ssa": System(XResNetSettings(depth=18, **SIXTH, **ATTENDING)),
    "mnpinto_xresnet34ssa": System(XResNetSettings(depth=34, **SIXTH, **ATTENDING)),
    "mnpinto_xresnet50ssa": System(XResNetSettings(depth=50, **SIXTH, **ATTENDING)),
    "mnpinto_fastai_xresnet18": System(XResNetSettings(depth=18, **SIXTH, **CONCAT)),
    "mnpinto_fastai_xresnet34": System(XResNetSettings(depth=34, **SIXTH, **CONCAT)),
    "mnpinto_fastai_xresnet50": System(XResNetSettings(depth=50, **SIXTH, **CONCAT)),
    "third_2dcnn_5x100_max": System(MultiScaleCNNSettings()),
    "third_2dcnn_5x100_rnn": System(MultiScaleCNNSettings(recurrent=True)),
    "third_2dcnn_6x100_max": System(MultiScaleCNNSettings(blocks=6)),
    "third_2dcnn_6x100_rnn": System(MultiScaleCNNSettings(blocks=6, recurrent=True)),
    "fifth_crnn": System(CRNNSettings(), ("curated",), second_head=True),
    "fourth_envnet_v2": System(EnvNetSettings(), ("curated",), second_head=True),
    "fourth_resnet34": System(ResNetSettings(), ("curated",), second_head=True),
}


@functools.cache
def uniform(count: int) -> np.ndarray:
    """Hashes of 1 … count, from 0 to 1."""
    j = np.arange(1, count + 1, dtype=np.uint32)
    for _ in range(2):
        j = (j ^ (j >> np.uint32(16))) * np.uint32(0x45D9F3B)
    j ^= j >> np.uint32(16)
    return (j + 0.5) / 2**32


def draws(shape: tuple[int, ...]) -> np.ndarray:
    """Values from −1 to 1."""
    count = int(np.prod(shape))
    longest = 2**24 if count > 2**16 else 2**16
    return 2 * uniform(longest)[:count].reshape(shape) - 1


@torch.no_grad()
def fill(network: nn.Module) -> None:
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            shape, k = tuple(parameter.shape), np.arange(parameter.numel())
            if isinstance(module, nn.PReLU):
                values = np.full(shape, 0.25)
            elif name == "gamma":
                values = np.full(shape, 1e-5)
            elif parameter.dim() > 1:
                values = draws(shape) * np.sqrt(3) * np.sqrt(2 / np.prod(shape[1:]))
            elif "bias" in name:
                values = 0.1 * np.cos(k + 1)
            else:
                values = 1 + 0.1 * np.sin(k + 1)
            if isinstance(module, nn.Conv1d) and name == "weight" and shape[1:] == (shape[0], 1):  # of a self-attention
                values = values / np.linalg.norm(values[..., 0], 2)
            parameter.copy_(torch.from_numpy(values))


def inputs_of(shape: tuple[int, ...]) -> torch.Tensor:
    sample, _, height, width = np.ogrid[tuple(slice(size) for size in shape)]
    envelope = 0.5 + 0.5 * np.sin(0.05 * height * (sample + 1) + 0.02 * width)
    return torch.from_numpy(draws(shape) * envelope).float()


def logits_of(network: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """All outputs of a network, its norms and dropouts as they are."""
    all_logits = getattr(network, "all_logits", None)
    return (network(inputs),) if all_logits is None else all_logits(inputs)


def assert_alike(logits: tuple[torch.Tensor, ...], expected: dict[str, Any], system: System, tolerance: float) -> None:
    assert len(logits) == len(system.outputs)
    for got, name in zip(logits, system.outputs, strict=True):
        wanted = expected[name]
        deviation = tolerance * wanted["std"]
        assert list(got.shape) == wanted["shape"]
        np.testing.assert_allclose(got[:, :10], wanted["first10"], rtol=0, atol=deviation, err_msg=name)
        assert got.double().mean().item() == pytest.approx(wanted["mean"], abs=deviation)
        assert got.double().std(correction=0).item() == pytest.approx(wanted["std"], abs=deviation)


@pytest.mark.parametrize("name", SYSTEMS)
def test_network_gives_what_the_published_code_gives(name: str) -> None:
    system, fixture = SYSTEMS[name], json.loads((FIXTURES / f"{name}.json").read_text())
    shape = tuple(fixture["input_shape"])
    n_labels = fixture["rule_B"]["eval_float64"][system.outputs[0]]["shape"][1]
    network = system.settings.build(n_labels, shape[1]).eval()
    shapes = [list(weight.shape) for weight in network.parameters() if weight.requires_grad]
    if system.second_head:  # it has the layers of the head that the network has here
        shapes += [
            list(weight.shape) for layer in network if isinstance(layer, nn.Linear) for weight in layer.parameters()
        ]
    assert sum(math.prod(shape) for shape in shapes) == fixture["parameters_trainable"]
    assert sorted(shapes) == sorted(fixture["tensor_shapes_sorted"])

    if any(isinstance(module, SelfAttention) for module in network.modules()):
        network = fold_spectral_norm(network)
    fill(network)
    inputs = inputs_of(shape)
    with torch.no_grad():
        assert_alike(logits_of(network, inputs), fixture["rule_B"]["eval_float64"], system, TOLERANCE)
        for norm in network.modules():
            norm.train(isinstance(norm, nn.BatchNorm2d))
        by_batch = fixture["rule_B"]["batchnorm2d_by_batch_float32"]
        assert_alike(logits_of(network, inputs), by_batch, system, BATCH_TOLERANCE)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_baseline_gives_what_the_published_code_gives(pool: str) -> None:
    fixture = json.loads((FIXTURES / "baseline_mobilenet_v1.json").read_text())
    network = MobileNetSettings(pool=pool).build(80).eval()
    shapes = fixture["tensor_shapes_sorted (as torch would have them: out, in, height=frames, width=bands)"]
    assert sorted(list(weight.shape) for weight in network.parameters()) == sorted(shapes)
    assert sum(weight.numel() for weight in network.parameters()) == fixture["parameters_trainable"]
    fill(network)
    expected = fixture[f"rule_B_{pool}_pool"]
    with torch.no_grad():
        logits = network(inputs_of((2, 1, 96, 100)).transpose(2, 3))  # the height of the baseline's maps are frames
    deviation = TOLERANCE * expected["std"] + 1e-6  # the outputs are known to six decimals
    np.testing.assert_allclose(logits[:, :10], expected["logits first10"], rtol=0, atol=deviation)
    assert logits.std(correction=0).item() == pytest.approx(expected["std"], rel=TOLERANCE)


def test_filling_rule_is_that_of_the_fixtures() -> None:
    expected = [0.19197247352, 0.400994455558, 0.873883382767, 0.801988911233, 0.137986858026, 0.764792973292]
    np.testing.assert_allclose(uniform(2**16)[:6], expected, atol=1e-12)
