"""Draw the figures of the Tag page: timeline, precision and recall."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from audiotag.figures.text import plain
from audiotag.figures.theme import ACCENT, WARM, set_frame
from audiotag.tagging.result import Tag, Tags

MAX_WINDOWS_WITH_GAPS = 60  # a longer timeline is drawn without gaps between its cells
MAX_POINTS = 1000  # per row that can be clicked on; more would make the browser slow


def timeline(tags: Tags, labels: tuple[str, ...], part_s: tuple[float, float], rows: int = 5) -> go.Figure:
    """Scores over the time of a whole sound: one row per label, the tags first, one cell per window.

    Parameters
    ----------
    tags : Tags
    labels : tuple[str, ...]
        All labels of the ensemble, in the order of the columns of ``tags.timeline``.
    part_s : tuple[float, float]
        Start and end of the part that the player shows, in seconds; it is framed.
    rows : int
        Maximum number of labels.
    """
    order = [labels.index(tag.label) for tag in passing_first(tags)[:rows]][::-1]
    names, middles = [plain(labels[label]) for label in order], tags.starts_s + tags.window_s / 2
    step = float(np.diff(tags.starts_s).min()) if len(tags.starts_s) > 1 else tags.window_s
    gap = 2 if len(tags.starts_s) <= MAX_WINDOWS_WITH_GAPS else 0
    figure = go.Figure(
        go.Heatmap(
            z=tags.timeline[:, order].T,
            x=middles,
            y=names,
            zmin=0,
            zmax=1,
            dx=step,
            colorscale=[[0, "rgba(138,148,144,0.08)"], [1, ACCENT]],
            colorbar={"title": "score", "thickness": 12},
            xgap=gap,
            ygap=2,
            hoverinfo="skip",
        )
    )
    every = max(1, -(-len(middles) // MAX_POINTS))
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(  # a heatmap reports no clicks
        x=np.tile(middles[::every], len(order)),
        y=np.repeat(names, len(middles[::every])),
        customdata=tags.timeline[::every, order].T.ravel(),
        mode="markers",
        marker={"symbol": "square", "size": 24, "opacity": 0},
        selected=unseen,
        unselected=unseen,
        hovertemplate="%{y}, window around %{x:.1f} s: %{customdata:.2f}<extra></extra>",
        showlegend=False,
    )
    figure.add_vrect(*part_s, line={"color": WARM, "width": 2, "dash": "dash"}, fillcolor="rgba(0,0,0,0)")
    return set_frame(figure, 70 + 34 * rows, "middle of the window (s)")


def passing_first(tags: Tags) -> list[Tag]:
    """Every label: those that a sound gets first, then the likeliest others."""
    return sorted(tags.ranking, key=lambda tag: not tag.passes)


def precision_recall(targets: np.ndarray, scores: np.ndarray, threshold: float) -> go.Figure:
    """Precision-recall curve of one label from out-of-fold targets and scores, with the current threshold marked.

    Parameters
    ----------
    targets, scores : numpy.ndarray, shape=(clips,)
    threshold : float
    """
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
            hovertemplate="current threshold: precision %{y:.2f}, recall %{x:.2f}<extra></extra>",
            showlegend=False,
        )
    figure.update_yaxes(range=[0, 1.04])
    figure = set_frame(figure, 190, "recall", "precision")
    figure.update_xaxes(range=[0, 1.04])
    return figure


def precision_recall_curve(targets: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall, precision and threshold at every distinct score, the highest first; empty without positive clips.

    Parameters
    ----------
    targets : numpy.ndarray, shape=(clips,)
        Above 0 where a clip has the label.
    scores : numpy.ndarray, shape=(clips,)

    Returns
    -------
    tuple of three numpy.ndarray, shape=(points,)
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(targets[order] > 0)
    if not len(hits) or not hits[-1]:
        return np.empty(0), np.empty(0), np.empty(0)
    is_last = np.append(ranked[:-1] != ranked[1:], True)  # of equal scores, which no threshold separates
    return (hits / hits[-1])[is_last], (hits / np.arange(1, len(hits) + 1))[is_last], ranked[is_last]
