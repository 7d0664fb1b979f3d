"""Draw the figures of the Score page: published scores, lwlrap per class, the ranking of one clip."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from audiotag.figures.text import plain
from audiotag.figures.theme import ACCENT, QUIET, set_frame

OWN_SCORE = "this submission"
HOLLOW = "rgba(138,148,144,0.25)"
ROW_PX = 24
SPACE_FOR_VALUES = 0.6  # of the range of the scores: the numbers fit beside the bars in a narrow column, too


def published_scores(own: float, published: dict[str, float]) -> go.Figure:
    """A score on a scale, above published scores, the best of these first.

    Parameters
    ----------
    own : float
        lwlrap, 0 to 1.
    published : dict[str, float]
        lwlrap by the name of its author.
    """
    rows = [*sorted(published.items(), key=lambda entry: entry[1]), (OWN_SCORE, own)]  # the last is drawn at the top
    names, values = [f"{name}  {value:.5f}" for name, value in rows], [value for _, value in rows]
    is_own = [name == OWN_SCORE for name, _ in rows]
    figure = go.Figure()
    figure.add_vline(x=own, line={"color": ACCENT, "width": 1.5, "dash": "dot"})
    figure.add_scatter(
        x=values,
        y=names,
        mode="markers",
        marker={
            "symbol": ["diamond" if own_row else "line-ns" for own_row in is_own],
            "size": [15 if own_row else 16 for own_row in is_own],
            "color": [ACCENT if own_row else QUIET for own_row in is_own],
            "line": {"width": [0 if own_row else 3 for own_row in is_own], "color": QUIET},
        },
        hovertemplate="%{y}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(range=[min(*values, 0.5) - 0.03, max(*values, 0.8) + 0.03])
    figure.update_yaxes(categoryorder="array", categoryarray=names)
    return set_frame(figure, 90 + 34 * len(rows), "lwlrap on the private test clips")


def per_class(table: pd.DataFrame) -> go.Figure:
    """One bar per class, the worst at the top, with its lwlrap beside it and its number of clips under the pointer.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: label. Columns: ``lwlrap`` (0 to 1) and ``clips``. Worst first, as `audiotag.scoring.Score.per_class`,
        without classes that have no clip.
    """
    figure = go.Figure()
    figure.add_bar(
        y=[plain(label) for label in table.index],
        x=table["lwlrap"],
        orientation="h",
        marker={"color": ACCENT},
        text=[f"{value:.3f}" for value in table["lwlrap"]],
        textposition="outside",
        cliponaxis=False,
        customdata=[int(clips) for clips in table["clips"]],
        hovertemplate="%{y}: lwlrap %{x:.3f}, clips with it: %{customdata:,}<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1.18], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(autorange="reversed", dtick=1)
    return set_frame(figure, 80 + ROW_PX * len(table), "lwlrap of the class")


def ranking(scores: pd.Series, true: tuple[str, ...], rows: int = 8) -> go.Figure:
    """Scores of one clip's labels with their ranks, the highest at the top.

    Parameters
    ----------
    scores : pandas.Series
        Index: label.
    true : tuple[str, ...]
        True labels: filled bars with a tick before the name; the others are hollow.
    rows : int
        Number of the highest labels that are shown; true labels further down follow them.
    """
    ranked = scores.sort_values(ascending=False, kind="stable")
    places = [place for place, label in enumerate(ranked.index) if place < rows or label in true]
    shown = ranked.iloc[places]
    is_true = np.array([label in true for label in shown.index])
    names = [
        f"{place + 1}. {'✓ ' if right else ''}{plain(label)}"
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
    figure.update_xaxes(range=[lowest, highest + SPACE_FOR_VALUES * (highest - lowest or 1)])
    figure.update_yaxes(autorange="reversed", dtick=1)
    return set_frame(figure, 80 + 28 * len(shown), "score")
