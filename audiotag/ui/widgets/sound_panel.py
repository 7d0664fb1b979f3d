"""Show one sound: the player, and its duration, format and levels."""

from __future__ import annotations

import streamlit as st

from audiotag.audio.header import Sound
from audiotag.audio.levels import peak_dbfs, rms_dbfs
from audiotag.features.log_mel import display_log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import trimmed_bounds
from audiotag.ui.cache import MAX_PLAYED_S
from audiotag.ui.player import PlayerOptions, Region, TimelineRow, show_player
from audiotag.ui.text import Markdown, escape


def show_sound(
    sound: Sound,
    settings: SpectrogramSettings,
    key: str,
    timeline: tuple[TimelineRow, ...] = (),
    from_s: float = 0.0,
) -> None:
    """Show player and facts of a sound.

    Parameters
    ----------
    sound : Sound
        The sound, at the settings' sample rate.
    settings : SpectrogramSettings
    key : str
        Key of this place on the page.
    timeline : tuple[TimelineRow, ...]
        Rows below the spectrogram.
    from_s : float
        Start of this sound within a longer sound of which it is a part, in seconds.
    """
    for note in sound.notes:
        st.caption(f":material/info: {escape(note)}")
    waveform = sound.waveform[: int(MAX_PLAYED_S * settings.sample_rate)]
    if len(waveform) < len(sound.waveform):
        st.caption(f":material/info: Only the first {MAX_PLAYED_S / 60:g} minutes are shown and played.")
    start, end = trimmed_bounds(waveform, settings)
    untrimmed = Region(start / settings.sample_rate, end / settings.sample_rate)
    options = PlayerOptions(sound.name, untrimmed, timeline=timeline, from_s=from_s)
    show_player(waveform, display_log_mel(waveform, settings), settings, options, key)
    header = sound.header
    st.caption(
        f"{sound.duration_s:.2f} s · {header.sample_rate:,} Hz · {header.channels:d} channel"
        f"{'s' if header.channels > 1 else ''} · {escape(header.container)} {escape(header.codec)} · "
        f"peak {_level(peak_dbfs(sound.waveform))} · RMS {_level(rms_dbfs(sound.waveform))}"
    )


def _level(level_dbfs: float) -> Markdown:
    """A level in words, with a minus sign and without a negative zero.

    >>> _level(-0.04), _level(-27.61)
    ('0.0 dBFS', '−27.6 dBFS')
    """
    return Markdown(f"{round(level_dbfs, 1) + 0.0:.1f} dBFS".replace("-", "−"))
