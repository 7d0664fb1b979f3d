"""Load and save spectrogram presets: the published ones, and the user's own, one TOML file each in the workspace."""

from __future__ import annotations

import json
import re
from pathlib import Path

from audiotag.checks import error_path
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.features.settings import LATER_FIELDS, PRESETS, SpectrogramSettings
from audiotag.foreign import read_foreign_toml
from audiotag.reasons import plain_reason
from audiotag.state import say, set_aside
from audiotag.workspace import Workspace, write_bytes


def own_presets(workspace: Workspace) -> dict[str, SpectrogramSettings]:
    """The user's presets by name, without files that cannot be read, which are named in a sentence and stay there."""
    presets = {}
    for path in sorted(workspace.presets.glob("*.toml")):
        try:
            presets[path.stem] = _read(path)
        except AudiotagError as error:
            say(str(error), once=True)
    return presets


def preset_names(workspace: Workspace) -> list[str]:
    """Names of the published presets, then of the user's."""
    return [*PRESETS, *own_presets(workspace)]


def load_preset(name: str, workspace: Workspace) -> SpectrogramSettings:
    """A preset by its name.

    Raises
    ------
    AudiotagError
        If there is no preset of that name, or its file is damaged.
    """
    if name in PRESETS:
        return PRESETS[name]
    path = _preset_path(name, workspace)
    if not path.is_file():
        raise AudiotagError(f"{name} is not a preset; choose one of {', '.join(preset_names(workspace))}.")
    return _read(path)


def save_preset(name: str, settings: SpectrogramSettings, workspace: Workspace) -> None:
    """Save settings as a preset of the user's, in place of an earlier one of the same name.

    Raises
    ------
    AudiotagError
        If it is the name of a published preset, or not a plain name.
    """
    if name in PRESETS:
        raise AudiotagError(f"{name} is a published preset, which cannot be changed; choose another name.")
    path = _preset_path(name, workspace)
    values = settings.to_dict()
    # Later fields first: a file that has lost its end lacks a field that every preset has, and is refused.
    names = sorted(values, key=lambda name: name not in LATER_FIELDS)
    lines = [f"{name} = {json.dumps(values[name])}" for name in names]
    with locked(path):
        if path.exists():
            try:
                _read(path)
            except AudiotagError:  # perhaps the user can mend it
                set_aside(path, path.read_bytes() if path.is_file() else None, "the new preset takes its place")
        write_bytes(path, ("\n".join(lines) + "\n").encode())


def delete_preset(name: str, workspace: Workspace) -> SpectrogramSettings:
    """Delete a preset of the user's and return its settings, so that `save_preset` can undo it.

    Raises
    ------
    AudiotagError
        If it is a published preset, or there is no preset of that name.
    """
    settings = load_preset(name, workspace)
    if name in PRESETS:
        raise AudiotagError(f"{name} is a published preset, which cannot be deleted.")
    _preset_path(name, workspace).unlink()
    return settings


def _preset_path(name: str, workspace: Workspace) -> Path:
    if not re.fullmatch(r"[\w-]{1,60}", name):
        raise AudiotagError(f"a preset's name must be 1 to 60 letters, digits, - or _, got {name!r}.")
    return workspace.presets / f"{name}.toml"


def _read(path: Path) -> SpectrogramSettings:
    try:
        values = read_foreign_toml(path)
    except OSError as error:
        raise AudiotagError(f"{path} cannot be read ({plain_reason(error)}); mend it, or delete it.") from error
    except AudiotagError as error:
        raise AudiotagError(f"{plain_reason(error)}; mend it, or delete it.") from error
    with error_path(f"{path}: "):
        settings = SpectrogramSettings.from_dict(values)
        missing = [name for name in SpectrogramSettings().to_dict() if name not in values]
        if missing:  # of half a file all that is left may be valid
            raise AudiotagError(f"{', '.join(missing)} must be given; a preset has all settings, so mend or delete it.")
    return settings
