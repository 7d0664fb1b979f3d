"""Draw the figures of the Dataset page from the tables of `audiotag.inspection.statistics`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from audiotag.figures.text import plain
from audiotag.figures.theme import (
    ACCENT,
    GAP_SCALE,
    MARK_LINE,
    SUBSET_COLOURS,
    SUBSET_DASHES,
    SUBSET_MARKERS,
    SUBSET_SYMBOLS,
    set_frame,
)

MEASURED = {  # column of the index: name and unit on the axis
    "rms_dbfs": ("RMS level", "dBFS"),
    "noise_floor_dbfs": ("noise floor", "dBFS"),
    "loudness_lufs": ("loudness", "LUFS"),
    "crest_db": ("crest factor", "dB"),
    "bandwidth_hz": ("bandwidth", "Hz"),
    "peak_dbfs": ("peak", "dBFS"),
}
MAX_MAP_LABELS = 40  # on each axis of the co-occurrence map; more cannot be read
MAX_TICKS = 20  # one for each whole number
TICKS_HZ = [31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000]


def histogram(table: pd.DataFrame, title: str, unit: str, mark: float | None = None, height: int = 280) -> go.Figure:
    """Histogram of shares of clips (%), one panel per subset above the next on the same horizontal axis.

    Panels can be told apart without colour, and a subset whose clips are all alike does not flatten the others. Each
    bar carries its bin, so that a click on it can set a filter.

    Parameters
    ----------
    table : pandas.DataFrame
        From `audiotag.inspection.statistics.distribution`.
    title, unit : str
        Title and unit of the horizontal axis.
    mark : float, optional
        Value of a setting, drawn as a vertical line.
    height : int
        In pixels.
    """
    subsets = list(table.columns[2:])
    figure = make_subplots(rows=max(1, len(subsets)), cols=1, shared_xaxes=True, vertical_spacing=0.16)
    for row, subset in enumerate(subsets, 1):
        figure.add_bar(
            x=(table["from"] + table["to"]) / 2,
            y=100 * table[subset],
            width=table["to"] - table["from"],
            customdata=table[["from", "to"]].to_numpy().tolist(),  # an array would come back from a click as a dict
            name=subset,
            marker={**SUBSET_MARKERS[subset], "line": {"color": SUBSET_COLOURS[subset], "width": 1}},
            hovertemplate="%{customdata[0]:,} to %{customdata[1]:,} "
            + f"{unit}: %{{y:.1f}} % of {subset}<extra></extra>",
            row=row,
            col=1,
        )
        figure.add_annotation(
            text=f"<b>{subset}</b>", showarrow=False, x=1, y=1, xanchor="right", yanchor="bottom",
            xref="x domain", yref="y domain", row=row, col=1,
        )  # fmt: skip
    if mark is not None:
        figure.add_vline(x=mark, line=MARK_LINE)
        figure.add_annotation(
            text=f"{mark:g} {unit}", showarrow=False, x=mark, y=1, xanchor="left", yanchor="bottom", yref="paper"
        )
    figure = set_frame(figure, height, y="clips (%)")
    figure.update_xaxes(title=f"{title} ({unit})", row=max(1, len(subsets)), col=1)
    figure.update_yaxes(nticks=4, rangemode="tozero")
    figure.update_layout(showlegend=False)
    return figure


def cumulative(percentiles: pd.DataFrame, crop_s: float, height: int = 340) -> go.Figure:
    """Cumulative share of clips (%) by duration, one line per subset.

    Parameters
    ----------
    percentiles : pandas.DataFrame
        From `audiotag.inspection.statistics.percentiles`.
    crop_s : float
        Crop length in seconds, drawn as a vertical line.
    height : int
        In pixels.
    """
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
    figure.add_vline(x=crop_s, line=MARK_LINE)
    return set_frame(figure, height, "duration (s)", "clips up to this duration (%)")


def durations_by_label(table: pd.DataFrame, names: list[str], crop_s: float) -> go.Figure:
    """Median duration of each label on a bar from the 10th to the 90th percentile, one bar per label and subset.

    Parameters
    ----------
    table : pandas.DataFrame
        From `audiotag.inspection.statistics.durations_by_label`.
    names : list of str
        Labels, the first at the top.
    crop_s : float
        Crop length in seconds, drawn as a vertical line.
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
            customdata=rows[["label", "p10_s", "p90_s", "clips"]].assign(label=rows["label"].map(plain)).to_numpy(),
            marker={"color": SUBSET_COLOURS[subset], "size": 9, "symbol": SUBSET_SYMBOLS[subset]},
            hovertemplate="%{customdata[0]}: median %{x:.2f} s, 80 % within %{customdata[1]:.2f} and "
            "%{customdata[2]:.2f} s, %{customdata[3]} clips of " + subset + "<extra></extra>",
        )
    figure.add_vline(x=crop_s, line=MARK_LINE)
    figure = set_frame(figure, max(260, 60 + 22 * len(names)), "duration (s)")
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(place.values()),
        ticktext=[plain(name) for name in place],
        range=[-0.7, len(names) - 0.3],
    )
    return figure


