"""Widgets for every spectrogram setting, and for saving and deleting presets."""

from __future__ import annotations

from dataclasses import fields
from numbers import Integral
from typing import Any, get_args

import numpy as np
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.features.presets import delete_preset, load_preset, own_presets, preset_names, save_preset
from audiotag.features.settings import (
    MelNorm,
    MelScale,
    Normalise,
    Padding,
    SpectrogramSettings,
    Window,
    square_hop_length,
)
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.messages import select_in_sidebar, show_errors
from audiotag.ui.widgets.number_field import number_field, number_text, parse_number
from audiotag.workspace import Workspace

RATES_HZ = (8000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
INTEGER_STEP_FIELDS = ("trim_db", "top_db", "f_min", "f_max")  # their sliders move in whole steps
TYPED_FIELDS = ("mean_db", "std_db", "resize")  # in text fields
PERSIST: dict[str, Any] = {"persist_state": "session"}


def pick_settings(workspace: Workspace) -> SpectrogramSettings:
    """Widgets for every spectrogram setting, starting from a preset; they keep their values across pages.

    Raises
    ------
    AudiotagError
        If the settings contradict each other; says which rule is broken.
    """
    if "set-n_fft" not in st.session_state:
        _set_widgets(load_preset("capstone", workspace))
    names = preset_names(workspace)
    if (name := st.session_state.pop("preset-next", None)) in names:
        st.session_state["preset"] = name
    st.selectbox(
        "Preset",
        names,
        key="preset",
        on_change=lambda: _set_widgets(load_preset(st.session_state["preset"], workspace)),
        help="Sets all values below. Published presets first, then your own.",
        **PERSIST,
    )
    with st.expander("Time", expanded=True, icon=":material/schedule:"):
        _time_widgets()
    with st.expander("Frequency", expanded=True, icon=":material/tune:"):
        _frequency_widgets()
    with st.expander("Level", expanded=True, icon=":material/brightness_6:"):
        _level_widgets()
    with st.expander("Network input", icon=":material/layers:"):
        _network_input_widgets()
    return SpectrogramSettings(**{field.name: _field_value(field.name) for field in fields(SpectrogramSettings)})


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
            select_in_sidebar("preset", "capstone")
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


def _time_widgets() -> None:
    _slider(Markdown("Clip length (s)"), 0.5, 10.0, step=0.5, key="set-clip_s")
    _slider(
        Markdown("Hop (samples)"), 64, 2048, step=2, key="set-hop_length", help=Markdown("Distance between two frames.")
    )
    st.button(
        "Make it square",
        icon=":material/aspect_ratio:",
        key="square",
        on_click=_set_square_hop,
        type="tertiary",
        help="Sets the hop so that there are as many frames as mel bands. A window that is too short for it grows.",
    )
    _slider(
        Markdown("Window (samples)"),
        256,
        4096,
        step=64,
        key="set-win_length",
        help=Markdown("A longer window separates tones better, a shorter one separates moments better."),
    )
    st.selectbox("Window shape", get_args(Window), key="set-window", **PERSIST)
    _slider(
        Markdown("Trim below the peak (dB)"),
        0,
        80,
        key="set-trim_db",
        help=Markdown("Cuts both ends where they lie this far below the loudest frame. 0 cuts nothing."),
    )
    _slider(
        Markdown("Trim margin (s)"),
        0.0,
        0.5,
        step=0.01,
        key="set-trim_pad_s",
        help=Markdown("Silence that is left at each end."),
    )
    st.segmented_control(
        "Padding of short clips",
        get_args(Padding),
        format_func=escape,
        key="set-padding",
        required=True,
        default=None,
        **PERSIST,
    )


def _frequency_widgets() -> None:
    rates = sorted({*RATES_HZ, st.session_state["set-sample_rate"]})
    st.selectbox("Sample rate (Hz)", rates, key="set-sample_rate", help="Sounds are resampled to it.", **PERSIST)
    _slider(Markdown("FFT length (samples)"), 256, 8192, step=64, key="set-n_fft")
    _slider(Markdown("Mel bands"), 16, 256, step=8, key="set-n_mels")
    _slider(Markdown("Frequency range (Hz)"), 0, 48_000, step=10, key="set-band")
    st.segmented_control(
        "Mel scale", get_args(MelScale), format_func=escape, key="set-mel_scale", required=True, default=None, **PERSIST
    )
    st.segmented_control(
        "Filter height",
        get_args(MelNorm),
        format_func=escape,
        key="set-mel_norm",
        required=True,
        default=None,
        help="none: triangles of height 1. slaney: triangles of area 1, so wide bands weigh no more than narrow ones.",
        **PERSIST,
    )


def _level_widgets() -> None:
    _slider(
        Markdown("Floor below the loudest point (dB)"),
        20,
        120,
        key="set-top_db",
        help=Markdown("Called top_db in recipes."),
    )
    st.segmented_control(
        "Band values",
        (2.0, 1.0),
        format_func=lambda power: "power" if power == 2 else "amplitude",
        key="set-power",
        required=True,
        default=None,
        **PERSIST,
    )


def _network_input_widgets() -> None:
    st.selectbox(
        "Normalise",
        get_args(Normalise),
        key="set-normalise",
        help="To mean 0 and deviation 1, per clip, per batch, or (global) with the values below. With none, values "
        "stay in dB.",
        **PERSIST,
    )
    left, right = st.columns(2)
    with left:
        number_field(Markdown("Mean (dB)"), "set-mean_db", **PERSIST)
    with right:
        number_field(Markdown("Deviation (dB)"), "set-std_db", **PERSIST)
    st.segmented_control(
        "Deltas",
        (0, 1, 2),
        key="set-deltas",
        required=True,
        default=None,
        help="Further channels with the slopes along time.",
        **PERSIST,
    )
    number_field(
        Markdown("Resize to (pixels)"), "set-resize", whole=True, help="Height and width; 0: no resizing.", **PERSIST
    )


def _slider(label: Markdown, low: float, high: float, key: str, step: float = 1, help: Markdown | None = None) -> None:
    """A slider whose range grows with its value, because a preset's file may hold any value that is valid."""
    values = np.atleast_1d(st.session_state[key])
    kind = int if all(isinstance(value, Integral) for value in (*values.tolist(), low, high, step)) else float
    st.slider(
        label,
        kind(min(low, values.min())),
        kind(max(high, values.max())),
        step=kind(step),
        key=key,
        help=help,
        **PERSIST,
    )


def _field_value(field: str) -> Any:
    if field in ("f_min", "f_max"):
        return float(st.session_state["set-band"][field == "f_max"])
    value = st.session_state[f"set-{field}"]
    if field in TYPED_FIELDS:
        number = parse_number(value, field, whole=field == "resize")
        if number is None:
            raise AudiotagError(f"{field} must be a number; the field is empty.")
        return int(number) if field == "resize" else number
    return float(value) if field in INTEGER_STEP_FIELDS else value


def _set_widgets(settings: SpectrogramSettings) -> None:
    """Set all widgets to these settings."""
    for field, value in settings.to_dict().items():
        if field in TYPED_FIELDS:
            value = number_text(value)
        st.session_state[f"set-{field}"] = _int_if_whole(value) if field in INTEGER_STEP_FIELDS else value
    band = (_int_if_whole(settings.f_min), _int_if_whole(settings.f_max))
    st.session_state["set-band"] = band if type(band[0]) is type(band[1]) else (settings.f_min, settings.f_max)


def _int_if_whole(value: float) -> float:
    """An int where the value is whole: then the slider moves in whole steps."""
    return int(value) if float(value).is_integer() else value


def _set_square_hop() -> None:
    samples = int(st.session_state["set-clip_s"] * st.session_state["set-sample_rate"])
    hop_length = min(2048, max(64, square_hop_length(samples, st.session_state["set-n_mels"])))
    st.session_state["set-hop_length"] = hop_length
    # A window that is shorter than the hop would lose the sound between two windows.
    window = max(st.session_state["set-win_length"], -(-hop_length // 64) * 64)
    st.session_state["set-win_length"] = window
    st.session_state["set-n_fft"] = max(st.session_state["set-n_fft"], window)
