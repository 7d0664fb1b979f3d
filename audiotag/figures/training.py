"""Draw the figures of the Train page: lwlrap, losses and learning rate by epoch, and the loss by learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from audiotag.figures.text import plain
from audiotag.figures.theme import ACCENT, FOLD_COLOURS, FOLD_DASHES, MARK_LINE, QUIET, set_frame
from audiotag.training.run_progress import best_epoch
from audiotag.training.run_tables import fold_name, rate_points

MAX_EPOCHS_WITH_DOTS = 40  # a longer line has no dots on its epochs
MAX_EPOCHS_WITH_WHOLE_TICKS = 12  # with so few epochs Plotly would also number halves
LOSS_TITLES = {"bce": "binary cross-entropy", "focal": "focal loss"}  # by the names that recipes have for them
SMOOTHING = 0.7  # weight of the previous epochs in the moving average
COMPARED_COLOURS = ("#8a9490", "#b0a08c", "#93a1b8", "#a8909c")  # quieter than the folds' colours
COMPARED_DASHES = ("dot", "dash", "dashdot", "longdash")

Epochs = Sequence[Mapping[str, Any]]


def lwlrap(
    epochs: Epochs,
    stages: Epochs,
    smooth: bool = False,
    compared: Mapping[str, Epochs] | None = None,
    run: str = "run",
) -> go.Figure:
    """lwlrap by epoch, one line per fold, with the best epoch of its last stage starred and the stages separated.

    Where epochs were also measured on curated clips, a thin dotted line beside the fold's own shows that.

    Parameters
    ----------
    epochs : sequence of dict
        From `audiotag.training.run_progress.epochs_done`.
    stages : sequence of dict
        ``subset`` and ``epochs`` of each stage, in order.
    smooth : bool
        Draw moving averages; the measured points stay in the background.
    compared : mapping of str to sequence of dict, optional
        Epochs of earlier runs by their names; each is drawn as the mean of its folds.
    run : str
        Name of the run; each run has its own zoom.
    """
    figure = go.Figure()
    means = {plain(name): mean_over_folds(theirs) for name, theirs in (compared or {}).items()}
    for number, (name, mean) in enumerate(means.items()):
        _add_compared(figure, number, name, mean, smooth)
    drawn: list[Mapping[str, Any]] = [*epochs, *(epoch for mean in means.values() for epoch in mean)]
    for number, fold in enumerate(_folds(epochs)):
        line = [epoch for epoch in epochs if epoch["fold"] == fold]
        _add_fold(figure, number, fold_name(fold), line, smooth)
    curated = [epoch for epoch in epochs if epoch.get("curated_lwlrap") is not None]
    for number, fold in enumerate(_folds(epochs)):
        _add_curated(figure, number, fold, [epoch for epoch in curated if epoch["fold"] == fold], _folds(curated))
    mark_stages(figure, stages, max((epoch["step"] for epoch in drawn), default=0))
    figure = set_frame(figure, 400, "epoch", "lwlrap on held-out clips")
    figure.update_layout(uirevision=run, legend={"itemwidth": 44})
    lowest = min([epoch["lwlrap"] for epoch in drawn] + [epoch["curated_lwlrap"] for epoch in curated], default=0.0)
    figure.update_yaxes(range=[lwlrap_floor(lowest), 1.02])
    return figure


def losses(epochs: Epochs, stages: Epochs, run: str = "run", loss: str = "bce") -> go.Figure:
    """Validation loss (thick) and training loss (thin) of each fold by epoch.

    Parameters
    ----------
    epochs, stages, run
        As in `lwlrap`.
    loss : str
        Name of the recipe's loss.
    """
    figure = go.Figure()
    for number, fold in enumerate(_folds(epochs)):
        line = [epoch for epoch in epochs if epoch["fold"] == fold]
        for key, what, width in (("valid_loss", "held out", 2), ("train_loss", "training", 1)):
            figure.add_scatter(
                x=[epoch["step"] for epoch in line],
                y=[epoch[key] for epoch in line],
                name=fold_name(fold),
                legendgroup=f"fold {fold}",
                showlegend=key == "valid_loss",
                mode="lines" if len(line) > 1 else "markers",
                opacity=1 if key == "valid_loss" else 0.75,
                line={"color": fold_colour(number), "dash": fold_dash(number), "width": width},
                hovertemplate=f"{fold_name(fold)}, {what}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
            )
    for what, width in (("held out", 2), ("training", 1)):
        figure.add_scatter(x=[None], y=[None], name=what, mode="lines", line={"color": QUIET, "width": width})
    mark_stages(figure, stages)
    figure = set_frame(figure, 320, "epoch", LOSS_TITLES.get(loss, f"loss: {plain(loss)}"))
    figure.update_layout(uirevision=run, legend={"itemwidth": 44})
    return figure


def schedule(epochs: Epochs, stages: Epochs, run: str = "run") -> go.Figure:
    """Learning rate of each fold in the course of its epochs; folds that have the same rates have one line.

    Parameters
    ----------
    epochs, stages, run
        As in `lwlrap`.
    """
    figure = go.Figure()
    folds_of: dict[tuple[tuple[float, float], ...], list[int]] = {}
    for fold in _folds(epochs):
        points = tuple(point for epoch in epochs if epoch["fold"] == fold for point in rate_points(epoch))
        folds_of.setdefault(points, []).append(fold)
    for number, (points, folds) in enumerate(folds_of.items()):
        name = ", ".join(map(fold_name, folds)) if len(folds_of) > 1 or len(folds) == 1 else "all folds"
        figure.add_scatter(
            x=[at for at, _ in points],
            y=[rate for _, rate in points],
            name=name,
            showlegend=True,
            mode="lines" if len(points) > 1 else "markers",
            line={"color": fold_colour(number), "dash": fold_dash(number), "width": 2},
            hovertemplate=f"{name}, after %{{x:.2f}} epochs: %{{y:.3g}}<extra></extra>",
        )
    mark_stages(figure, stages, begin=0.0)
    figure = set_frame(figure, 320, "epochs done", "learning rate")
    figure.update_layout(uirevision=run, legend={"itemwidth": 44})
    figure.update_yaxes(rangemode="tozero", exponentformat="power")
    return figure


def learning_rates(
    rates: Sequence[float], losses: Sequence[float], suggested: float | None, recipe_rate: float
) -> go.Figure:
    """Loss against learning rate, with the suggested rate and the recipe's own marked.

    Parameters
    ----------
    rates, losses : sequence of float
        Learning rates, and the loss at each.
    suggested : float or None
    recipe_rate : float
        The recipe's highest rate.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=list(rates),
        y=list(losses),
        mode="lines",
        line={"color": ACCENT, "width": 2},
        showlegend=False,
        hovertemplate="%{x:.2g}: loss %{y:.4f}<extra></extra>",
    )
    for rate, name, style in (
        (recipe_rate, "recipe", {"color": QUIET, "dash": "dot", "width": 2}),
        (suggested, "suggested", MARK_LINE),
    ):
        if rate:
            figure.add_scatter(
                x=[rate, rate],
                y=[min(losses), max(losses)],
                name=f"{name} {rate:.2g}",
                mode="lines",
                line=style,
                hovertemplate=f"{name} {rate:.2g}<extra></extra>",
            )
    figure = set_frame(figure, 240, "learning rate", "loss")
    figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    return figure


