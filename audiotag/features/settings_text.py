"""Write spectrogram settings as one short line, the name of a preset and what differs from it, and read it again.

The line is what addresses of the Spectrogram page hold: ``capstone,n_mels=64,f_max=16000``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from audiotag.errors import AudiotagError
from audiotag.features.setting_names import changed_fields
from audiotag.features.settings import SpectrogramSettings

MAX_LENGTH = 1000  # of a line that is read; all fields together need less than half of it
_TYPES: dict[str, Any] = {field.name: type(field.default) for field in fields(SpectrogramSettings)}


def settings_text(settings: SpectrogramSettings, preset: str, values: SpectrogramSettings) -> str:
    """The line for settings that began as a preset with these values.

    >>> settings_text(SpectrogramSettings(n_mels=64, f_max=16_000.0), "capstone", SpectrogramSettings())
    'capstone,n_mels=64,f_max=16000'
    """
    changes = [f"{name}={_text(getattr(settings, name))}" for name in changed_fields(settings, values)]
    return ",".join([preset, *changes])


def parse_settings(text: str, load: Callable[[str], SpectrogramSettings]) -> tuple[str, SpectrogramSettings]:
    """The preset's name and the settings of a line; the line may come from anywhere.

    Parameters
    ----------
    text : str
    load : callable
        Gives the settings of a preset by its name.

    Raises
    ------
    AudiotagError
        If the preset, a field or a value is unknown or invalid.
    """
    if len(text) > MAX_LENGTH:
        raise AudiotagError(f"settings in an address must have at most {MAX_LENGTH} characters, got {len(text):,}.")
    preset, *changes = text.split(",")
    values = load(preset).to_dict()
    for change in changes:
        name, _, value = change.partition("=")
        if name not in _TYPES:
            raise AudiotagError(f"{name!r} is not a spectrogram setting; did you mean one of {', '.join(_TYPES)}?")
        values[name] = _value(name, value)
    return preset, SpectrogramSettings.from_dict(values)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _value(name: str, text: str) -> Any:
    kind: Any = _TYPES[name]
    if kind is bool:
        return {"True": True, "False": False}.get(text, text)
    try:
        return kind(text)
    except ValueError:
        number = "a whole number" if kind is int else "a number"
        raise AudiotagError(f"{name} must be {number}, got {text!r}.") from None
