"""Recipes: the shipped ones load, a user's own is checked field by field, and JSON brings back the same."""

import json
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.sound.settings import PRESETS
from audiotag.training.recipe import Recipe, load_recipe, recipe_names

GOOD = """
title = "Mine"
about = "For tests."
preset = "argus"
folds = 3
time_mask = 4

[spectrogram]
n_mels = 64

[network]
width = 0.25

[[stages]]
subset = "noisy"
epochs = 2
lr = 1e-3

[[stages]]
subset = "curated"
epochs = 3
lr = 2e-3
mixup = 0.4
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipe_loads_and_says_what_it_is(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.about.endswith(".")
    assert {stage.subset for stage in recipe.stages} == {"noisy", "curated"}


def test_the_recipes_that_page_and_command_start_from_are_shipped() -> None:
    assert {"quick", "default"} <= set(recipe_names())


def test_own_recipe_takes_its_name_from_the_file_and_changes_its_preset(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, GOOD))
    assert recipe.name == "mine"
    assert recipe.spectrogram == PRESETS["argus"].changed(n_mels=64)
    assert [(s.subset, s.epochs, s.lr, s.mixup) for s in recipe.stages] == [
        ("noisy", 2, 1e-3, 0.0),
        ("curated", 3, 2e-3, 0.4),
    ]
    assert (recipe.folds, recipe.time_mask, recipe.network.width) == (3, 4, 0.25)


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("folds = 3", "fods = 3", "fods", "folds"),
        ("folds = 3", "folds = 1", "folds", "1"),
        ("folds = 3", "folds = 2.5", "folds", "2.5"),
        ("folds = 3", "folds = inf", "folds", "inf"),
        ("folds = 3", "folds = nan", "folds", "nan"),
        ("folds = 3", "folds = true", "folds", "True"),
        ("folds = 3", 'folds = "three"', "folds", "three"),
        ("folds = 3", "batch_size = 1", "batch_size", "1"),
        ("folds = 3", "seed = -1", "seed", "-1"),
        ("folds = 3", "seed = 99999999999", "seed", "99999999999"),
        ("folds = 3", 'optimiser = "adamw"', "optimiser", "adamw"),
        ("folds = 3", "optimiser = 3", "optimiser", "3"),
        ("folds = 3", 'schedule = "linear"', "schedule", "linear"),
        ("folds = 3", 'fold_method = "random"', "fold_method", "random"),
        ("folds = 3", 'name = "../elsewhere"', "name", "../elsewhere"),
        ("folds = 3", 'name = ""', "name", "''"),
        ("time_mask = 4", "time_mask = 5000", "time_mask", "5000"),
        ("time_mask = 4", "mel_mask = 64", "mel_mask", "64"),
        ("time_mask = 4", "mel_mask = -1", "mel_mask", "-1"),
        ('title = "Mine"', "", "title", "missing"),
        ('title = "Mine"', "title = 3", "title", "3"),
        ('preset = "argus"', 'preset = "other"', "preset", "other"),
        ('preset = "argus"', "preset = [1]", "preset", "[1]"),
        ("n_mels = 64", "n_mel = 64", "spectrogram.n_mel ", "n_mels"),
        ("n_mels = 64", "n_mels = 3", "n_mels", "3"),
        ("n_mels = 64", 'f_max = "high"', "spectrogram.f_max", "high"),
        ("n_mels = 64", "f_max = 44100", "f_max", "44100"),
        ("n_mels = 64", 'mel_scale = "bark"', "mel_scale", "bark"),
        ("width = 0.25", "widht = 0.25", "network.widht", "width"),
        ("width = 0.25", "width = 0.0", "width", "0.0"),
        ("width = 0.25", "depth = 19", "depth", "19"),
        ("width = 0.25", "self_attention = 1", "network.self_attention", "1"),
        ("epochs = 2", "epoch = 2", "stages.epoch ", "epochs"),
        ("epochs = 2", "", "stages.epochs", "missing"),
        ("epochs = 2", "epochs = 0", "stages.epochs", "0"),
        ("lr = 1e-3", "lr = 0.0", "stages.lr", "0.0"),
        ("lr = 1e-3", "lr = nan", "stages.lr", "nan"),
        ("lr = 1e-3", 'lr = "slow"', "stages.lr", "slow"),
        ("mixup = 0.4", "mixup = -1", "stages.mixup", "-1"),
        ('subset = "noisy"', 'subset = "test"', "stages.subset", "test"),
    ],
)
def test_wrong_field_is_named_with_its_file_and_value(
    tmp_path: Path, old: str, new: str, field: str, value: str
) -> None:
    assert GOOD.count(old) == 1
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(AudiotagError) as caught:
        load_recipe(path)
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert field in message
    assert value in message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('title = "a"\nabout = "b"', "stages must hold at least one stage"),
        ('title = "a"\nabout = "b"\nstages = []', "stages must hold at least one stage"),
        ('title = "a"\nabout = "b"\nstages = 3', "stages must be a list of tables, got 3"),
        ('title = "a"\nabout = "b"\nstages = ["noisy"]', "stages must be a table of fields, got 'noisy'"),
        ('title = "a"\nabout = "b"\nspectrogram = 3', "spectrogram must be a table of fields, got 3"),
        ('title = "a"\nabout = "b"\nnetwork = "big"', "network must be a table of fields, got 'big'"),
        ('title = "a', "cannot be read as TOML"),
        ("", "stages must hold|title is missing"),
    ],
)
def test_misshapen_file_is_refused_with_a_sentence(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(AudiotagError, match=named) as caught:
        load_recipe(written(tmp_path, text))
    assert "mine.toml" in str(caught.value)


def test_file_that_is_no_text_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00title")
    with pytest.raises(AudiotagError, match=r"mine\.toml cannot be read as TOML"):
        load_recipe(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("name", ["quik", "nowhere/mine.toml", "", "recipe.txt"])
def test_unknown_recipe_names_those_there_are(name: str) -> None:
    with pytest.raises(AudiotagError, match="is no recipe: there are default, quick") as caught:
        load_recipe(name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", recipe_names())
def test_json_brings_back_the_same_recipe(name: str) -> None:
    recipe = load_recipe(name)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_json_brings_back_a_recipe_without_trim(tmp_path: Path) -> None:
    values = load_recipe(written(tmp_path, GOOD)).to_dict()
    values["spectrogram"]["trim_db"] = 0
    recipe = Recipe.from_dict(json.loads(json.dumps(values)))
    assert recipe.spectrogram.trim_db == 0
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_whole_numbers_written_as_decimals_become_whole(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, GOOD.replace("folds = 3", "folds = 3.0")))
    assert isinstance(recipe.folds, int)
