"""Figures of one sound: its waveform and its log-mel picture."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from audiotag.figures.theme import ACCENT, MARK, PICTURE_SCALE, QUIET, WARM, framed
from audiotag.sound.settings import SpectrogramSettings
from audiotag.sound.spectrogram import mel_frequencies

ENVELOPE_POINTS = 1200
FREQUENCY_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)


def waveform(
    samples: np.ndarray, sample_rate: int, kept_s: tuple[float, float], crop_s: tuple[float, float] | None = None
) -> go.Figure:
    """Envelope of a waveform over time, what the trim keeps in full colour, the crop framed.

    Parameters
    ----------
    samples : numpy.ndarray, shape=(samples,)
    sample_rate : int
        Hz.
    kept_s, crop_s : tuple[float, float]
        Start and end in seconds.
    """
    step = max(1, len(samples) // ENVELOPE_POINTS)
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    time_s = np.round(np.arange(len(whole)) * step / sample_rate, 4)
    figure = go.Figure()
    figure.add_scatter(x=time_s, y=whole.max(axis=1), mode="lines", line={"width": 0}, hoverinfo="skip")
    figure.add_scatter(
        x=time_s,
        y=whole.min(axis=1),
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor=ACCENT,
        hovertemplate="%{x:.2f} s<extra></extra>",
    )
    end_s = len(samples) / sample_rate
    for start, stop in ((0.0, kept_s[0]), (kept_s[1], end_s)):
        if stop > start:
            figure.add_vrect(x0=start, x1=stop, fillcolor=QUIET, opacity=0.4, line_width=0, layer="below")
    figure.update_layout(showlegend=False)
    first_s, last_s = crop_s or (0.0, end_s)
    if crop_s:
        figure.add_vrect(x0=first_s, x1=last_s, fillcolor=WARM, opacity=0.15, line_width=0, layer="below")
        for edge in crop_s:
            figure.add_vline(x=edge, line=MARK)
    figure.update_xaxes(range=[min(0.0, first_s), max(end_s, last_s)])
    return framed(figure, 170, "time (s)", "level")


def picture(log_mel: np.ndarray, settings: SpectrogramSettings, start_s: float = 0.0, height: int = 380) -> go.Figure:
    """Log-mel picture with seconds and hertz on its axes, and dB under the pointer.

    Parameters
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
    settings : SpectrogramSettings
        That it was made with.
    start_s : float
        Where its first frame lies.
    """
    frequencies = mel_frequencies(settings)
    bands = [f"{frequency:,.0f} Hz" for frequency in frequencies]
    at_band: dict[int, int] = {}  # ticks that would print over one another are left out
    for tick in FREQUENCY_TICKS_HZ:
        band = int(np.argmin(np.abs(frequencies - tick)))
        if frequencies[0] <= tick <= frequencies[-1] and band - max(at_band, default=-99) > settings.n_mels * 0.05:
            at_band[band] = tick
    loudest = max(float(log_mel.max()), -100.0 + settings.top_db)  # silence lies at −100 dB, and is drawn dark
    figure = go.Figure(
        go.Heatmap(
            z=np.round(log_mel, 1).astype(np.float32),
            x=start_s + np.arange(log_mel.shape[1]) * settings.hop_length / settings.sample_rate,
            y=bands,
            zmin=loudest - settings.top_db,
            zmax=loudest,
            colorscale=PICTURE_SCALE,
            colorbar={"title": "dB", "thickness": 12},
            hovertemplate="%{x:.3f} s, %{y}: %{z:.1f} dB<extra></extra>",
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
