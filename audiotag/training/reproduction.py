"""How a run can be made again: the options that give its settings, or its recipe as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset, preset_names
from audiotag.features.settings import SpectrogramSettings
from audiotag.training.recipe import Recipe
from audiotag.training.run_differences import shipped_recipe
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace


def options_of(settings: RunSettings, workspace: Workspace) -> RunOptions | None:
    """The options with which the Train page or the command makes a run of these settings again.

    None where no options give them: the run was of the user's own recipe file, or of spectrogram settings that are no
    preset any more. `recipe_toml` then has all that is needed.
    """
    recipe, shipped = settings.recipe, shipped_recipe(settings)
    if shipped is None:
        return None
    preset = _preset_of(recipe.spectrogram, shipped, workspace)
    if preset is None:
        return None
    epochs = tuple(stage.epochs for stage in recipe.stages)
    options = RunOptions(
        dataset=settings.dataset,
        recipe=recipe.name,
        preset=preset,
        folds=settings.folds,
        epochs=() if epochs == tuple(stage.epochs for stage in shipped.stages) else epochs,
        learning_rate=_unless_equal(recipe.main_stage.lr, shipped.main_stage.lr),
        fraction=_unless_equal(recipe.fraction, shipped.fraction),
        balance=_unless_equal(recipe.balance, shipped.balance),
        seed=_unless_equal(recipe.seed, shipped.seed),
        held_out=settings.held_out,
        folds_from=settings.folds_from,
        corrected=settings.corrected,
        keep_together=settings.keep_together,
    )
    try:
        made = options.settings(workspace)
    except AudiotagError:
        return None
    if made != replace(settings, device=""):
        return None
    return replace(options, device=settings.device, on=settings.on)


def recipe_toml(recipe: Recipe) -> str:
    """A recipe as the file that `audiotag.training.recipe_files.load_recipe` reads; everything is spelt out in it."""
    values = recipe.to_dict()
    lines = _lines({name: value for name, value in values.items() if not _is_table(value)})
    for name, value in values.items():
        if value and isinstance(value, dict):
            lines += ["", f"[{name}]", *_lines(value)]
        elif _is_table(value):
            for table in value:
                lines += ["", f"[[{name}]]", *_lines(table)]
    return "\n".join(lines) + "\n"


def _preset_of(wanted: SpectrogramSettings, recipe: Recipe, workspace: Workspace) -> str | None:
    """The preset that has these settings, empty if they are the recipe's; None if there is none."""
    if wanted == recipe.spectrogram:
        return ""
    for name in preset_names(workspace):
        try:
            if load_preset(name, workspace) == wanted:
                return name
        except AudiotagError:  # a damaged preset
            continue
    return None


def _unless_equal(value: Any, usual: Any) -> Any:
    return None if value == usual else value


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value)
    )


def _lines(values: Mapping[str, Any]) -> list[str]:
    """Lines ``name = value``; TOML has no value for None, which is then the field's default."""
    return [
        f"{name} = {_toml(value)}"
        for name, value in values.items()
        if value is not None and not (name == "augment" and not value)
    ]


def _toml(value: Any) -> str:
    """A value in TOML, tables in braces."""
    if isinstance(value, dict):
        fields = (f"{json.dumps(name)} = {_toml(item)}" for name, item in value.items() if item is not None)
        return "{" + ", ".join(fields) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
