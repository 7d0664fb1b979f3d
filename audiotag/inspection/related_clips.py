"""Find the clips that a fault is about, so that they can be compared: its own clip first, then those beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from audiotag.data.near_duplicates import NearDuplicate, connect
from audiotag.inspection import near_duplicate_faults, shortcuts
from audiotag.inspection.contradictions import KIND as CONTRADICTION

OF_ONE_CONTENT = (CONTRADICTION, "duplicate", "leak")


def related_rows(
    index: pd.DataFrame, content: pd.Series, near_duplicates: Sequence[NearDuplicate], fault: pd.Series
) -> list[int]:
    """Positions in the index of the clips that a fault is about.

    Parameters
    ----------
    index : pandas.DataFrame
        The dataset's whole index, with or without measures.
    content : pandas.Series
        From `audiotag.data.contents.same_content`, one value per clip.
    near_duplicates : sequence of NearDuplicate
        From `audiotag.data.near_duplicates.read_near_duplicates`.
    fault : pandas.Series
        One row of `audiotag.inspection.faults.find_faults`.

    Returns
    -------
    list of int
        The fault's own clip first; then the clips with the same content, for a leak without copies its near-duplicates
        or those of the same recording; for a near-duplicate the clip that its sentence names, then the others; for a
        shortcut a clip that has the property and one that does not. Empty where the dataset does not have the clip, as
        when it is left out.
    """
    kind, clip, subset, what = fault[["kind", "clip", "subset", "what"]]
    if kind == shortcuts.KIND:
        return next((list(one.examples) for one in shortcuts.find_shortcuts(index) if str(one) == what), [])
    is_own = index["clip"] == clip
    if subset:
        is_own = is_own & (index["subset"] == subset)
    if not is_own.any():
        return []
    own = int(np.flatnonzero(is_own)[0])
    if kind == near_duplicate_faults.KIND:
        return [own, *_rows_of_partners(index, near_duplicates, own)]
    if kind not in OF_ONE_CONTENT:
        return [own]
    same = _rows_with(content, own)
    if kind == "leak" and not same:
        same = _rows_with(connect(index, near_duplicates), own) or _rows_with(index["group"], own)
    return [own, *(row for row in same if row != own)]


def _rows_with(keys: pd.Series, own: int) -> list[int]:
    """Positions of the rows with the same key as one row; none where it has no key."""
    key = keys.iloc[own]
    return [] if pd.isna(key) else np.flatnonzero(keys.eq(key).fillna(False).to_numpy(dtype=bool)).tolist()


def _rows_of_partners(index: pd.DataFrame, near_duplicates: Sequence[NearDuplicate], own: int) -> list[int]:
    """Positions of the near-duplicates of the clip at a position, in the order of its sentence."""
    rows = {name: row for row, name in enumerate(zip(index["subset"], index["clip"], strict=True))}
    name = (index["subset"].iloc[own], index["clip"].iloc[own])
    partners = near_duplicate_faults.find_partners(index, near_duplicates)
    return [rows[partner.name] for partner in partners.get(name, ())]
