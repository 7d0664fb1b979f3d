"""Tables that say what a dataset is like, from its index."""

from __future__ import annotations

import pandas as pd


def summary(index: pd.DataFrame) -> pd.DataFrame:
    """One row a subset: clips, hours, labels, label combinations, mean labels a clip, mean and range of duration.

    Parameters
    ----------
    index : pandas.DataFrame
        From `audiotag.data.index.scan`; clips that cannot be read are not counted.

    Returns
    -------
    pandas.DataFrame
        Index: subset. Columns: ``clips``, ``hours``, ``labels``, ``combinations``, ``labels_a_clip``,
        ``mean_s``, ``median_s``, ``shortest_s``, ``longest_s``.
    """
    rows = {}
    for subset, clips in readable(index).groupby("subset", sort=False):
        rows[subset] = {
            "clips": len(clips),
            "hours": clips["duration_s"].sum() / 3600,
            "labels": len({label for labels in clips["labels"] for label in labels}),
            "combinations": clips["labels"].map(lambda labels: tuple(sorted(labels))).nunique(),
            "labels_a_clip": clips["labels"].map(len).mean(),
            "mean_s": clips["duration_s"].mean(),
            "median_s": clips["duration_s"].median(),
            "shortest_s": clips["duration_s"].min(),
            "longest_s": clips["duration_s"].max(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def readable(index: pd.DataFrame) -> pd.DataFrame:
    """The clips that can be read."""
    return index[index["error"].isna()]


def label_counts(index: pd.DataFrame) -> pd.DataFrame:
    """Clips a label: rows labels by name, a column for each subset."""
    exploded = readable(index)[["subset", "labels"]].explode("labels")
    counts = exploded.groupby(["labels", "subset"]).size().unstack(fill_value=0)
    return counts.reindex(columns=[name for name in ("curated", "noisy", "test") if name in counts.columns])


def share_shorter(index: pd.DataFrame, length_s: float) -> pd.Series:
    """Share of each subset's clips (0 to 1) that are shorter than ``length_s`` seconds."""
    clips = readable(index)
    return (clips["duration_s"] < length_s).groupby(clips["subset"], sort=False).mean()


def ordered(counts: pd.DataFrame, order: str) -> pd.DataFrame:
    """`label_counts` by "most clips", "fewest clips" or "name"."""
    if order == "name":
        return counts.sort_index()
    total = counts.sum(axis=1)
    return counts.loc[total.sort_values(ascending=order == "fewest clips", kind="stable").index]


def clips_with(index: pd.DataFrame, subset: str, labels: list[str]) -> pd.DataFrame:
    """The readable clips of a subset that have all of ``labels``, numbered from 0."""
    clips = readable(index)
    wanted = set(labels)
    keep = (clips["subset"] == subset) & clips["labels"].map(wanted.issubset)
    return clips[keep].reset_index(drop=True)
