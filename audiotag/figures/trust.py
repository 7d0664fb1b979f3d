"""Draw how far scores can be trusted: reliability, precision and recall with intervals, confusion, the noise gate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from audiotag.figures.text import plain
from audiotag.figures.theme import ACCENT, QUIET, WARM, set_frame
from audiotag.trust.confusion import NO_TAG, Confusion
from audiotag.trust.reliability import Reliability

STYLES = (("circle", "solid", ACCENT), ("diamond", "dash", WARM))  # of the first and the second curve
ROW_PX = 30
CELL_PX, SMALL_CELL_PX = 26, 15
MAX_NAME = 18  # characters of a label beside a heatmap
MAX_LABELS_WITH_NUMBERS = 24  # a heatmap of more labels has no numbers in its cells
# Opaque and light, so that the dark numbers can be read on them in both themes.
CELL_SCALE = [[0.0, "#f6e8d8"], [1.0, "#e08a2b"]]
RIGHT_SCALE = [[0.0, "#cfd6d3"], [1.0, "#cfd6d3"]]
NUMBER_COLOUR = "#1c2321"


def reliability(curves: Mapping[str, Reliability]) -> go.Figure:
    """How often scores are right: one point per bin with its 95 % interval, above the number of scores in each bin.

    Parameters
    ----------
    curves : mapping of str to Reliability
        At most two, by what they are called in the legend. Points on the dotted line are calibrated.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.76, 0.24], vertical_spacing=0.06)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": QUIET, "dash": "dot", "width": 1.5},
        name="calibrated perfectly",
        hoverinfo="skip",
        row=1,
        col=1,
    )
    for (name, found), (symbol, dash, colour) in zip(curves.items(), STYLES, strict=False):
        bins = found.bins
        figure.add_scatter(
            x=bins["score"],
            y=bins["share"],
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": dash, "width": 1.5},
            marker={"symbol": symbol, "size": 9, "color": colour},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": bins["share_high"] - bins["share"],
                "arrayminus": bins["share"] - bins["share_low"],
                "color": colour,
                "thickness": 1.2,
                "width": 4,
            },
            customdata=bins[["low", "high", "right", "pairs", "share_low", "share_high"]],
            hovertemplate="scores from %{customdata[0]:.1f} to %{customdata[1]:.1f}, mean %{x:.3f}<br>right: "
            "%{customdata[2]:,} of %{customdata[3]:,}, %{y:.1%} (%{customdata[4]:.1%} to %{customdata[5]:.1%})",
            row=1,
            col=1,
        )
        figure.add_bar(
            x=(bins["low"] + bins["high"]) / 2,
            y=bins["pairs"],
            name=name,
            showlegend=False,
            marker={"color": colour, "pattern": {"shape": "" if dash == "solid" else "/", "solidity": 0.3}},
            hovertemplate="%{y:,} scores<extra></extra>",
            row=2,
            col=1,
        )
    figure = set_frame(figure, 460)
    figure.update_yaxes(title="share that is right", range=[-0.02, 1.02], tickformat=".0%", row=1, col=1)
    figure.update_yaxes(title="scores", type="log", dtick=1, exponentformat="none", row=2, col=1)
    figure.update_xaxes(range=[-0.02, 1.02])
    figure.update_xaxes(title="score", row=2, col=1)
    return figure


