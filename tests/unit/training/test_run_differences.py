"""How a run differs from its recipe and from other runs, and how it is made again: by options or by a recipe file."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.mask_pairs import MaskPairs
from audiotag.augmentation.one_of import OneOfMixers
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.cli import main, train
from audiotag.cli.command_lines import train_again
from audiotag.features.presets import delete_preset, save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.losses.base import LossesByKind
from audiotag.training.losses.lq import Lq
from audiotag.training.recipe_files import load_recipe, recipe_names
from audiotag.training.reproduction import options_of, recipe_toml
from audiotag.training.run_differences import (
    changes_from_recipe,
    changes_text,
    described,
    described_recipe,
    differing_fields,
)
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import RunSettings
from audiotag.training.schedules.staircase import Staircase
from audiotag.workspace import Workspace


@pytest.fixture(scope="module")
def quick() -> RunSettings:
    return RunSettings("/sounds", load_recipe("quick"))


def test_every_change_in_the_recipe_is_named_with_both_values(quick: RunSettings) -> None:
    recipe = replace(quick.recipe, seed=7, network=replace(quick.recipe.network, depth=34), augment=())  # type: ignore[type-var]
    changed = replace(quick, recipe=recipe, held_out=3, corrected=True)
    found = {change.field: (change.run, change.recipe) for change in changes_from_recipe(changed) or ()}
    assert found.pop("augment")[0] == "none"
    assert found == {
        "run.held_out": ("fold 3", "nothing"),
        "run.labels": ("corrected", "as in the tables"),
        "seed": ("7", "42"),
        "network.depth": ("34", "18"),
    }
    assert changes_from_recipe(quick) == []
    assert changes_text(replace(quick, recipe=replace(quick.recipe, name="mine"))) == "own recipe file"


def test_a_field_that_stages_leave_out_is_named_where_one_recipe_has_it(quick: RunSettings) -> None:
    first, *others = quick.recipe.stages
    light = replace(quick, recipe=replace(quick.recipe, stages=(replace(first, without=("mask",)), *others)))
    changes = {change.field: (change.run, change.recipe) for change in changes_from_recipe(light) or ()}
    assert changes == {"stages.without": (", ".join(["mask", *["none" for _ in others]]), "—")}


def test_what_stages_leave_out_is_told_apart(quick: RunSettings) -> None:
    stage, texts = quick.recipe.stages[0], []
    for lists in (((), ("crop",), ("overlay", "mask")), ((), ("crop", "overlay"), ("mask",))):
        recipe = replace(quick.recipe, stages=tuple(replace(stage, without=kinds) for kinds in lists))
        texts.append(described_recipe(recipe.to_dict())["stages.without"])
    assert texts == ["none, crop, overlay and mask", "none, crop and overlay, mask"]


def test_stage_of_a_damaged_card_that_lacks_its_epochs_is_described_without_them(quick: RunSettings) -> None:
    values = quick.recipe.to_dict()
    first, *others = values["stages"]
    lacking = {name: value for name, value in first.items() if name != "epochs"}
    assert "stages.epochs" not in described_recipe(values | {"stages": (lacking, *others)})


def test_every_field_of_a_recipe_is_described(quick: RunSettings) -> None:
    values = quick.recipe.to_dict()
    names = described(quick).keys()
    flat = {f"{part}.{name}" for part in ("spectrogram", "network") for name in values[part]}
    flat |= {f"stages.{name}" for name in values["stages"][0]} | set(values) - {
        "stages", "spectrogram", "network", "name", "title", "about",
    }  # fmt: skip
    assert flat <= names


def test_runs_differ_in_the_rows_of_the_table_and_in_no_others(quick: RunSettings) -> None:
    other = replace(quick, recipe=quick.recipe.with_epochs((1, 5)), folds=(1, 2))
    table = differing_fields({"a": quick, "b": other, "c": quick}).set_index("setting")
    assert table.index.tolist() == ["run.folds", "stages.epochs"]
    assert table.loc["stages.epochs"].tolist() == ["4, 20", "1, 5", "4, 20"]
    assert differing_fields({"a": quick, "b": quick}).empty


def test_parts_with_parameters_are_described_and_written_to_a_file_that_is_read_back(tmp_path: Path) -> None:
    recipe = load_recipe("quick")
    stages = (recipe.stages[0], replace(recipe.stages[1], stop_after=3, schedule=Staircase(factor=0.5)))
    recipe = replace(recipe, loss=Lq(q=0.7), losses=LossesByKind(noisy=Lq(q=0.6), trusted="bce"), stages=stages)
    assert described(RunSettings(".", recipe))["loss"] == "(lq q 0.7)"
    assert described(RunSettings(".", recipe))["losses"] == "trusted bce, noisy (lq q 0.6)"
    (tmp_path / "quick.toml").write_text(recipe_toml(recipe))
    assert load_recipe(str(tmp_path / "quick.toml")) == recipe


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_that_is_written_as_a_file_is_read_back_as_it_was(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    (tmp_path / f"{name}.toml").write_text(recipe_toml(recipe))
    assert load_recipe(str(tmp_path / f"{name}.toml")) == recipe


def test_mixers_inside_a_mixer_are_described_and_written_as_a_file(quick: RunSettings, tmp_path: Path) -> None:
    winners = OneOfMixers((SigmoidMixer(), AdditiveMixer(max_weight=0.9)), (0.6, 0.4), p=0.8)
    recipe = replace(quick.recipe, augment=(MaskPairs(), winners))
    text = described(replace(quick, recipe=recipe))["augment"]
    assert text.startswith("mask-pairs min_pairs 1 max_pairs 2 ")
    assert "; one-of mixers (sigmoid min_radius 3 max_radius 12 p 1 domain network-input), (additive " in text
    assert text.endswith(" weights 0.6, 0.4 p 0.8")
    (tmp_path / "own.toml").write_text(recipe_toml(recipe))
    assert replace(load_recipe(str(tmp_path / "own.toml")), name=recipe.name) == recipe


@pytest.mark.parametrize(
    "options",
    [
        RunOptions("/sounds", corrected=False),
        RunOptions("/my sounds", "capstone", "mine", (1, 3), (2,), 0.5, 0.3, 7, 0.001, 2, "cpu", "recipe", True),
    ],
)
def test_the_command_of_a_run_makes_a_run_of_the_same_settings(options: RunOptions, workspace: Workspace) -> None:
    save_preset("mine", SpectrogramSettings(n_mels=96), workspace)
    settings = options.settings(workspace)
    command, recipe_file = train_again(settings, workspace)
    assert recipe_file == ""
    parsed = main.build_parser().parse_args(shlex.split(command)[1:])
    assert train.run_options_of(parsed).settings(workspace) == settings


def test_a_run_that_no_options_give_is_made_again_by_its_recipe_file(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_preset("mine", SpectrogramSettings(n_mels=96), workspace)
    settings = RunOptions("/sounds", "quick", "mine", folds=(2,), corrected=False).settings(workspace)
    delete_preset("mine", workspace)
    assert options_of(settings, workspace) is None
    command, recipe_file = train_again(settings, workspace)
    monkeypatch.chdir(tmp_path)
    Path("quick.toml").write_text(recipe_file)
    parsed = main.build_parser().parse_args(shlex.split(command)[1:])
    assert train.run_options_of(parsed).settings(workspace) == settings
