"""Tables that describe a dataset, computed from its index: durations, labels, files, levels and spectra."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from audiotag.features.measures import THIRD_OCTAVES_HZ

MAX_BINS = 50
MIN_LEVEL_DBFS = -120.0  # lower levels are digital silence with rounding errors


def summary(index: pd.DataFrame) -> pd.DataFrame:
    """One row per subset: clips, hours, labels, label combinations, mean labels per clip, and durations.

    Parameters
    ----------
    index : pandas.DataFrame
        From `audiotag.data.index.scan`; clips that cannot be read are not counted. Clips whose sound files do not exist
        are counted, because their labels are known.

    Returns
    -------
    pandas.DataFrame
        Index: subset. Columns: ``clips``, ``hours``, ``labels``, ``combinations``, ``labels_per_clip`` (mean of
        the clips that have labels),
        ``mean_s``, ``median_s``, ``shortest_s``, ``longest_s``.
    """
    rows = {}
    for subset, clips in labelled_clips(index).groupby("subset", sort=False):
        counts = clips["labels"].map(len)
        combinations = set(map(tuple, clips["labels"]))  # far fewer than clips
        rows[subset] = {
            "clips": len(clips),
            "hours": clips["duration_s"].sum() / 3600,
            "labels": len(set(itertools.chain.from_iterable(combinations))),
            "combinations": len({tuple(sorted(labels)) for labels in combinations}),
            "labels_per_clip": counts[counts > 0].mean() if counts.any() else 0.0,
            "mean_s": clips["duration_s"].mean(),
            "median_s": clips["duration_s"].median(),
            "shortest_s": clips["duration_s"].min(),
            "longest_s": clips["duration_s"].max(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def readable_clips(index: pd.DataFrame) -> pd.DataFrame:
    """The clips that can be read."""
    return index[index["error"].isna()]


def labelled_clips(index: pd.DataFrame) -> pd.DataFrame:
    """The clips that can be read, and those whose sound files do not exist: the labels of both count."""
    return index[index["error"].isna() | is_absent(index)]


def is_absent(index: pd.DataFrame) -> pd.Series:
    """Whether each clip's file does not exist; an empty file exists, and has a time of change."""
    return (index["size"] == 0) & (index["modified_ns"] == 0)


def label_counts(index: pd.DataFrame) -> pd.DataFrame:
    """Number of clips per label: one row per label, sorted by name, and one column per subset."""
    exploded = labelled_clips(index)[["subset", "labels"]].explode("labels")
    counts = exploded.groupby(["labels", "subset"]).size().unstack(fill_value=0)
    return counts.reindex(columns=[name for name in ("curated", "noisy", "test") if name in counts.columns])


def clips_per_label(index: pd.DataFrame, subset: str) -> dict[str, int]:
    """Number of clips of a subset per label, the label with the most clips first."""
    clips = labelled_clips(index)
    counts = clips.loc[clips["subset"] == subset, "labels"].explode().dropna().value_counts()
    return _most_first(counts)


def frequent_combinations(index: pd.DataFrame, subset: str, most: int) -> list[dict[str, Any]]:
    """The most frequent combinations of labels in a subset: ``labels``, sorted, and ``clips``; the first has most."""
    clips = labelled_clips(index)
    found = clips.loc[clips["subset"] == subset, "labels"].map(lambda labels: tuple(sorted(labels)))
    counts = _most_first(found.value_counts())
    return [{"labels": list(labels), "clips": count} for labels, count in list(counts.items())[:most]]


def _most_first(counts: pd.Series) -> dict[Any, int]:
    """Counts in descending order, equal ones in the order of their names."""
    return {name: int(count) for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))}


def share_shorter(index: pd.DataFrame, length_s: float) -> pd.Series:
    """Share of each subset's clips (0 to 1) that are shorter than ``length_s`` seconds."""
    clips = readable_clips(index)
    return (clips["duration_s"] < length_s).groupby(clips["subset"], sort=False).mean()


