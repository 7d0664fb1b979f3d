"""Draw the leader board of a sweep: lwlrap of each combination of settings against what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from audiotag.figures.text import plain
from audiotag.figures.theme import ACCENT, QUIET, WARM, set_frame
from audiotag.training.leader_board import Entry

MARKS = {  # by what can be said of it: colour and symbol; the order is that of the legend
    "best": (ACCENT, "star"),
    "cannot be told apart": (QUIET, "circle-open"),
    "worse": (WARM, "triangle-down"),
}


def lwlrap_against_time(entries: Sequence[Entry]) -> go.Figure:
    """lwlrap with its interval against the seconds per fold; each point has its rank beside it.

    Parameters
    ----------
    entries : sequence of Entry
        Those that are ranked, and whose time is known.
    """
    figure = go.Figure()
    for conclusion, (colour, symbol) in MARKS.items():
        found = [entry for entry in entries if entry.conclusion == conclusion]
        placed = [entry.placed for entry in found if entry.placed]
        if not placed:
            continue
        figure.add_scatter(
            x=[entry.fold_s for entry in found],
            y=[each.lwlrap for each in placed],
            name=conclusion,
            mode="markers+text",
            showlegend=True,  # also if there is one kind alone
            text=[str(each.rank) for each in placed],
            textposition="middle right",
            marker={"color": colour, "symbol": symbol, "size": 13, "line": {"width": 2, "color": colour}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [np.nan_to_num(each.high - each.lwlrap) for each in placed],
                "arrayminus": [np.nan_to_num(each.lwlrap - each.low) for each in placed],
                "color": colour,
                "thickness": 1.2,
                "width": 4,
            },
            customdata=[[plain(entry.name), entry.input_text] for entry in found],
            hovertemplate="rank %{text}: %{customdata[0]}<br>lwlrap %{y:.4f}, %{x:.1f} s per fold<br>"
            "network input %{customdata[1]}<extra></extra>",
        )
    figure.update_xaxes(rangemode="tozero")
    return set_frame(figure, 340, "seconds per fold", "lwlrap on held-out clips")
