"""Figures of the Tag page."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from audiotag.figures.theme import ACCENT, QUIET, WARM, framed
from audiotag.tagging.result import Tag, Tags


def scores(ranking: tuple[Tag, ...]) -> go.Figure:
    """Bars of the likeliest labels, each with its threshold as a tick; those that pass are full, the others hollow."""
    shown = ranking[::-1]
    names = [f"{tag.label}  {tag.score:.2f}" for tag in shown]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=[tag.score for tag in shown],
        orientation="h",
        marker={
            "color": [ACCENT if tag.passes else "rgba(138,148,144,0.25)" for tag in shown],
            "line": {"color": [ACCENT if tag.passes else QUIET for tag in shown], "width": 1.5},
        },
        hovertemplate="%{y}<extra></extra>",
        name="score",
    )
    figure.add_scatter(
        y=names,
        x=[tag.threshold for tag in shown],
        mode="markers",
        marker={"symbol": "line-ns", "size": 16, "line": {"width": 3, "color": WARM}},
        hovertemplate="threshold %{x:.3f}<extra></extra>",
        name="threshold",
    )
    figure.update_xaxes(range=[0, 1])
    return framed(figure, 90 + 30 * len(shown), "score")


def timeline(tags: Tags, labels: tuple[str, ...], window_s: float, rows: int = 5) -> go.Figure:
    """Scores over time of the likeliest labels: a row a label, a cell a window."""
    order = [labels.index(tag.label) for tag in tags.ranking[:rows]][::-1]
    step = float(np.diff(tags.starts_s).min()) if len(tags.starts_s) > 1 else window_s
    figure = go.Figure(
        go.Heatmap(
            z=tags.timeline[:, order].T,
            x=tags.starts_s + window_s / 2,
            y=[labels[label] for label in order],
            zmin=0,
            zmax=1,
            dx=step,
            colorscale=[[0, "rgba(138,148,144,0.08)"], [1, ACCENT]],
            colorbar={"title": "score", "thickness": 12},
            xgap=2,
            ygap=2,
            texttemplate="%{z:.2f}" if len(tags.starts_s) <= 16 else None,
            hovertemplate="%{y}, window around %{x:.1f} s: %{z:.2f}<extra></extra>",
        )
    )
    return framed(figure, 70 + 34 * rows, "middle of the window (s)")
