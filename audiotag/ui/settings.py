"""Widgets that build a settings object; the page and the command make the same one."""

from __future__ import annotations

import streamlit as st

from audiotag.sound.spectrogram import PRESETS, SpectrogramSettings


def spectrogram_settings() -> SpectrogramSettings:
    """Sliders over the spectrogram settings, starting from a preset; raises where they contradict each other."""
    preset = st.selectbox(
        "Preset", list(PRESETS), key="preset", on_change=_apply_preset, help="Sets all sliders to published settings."
    )
    start = PRESETS[preset]
    with st.expander("Time", expanded=True, icon=":material/schedule:"):
        clip_s = st.slider("Clip length (s)", 0.5, 10.0, start.clip_s, 0.5, key="set-clip_s")
        hop = st.slider(
            "Hop (samples)", 64, 2048, start.hop_length, 2, key="set-hop_length", help="From one column to the next."
        )
        win = st.slider(
            "Window (samples)",
            256,
            4096,
            start.win_length,
            64,
            key="set-win_length",
            help="Longer parts tones better, shorter parts moments better.",
        )
        trim = st.slider(
            "Trim below the peak (dB)",
            0,
            80,
            int(start.trim_db),
            key="set-trim_db",
            help="Silence at both ends is cut where it lies so far below the loudest frame; 0 cuts nothing.",
        )
    with st.expander("Frequency", expanded=True, icon=":material/tune:"):
        n_fft = st.slider("FFT length (samples)", 256, 8192, start.n_fft, 64, key="set-n_fft")
        n_mels = st.slider("Mel bands", 16, 256, start.n_mels, 8, key="set-n_mels")
        f_min, f_max = st.slider(
            "Band (Hz)", 0, start.sample_rate // 2, (int(start.f_min), int(start.f_max)), 10, key="set-band"
        )
        scale = st.segmented_control(
            "Mel scale", ["htk", "slaney"], default=start.mel_scale, key="set-mel_scale", required=True
        )
    with st.expander("Level", expanded=True, icon=":material/brightness_6:"):
        top_db = st.slider(
            "Floor below the loudest point (dB)", 20, 120, int(start.top_db), key="set-top_db", help="top_db"
        )
        padding = st.segmented_control(
            "Padding of short clips",
            ["zeros", "zeros-after", "repeat"],
            default=start.padding,
            key="set-padding",
            required=True,
        )
    return start.changed(
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


def _apply_preset() -> None:
    """A newly chosen preset moves every slider."""
    preset = PRESETS[st.session_state["preset"]]
    values = preset.to_dict() | {"band": (int(preset.f_min), int(preset.f_max))}
    for name in ("trim_db", "top_db"):
        values[name] = int(values[name])
    for name, value in values.items():
        if f"set-{name}" in st.session_state:
            st.session_state[f"set-{name}"] = value
