"""Draw the map of clips: one point per clip, by colour and shape what the user wants to see, and a ring at one clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from audiotag.figures.text import plain
from audiotag.figures.theme import FOLD_COLOURS, QUIET, set_frame

HEIGHT_PX = 560
TOOLBAR_PX = 36
MARGIN = 0.04  # around the outermost points, as a share of the map's width
RING_COLOUR = "#d6336c"
FAINT = 0.16  # opacity of clips that do not pass the filter
# So many labels can be told apart, by colour and shape. The last two colours are used nowhere else.
COLOURS = (*FOLD_COLOURS, "#d14b3c", "#4f8f5b")
SYMBOLS = (
    "circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "x", "star", "pentagon", "hexagram",
)  # fmt: skip
SIZES_PX = ((1000, 8), (5000, 6), (15_000, 5))  # up to so many points; then `SMALLEST_PX`
SMALLEST_PX = 4


@dataclass(frozen=True)
class PointStyle:
    """How the points of one group look.

    Attributes
    ----------
    name : str
        In the legend.
    colour, symbol : str
    """

    name: str
    colour: str
    symbol: str = "circle"


OTHER_COLOUR = QUIET


def numbered_styles(names: Sequence[str]) -> list[PointStyle]:
    """A style for each of at most ten names; neither colour nor shape is used twice."""
    return [PointStyle(*style) for style in zip(names, COLOURS, SYMBOLS, strict=False)]


def clip_map(
    points: pd.DataFrame, styles: Sequence[PointStyle], ring: tuple[float, float] | None = None, revision: str = ""
) -> go.Figure:
    """Draw the map. Its axes have no unit: only what is near what means something.

    Parameters
    ----------
    points : pandas.DataFrame
        One row per clip: ``x``, ``y``, ``clip``, ``labels`` (text) and ``group``, the number of a style. Clips of no
        style, with −1, are faint and show nothing under the pointer.
    styles : sequence of PointStyle
        In the order of the legend; those without a clip are left out.
    ring : tuple of float, optional
        Where the clip is that is being listened to.
    revision : str
        The outline of a lasso goes when this changes; the zoom stays.
    """
    figure = go.Figure()
    size = next((px for most, px in SIZES_PX if len(points) <= most), SMALLEST_PX)
    others = points[points["group"] < 0]
    if len(others):
        faint = {"color": QUIET, "size": max(3, size - 2), "opacity": FAINT}
        _add_points(figure, others, marker=faint, hoverinfo="skip", showlegend=False)
    for number, style in enumerate(styles):
        group = points[points["group"] == number]
        if len(group):
            hover = [
                f"{plain(clip)}<br>{plain(labels)}" for clip, labels in zip(group["clip"], group["labels"], strict=True)
            ]
            _add_points(
                figure,
                group,
                name=f"{plain(style.name)} ({len(group):,})",
                marker={"color": style.colour, "symbol": style.symbol, "size": size, "opacity": 0.85},
                text=hover,
                hovertemplate="%{text}<extra></extra>",
            )
    if ring:
        figure.add_scattergl(  # WebGL is drawn above all else, so the ring is drawn by it too, as the last
            x=[ring[0]],
            y=[ring[1]],
            mode="markers",
            marker={"symbol": "circle-open", "size": 20, "color": RING_COLOUR, "line": {"width": 3}},
            hoverinfo="skip",
            showlegend=False,
            unselected={"marker": {"opacity": 1}},
        )
    set_frame(figure, HEIGHT_PX)
    figure.update_layout(
        legend={"y": -0.02, "yanchor": "top", "itemsizing": "constant", "bgcolor": "rgba(0,0,0,0)"},
        margin={"l": 0, "r": 0, "t": TOOLBAR_PX, "b": 0},
        dragmode="lasso",
        selectionrevision=revision,
        hovermode="closest",
        plot_bgcolor="rgba(138,148,144,0.06)",
    )
    for axis, column in ((figure.update_xaxes, "x"), (figure.update_yaxes, "y")):
        axis(visible=False, range=_range(points[column]))
    figure.update_yaxes(scaleanchor="x")
    return figure


def _add_points(figure: go.Figure, points: pd.DataFrame, **options: object) -> None:
    """Points that look the same whether a lasso holds them or not: what it holds is the next figure's matter."""
    marker = dict(options.pop("marker"))  # type: ignore[call-overload]
    figure.add_scattergl(
        x=points["x"].to_numpy(np.float32),
        y=points["y"].to_numpy(np.float32),
        mode="markers",
        marker=marker,
        unselected={"marker": {"opacity": marker["opacity"]}},
        **options,
    )


def _range(values: pd.Series) -> list[float]:
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 1.0
    return [low - margin, high + margin]