def share_covered(index: pd.DataFrame, length_s: float) -> pd.Series:
    """Share of each subset's total duration (0 to 1) that one crop of ``length_s`` seconds per clip covers."""
    clips = readable_clips(index)
    durations = clips["duration_s"].astype(float)
    covered = durations.clip(upper=length_s).groupby(clips["subset"], sort=False).sum()
    return covered / durations.groupby(clips["subset"], sort=False).sum()


def sort_label_counts(counts: pd.DataFrame, order: str) -> pd.DataFrame:
    """A table as of `label_counts`, sorted by "most clips", "fewest clips" or "name"."""
    if order == "name":
        return counts.sort_index()
    total = counts.sum(axis=1)
    return counts.loc[total.sort_values(ascending=order == "fewest clips", kind="stable").index]


def labels_by_median_duration(table: pd.DataFrame) -> list[str]:
    """The labels of `durations_by_label`, those with the longest median in any subset first."""
    return list(table.groupby("label")["median_s"].max().sort_values(ascending=False, kind="stable").index)


def describe_rarest_labels(counts: pd.DataFrame) -> list[str]:
    """One sentence per subset of `label_counts`: its three rarest labels, and the clips of the median label."""
    sentences = []
    for subset in counts.columns:
        clips = counts[subset].sort_values(kind="stable")
        named = ", ".join(f"{label} ({number:,})" for label, number in clips.head(3).items())
        sentences.append(f"rarest {subset}: {named}; the median label has {_count_clips(clips.median())}")
    return sentences


def _count_clips(number: float) -> str:
    return f"{number:,.0f} clip{'' if round(number) == 1 else 's'}"


def labels_per_clip(index: pd.DataFrame) -> pd.DataFrame:
    """Number of clips with 1, 2, … labels: one row per number of labels, one column per subset."""
    clips = labelled_clips(index)
    return clips.groupby([clips["labels"].map(len).rename("labels per clip"), "subset"]).size().unstack(fill_value=0)


def combinations(index: pd.DataFrame) -> pd.DataFrame:
    """Number of clips per combination of labels, most frequent first, with one column per subset."""
    clips = labelled_clips(index)
    names = clips["labels"].map(lambda labels: ", ".join(sorted(labels))).rename("combination")
    return sort_label_counts(clips.groupby([names, "subset"]).size().unstack(fill_value=0), "most clips")


def co_occurrence(index: pd.DataFrame) -> pd.DataFrame:
    """How many ``clips`` have both ``label`` and ``other``: two rows per pair, one in each order."""
    pairs = Counter(
        pair for labels in labelled_clips(index)["labels"] for pair in itertools.permutations(sorted(set(labels)), 2)
    )
    rows = [(label, other, clips) for (label, other), clips in pairs.items()]
    return pd.DataFrame(rows, columns=["label", "other", "clips"]).sort_values(["label", "other"], ignore_index=True)


def licences(index: pd.DataFrame) -> pd.DataFrame:
    """Number of clips per licence, with one column per subset; empty if the tables name no licences."""
    clips = labelled_clips(index).dropna(subset=["licence"])
    return clips.groupby(["licence", "subset"]).size().unstack(fill_value=0)


def durations_by_label(index: pd.DataFrame) -> pd.DataFrame:
    """Durations of the clips of each label: one row per label and subset, sorted by name.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``subset``, ``clips``, ``mean_s``, and the 10th, 50th and 90th percentile ``p10_s``, ``median_s``,
        ``p90_s``, in seconds.
    """
    exploded = readable_clips(index)[["subset", "labels", "duration_s"]].explode("labels").dropna(subset=["labels"])
    if len(exploded) == 0:
        return pd.DataFrame(columns=["label", "subset", "clips", "mean_s", "p10_s", "median_s", "p90_s"])
    exploded = exploded.assign(duration_s=exploded["duration_s"].astype(float))
    grouped = exploded.rename(columns={"labels": "label"}).groupby(["label", "subset"])["duration_s"]
    percentiles = grouped.quantile([0.1, 0.5, 0.9]).unstack()
    percentiles.columns = ["p10_s", "median_s", "p90_s"]
    table = pd.DataFrame({"clips": grouped.size(), "mean_s": grouped.mean()}).join(percentiles)
    return table.reset_index()


