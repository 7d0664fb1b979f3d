"""What a run was asked to do, field by field in words, and how that differs from its recipe and from other runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, fields, replace
from typing import Any, NamedTuple

import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings
from audiotag.training.stage import Stage

MAX_CHANGE_CHARS = 40  # of one change in a line
ABOUT_FIELDS = ("name", "title", "about")  # of a recipe; they do not change what is trained
NONE = "—"


class Change(NamedTuple):
    """A field of a run that differs from the recipe of its name."""

    field: str
    run: str
    recipe: str


def described(settings: RunSettings) -> dict[str, str]:
    """Every field of a run's settings, by the name that it has in a recipe file or as an option, as text."""
    return {
        "dataset": settings.dataset,
        "recipe": settings.recipe.title,
        "run.folds": _text(settings.folds) if settings.folds else "all",
        "run.held_out": "nothing" if settings.held_out is None else f"fold {settings.held_out}",
        "run.folds_from": settings.folds_from,
        "run.keep_together": ", ".join(settings.keep_together) or "nothing more",
        "run.labels": "corrected" if settings.corrected else "as in the tables",
        "run.teacher": str(settings.teaching) if settings.teaching else "none",
        "run.device": settings.device or "the best",
        "run.on": settings.on or "this machine",
        **described_recipe(settings.recipe.to_dict() | {"spectrogram": asdict(settings.recipe.spectrogram)}),
    }


def changes_from_recipe(settings: RunSettings) -> list[Change] | None:
    """The fields in which a run differs from the shipped recipe of its name; None if there is no such recipe."""
    recipe = shipped_recipe(settings)
    if recipe is None:
        return None
    plain = described(RunSettings(settings.dataset, replace(recipe, title=settings.recipe.title)))
    mine = described(settings)
    names = [name for name in dict.fromkeys([*plain, *mine]) if name not in ("run.device", "run.on")]
    return [
        Change(name, mine.get(name, NONE), plain.get(name, NONE)) for name in names if mine.get(name) != plain.get(name)
    ]


def shipped_recipe(settings: RunSettings) -> Recipe | None:
    """The shipped recipe that a run has the name of; None for a run of the user's own file."""
    try:
        return load_recipe(settings.recipe.name)
    except AudiotagError:
        return None


def changes_text(settings: RunSettings) -> str:
    """How a run differs from its recipe, in one line.

    >>> from audiotag.training.run_options import RunOptions
    >>> from audiotag.workspace import Workspace
    >>> changes_text(RunOptions(".", folds=(1, 2), epochs=(1, 8), corrected=False).settings(Workspace()))
    'folds 1, 2; epochs 1, 8'
    """
    changes = changes_from_recipe(settings)
    if changes is None:
        return "own recipe file"
    texts = (f"{change.field.rpartition('.')[2].replace('_', ' ')} {change.run}" for change in changes)
    return "; ".join(text if len(text) <= MAX_CHANGE_CHARS else text[: MAX_CHANGE_CHARS - 1] + "…" for text in texts)


def differing_fields(runs: Mapping[str, RunSettings]) -> pd.DataFrame:
    """The fields in which runs differ from each other: one row per field, one column per run.

    Parameters
    ----------
    runs : mapping of str to RunSettings
        By the names of the columns.
    """
    columns = {name: described(settings) for name, settings in runs.items()}
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = [
        {"setting": name} | {run: values.get(name, NONE) for run, values in columns.items()}
        for name in names
        if len({values.get(name, NONE) for values in columns.values()}) > 1
    ]
    return pd.DataFrame(rows, columns=["setting", *columns])


def described_recipe(values: Mapping[str, Any]) -> dict[str, str]:
    """Every field of a recipe by its name in a recipe file, as text.

    Parameters
    ----------
    values : mapping
        What `Recipe.to_dict` gives; that in the card of an older ensemble may lack fields.
    """
    nested = {"stages", "augment", "spectrogram", "network"}
    plain = {name: _text(value) for name, value in values.items() if name not in nested | set(ABOUT_FIELDS)}
    stages = {f"stages.{field.name}": _stages_text(field, values.get("stages", ())) for field in fields(Stage)}
    stages = {name: text for name, text in stages.items() if text}
    tables = {part: values.get(part, {}) for part in ("spectrogram", "network")}
    parts = {f"{part}.{name}": _text(value) for part, table in tables.items() for name, value in table.items()}
    augment = "; ".join(map(_part_text, values.get("augment", ())))
    return {**stages, **plain, "augment": augment or "none", **parts}


def _stages_text(field: Field, stages: Sequence[Mapping[str, Any]]) -> str:
    """The field of each stage; empty if no stage names it, or some lack it and it has no default."""
    has = [field.name in stage for stage in stages]
    if not any(has) or (field.default is MISSING and not all(has)):
        return ""
    found = [stage.get(field.name, field.default) for stage in stages]
    # The list of one stage must not look like the values of several.
    lists = [" and ".join(map(str, each)) or "none" if isinstance(each, list | tuple) else None for each in found]
    return ", ".join(_text(each) if text is None else text for each, text in zip(found, lists, strict=True))


def _part_text(values: Mapping[str, Any]) -> str:
    """A part of a recipe, such as an augmentation: its name, then its fields."""
    return " ".join([values["kind"], *(f"{name} {_text(value)}" for name, value in values.items() if name != "kind")])


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and "kind" in value:  # a loss, a schedule, or a mixer inside another one
        return f"({_part_text(value)})"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):  # a loss for each kind of clips
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items()) or "none"
    return str(value)
