"""A sound on a page: player and facts, in one place for all pages."""

from __future__ import annotations

import streamlit as st

from audiotag.audio.header import Sound
from audiotag.audio.levels import peak_dbfs, rms_dbfs
from audiotag.features.log_mel import display_log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import trimmed_bounds
from audiotag.ui.cache import LONGEST_S
from audiotag.ui.player.player import PlayerOptions, Region, TimelineRow, player
from audiotag.ui.widgets.messages import escape_markdown


def whole(
    sound: Sound,
    settings: SpectrogramSettings,
    key: str,
    timeline: tuple[TimelineRow, ...] = (),
    from_s: float = 0.0,
) -> None:
    """Player and facts of a sound, which is at the settings' sample rate.

    Parameters
    ----------
    sound : Sound
    settings : SpectrogramSettings
    key : str
        Of this place on the page.
    timeline : tuple[TimelineRow, ...]
        Rows below its picture.
    from_s : float
        Where it begins in a longer sound that it is a part of.
    """
    for note in sound.notes:
        st.caption(f":material/info: {escape_markdown(note)}")
    waveform = sound.waveform[: int(LONGEST_S * settings.sample_rate)]
    if len(waveform) < len(sound.waveform):
        st.caption(f":material/info: Only the first {LONGEST_S / 60:g} minutes are shown and played here.")
    start, end = trimmed_bounds(waveform, settings)
    kept = Region(start / settings.sample_rate, end / settings.sample_rate)
    options = PlayerOptions(sound.name, kept, timeline=timeline, from_s=from_s)
    player(waveform, display_log_mel(waveform, settings), settings, options, key)
    header = sound.header
    st.caption(
        f"{sound.duration_s:.2f} s · {header.sample_rate:,} Hz · {header.channels} channel"
        f"{'s' if header.channels > 1 else ''} · {header.container} {header.codec} · "
        f"peak {peak_dbfs(sound.waveform):.1f} dBFS · RMS {rms_dbfs(sound.waveform):.1f} dBFS"
    )
