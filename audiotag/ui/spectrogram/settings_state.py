"""The settings in the session and in the address: set and read the widgets, undo and redo changes.

The widgets' values are in the session under ``set-`` and the field; the form is in `settings_form`. The address holds
the preset and what differs from it, as `audiotag.features.settings_text` writes it, so that a reload or a link shows
the same settings.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset, preset_names
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.settings_text import parse_settings, settings_text
from audiotag.ui import address
from audiotag.ui.text import escape
from audiotag.ui.widgets.number_field import number_text, parse_number
from audiotag.workspace import Workspace

ADDRESS = "settings"  # the parameter of the address
FIRST_PRESET = next(iter(PRESETS))
INTEGER_STEP_FIELDS = ("trim_db", "top_db", "f_min", "f_max")  # their sliders move in whole steps
TYPED_FIELDS = ("mean_db", "std_db", "resize", "log_offset", "range_mean", "range_std")  # in text fields
MAX_STEPS = 100  # that can be undone
CURRENT, UNDO, REDO = "settings-current", "settings-undo", "settings-redo"  # in the session: preset and settings
Step = tuple[str, SpectrogramSettings]


def prepare_widgets(workspace: Workspace) -> float:
    """Set the widgets before they are drawn: to what the address says, or to the first preset; else they keep theirs.

    What the address says wrongly is shown as a message, and changes nothing. Returns the clip length in seconds.
    """
    if (text := address.new_text(ADDRESS)) is not None:
        try:
            set_step(parse_settings(text, lambda name: load_preset(name, workspace)))
        except AudiotagError as error:
            st.warning(f"The settings in the address cannot be used: {escape(error)}", icon=":material/link_off:")
    if "set-n_fft" not in st.session_state:
        set_step((FIRST_PRESET, load_preset(FIRST_PRESET, workspace)))
    names = preset_names(workspace)
    if (name := st.session_state.pop("preset-next", None)) in names:
        st.session_state["preset"] = name
    if st.session_state["preset"] not in names:  # it was deleted elsewhere
        st.session_state["preset"] = FIRST_PRESET
    return float(st.session_state["set-clip_s"])


def remember_settings(settings: SpectrogramSettings, workspace: Workspace) -> None:
    """Note valid settings: for undo, and in the address."""
    step = (st.session_state["preset"], settings)
    before = st.session_state.get(CURRENT)
    if before is not None and before != step:
        st.session_state[UNDO] = [*st.session_state.get(UNDO, []), before][-MAX_STEPS:]
        st.session_state[REDO] = []
    st.session_state[CURRENT] = step
    address.write_text(ADDRESS, text_of(step, workspace), without=FIRST_PRESET)


def text_of(step: Step, workspace: Workspace) -> str:
    """A preset and settings as a line for the address."""
    preset, settings = step
    return settings_text(settings, preset, load_preset(preset, workspace))


def can_undo(is_valid: bool) -> bool:
    """Whether there is something to undo; settings that contradict each other always can be."""
    return bool(st.session_state.get(UNDO)) or (not is_valid and CURRENT in st.session_state)


def can_redo() -> bool:
    """Whether something was undone."""
    return bool(st.session_state.get(REDO))


def undo() -> None:
    """Return to the settings before the last change, or from invalid settings to the last valid ones."""
    current: Step = st.session_state[CURRENT]
    if not _is_valid():
        set_step(current)
        return
    before = st.session_state[UNDO].pop()
    st.session_state[REDO] = [*st.session_state.get(REDO, []), current]
    st.session_state[CURRENT] = before
    set_step(before)


def redo() -> None:
    """Take the last `undo` back."""
    after = st.session_state[REDO].pop()
    st.session_state[UNDO] = [*st.session_state.get(UNDO, []), st.session_state[CURRENT]]
    st.session_state[CURRENT] = after
    set_step(after)


def set_step(step: Step) -> None:
    """Choose a preset and set all widgets to settings."""
    st.session_state["preset"] = step[0]
    set_widgets(step[1])


def set_widgets(settings: SpectrogramSettings) -> None:
    """Set all widgets to these settings."""
    for field, value in asdict(settings).items():
        if field in TYPED_FIELDS:
            value = number_text(value)
        st.session_state[f"set-{field}"] = _int_if_whole(value) if field in INTEGER_STEP_FIELDS else value
    band = (_int_if_whole(settings.f_min), _int_if_whole(settings.f_max))
    st.session_state["set-band"] = band if type(band[0]) is type(band[1]) else (settings.f_min, settings.f_max)


def read_widgets() -> SpectrogramSettings:
    """The settings that the widgets show.

    Raises
    ------
    AudiotagError
        If a field is not a number, or the settings contradict each other; says which rule is broken.
    """
    return SpectrogramSettings(**{field.name: field_value(field.name) for field in fields(SpectrogramSettings)})


def field_value(field: str) -> Any:
    """The value of one setting in its widget.

    Raises
    ------
    AudiotagError
        If it is not a number.
    """
    if field in ("f_min", "f_max"):
        return float(st.session_state["set-band"][field == "f_max"])
    value = st.session_state[f"set-{field}"]
    if field in TYPED_FIELDS:
        number = parse_number(value, field, whole=field == "resize")
        if number is None:
            raise AudiotagError(f"{field} must be a number; the field is empty.")
        return int(number) if field == "resize" else number
    return float(value) if field in INTEGER_STEP_FIELDS else value


def changed_widgets(values: SpectrogramSettings) -> list[str]:
    """The fields whose widgets do not show these values, whether or not their values are valid."""

    def is_changed(field: str) -> bool:
        try:
            return bool(field_value(field) != getattr(values, field))
        except AudiotagError:
            return True

    return [field.name for field in fields(SpectrogramSettings) if is_changed(field.name)]


def _is_valid() -> bool:
    try:
        read_widgets()
    except AudiotagError:
        return False
    return True


def _int_if_whole(value: float) -> float:
    """An int where the value is whole: then the slider moves in whole steps."""
    return int(value) if float(value).is_integer() else value
