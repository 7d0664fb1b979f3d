"""Figures of the Dataset page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from audiotag.data.statistics import readable
from audiotag.figures.theme import ACCENT, MARK, SUBSET_COLOURS, SUBSET_DASHES, SUBSET_MARKERS, framed

DURATION_BINS = 40
CUMULATIVE_POINTS = 201


def duration_table(index: pd.DataFrame) -> pd.DataFrame:
    """Share of each subset's clips a bin of duration: ``from_s``, ``to_s``, and a column a subset (0 to 1).

    A clip as long as a bin's end lies in that bin: a set cut at 4 s ends at 4 s.
    """
    clips = readable(index)
    longest = float(clips["duration_s"].max()) if len(clips) else 1.0
    edges = np.linspace(0, longest, DURATION_BINS + 1)
    table = pd.DataFrame({"from_s": edges[:-1], "to_s": edges[1:]})
    for subset, durations in clips.groupby("subset", sort=False)["duration_s"]:
        table[subset] = np.histogram(durations.astype(float) - 1e-6, bins=edges)[0] / len(durations)
    return table


def durations(table: pd.DataFrame, crop_s: float) -> go.Figure:
    """Histogram of durations a subset (share of clips, %), with the crop length as a line.

    Parameters
    ----------
    table : pandas.DataFrame
        From `duration_table`.
    crop_s : float
        Seconds.
    """
    figure = go.Figure()
    for subset in table.columns[2:]:
        figure.add_bar(
            x=(table["from_s"] + table["to_s"]) / 2,
            y=100 * table[subset],
            width=table["to_s"] - table["from_s"],
            name=subset,
            opacity=0.75,
            marker=SUBSET_MARKERS[subset],
            hovertemplate="%{x:.1f} s: %{y:.1f} % of " + subset + "<extra></extra>",
        )
    figure.add_vline(x=crop_s, line=MARK, annotation_text=f"crop {crop_s:g} s")
    figure.update_layout(barmode="overlay")
    return framed(figure, 340, "duration (s)", "share of clips (%)")


def cumulative(index: pd.DataFrame, crop_s: float) -> go.Figure:
    """Share of clips that are at most so long (%), a line a subset."""
    figure = go.Figure()
    shares = np.linspace(0, 1, CUMULATIVE_POINTS)
    for subset, durations in readable(index).groupby("subset", sort=False)["duration_s"]:
        figure.add_scatter(
            x=np.quantile(durations.to_numpy(dtype=float), shares, method="inverted_cdf"),
            y=100 * shares,
            name=subset,
            mode="lines",
            line={"color": SUBSET_COLOURS[subset], "dash": SUBSET_DASHES[subset], "width": 2.5},
            hovertemplate="%{y:.0f} % of " + subset + " are at most %{x:.2f} s<extra></extra>",
        )
    figure.add_vline(x=crop_s, line=MARK)
    return framed(figure, 340, "duration (s)", "clips at most so long (%)")


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
        ``label``, ``other``, ``clips``, from `audiotag.data.statistics.together`.
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


def distribution(index: pd.DataFrame, column: str, title: str) -> go.Figure:
    """Histogram of a measure, pre-binned, in per cent of each subset's clips."""
    values = index[["subset", column]].replace([np.inf, -np.inf], np.nan).dropna()
    figure = go.Figure()
    if len(values):
        edges = np.histogram_bin_edges(values[column].to_numpy(dtype=float), bins=40)
        for subset, part in values.groupby("subset", sort=False):
            share = 100 * np.histogram(part[column].to_numpy(dtype=float), bins=edges)[0] / len(part)
            figure.add_scatter(
                x=(edges[:-1] + edges[1:]) / 2,
                y=share,
                name=subset,
                mode="lines",
                line={"shape": "hvh", "color": SUBSET_COLOURS[subset], "dash": SUBSET_DASHES[subset], "width": 2},
                fill="tozeroy",
                hovertemplate="%{x:.1f}: %{y:.1f} % of " + subset + "<extra></extra>",
            )
    return framed(figure, 260, title, "share of clips (%)")


def third_octaves(table: pd.DataFrame) -> go.Figure:
    """Average third-octave spectra, a line a subset; 0 dB is the power in all bands together."""
    figure = go.Figure()
    for subset in table.columns:
        figure.add_scatter(
            x=table.index,
            y=table[subset],
            name=subset,
            mode="lines+markers",
            line={"color": SUBSET_COLOURS[subset], "dash": SUBSET_DASHES[subset], "width": 2.5},
            hovertemplate="%{x} Hz: %{y:.1f} dB, " + subset + "<extra></extra>",
        )
    figure = framed(figure, 360, "third-octave band (Hz)", "dB re the power in all bands")
    figure.update_xaxes(type="log", tickvals=[31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000])
    return figure
