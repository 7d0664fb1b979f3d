"""The size of a network is known before it is built, and it is that of the network."""

import copy
from dataclasses import dataclass

import pytest
import torch

from audiotag.errors import AudiotagError
from audiotag.networks import size
from audiotag.networks.base import NetworkSettings
from audiotag.networks.size import MAX_VALUES, shapes_within_bounds
from audiotag.networks.xresnet.settings import XResNetSettings


@pytest.mark.parametrize(
    "settings",
    [
        XResNetSettings(width=1 / 16, stem=4),
        XResNetSettings(depth=50, width=1 / 16, stem=4, self_attention=True, pool="max-blur", band_channel=True),
    ],
)
def test_shapes_are_those_of_the_network_as_an_ensemble_stores_it(settings):
    shapes = shapes_within_bounds(settings, 3, (2, 32, 32))
    network = settings.for_inference(settings.build(3, 2))
    assert shapes == {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def test_computing_the_size_draws_no_random_numbers():
    before = torch.get_rng_state()
    shapes_within_bounds(XResNetSettings(width=1 / 16, self_attention=True), 3, (1, 32, 32))
    assert torch.equal(torch.get_rng_state(), before)


def test_network_with_too_many_weights_is_refused_before_it_has_any():
    with pytest.raises(AudiotagError, match=r"must have at most 536,870,912 weights, got .*; make it narrower"):
        shapes_within_bounds(XResNetSettings(depth=50, width=4.0), 100_000, (1, 128, 128))


def test_network_that_computes_too_large_arrays_is_refused_before_it_computes_any():
    with pytest.raises(AudiotagError, match=f"arrays of at most {MAX_VALUES:,} values for one window, got"):
        shapes_within_bounds(XResNetSettings(self_attention=True, stem=256), 3, (3, 512, 60_000))


@pytest.mark.parametrize(
    "settings",
    [
        XResNetSettings(width=1 / 16, stem=4),
        XResNetSettings(width=1 / 16, stem=4, activation="mish", band_channel=True),
    ],
)
def test_largest_array_is_that_of_the_network_in_memory(settings, monkeypatch):
    network, shape = settings.build(3, 2).eval(), (1, 2, 160, 192)
    with size._largest_array() as without_memory:
        copy.deepcopy(network).to("meta")(torch.empty(shape, device="meta"))
    monkeypatch.setattr(size, "_shape_rules", dict)
    with size._largest_array() as in_memory:
        network(torch.zeros(shape))
    assert without_memory == in_memory


def test_nothing_is_known_about_a_network_that_needs_memory_to_be_built():
    class Stubborn(NetworkSettings):
        def build(self, n_labels, channels=1):
            return torch.nn.Linear(int(torch.ones(3).sum()), n_labels)

    assert shapes_within_bounds(Stubborn(), 3, (1, 8, 8)) is None


def test_size_is_computed_once_but_each_time_for_settings_without_a_hash():
    built = []

    @dataclass(frozen=True)
    class Counted(NetworkSettings):
        layers: tuple[int, ...] | list[int]

        def build(self, n_labels, channels=1):
            built.append(self.layers)
            return torch.nn.Linear(8, n_labels)

    for layers in ((1,), [1]):
        first, again = (shapes_within_bounds(Counted(layers), 3, (1, 8, 8)) for _ in range(2))
        assert first == again == {"weight": (3, 8), "bias": (3,)}
    assert built == [(1,), [1], [1]]
