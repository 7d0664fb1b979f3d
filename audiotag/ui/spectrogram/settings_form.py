"""Widgets that build a settings object; the page and the command make the same one."""

from __future__ import annotations

from dataclasses import fields
from numbers import Integral
from typing import Any, get_args

import numpy as np
import streamlit as st

from audiotag.features.presets import delete_preset, load_preset, own_presets, preset_names, save_preset
from audiotag.features.settings import MelNorm, MelScale, Normalise, Padding, SpectrogramSettings, Window
from audiotag.ui.widgets.messages import escape_markdown, select_in_sidebar, show_errors
from audiotag.workspace import Workspace

RATES_HZ = (8000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
WHOLE_NUMBERED = ("trim_db", "top_db", "f_min", "f_max")  # fields whose sliders move in whole steps
KEEP: dict[str, Any] = {"persist_state": "session"}


def spectrogram_settings(workspace: Workspace) -> SpectrogramSettings:
    """Widgets over every spectrogram setting, starting from a preset and kept from page to page.

    Raises
    ------
    AudiotagError
        Where the settings contradict each other; says which rule is broken.
    """
    if "set-n_fft" not in st.session_state:
        _move(load_preset("capstone", workspace))
    names = preset_names(workspace)
    if (name := st.session_state.pop("preset-next", None)) in names:
        st.session_state["preset"] = name
    st.selectbox(
        "Preset",
        names,
        key="preset",
        on_change=lambda: _move(load_preset(st.session_state["preset"], workspace)),
        help="Moves all settings below: published ones first, then those that you saved.",
        **KEEP,
    )
    with st.expander("Time", expanded=True, icon=":material/schedule:"):
        _time()
    with st.expander("Frequency", expanded=True, icon=":material/tune:"):
        _frequency()
    with st.expander("Level", expanded=True, icon=":material/brightness_6:"):
        _level()
    with st.expander("What else the network gets", icon=":material/layers:"):
        _input()
    return SpectrogramSettings(**{field.name: _value(field.name) for field in fields(SpectrogramSettings)})


def keep_preset(settings: SpectrogramSettings, workspace: Workspace) -> None:
    """Save the settings under a name, or take a preset of one's own away again."""
    with st.form("save-preset", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Save these settings as", key="preset-name", placeholder="a name")
        if st.form_submit_button("Save", icon=":material/save:") and name:
            with show_errors():
                save_preset(name, settings, workspace)
                select_in_sidebar("preset", name)
    chosen = st.session_state.get("preset")
    if chosen in own_presets(workspace) and st.button(
        f"Delete {chosen}", icon=":material/delete:", key="delete-preset", type="tertiary"
    ):
        st.session_state["deleted-preset"] = (chosen, delete_preset(chosen, workspace))
        select_in_sidebar("preset", "capstone")
    if deleted := st.session_state.get("deleted-preset"):
        name, was = deleted
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{escape_markdown(name)} is deleted.")
            if st.button("Undo", icon=":material/undo:", key="undo-delete", type="tertiary"):
                save_preset(name, was, workspace)
                del st.session_state["deleted-preset"]
                select_in_sidebar("preset", name)


def preset_of(settings: SpectrogramSettings, workspace: Workspace) -> str | None:
    """The preset that has exactly these settings, the chosen one first."""
    names = preset_names(workspace)
    if (chosen := st.session_state.get("preset")) in names:
        names = [chosen, *names]
    return next((name for name in names if load_preset(name, workspace) == settings), None)


def _time() -> None:
    _slider("Clip length (s)", 0.5, 10.0, step=0.5, key="set-clip_s")
    _slider("Hop (samples)", 64, 2048, step=2, key="set-hop_length", help="From one column to the next.")
    st.button(
        "Square picture",
        icon=":material/aspect_ratio:",
        key="square",
        on_click=_square,
        type="tertiary",
        help="Sets the hop that gives as many columns as there are mel bands.",
    )
    _slider(
        "Window (samples)",
        256,
        4096,
        step=64,
        key="set-win_length",
        help="Longer parts tones better, shorter parts moments better.",
    )
    st.selectbox("Window", get_args(Window), key="set-window", help="Its shape.", **KEEP)
    _slider(
        "Trim below the peak (dB)",
        0,
        80,
        key="set-trim_db",
        help="Silence at both ends is cut where it lies so far below the loudest frame; 0 cuts nothing.",
    )
    _slider("Kept around it (s)", 0.0, 0.5, step=0.01, key="set-trim_pad_s", help="Beside what is cut.")
    st.segmented_control(
        "Padding of short clips", get_args(Padding), key="set-padding", required=True, default=None, **KEEP
    )


def _frequency() -> None:
    rates = sorted({*RATES_HZ, st.session_state["set-sample_rate"]})
    st.selectbox("Sample rate (Hz)", rates, key="set-sample_rate", help="Sounds are brought to it.", **KEEP)
    _slider("FFT length (samples)", 256, 8192, step=64, key="set-n_fft")
    _slider("Mel bands", 16, 256, step=8, key="set-n_mels")
    _slider("Band (Hz)", 0, 48_000, step=10, key="set-band")
    st.segmented_control("Mel scale", get_args(MelScale), key="set-mel_scale", required=True, default=None, **KEEP)
    st.segmented_control(
        "Bands' height",
        get_args(MelNorm),
        key="set-mel_norm",
        required=True,
        default=None,
        help="none: triangles of height 1; slaney: of area 1, so that wide bands count no more than narrow ones.",
        **KEEP,
    )


def _level() -> None:
    _slider("Floor below the loudest point (dB)", 20, 120, key="set-top_db", help="top_db in recipes")
    st.segmented_control(
        "In the bands",
        (2.0, 1.0),
        format_func=lambda power: "power" if power == 2 else "amplitude",
        key="set-power",
        required=True,
        default=None,
        **KEEP,
    )


def _input() -> None:
    st.selectbox(
        "Normalise",
        get_args(Normalise),
        key="set-normalise",
        help="none leaves dB; clip: each picture to mean 0 and deviation 1; batch: all of a batch together; global: by "
        "the mean and deviation below.",
        **KEEP,
    )
    left, right = st.columns(2)
    left.number_input("Mean (dB)", key="set-mean_db", **KEEP)
    right.number_input("Deviation (dB)", key="set-std_db", **KEEP)
    st.segmented_control(
        "Deltas",
        (0, 1, 2),
        key="set-deltas",
        required=True,
        default=None,
        help="Slopes along time, as channels.",
        **KEEP,
    )
    st.number_input("Resize to (pixels)", step=16, key="set-resize", help="Both sides; 0 leaves it as it is.", **KEEP)


def _slider(label: str, low: float, high: float, key: str, step: float = 1, help: str | None = None) -> None:
    """A slider that reaches further where the value does: a preset's file may hold any that the settings allow."""
    values = np.atleast_1d(st.session_state[key])
    kind = int if all(isinstance(value, Integral) for value in (*values.tolist(), low, high, step)) else float
    st.slider(
        label,
        kind(min(low, values.min())),
        kind(max(high, values.max())),
        step=kind(step),
        key=key,
        help=help,
        **KEEP,
    )


def _value(field: str) -> Any:
    if field in ("f_min", "f_max"):
        return float(st.session_state["set-band"][field == "f_max"])
    value = st.session_state[f"set-{field}"]
    return float(value) if field in WHOLE_NUMBERED else value


def _move(settings: SpectrogramSettings) -> None:
    """Bring all widgets to these settings."""
    for field, value in settings.to_dict().items():
        st.session_state[f"set-{field}"] = _whole(value) if field in WHOLE_NUMBERED else value
    band = (_whole(settings.f_min), _whole(settings.f_max))
    st.session_state["set-band"] = band if type(band[0]) is type(band[1]) else (settings.f_min, settings.f_max)


def _whole(value: float) -> float:
    """An int where it can be one: then the slider moves in whole steps."""
    return int(value) if float(value).is_integer() else value


def _square() -> None:
    samples = int(st.session_state["set-clip_s"] * st.session_state["set-sample_rate"])
    st.session_state["set-hop_length"] = min(2048, max(64, -(-samples // st.session_state["set-n_mels"])))
