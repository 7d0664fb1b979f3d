"""Tables that say what a dataset is like, from its index."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pandas as pd

from audiotag.features.measures import THIRD_OCTAVES_HZ

BINS_AT_MOST = 50
LOWEST_DBFS = -120.0


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
        Index: subset. Columns: ``clips``, ``hours``, ``labels``, ``combinations``, ``labels_per_clip``,
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


def ordered_by_median(table: pd.DataFrame) -> list[str]:
    """The labels of `durations_by_label`, the longest median of any subset first."""
    return list(table.groupby("label")["median_s"].max().sort_values(ascending=False, kind="stable").index)


def rarest(counts: pd.DataFrame) -> list[str]:
    """A sentence a subset of `label_counts`: its three rarest labels, beside the median label."""
    sentences = []
    for subset in counts.columns:
        clips = counts[subset].sort_values(kind="stable")
        named = ", ".join(f"{label} ({number:,})" for label, number in clips.head(3).items())
        sentences.append(f"rarest {subset}: {named}; the median label has {_clips(clips.median())}")
    return sentences


def _clips(number: float) -> str:
    return f"{number:,.0f} clip{'' if round(number) == 1 else 's'}"


def labels_per_clip(index: pd.DataFrame) -> pd.DataFrame:
    """Clips by their number of labels: rows 1, 2, …, a column a subset."""
    clips = labelled(index)
    return clips.groupby([clips["labels"].map(len).rename("labels a clip"), "subset"]).size().unstack(fill_value=0)


def combinations(index: pd.DataFrame) -> pd.DataFrame:
    """Clips a combination of labels, most frequent first: rows combinations, a column a subset."""
    clips = labelled(index)
    names = clips["labels"].map(lambda labels: ", ".join(sorted(labels))).rename("combination")
    return ordered(clips.groupby([names, "subset"]).size().unstack(fill_value=0), "most clips")


def co_occurrence(index: pd.DataFrame) -> pd.DataFrame:
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


def durations_by_label(index: pd.DataFrame) -> pd.DataFrame:
    """How long each label's clips are: a row a label and subset, in the order of the names.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``subset``, ``clips``, ``mean_s``, and the 10th, 50th and 90th percentile ``p10_s``, ``median_s``,
        ``p90_s``, in seconds.
    """
    exploded = readable(index)[["subset", "labels", "duration_s"]].explode("labels").dropna(subset=["labels"])
    if len(exploded) == 0:
        return pd.DataFrame(columns=["label", "subset", "clips", "mean_s", "p10_s", "median_s", "p90_s"])
    exploded = exploded.assign(duration_s=exploded["duration_s"].astype(float))
    grouped = exploded.rename(columns={"labels": "label"}).groupby(["label", "subset"])["duration_s"]
    percentiles = grouped.quantile([0.1, 0.5, 0.9]).unstack()
    percentiles.columns = ["p10_s", "median_s", "p90_s"]
    table = pd.DataFrame({"clips": grouped.size(), "mean_s": grouped.mean()}).join(percentiles)
    return table.reset_index()


def formats(index: pd.DataFrame) -> pd.DataFrame:
    """What the files are: rows facts, a column a subset; a value that differs is listed with its number of clips."""
    columns = {
        "container": "container",
        "codec": "codec",
        "bits": "bits a sample",
        "channels": "channels",
        "sample_rate": "sample rate (Hz)",
    }
    table = {}
    for subset, clips in readable(index).groupby("subset", sort=False):
        durations = clips["duration_s"].astype(float)
        table[subset] = {name: _constant(clips[column]) for column, name in columns.items()} | {
            "clips": f"{len(clips):,}",
            "hours": f"{durations.sum() / 3600:.2f}",
            "mean duration (s)": f"{durations.mean():.2f}",
            "median duration (s)": f"{durations.median():.2f}",
            "shortest and longest (s)": f"{durations.min():.2f} – {durations.max():.2f}",
            "size (GB)": f"{clips['size'].sum() / 1e9:.3f}",
        }
    return pd.DataFrame(table)


def _constant(values: pd.Series) -> str:
    counts = values.value_counts()
    if len(counts) == 0:
        return "—"
    shown = ", ".join(f"{value} ({clips:,})" for value, clips in counts.head(3).items())
    return str(counts.index[0]) if len(counts) == 1 else shown + (" …" if len(counts) > 3 else "")


def third_octaves(index: pd.DataFrame, same_power: bool = False) -> pd.DataFrame:
    """Average third-octave spectrum: rows centre frequencies in Hz, a column a subset, in dB.

    Parameters
    ----------
    index : pandas.DataFrame
        With measures.
    same_power : bool
        By default dBFS: the power of a band averaged over the clips, 0 dB a square wave between −1 and 1 (a sine at
        full scale has −3 dBFS). With ``same_power`` each clip is brought to the same power first, so that no loud clip
        outweighs the others, and 0 dB is the power in all thirty bands: the curves then compare colour alone.
    """
    table = {}
    for subset, clips in measured(index).groupby("subset", sort=False):
        mean = _mean_power(clips, same_power)
        if mean is not None:
            table[subset] = 10 * np.log10(np.maximum(mean, 1e-20))
    return pd.DataFrame(table, index=pd.Index(THIRD_OCTAVES_HZ, name="frequency (Hz)"))


def spectral_gap(index: pd.DataFrame, subset: str, reference: str) -> pd.DataFrame:
    """How far the average spectrum of each label in ``subset`` lies above that in ``reference``, in dB.

    Each clip is brought to the same power first: what is left is the difference of colour between the sets. A row a
    label, the most different first (by its root mean square over the bands), a column a third octave ("31.5 Hz").
    Bands that hold less than a millionth of the power in both are NaN: there is nothing to compare.
    """
    clips = measured(index)
    clips = clips[clips["subset"].isin([subset, reference])]
    shares, sounding = _shares_of_power(clips)
    clips = clips[sounding].reset_index(drop=True)
    exploded = clips[["subset", "labels"]].explode("labels")
    of_label = pd.DataFrame(shares[exploded.index], columns=[f"{band:g} Hz" for band in THIRD_OCTAVES_HZ])
    means = of_label.groupby([exploded["subset"].to_numpy(), exploded["labels"].to_numpy()]).mean()
    if not {subset, reference}.issubset(means.index.get_level_values(0)):
        return of_label.iloc[:0].rename_axis("label")
    here, there = (means.loc[name] for name in (subset, reference))
    here, there = here.align(there, join="inner", axis=0)
    gap = 10 * np.log10(here.clip(lower=1e-12) / there.clip(lower=1e-12))
    gap = gap.mask(np.maximum(here, there) < 1e-6)
    order = np.sqrt((gap**2).mean(axis=1)).sort_values(ascending=False, kind="stable").index
    return gap.loc[order].rename_axis("label")


def _mean_power(clips: pd.DataFrame, same_power: bool) -> np.ndarray | None:
    """Mean power in each third octave, shape ``(30,)``; None where no clip has any."""
    if not same_power:
        power = _power(clips)
        return power.mean(axis=0) if power.any() else None
    shares, _ = _shares_of_power(clips)
    return shares.mean(axis=0) if len(shares) else None


def _shares_of_power(clips: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Each sounding clip's power by third octave, all of it 1, shape ``(sounding, 30)``; and which clips sound."""
    power = _power(clips)
    total = power.sum(axis=1, keepdims=True)
    sounding = total[:, 0] > 0
    return power[sounding] / total[sounding], sounding


