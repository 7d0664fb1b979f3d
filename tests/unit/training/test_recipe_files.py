"""A recipe file may start from another recipe and then says only what is different."""

from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.features.settings import PRESETS
from audiotag.training.recipe_files import load_recipe


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_fields_that_a_file_does_not_give_are_those_of_its_base(tmp_path: Path) -> None:
    base, recipe = load_recipe("default"), load_recipe(write(tmp_path / "mine.toml", 'base = "default"\nfolds = 3'))
    assert (recipe.name, recipe.folds) == ("mine", 3)
    changed = {"name": base.name, "folds": base.folds}
    assert recipe.to_dict() | changed == base.to_dict()


def test_tables_are_changed_field_by_field_and_lists_as_a_whole(tmp_path: Path) -> None:
    text = """base = "default"
[spectrogram]
top_db = 60
[network]
width = 0.5
[[stages]]
subset = "curated"
epochs = 2
lr = 1e-3
"""
    base, recipe = load_recipe("default"), load_recipe(write(tmp_path / "mine.toml", text))
    assert recipe.spectrogram == base.spectrogram.with_changes(top_db=60)
    assert recipe.network.to_dict() == base.network.to_dict() | {"width": 0.5}
    assert [(stage.subset, stage.epochs) for stage in recipe.stages] == [("curated", 2)]
    assert recipe.augment == base.augment


def test_a_preset_takes_the_place_of_the_spectrogram_of_the_base(tmp_path: Path) -> None:
    text = 'base = "default"\naugment = []\npreset = "capstone"'
    assert load_recipe(write(tmp_path / "mine.toml", text)).spectrogram == PRESETS["capstone"]


def test_a_base_may_be_a_file_beside_and_have_a_base_itself(tmp_path: Path) -> None:
    write(tmp_path / "one.toml", 'base = "quick"\nseed = 1')
    write(tmp_path / "two.toml", 'base = "one.toml"\nfolds = 4')
    recipe = load_recipe(write(tmp_path / "three.toml", 'base = "two.toml"\nbatch_size = 8'))
    assert (recipe.name, recipe.seed, recipe.folds, recipe.batch_size) == ("three", 1, 4, 8)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ('"mine.toml"', ["mine.toml", "mine.toml → mine.toml"]),
        ('"nothing"', ["mine.toml: base: nothing is not a recipe", "default"]),
        ("3", ["mine.toml: base must be the name or the path of a recipe", "3"]),
    ],
)
def test_a_wrong_base_is_named(tmp_path: Path, base: str, words: list[str]) -> None:
    with pytest.raises(AudiotagError) as error:
        load_recipe(write(tmp_path / "mine.toml", f"base = {base}"))
    for word in words:
        assert word in str(error.value)
