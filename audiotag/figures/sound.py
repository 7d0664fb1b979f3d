"""Draw the difference of two log-mel spectrograms of one sound, and spectrograms as images."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from audiotag.features.full_scale import full_scale_db
from audiotag.features.mel import mel_frequencies
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures.theme import GAP_SCALE, SPECTROGRAM_SCALE, set_frame

FREQUENCY_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
MAX_ROWS, MAX_COLUMNS = 64, 160  # of a chart, which would take long to send otherwise


class LogMel(NamedTuple):
    """A log-mel with what its axes need.

    Attributes
    ----------
    values : numpy.ndarray, shape=(n_mels, frames), dB re 1.0
    settings : SpectrogramSettings
        With which it was computed.
    start_s : float
        Time of its first frame in the clip.
    """

    values: np.ndarray
    settings: SpectrogramSettings
    start_s: float = 0.0


def level_difference(log_mel: LogMel, other: LogMel) -> np.ndarray:
    """How far one log-mel lies above another of the same sound, on the axes of the first.

    Both are levels in dB re full scale, so that windows and filters of different gain make no difference of their own.

    Returns
    -------
    numpy.ndarray, shape=(n_mels, frames), dB
        NaN where the other has no frame or no band, and in bands of the first that are empty.
    """
    levels = log_mel.values - full_scale_db(log_mel.settings)[:, None]
    others = other._replace(values=other.values - full_scale_db(other.settings)[:, None])
    return levels - look_up_on_axes(log_mel, others)


def difference(log_mel: LogMel, other: LogMel, height: int = 300) -> go.Figure:
    """Chart of `level_difference` over time and frequency, with its value under the pointer.

    Where there are too many bands or frames, one point of the chart is the mean of some of them.

    Parameters
    ----------
    log_mel, other : LogMel
        The other is looked up at the nearest time and band.
    height : int
        In pixels.
    """
    settings = log_mel.settings
    bands, frames = (-(-size // most) for size, most in zip(log_mel.values.shape, (MAX_ROWS, MAX_COLUMNS), strict=True))
    above = _block_means(level_difference(log_mel, other), bands, frames)
    widest = 3.0 if np.isnan(above).all() else max(3.0, float(np.nanpercentile(np.abs(above), 99)))
    centres = mel_frequencies(settings)
    centres = np.sqrt(
        centres[::bands] * centres[np.minimum(np.arange(0, len(centres), bands) + bands, len(centres)) - 1]
    )
    at_band: dict[int, int] = {}  # ticks that would overlap are left out
    for tick in FREQUENCY_TICKS_HZ:
        band = int(np.argmin(np.abs(centres - tick)))
        if centres[0] <= tick <= centres[-1] and band - max(at_band, default=-99) > len(centres) * 0.05:
            at_band[band] = tick
    frame_s = settings.hop_length / settings.sample_rate
    figure = go.Figure(
        go.Heatmap(
            z=np.round(above, 1).astype(np.float32),
            x=np.round(log_mel.start_s + (np.arange(above.shape[1]) * frames + (frames - 1) / 2) * frame_s, 4),
            y=[f"{frequency:,.1f} Hz" for frequency in centres],
            zmin=-widest,
            zmax=widest,
            colorscale=GAP_SCALE,
            colorbar={"title": "dB", "thickness": 12},
            hovertemplate="%{x:.3f} s, %{y}: %{z} dB<extra></extra>",
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


def difference_table(log_mel: LogMel, other: LogMel) -> pd.DataFrame:
    """`level_difference` as a table, one row per mel band and one column per frame, named by its time in the clip."""
    above, settings = level_difference(log_mel, other), log_mel.settings
    times = log_mel.start_s + np.arange(above.shape[1]) * settings.hop_length / settings.sample_rate
    table = pd.DataFrame(np.round(above, 2), columns=[f"{time:.4f} s" for time in times])
    table.insert(0, "frequency_hz", np.round(mel_frequencies(settings), 1))
    return table


def _block_means(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Means of blocks of so many rows and columns, without NaN; NaN where a block has nothing else."""
    is_known = ~np.isnan(values)
    sums, counts = (
        np.add.reduceat(
            np.add.reduceat(each, np.arange(0, values.shape[0], rows), axis=0),
            np.arange(0, values.shape[1], columns),
            axis=1,
        )
        for each in (np.where(is_known, values, 0.0), is_known.astype(np.float64))
    )
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def look_up_on_axes(log_mel: LogMel, other: LogMel) -> np.ndarray:
    """The values of the other log-mel at the nearest times and bands of the first, in the shape of the first.

    Values before the other's first frame, beyond its last one, or outside its bands are NaN.
    """
    settings, other_settings = log_mel.settings, other.settings
    times = log_mel.start_s + np.arange(log_mel.values.shape[1]) * settings.hop_length / settings.sample_rate
    columns = np.rint((times - other.start_s) * other_settings.sample_rate / other_settings.hop_length).astype(int)
    centres, others = mel_frequencies(settings), mel_frequencies(other_settings)
    rows = np.abs(np.log(others[None] + 1) - np.log(centres[:, None] + 1)).argmin(axis=1)
    frames = other.values.shape[1]
    found = other.values[rows][:, np.clip(columns, 0, frames - 1)].astype(np.float64)
    found[:, (columns < 0) | (columns >= frames)] = np.nan
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
