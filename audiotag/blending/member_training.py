"""Train the members of a blend, one recipe after the other, each published as an ensemble of its own.

`plan_members` checks all of them before the first training, which may take days; `train_members` trains those that are
not there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from audiotag.data.dataset import Dataset
from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.state import read_json_state
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.training.folds import check_folds, check_keep_together, with_fold_source
from audiotag.training.publish import check_name, publish
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import recipe_names
from audiotag.training.run_blocking import train_run
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import SETTINGS_SHAPE, RunSettings, list_runs
from audiotag.training.session import Session
from audiotag.workspace import Workspace, write_json

Say = Callable[[str], None]
Progress = Callable[[int, int], None]
RUN_SETTINGS = "run-settings.json"  # in the folder of a member: the settings of the run that it was published from


@dataclass(frozen=True)
class PlannedMember:
    """A member that is there already, or is to be trained.

    Attributes
    ----------
    folder : Path
        Of its ensemble.
    settings : RunSettings
    """

    folder: Path
    settings: RunSettings


def recipes_matching(names: Sequence[str]) -> list[str]:
    """Names or paths of recipes, where a name may be a pattern of shipped ones.

    Raises
    ------
    AudiotagError
        If a pattern matches none, a recipe is named twice, or there are no names.

    Examples
    --------
    >>> recipes_matching(["warm-up*", "default"])
    ['warm-up', 'warm-up-vgg', 'default']
    """
    if not names:
        raise AudiotagError(f"name at least one recipe to train; the shipped ones are {', '.join(recipe_names())}.")
    found: list[str] = []
    for name in names:
        matching = [recipe for recipe in recipe_names() if fnmatchcase(recipe, name)]
        if not matching and any(sign in name for sign in "*?["):
            raise AudiotagError(f"no recipe is called {name}; the shipped ones are {', '.join(recipe_names())}.")
        found += matching or [name]
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise AudiotagError(f"each recipe must be named once, got {', '.join(twice)} more than once.")
    return found


def plan_members(
    recipes: Sequence[str],
    options: RunOptions,
    name: str,
    workspace: Workspace,
    say: Say = lambda sentence: None,
) -> list[PlannedMember]:
    """The members of a blend, after checking that each can be trained, or is there and was trained in the same way.

    Whether labels are corrected, and what stays in one fold, is decided once for all members. Where the options leave
    that open and an earlier call has trained a member, or has begun to, it is as it was for that member.

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
        Gets a sentence where an earlier call has decided what this one would decide otherwise.

    Returns
    -------
    list of PlannedMember
        In the order of the recipes.

    Raises
    ------
    AudiotagError
        If an option does not fit a recipe or the dataset, a member's name cannot be used, or there is an ensemble of
        its name that was trained on other clips or with other settings.
    """
    wanted = [replace(options, recipe=recipe).settings(workspace) for recipe in recipes]
    members = [PlannedMember(workspace.ensembles / f"{name}-{each.recipe.name}", each) for each in wanted]
    names = [member.folder.name for member in members]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise AudiotagError(f"recipes of a blend must have different names, got two for the member {twice[0]}.")
    decided = _decided_earlier(members, options, workspace) or _open_choices(wanted[0], options)
    members = [replace(member, settings=replace(member.settings, **decided)) for member in members]
    if decided != _open_choices(wanted[0], options):
        settings = members[0].settings
        labels = "as reviewers corrected them" if settings.corrected else "as they are in the tables"
        near = "stay in one fold" if "near-duplicates" in settings.keep_together else "may be in different folds"
        say(f"As in the first member's training, labels are used {labels}, and near-duplicates {near}.")
    dataset = open_remembered(Path(options.dataset), workspace)
    fingerprint = dataset.fingerprint
    for member in members:
        if member.folder.exists():
            _check_trained(member, dataset.name, fingerprint)
        else:
            check_name(member.folder.name, workspace.ensembles)
            _check_trainable(member.settings, dataset, workspace)
    return members


def train_members(
    members: Sequence[PlannedMember],
    workspace: Workspace,
    say: Say = lambda sentence: None,
    progress: Progress | None = None,
) -> list[Path]:
    """Train and publish the members that are not there yet; a run that was interrupted goes on.

    Parameters
    ----------
    members : sequence of PlannedMember
        From `plan_members`.
    workspace : Workspace
    say : callable, optional
        Gets a sentence before each training.
    progress : callable(done, total), optional
        Called as epochs of a member are done.

    Returns
    -------
    list of Path
        The members' folders, in the same order.

    Raises
    ------
    AudiotagError
        If a training fails or is stopped.
    """
    for number, member in enumerate(members, 1):
        if not member.folder.exists():
            say(f"member {number} of {len(members)}: {member.settings.recipe.title}")
            publish(train_run(member.settings, workspace, progress), member.folder.name, workspace.ensembles)
            write_json(member.folder / RUN_SETTINGS, member.settings.to_dict())
        if not read_card(member.folder).familiar:  # new, or its measurement was interrupted
            _measure_familiarity(member)
    return [member.folder for member in members]


def _measure_familiarity(member: PlannedMember) -> None:
    from audiotag.tagging.familiarity_measurement import measure_and_save  # it loads the networks

    with suppress(AudiotagError):  # the blend can be used without it
        measure_and_save(member.folder, Path(member.settings.dataset))


def _open_choices(settings: RunSettings, options: RunOptions) -> dict[str, Any]:
    """The fields that the options leave to be decided by what is known of the dataset."""
    return {name: getattr(settings, name) for name in ("corrected", "keep_together") if getattr(options, name) is None}


def _decided_earlier(
    members: Sequence[PlannedMember], options: RunOptions, workspace: Workspace
) -> dict[str, Any] | None:
    """`_open_choices` of the first member that an earlier call has trained or begun; None if none was.

    A run counts if all else is as wanted, and it is unfinished or its member has been published.
    """
    runs = []
    for run in list_runs(workspace):
        with suppress(AudiotagError):  # written by a version of audiotag with other fields
            runs.append((run, run.settings()))
    for member in members:
        if (settings := read_run_settings(member.folder)) is not None:
            return _open_choices(settings, options)
        for run, settings in runs:
            as_wanted = replace(settings, **_open_choices(member.settings, options)) == member.settings
            if as_wanted and (member.folder.exists() or run.state() != "finished"):
                return _open_choices(settings, options)
    return None


def read_run_settings(folder: Path) -> RunSettings | None:
    """The settings of the run that a member was published from; None where they are not known."""
    otherwise = f"how {folder.name} was trained is known from its card alone"
    values = read_json_state(folder / RUN_SETTINGS, SETTINGS_SHAPE, None, otherwise)
    try:
        return None if values is None else RunSettings.from_dict(values)
    except (AudiotagError, KeyError, TypeError, ValueError, AttributeError):  # of a version with other fields
        return None


def _check_trained(member: PlannedMember, dataset: str, fingerprint: str) -> None:
    """Raise unless the ensemble in a member's folder was trained on this dataset with these settings."""
    name, card, settings = member.folder.name, read_card(member.folder), member.settings
    advice = "choose another name for the blend, or delete that ensemble."
    if _recipe_of(card) != settings.recipe:
        raise AudiotagError(
            f"{name} is an ensemble of another recipe than {settings.recipe.name} with these options; {advice}"
        )
    known = card.dataset.get("fingerprint")
    if (known != fingerprint) if known else (card.dataset.get("name") != dataset):
        raise AudiotagError(
            f"{name} was trained on other clips or labels than {Path(settings.dataset).name} has now; {advice}"
        )
    trained = read_run_settings(member.folder)
    if trained is None:
        return
    compared = {field.name for field in fields(RunSettings)} - {"dataset", "device", "on", "recipe"}
    if differing := sorted(each for each in compared if getattr(trained, each) != getattr(settings, each)):
        raise AudiotagError(f"{name} was trained with other settings ({', '.join(differing)}); {advice}")


def _recipe_of(card: Card) -> Recipe | None:
    """The recipe of a card with the fields that later versions have added; None if it cannot be read."""
    try:
        return Recipe.from_dict(card.recipe)
    except AudiotagError:
        return None


def _check_trainable(settings: RunSettings, dataset: Dataset, workspace: Workspace) -> None:
    """Raise if the dataset lacks what a run needs, as `audiotag.training.run_blocking.new_run` does."""
    session = Session(dataset, settings, workspace)
    session.check_labels()
    check_folds(session.dataset, settings.recipe, settings.folds, settings.held_out, settings.folds_from)
    drawn = with_fold_source(session.dataset, settings.folds_from)
    check_keep_together(drawn, settings.recipe, settings.keep_together)
