"""Figures of the Dataset page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from audiotag.data.statistics import readable
from audiotag.figures.theme import MARK, SUBSET_COLOURS, SUBSET_MARKERS, framed

DURATION_BINS = 40


def duration_table(index: pd.DataFrame) -> pd.DataFrame:
    """Share of each subset's clips a bin of duration: ``from_s``, ``to_s``, and a column a subset (0 to 1)."""
    clips = readable(index)
    longest = float(clips["duration_s"].max()) if len(clips) else 1.0
    edges = np.linspace(0, longest, DURATION_BINS + 1)
    table = pd.DataFrame({"from_s": edges[:-1], "to_s": edges[1:]})
    for subset, durations in clips.groupby("subset", sort=False)["duration_s"]:
        table[subset] = np.histogram(durations.astype(float), bins=edges)[0] / len(durations)
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


def cumulative(table: pd.DataFrame, crop_s: float) -> go.Figure:
    """Share of clips that are at most so long (%), a line a subset."""
    figure = go.Figure()
    for subset, dash in zip(table.columns[2:], ("solid", "dash", "dot"), strict=False):
        figure.add_scatter(
            x=[0, *table["to_s"]],
            y=[0, *(100 * table[subset].cumsum())],
            name=subset,
            mode="lines",
            line={"color": SUBSET_COLOURS[subset], "dash": dash, "width": 2.5},
            hovertemplate="%{y:.0f} % of " + subset + " are at most %{x:.1f} s<extra></extra>",
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