def formats(index: pd.DataFrame) -> pd.DataFrame:
    """Formats and sizes of the files: one row per fact, one column per subset.

    A value that differs between clips is listed with its number of clips.
    """
    columns = {
        "container": "container",
        "codec": "codec",
        "bits": "bits per sample",
        "channels": "channels",
        "sample_rate": "sample rate (Hz)",
    }
    table = {}
    for subset, clips in readable_clips(index).groupby("subset", sort=False):
        durations = clips["duration_s"].astype(float)
        table[subset] = {name: _describe_values(clips[column]) for column, name in columns.items()} | {
            "clips": f"{len(clips):,}",
            "hours": f"{durations.sum() / 3600:.2f}",
            "mean duration (s)": f"{durations.mean():.2f}",
            "median duration (s)": f"{durations.median():.2f}",
            "shortest and longest (s)": f"{durations.min():.2f} – {durations.max():.2f}",
            "size (GB)": f"{clips['size'].sum() / 1e9:.3f}",
        }
    return pd.DataFrame(table)


def _describe_values(values: pd.Series) -> str:
    counts = values.value_counts()
    if len(counts) == 0:
        return "—"
    shown = ", ".join(f"{value} ({clips:,})" for value, clips in counts.head(3).items())
    return str(counts.index[0]) if len(counts) == 1 else shown + (" …" if len(counts) > 3 else "")


def third_octaves(index: pd.DataFrame, same_power: bool = False) -> pd.DataFrame:
    """Average third-octave spectrum in dB: one row per centre frequency in Hz, one column per subset.

    Parameters
    ----------
    index : pandas.DataFrame
        With measures.
    same_power : bool
        By default, levels are in dBFS: the power of a band averaged over the clips; 0 dB is a square wave between
        −1 and 1 (a sine at full scale has −3 dBFS). With ``same_power``, each clip is scaled to the same power first,
        so that loud clips do not outweigh the others, and 0 dB is the power in all thirty bands; the curves then show
        the shapes of the spectra alone.
    """
    table = {}
    for subset, clips in measured_clips(index).groupby("subset", sort=False):
        mean = _mean_power(clips, same_power)
        if mean is not None:
            table[subset] = 10 * np.log10(np.maximum(mean, 1e-20))
    return pd.DataFrame(table, index=pd.Index(THIRD_OCTAVES_HZ, name="frequency (Hz)"))


def spectral_gap(index: pd.DataFrame, subset: str, reference: str) -> pd.DataFrame:
    """How far the average spectrum of each label in ``subset`` is above that in ``reference``, in dB.

    Each clip is scaled to the same power first, so that only the shapes of the spectra differ.

    Returns
    -------
    pandas.DataFrame
        One row per label, the most different first (by the root mean square over the bands), and one column per third
        octave ("31.5 Hz"). Bands with less than a millionth of the power in both subsets are NaN.
    """
    clips = measured_clips(index)
    clips = clips[clips["subset"].isin([subset, reference])]
    shares, has_power = _shares_of_power(clips)
    clips = clips[has_power].reset_index(drop=True)
    exploded = clips[["subset", "labels"]].explode("labels")
    by_label = pd.DataFrame(shares[exploded.index], columns=[f"{band:g} Hz" for band in THIRD_OCTAVES_HZ])
    means = by_label.groupby([exploded["subset"].to_numpy(), exploded["labels"].to_numpy()]).mean()
    if not {subset, reference}.issubset(means.index.get_level_values(0)):
        return by_label.iloc[:0].rename_axis("label")
    own, other = (means.loc[name] for name in (subset, reference))
    own, other = own.align(other, join="inner", axis=0)
    gap = 10 * np.log10(own.clip(lower=1e-12) / other.clip(lower=1e-12))
    gap = gap.mask(np.maximum(own, other) < 1e-6)
    order = np.sqrt((gap**2).mean(axis=1)).sort_values(ascending=False, kind="stable").index
    return gap.loc[order].rename_axis("label")


