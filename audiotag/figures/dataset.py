"""Figures of the Dataset page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from audiotag.figures.theme import (
    ACCENT,
    GAP_SCALE,
    MARK,
    SUBSET_COLOURS,
    SUBSET_DASHES,
    SUBSET_MARKERS,
    SUBSET_SYMBOLS,
    framed,
)

MEASURED = {  # what is drawn of the second pass, with its name and unit
    "rms_dbfs": ("RMS level", "dBFS"),
    "noise_floor_dbfs": ("noise floor", "dBFS"),
    "loudness_lufs": ("loudness", "LUFS"),
    "crest_db": ("crest factor", "dB"),
    "bandwidth_hz": ("bandwidth", "Hz"),
    "peak_dbfs": ("peak", "dBFS"),
}
MAP_LABELS = 40  # on an axis of the map of pairs: more cannot be read
TICKS_HZ = [31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000]


def histogram(table: pd.DataFrame, title: str, unit: str, mark: float | None = None, height: int = 280) -> go.Figure:
    """Shares of clips (%) a bin, bars of each subset over one another; each bar knows its bin.

    Parameters
    ----------
    table : pandas.DataFrame
        From `audiotag.inspection.statistics.distribution`.
    title, unit : str
        Of what is on the axis.
    mark : float, optional
        A line there, for a setting.
    """
    figure = go.Figure()
    for subset in table.columns[2:]:
        figure.add_bar(
            x=(table["from"] + table["to"]) / 2,
            y=100 * table[subset],
            width=table["to"] - table["from"],
            customdata=table[["from", "to"]].to_numpy().tolist(),  # an array would come back from a click as a dict
            name=subset,
            opacity=0.75,
            marker=SUBSET_MARKERS[subset],
            hovertemplate="%{customdata[0]:,} to %{customdata[1]:,} "
            + f"{unit}: %{{y:.1f}} % of {subset}<extra></extra>",
        )
    if mark is not None:
        figure.add_vline(x=mark, line=MARK, annotation_text=f"{mark:g} {unit}")
    figure.update_layout(barmode="overlay")
    return framed(figure, height, f"{title} ({unit})", "share of clips (%)")


def cumulative(percentiles: pd.DataFrame, crop_s: float) -> go.Figure:
    """Share of clips that are at most so long (%), a line a subset; from `audiotag.inspection.statistics.percentiles`."""
    figure = go.Figure()
    for subset in percentiles.columns:
        figure.add_scatter(
            x=percentiles[subset],
            y=percentiles.index,
            name=subset,
            mode="lines",
            line={"color": SUBSET_COLOURS[subset], "dash": SUBSET_DASHES[subset], "width": 2.5},
            hovertemplate="%{y:.0f} % of " + subset + " are at most %{x:.2f} s<extra></extra>",
        )
    figure.add_vline(x=crop_s, line=MARK)
    return framed(figure, 340, "duration (s)", "clips at most so long (%)")


def durations_by_label(table: pd.DataFrame, names: list[str], crop_s: float) -> go.Figure:
    """A label a row: the median duration as a mark on a bar from the 10th to the 90th percentile, for each subset.

    Parameters
    ----------
    table : pandas.DataFrame
        From `audiotag.inspection.statistics.durations_by_label`.
    names : list of str
        Labels, the first at the top.
    """
    figure = go.Figure()
    place = {name: len(names) - 1 - at for at, name in enumerate(names)}
    subsets = list(table["subset"].unique())
    for at, subset in enumerate(name for name in SUBSET_COLOURS if name in subsets):
        rows = table[(table["subset"] == subset) & table["label"].isin(place)]
        figure.add_scatter(
            x=rows["median_s"],
            y=rows["label"].map(place) - 0.22 * (at - (len(subsets) - 1) / 2),
            error_x={
                "type": "data",
                "symmetric": False,
                "array": rows["p90_s"] - rows["median_s"],
                "arrayminus": rows["median_s"] - rows["p10_s"],
                "thickness": 4,
                "width": 0,
            },
            name=subset,
            mode="markers",
            customdata=rows[["label", "p10_s", "p90_s", "clips"]].to_numpy(),
            marker={"color": SUBSET_COLOURS[subset], "size": 9, "symbol": SUBSET_SYMBOLS[subset]},
            hovertemplate="%{customdata[0]}: median %{x:.2f} s, 80 % within %{customdata[1]:.2f} and "
            "%{customdata[2]:.2f} s, %{customdata[3]} clips of " + subset + "<extra></extra>",
        )
    figure.add_vline(x=crop_s, line=MARK)
    figure = framed(figure, max(260, 60 + 22 * len(names)), "duration (s)")
    figure.update_yaxes(
        tickmode="array", tickvals=list(place.values()), ticktext=list(place), range=[-0.7, len(names) - 0.3]
    )
    return figure


def labels(counts: pd.DataFrame) -> go.Figure:
    """Horizontal bars: clips a label, for each subset; the first row at the top."""
    figure = go.Figure()
    shown = counts.iloc[::-1]
    for subset in counts.columns[::-1]:  # the last is drawn on top
        figure.add_bar(
            y=shown.index,
            x=shown[subset],
            name=subset,
            orientation="h",
            marker=SUBSET_MARKERS[subset],
            hovertemplate="%{y}: %{x} clips, " + subset + "<extra></extra>",
        )
    figure.update_layout(barmode="group", legend={"traceorder": "reversed"})
    return framed(figure, max(260, 40 + 30 * len(counts)), "clips")


def bars(table: pd.DataFrame, x: str) -> go.Figure:
    """Upright bars of counts: a group a row of the table, a bar a subset."""
    figure = go.Figure()
    for subset in table.columns:
        figure.add_bar(
            x=[str(value) for value in table.index],
            y=table[subset],
            name=subset,
            marker=SUBSET_MARKERS[subset],
            hovertemplate="%{x}: %{y} clips, " + subset + "<extra></extra>",
        )
    return framed(figure, 300, x, "clips")


def together(pairs: pd.DataFrame, names: list[str]) -> go.Figure:
    """Map of labels that share clips, a square marker a pair, so that each can be clicked.

    Parameters
    ----------
    pairs : pandas.DataFrame
        ``label``, ``other``, ``clips``, from `audiotag.inspection.statistics.co_occurrence`.
    names : list of str
        Both axes, in order.
    """
    shown = pairs[pairs["label"].isin(names) & pairs["other"].isin(names)]
    figure = go.Figure(
        go.Scatter(
            x=shown["label"],
            y=shown["other"],
            mode="markers",
            customdata=shown["clips"],
            marker={
                "symbol": "square",
                "size": np.clip(4 + 5 * np.sqrt(shown["clips"].to_numpy(dtype=float)), 6, 22),
                "color": np.log10(shown["clips"].to_numpy(dtype=float)),
                "colorscale": [[0, "rgba(20,163,148,0.35)"], [1, ACCENT]],
                "line": {"width": 0},
            },
            hovertemplate="%{x} with %{y}: %{customdata} clips<extra></extra>",
        )
    )
    figure = framed(figure, max(320, 90 + 22 * len(names)))
    figure.update_xaxes(categoryorder="array", categoryarray=names, tickangle=-45)
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1])
    return figure


def third_octaves(table: pd.DataFrame, unit: str) -> go.Figure:
    """Average third-octave spectra, a line a subset; ``unit`` says what 0 dB is."""
    figure = go.Figure()
    for subset in table.columns:
        figure.add_scatter(
            x=table.index,
            y=table[subset].round(2),
            name=subset,
            mode="lines+markers",
            line={"color": SUBSET_COLOURS[subset], "dash": SUBSET_DASHES[subset], "width": 2.5},
            marker={"symbol": SUBSET_SYMBOLS[subset]},
            hovertemplate="%{x} Hz: %{y:.1f} dB, " + subset + "<extra></extra>",
        )
    figure = framed(figure, 360, "third-octave band (Hz)", unit)
    figure.update_xaxes(type="log", tickvals=TICKS_HZ)
    return figure


def spectral_gap(table: pd.DataFrame, subset: str, reference: str) -> go.Figure:
    """Map of what sets the sound of two subsets apart: labels down, bands across, dB as colour; cells can be clicked.

    Parameters
    ----------
    table : pandas.DataFrame
        From `audiotag.inspection.statistics.spectral_gap`.
    """
    bands = [name.removesuffix(" Hz") for name in table.columns]
    names = list(table.index)
    values = table.to_numpy().round(1)
    widest = max(3.0, float(np.nanpercentile(np.abs(values), 98))) if np.isfinite(values).any() else 3.0
    hover = f"%{{y}} at %{{x}} Hz: %{{z:+.1f}} dB in {subset}<extra></extra>"
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=bands,
            y=names,
            zmin=-widest,
            zmax=widest,
            colorscale=GAP_SCALE,
            xgap=1,
            ygap=1,
            colorbar={"title": "dB", "thickness": 12},
            hovertemplate=hover,
        )
    )
    # A map's own cells take no click: unseen squares over them do.
    figure.add_scatter(
        x=np.tile(bands, len(names)),
        y=np.repeat(names, len(bands)),
        mode="markers",
        marker={"symbol": "square", "size": 16, "opacity": 0},
        customdata=values.ravel(),
        hovertemplate=hover.replace("%{z", "%{customdata"),
        showlegend=False,
    )
    figure = framed(figure, max(240, 90 + 20 * len(names)), "third-octave band (Hz)")
    figure.update_xaxes(type="category", range=[-0.5, len(bands) - 0.5])
    figure.update_yaxes(type="category", range=[len(names) - 0.5, -0.5], tickmode="linear")
    return figure
