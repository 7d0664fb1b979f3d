"""Figures of the Tag page."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from audiotag.figures.theme import ACCENT, QUIET, WARM, framed
from audiotag.tagging.result import Tag, Tags

MOST_PARTED = 60  # windows in a timeline that has gaps between them


def scores(ranking: tuple[Tag, ...]) -> go.Figure:
    """Bars of the likeliest labels, each with its threshold as a tick; those that pass are full, the others hollow."""
    shown = ranking[::-1]
    names = [f"{tag.label}  {tag.score:.2f}" for tag in shown]  # to be read without the bars
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
    figure.update_layout(showlegend=False)
    return framed(figure, 90 + 26 * len(shown), "score, | threshold")


def timeline(tags: Tags, labels: tuple[str, ...], part_s: tuple[float, float], rows: int = 5) -> go.Figure:
    """Scores over the time of a whole sound: a row a label, its tags first, a cell a window; a part of it framed."""
    order = [labels.index(tag.label) for tag in by_passing(tags)[:rows]][::-1]
    step = float(np.diff(tags.starts_s).min()) if len(tags.starts_s) > 1 else tags.window_s
    gap = 2 if len(tags.starts_s) <= MOST_PARTED else 0
    figure = go.Figure(
        go.Heatmap(
            z=tags.timeline[:, order].T,
            x=tags.starts_s + tags.window_s / 2,
            y=[labels[label] for label in order],
            zmin=0,
            zmax=1,
            dx=step,
            colorscale=[[0, "rgba(138,148,144,0.08)"], [1, ACCENT]],
            colorbar={"title": "score", "thickness": 12},
            xgap=gap,
            ygap=2,
            hovertemplate="%{y}, window around %{x:.1f} s: %{z:.2f}<extra></extra>",
        )
    )
    figure.add_vrect(*part_s, line={"color": WARM, "width": 2, "dash": "dash"}, fillcolor="rgba(0,0,0,0)")
    return framed(figure, 70 + 34 * rows, "middle of the window (s)")


def by_passing(tags: Tags) -> list[Tag]:
    """Every label: those that a sound gets first, then the likeliest others."""
    return sorted(tags.ranking, key=lambda tag: not tag.passes)


def precision_recall(targets: np.ndarray, scores: np.ndarray, threshold: float) -> go.Figure:
    """The curve that a label's threshold moves along, from out-of-fold targets and scores; the point where it is."""
    recall, precision, at = precision_recall_curve(targets, scores)
    figure = go.Figure()
    figure.add_scatter(
        x=recall,
        y=precision,
        customdata=at,
        mode="lines",
        line={"color": ACCENT, "width": 2, "shape": "hv"},
        hovertemplate="threshold %{customdata:.3f}: precision %{y:.2f}, recall %{x:.2f}<extra></extra>",
        showlegend=False,
    )
    given = scores >= threshold
    if given.any() and targets.any():
        right = np.count_nonzero(given & (targets > 0))
        figure.add_scatter(
            x=[right / np.count_nonzero(targets > 0)],
            y=[right / np.count_nonzero(given)],
            mode="markers",
            marker={"symbol": "diamond", "size": 13, "color": WARM},
            hovertemplate="here: precision %{y:.2f}, recall %{x:.2f}<extra></extra>",
            showlegend=False,
        )
    figure.update_yaxes(range=[0, 1.04])
    figure = framed(figure, 190, "recall", "precision")
    figure.update_xaxes(range=[0, 1.04])
    return figure


def precision_recall_curve(targets: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall, precision and threshold at every score that parts the clips, the highest first; empty without positives.

    Parameters
    ----------
    targets, scores : numpy.ndarray, shape=(clips,)
        Above 0 where a clip has the label; its score.

    Returns
    -------
    tuple of numpy.ndarray, shape=(points,)
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(targets[order] > 0)
    if not len(hits) or not hits[-1]:
        return np.empty(0), np.empty(0), np.empty(0)
    parting = np.append(ranked[:-1] != ranked[1:], True)  # no threshold parts equal scores
    return (hits / hits[-1])[parting], (hits / np.arange(1, len(hits) + 1))[parting], ranked[parting]