def _power(clips: pd.DataFrame) -> np.ndarray:
    return np.array(clips["third_octaves"].to_list()).reshape(len(clips), len(THIRD_OCTAVES_HZ))


def distribution(index: pd.DataFrame, column: str) -> pd.DataFrame:
    """Share of each subset's clips (0 to 1) a bin of a measure: ``from``, ``to``, and a column a subset.

    Edges are round numbers; a value on an edge lies in the bin that begins there. Levels below −120 dBFS are digital
    silence with whatever a float holds, and count as −120: one such clip would squeeze all others into a corner.
    """
    values = index[["subset", column]].astype({column: float}).replace([np.inf, -np.inf], np.nan).dropna()
    if column.endswith("_dbfs"):
        values[column] = values[column].clip(lower=LOWEST_DBFS)
    if len(values) == 0:
        return pd.DataFrame(columns=["from", "to"])
    edges = round_edges(float(values[column].min()), float(values[column].max()))
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:]})
    for subset, part in values.groupby("subset", sort=False)[column]:
        at = np.clip(np.searchsorted(edges, part, side="right") - 1, 0, len(table) - 1)  # an edge may be rounded
        table[subset] = np.bincount(at, minlength=len(table)) / len(part)
    return table


def round_edges(low: float, high: float) -> np.ndarray:
    """Edges of at most 50 bins, multiples of 1, 2 or 5 times a power of ten, that hold all from ``low`` to ``high``.

    >>> round_edges(0.3, 30.0)[[0, 1, -1]]
    array([ 0.,  1., 31.])
    """
    span = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-3)  # values all alike need no finer bins
    step = next(
        step
        for power in range(-5, 12)
        for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
        if span / step <= BINS_AT_MOST
    )
    first, last = math.floor(low / step + 1e-9), math.floor(high / step + 1e-9) + 1
    return np.round(np.arange(first, last + 1) * step, 6)


def percentiles(index: pd.DataFrame) -> pd.DataFrame:
    """Durations in seconds that a share of each subset's clips do not exceed: rows 0 to 100 %, a column a subset."""
    shares = np.linspace(0, 1, 201)
    table = {
        subset: np.quantile(durations.to_numpy(dtype=float), shares, method="inverted_cdf")
        for subset, durations in readable(index).groupby("subset", sort=False)["duration_s"]
    }
    return pd.DataFrame(table, index=pd.Index(100 * shares, name="share of clips (%)"))


def measured(index: pd.DataFrame) -> pd.DataFrame:
    """The clips that the second pass has measured."""
    return index[index["rms_dbfs"].notna()] if "rms_dbfs" in index else index.iloc[:0]
