"""What is wrong with a dataset's clips, each with its kind and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat

import numpy as np
import pandas as pd

from audiotag.audio.levels import SILENCE_DBFS
from audiotag.data.dataset import Dataset
from audiotag.inspection.statistics import absent, measured, readable

TOO_SHORT_S = 0.1
CLIPPED_SHARE = 0.001
DC_SHARE = 0.01
TWINS_NAMED = 10  # of clips that are all the same: a thousand of them are a thousand rows already
USED_ALL_THE_SAME = ("truncated", "silent", "clipped", "DC", "duplicate", "too short", "counts")
LOOKED_AT = (
    "clip", "subset", "size", "modified_ns", "error", "duration_s", "measure_error", "truncated", "peak_dbfs",
    "rms_dbfs", "clipped_share", "dc", "content",
)  # fmt: skip
Row = tuple[str, str, str, str]


def faults(dataset: Dataset, index: pd.DataFrame) -> pd.DataFrame:
    """One row a fault, worst kinds first: ``kind``, ``clip``, ``subset``, ``what``.

    Missing, unreadable and too short are known from the header; truncated, silent, clipped, DC and duplicates once the
    clips are measured. The clips of a subset whose sounds are wholly absent are no rows: ``dataset.missing`` says so.
    Nor are silent clips that are the same, for all digital silence of one length is.
    """
    index = index[[name for name in LOOKED_AT if name in index]]  # each choice of rows copies every column
    rows = [(problem.kind, problem.clip, "", problem.reason) for problem in (*dataset.problems, *dataset.flagged)]
    gone = absent(index)
    rows += _reasons("missing", index[gone & ~_said_once(dataset, index, gone)], "error")
    rows += _reasons("unreadable", index[index["error"].notna() & ~gone], "error")
    if "measure_error" in index:
        undecodable = index["measure_error"].notna() & index["error"].isna()
        rows += _reasons("unreadable", index[undecodable], "measure_error")
    sounding = readable(index)
    short = sounding[sounding["duration_s"] < TOO_SHORT_S]
    rows += _rows("too short", short, "duration_s", lambda clip, length_s: f"{clip} lasts {1000 * length_s:.0f} ms.")
    if "rms_dbfs" in index:
        rows += _measured_faults(measured(index))
    return pd.DataFrame(rows, columns=["kind", "clip", "subset", "what"])


def _said_once(dataset: Dataset, index: pd.DataFrame, gone: pd.Series) -> pd.Series:
    """Which clips are of a subset that is wholly absent, where the dataset says that in one sentence."""
    if not dataset.missing or not gone.any():
        return pd.Series(False, index=index.index)
    return ~index["subset"].isin(index.loc[~gone, "subset"].unique())


def _measured_faults(clips: pd.DataFrame) -> list[Row]:
    cut = clips[clips["truncated"].astype(bool)]
    rows = _rows("truncated", cut, "truncated", lambda clip, _: f"{clip} ends before its header says.")
    silent = clips["peak_dbfs"] < SILENCE_DBFS
    lowest = f"no sample above {SILENCE_DBFS:g} dBFS"
    rows += _rows("silent", clips[silent], "peak_dbfs", lambda clip, _: f"{clip} has {lowest}.")
    clipped = clips[clips["clipped_share"] > CLIPPED_SHARE]
    full = "is in runs at full scale"
    rows += _rows("clipped", clipped, "clipped_share", lambda clip, share: f"{100 * share:.1f} % of {clip} {full}.")
    shifted = clips[clips["dc"].abs() > DC_SHARE]
    rows += _rows("DC", shifted, "dc", lambda clip, dc: f"{clip} has a DC offset of {dc:+.3f} of full scale.")
    return rows + _twins(clips[~silent])


def _twins(clips: pd.DataFrame) -> list[Row]:
    """Clips of the same content, those of one sound after each other."""
    twins = clips[clips["content"].duplicated(keep=False)]
    number, _ = pd.factorize(twins["content"])
    twins = twins.iloc[np.argsort(number, kind="stable")]
    groups: dict[str, list[str]] = {}
    for content, clip in zip(twins["content"].tolist(), twins["clip"].tolist(), strict=True):
        groups.setdefault(content, []).append(clip)
    sentences = {content: _same_sound(names) for content, names in groups.items()}
    return _rows("duplicate", twins, "content", lambda _, content: sentences[content])


def _same_sound(names: list[str]) -> str:
    more = f" and {len(names) - TWINS_NAMED:,} more" if len(names) > TWINS_NAMED else ""
    return f"The same sound: {', '.join(names[:TWINS_NAMED])}{more}."


def _reasons(kind: str, clips: pd.DataFrame, column: str) -> list[Row]:
    """A row for each of the clips, with the sentence that stands in ``column``."""
    return _rows(kind, clips, column, lambda _, reason: reason)


def _rows(kind: str, clips: pd.DataFrame, column: str, sentence: Callable[..., str]) -> list[Row]:
    """A row for each of the clips; ``sentence`` is told its name and its value in ``column``."""
    names = clips["clip"].tolist()
    whats = map(sentence, names, clips[column].tolist())
    return list(zip(repeat(kind, len(names)), names, clips["subset"].tolist(), whats, strict=True))
