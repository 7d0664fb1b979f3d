"""Figures of the Train page: lwlrap and losses as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from audiotag.figures.theme import FOLD_COLOURS, FOLD_DASHES, QUIET, framed

MARKED_EPOCHS = 40  # a longer line reads better without a dot an epoch


def lwlrap(epochs: Sequence[dict[str, Any]], stages: Sequence[dict[str, Any]]) -> go.Figure:
    """A line a fold of lwlrap by epoch, the best epoch starred, the stages parted.

    Parameters
    ----------
    epochs : sequence of dict
        From `audiotag.training.runs.epochs_done`.
    stages : sequence of dict
        ``subset`` and ``epochs`` of each stage, in order.
    """
    figure = go.Figure()
    for number, fold in enumerate(_folds(epochs)):
        line = [epoch for epoch in epochs if epoch["fold"] == fold]
        dot = 5 if len(line) <= MARKED_EPOCHS else 0
        best = max(range(len(line)), key=lambda at: line[at]["lwlrap"])
        figure.add_scatter(
            x=[epoch["step"] for epoch in line],
            y=[epoch["lwlrap"] for epoch in line],
            name=f"fold {fold}",
            mode="lines+markers",
            line={"color": _colour(number), "dash": _dash(number), "width": 2},
            marker={
                "size": [13 if at == best else dot for at in range(len(line))],
                "symbol": ["star" if at == best else "circle" for at in range(len(line))],
            },
            hovertemplate=f"fold {fold}, epoch %{{x}}: lwlrap %{{y:.4f}}<extra></extra>",
        )
    _mark_stages(figure, stages)
    figure.update_yaxes(range=[0, 1.02])
    return framed(figure, 380, "epoch", "lwlrap on the fold's held-out clips")


def losses(epochs: Sequence[dict[str, Any]], stages: Sequence[dict[str, Any]]) -> go.Figure:
    """Training loss (dotted) and validation loss (full), a pair a fold."""
    figure = go.Figure()
    for number, fold in enumerate(_folds(epochs)):
        line = [epoch for epoch in epochs if epoch["fold"] == fold]
        for key, name, dash in (("valid_loss", "held out", "solid"), ("train_loss", "training", "dot")):
            figure.add_scatter(
                x=[epoch["step"] for epoch in line],
                y=[epoch[key] for epoch in line],
                name=f"fold {fold}, {name}",
                mode="lines",
                line={"color": _colour(number), "dash": dash, "width": 2},
                hovertemplate=f"fold {fold}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
            )
    _mark_stages(figure, stages)
    return framed(figure, 320, "epoch", "binary cross-entropy")


def _folds(epochs: Sequence[dict[str, Any]]) -> list[int]:
    return list(dict.fromkeys(epoch["fold"] for epoch in epochs))


def _colour(number: int) -> str:
    return FOLD_COLOURS[number % len(FOLD_COLOURS)]


def _dash(number: int) -> str:
    return FOLD_DASHES[number % len(FOLD_DASHES)]


def _mark_stages(figure: go.Figure, stages: Sequence[dict[str, Any]]) -> None:
    total = sum(stage["epochs"] for stage in stages)
    figure.update_xaxes(range=[0.5, total + 0.5])
    begin = 0.5
    for stage in stages:
        figure.add_vline(
            x=begin,
            line={"color": QUIET, "width": 1, "dash": "dash"},
            annotation_text=stage["subset"],
            annotation_position="bottom right",
        )
        begin += stage["epochs"]
