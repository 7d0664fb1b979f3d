"""Figures of the Score page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from audiotag.figures.theme import ACCENT, QUIET, framed

YOURS = "this submission"
HOLLOW = "rgba(138,148,144,0.25)"
ROW_PX = 24


def beside_published(yours: float, published: dict[str, float]) -> go.Figure:
    """A score as a mark on a scale, and below it those that others published, the best first.

    Parameters
    ----------
    yours : float
        lwlrap, 0 to 1.
    published : dict[str, float]
        lwlrap by whose it is.
    """
    rows = [*sorted(published.items(), key=lambda entry: entry[1]), (YOURS, yours)]  # the last is drawn at the top
    names, values = [f"{name}  {value:.5f}" for name, value in rows], [value for _, value in rows]
    own = [name == YOURS for name, _ in rows]
    figure = go.Figure()
    figure.add_vline(x=yours, line={"color": ACCENT, "width": 1.5, "dash": "dot"})
    figure.add_scatter(
        x=values,
        y=names,
        mode="markers",
        marker={
            "symbol": ["diamond" if mine else "line-ns" for mine in own],
            "size": [15 if mine else 16 for mine in own],
            "color": [ACCENT if mine else QUIET for mine in own],
            "line": {"width": [0 if mine else 3 for mine in own], "color": QUIET},
        },
        hovertemplate="%{y}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(range=[min(*values, 0.5) - 0.03, max(*values, 0.8) + 0.03])
    figure.update_yaxes(categoryorder="array", categoryarray=names)
    return framed(figure, 90 + 34 * len(rows), "lwlrap on the private test clips")


def per_class(table: pd.DataFrame) -> go.Figure:
    """A bar a class, the worst at the top, its lwlrap written beside it and its clips under the pointer.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: label; ``lwlrap`` (0 to 1) and ``clips``, worst first; from `audiotag.scoring.Score.per_class`, without
        classes that have no clip.
    """
    figure = go.Figure()
    figure.add_bar(
        y=table.index,
        x=table["lwlrap"],
        orientation="h",
        marker={"color": ACCENT},
        text=[f"{value:.3f}" for value in table["lwlrap"]],
        textposition="outside",
        cliponaxis=False,
        customdata=[[label, int(clips)] for label, clips in zip(table.index, table["clips"], strict=True)],
        hovertemplate="%{y}: lwlrap %{x:.3f}, clips with it: %{customdata[1]:,}<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1.18], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(autorange="reversed", dtick=1)
    return framed(figure, 80 + ROW_PX * len(table), "lwlrap of the class")


def ranking(scores: pd.Series, true: tuple[str, ...], rows: int = 8) -> go.Figure:
    """What one clip's labels were scored, the highest at the top, with their ranks.

    Parameters
    ----------
    scores : pandas.Series
        Index: label.
    true : tuple[str, ...]
        Full bars, with a tick before the name; the others are hollow.
    rows : int
        So many of the highest; true labels that are not among them follow.
    """
    ranked = scores.sort_values(ascending=False, kind="stable")
    places = [place for place, label in enumerate(ranked.index) if place < rows or label in true]
    shown = ranked.iloc[places]
    is_true = np.array([label in true for label in shown.index])
    names = [
        f"{place + 1}. {'✓ ' if right else ''}{label}"
        for place, label, right in zip(places, shown.index, is_true, strict=True)
    ]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=shown,
        orientation="h",
        marker={
            "color": [ACCENT if right else HOLLOW for right in is_true],
            "line": {"color": [ACCENT if right else QUIET for right in is_true], "width": 1.5},
        },
        text=[f"{value:.3g}" for value in shown],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.4g}<extra></extra>",
    )
    lowest, highest = min(0.0, float(shown.min())), max(0.0, float(shown.max()))
    figure.update_xaxes(range=[lowest, highest + 0.25 * (highest - lowest or 1)])
    figure.update_yaxes(autorange="reversed", dtick=1)
    return framed(figure, 80 + 28 * len(shown), "score")
