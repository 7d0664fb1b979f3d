"""Draw several runs in one chart, and by how much one run is better than another."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from audiotag.figures.text import plain
from audiotag.figures.theme import ACCENT, QUIET, WARM, set_frame
from audiotag.figures.training import (
    Epochs,
    fold_colour,
    fold_dash,
    lwlrap_floor,
    mark_stages,
    mean_over_folds,
    moving_average,
)
from audiotag.training.paired_bootstrap import Conclusion, Difference

BAND_OPACITY = 0.15
ROW_PX = 26
MAX_NAME = 28  # characters; a longer name would leave a phone no room for the figure
MARKS: dict[Conclusion, tuple[str, str, str]] = {  # name, colour and symbol; the order is that of the legend
    "worse": ("worse", WARM, "triangle-left"),
    "cannot be told apart": ("cannot be told apart", QUIET, "circle-open"),
    "better": ("better", ACCENT, "triangle-right"),
}


def lwlrap_of_runs(runs: Mapping[str, Epochs], stages: Epochs, smooth: bool = False, run: str = "run") -> go.Figure:
    """lwlrap by epoch of several runs: the mean of each run's folds, in a band from its lowest to its highest fold.

    Parameters
    ----------
    runs : mapping of str to sequence of dict
        Epochs of each run by the run's name.
    stages, smooth, run
        As in `lwlrap`; the stages are those of the first run. Bands are not smoothed.
    """
    figure = go.Figure()
    means = {plain(name): mean_over_folds(theirs) for name, theirs in runs.items()}
    for number, (name, mean) in enumerate(means.items()):
        steps = [epoch["step"] for epoch in mean]
        figure.add_scatter(
            x=[*steps, *steps[::-1]],
            y=[*(epoch["high"] for epoch in mean), *(epoch["low"] for epoch in mean[::-1])],
            legendgroup=name,
            showlegend=False,
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=_transparent(fold_colour(number)),
            hoverinfo="skip",
        )
    for number, (name, mean) in enumerate(means.items()):
        values = [epoch["lwlrap"] for epoch in mean]
        figure.add_scatter(
            x=[epoch["step"] for epoch in mean],
            y=moving_average(values, [epoch["stage"] for epoch in mean]) if smooth else values,
            name=name,
            legendgroup=name,
            mode="lines" if len(mean) > 1 else "markers",
            line={"color": fold_colour(number), "dash": fold_dash(number), "width": 3},
            hovertemplate=f"{name}, mean of its folds, epoch %{{x}}: lwlrap %{{y:.4f}}<extra></extra>",
        )
    every = [epoch for mean in means.values() for epoch in mean]
    mark_stages(figure, stages, max((epoch["step"] for epoch in every), default=0))
    figure = set_frame(figure, 400, "epoch", "lwlrap on held-out clips")
    figure.update_layout(uirevision=run, legend={"itemwidth": 44})
    figure.update_yaxes(range=[lwlrap_floor(min((epoch["low"] for epoch in every), default=0.0)), 1.02])
    return figure


def differences(rows: Mapping[str, Difference], title: str) -> go.Figure:
    """The difference of each row with its interval; right of the line at 0 the second run is better.

    Parameters
    ----------
    rows : mapping of str to Difference
        By the name of a fold, of all clips, or of a label; the first is at the top.
    title : str
        Of the horizontal axis.
    """
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    places = {name: place for place, name in enumerate(rows)}
    for conclusion, (legend, colour, symbol) in MARKS.items():
        found = {name: result for name, result in rows.items() if result.conclusion == conclusion}
        if not found:
            continue
        results = list(found.values())
        figure.add_scatter(
            x=[result.difference for result in results],
            y=[places[name] for name in found],
            name=legend,
            mode="markers",
            showlegend=True,  # also if all rows have one conclusion
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": colour}},
            error_x={
                "type": "data",
                "symmetric": False,
                # A single recording has no interval.
                "array": [max(0.0, result.high - result.difference) if result.units > 1 else 0 for result in results],
                "arrayminus": [
                    max(0.0, result.difference - result.low) if result.units > 1 else 0 for result in results
                ],
                "color": colour,
                "thickness": 1.5,
                "width": 4,
            },
            customdata=[
                [plain(name), result.first, result.second, f"{result.clips:,}", _interval(result)]
                for name, result in found.items()
            ],
            hovertemplate="%{customdata[0]}: %{x:+.4f}%{customdata[4]}<br>lwlrap %{customdata[1]:.4f} → "
            "%{customdata[2]:.4f}, clips: %{customdata[3]}<extra></extra>",
        )
    figure.update_yaxes(
        tickvals=list(places.values()),
        ticktext=[plain(name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…") for name in places],
        range=[len(places) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(zeroline=False)
    return set_frame(figure, 110 + ROW_PX * len(places), title)


def _interval(result: Difference) -> str:
    return "" if result.units < 2 else f" ({result.low:+.4f} to {result.high:+.4f})"


def _transparent(colour: str) -> str:
    """A colour such as #14a394 as Plotly writes one that lets others show through."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_OPACITY})"
