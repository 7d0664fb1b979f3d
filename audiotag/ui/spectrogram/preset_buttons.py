"""Save the settings as a preset of the user's, delete one, and undo the deletion."""

from __future__ import annotations

import streamlit as st

from audiotag.features.presets import delete_preset, load_preset, own_presets, preset_names, save_preset
from audiotag.features.settings import SpectrogramSettings
from audiotag.ui.spectrogram.settings_state import FIRST_PRESET
from audiotag.ui.text import escape
from audiotag.ui.widgets.messages import select_in_sidebar, show_errors
from audiotag.workspace import Workspace


def edit_presets(settings: SpectrogramSettings, workspace: Workspace) -> None:
    """Widgets that save the settings as a preset, delete an own preset, and undo the deletion."""
    with st.form("save-preset", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Save these settings as", key="preset-name", placeholder="name")
        if st.form_submit_button("Save", icon=":material/save:") and name:
            with show_errors():
                save_preset(name, settings, workspace)
                select_in_sidebar("preset", name)
    chosen = st.session_state.get("preset")
    if chosen in own_presets(workspace) and st.button(
        f"Delete {escape(chosen)}", icon=":material/delete:", key="delete-preset", type="tertiary"
    ):
        with show_errors():
            st.session_state["deleted-preset"] = (chosen, delete_preset(chosen, workspace))
            select_in_sidebar("preset", FIRST_PRESET)
    if deleted := st.session_state.get("deleted-preset"):
        name, deleted_settings = deleted
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Preset {escape(name)} was deleted.")
            if st.button("Undo", icon=":material/undo:", key="undo-delete", type="tertiary"):
                with show_errors():
                    save_preset(name, deleted_settings, workspace)
                    del st.session_state["deleted-preset"]
                    select_in_sidebar("preset", name)


def matching_preset(settings: SpectrogramSettings, workspace: Workspace) -> str | None:
    """Name of a preset that has exactly these settings, preferably the chosen one; None where there is none."""
    names = preset_names(workspace)
    if (chosen := st.session_state.get("preset")) in names:
        names = [chosen, *names]
    return next((name for name in names if load_preset(name, workspace) == settings), None)
