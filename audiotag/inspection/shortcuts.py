"""Find labels that a property of the files gives away, so that a network could learn the file instead of the sound.

Where all dogs were recorded at 22,050 Hz and everything else at 44,100 Hz, a network scores well without hearing a dog,
and fails on sounds from elsewhere (shortcut learning: Geirhos et al., "Shortcut learning in deep neural networks",
Nature Machine Intelligence 2, 2020). Two kinds of properties are tested:

- *Values* that files share: sample rate, channels, format, bits per sample, and lengths that many files have exactly.
  For each value, all labels whose clips have it far more often than the others are taken together. The statistic is
  Youden's J: the share of clips with one of these labels that have the value, minus the share of the others that do.
- *Measures*: bandwidth and level. The statistic is that of Kolmogorov and Smirnov, the largest J of any limit. Measures
  differ between sounds by nature, so much more is asked of them.

Chance is excluded by Fisher's exact test, or that of Kolmogorov and Smirnov, with Bonferroni's correction for the
number of labels and values. Clips of one recording are not independent, so recordings are counted where they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import kolmogorov
from scipy.stats import hypergeom

from audiotag.inspection.statistics import readable_clips

KIND = "shortcut"
MIN_CLIPS = 10  # of a label, and of the others: fewer say nothing
MIN_J = 0.6  # of a value
MIN_J_OF_MEASURE = 0.95
MAX_CHANCE = 0.001  # of one false alarm among all tests of a dataset
LENGTH_STEP_S = 0.001  # lengths that differ by less are the same
MAX_NAMED_LABELS = 5

# Column of the index: sentence parts for clips that have a value.
VALUES: dict[str, Callable[[object], str]] = {
    "sample_rate": lambda value: f"a sample rate of {value:,} Hz",
    "channels": lambda value: "1 channel" if value == 1 else f"{value} channels",
    "format": lambda value: f"the format {value}",
    "bits": lambda value: f"{value} bits per sample",
    "length": lambda value: f"a length of exactly {value:g} s",
}
MEASURES = {  # column of the index: name, and how a limit is written
    "bandwidth_hz": ("a bandwidth", "{:,.0f} Hz"),
    "rms_dbfs": ("an RMS level", "{:.1f} dBFS"),
}


@dataclass(frozen=True)
class Shortcut:
    """A property of files that gives labels away.

    Attributes
    ----------
    labels : tuple[str, ...]
    has : str
        What their files have, in words.
    clips, of : int
        How many clips with one of the labels have it, and how many clips have one of the labels.
    other_clips, of_others : int
        The same for clips with none of the labels.
    examples : tuple[int, ...]
        Positions in the index of a clip with a label that has the property, and of one without both; the second is
        missing where every other clip has the property too.
    """

    labels: tuple[str, ...]
    has: str
    clips: int
    of: int
    other_clips: int
    of_others: int
    examples: tuple[int, ...]

    def __str__(self) -> str:
        """The finding as sentences.

        >>> print(Shortcut(("Dog",), "a sample rate of 22,050 Hz", 40, 40, 0, 500, ()))
        All 40 clips labelled Dog have a sample rate of 22,050 Hz, none of the other 500 has: a network can tell the \