def precision_recall_intervals(table: pd.DataFrame) -> go.Figure:
    """Precision and recall of each label with their 95 % intervals, the first row at the top.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `audiotag.trust.tag_quality.tag_quality`.
    """
    figure = go.Figure()
    places = np.arange(len(table))
    for shift, (name, counted), (symbol, _, colour) in zip(
        (-0.17, 0.17), (("precision", "tagged"), ("recall", "positives")), STYLES, strict=True
    ):
        known = table[name].notna().to_numpy()
        rows = table[known]
        figure.add_scatter(
            x=rows[name],
            y=places[known] + shift,
            name=name,
            mode="markers",
            marker={"symbol": symbol, "size": 9, "color": colour},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": rows[f"{name}_high"] - rows[name],
                "arrayminus": rows[name] - rows[f"{name}_low"],
                "color": colour,
                "thickness": 1.5,
                "width": 3,
            },
            customdata=np.stack(
                [
                    [plain(label) for label in rows["label"]],
                    rows["right"],
                    rows[counted],
                    [
                        f"{low:.2f} to {high:.2f}"
                        for low, high in zip(rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
                    ],
                ],
                axis=-1,
            ),
            hovertemplate=f"%{{customdata[0]}}: {name} %{{x:.2f}} (%{{customdata[3]}}), %{{customdata[1]}} of "
            "%{customdata[2]}<extra></extra>",
        )
    figure.update_yaxes(
        tickvals=places,
        ticktext=[_short(label) for label in table["label"]],
        range=[len(table) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(range=[-0.02, 1.02])
    return set_frame(figure, 100 + ROW_PX * len(table), "95 % intervals")


def confusion(found: Confusion, positives: np.ndarray) -> go.Figure:
    """How often each label is tagged as each other one; the numbers are clips, the colour is their share.

    Parameters
    ----------
    found : Confusion
        Of all labels, or of the most confused ones. The diagonal, which is right, is not coloured.
    positives : numpy.ndarray, shape=(labels,)
        Number of clips that have each label.
    """
    size = len(found.labels)
    counts = found.matrix[:size]
    if not counts[:, size].any():  # no label was missed without a wrong tag
        counts = counts[:, :size]
    names = [*found.labels, NO_TAG][: counts.shape[1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / np.asarray(positives)[:, None]
    is_right = np.eye(size, counts.shape[1]) > 0
    hover = [
        [
            f"{plain(true)} tagged as {plain(tagged)}: {count:.3g} of {of:.0f} clips"
            for tagged, count in zip(names, row, strict=True)
        ]
        for true, row, of in zip(found.labels, counts, positives, strict=True)
    ]
    figure = go.Figure()
    wrong = np.where(is_right, np.nan, shares)
    _add_cells(figure, wrong, hover, max(0.1, float(np.nanmax(wrong, initial=0))))
    _add_cells(figure, np.where(is_right, shares, np.nan), hover, 1, RIGHT_SCALE)
    if size <= MAX_LABELS_WITH_NUMBERS:
        _add_numbers(figure, counts, "{:.2g}")
    figure.update_xaxes(tickvals=list(range(len(names))), ticktext=[_short(name) for name in names], tickangle=-90)
    figure.update_yaxes(tickvals=list(range(size)), ticktext=[_short(name) for name in found.labels])
    cell_px = CELL_PX if size <= MAX_LABELS_WITH_NUMBERS else SMALL_CELL_PX
    return set_frame(figure, 170 + cell_px * size, "tagged as")


def noise_gate(rates: pd.DataFrame, highest: float) -> go.Figure:
    """False tags per hour of each label on each kind of sound.

    Parameters
    ----------
    rates : pandas.DataFrame
        From `audiotag.trust.noise_gate.NoiseGate.by_label`, without the column ``all``.
    highest : float
        The rate of a label that every window gets.
    """
    values = rates.to_numpy(dtype=float)
    hover = [
        [
            f"{plain(label)} on {plain(kind)}: {value:.0f} false tags per hour"
            for kind, value in zip(rates.columns, row, strict=True)
        ]
        for label, row in zip(rates.index, values, strict=True)
    ]
    figure = go.Figure()
    _add_cells(figure, values, hover, highest)
    _add_numbers(figure, values, "{:.0f}")
    figure.update_xaxes(tickvals=list(range(values.shape[1])), ticktext=[plain(kind) for kind in rates.columns])
    figure.update_yaxes(tickvals=list(range(len(rates))), ticktext=[_short(label) for label in rates.index])
    return set_frame(figure, 120 + ROW_PX * max(len(rates), 1))


def _add_cells(
    figure: go.Figure,
    values: np.ndarray,
    hover: list[list[str]],
    highest: float,
    scale: list[list[object]] = CELL_SCALE,
) -> None:
    """Coloured cells, the first row at the top; those of 0 and NaN have no colour."""
    figure.add_heatmap(
        z=np.where(values > 0, values, np.nan),
        x=list(range(values.shape[1])),
        y=list(range(values.shape[0])),
        zmin=0,
        zmax=highest,
        colorscale=scale,
        showscale=False,
        xgap=1,
        ygap=1,
        text=hover,
        hovertemplate="%{text}<extra></extra>",
    )
    figure.update_xaxes(showgrid=True, zeroline=False, range=[-0.5, values.shape[1] - 0.5])
    figure.update_yaxes(showgrid=True, zeroline=False, range=[values.shape[0] - 0.5, -0.5])


def _add_numbers(figure: go.Figure, values: np.ndarray, form: str) -> None:
    """Write the values above 0 into their cells."""
    rows, columns = np.nonzero(np.nan_to_num(values) > 0)
    figure.add_scatter(
        x=columns,
        y=rows,
        text=[form.format(value) for value in values[rows, columns]],
        mode="text",
        textfont={"size": 10, "color": NUMBER_COLOUR},
        hoverinfo="skip",
        showlegend=False,
    )


def _short(label: str) -> str:
    return plain(label if len(label) <= MAX_NAME else label[: MAX_NAME - 1] + "…")
