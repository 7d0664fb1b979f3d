"""Load recipes: the shipped ones by their name, a user's own by the path of a TOML file.

A file has the fields of `audiotag.training.recipe.Recipe`. ``base`` names another recipe that it starts from, so that
it only says what is different; ``preset`` names the spectrogram settings to start from. Paths of ``base``,
``lists`` and ``negatives.folder`` are relative to the file's folder.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from audiotag.checks import build, error_path, readable
from audiotag.data.clip_lists import ClipLists
from audiotag.disk import expanded
from audiotag.errors import AudiotagError
from audiotag.features.settings import PRESETS
from audiotag.foreign import read_foreign_toml
from audiotag.training.negatives import Negatives
from audiotag.training.recipe import Recipe

SHIPPED = Path(__file__).parent / "recipes"
DEFAULT_PRESET = "capstone"
MAX_BASES = 10


def load_recipe(name: str) -> Recipe:
    """A shipped recipe by its name, or a user's own by the path of its TOML file.

    Raises
    ------
    AudiotagError
        If there is no such recipe, or its file is wrong; names the file and the field.
    """
    path = _path_of(name)
    values = _values_of(path)
    preset = values.pop("preset", DEFAULT_PRESET)
    if not isinstance(preset, str) or preset not in PRESETS:
        raise AudiotagError(f"{path.name}: preset must be one of {', '.join(PRESETS)}, got {readable(preset)}.")
    changes = values.get("spectrogram", {})
    if isinstance(changes, dict):  # anything else is refused below
        values["spectrogram"] = PRESETS[preset].to_dict() | changes
    with error_path(f"{path.name}: "):
        return Recipe.from_dict({"name": path.stem, **values})


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def _path_of(name: str, beside: Path | None = None) -> Path:
    """The file of a recipe; a path is relative to the folder ``beside``, by default to the current one."""
    shipped = SHIPPED / f"{name}.toml"
    if shipped.is_file():
        return shipped
    path = expanded(name)
    if beside is not None:
        path = beside / path
    if path.suffix != ".toml" or not path.is_file():
        raise AudiotagError(
            f"{name} is not a recipe; choose one of {', '.join(recipe_names())}, or give the path of a .toml file."
        )
    return path


def _values_of(path: Path, files: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The fields of a file, after those of the recipe that it is based on.

    A field replaces the one of the base. Fields of ``[spectrogram]``, ``[lists]`` and ``[negatives]`` replace those of
    the base one by one, unless the file names a preset: then it starts from that. A ``[network]`` of another kind
    replaces the whole table.
    """
    if path in files or len(files) > MAX_BASES:
        chain = " → ".join(file.name for file in (*files, path))
        raise AudiotagError(f"{files[0].name}: base must lead to a recipe without one, got {chain}.")
    values = read_foreign_toml(path)
    if "lists" in values:
        with error_path(f"{path.name}: "):
            lists = build(ClipLists, values["lists"], "lists.").relative_to(path.parent)
        values["lists"] = {name: value for name, value in asdict(lists).items() if name in values["lists"]}
    if isinstance(own := values.get("negatives"), dict) and isinstance(own.get("folder"), str):
        values["negatives"] = own | {"folder": Negatives(folder=own["folder"]).relative_to(path.parent).folder}
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise AudiotagError(f"{path.name}: base must be the name or the path of a recipe, got {readable(base)}.")
    with error_path(f"{path.name}: base: "):
        base_path = _path_of(base, path.parent)
    fields = _values_of(base_path, (*files, path))
    if "preset" in values:
        fields.pop("spectrogram", None)
    for table in ("spectrogram", "network", "lists", "negatives"):
        old, new = fields.get(table), values.get(table)
        if isinstance(old, dict) and isinstance(new, dict) and new.get("kind", old.get("kind")) == old.get("kind"):
            values[table] = old | new
    return fields | values