label from the file.
        """
        names = " or ".join(self.labels[:MAX_NAMED_LABELS])
        more = len(self.labels) - MAX_NAMED_LABELS
        names += f" or {more} more labels" if more > 1 else f" or {self.labels[-1]}" if more == 1 else ""
        count = f"All {self.of:,} clips" if self.clips == self.of else f"{self.clips:,} of {self.of:,} clips"
        rest = f"{self.other_clips:,} of the other {self.of_others:,} have"
        if self.other_clips <= 1:
            rest = f"{('none', 'one')[self.other_clips]} of the other {self.of_others:,} has"
        label = "label" if len(self.labels) == 1 else "labels"
        return f"{count} labelled {names} have {self.has}, {rest}: a network can tell the {label} from the file."


def find_shortcuts(index: pd.DataFrame) -> list[Shortcut]:
    """Find the labels that a property of the files gives away; those of the most clips first.

    Parameters
    ----------
    index : pandas.DataFrame
        From `audiotag.data.index.scan`, with or without measures. Test clips are left out, because nothing learns from
        them, unless there are no others.
    """
    numbered = index.assign(row=np.arange(len(index)))
    clips = readable_clips(numbered[index["subset"] != "test"])
    if len(clips) == 0:
        clips = readable_clips(numbered)
    table = _LabelTable.of(clips)
    if not len(table.labels):
        return []
    columns = _columns_of_values(clips)
    tests = sum(len(names) for _, names in columns.values()) + len(MEASURES)
    chance = MAX_CHANCE / max(1, tests * len(table.labels))
    found = [shortcut for name, column in columns.items() for shortcut in _by_value(table, name, *column, chance)]
    for name in MEASURES:
        if name in clips:
            found += _by_measure(table, name, clips[name].to_numpy(dtype=float, na_value=np.nan), chance)
    return sorted(found, key=lambda shortcut: -shortcut.clips)


@dataclass(frozen=True, eq=False)
class _LabelTable:
    """Which clips have which label: one entry per label of a clip.

    ``rows`` are the clips' positions in the index, ``units`` the numbers of their recordings.
    """

    labels: np.ndarray
    clip_of: np.ndarray
    label_of: np.ndarray
    rows: np.ndarray
    units: np.ndarray

    @classmethod
    def of(cls, clips: pd.DataFrame) -> _LabelTable:
        numbers = clips["labels"].map(len).to_numpy(dtype=int)
        codes, labels = pd.factorize(np.array([label for own in clips["labels"] for label in own], dtype=object))
        group = clips["group"].to_numpy(dtype=object) if "group" in clips else np.full(len(clips), None, object)
        known = pd.notna(group)
        units = np.arange(len(clips))
        units[known] = len(clips) + pd.factorize(group[known])[0]
        return cls(labels, np.repeat(np.arange(len(clips)), numbers), codes, clips["row"].to_numpy(), units)

    def with_any(self, labels: np.ndarray) -> np.ndarray:
        """Whether each clip has one of the labels with these numbers."""
        has = np.zeros(len(self.rows), dtype=bool)
        has[self.clip_of[np.isin(self.label_of, labels)]] = True
        return has


def _columns_of_values(clips: pd.DataFrame) -> dict[str, tuple[np.ndarray, list[object]]]:
    """The columns of `VALUES` with several values: per clip the number of its value, −1 for none; and the values."""
    lengths = (clips["duration_s"].astype(float) / LENGTH_STEP_S).round()
    is_frequent = lengths.map(lengths.value_counts()) >= MIN_CLIPS
    columns = {name: clips[name] for name in VALUES if name in clips}
    columns["length"] = (lengths * LENGTH_STEP_S).where(is_frequent)
    if "container" in clips:
        columns["format"] = clips["container"].fillna("") + " " + clips["codec"].fillna("")
    found = {name: pd.factorize(values) for name, values in columns.items()}
    return {
        name: (codes, list(values))
        for name, (codes, values) in found.items()
        if len(values) > 1 or (len(values) and (codes < 0).any())
    }


def _by_value(table: _LabelTable, name: str, codes: np.ndarray, values: list[object], chance: float) -> list[Shortcut]:
    """The values of one property that give labels away; one that most clips have only where no other does."""
    found: list[Shortcut] = []
    shares = np.bincount(codes[codes >= 0], minlength=len(values)) / max(1, len(codes))
    counts = _contingency(table.label_of, codes[table.clip_of], len(table.labels), len(values))
    by_unit, unit_totals, units = _counts_of_units(table, codes, len(values))
    of_label = np.bincount(table.label_of, minlength=len(table.labels))
    for value in np.argsort(shares, kind="stable"):
        share = counts[:, value] / np.maximum(of_label, 1)
        p = hypergeom.sf(by_unit[:, value] - 1, units, unit_totals[value], by_unit.sum(axis=1))
        labels = np.flatnonzero((of_label >= MIN_CLIPS) & (share >= MIN_J) & (p < chance))
        if len(labels) and not (found and shares[value] > 0.5):
            found += _checked(table, labels, codes == value, VALUES[name](values[value]), MIN_J)
    return found


def _contingency(labels: np.ndarray, values: np.ndarray, n_labels: int, n_values: int) -> np.ndarray:
    """How many entries have each label and each value, shape ``(n_labels, n_values)``; a value of −1 is none."""
    known = values >= 0
    cells = labels[known].astype(np.int64) * n_values + values[known]
    return np.bincount(cells, minlength=n_labels * n_values).reshape(n_labels, n_values)


def _counts_of_units(table: _LabelTable, codes: np.ndarray, n_values: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Recordings per label and value; recordings per value; and how many there are.

    A recording whose clips have several values counts once for each.
    """
    n_columns = n_values + 1  # the last is for clips without a value
    column = np.where(codes < 0, n_values, codes)
    units = np.unique(table.units.astype(np.int64) * n_columns + column)
    totals = np.bincount(units % n_columns, minlength=n_columns)
    entries = (table.units.astype(np.int64) * n_columns + column)[table.clip_of]
    entries = np.unique(table.label_of.astype(np.int64) * ((table.units.max() + 1) * n_columns) + entries)
    labels, rest = np.divmod(entries, (table.units.max() + 1) * n_columns)
    return _contingency(labels, rest % n_columns, len(table.labels), n_columns), totals, len(units)


