"""No value in a card, a recipe or settings is more than a sentence: never another error, never much memory."""

import copy
import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from audiotag.augmentation.base import AUGMENTATIONS, augmentation_from_dict
from audiotag.checks import build
from audiotag.errors import AudiotagError
from audiotag.features.settings import MAX_VALUES_PER_S, SpectrogramSettings
from audiotag.networks.base import NETWORKS, network_from_dict
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.clip_inputs import InputMaker
from audiotag.tagging.settings import TagSettings

NUMBERS = [0, -1, 1, 10**9, 2**63, -(2**63), 10**29, float("nan"), float("inf"), -float("inf"), 1e300, 1e-300]
OTHERS = ["", "x" * 10**5, "../../etc", "a\0b.safetensors", "\x1b[2J", [], [1] * 3, [[[[]]]], {}, {"a": 1}, None, True]
EXTREMES = NUMBERS + OTHERS
ENSEMBLE = Path(__file__).parents[2] / "fixtures/workspace-0.1/ensembles/mine"


def attempt(function, *arguments):
    """The result, or None after a sentence that can be read; any other error fails the test."""
    try:
        return function(*arguments)
    except AudiotagError as error:
        sentence = str(error)
    assert len(sentence) < 1000
    return None


@pytest.mark.parametrize("field", [field.name for field in fields(SpectrogramSettings)])
def test_spectrogram_settings_bound_the_arrays_that_they_ask_for(field):
    for value in EXTREMES:
        if settings := attempt(SpectrogramSettings.from_dict, {field: value}):
            assert settings.frames * settings.n_mels <= MAX_VALUES_PER_S * settings.clip_s
            assert settings.channels * settings.height * settings.width <= MAX_VALUES_PER_S * settings.clip_s


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field.name) for kind in NETWORKS.names() for field in fields(NETWORKS.get(kind))]
)
def test_settings_of_networks_are_refused_or_usable(kind, field):
    for value in EXTREMES:
        attempt(network_from_dict, {"kind": kind, field: value})
        attempt(network_from_dict, {"kind": value})
        attempt(network_from_dict, value)


@pytest.mark.parametrize("kind", AUGMENTATIONS.names())
def test_settings_of_augmentations_are_refused_or_usable(kind):
    for field in fields(AUGMENTATIONS.get(kind)):
        for value in EXTREMES:
            attempt(augmentation_from_dict, {"kind": kind, field.name: value})


@pytest.mark.parametrize("field", [field.name for field in fields(TagSettings)])
def test_settings_for_tagging_are_refused_or_usable(field):
    for value in EXTREMES:
        attempt(build, TagSettings, {field: value})


def paths_in(node, path=()):
    """The place of every value in a card; of a list the first entry stands for all."""
    for key in node if isinstance(node, dict) else range(min(len(node), 1)) if isinstance(node, list) else ():
        yield (*path, key)
        yield from paths_in(node[key], (*path, key))


@pytest.mark.parametrize("part", json.loads((ENSEMBLE / "card.json").read_text()))
def test_card_with_any_value_anywhere_is_refused_or_usable(tmp_path, part):
    folder = shutil.copytree(ENSEMBLE, tmp_path / "mine")
    whole = json.loads((folder / "card.json").read_text())
    for path in [path for path in paths_in(whole) if path[0] == part]:
        for value in EXTREMES:
            card = copy.deepcopy(whole)
            place = card
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            (folder / "card.json").write_text(json.dumps(card))
            if read := attempt(read_card, folder):
                attempt(InputMaker, read, TagSettings(tta=True))
