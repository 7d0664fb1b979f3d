"""Find clips that have the same content and different labels: no network can learn both."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audiotag.data.left_out import LeftOutClip
from audiotag.wording import as_text

KIND = "contradiction"
BY_TRUST = ("test", "curated", "noisy")  # subsets whose labels are the more likely to be right, first
MAX_NAMED_CLIPS = 10

Row = tuple[str, str, str, str]


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
    clips = index[["clip", "path", "subset", "labels"]].assign(content=content)
    clips = clips[clips["content"].notna() & clips["labels"].map(len).gt(0)]
    clips = clips.assign(wanted=clips["labels"].map(frozenset))
    differs = clips.groupby("content")["wanted"].transform("nunique") > 1
    rows: list[Row] = []
    for _, same in clips[differs].groupby("content", sort=False):
        reason = _sentence(root, same)
        rows += [(KIND, clip, subset, reason) for clip, subset in _doubtful(same)[["clip", "subset"]].values.tolist()]
    return rows


def clips_to_leave_out(faults: pd.DataFrame) -> list[LeftOutClip]:
    """The clips among the contradictions that `audiotag.inspection.faults.find_faults` found, but for test clips."""
    rows = faults[(faults["kind"] == KIND) & (faults["subset"] != "test")]
    return [LeftOutClip(subset, clip, what) for subset, clip, what in rows[["subset", "clip", "what"]].values.tolist()]


def _doubtful(same: pd.DataFrame) -> pd.DataFrame:
    trusted = next(same[same["subset"] == subset] for subset in BY_TRUST if (same["subset"] == subset).any())
    if trusted["wanted"].nunique() > 1:
        return same
    return same[same["wanted"] != trusted["wanted"].iloc[0]]


def _sentence(root: Path, same: pd.DataFrame) -> str:
    clips = zip(same["path"], same["clip"], same["labels"], strict=True)
    named = [f"{_relative(path, clip, root)} ({', '.join(labels)})" for path, clip, labels in clips]
    more = f" and {len(named) - MAX_NAMED_CLIPS:,} more" if len(named) > MAX_NAMED_CLIPS else ""
    return f"The same sound has different labels: {', '.join(named[:MAX_NAMED_CLIPS])}{more}."


def _relative(path: Path, clip: str, root: Path) -> str:
    """The clip by its path in the dataset, because clips of two subsets may have the same name."""
    for folder in (root, root.parent):  # the latter for a table
        if path.is_relative_to(folder):
            return as_text(str(path.relative_to(folder)))
    return clip
