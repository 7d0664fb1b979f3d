"""The form of all spectrogram settings: the preset, undo and reset, and the groups of widgets."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset, preset_names
from audiotag.features.settings import SpectrogramSettings
from audiotag.ui.spectrogram import settings_state
from audiotag.ui.spectrogram.setting_groups import GROUPS, PERSIST, Marks
from audiotag.ui.text import escape
from audiotag.workspace import Workspace


def pick_settings(workspace: Workspace) -> SpectrogramSettings:
    """Widgets for every spectrogram setting, after `settings_state.prepare_widgets`; they keep their values.

    Raises
    ------
    AudiotagError
        If the settings contradict each other; says which rule is broken.
    """
    problem, settings = None, None
    try:
        settings = settings_state.read_widgets()
        settings_state.remember_settings(settings, workspace)
    except AudiotagError as error:
        problem = error
    st.selectbox(
        "Preset",
        preset_names(workspace),
        key="preset",
        on_change=_apply_preset,
        args=(workspace,),
        help="Sets all values below. Published presets first, then your own.",
        **PERSIST,
    )
    preset = st.session_state["preset"]
    values = load_preset(preset, workspace)
    marks = Marks(preset, values, settings_state.changed_widgets(values))
    _change_buttons(marks, is_valid=problem is None)
    with st.container(key="settings-groups"):
        for name, group in GROUPS.items():
            with st.expander(marks.group(name), expanded=True, icon=group.icon, key=f"group-{name}"):
                group.show(marks)
    if settings is None:
        assert problem is not None
        raise problem
    return settings


def _apply_preset(workspace: Workspace) -> None:
    """Set all widgets to the preset that was chosen; if it cannot be read, the form says so."""
    with suppress(AudiotagError):
        settings_state.set_widgets(load_preset(st.session_state["preset"], workspace))


def _change_buttons(marks: Marks, is_valid: bool) -> None:
    """How many settings differ from the preset, with undo, redo and reset."""
    count = len(marks.changed)
    name = escape(marks.preset)
    st.markdown(
        f"**{count:d} setting{'s' if count > 1 else ''}** differ{'' if count > 1 else 's'} from {name}."
        if count
        else f"All settings are those of {name}."
    )
    with st.container(horizontal=True, gap="small", key="change-buttons"):
        st.button(
            "Undo",
            icon=":material/undo:",
            key="settings-undo-button",
            on_click=settings_state.undo,
            type="tertiary",
            disabled=not settings_state.can_undo(is_valid),
            help="Takes the last change of a setting back.",
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            key="settings-redo-button",
            on_click=settings_state.redo,
            type="tertiary",
            disabled=not settings_state.can_redo(),
            help="Makes the change again that was undone last.",
        )
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key="settings-reset",
            on_click=settings_state.set_widgets,
            args=(marks.values,),
            type="tertiary",
            disabled=not count,
            help=f"Sets all values to those of {name}.",
        )
