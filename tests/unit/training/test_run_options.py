"""Run options: each changes the recipe in its place, and what is not given stays as in the recipe."""

from pathlib import Path
from typing import Any

import pytest

from audiotag.errors import AudiotagError
from audiotag.features.presets import save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_options import RunOptions, epochs_of
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace


@pytest.fixture
def workspace() -> Workspace:
    workspace = Workspace()
    save_preset("mine", SpectrogramSettings(n_mels=64), workspace)
    return workspace


def test_nothing_chosen_is_the_recipe_as_it_is(workspace: Workspace) -> None:
    assert RunOptions("/data").settings(workspace) == RunSettings("/data", load_recipe("quick"))


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


@pytest.mark.parametrize(("recipe", "main"), [("quick", -1), ("default", -2)])  # the last of default leaves out crops
def test_learning_rate_is_that_of_the_main_stage_and_the_others_keep_their_ratio(
    recipe: str, main: int, workspace: Workspace
) -> None:
    before = load_recipe(recipe).stages
    after = RunOptions("/data", recipe, learning_rate=2e-3).settings(workspace).recipe.stages
    assert after[main].lr == 2e-3
    assert [stage.lr / 2e-3 for stage in after] == pytest.approx([stage.lr / before[main].lr for stage in before])
    assert [stage.epochs for stage in after] == [stage.epochs for stage in before]
    assert RunOptions("/data", recipe, learning_rate=before[main].lr).settings(workspace).recipe.stages == before


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
        ({"learning_rate": 0.0}, "lr must be a number above 0"),
        ({"learning_rate": 1.5}, "lr must be a number above 0"),
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
