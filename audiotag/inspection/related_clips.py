"""Find the clips that a fault is about, so that they can be compared: its own clip first, then those beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audiotag.inspection import shortcuts
from audiotag.inspection.contradictions import KIND as CONTRADICTION

OF_ONE_CONTENT = (CONTRADICTION, "duplicate", "leak")


def related_rows(index: pd.DataFrame, content: pd.Series, kind: str, clip: str, subset: str, what: str) -> list[int]:
    """Positions in the index of the clips that a fault is about.

    Parameters
    ----------
    index : pandas.DataFrame
        The dataset's whole index, with or without measures.
    content : pandas.Series
        From `audiotag.data.contents.same_content`, one value per clip.
    kind, clip, subset, what : str
        One row of `audiotag.inspection.faults.find_faults`.

    Returns
    -------
    list of int
        The fault's own clip first; then the clips with the same content, for a leak without copies those of the same
        recording; for a shortcut a clip that has the property and one that does not. Empty where the dataset does not
        have the clip, as when it is left out.
    """
    if kind == shortcuts.KIND:
        return next((list(one.examples) for one in shortcuts.find_shortcuts(index) if str(one) == what), [])
    is_own = index["clip"] == clip
    if subset:
        is_own = is_own & (index["subset"] == subset)
    if not is_own.any():
        return []
    own = int(np.flatnonzero(is_own)[0])
    if kind not in OF_ONE_CONTENT:
        return [own]
    same = _rows_with(content, own)
    if kind == "leak" and not same:
        same = _rows_with(index["group"], own)
    return [own, *(row for row in same if row != own)]


def _rows_with(keys: pd.Series, own: int) -> list[int]:
    """Positions of the rows with the same key as one row; none where it has no key."""
    key = keys.iloc[own]
    return [] if pd.isna(key) else np.flatnonzero(keys.eq(key).fillna(False).to_numpy(dtype=bool)).tolist()
