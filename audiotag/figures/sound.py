"""Figures of one sound: what the network gets of it, and how two of these differ."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go

from audiotag.features.mel import hz_to_mel, mel_frequencies, mel_to_hz
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures.theme import GAP_SCALE, PICTURE_SCALE, framed

FREQUENCY_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
QUIETEST_DB = -100.0  # silence lies there, and is drawn dark


def network_picture(
    picture: np.ndarray, settings: SpectrogramSettings, start_s: float = 0.0, height: int = 380
) -> go.Figure:
    """One channel of what the network gets, with seconds and hertz on its axes, and its value under the pointer.

    Parameters
    ----------
    picture : numpy.ndarray, shape=(height, width)
        dB where the settings do not normalise, else deviations from the mean.
    settings : SpectrogramSettings
        That it was made with.
    start_s : float
        Where the crop lies in the clip.
    """
    unit = "dB" if settings.normalise == "none" else "σ"
    loudest = float(picture.max())
    quietest = float(picture.min())
    if settings.normalise == "none":
        loudest = max(loudest, QUIETEST_DB + settings.top_db)
        quietest = loudest - settings.top_db
    return _heatmap(picture, settings, start_s, height, unit, PICTURE_SCALE, quietest, loudest)


def difference(
    picture: np.ndarray,
    settings: SpectrogramSettings,
    other: np.ndarray,
    other_settings: SpectrogramSettings,
    height: int = 300,
) -> go.Figure:
    """How far one log-mel lies above another of the same sound, in dB, on the first one's axes.

    Parameters
    ----------
    picture, other : numpy.ndarray, shape=(n_mels, frames), dB
        The other is looked up at the nearest time and band.
    """
    above = picture - on_the_axes_of(settings, picture.shape[1], other, other_settings)
    widest = max(3.0, float(np.nanpercentile(np.abs(above), 99)))
    return _heatmap(above, settings, 0.0, height, "dB", GAP_SCALE, -widest, widest)


def on_the_axes_of(
    settings: SpectrogramSettings, frames: int, other: np.ndarray, other_settings: SpectrogramSettings
) -> np.ndarray:
    """A log-mel looked up at the nearest times and bands of other settings, shape ``(settings.n_mels, frames)``.

    NaN where it has none: beyond its last frame or outside its bands.
    """
    times = np.arange(frames) * settings.hop_length / settings.sample_rate
    columns = np.rint(times * other_settings.sample_rate / other_settings.hop_length).astype(int)
    centres, others = mel_frequencies(settings), mel_frequencies(other_settings)
    rows = np.abs(np.log(others[None] + 1) - np.log(centres[:, None] + 1)).argmin(axis=1)
    found = other[rows][:, np.minimum(columns, other.shape[1] - 1)].astype(np.float64)
    found[:, columns >= other.shape[1]] = np.nan
    found[(centres < other_settings.f_min) | (centres > other_settings.f_max)] = np.nan
    return found


def image(picture: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """A picture in the colours of all pictures, low frequencies at the bottom, shape ``(height, width, 3)``, uint8."""
    low = float(picture.min()) if low is None else low
    high = float(picture.max()) if high is None else high
    places = np.array([place for place, _ in PICTURE_SCALE], dtype=np.float64)
    colours = np.array([list(map(int, re.findall(r"\d+", str(colour)))) for _, colour in PICTURE_SCALE])
    shares = np.clip((picture[::-1] - low) / max(high - low, 1e-6), 0, 1)
    return np.stack([np.interp(shares, places, colours[:, at]) for at in range(3)], axis=-1).astype(np.uint8)


def _heatmap(
    values: np.ndarray,
    settings: SpectrogramSettings,
    start_s: float,
    height: int,
    unit: str,
    scale: list,
    low: float,
    high: float,
) -> go.Figure:
    rows, columns = values.shape
    bands = (np.arange(rows) + 0.5) * settings.n_mels / rows + 0.5  # counted from the lowest corner, as mels are
    lowest, highest = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    centres = mel_to_hz(lowest + bands * (highest - lowest) / (settings.n_mels + 1), settings.mel_scale)
    frame_s = settings.hop_length / settings.sample_rate
    if settings.resize:
        frame_s *= settings.frames / columns
    at_band: dict[int, int] = {}  # ticks that would print over one another are left out
    for tick in FREQUENCY_TICKS_HZ:
        band = int(np.argmin(np.abs(centres - tick)))
        if centres[0] <= tick <= centres[-1] and band - max(at_band, default=-99) > rows * 0.05:
            at_band[band] = tick
    figure = go.Figure(
        go.Heatmap(
            z=np.round(values, 2 if unit == "σ" else 1).astype(np.float32),
            x=np.round(start_s + np.arange(columns) * frame_s, 4),
            y=[f"{frequency:,.1f} Hz" for frequency in centres],
            zmin=low,
            zmax=high,
            colorscale=scale,
            colorbar={"title": unit, "thickness": 12},
            hovertemplate="%{x:.3f} s, %{y}: %{z} " + unit + "<extra></extra>",
        )
    )
    figure = framed(figure, height, "time (s)", "frequency (mel axis)")
    figure.update_yaxes(
        type="category",
        tickmode="array",
        tickvals=list(at_band),
        ticktext=[f"{tick / 1000:g} kHz" if tick >= 1000 else f"{tick} Hz" for tick in at_band.values()],
    )
    return figure
