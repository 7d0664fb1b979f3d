"""The winner's networks: their parts, their auxiliary heads, and what an ensemble stores of them."""

import json
import math
from typing import Any

import pytest
import torch
from torch import nn

from audiotag.checks import rules_of
from audiotag.errors import AudiotagError
from audiotag.networks.argus.settings import ArgusSettings
from audiotag.networks.base import NetworkSettings, network_from_dict

SMALL = {
    "auxiliary": ArgusSettings(width=1 / 16, hidden=8),
    "recurrent": ArgusSettings(width=1 / 16, hidden=8, recurrent=True, attention_kernel=3),
    "skips": ArgusSettings(width=1 / 16, hidden=8, auxiliary_weights=()),
    "plain": ArgusSettings(
        width=1 / 16, hidden=8, skips=False, attention=False, conv_bias=True, pool="mean-max", auxiliary_weights=()
    ),
}
N_LABELS = 5


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def inputs(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 2, 32, 48)


def test_auxiliary_heads_speak_in_training_alone() -> None:
    network = SMALL["auxiliary"].build(N_LABELS, 2)
    assert [tuple(logits.shape) for logits in network(inputs())] == [(6, N_LABELS)] * 4
    assert network.eval()(inputs()).shape == (6, N_LABELS)
    assert SMALL["auxiliary"].output_weights == (1.0, 0.4, 0.2, 0.1)


def test_network_without_auxiliary_heads_has_one_output() -> None:
    assert SMALL["skips"].build(N_LABELS, 2)(inputs()).shape == (6, N_LABELS)
    assert SMALL["skips"].output_weights == NetworkSettings().output_weights == (1.0,)


@pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)
def test_stored_network_gives_the_logits_of_the_main_head(settings: ArgusSettings) -> None:
    network = settings.build(N_LABELS, 2).eval()
    stored = settings.for_inference(network)
    x = inputs()
    torch.testing.assert_close(stored(x), network(x), rtol=0, atol=0)
    assert not any(name.startswith("heads") for name in stored.state_dict())
    fresh = settings.for_inference(settings.build(N_LABELS, 2)).eval()
    fresh.load_state_dict(stored.state_dict())
    torch.testing.assert_close(fresh(x), network(x), rtol=0, atol=0)


@pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)
def test_embeddings_are_what_the_last_layer_takes(settings: ArgusSettings) -> None:
    network = settings.build(N_LABELS, 2).eval()
    x = inputs()
    for each in (network, settings.for_inference(network)):
        parts = settings.split(each)
        assert parts is not None
        body, head = parts
        assert body(x).shape == (6, 8)
        torch.testing.assert_close(head(body(x)), network(x), rtol=0, atol=0)


@pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)
def test_every_weight_trains(settings: ArgusSettings) -> None:
    network = settings.build(N_LABELS, 2)
    outputs = network(inputs())
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    targets = torch.randint(2, (6, N_LABELS)).float()
    losses = [nn.functional.binary_cross_entropy_with_logits(each, targets) for each in outputs]
    sum(weight * loss for weight, loss in zip(settings.output_weights, losses, strict=True)).backward()
    stuck = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    # Nothing follows the bias of a convolution but a norm, which takes it away again.
    assert [name for name in stuck if "blocks" not in name or not name.endswith("0.bias")] == []


def test_kernels_of_the_blocks_start_as_published() -> None:
    network = ArgusSettings().build(80, 3)
    kernel = network.get_parameter("main.0.blocks.3.1.0.weight")
    fan_in = 9 * 512
    assert kernel.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=5 / math.sqrt(2 * kernel.numel()))
    merge = network.get_parameter("main.0.merge.0.0.weight")  # as in torch: uniform up to one over the root of fan-in
    assert merge.abs().max().item() == pytest.approx(1 / math.sqrt(9 * 2048), rel=1e-3)


def test_smallest_input_gives_logits_and_a_smaller_one_is_known() -> None:
    for settings in SMALL.values():
        size = settings.fewest_bands, settings.fewest_frames
        assert settings.build(N_LABELS).eval()(torch.zeros(1, 1, *size)).shape == (1, N_LABELS)
        with pytest.raises(RuntimeError):
            settings.build(N_LABELS).eval()(torch.zeros(1, 1, size[0], size[1] - 1))


@pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)
def test_plain_values_bring_back_the_same_settings(settings: ArgusSettings) -> None:
    again = network_from_dict(json.loads(json.dumps(settings.to_dict())))
    assert again == settings
    assert again.fingerprint() == settings.fingerprint()
    assert hash(again) == hash(settings)


def test_every_field_but_the_list_has_a_rule() -> None:
    assert set(vars(ArgusSettings())) - set(rules_of(ArgusSettings)) == {"auxiliary_weights"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"auxiliary_weights": [0.4]}, "network.auxiliary_weights must be empty or 3 numbers from 0 to 10, got [0.4]"),
        ({"auxiliary_weights": 0.4}, "network.auxiliary_weights must be empty or 3 numbers from 0 to 10, got 0.4"),
        ({"auxiliary_weights": [0.4, 0.2, True]}, "network.auxiliary_weights must be empty or 3 numbers"),
        ({"auxiliary_weights": [0.4, 0.2, -1]}, "network.auxiliary_weights must be empty or 3 numbers"),
        ({"auxiliary_weights": [0.4, 0.2, "0.1"]}, "network.auxiliary_weights must be empty or 3 numbers"),
        ({"skips": False}, "network.auxiliary_weights must be empty without skips, got (0.4, 0.2, 0.1)"),
        ({"recurrent": True, "pool": "mean-max"}, 'network.pool must be "mean" in a recurrent network'),
        ({"attention_kernel": 5}, "network.attention_kernel must be one of 3, 7, got 5"),
        ({"dropout": 1.0}, "network.dropout must be a number from 0 to below 1, got 1.0"),
        ({"width": 0.01}, "network.width must be a number from 0.0625 to 2, got 0.01"),
    ],
)
def test_wrong_values_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AudiotagError) as caught:
        network_from_dict({"kind": "argus"} | values)
    assert str(caught.value).startswith(message)
