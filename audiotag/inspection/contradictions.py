"""Find clips that have the same content and different labels: no network can learn both."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from audiotag.data.left_out import LeftOutClip
from audiotag.wording import as_text

KIND = "contradiction"
BY_TRUST = ("test", "curated", "noisy")  # subsets whose labels are the more likely to be right, first
MAX_NAMED_CLIPS = 10

Row = tuple[str, str, str, str]


class _Clip(NamedTuple):
    subset: str
    clip: str
    path: Path
    labels: tuple[str, ...]


def find_contradictions(root: Path, index: pd.DataFrame, content: pd.Series) -> list[Row]:
    """Find the clips to leave out so that no two clips with the same content have different labels.

    Where the most trusted subset that has the content agrees in itself (test before curated before noisy), these are
    the clips of the others that disagree with it; where it does not, all clips with this content, because nobody knows
    which are right.

    Parameters
    ----------
    root : Path
        The dataset, to which paths are relative in sentences.
    index : pandas.DataFrame
        The dataset's clips: ``clip``, ``path``, ``subset`` and ``labels``. A clip without labels contradicts nothing.
    content : pandas.Series
        From `audiotag.data.contents.same_content`, one value per clip.

    Returns
    -------
    list of tuple
        ``kind``, ``clip``, ``subset`` and a sentence that names all clips with the content, with their labels.
    """
    known = content.notna()
    columns = (index.loc[known, name].tolist() for name in ("subset", "clip", "path", "labels"))
    groups: dict[int, list[_Clip]] = {}
    for number, *values in zip(content[known].tolist(), *columns, strict=True):
        clip = _Clip(*values)
        if clip.labels:
            groups.setdefault(number, []).append(clip)
    rows: list[Row] = []
    for same in groups.values():
        if len({frozenset(clip.labels) for clip in same}) > 1:
            reason = _sentence(root, same)
            rows += [(KIND, clip.clip, clip.subset, reason) for clip in _doubtful(same)]
    return rows


def clips_to_leave_out(faults: pd.DataFrame) -> list[LeftOutClip]:
    """The clips among the contradictions that `audiotag.inspection.faults.find_faults` found, but for test clips."""
    rows = faults[(faults["kind"] == KIND) & (faults["subset"] != "test")]
    return [LeftOutClip(subset, clip, what) for subset, clip, what in rows[["subset", "clip", "what"]].values.tolist()]


def _doubtful(same: list[_Clip]) -> list[_Clip]:
    most_trusted = min(BY_TRUST.index(clip.subset) for clip in same)
    trusted = {frozenset(clip.labels) for clip in same if BY_TRUST.index(clip.subset) == most_trusted}
    return same if len(trusted) > 1 else [clip for clip in same if frozenset(clip.labels) not in trusted]


def _sentence(root: Path, same: list[_Clip]) -> str:
    named = [f"{_relative(clip.path, clip.clip, root)} ({', '.join(clip.labels)})" for clip in same[:MAX_NAMED_CLIPS]]
    more = f" and {len(same) - MAX_NAMED_CLIPS:,} more" if len(same) > MAX_NAMED_CLIPS else ""
    return f"The same sound has different labels: {', '.join(named)}{more}."


def _relative(path: Path, clip: str, root: Path) -> str:
    """The clip by its path in the dataset, because clips of two subsets may have the same name."""
    for folder in (root, root.parent):  # the latter for a table
        if path.is_relative_to(folder):
            return as_text(str(path.relative_to(folder)))
    return clip
