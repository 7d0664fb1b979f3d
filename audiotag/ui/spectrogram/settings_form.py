"""Widgets for every spectrogram setting, in groups; each setting that differs from the preset is marked."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral
from typing import Any, get_args

import numpy as np
import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset, preset_names
from audiotag.features.setting_names import NAMES, value_text
from audiotag.features.settings import (
    MelNorm,
    MelScale,
    Normalise,
    Padding,
    SpectrogramSettings,
    Window,
    square_hop_length,
)
from audiotag.ui.spectrogram import settings_state
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.number_field import number_field
from audiotag.workspace import Workspace

RATES_HZ = (8000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
PERSIST: dict[str, Any] = {"persist_state": "session"}
GROUPS = {
    "Time": ("clip_s", "hop_length", "win_length", "window", "trim_db", "trim_pad_s", "padding"),
    "Frequency": ("sample_rate", "n_fft", "n_mels", "f_min", "f_max", "mel_scale", "mel_norm"),
    "Level": ("top_db", "power"),
    "Network input": ("normalise", "mean_db", "std_db", "deltas", "resize"),
}


@dataclass(frozen=True)
class Marks:
    """The preset, and the settings that differ from it."""

    preset: str
    values: SpectrogramSettings
    changed: Collection[str]

    def label(self, *settings: str, text: Markdown | None = None) -> Markdown:
        """Label of the widget of one setting, or of several: with its unit, and with the preset's value if it differs.

        Parameters
        ----------
        *settings : str
            Fields.
        text : Markdown, optional
            The label itself; by default the name and unit of the first field.
        """
        name, unit = NAMES[settings[0]]
        label = text or Markdown(f"{name} ({unit})" if unit else name)
        changed = [field for field in settings if field in self.changed]
        if not changed:
            return label
        values = ", ".join(value_text(field, getattr(self.values, field)) for field in settings)
        return Markdown(f"{label} · **{escape(self.preset)}: {escape(values)}**")

    def group(self, name: str) -> Markdown:
        """Title of a group, with the number of its settings that differ."""
        count = len(set(self.changed).intersection(GROUPS[name]))
        return Markdown(f"{escape(name)} · {count:d} changed") if count else escape(name)


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
        for (name, show), icon in zip(
            (
                ("Time", _time_widgets),
                ("Frequency", _frequency_widgets),
                ("Level", _level_widgets),
                ("Network input", _network_input_widgets),
            ),
            (":material/schedule:", ":material/tune:", ":material/brightness_6:", ":material/layers:"),
            strict=True,
        ):
            with st.expander(marks.group(name), expanded=True, icon=icon, key=f"group-{name}"):
                show(marks)
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


def _time_widgets(marks: Marks) -> None:
    _slider(marks.label("clip_s"), 0.5, 10.0, step=0.5, key="set-clip_s")
    _slider(
        marks.label("hop_length"),
        64,
        2048,
        step=2,
        key="set-hop_length",
        help=Markdown("Distance between two frames."),
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
        marks.label("win_length"),
        256,
        4096,
        step=64,
        key="set-win_length",
        help=Markdown("A longer window separates tones better, a shorter one separates moments better."),
    )
    st.selectbox(marks.label("window"), get_args(Window), key="set-window", **PERSIST)
    _slider(
        marks.label("trim_db"),
        0,
        80,
        key="set-trim_db",
        help=Markdown("Cuts both ends where they lie this far below the loudest frame. 0 cuts nothing."),
    )
    _slider(
        marks.label("trim_pad_s"),
        0.0,
        0.5,
        step=0.01,
        key="set-trim_pad_s",
        help=Markdown("Silence that is left at each end."),
    )
    st.segmented_control(
        marks.label("padding"),
        get_args(Padding),
        format_func=escape,
        key="set-padding",
        required=True,
        default=None,
        **PERSIST,
    )


def _frequency_widgets(marks: Marks) -> None:
    rates = sorted({*RATES_HZ, st.session_state["set-sample_rate"]})
    st.selectbox(
        marks.label("sample_rate"), rates, key="set-sample_rate", help="Sounds are resampled to it.", **PERSIST
    )
    _slider(marks.label("n_fft"), 256, 8192, step=64, key="set-n_fft")
    _slider(marks.label("n_mels"), 16, 256, step=8, key="set-n_mels")
    _slider(marks.label("f_min", "f_max", text=Markdown("Frequency range (Hz)")), 0, 48_000, step=10, key="set-band")
    st.segmented_control(
        marks.label("mel_scale"),
        get_args(MelScale),
        format_func=escape,
        key="set-mel_scale",
        required=True,
        default=None,
        **PERSIST,
    )
    st.segmented_control(
        marks.label("mel_norm"),
        get_args(MelNorm),
        format_func=escape,
        key="set-mel_norm",
        required=True,
        default=None,
        help="none: triangles of height 1. slaney: triangles of area 1, so wide bands weigh no more than narrow ones.",
        **PERSIST,
    )


def _level_widgets(marks: Marks) -> None:
    _slider(marks.label("top_db"), 20, 120, key="set-top_db", help=Markdown("Called top_db in recipes."))
    st.segmented_control(
        marks.label("power"),
        (2.0, 1.0),
        format_func=lambda power: "power" if power == 2 else "amplitude",
        key="set-power",
        required=True,
        default=None,
        **PERSIST,
    )


def _network_input_widgets(marks: Marks) -> None:
    st.selectbox(
        marks.label("normalise"),
        get_args(Normalise),
        key="set-normalise",
        help="To mean 0 and deviation 1, per clip, per batch, or (global) with the values below. With none, values "
        "stay in dB.",
        **PERSIST,
    )
    left, right = st.columns(2)
    with left:
        number_field(marks.label("mean_db"), "set-mean_db", **PERSIST)
    with right:
        number_field(marks.label("std_db"), "set-std_db", **PERSIST)
    st.segmented_control(
        marks.label("deltas"),
        (0, 1, 2),
        key="set-deltas",
        required=True,
        default=None,
        help="Further channels with the slopes along time.",
        **PERSIST,
    )
    number_field(marks.label("resize"), "set-resize", whole=True, help="Height and width; 0: no resizing.", **PERSIST)


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


def _set_square_hop() -> None:
    samples = int(st.session_state["set-clip_s"] * st.session_state["set-sample_rate"])
    hop_length = min(2048, max(64, square_hop_length(samples, st.session_state["set-n_mels"])))
    st.session_state["set-hop_length"] = hop_length
    # A window that is shorter than the hop would lose the sound between two windows.
    window = max(st.session_state["set-win_length"], -(-hop_length // 64) * 64)
    st.session_state["set-win_length"] = window
    st.session_state["set-n_fft"] = max(st.session_state["set-n_fft"], window)
