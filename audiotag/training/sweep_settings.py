"""What a sweep varies: fields of a recipe with their values, and the settings of one run for each combination of them.

A field is named as in a recipe's file: those of the spectrogram and of the recipe itself by their name (``n_mels``,
``batch_size``), those of the network after a dot (``network.width``). Beside them there are ``preset``, all spectrogram
settings at once, and ``learning_rate``, that of the main stage, as for ``audiotag train``. What decides which clips are
held out, such as the seed and the number of folds, cannot be varied: the runs would not be compared on the same clips.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from audiotag.checks import build, error_path, readable, require
from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.base import network_from_dict
from audiotag.training.runs import RunSettings
from audiotag.wording import shortened
from audiotag.workspace import Workspace

Value = bool | int | float | str

MAX_RUNS = 100
PRESET, LEARNING_RATE, KIND = "preset", "learning_rate", "network.kind"
RECIPE_FIELDS = (
    "batch_size", "optimiser", "beta_2", "schedule", "weight_decay", "loss", "whole_frames", "balance", "fraction",
)  # fmt: skip
OF_FOLDS = ("seed", "folds", "fold_method", "lists")  # of a recipe: with others, other clips or labels are held out
_DEFAULTS = {field.name: field.default for field in fields(SpectrogramSettings)}


@dataclass(frozen=True)
class Varied:
    """A field and the values that it takes.

    Attributes
    ----------
    name : str
    values : tuple of bool, int, float or str
        Each once, in the order of the runs.
    """

    name: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise AudiotagError(f"{self.name} is varied without a value; write {self.name}=VALUE,VALUE.")
        for number, value in enumerate(self.values):
            earlier = self.values[:number]
            require(
                not any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in earlier),
                self.name,
                "have each of its values once",
                f"{value_words(value)} twice",
                "remove one of them",
            )

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(value_words, self.values))}"


@dataclass(frozen=True)
class Combination:
    """One run of a sweep: the values that it takes, by the names of the fields, and all its settings."""

    values: dict[str, Value]
    settings: RunSettings

    @property
    def name(self) -> str:
        """The values in one line."""
        return name_of(self.values)


def parse_varied(texts: Sequence[str]) -> tuple[Varied, ...]:
    """Fields and values as they are written on a command line.

    >>> [str(each) for each in parse_varied(["n_mels=64,128", " clip_s = 2, 4.5"])]
    ['n_mels=64,128', 'clip_s=2,4.5']

    Raises
    ------
    AudiotagError
        If a text has no name or no value, or a field is named twice.
    """
    found: dict[str, Varied] = {}
    for text in texts:
        name, sign, values = text.partition("=")
        name = name.strip().removeprefix("spectrogram.")
        if not sign or not name:
            raise AudiotagError(
                f"what is varied must be a field and its values, like n_mels=64,128, got {readable(text)}."
            )
        if name in found:
            raise AudiotagError(f"{shortened(name)} is varied twice; put all its values after one --vary.")
        parts = [part.strip() for part in values.split(",")]
        found[name] = Varied(name, tuple(_parsed(part) for part in parts if part))
    return tuple(found.values())


def combinations(
    settings: RunSettings, varied: Sequence[Varied], workspace: Workspace, preset: str = ""
) -> tuple[Combination, ...]:
    """All combinations of the values, the last field varying fastest, each with the settings of its run.

    Parameters
    ----------
    settings : RunSettings
        What all runs have in common.
    varied : sequence of Varied
    workspace : Workspace
        Has the user's presets.
    preset : str
        The preset that was chosen for all runs; it cannot be varied as well.

    Raises
    ------
    AudiotagError
        If a field is unknown or must be the same for all runs, there are fewer than two or more than `MAX_RUNS`
        combinations, one of them is not valid, or two give the same settings.
    """
    for each in varied:
        _check_name(each.name, settings)
    if preset and any(each.name == PRESET for each in varied):
        raise AudiotagError(f"preset is varied, so it cannot be {preset} for all runs as well; leave out one of them.")
    count = math.prod(len(each.values) for each in varied)
    require(
        2 <= count <= MAX_RUNS,
        "a sweep",
        f"have 2 to {MAX_RUNS} combinations of values",
        f"{count:,}",
        "vary a field with at least two values" if count < 2 else "leave out values, or vary one field after the other",
    )
    found: dict[str, RunSettings] = {}
    names = [each.name for each in varied]
    result = []
    for chosen in itertools.product(*(each.values for each in varied)):
        values = dict(zip(names, chosen, strict=True))
        with error_path(f"{name_of(values)}: "):
            own = with_values(settings, values, workspace)
        if same := next((name for name, others in found.items() if others == own), ""):
            raise AudiotagError(f"{same} and {name_of(values)} are the same settings; leave out one of them.")
        found[name_of(values)] = own
        result.append(Combination(values, own))
    return tuple(result)


def with_values(settings: RunSettings, values: Mapping[str, Value], workspace: Workspace) -> RunSettings:
    """The settings of a run with other values of some fields, checked as those of any run.

    Raises
    ------
    AudiotagError
        If a value is out of its range, or does not fit other fields.
    """
    recipe = settings.recipe
    spectrogram, network = asdict(recipe.spectrogram), recipe.network.to_dict()
    if PRESET in values:
        spectrogram = asdict(load_preset(str(values[PRESET]), workspace))
    spectrogram |= {name: _fitted(value, _DEFAULTS[name]) for name, value in values.items() if name in _DEFAULTS}
    if values.get(KIND, network["kind"]) != network["kind"]:
        network = {}  # fields of another kind
    for name, value in values.items():
        if name.startswith("network."):
            field = name.removeprefix("network.")
            network[field] = _fitted(value, network.get(field, value))
    own: dict[str, Any] = {
        name: _fitted(value, getattr(recipe, name)) for name, value in values.items() if name in RECIPE_FIELDS
    }
    recipe = replace(
        recipe, spectrogram=build(SpectrogramSettings, spectrogram), network=network_from_dict(network), **own
    )
    if LEARNING_RATE in values:
        rate = values[LEARNING_RATE]
        if isinstance(rate, str | bool):
            raise AudiotagError(f"learning_rate must be a number above 0 to 1, got {readable(rate)}; try 3e-3.")
        recipe = recipe.with_learning_rate(float(rate))
    return replace(settings, recipe=recipe)


def variable_fields(settings: RunSettings) -> tuple[str, ...]:
    """The names of all fields that can be varied."""
    network = [f"network.{name}" for name in settings.recipe.network.to_dict()]
    return (*_DEFAULTS, PRESET, *network, LEARNING_RATE, *RECIPE_FIELDS)


def name_of(values: Mapping[str, Value]) -> str:
    """Values in one line.

    >>> name_of({"n_mels": 64, "network.width": 0.25})
    'n_mels 64, network.width 0.25'
    """
    return ", ".join(f"{name} {value_words(value)}" for name, value in values.items())


def value_words(value: Value) -> str:
    """A value as it is written on a command line and in a recipe.

    >>> value_words(True), value_words(2.0), value_words(1e-3), value_words("slaney")
    ('true', '2', '0.001', 'slaney')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _check_name(name: str, settings: RunSettings) -> None:
    if name in OF_FOLDS:
        raise AudiotagError(
            f"{name} cannot be varied: the runs of a sweep are compared on the same held-out clips, and {name} "
            "decides which these are; train runs of their own instead."
        )
    known = variable_fields(settings)
    if name in known or (name.startswith("network.") and name.removeprefix("network.").isidentifier()):
        return  # what fields a network has depends on its kind, which may be varied as well
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(known)}."
    raise AudiotagError(f"{shortened(readable(name))} cannot be varied; {hint}")


def _parsed(text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _fitted(value: Value, like: Any) -> Value:
    """The value as a field holds it that holds ``like`` now: 2 as 2.0, a preset's number as text."""
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value_words(value) if isinstance(like, str) and not isinstance(value, str) else value
