"""What the card of a blend says beyond that of an ensemble: its members, its stackers, and how they are combined.

A blend is an ensemble of ensembles. Its folder has a copy of each member in a folder of its own, and one safetensors
file for each fold of each stacker. The members, followed by the stackers, are its voters: what folds are to an
ensemble, voters are to a blend.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from audiotag.checks import Within, build, check, readable, require

BlendCombine = Literal["geometric", "mean"]
MAX_MEMBERS = 30
COPY = "copy the blend again"
Weight = Annotated[float, Within(0, 1000, above=True), "1 for each gives all the same weight"]


@dataclass(frozen=True)
class MemberCard:
    """A member of a blend.

    Attributes
    ----------
    name : str
        Name of the ensemble that it is a copy of.
    folder : str
        Its folder in that of the blend: ``member-1`` …
    sha256 : str
        Checksum of its ``card.json``, which has the checksums of its other files.
    folds : int
        Number of its folds.
    weight : float
        Above 0.
    """

    name: str
    folder: str
    sha256: str
    folds: Annotated[int, Within(1, 100), COPY]
    weight: Weight = 1.0

    def __post_init__(self) -> None:
        check(self)
        named = re.fullmatch(r"member-\d{1,2}", self.folder)
        require(bool(named), "folder", "be member-1, member-2 …", readable(self.folder), COPY)


@dataclass(frozen=True)
class StackerFoldCard:
    """The weights file of one fold of a stacker: the fold, the file in the blend's folder, and its checksum."""

    fold: Annotated[int, Within(0), COPY]
    file: str
    sha256: str

    def __post_init__(self) -> None:
        check(self)
        is_plain = Path(self.file).name == self.file and Path(self.file).suffix == ".safetensors"
        require(is_plain, "file", "be a safetensors file in the blend's folder", readable(self.file), COPY)


@dataclass(frozen=True)
class StackerCard:
    """A stacker of a blend, see `audiotag.tagging.stacker`.

    Attributes
    ----------
    name : str
    reduction : int
        The gate's hidden layer has so many times fewer units than there are inputs.
    dropout : float
        In training; has no effect on scores.
    folds : tuple[StackerFoldCard, ...]
        Each was fitted without the clips that the same fold of the members held out.
    weight : float
        Above 0.
    """

    name: str
    reduction: Annotated[int, Within(1, 1000), COPY]
    dropout: Annotated[float, Within(0, 1, below=True), COPY]
    folds: tuple[StackerFoldCard, ...]
    weight: Weight = 1.0

    def __post_init__(self) -> None:
        check(self)
        require(0 < len(self.folds) <= 100, "folds", "be 1 to 100 files", len(self.folds), COPY)

    @classmethod
    def from_dict(cls, values: Any) -> StackerCard:
        """From plain values; raises `AudiotagError` if one is wrong."""
        if isinstance(values, dict) and isinstance(values.get("folds"), list | tuple):
            values = values | {"folds": tuple(build(StackerFoldCard, fold, "folds.") for fold in values["folds"])}
        return build(cls, values, "stackers.")


@dataclass(frozen=True)
class BlendCard:
    """Members and stackers of a blend, and how their scores become those of the blend.

    Attributes
    ----------
    combine : "geometric" or "mean"
        The weighted geometric or arithmetic mean over the voters.
    members : tuple[MemberCard, ...]
    stackers : tuple[StackerCard, ...]
    out_of_fold : str
        How its out-of-fold figures were found, or why there are none, as a sentence.
    """

    combine: BlendCombine
    members: tuple[MemberCard, ...]
    stackers: tuple[StackerCard, ...] = ()
    out_of_fold: str = ""

    def __post_init__(self) -> None:
        check(self)
        require(1 < len(self.members) <= MAX_MEMBERS, "members", f"be 2 to {MAX_MEMBERS}", len(self.members), COPY)
        folders = [member.folder for member in self.members]
        require(len(set(folders)) == len(folders), "members", "have different folders", ", ".join(folders), COPY)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weight of each voter: the members, then the stackers."""
        return (*(member.weight for member in self.members), *(stacker.weight for stacker in self.stackers))

    @classmethod
    def from_dict(cls, values: Any) -> BlendCard:
        """From plain values; raises `AudiotagError` if one is wrong."""
        require(isinstance(values, dict), "blend", "be a table of fields", readable(values), COPY)
        lists = {name: values.get(name, []) for name in ("members", "stackers")}
        for name, found in lists.items():
            require(isinstance(found, list), name, "be a list of tables", readable(found), COPY)
        members = tuple(build(MemberCard, member, "members.") for member in lists["members"])
        stackers = tuple(map(StackerCard.from_dict, lists["stackers"]))
        return build(cls, values | {"members": members, "stackers": stackers}, "blend.")
