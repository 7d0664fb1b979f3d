"""Choices: a command is what a shell takes for them, and what is left alone stays as the recipe has it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.presets import save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.folds import assign_folds, one_split
from audiotag.training.recipe import Recipe, Stage, load_recipe
from audiotag.training.run_options import RunOptions, batches_per_epoch, epochs_of
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
def test_epochs_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(AudiotagError, match="epochs must be a whole number"):
        epochs_of(text)


def dataset_of(curated: int, noisy: int, own_folds: int = 0) -> Dataset:
    """Clips of three labels in turn, without a sound."""
    count = curated + noisy
    folds = [number % own_folds + 1 for number in range(count)] if own_folds else [pd.NA] * count
    clips = pd.DataFrame(
        {
            "clip": [f"{number}.wav" for number in range(count)],
            "path": [Path(f"/data/{number}.wav") for number in range(count)],
            "subset": ["curated"] * curated + ["noisy"] * noisy,
            "labels": [("abc"[number % 3],) for number in range(count)],
            "fold": pd.array(folds, dtype="Int64"),
            "group": pd.NA,
        }
    )
    return Dataset("data", Path("/data"), "made", clips, ("a", "b", "c"), ())


def recipe_of(*stages: Stage, **others: Any) -> Recipe:
    return Recipe("mine", "Mine", "", stages, batch_size=8, **others)


NOISY, CURATED = Stage("noisy", 1, 1e-3), Stage("curated", 1, 1e-3)


@pytest.mark.parametrize(("own_folds", "held_out"), [(0, None), (4, None), (4, 2)])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_batches_are_as_many_as_the_clips_of_a_fold_fill(fraction: float, own_folds: int, held_out: int | None) -> None:
    dataset = dataset_of(120, 240, own_folds)
    recipe = recipe_of(NOISY, CURATED, fraction=fraction)
    counted = batches_per_epoch(dataset, RunSettings("/data", recipe, (), held_out))
    for number, stage in enumerate(recipe.stages):
        rows = dataset.subset(stage.subset)
        if held_out:
            rows = rows[rows["fold"] != held_out]
        out = assign_folds(rows, dataset.labels, recipe) == 1
        assert counted[number] == pytest.approx(np.count_nonzero(~out) * fraction // 8, abs=1)


def test_stage_that_feeds_all_folds_trains_on_nine_tenths() -> None:
    dataset = dataset_of(80, 160)
    recipe = recipe_of(Stage("noisy", 1, 1e-3, shared=True), CURATED)
    rows = dataset.subset("noisy")
    trained = np.count_nonzero(~one_split(rows, dataset.labels, recipe))
    assert batches_per_epoch(dataset, RunSettings("/data", recipe)) == {0: trained // 8, 1: 8}


def test_stage_without_clips_has_no_batches() -> None:
    recipe = recipe_of(NOISY, CURATED)
    assert batches_per_epoch(dataset_of(3, 0), RunSettings("/data", recipe)) == {1: 1}
