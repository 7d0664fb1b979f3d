"""Spectrogram presets: the published ones, and the user's own, a readable TOML file each in the workspace."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.workspace import Workspace, write_bytes


def own_presets(workspace: Workspace) -> dict[str, SpectrogramSettings]:
    """The user's presets by name; a file that cannot be read is left out, and said when it is asked for by name."""
    found = {}
    for path in sorted(workspace.presets.glob("*.toml")):
        try:
            found[path.stem] = _read(path)
        except AudiotagError:
            continue
    return found


def preset_names(workspace: Workspace) -> list[str]:
    """The published presets, then the user's."""
    return [*PRESETS, *own_presets(workspace)]


def load_preset(name: str, workspace: Workspace) -> SpectrogramSettings:
    """A preset by its name.

    Raises
    ------
    AudiotagError
        If there is none of that name, or its file is damaged.
    """
    if name in PRESETS:
        return PRESETS[name]
    path = _path(name, workspace)
    if not path.is_file():
        raise AudiotagError(f"{name} is no preset; there are {', '.join(preset_names(workspace))}.")
    return _read(path)


def save_preset(name: str, settings: SpectrogramSettings, workspace: Workspace) -> None:
    """Keep settings under a name of the user's; one of that name before is replaced."""
    if name in PRESETS:
        raise AudiotagError(f"{name} is a published preset, which stays as it is; choose another name.")
    lines = [f"{field} = {json.dumps(value)}" for field, value in settings.to_dict().items()]
    write_bytes(_path(name, workspace), ("\n".join(lines) + "\n").encode())


def delete_preset(name: str, workspace: Workspace) -> SpectrogramSettings:
    """Take a preset of the user's away; what it was comes back, for `save_preset` to undo it."""
    settings = load_preset(name, workspace)
    if name in PRESETS:
        raise AudiotagError(f"{name} is a published preset, which stays.")
    _path(name, workspace).unlink()
    return settings


def _path(name: str, workspace: Workspace) -> Path:
    if not re.fullmatch(r"[\w-]{1,60}", name):
        raise AudiotagError(f"a preset's name must be 1 to 60 letters, digits, - or _, got {name!r}.")
    return workspace.presets / f"{name}.toml"


def _read(path: Path) -> SpectrogramSettings:
    try:
        return SpectrogramSettings.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AudiotagError(f"{path} cannot be read as TOML: {error}.") from error
    except AudiotagError as error:
        raise AudiotagError(f"{path}: {error}") from error