def labels(counts: pd.DataFrame) -> go.Figure:
    """Horizontal bars of the number of clips per label, one bar per subset; the first row of the table at the top."""
    figure = go.Figure()
    shown = counts.iloc[::-1]
    for subset in counts.columns[::-1]:  # the last is drawn on top
        figure.add_bar(
            y=[plain(label) for label in shown.index],
            x=shown[subset],
            name=subset,
            orientation="h",
            marker=SUBSET_MARKERS[subset],
            hovertemplate="%{y}: %{x} clips, " + subset + "<extra></extra>",
        )
    figure.update_layout(barmode="group", legend={"traceorder": "reversed"})
    return set_frame(figure, max(260, 40 + 30 * len(counts)), "clips")


def counts_by_number(table: pd.DataFrame, x: str) -> go.Figure:
    """Vertical bars of counts, one bar per subset, for whole numbers, which are the only ticks of the axis.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: whole numbers. One column per subset, with numbers of clips.
    x : str
        Title of the horizontal axis.
    """
    figure = go.Figure()
    for subset in table.columns:
        figure.add_bar(
            x=[int(number) for number in table.index],
            y=table[subset],
            name=subset,
            marker=SUBSET_MARKERS[subset],
            hovertemplate="%{x}: %{y} clips, " + subset + "<extra></extra>",
        )
    figure = set_frame(figure, 300, x, "clips")
    widest = max((int(number) for number in table.index), default=0)
    figure.update_xaxes(tickformat="d", dtick=1 if widest <= MAX_TICKS else None, tick0=0)
    return figure


def co_occurrence(pairs: pd.DataFrame, names: list[str]) -> go.Figure:
    """Map of labels that share clips, one square marker per pair, so that each can be clicked.

    Parameters
    ----------
    pairs : pandas.DataFrame
        ``label``, ``other``, ``clips``, from `audiotag.inspection.statistics.co_occurrence`.
    names : list of str
        Labels of both axes, in order.
    """
    shown = pairs[pairs["label"].isin(names) & pairs["other"].isin(names)]
    figure = go.Figure(
        go.Scatter(
            x=shown["label"].map(plain),
            y=shown["other"].map(plain),
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
    figure = set_frame(figure, max(320, 90 + 22 * len(names)))
    order = [plain(name) for name in names]
    figure.update_xaxes(categoryorder="array", categoryarray=order, tickangle=-45)
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1])
    return figure


def third_octaves(table: pd.DataFrame, unit: str) -> go.Figure:
    """Average third-octave spectra, one line per subset; ``unit`` says what 0 dB refers to."""
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
    figure = set_frame(figure, 360, "third-octave band (Hz)", unit)
    figure.update_xaxes(type="log", tickvals=TICKS_HZ)
    return figure


def spectral_gap(table: pd.DataFrame, subset: str, reference: str) -> go.Figure:
    """Map of the difference between the spectra of two subsets in dB, one row per label, one column per band.

    Parameters
    ----------
    table : pandas.DataFrame
        From `audiotag.inspection.statistics.spectral_gap`.
    subset, reference : str
        The map shows how far ``subset`` lies above ``reference``.
    """
    bands = [name.removesuffix(" Hz") for name in table.columns]
    names = [plain(name) for name in table.index]
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
    # Cells of a heatmap cannot be clicked, so transparent markers lie over them.
    figure.add_scatter(
        x=np.tile(bands, len(names)),
        y=np.repeat(names, len(bands)),
        mode="markers",
        marker={"symbol": "square", "size": 16, "opacity": 0},
        customdata=values.ravel(),
        hovertemplate=hover.replace("%{z", "%{customdata"),
        showlegend=False,
    )
    figure = set_frame(figure, max(240, 90 + 20 * len(names)), "third-octave band (Hz)")
    figure.update_xaxes(type="category", range=[-0.5, len(bands) - 0.5])
    figure.update_yaxes(type="category", range=[len(names) - 0.5, -0.5], tickmode="linear")
    return figure