def _mean_power(clips: pd.DataFrame, same_power: bool) -> np.ndarray | None:
    """Mean power in each third octave, shape ``(30,)``; None if no clip has any."""
    if not same_power:
        power = _power(clips)
        return power.mean(axis=0) if power.any() else None
    shares, _ = _shares_of_power(clips)
    return shares.mean(axis=0) if len(shares) else None


def _shares_of_power(clips: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Each third octave's share of a clip's power, shape ``(n_with_power, 30)``, and which clips have power."""
    power = _power(clips)
    total = power.sum(axis=1, keepdims=True)
    has_power = total[:, 0] > 0
    return power[has_power] / total[has_power], has_power


def _power(clips: pd.DataFrame) -> np.ndarray:
    return np.array(clips["third_octaves"].to_list()).reshape(len(clips), len(THIRD_OCTAVES_HZ))


def distribution(index: pd.DataFrame, column: str) -> pd.DataFrame:
    """Histogram of a measure: the share of each subset's clips (0 to 1) per bin.

    Levels below −120 dBFS are digital silence with rounding errors, and count as −120: one such clip would squeeze all
    others into one corner of the figure.

    Returns
    -------
    pandas.DataFrame
        One row per bin: ``from``, ``to``, and one column per subset. Edges are round numbers; a value on an edge is in
        the bin that begins there.
    """
    values = index[["subset", column]].astype({column: float}).replace([np.inf, -np.inf], np.nan).dropna()
    if column.endswith("_dbfs"):
        values[column] = values[column].clip(lower=MIN_LEVEL_DBFS)
    if len(values) == 0:
        return pd.DataFrame(columns=["from", "to"])
    edges = round_edges(float(values[column].min()), float(values[column].max()))
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:]})
    for subset, part in values.groupby("subset", sort=False)[column]:
        at = np.clip(np.searchsorted(edges, part, side="right") - 1, 0, len(table) - 1)  # rounded edges
        table[subset] = np.bincount(at, minlength=len(table)) / len(part)
    return table


def round_edges(low: float, high: float) -> np.ndarray:
    """Edges of about 50 bins at most that contain ``low`` to ``high``: multiples of 1, 2 or 5 times a power of ten.

    >>> round_edges(0.3, 30.0)[[0, 1, -1]]
    array([ 0.,  1., 31.])
    """
    span = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-3)  # equal values need no finer bins
    step = next(
        step
        for power in range(-5, 12)
        for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
        if span / step <= MAX_BINS
    )
    first, last = math.floor(low / step + 1e-9), math.floor(high / step + 1e-9) + 1
    return np.round(np.arange(first, last + 1) * step, 6)


def percentiles(index: pd.DataFrame) -> pd.DataFrame:
    """Durations in seconds that 0, 0.5, … 100 % of each subset's clips do not exceed, with one column per subset."""
    shares = np.linspace(0, 1, 201)
    table = {
        subset: np.quantile(durations.to_numpy(dtype=float), shares, method="inverted_cdf")
        for subset, durations in readable_clips(index).groupby("subset", sort=False)["duration_s"]
    }
    return pd.DataFrame(table, index=pd.Index(100 * shares, name="share of clips (%)"))


def measured_clips(index: pd.DataFrame) -> pd.DataFrame:
    """The clips that are measured already, see `audiotag.inspection.measurement_job`."""
    return index[index["rms_dbfs"].notna()] if "rms_dbfs" in index else index.iloc[:0]
