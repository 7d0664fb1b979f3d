"""The queue of doubts that one reviewer goes through: which pass a filter, what the reviewer said, which comes next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from audiotag.data.verdicts import UNDECIDED, Verdict
from audiotag.review.doubts import Doubt, DoubtKind

LONGEST_GAP_S = 120.0  # between two answers; after more, the reviewer was away
GAPS = 30  # the pace is the median of so many
FEWEST_GAPS = 3

Key = tuple[str, str, str]  # subset, clip and label; or nothing, content and label


@dataclass(frozen=True)
class QueueFilter:
    """Which doubts to look at; by default all of them.

    Attributes
    ----------
    subset : str
    label : str
        The label in doubt.
    kind : DoubtKind or ""
    fold : int or None
        The fold that scored the clip.
    clips : frozenset[tuple[str, str]] or None
        Subset and name of the clips to look at; None for any.
    """

    subset: str = ""
    label: str = ""
    kind: DoubtKind | str = ""
    fold: int | None = None
    clips: frozenset[tuple[str, str]] | None = None

    def passes(self, doubt: Doubt) -> bool:
        """Whether a doubt is one to look at."""
        return (
            self.subset in ("", doubt.subset)
            and self.label in ("", doubt.label)
            and self.kind in ("", doubt.kind)
            and self.fold in (None, doubt.fold)
            and (self.clips is None or (doubt.subset, doubt.clip) in self.clips)
        )


@dataclass(frozen=True)
class Said:
    """What one reviewer has said so far.

    Attributes
    ----------
    verdicts : Mapping
        The newest verdict about each label of each clip. One that decides nothing does not replace one that does, as
        in `audiotag.data.corrections`.
    times_s : tuple[float, ...]
        When each answer was given, oldest first.
    """

    verdicts: Mapping[Key, Verdict]
    times_s: tuple[float, ...] = ()

    def about_all(
        self, doubts: Iterable[Doubt], contents: Mapping[tuple[str, str], str] | None = None
    ) -> list[Verdict | None]:
        """The newest verdict that answers each doubt; None where there is none.

        Parameters
        ----------
        doubts : iterable of Doubt
        contents : Mapping, optional
            The hash of the samples of clips, by subset and name: then a verdict about a copy counts as well.
        """
        found: list[Verdict | None] = []
        for doubt in doubts:
            verdict = self.verdicts.get((doubt.subset, doubt.clip, doubt.label))
            if verdict is None and contents and (content := contents.get((doubt.subset, doubt.clip))):
                verdict = self.verdicts.get(("", content, doubt.label))
            found.append(verdict)
        return found

    @property
    def pace_s(self) -> float | None:
        """Seconds that the reviewer takes for an answer; None before the first few."""
        gaps = [after - before for before, after in pairwise(self.times_s[-GAPS:])]
        short = [gap for gap in gaps if 0 <= gap <= LONGEST_GAP_S]
        return median(short) if len(short) >= FEWEST_GAPS else None


def doubt_id(doubt: Doubt) -> str:
    """As `item_id`, of a doubt."""
    return item_id(doubt.subset, doubt.clip, doubt.label)


def item_id(subset: str, clip: str, label: str) -> str:
    """A short text that stands for a label of a clip in an address, whatever scores doubt it.

    >>> item_id("curated", "a.wav", "Bark")
    '831f78201b'
    """
    name = "\0".join((subset, clip, label)).encode(errors="surrogatepass")
    return hashlib.blake2b(name, digest_size=5).hexdigest()


def what_was_said(verdicts: Iterable[Verdict], reviewer: str) -> Said:
    """What a reviewer has said, from the verdicts of all, oldest first."""
    newest: dict[Key, Verdict] = {}
    times_s: dict[str, float] = {}
    for verdict in verdicts:
        if verdict.reviewer != reviewer:
            continue
        times_s[verdict.action] = verdict.time
        decisions = verdict.decisions
        for label in decisions or filter(None, [verdict.label]):
            keys = [(verdict.subset, verdict.clip, label), ("", verdict.content, label)]
            for key in keys[: 1 + bool(verdict.content)]:
                if decisions or key not in newest or newest[key].answer in UNDECIDED:
                    newest[key] = verdict
    return Said(newest, tuple(times_s.values()))


def next_open(is_open: Sequence[bool], after: int = -1) -> int | None:
    """The first open place of a queue after another one, from the beginning again if need be; None without any.

    >>> next_open([True, False, True]), next_open([True, False, True], 0), next_open([True, False], 1)
    (0, 2, 0)
    >>> next_open([False])
    """
    places = [*range(after + 1, len(is_open)), *range(min(after + 1, len(is_open)))]
    return next((place for place in places if is_open[place]), None)
