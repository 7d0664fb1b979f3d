"""What is wrong with a dataset's clips, each with its kind and a sentence."""

from __future__ import annotations

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.statistics import absent, measured, readable
from audiotag.sound.audio import SILENCE_DBFS

TOO_SHORT_S = 0.1
CLIPPED_SHARE = 0.001
DC_SHARE = 0.01
TWINS_NAMED = 10  # of clips that are all the same: a thousand silent ones are a thousand rows already


def faults(dataset: Dataset, index: pd.DataFrame) -> pd.DataFrame:
    """One row a fault, worst kinds first: ``kind``, ``clip``, ``subset``, ``what``.

    Missing, unreadable and too short are known from the header; truncated, silent, clipped, DC and duplicates once the
    clips are measured.
    """
    rows = [(problem.kind, problem.clip, "", problem.reason) for problem in dataset.problems]
    rows += [(problem.kind, problem.clip, "", problem.reason) for problem in dataset.condemned]
    gone = absent(index)
    if not dataset.missing:  # else whole parts are not there, and that is said once
        rows += [("missing", row.clip, row.subset, row.error) for row in index[gone].itertuples()]
    broken = index[index["error"].notna() & ~gone]
    rows += [("unreadable", row.clip, row.subset, row.error) for row in broken.itertuples()]
    if "measure_error" in index:
        undecodable = index[index["measure_error"].notna() & index["error"].isna()]
        rows += [("unreadable", row.clip, row.subset, row.measure_error) for row in undecodable.itertuples()]
    sounding = readable(index)
    for row in sounding[sounding["duration_s"] < TOO_SHORT_S].itertuples():
        rows.append(("too short", row.clip, row.subset, f"{row.clip} lasts {1000 * row.duration_s:.0f} ms."))
    rows += _measured_faults(measured(index))
    return pd.DataFrame(rows, columns=["kind", "clip", "subset", "what"])


def _measured_faults(clips: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    if clips.empty:
        return rows
    for row in clips[clips["truncated"].astype(bool)].itertuples():
        rows.append(("truncated", row.clip, row.subset, f"{row.clip} ends before its header says."))
    for row in clips[clips["peak_dbfs"] < SILENCE_DBFS].itertuples():
        rows.append(("silent", row.clip, row.subset, f"{row.clip} has no sample above {SILENCE_DBFS:g} dBFS."))
    for row in clips[clips["clipped_share"] > CLIPPED_SHARE].itertuples():
        share = f"{100 * row.clipped_share:.1f} %"
        rows.append(("clipped", row.clip, row.subset, f"{share} of {row.clip} is in runs at full scale."))
    for row in clips[clips["dc"].abs() > DC_SHARE].itertuples():
        rows.append(("DC", row.clip, row.subset, f"{row.clip} has a DC offset of {row.dc:+.3f} of full scale."))
    twins = clips[clips.duplicated("content", keep=False)]
    for _, group in twins.groupby("content", sort=False):
        names = ", ".join(group["clip"].head(TWINS_NAMED))
        if len(group) > TWINS_NAMED:
            names += f" and {len(group) - TWINS_NAMED:,} more"
        rows += [("duplicate", row.clip, row.subset, f"The same sound: {names}.") for row in group.itertuples()]
    return rows
