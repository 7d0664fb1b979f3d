"""Say of each clip which other clip is the same recording, and which of the two clips begins later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from audiotag.data.near_duplicates import NearDuplicate

KIND = "near-duplicate"
MIN_OFFSET_S = 0.005  # below it both clips begin at the same time

Name = tuple[str, str]  # subset and clip
Row = tuple[str, str, str, str]


class Partner(NamedTuple):
    """Another clip that is the same recording.

    Attributes
    ----------
    name : tuple[str, str]
        Its subset and clip.
    later_s : float
        How much later in the recording than it the clip itself begins; negative if it begins earlier.
    similarity : float
    differs : bool
        Whether both have labels, and other ones.
    """

    name: Name
    later_s: float
    similarity: float
    differs: bool


def without_copies(pairs: Iterable[NearDuplicate], index: pd.DataFrame, content: pd.Series) -> list[NearDuplicate]:
    """The pairs without those that are known by now to have the same content, which are duplicates.

    Parameters
    ----------
    pairs : iterable of NearDuplicate
    index : pandas.DataFrame
        With ``subset`` and ``clip``.
    content : pandas.Series
        From `audiotag.data.contents.same_content`, one value per clip.
    """
    known = content.notna().to_numpy()
    clips = index.loc[known, ["subset", "clip"]].itertuples(index=False, name=None)
    content_of = dict(zip(clips, content[known].tolist(), strict=True))
    return [
        pair
        for pair in pairs
        if pair.names[0] not in content_of or content_of[pair.names[0]] != content_of.get(pair.names[1])
    ]


def find_partners(index: pd.DataFrame, pairs: Iterable[NearDuplicate]) -> dict[Name, list[Partner]]:
    """The near-duplicates of each clip: first those with other labels, then the most similar ones.

    Parameters
    ----------
    index : pandas.DataFrame
        With ``subset``, ``clip`` and ``labels``.
    pairs : iterable of NearDuplicate
    """
    labels = _labels(index)
    found: dict[Name, list[Partner]] = {}
    for pair in pairs:
        first, second = pair.names
        if first in labels and second in labels:
            differs = bool(labels[first] and labels[second] and set(labels[first]) != set(labels[second]))
            found.setdefault(second, []).append(Partner(first, pair.offset_s, pair.similarity, differs))
            found.setdefault(first, []).append(Partner(second, -pair.offset_s, pair.similarity, differs))
    for partners in found.values():
        partners.sort(key=lambda partner: (not partner.differs, -partner.similarity))
    return found


def find_near_duplicate_faults(index: pd.DataFrame, pairs: Iterable[NearDuplicate]) -> list[Row]:
    """One row per clip that is the same recording as another one: ``kind``, ``clip``, ``subset`` and a sentence.

    Clips that belong together come one after the other.
    """
    partners, labels = find_partners(index, pairs), _labels(index)
    rows: dict[Name, Row] = {}
    for name, of_clip in partners.items():
        for clip in (name, *(partner.name for partner in of_clip)):
            if clip not in rows:
                rows[clip] = (KIND, clip[1], clip[0], _sentence(clip, partners[clip], labels))
    return list(rows.values())


def _sentence(clip: Name, partners: list[Partner], labels: dict[Name, tuple[str, ...]]) -> str:
    first = partners[0]
    own, other = _describe(clip, first.name), _describe(first.name, clip)
    begins = "at the same time"
    if abs(first.later_s) >= MIN_OFFSET_S:
        begins = f"{abs(first.later_s):.2f} s {'later' if first.later_s > 0 else 'earlier'}"
    sentence = f"{own} is the same recording as {other} and begins {begins}; similarity {first.similarity:.2f}."
    if first.differs:
        sentence += f" Their labels differ: {', '.join(labels[clip])} here, {', '.join(labels[first.name])} there."
    if more := len(partners) - 1:
        sentence += f" So {'is 1 other clip' if more == 1 else f'are {more:,} other clips'}."
    return sentence


def _describe(clip: Name, beside: Name) -> str:
    """The clip, with its subset if the other one has the same name."""
    return f"{clip[1]} ({clip[0]})" if clip[1] == beside[1] else clip[1]


def _labels(index: pd.DataFrame) -> dict[Name, tuple[str, ...]]:
    names = zip(index["subset"], index["clip"], strict=True)
    return dict(zip(names, map(tuple, index["labels"]), strict=True))
