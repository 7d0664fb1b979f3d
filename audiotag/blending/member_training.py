"""Train the members of a blend, one recipe after the other, each published as an ensemble of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.tagging.ensemble import read_card
from audiotag.training.publish import add_familiarity, publish
from audiotag.training.recipe_files import recipe_names
from audiotag.training.run_blocking import train_run
from audiotag.training.run_options import RunOptions
from audiotag.workspace import Workspace

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


def recipes_matching(names: Sequence[str]) -> list[str]:
    """Names or paths of recipes, where a name may be a pattern of shipped ones.

    Raises
    ------
    AudiotagError
        If a pattern matches none, or a recipe is named twice.

    Examples
    --------
    >>> recipes_matching(["warm-up*", "default"])
    ['warm-up', 'warm-up-vgg', 'default']
    """
    found: list[str] = []
    for name in names:
        matching = [recipe for recipe in recipe_names() if fnmatchcase(recipe, name)]
        if not matching and any(sign in name for sign in "*?["):
            raise AudiotagError(f"no recipe is called {name}; the shipped ones are {', '.join(recipe_names())}.")
        found += matching or [name]
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise AudiotagError(f"each recipe must be named once, got {', '.join(twice)} more than once.")
    return found


def train_members(
    recipes: Sequence[str],
    options: RunOptions,
    name: str,
    workspace: Workspace,
    say: Say = lambda sentence: None,
    progress: Progress | None = None,
) -> list[Path]:
    """Train each recipe and publish it; what an earlier call has trained or published is used again.

    Parameters
    ----------
    recipes : sequence of str
        Names, or paths of TOML files.
    options : RunOptions
        Of all members; its recipe is not used.
    name : str
        Name of the blend; a member is called NAME-RECIPE.
    workspace : Workspace
    say : callable, optional
        Gets a sentence before each training.
    progress : callable(done, total), optional
        Called as epochs of a member are done.

    Returns
    -------
    list of Path
        The members' folders, in the order of the recipes.

    Raises
    ------
    AudiotagError
        If an option does not fit a recipe, which is found before the first training; if a training fails or is
        stopped; or if there is another ensemble of a member's name.
    """
    wanted = [replace(options, recipe=recipe).settings(workspace) for recipe in recipes]
    folders = []
    for number, settings in enumerate(wanted, 1):
        recipe = settings.recipe
        folder = workspace.ensembles / f"{name}-{recipe.name}"
        if not folder.exists():
            say(f"member {number} of {len(wanted)}: {recipe.title}")
            run = train_run(settings, workspace, progress)
            add_familiarity(publish(run, folder.name, workspace.ensembles), run)
        elif read_card(folder).recipe != json.loads(json.dumps(recipe.to_dict())):
            raise AudiotagError(
                f"{folder.name} is an ensemble of another recipe than {recipe.name} with these options; choose another "
                "name for the blend, or delete that ensemble."
            )
        folders.append(folder)
    return folders
