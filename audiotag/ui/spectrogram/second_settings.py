"""Choose settings B, to compare them with those of the form (A): a preset, or earlier settings that were kept.

B is in the session and in the address as one line, as `audiotag.features.settings_text` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset, own_presets, preset_names
from audiotag.features.setting_names import most_different
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.settings_text import parse_settings
from audiotag.ui import address
from audiotag.ui.spectrogram import settings_state
from audiotag.ui.text import escape
from audiotag.workspace import Workspace

ADDRESS = "b"  # the parameter of the address
SWITCH, CHOICE = "compare", "settings-b"  # keys of the widgets
KEPT = "settings-b-kept"  # in the session: the line of the settings that were kept last


@dataclass(frozen=True)
class Second:
    """Settings B and their name, as plain text."""

    label: str
    settings: SpectrogramSettings


def pick_second(settings: SpectrogramSettings, workspace: Workspace) -> Second | None:
    """Widgets that choose B, keep A as B, and swap both; None while nothing is compared.

    Parameters
    ----------
    settings : SpectrogramSettings
        A. The preset that differs most from them is B to begin with.
    workspace : Workspace
    """
    _follow_address(workspace)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="second-settings"):
        with st.container(width="content"):
            is_compared = st.toggle(
                "Compare with B",
                key=SWITCH,
                persist_state="session",
                help="Shows the same sound under settings B beside that under the settings of the form, A.",
            )
        second = _pick(settings, workspace) if is_compared else None
        st.button(
            "Keep as B",
            icon=":material/push_pin:",
            key="keep-as-b",
            on_click=_keep,
            args=(workspace,),
            help="Compares what you change from now on with the settings as they are now.",
        )
        if second is not None:
            st.button(
                "Swap",
                icon=":material/swap_horiz:",
                key="swap-a-b",
                on_click=_swap,
                args=(workspace,),
                help="The form gets the settings of B, and B those of the form.",
            )
    address.write_text(ADDRESS, st.session_state[CHOICE] if second is not None else "")
    return second


def describe_form(settings: SpectrogramSettings, workspace: Workspace) -> str:
    """The settings of the form as a name."""
    return settings_label(settings_state.text_of((st.session_state["preset"], settings), workspace))


def settings_label(text: str) -> str:
    """A line of settings as a name: the preset, and how many settings differ from it.

    >>> settings_label("capstone"), settings_label("capstone,n_mels=64,f_max=16000")
    ('capstone', 'capstone with 2 changes')
    """
    preset, *changes = text.split(",")
    return f"{preset} with {len(changes)} change{'s' if len(changes) > 1 else ''}" if changes else preset


def _pick(settings: SpectrogramSettings, workspace: Workspace) -> Second:
    names = preset_names(workspace)
    kept = st.session_state.get(KEPT)
    options = [*names, kept] if kept and kept not in names else names
    if st.session_state.get(CHOICE) not in options:
        presets = {**PRESETS, **own_presets(workspace)}
        st.session_state[CHOICE] = most_different(settings, presets) or names[0]
    chosen = st.selectbox(
        "Settings B",
        options,
        key=CHOICE,
        format_func=settings_label,
        persist_state="session",
        label_visibility="collapsed",
        width=190,
        help="A preset, or the settings that you kept.",
    )
    return Second(settings_label(chosen), parse_settings(chosen, lambda name: load_preset(name, workspace))[1])


def _follow_address(workspace: Workspace) -> None:
    """Choose what the address says; what it says wrongly is shown as a message."""
    if (text := address.new_text(ADDRESS)) is None:
        return
    try:
        _choose(text, workspace)
    except AudiotagError as error:
        st.warning(f"Settings B in the address cannot be used: {escape(error)}", icon=":material/link_off:")


def _choose(text: str, workspace: Workspace) -> None:
    preset, settings = parse_settings(text, lambda name: load_preset(name, workspace))
    text = settings_state.text_of((preset, settings), workspace)
    if text not in preset_names(workspace):
        st.session_state[KEPT] = text
    st.session_state[CHOICE] = text
    st.session_state[SWITCH] = True


def _keep(workspace: Workspace) -> None:
    _choose(settings_state.text_of(st.session_state[settings_state.CURRENT], workspace), workspace)


def _swap(workspace: Workspace) -> None:
    second = st.session_state[CHOICE]
    _keep(workspace)
    settings_state.set_step(parse_settings(second, lambda name: load_preset(name, workspace)))
