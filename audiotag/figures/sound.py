"""Draw log-mel spectrograms of one sound, and the difference of two of them."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go

from audiotag.features.mel import hz_to_mel, mel_frequencies, mel_to_hz
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures.theme import GAP_SCALE, SPECTROGRAM_SCALE, set_frame

FREQUENCY_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
SILENCE_DB = -100.0  # level of silence in a log-mel; drawn dark


def spectrogram(
    channel: np.ndarray, settings: SpectrogramSettings, start_s: float = 0.0, height: int = 380
) -> go.Figure:
    """One channel of the network input over time and frequency, with its value under the pointer.

    Parameters
    ----------
    channel : numpy.ndarray, shape=(height, width)
        In dB where the settings do not normalise, else in standard deviations from the mean.
    settings : SpectrogramSettings
        With which it was computed.
    start_s : float
        Start of the crop in the clip, in seconds.
    height : int
        Height of the figure in pixels.
    """
    unit = "dB re 1" if settings.normalise == "none" else "σ"
    loudest = float(channel.max())
    quietest = float(channel.min())
    if settings.normalise == "none":
        loudest = max(loudest, SILENCE_DB + settings.top_db)
        quietest = loudest - settings.top_db
    return _heatmap(channel, settings, start_s, height, unit, SPECTROGRAM_SCALE, quietest, loudest)


def difference(
    log_mel: np.ndarray,
    settings: SpectrogramSettings,
    other: np.ndarray,
    other_settings: SpectrogramSettings,
    height: int = 300,
) -> go.Figure:
    """How far one log-mel lies above another of the same sound, in dB, on the axes of the first.

    Parameters
    ----------
    log_mel, other : numpy.ndarray, shape=(n_mels, frames), dB
        The other is looked up at the nearest time and band.
    settings, other_settings : SpectrogramSettings
    height : int
        In pixels.
    """
    above = log_mel - look_up_on_axes(settings, log_mel.shape[1], other, other_settings)
    widest = max(3.0, float(np.nanpercentile(np.abs(above), 99)))
    return _heatmap(above, settings, 0.0, height, "dB", GAP_SCALE, -widest, widest)


def look_up_on_axes(
    settings: SpectrogramSettings, frames: int, other: np.ndarray, other_settings: SpectrogramSettings
) -> np.ndarray:
    """A log-mel looked up at the nearest times and bands of other settings, shape ``(settings.n_mels, frames)``.

    Values beyond its last frame or outside its bands are NaN.
    """
    times = np.arange(frames) * settings.hop_length / settings.sample_rate
    columns = np.rint(times * other_settings.sample_rate / other_settings.hop_length).astype(int)
    centres, others = mel_frequencies(settings), mel_frequencies(other_settings)
    rows = np.abs(np.log(others[None] + 1) - np.log(centres[:, None] + 1)).argmin(axis=1)
    found = other[rows][:, np.minimum(columns, other.shape[1] - 1)].astype(np.float64)
    found[:, columns >= other.shape[1]] = np.nan
    found[(centres < other_settings.f_min) | (centres > other_settings.f_max)] = np.nan
    return found


def spectrogram_image(log_mel: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Pixels of a spectrogram with low frequencies at the bottom.

    Parameters
    ----------
    log_mel : numpy.ndarray, shape=(height, width)
    low, high : float, optional
        Values of the darkest and brightest colour; by default its minimum and maximum.

    Returns
    -------
    numpy.ndarray, shape=(height, width, 3), uint8
    """
    low = float(log_mel.min()) if low is None else low
    high = float(log_mel.max()) if high is None else high
    places = np.array([place for place, _ in SPECTROGRAM_SCALE], dtype=np.float64)
    colours = np.array([list(map(int, re.findall(r"\d+", str(colour)))) for _, colour in SPECTROGRAM_SCALE])
    shares = np.clip((log_mel[::-1] - low) / max(high - low, 1e-6), 0, 1)
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
    bands = (np.arange(rows) + 0.5) * settings.n_mels / rows + 0.5  # counted from the lowest corner of the filters
    lowest, highest = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    centres = mel_to_hz(lowest + bands * (highest - lowest) / (settings.n_mels + 1), settings.mel_scale)
    frame_s = settings.hop_length / settings.sample_rate
    if settings.resize:
        frame_s *= settings.frames / columns
    at_band: dict[int, int] = {}  # ticks that would overlap are left out
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
    figure = set_frame(figure, height, "time (s)", "frequency (mel axis)")
    figure.update_yaxes(
        type="category",
        tickmode="array",
        tickvals=list(at_band),
        ticktext=[f"{tick / 1000:g} kHz" if tick >= 1000 else f"{tick} Hz" for tick in at_band.values()],
    )
    return figure