def moving_average(values: Sequence[float], stages: Sequence[int]) -> list[float]:
    """Exponential moving average that restarts with each stage, because stages may have different held-out clips.

    >>> moving_average([1.0, 0.0, 0.0], [0, 0, 1])
    [1.0, 0.7, 0.0]
    """
    found: list[float] = []
    for at, value in enumerate(values):
        same_stage = at > 0 and stages[at] == stages[at - 1]
        found.append(SMOOTHING * found[-1] + (1 - SMOOTHING) * value if same_stage else value)
    return found


def mean_over_folds(epochs: Epochs) -> list[dict[str, Any]]:
    """``step``, ``stage``, and mean, lowest and highest ``lwlrap`` of the folds that have reached the step, in order.

    >>> mean_over_folds([{"step": 1, "stage": 0, "lwlrap": 0.25}, {"step": 1, "stage": 0, "lwlrap": 0.75}])
    [{'step': 1, 'stage': 0, 'lwlrap': 0.5, 'low': 0.25, 'high': 0.75}]
    """
    by_step: dict[tuple[int, int], list[float]] = {}
    for epoch in epochs:
        by_step.setdefault((epoch["step"], epoch["stage"]), []).append(epoch["lwlrap"])
    return [
        {
            "step": step,
            "stage": stage,
            "lwlrap": sum(values) / len(values),
            "low": min(values),
            "high": max(values),
        }
        for (step, stage), values in sorted(by_step.items())
    ]


