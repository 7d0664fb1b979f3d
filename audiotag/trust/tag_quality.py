"""Precision and recall of each label's tags, with the intervals that their counts allow."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audiotag.trust.intervals import wilson_interval


def tag_quality(labels: tuple[str, ...], targets: np.ndarray, tags: np.ndarray) -> pd.DataFrame:
    """Count how many of each label's tags are right, and how many of the clips with the label get it.

    Parameters
    ----------
    labels : tuple[str, ...]
    targets : numpy.ndarray, shape=(clips, labels)
        Above 0 where a clip has the label.
    tags : numpy.ndarray, shape=(clips, labels), bool
        Whether a clip gets the label.

    Returns
    -------
    pandas.DataFrame
        One row per label, in the order of ``labels``: ``label``, ``positives`` (clips that have it), ``tagged`` (clips
        that get it), ``right`` (clips that have and get it), ``precision``, ``recall`` and ``f1``, and the 95 %
        intervals ``precision_low``, ``precision_high``, ``recall_low`` and ``recall_high`` (Wilson). What has nothing
        to count is NaN: the precision of a label that no clip gets, the recall and F1 of one that no clip has.
    """
    has = np.asarray(targets) > 0
    positives, tagged, right = (values.sum(axis=0) for values in (has, tags, has & tags))
    precision_low, precision_high = wilson_interval(right, tagged)
    recall_low, recall_high = wilson_interval(right, positives)
    with np.errstate(invalid="ignore", divide="ignore"):
        table = pd.DataFrame(
            {
                "label": labels,
                "positives": positives,
                "tagged": tagged,
                "right": right,
                "precision": right / tagged,
                "precision_low": precision_low,
                "precision_high": precision_high,
                "recall": right / positives,
                "recall_low": recall_low,
                "recall_high": recall_high,
                "f1": np.where(positives > 0, 2 * right / (positives + tagged), np.nan),
            }
        )
    return table


def overall_quality(targets: np.ndarray, tags: np.ndarray) -> pd.Series:
    """The row of `tag_quality` for all labels together: each tag, and each label of a clip, counts once."""
    has = np.asarray(targets) > 0
    return tag_quality(("all labels",), has.reshape(-1, 1), np.asarray(tags).reshape(-1, 1)).iloc[0]


def worst_first(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `tag_quality` by their F1, the lowest first; labels that no clip has come last."""
    return table.sort_values("f1", kind="stable", na_position="last")
