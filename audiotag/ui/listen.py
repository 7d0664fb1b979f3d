"""A sound on a page: player and facts, in one place for all pages."""

from __future__ import annotations

import numpy as np
import streamlit as st

from audiotag.sound.audio import Sound, peak_dbfs, rms_dbfs
from audiotag.sound.settings import SpectrogramSettings
from audiotag.sound.spectrogram import fit_length, kept_bounds, log_mel
from audiotag.ui.cached import LONGEST_S
from audiotag.ui.player import PlayerOptions, Region, TimelineRow, player
from audiotag.ui.shell import plain

BLOCK_VALUES = 1 << 22  # of a spectrum that is held at once


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
        st.caption(f":material/info: {plain(note)}")
    waveform = sound.waveform[: int(LONGEST_S * settings.sample_rate)]
    if len(waveform) < len(sound.waveform):
        st.caption(f":material/info: Only the first {LONGEST_S / 60:g} minutes are shown and played here.")
    start, end = kept_bounds(waveform, settings)
    kept = Region(start / settings.sample_rate, end / settings.sample_rate)
    options = PlayerOptions(sound.name, kept, timeline=timeline, from_s=from_s)
    player(waveform, picture_of(waveform, settings), settings, options, key)
    header = sound.header
    st.caption(
        f"{sound.duration_s:.2f} s · {header.sample_rate:,} Hz · {header.channels} channel"
        f"{'s' if header.channels > 1 else ''} · {header.container} {header.codec} · "
        f"peak {peak_dbfs(sound.waveform):.1f} dBFS · RMS {rms_dbfs(sound.waveform):.1f} dBFS"
    )


def picture_of(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """`log_mel` of a waveform of any length: zeros follow one too short for it, a long one goes through in blocks.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels, frames), float32, dB
    """
    if len(waveform) <= settings.n_fft // 2:
        padded = fit_length(waveform, settings.changed(padding="zeros-after"))
        return log_mel(padded, settings)[:, : 1 + len(waveform) // settings.hop_length]
    hop = settings.hop_length
    margin = -(-settings.n_fft // hop)  # frames that a mirrored end reaches, and samples enough for one frame
    size = max(margin, BLOCK_VALUES // settings.n_fft)
    unfloored = settings.changed(top_db=200)  # the floor is the whole sound's, not a block's
    blocks = []
    for first in range(0, 1 + len(waveform) // hop, size):
        lead = min(first, margin)
        block = waveform[(first - lead) * hop : (first + size + margin) * hop]
        blocks.append(log_mel(block, unfloored)[:, lead : lead + size])
    picture = np.concatenate(blocks, axis=1)
    return np.maximum(picture, picture.max() - settings.top_db)
