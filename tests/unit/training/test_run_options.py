"""Run options: they survive the round trip through the command, and what is not given stays as in the recipe."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from audiotag.cli import main, train
from audiotag.errors import AudiotagError
from audiotag.features.presets import save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.recipe import load_recipe
from audiotag.training.run_options import RunOptions, epochs_of
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace

SEVERAL: list[dict[str, Any]] = [
    {},
    {"recipe": "capstone", "epochs": (1, 2, 3)},
    {"folds": (2, 4), "epochs": (2,)},
    {"fraction": 0.25, "balance": 1.0, "seed": 0},
    {"fraction": 0.123456789, "balance": 0.0},
    {"held_out": 0, "device": "cpu"},
    {"preset": "mine", "folds": (1,), "epochs": (3,), "fraction": 0.5, "balance": 0.7, "seed": 7, "held_out": 3},
]


@pytest.fixture
def workspace() -> Workspace:
    workspace = Workspace()
    save_preset("mine", SpectrogramSettings(n_mels=64), workspace)
    return workspace


@pytest.mark.parametrize("chosen", SEVERAL)
@pytest.mark.parametrize("dataset", ["/data/sounds", "/my own/sounds; it's $HOME"])
def test_command_read_by_its_own_parser_is_the_same_choices(dataset: str, chosen: dict[str, Any]) -> None:
    choices = RunOptions(dataset, **chosen)
    options = main.build_parser().parse_args(shlex.split(choices.command())[1:])
    assert train.run_options_of(options) == choices


def test_nothing_chosen_is_the_recipe_as_it_is(workspace: Workspace) -> None:
    assert RunOptions("/data").settings(workspace) == RunSettings("/data", load_recipe("quick"))
    assert RunOptions("/data").command() == "audiotag train /data --recipe quick"


def test_each_choice_changes_the_recipe_in_its_place_alone(workspace: Workspace) -> None:
    quick = load_recipe("quick")
    changed = {
        "fraction": RunOptions("/data", fraction=0.5),
        "balance": RunOptions("/data", balance=1.0),
        "seed": RunOptions("/data", seed=0),
        "spectrogram": RunOptions("/data", preset="mine"),
        "stages": RunOptions("/data", epochs=(2,)),
    }
    for field, choices in changed.items():
        recipe = choices.settings(workspace).recipe
        assert [name for name in vars(quick) if getattr(recipe, name) != getattr(quick, name)] == [field]


def test_own_recipe_is_found_by_its_path(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\nabout = ""\n[[stages]]\nsubset = "curated"\nepochs = 2\nlr = 1e-3\n')
    assert RunOptions("/data", str(path)).settings(workspace).recipe == load_recipe(str(path))


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"recipe": "none"}, "is not a recipe"),
        ({"preset": "none"}, "is not a preset"),
        ({"epochs": (1, 2, 3)}, "epochs must be one number, or one per stage"),
        ({"epochs": (0,)}, "epochs must be a whole number from 1 to 1000"),
        ({"fraction": 0.0}, "fraction must be a number above 0"),
        ({"balance": -1.0}, "balance must be a number from 0"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_choice_that_does_not_fit_is_a_sentence(workspace: Workspace, chosen: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AudiotagError, match=sentence):
        RunOptions("/data", **chosen).settings(workspace)


@pytest.mark.parametrize("text", ["two", "2,", "1.5", "1;2"])
def test_epochs_that_are_not_whole_numbers_are_refused(text: str) -> None:
    with pytest.raises(AudiotagError, match="epochs must be a whole number"):
        epochs_of(text)
