"""Count which groups of clips belong together, and which of them straddle the folds of a run.

A group straddles if a fold is scored on some of its clips and trained on others. Scores on such clips say how well a
network remembers, not how well it tags new sounds. There are four kinds of groups: clips of one source recording as
the dataset says, clips whose names look as if they were of one recording, identical sounds, and near-duplicates. Names
are a guess, the others are facts. `audiotag.training.run_splits` makes the report of a run.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from audiotag.data.leaks import count_straddling
from audiotag.data.name_groups import NamePattern

Kind = Literal["recordings", "names", "identical", "near-duplicates"]
TITLES: dict[Kind, str] = {
    "recordings": "source recordings",
    "names": "recordings by their names",
    "identical": "groups of identical clips",
    "near-duplicates": "groups of near-duplicates",
}
EXAMPLE = (
    "Measured on kitchen20: clips whose recording is also in the training score an lwlrap about 0.06 higher than "
    "without it (docs/accuracy.md)."
)
TEST = "test"  # the part of clips that no fold trains on or is scored on
MAX_LARGEST = 5  # groups of a kind that are listed
MAX_NAMED = 3  # clips of a group
MIN_AGREEMENT = 0.95  # of the pairs of clips that names join


@dataclass(frozen=True)
class Group:
    """A group of two or more clips.

    Attributes
    ----------
    name : str
        The recording, or the first clip.
    size : int
        Number of its clips.
    clips : tuple[str, ...]
        The first of them.
    parts : tuple[str, ...]
        Where they are: numbers of folds, "training", "validation" or "test"; empty where folds were not drawn.
    """

    name: str
    size: int
    clips: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class KindOfGroups:
    """The groups of one kind.

    Attributes
    ----------
    kind : str
        A key of `TITLES`.
    total : int
        Groups of all sizes among the clips that the run uses; one clip can be a recording of its own.
    groups, clips : int
        Groups of two or more clips, and the clips in them.
    straddling, straddling_clips : int or None
        Groups, and their clips, that are in several folds, or on both sides of a validation split; None where folds
        were not drawn to count them.
    with_test : int
        Groups that have both test clips and others.
    is_kept_together : bool
        Whether folds are drawn so that none of these groups straddles them.
    largest : tuple[Group, ...]
        Groups that straddle come first, the largest first.
    """

    kind: Kind
    total: int
    groups: int
    clips: int
    straddling: int | None
    straddling_clips: int | None
    with_test: int
    is_kept_together: bool
    largest: tuple[Group, ...] = ()

    def describe(self) -> str:
        """The counts as a phrase.

        >>> KindOfGroups("recordings", 467, 276, 879, 68, 283, 0, False).describe()
        '276 with two or more clips (879 clips), 68 straddle the folds (283 clips)'
        """
        if not self.groups:
            phrases = ["none has two or more clips"]
        else:
            phrases = [f"{self.groups:,} with two or more clips ({self.clips:,} clips)"]
            if self.straddling is None:
                phrases.append("not compared with these folds")
            elif self.straddling:
                verb = "straddles" if self.straddling == 1 else "straddle"
                phrases.append(f"{self.straddling:,} {verb} the folds ({self.straddling_clips:,} clips)")
            else:
                phrases.append("each in one fold")
        if self.with_test:
            phrases.append(f"{self.with_test:,} also among the test clips")
        return ", ".join(phrases)

    @property
    def is_fact(self) -> bool:
        """Whether the clips of a group are known to belong together, and not only guessed."""
        return self.kind != "names"


@dataclass(frozen=True)
class SplitReport:
    """Whether the folds of a run can be trusted.

    Attributes
    ----------
    folds : str
        Whose folds they are: "9 folds of the dataset's own".
    clips : int
        Clips that the run trains on or is scored on.
    kinds : tuple[KindOfGroups, ...]
        In the order of `TITLES`, as far as they are known.
    advice : dict of str to str
        What to do about a kind, one sentence; nothing where there is nothing to do.
    leak : str
        A sentence that names what straddles and is a fact; empty if nothing does.
    unknown : tuple[str, ...]
        Sentences about what is not known yet.
    unmeasured : int
        Clips that are not measured, so that not all copies of them are known.
    patterns : tuple[NamePattern, ...]
        How names were understood.
    """

    folds: str
    clips: int
    kinds: tuple[KindOfGroups, ...]
    advice: dict[Kind, str]
    leak: str = ""
    unknown: tuple[str, ...] = ()
    unmeasured: int = 0
    patterns: tuple[NamePattern, ...] = ()

    @property
    def verdict(self) -> str:
        """What is known of these folds, in one or two sentences."""
        if self.leak:
            return self.leak
        if any(each.is_fact and each.straddling is None for each in self.kinds):
            return "Whether these folds keep together what belongs together has not been counted."
        return "These folds keep together what is known to belong together."

    def kind(self, kind: Kind) -> KindOfGroups | None:
        """The groups of one kind; None if they are not known."""
        return next((each for each in self.kinds if each.kind == kind), None)

    def lines(self) -> list[str]:
        """The verdict, followed by a line per kind."""
        return [self.verdict, *(f"{TITLES[each.kind].capitalize()}: {each.describe()}." for each in self.kinds)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"verdict": self.verdict, **asdict(self)}


def count_groups(kind: Kind, keys: pd.Series, clips: pd.DataFrame, is_kept_together: bool) -> KindOfGroups:
    """Count the groups of one kind.

    Parameters
    ----------
    kind : str
        A key of `TITLES`.
    keys : pandas.Series
        One value per clip, equal for the clips of a group, or NA for none.
    clips : pandas.DataFrame
        With ``clip`` and ``part``: the fold that no clip of the group may be trained on by, "training", "validation",
        `TEST`, or NA where folds are not drawn; and the same index as ``keys``.
    is_kept_together : bool
        As in `KindOfGroups`.
    """
    keys, parts = keys.astype(object).where(keys.notna(), None), clips["part"].astype(object)
    is_test = (parts == TEST).astype(bool)
    used = keys[~is_test].dropna()
    sizes = used.value_counts()
    larger = sizes[sizes > 1]
    straddling: int | None = 0
    straddling_clips: int | None = 0
    several: set[Any] = set()
    if not is_kept_together and len(larger):
        in_folds = parts[used.index]
        if in_folds.isna().any():
            straddling = straddling_clips = None
        else:
            counts = in_folds.groupby(used).nunique()
            several = set(counts[counts > 1].index)
            straddling, straddling_clips = len(several), int(used.isin(list(several)).sum())
    with_test = count_straddling(keys, is_test).several
    return KindOfGroups(
        kind,
        total=len(sizes),
        groups=len(larger),
        clips=int(larger.sum()),
        straddling=straddling,
        straddling_clips=straddling_clips,
        with_test=with_test,
        is_kept_together=is_kept_together,
        largest=_largest(kind, keys, clips, several),
    )


def _largest(kind: Kind, keys: pd.Series, clips: pd.DataFrame, several: set[Any]) -> tuple[Group, ...]:
    """The groups to list: those that straddle first, the largest first."""
    sizes = keys.dropna().value_counts()
    sizes = sizes[sizes > 1]
    chosen = sorted(sizes.index, key=lambda key: (key not in several, -sizes[key]))[:MAX_LARGEST]
    groups = []
    for key in chosen:
        rows = clips[keys == key]
        parts = sorted({str(part) for part in rows["part"].dropna()}, key=lambda part: (len(part), part))
        name = str(key) if kind in ("recordings", "names") else rows["clip"].iloc[0]
        groups.append(Group(name, len(rows), tuple(rows["clip"][:MAX_NAMED]), tuple(parts)))
    return tuple(groups)


def leak_sentence(kinds: tuple[KindOfGroups, ...], begin: str, where: str) -> str:
    """Say how many groups have clips in several folds; empty if there are none that are known to.

    Parameters
    ----------
    kinds : tuple[KindOfGroups, ...]
    begin : str
        Begins the sentence: "With recipe capstone".
    where : str
        What has the clips: "several folds".
    """
    found = [
        f"{each.straddling:,} of {each.total if each.kind == 'recordings' else each.groups:,} {TITLES[each.kind]}"
        for each in kinds
        if each.is_fact and each.straddling
    ]
    if not found:
        return ""
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    return f"{begin}, {listed} have clips in {where}, which makes scores too high."


def agreement_sentence(own: pd.Series, names: pd.Series) -> str:
    """Say whether names join the same clips as the dataset's own recordings, by pairs of clips.

    >>> own = pd.Series(["a", "a", "a", "b"])
    >>> agreement_sentence(own, pd.Series(["x", "x", None, "z"]))
    'They agree with the source recordings: 1 of 1 pairs of clips that names join is of one source recording.'
    """
    is_named = names.notna() & own.notna()
    both = _pairs(own.astype(str).str.cat(names.astype(str), sep="\0").where(is_named))
    by_names = _pairs(names.where(is_named))
    if not by_names:
        return ""
    verdict = "They agree" if both >= MIN_AGREEMENT * by_names else "They do not agree"
    return (
        f"{verdict} with the source recordings: {both:,} of {by_names:,} pairs of clips that names join "
        f"{'is' if both == 1 else 'are'} of one source recording."
    )


def _pairs(keys: pd.Series) -> int:
    sizes = keys.dropna().value_counts()
    return int((sizes * (sizes - 1) // 2).sum())