def _add_fold(figure: go.Figure, number: int, name: str, line: Epochs, smooth: bool) -> None:
    steps = [epoch["step"] for epoch in line]
    values = [epoch["lwlrap"] for epoch in line]
    best = line.index(best_epoch(line))
    if smooth:
        figure.add_scatter(
            x=steps,
            y=moving_average(values, [epoch["stage"] for epoch in line]),
            name=f"{name}, smoothed",
            legendgroup=name,
            mode="lines",
            line={"color": fold_colour(number), "dash": fold_dash(number), "width": 2},
            hovertemplate=f"{name}, epoch %{{x}}, smoothed: %{{y:.4f}}<extra></extra>",
        )
    dot = 5 if smooth or len(line) <= MAX_EPOCHS_WITH_DOTS else 0
    figure.add_scatter(
        x=steps,
        y=values,
        name=name,
        legendgroup=name,
        showlegend=not smooth,
        mode="markers" if smooth else "lines+markers",
        line={"color": fold_colour(number), "dash": fold_dash(number), "width": 2},
        marker={
            "color": fold_colour(number),
            "size": [13 if at == best else dot for at in range(len(line))],
            "symbol": ["star" if at == best else "circle" for at in range(len(line))],
            "opacity": [1 if at == best or not smooth else 0.35 for at in range(len(line))],
        },
        hovertemplate=f"{name}, epoch %{{x}}: lwlrap %{{y:.4f}}<extra></extra>",
    )


def _add_curated(figure: go.Figure, number: int, fold: int, line: Epochs, folds: list[int]) -> None:
    if not line:
        return
    figure.add_scatter(
        x=[epoch["step"] for epoch in line],
        y=[epoch["curated_lwlrap"] for epoch in line],
        name="on curated clips",
        legendgroup="curated",
        showlegend=fold == folds[0],
        mode="lines" if len(line) > 1 else "markers",
        line={"color": fold_colour(number), "dash": "dot", "width": 1},
        marker={"size": 4, "symbol": "circle-open", "color": fold_colour(number)},
        hovertemplate=f"{fold_name(fold)} on curated clips, epoch %{{x}}: lwlrap %{{y:.4f}}<extra></extra>",
    )


def _add_compared(figure: go.Figure, number: int, name: str, line: Epochs, smooth: bool) -> None:
    values = [epoch["lwlrap"] for epoch in line]
    figure.add_scatter(
        x=[epoch["step"] for epoch in line],
        y=moving_average(values, [epoch["stage"] for epoch in line]) if smooth else values,
        name=name,
        mode="lines" if len(line) > 1 else "markers",
        line={
            "color": COMPARED_COLOURS[number % len(COMPARED_COLOURS)],
            "dash": COMPARED_DASHES[number % len(COMPARED_DASHES)],
            "width": 3,
        },
        opacity=0.8,
        hovertemplate=f"{name}, mean of its folds, epoch %{{x}}: lwlrap %{{y:.4f}}<extra></extra>",
    )


def lwlrap_floor(lowest: float) -> float:
    """Where an axis begins that shows the lowest value with some space below it."""
    return max(0, int(10 * lowest - 0.5)) / 10


def _folds(epochs: Epochs) -> list[int]:
    return list(dict.fromkeys(epoch["fold"] for epoch in epochs))


def fold_colour(number: int) -> str:
    """Colour of the line of this number; lines of the same colour differ by `fold_dash`."""
    return FOLD_COLOURS[number % len(FOLD_COLOURS)]


def fold_dash(number: int) -> str:
    """Dash pattern of the line of this number."""
    return FOLD_DASHES[number % len(FOLD_DASHES)]


def mark_stages(figure: go.Figure, stages: Epochs, at_least: int = 0, begin: float = 0.5) -> None:
    """Mark where stages begin, and set the axis of epochs to all of them, or ``at_least`` so many."""
    total = max(at_least, sum(stage["epochs"] for stage in stages))
    figure.update_xaxes(range=[begin, total + 0.5])
    if total <= MAX_EPOCHS_WITH_WHOLE_TICKS:
        figure.update_xaxes(dtick=1)
    for stage in stages:
        figure.add_vline(
            x=begin,
            line={"color": QUIET, "width": 1, "dash": "dash"},
            annotation_text=plain(stage["subset"]) + (", shared" if stage.get("shared") else ""),
            annotation_position="bottom right",
        )
        begin += stage["epochs"]
