"""Widgets for every spectrogram setting, in groups; each setting that differs from the preset is marked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple, get_args

import numpy as np
import streamlit as st

from audiotag.features.setting_names import NAMES, value_text
from audiotag.features.settings import (
    OF_SPECTROGRAMS,
    Crop,
    DeltaFilter,
    MelNorm,
    MelScale,
    NetworkInput,
    Normalise,
    Padding,
    ResizeFilter,
    SpectrogramSettings,
    TrimRule,
    Window,
    square_hop_length,
)
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.number_field import number_field

RATES_HZ = (8000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
PADDING_TITLES: dict[Padding, str] = {
    "zeros": "zeros around the sound",
    "zeros-after": "zeros after the sound",
    "repeat": "repeat",
    "minimum": "minimum around the spectrogram",
    "minimum-or-repeat": "minimum, or repeat by chance",
    "zero-db-after": "0 dB after the spectrogram",
}
PERSIST: dict[str, Any] = {"persist_state": "session"}


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
        count = len(set(self.changed).intersection(GROUPS[name].fields))
        return Markdown(f"{escape(name)} · {count:d} changed") if count else escape(name)


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
    st.toggle(
        marks.label("centred"),
        key="set-centred",
        disabled=not _cuts_spectrograms() and st.session_state["set-centred"],
        help="A frame's time is its centre, so the first and last frames reach into the mirrored sound. Off: the first "
        "frame begins with the sound; that needs crops that are cut from the spectrogram.",
        **PERSIST,
    )


def _crop_widgets(marks: Marks) -> None:
    st.segmented_control(
        marks.label("crop"),
        get_args(Crop),
        format_func=escape,
        key="set-crop",
        required=True,
        default=None,
        on_change=_apply_crop,
        help="waveform: a part of the sound is cut out, and the spectrogram is that of the part. spectrogram: the "
        "whole clip's spectrogram is cut, so its floor and its scaling are those of the whole clip.",
        **PERSIST,
    )
    chosen = st.session_state["set-padding"]
    paddings = [way for way in get_args(Padding) if _cuts_spectrograms() or way not in OF_SPECTROGRAMS or way == chosen]
    st.selectbox(
        marks.label("padding"),
        paddings,
        format_func=lambda way: PADDING_TITLES[way],
        key="set-padding",
        help="How a clip is filled that is shorter than the crop.",
        **PERSIST,
    )
    _slider(
        marks.label("trim_db"),
        0,
        80,
        key="set-trim_db",
        help=Markdown("Cuts both ends where they lie this far below the loudest frame. 0 cuts nothing."),
    )
    st.segmented_control(
        marks.label("trim_rule"),
        get_args(TrimRule),
        format_func=escape,
        key="set-trim_rule",
        required=True,
        default=None,
        help="fastaudio: frames lie a margin apart, and the margin is left at both ends. librosa: frames lie 512 "
        "samples apart, the sound is mirrored at its ends, and there is no margin.",
        **PERSIST,
    )
    _slider(
        marks.label("trim_pad_s"),
        0.0,
        0.5,
        step=0.01,
        key="set-trim_pad_s",
        help=Markdown("Silence that is left at each end; not with librosa's rule."),
        disabled=st.session_state["set-trim_rule"] == "librosa",
    )
    _slider(
        marks.label("min_s"),
        0.0,
        2.0,
        step=0.05,
        key="set-min_s",
        help=Markdown("A shorter sound is extended on both sides, into the silence that was cut. 0 extends nothing."),
    )


def _cuts_spectrograms() -> bool:
    return bool(st.session_state["set-crop"] == "spectrogram")


def _apply_crop() -> None:
    """Change what only spectrograms can have, where crops are cut from waveforms now."""
    if not _cuts_spectrograms():
        st.session_state["set-centred"] = True
        if st.session_state["set-padding"] in OF_SPECTROGRAMS:
            st.session_state["set-padding"] = "zeros"


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
    number_field(
        marks.label("log_offset"), "set-log_offset", help="To the power or amplitude in each band; 0: none.", **PERSIST
    )


def _network_input_widgets(marks: Marks) -> None:
    st.segmented_control(
        marks.label("network_input"),
        get_args(NetworkInput),
        format_func=escape,
        key="set-network_input",
        required=True,
        default=None,
        help="The log-mel; or the samples of the crop, for networks that learn their own filter bank. The settings of "
        "the log-mel then only say how sounds are shown.",
        **PERSIST,
    )
    st.selectbox(
        marks.label("normalise"),
        get_args(Normalise),
        key="set-normalise",
        help="To mean 0 and deviation 1, per clip, per batch, or (global) with the values below. range: the clip's "
        "minimum and maximum become 0 and 1, in 256 steps. With none, values stay in dB.",
        **PERSIST,
    )
    left, right = st.columns(2)
    with left:
        number_field(marks.label("mean_db"), "set-mean_db", **PERSIST)
    with right:
        number_field(marks.label("std_db"), "set-std_db", **PERSIST)
    of_range = st.session_state["set-normalise"] == "range"
    left, right = st.columns(2)
    with left:
        number_field(marks.label("range_mean"), "set-range_mean", disabled=not of_range, **PERSIST)
    with right:
        number_field(marks.label("range_std"), "set-range_std", disabled=not of_range, **PERSIST)
    st.segmented_control(
        marks.label("deltas"),
        (0, 1, 2),
        key="set-deltas",
        required=True,
        default=None,
        help="Further channels with the first and the second derivative along time.",
        **PERSIST,
    )
    st.selectbox(
        marks.label("delta_filter"),
        get_args(DeltaFilter),
        key="set-delta_filter",
        disabled=not st.session_state["set-deltas"],
        help="slope: regression over nine frames, and its regression again. savitzky-golay: a line and a parabola "
        "fitted to nine frames.",
        **PERSIST,
    )
    st.segmented_control(
        marks.label("equal_channels"),
        (1, 2, 3),
        key="set-equal_channels",
        required=True,
        default=None,
        help="How many times the network gets the log-mel; 3 for networks that take colour pictures.",
        **PERSIST,
    )
    number_field(marks.label("resize"), "set-resize", whole=True, help="Height and width; 0: no resizing.", **PERSIST)
    st.segmented_control(
        marks.label("resize_filter"),
        get_args(ResizeFilter),
        format_func=escape,
        key="set-resize_filter",
        required=True,
        default=None,
        disabled=st.session_state["set-resize"].strip() in ("", "0"),
        **PERSIST,
    )


def _slider(label: Markdown, low: float, high: float, key: str, step: float = 1, **options: Any) -> None:
    """A slider whose range grows with its value, because a preset's file may hold any value that is valid."""
    values = np.atleast_1d(st.session_state[key])
    kind = int if all(isinstance(value, Integral) for value in (*values.tolist(), low, high, step)) else float
    st.slider(
        label,
        kind(min(low, values.min())),
        kind(max(high, values.max())),
        step=kind(step),
        key=key,
        **options,
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


class Group(NamedTuple):
    """Settings that are shown together: their fields, the icon, and the widgets."""

    fields: tuple[str, ...]
    icon: str
    show: Callable[[Marks], None]


GROUPS = {
    "Time": Group(
        ("clip_s", "hop_length", "win_length", "window", "centred"), ":material/schedule:", _time_widgets
    ),
    "Crop": Group(
        ("crop", "padding", "trim_db", "trim_rule", "trim_pad_s", "min_s"), ":material/crop:", _crop_widgets
    ),
    "Frequency": Group(
        ("sample_rate", "n_fft", "n_mels", "f_min", "f_max", "mel_scale", "mel_norm"),
        ":material/tune:",
        _frequency_widgets,
    ),
    "Level": Group(("top_db", "power", "log_offset"), ":material/brightness_6:", _level_widgets),
    "Network input": Group(
        (
            "network_input", "normalise", "mean_db", "std_db", "range_mean", "range_std", "deltas", "delta_filter",
            "equal_channels", "resize", "resize_filter",
        ),
        ":material/layers:",
        _network_input_widgets,
    ),
}  # fmt: skip
