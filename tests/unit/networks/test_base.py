"""Networks are found by name, their settings are read from plain values, and a fault is named with its path."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from audiotag.checks import Within, rules_of
from audiotag.errors import AudiotagError
from audiotag.networks.base import NETWORKS, NetworkSettings, default_network, network_from_dict
from audiotag.networks.xresnet.settings import XResNetSettings


def test_default_network_is_an_xresnet() -> None:
    assert default_network() == XResNetSettings()
    assert NETWORKS.get("xresnet") is XResNetSettings


@pytest.mark.parametrize("settings", [XResNetSettings(), XResNetSettings(depth=50, self_attention=True, width=0.42)])
def test_plain_values_bring_back_the_same_settings(settings: NetworkSettings) -> None:
    values = json.loads(json.dumps(settings.to_dict()))
    assert values["kind"] == "xresnet"
    assert network_from_dict(values) == settings


def test_values_without_a_kind_are_those_of_an_xresnet() -> None:
    """As recipes and ensembles of audiotag 0.1 have them."""
    assert network_from_dict({"depth": 34}) == XResNetSettings(depth=34)


def test_whole_numbers_may_be_written_as_decimals_and_identify_the_same_network() -> None:
    settings = network_from_dict({"depth": 18.0, "stem": 16.0, "frames_at_once": 3.0})
    assert settings.fingerprint() == XResNetSettings(stem=16, frames_at_once=3).fingerprint()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "resnext"}, f"network.kind must be one of {', '.join(NETWORKS.names())}, got 'resnext'"),
        ({"kind": 3}, f"network.kind must be one of {', '.join(NETWORKS.names())}, got 3"),
        ({"widht": 1}, "network.widht is not a known field; the fields are depth, width, stem"),
        ({"depth": 19}, "network.depth must be one of 18, 34, 50, got 19; 18 is the quickest"),
        ({"width": 0}, "network.width must be a number from 0.015625 to 4, got 0; 1.0 is the published width"),
        ({"dropout": 1}, "network.dropout must be a number from 0 to below 1, got 1"),
        ({"self_attention": "yes"}, "network.self_attention must be true or false, got 'yes'; write it without quotes"),
        ("big", "network must be a table of fields, got 'big'"),
    ],
)
def test_wrong_values_are_named_with_their_path(values: Any, message: str) -> None:
    with pytest.raises(AudiotagError) as caught:
        network_from_dict(values)
    assert str(caught.value).startswith(message)


def test_fields_that_came_later_change_the_fingerprint_only_where_they_are_used() -> None:
    """Compiled engines of ensembles are found by it."""
    assert XResNetSettings().fingerprint().endswith("band_channel=False, frames_at_once=1)")
    assert XResNetSettings(head="concat").fingerprint().endswith("frames_at_once=1, head='concat')")


def test_every_field_of_an_xresnet_has_a_rule() -> None:
    assert set(rules_of(XResNetSettings)) == set(vars(XResNetSettings()))


def test_a_new_network_needs_only_its_fields_and_build() -> None:
    @dataclass(frozen=True)
    class Tiny(NetworkSettings):
        channels: Annotated[int, Within(1, 64), "8 is common"] = 8

    assert (Tiny().fewest_frames, Tiny().columns(128)) == (1, 128)
    network = object()
    assert Tiny().for_inference(network) is network  # type: ignore[arg-type]
    assert Tiny().exportable(network) is network  # type: ignore[arg-type]
