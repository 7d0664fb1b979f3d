"""Copy the members of a blend into its folder, so that it needs no other folder, and join their licences."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from audiotag.tagging import familiar, known_clips, out_of_fold
from audiotag.tagging.blend_card import MemberCard
from audiotag.tagging.card import CARD, Card
from audiotag.tagging.weights import read_checked
from audiotag.workspace import write_bytes, write_json

CREATIVE_COMMONS = re.compile(r"CC[ -]?(?P<zero>0)|CC[ -](?P<terms>BY(?:-(?:NC|ND|SA))*)\b", re.IGNORECASE)
UNKNOWN = "not stated"


def copy_member(source: Path, card: Card, parent: Path, number: int, weight: float) -> MemberCard:
    """Copy the files of an ensemble that a blend needs; each is checked against the ensemble's card.

    Parameters
    ----------
    source : Path
        Folder of the ensemble.
    card : Card
    parent : Path
        Folder of the blend.
    number : int
        From 1. Only of the first member the blend uses the familiarity, so the others are copied without it.
    weight : float
    """
    folder = parent / f"member-{number}"
    folder.mkdir()
    values = card.to_dict()
    values.pop("noise_gate", None)  # that of the blend is measured by itself
    files = {fold.file: fold.sha256 for fold in card.folds}
    files |= {out_of_fold.FILE: card.out_of_fold, known_clips.FILE: card.known_clips}
    if number == 1:
        files[familiar.FILE] = card.familiar
    else:
        values["familiar"] = ""
    for file, checksum in files.items():
        if checksum:
            write_bytes(folder / file, read_checked(source, file, checksum))
    write_json(folder / CARD, values)
    checksum = hashlib.sha256((folder / CARD).read_bytes()).hexdigest()
    return MemberCard(card.name, folder.name, checksum, len(card.folds), weight)


def strictest_licence(licences: Sequence[str]) -> str:
    """The licence whose conditions include those of all others, or all of them where there is no such licence.

    Examples
    --------
    >>> strictest_licence(["CC0-1.0", "CC BY 4.0", "CC BY-NC 4.0"])
    'CC BY-NC 4.0'
    >>> strictest_licence(["CC BY-SA 4.0", "CC BY-NC 4.0"])
    'the conditions of all of these together: CC BY-SA 4.0; CC BY-NC 4.0'
    >>> strictest_licence(["CC0-1.0", "not stated"])
    'not stated'
    """
    different = list(dict.fromkeys(licences))
    if len(different) == 1:
        return different[0]
    if UNKNOWN in different:
        return UNKNOWN
    conditions = [_conditions(licence) for licence in different]
    if None not in conditions:
        everything = frozenset().union(*(each for each in conditions if each is not None))
        if everything in conditions:
            return different[conditions.index(everything)]
    return f"the conditions of all of these together: {'; '.join(different)}"


def _conditions(licence: str) -> frozenset[str] | None:
    """The conditions of a Creative Commons licence; None where the text names no such licence, or several."""
    found = list(CREATIVE_COMMONS.finditer(licence))
    if len(found) != 1:
        return None
    return frozenset((found[0]["terms"] or "").upper().split("-")) - {""}
