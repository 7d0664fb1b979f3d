"""A sound on a page: player, waveform and log-mel, in one place for all pages."""

from __future__ import annotations

import streamlit as st

from audiotag.figures import sound as figures
from audiotag.figures.theme import CONFIG
from audiotag.sound.audio import Sound, peak_dbfs, rms_dbfs, wav_bytes
from audiotag.sound.spectrogram import SpectrogramSettings, fit_length, kept_bounds, log_mel
from audiotag.ui.shell import plain


def whole(sound: Sound, settings: SpectrogramSettings, key: str) -> None:
    """Player, facts, waveform and log-mel of a whole sound."""
    st.audio(wav_bytes(sound.waveform, sound.sample_rate), alt=f"Player of {sound.name}")
    for note in sound.notes:
        st.caption(f":material/info: {plain(note)}")
    header = sound.header
    st.caption(
        f"{sound.duration_s:.2f} s · {header.sample_rate:,} Hz · {header.channels} channel"
        f"{'s' if header.channels > 1 else ''} · {header.container} {header.codec} · "
        f"peak {peak_dbfs(sound.waveform):.1f} dBFS · RMS {rms_dbfs(sound.waveform):.1f} dBFS"
    )
    start, end = kept_bounds(sound.waveform, settings)
    st.plotly_chart(
        figures.waveform(
            sound.waveform, settings.sample_rate, (start / settings.sample_rate, end / settings.sample_rate)
        ),
        key=f"{key}-waveform",
        config=CONFIG,
        alt=f"Waveform of {sound.name}, what the trim cuts in grey",
    )
    waveform = sound.waveform
    if len(waveform) < settings.clip_samples:
        waveform = fit_length(waveform, settings.changed(padding="zeros-after"))
    st.plotly_chart(
        figures.picture(log_mel(waveform, settings), settings, height=300),
        key=f"{key}-picture",
        config=CONFIG,
        alt=f"Log-mel spectrogram of {sound.name}",
    )
