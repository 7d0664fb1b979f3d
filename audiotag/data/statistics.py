"""Tables that say what a dataset is like, from its index."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from audiotag.data.measures import THIRD_OCTAVES_HZ


def summary(index: pd.DataFrame) -> pd.DataFrame:
    """One row a subset: clips, hours, labels, label combinations, mean labels a clip, mean and range of duration.

    Parameters
    ----------
    index : pandas.DataFrame
        From `audiotag.data.index.scan`; clips that cannot be read are not counted, clips whose sounds are not there
        count by their labels.

    Returns
    -------
    pandas.DataFrame
        Index: subset. Columns: ``clips``, ``hours``, ``labels``, ``combinations``, ``labels_a_clip``,
        ``mean_s``, ``median_s``, ``shortest_s``, ``longest_s``.
    """
    rows = {}
    for subset, clips in labelled(index).groupby("subset", sort=False):
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


def labelled(index: pd.DataFrame) -> pd.DataFrame:
    """The clips that can be read, and those whose sounds are not there: their labels count all the same."""
    return index[index["error"].isna() | absent(index)]


def absent(index: pd.DataFrame) -> pd.Series:
    """Whether each clip's file is not there; an empty file is there, and has a time of change."""
    return (index["size"] == 0) & (index["modified_ns"] == 0)


def label_counts(index: pd.DataFrame) -> pd.DataFrame:
    """Clips a label: rows labels by name, a column for each subset."""
    exploded = labelled(index)[["subset", "labels"]].explode("labels")
    counts = exploded.groupby(["labels", "subset"]).size().unstack(fill_value=0)
    return counts.reindex(columns=[name for name in ("curated", "noisy", "test") if name in counts.columns])


def share_shorter(index: pd.DataFrame, length_s: float) -> pd.Series:
    """Share of each subset's clips (0 to 1) that are shorter than ``length_s`` seconds."""
    clips = readable(index)
    return (clips["duration_s"] < length_s).groupby(clips["subset"], sort=False).mean()


def share_seen(index: pd.DataFrame, length_s: float) -> pd.Series:
    """Share of each subset's sound (0 to 1) that one crop of ``length_s`` seconds a clip sees."""
    clips = readable(index)
    durations = clips["duration_s"].astype(float)
    seen = durations.clip(upper=length_s).groupby(clips["subset"], sort=False).sum()
    return seen / durations.groupby(clips["subset"], sort=False).sum()


def ordered(counts: pd.DataFrame, order: str) -> pd.DataFrame:
    """`label_counts` by "most clips", "fewest clips" or "name"."""
    if order == "name":
        return counts.sort_index()
    total = counts.sum(axis=1)
    return counts.loc[total.sort_values(ascending=order == "fewest clips", kind="stable").index]


def labels_a_clip(index: pd.DataFrame) -> pd.DataFrame:
    """Clips by their number of labels: rows 1, 2, …, a column a subset."""
    clips = labelled(index)
    return clips.groupby([clips["labels"].map(len).rename("labels a clip"), "subset"]).size().unstack(fill_value=0)


def combinations(index: pd.DataFrame) -> pd.DataFrame:
    """Clips a combination of labels, most frequent first: rows combinations, a column a subset."""
    clips = labelled(index)
    names = clips["labels"].map(lambda labels: ", ".join(sorted(labels))).rename("combination")
    return ordered(clips.groupby([names, "subset"]).size().unstack(fill_value=0), "most clips")


def together(index: pd.DataFrame) -> pd.DataFrame:
    """How often two labels are on one clip: ``label``, ``other``, ``clips``; each pair both ways round."""
    pairs = Counter(
        pair for labels in labelled(index)["labels"] for pair in itertools.permutations(sorted(set(labels)), 2)
    )
    rows = [(label, other, clips) for (label, other), clips in pairs.items()]
    return pd.DataFrame(rows, columns=["label", "other", "clips"]).sort_values(["label", "other"], ignore_index=True)


def licences(index: pd.DataFrame) -> pd.DataFrame:
    """Clips a licence, a column a subset; empty where the tables name none."""
    clips = labelled(index).dropna(subset=["licence"])
    return clips.groupby(["licence", "subset"]).size().unstack(fill_value=0)


def formats(index: pd.DataFrame) -> pd.DataFrame:
    """What the files are, a column a subset: container, codec, channels, sample rate, each value or how many."""
    columns = {"container": "container", "codec": "codec", "channels": "channels", "sample_rate": "sample rate (Hz)"}
    table = {
        subset: {name: _constant(clips[column]) for column, name in columns.items()}
        for subset, clips in readable(index).groupby("subset", sort=False)
    }
    return pd.DataFrame(table)


def _constant(values: pd.Series) -> str:
    counts = values.value_counts()
    shown = ", ".join(f"{value} ({clips:,})" for value, clips in counts.head(3).items())
    return str(counts.index[0]) if len(counts) == 1 else shown + (" …" if len(counts) > 3 else "")


def third_octaves(index: pd.DataFrame) -> pd.DataFrame:
    """Average third-octave spectrum: rows centre frequencies in Hz, a column a subset, in dB.

    0 dB is the power in all thirty bands together. Each clip's power is brought to that first, so that no loud clip
    outweighs the others: the curves compare colour, the level's distribution stands beside them.
    """
    table = {}
    for subset, clips in measured(index).groupby("subset", sort=False):
        power = np.stack(clips["third_octaves"].to_numpy())
        total = power.sum(axis=1, keepdims=True)
        shares = power[total[:, 0] > 0] / total[total[:, 0] > 0]
        if len(shares):
            table[subset] = 10 * np.log10(np.maximum(shares.mean(axis=0), 1e-12))
    return pd.DataFrame(table, index=pd.Index(THIRD_OCTAVES_HZ, name="frequency (Hz)"))


def measured(index: pd.DataFrame) -> pd.DataFrame:
    """The clips that the second pass has measured."""
    return index[index["rms_dbfs"].notna()] if "rms_dbfs" in index else index.iloc[:0]


@dataclass(frozen=True)
class Filter:
    """Which clips to look at; empty fields let everything through.

    Attributes
    ----------
    labels : tuple[str, ...]
        With ``every_label`` all of them must be on the clip, else any.
    longest_s, shortest_s : float
        Seconds, both included.
    text : str
        In the clip's name, its source or one of its labels, in whatever case.
    """

    subset: str = ""
    labels: tuple[str, ...] = ()
    every_label: bool = False
    text: str = ""
    shortest_s: float = 0.0
    longest_s: float = math.inf


def filtered(index: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """The rows that pass, with their own index."""
    keep = pd.Series(True, index=index.index)
    if wanted.subset:
        keep &= index["subset"] == wanted.subset
    if wanted.labels:
        labels = set(wanted.labels)
        passes = labels.issubset if wanted.every_label else lambda have: not labels.isdisjoint(have)
        keep &= index["labels"].map(passes).astype(bool)
    if wanted.shortest_s > 0 or wanted.longest_s < math.inf:
        keep &= index["duration_s"].between(wanted.shortest_s, wanted.longest_s).fillna(False).astype(bool)
    if wanted.text:
        text = index["clip"] + " " + index["labels"].map(" ".join) + " " + index["source"].fillna("")
        keep &= text.str.contains(wanted.text, case=False, regex=False)
    return index[keep]