def _by_measure(table: _LabelTable, name: str, values: np.ndarray, chance: float) -> Iterator[Shortcut]:
    """The labels whose clips are all below, or all above, a limit that nearly no other clip is beyond."""
    finite = np.isfinite(values)
    order = np.argsort(np.where(finite, values, np.inf), kind="stable")[: int(finite.sum())]
    ranked = values[order]
    is_last = np.append(ranked[1:] != ranked[:-1], True)  # a limit cannot separate equal values
    for label in range(len(table.labels)):
        has = np.zeros(len(values), dtype=bool)
        has[table.clip_of[table.label_of == label]] = True
        own = has[order]
        n_own, n_others = int(own.sum()), int((~own).sum())
        if min(n_own, n_others) < MIN_CLIPS:
            continue
        gap = np.where(is_last, np.cumsum(own) / n_own - np.cumsum(~own) / n_others, 0.0)
        at = int(np.abs(gap).argmax())
        n_units = len(np.unique(table.units[has & finite]))
        n_other_units = len(np.unique(table.units[~has & finite]))
        p = float(kolmogorov(np.sqrt(n_units * n_other_units / (n_units + n_other_units)) * abs(gap[at])))
        if abs(gap[at]) < MIN_J_OF_MEASURE or p >= chance or at + 1 == len(ranked):
            continue
        limit = (ranked[at] + ranked[at + 1]) / 2
        property_name, text = MEASURES[name]
        side = "below" if gap[at] > 0 else "above"
        beyond = values < limit if gap[at] > 0 else values > limit
        yield from _checked(
            table, np.array([label]), beyond, f"{property_name} {side} {text.format(limit)}", MIN_J_OF_MEASURE, finite
        )


def _checked(
    table: _LabelTable, labels: np.ndarray, fits: np.ndarray, has: str, least: float, known: np.ndarray | None = None
) -> list[Shortcut]:
    """The shortcut if the labels, taken together, are told from the others by the property; else nothing."""
    with_label = table.with_any(labels)
    if known is not None:
        with_label, others = with_label & known, ~with_label & known
    else:
        others = ~with_label
    clips, of = int((with_label & fits).sum()), int(with_label.sum())
    other_clips, of_others = int((others & fits).sum()), int(others.sum())
    if of_others < MIN_CLIPS or clips / of - other_clips / of_others < least:
        return []
    examples = [np.flatnonzero(with_label & fits)[:1], np.flatnonzero(others & ~fits)[:1]]
    rows = tuple(int(table.rows[place]) for place in np.concatenate(examples))
    names = tuple(sorted(str(table.labels[label]) for label in labels))
    return [Shortcut(names, has, clips, of, other_clips, of_others, rows)]
