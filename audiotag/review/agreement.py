"""How far reviewers of one dataset agree: Cohen's κ of each pair, and the decisions on which they do not.

A decision is what a reviewer's newest verdict says about one label of one clip: that it is in the sound, or that it is
not. Two reviewers are compared on the decisions that both of them gave.

Source: J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20(1), 1960.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from audiotag.data.verdicts import Verdict

FEWEST_DECISIONS = 10  # in common; of fewer a κ says next to nothing
Key = tuple[str, str, str]


class Statement(NamedTuple):
    """What a reviewer says about a label of a clip: whether it is in the sound, when that was said, and the note."""

    reviewer: str
    is_in: bool
    time: float
    note: str


@dataclass(frozen=True)
class PairAgreement:
    """How far two reviewers agree.

    Attributes
    ----------
    first, second : str
        The reviewers.
    common : int
        Labels of clips on which both decided.
    same : int
        Those on which they decided the same.
    kappa : float
        Cohen's κ: 1 if they always agree, 0 if no more often than by chance, negative if less often. NaN where it is
        not defined: without common decisions, or if both gave the same answer each time.
    """

    first: str
    second: str
    common: int
    same: int
    kappa: float

    @property
    def observed(self) -> float:
        """Share of the common decisions that are the same, 0 to 1; NaN without any."""
        return self.same / self.common if self.common else math.nan

    @property
    def sentence(self) -> str:
        """The figures in words.

        >>> PairAgreement("Ann", "Bob", 40, 36, 0.78).sentence
        'Ann and Bob agree on 36 of 40 labels (90 %); Cohen’s κ is 0.78.'
        """
        pair = f"{self.first} and {self.second}"
        if not self.common:
            return f"{pair} have not decided on the same labels yet."
        labels = "1 label" if self.common == 1 else f"{self.common:,} labels"
        text = f"{pair} agree on {self.same:,} of {labels} ({self.observed:.0%})".replace("%)", " %)")
        if math.isnan(self.kappa):
            return f"{text}; Cohen’s κ is not defined, because both gave the same answer each time."
        if self.common < FEWEST_DECISIONS:
            return f"{text}; Cohen’s κ is {self.kappa:.2f}, of too few labels to rely on."
        return f"{text}; Cohen’s κ is {self.kappa:.2f}."


@dataclass(frozen=True)
class Disagreement:
    """A label of a clip about which reviewers say different things.

    Attributes
    ----------
    subset, clip, label : str
    statements : tuple[Statement, ...]
        What each reviewer says, the earliest first.
    """

    subset: str
    clip: str
    label: str
    statements: tuple[Statement, ...]

    @property
    def sentence(self) -> str:
        """Who says what, in words.

        >>> said = (Statement("Ann", True, 1.0, ""), Statement("Bob", False, 2.0, ""))
        >>> Disagreement("curated", "a.wav", "Bark", said).sentence
        'Ann hears Bark, Bob does not'
        """
        yes = [said.reviewer for said in self.statements if said.is_in]
        no = [said.reviewer for said in self.statements if not said.is_in]
        hears, does = ("hears" if len(yes) == 1 else "hear"), ("does" if len(no) == 1 else "do")
        return f"{' and '.join(yes)} {hears} {self.label}, {' and '.join(no)} {does} not"


def newest_decisions(verdicts: Iterable[Verdict]) -> dict[str, dict[Key, Statement]]:
    """What each reviewer says now about labels of clips, by reviewer and (subset, clip, label).

    Parameters
    ----------
    verdicts : iterable of Verdict
        Oldest first.
    """
    by_reviewer: dict[str, dict[Key, Statement]] = {}
    for verdict in verdicts:
        own = by_reviewer.setdefault(verdict.reviewer, {})
        for label, is_in in verdict.decisions.items():
            own[verdict.subset, verdict.clip, label] = Statement(verdict.reviewer, is_in, verdict.time, verdict.note)
    return by_reviewer


def compare_reviewers(verdicts: Iterable[Verdict]) -> list[PairAgreement]:
    """The agreement of each pair of reviewers who decided anything, in the order of their names."""
    decisions = {reviewer: own for reviewer, own in newest_decisions(verdicts).items() if own}
    pairs = []
    for first, second in itertools.combinations(sorted(decisions), 2):
        common = decisions[first].keys() & decisions[second].keys()
        answers = [(decisions[first][key].is_in, decisions[second][key].is_in) for key in common]
        same = sum(one == other for one, other in answers)
        pairs.append(PairAgreement(first, second, len(answers), same, cohens_kappa(answers)))
    return pairs


def find_disagreements(verdicts: Iterable[Verdict]) -> list[Disagreement]:
    """The labels about which reviewers say different things, sorted by subset, clip and label."""
    by_key: dict[Key, list[Statement]] = {}
    for own in newest_decisions(verdicts).values():
        for key, statement in own.items():
            by_key.setdefault(key, []).append(statement)
    return [
        Disagreement(*key, tuple(sorted(statements, key=lambda said: (said.time, said.reviewer))))
        for key, statements in sorted(by_key.items())
        if len({said.is_in for said in statements}) > 1
    ]


def cohens_kappa(answers: Sequence[tuple[bool, bool]]) -> float:
    """Cohen's κ of pairs of answers: (observed - expected) / (1 - expected) agreement; NaN where it is not defined.

    >>> cohens_kappa([(True, True), (True, False), (False, False), (False, False)])
    0.5
    """
    if not answers:
        return math.nan
    count = len(answers)
    observed = sum(one == other for one, other in answers) / count
    first, second = (sum(answer[side] for answer in answers) / count for side in (0, 1))
    expected = first * second + (1 - first) * (1 - second)
    return (observed - expected) / (1 - expected) if expected < 1 else math.nan
