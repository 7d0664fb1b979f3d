"""Widgets that build a settings object; the page and the command make the same one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from audiotag.sound.settings import PRESETS, SpectrogramSettings


def spectrogram_settings() -> SpectrogramSettings:
    """Sliders over the spectrogram settings, starting from a preset and kept from page to page.

    Raises
    ------
    AudiotagError
        Where the sliders contradict each other; says which rule is broken.
    """
    if "set-n_fft" not in st.session_state:
        _move_sliders(PRESETS["capstone"])
    keep: dict[str, Any] = {"persist_state": "session"}
    st.selectbox(
        "Preset",
        list(PRESETS),
        key="preset",
        on_change=lambda: _move_sliders(PRESETS[st.session_state["preset"]]),
        help="Moves all sliders to published settings.",
        **keep,
    )
    with st.expander("Time", expanded=True, icon=":material/schedule:"):
        clip_s = st.slider("Clip length (s)", 0.5, 10.0, step=0.5, key="set-clip_s", **keep)
        hop = st.slider(
            "Hop (samples)", 64, 2048, step=2, key="set-hop_length", help="From one column to the next.", **keep
        )
        win = st.slider(
            "Window (samples)",
            256,
            4096,
            step=64,
            key="set-win_length",
            help="Longer parts tones better, shorter parts moments better.",
            **keep,
        )
        trim = st.slider(
            "Trim below the peak (dB)",
            0,
            80,
            key="set-trim_db",
            help="Silence at both ends is cut where it lies so far below the loudest frame; 0 cuts nothing.",
            **keep,
        )
    with st.expander("Frequency", expanded=True, icon=":material/tune:"):
        n_fft = st.slider("FFT length (samples)", 256, 8192, step=64, key="set-n_fft", **keep)
        n_mels = st.slider("Mel bands", 16, 256, step=8, key="set-n_mels", **keep)
        f_min, f_max = st.slider("Band (Hz)", 0, 22_050, step=10, key="set-band", **keep)
        scale = st.segmented_control("Mel scale", ["htk", "slaney"], key="set-mel_scale", required=True, **keep)
    with st.expander("Level", expanded=True, icon=":material/brightness_6:"):
        top_db = st.slider(
            "Floor below the loudest point (dB)", 20, 120, key="set-top_db", help="top_db in recipes", **keep
        )
        padding = st.segmented_control(
            "Padding of short clips", ["zeros", "zeros-after", "repeat"], key="set-padding", required=True, **keep
        )
    return SpectrogramSettings(
        clip_s=clip_s,
        hop_length=hop,
        win_length=win,
        trim_db=float(trim),
        n_fft=n_fft,
        n_mels=n_mels,
        f_min=float(f_min),
        f_max=float(f_max),
        mel_scale=scale,
        top_db=float(top_db),
        padding=padding,
    )


def _move_sliders(preset: SpectrogramSettings) -> None:
    values = preset.to_dict()
    values["band"] = (int(preset.f_min), int(preset.f_max))
    for name in ("clip_s", "hop_length", "win_length", "n_fft", "n_mels", "band", "mel_scale", "padding"):
        st.session_state[f"set-{name}"] = values[name]
    for name in ("trim_db", "top_db"):
        st.session_state[f"set-{name}"] = int(values[name])
