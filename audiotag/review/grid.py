"""Review many clips of one label at once: which clips to show, and which verdicts an answer stands for.

Clips that have the label come with the lowest score first, and a marked one loses the label. Clips that do not have it
come with the highest score first, and a marked one gets it. For the other clips of an answer the labels are right as
they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from audiotag.data.corrections import verdicts_per_clip
from audiotag.data.verdicts import Answer, Verdict, VerdictJournal
from audiotag.review.scored_clips import ScoredClips

Name = tuple[str, str]
GridKind = Literal["wrong", "missing"]
CLIPS_AT_ONCE = 12
# The queue of doubts begins at the mean score of the clips with the label. A grid is quicker, and its clips are ordered
# by score, so it goes on for longer.
MISSING_QUANTILE = 0.25


@dataclass(frozen=True)
class GridClip:
    """A clip that is reviewed for one label.

    Attributes
    ----------
    subset, clip : str
        As in `audiotag.data.dataset.Dataset.clips`.
    path : Path
    labels : tuple[str, ...]
        In the dataset's tables.
    score : float
        Out-of-fold score of the label, the mean of the folds that scored the clip.
    is_judged : bool
        Whether the reviewer has said if the label is in the sound, or that this cannot be told.
    """

    subset: str
    clip: str
    path: Path
    labels: tuple[str, ...]
    score: float
    is_judged: bool = False

    @property
    def name(self) -> Name:
        """Subset and clip, which no other clip has together."""
        return self.subset, self.clip


@dataclass(frozen=True, eq=False)
class GridReview:
    """What a reviewer does with the clips of one label.

    Attributes
    ----------
    scored : ScoredClips
    journal : VerdictJournal
    reviewer : str
    label : str
        One of the labels that are scored.
    kind : GridKind
    contents : mapping of (str, str) to str
        Hashes of the samples by subset and clip, as far as they are known.
    only : frozenset of (str, str) or None
        Subset and name of the clips to review; None for any.
    """

    scored: ScoredClips
    journal: VerdictJournal
    reviewer: str
    label: str
    kind: GridKind
    contents: Mapping[Name, str] = field(default_factory=dict)
    only: frozenset[Name] | None = None

    def verdicts(self) -> list[Verdict]:
        """What the reviewer has said so far, on any label, oldest first."""
        return [verdict for verdict in self.journal.verdicts() if verdict.reviewer == self.reviewer]

    def clips(self, verdicts: Sequence[Verdict] | None = None) -> list[GridClip]:
        """All clips to review, those that are judged as well, most doubtful first; ``verdicts`` saves reading them."""
        verdicts = self.verdicts() if verdicts is None else verdicts
        clips = find_grid_clips(self.scored, self.label, self.kind, verdicts, self.contents)
        return clips if self.only is None else [clip for clip in clips if clip.name in self.only]

    def answer(self, accepted: Collection[Name], odd: Collection[Name], contents: Mapping[Name, str]) -> list[Verdict]:
        """Write what the reviewer said about clips into the journal, as one step.

        Parameters
        ----------
        accepted, odd : collection of (str, str)
            Subset and name of the clips that were not marked, and that were. Those that the reviewer has judged
            meanwhile, as in another window, keep their verdicts.
        contents : mapping of (str, str) to str
            Hashes of samples that became known since.

        Returns
        -------
        list[Verdict]

        Raises
        ------
        OSError
            If the disk refuses.
        """
        named = {*accepted, *odd}
        clips = [clip for clip in self.clips() if clip.name in named and not clip.is_judged]
        marked = [clip for clip in clips if clip.name in odd]
        known = {**contents, **self.contents}
        given = grid_verdicts(clips, marked, self.label, self.kind, self.reviewer, known)
        return self.journal.append(given) if given else []


def find_grid_clips(
    scored: ScoredClips,
    label: str,
    kind: GridKind,
    verdicts: Iterable[Verdict],
    contents: Mapping[Name, str] | None = None,
) -> list[GridClip]:
    """The clips to review for a label, most doubtful first; the order does not depend on the verdicts.

    Parameters
    ----------
    scored : ScoredClips
    label : str
        One of the labels that are scored.
    kind : GridKind
        "wrong": all clips that have the label; "missing": the clips that do not have it and score at least as high as
        the lowest quarter of those that have it.
    verdicts : iterable of Verdict
        Of the reviewer, oldest first.
    contents : mapping of (str, str) to str, optional
        Hashes of the samples by subset and clip, as far as they are known: a verdict counts for copies, too.
    """
    column = scored.labels.index(label)
    scores, has_label = scored.scores[:, column], scored.given[:, column] > 0
    if kind == "wrong":
        rows = np.flatnonzero(has_label)
    else:
        lowest = np.quantile(scores[has_label], MISSING_QUANTILE) if has_label.any() else np.inf
        rows = np.flatnonzero(~has_label & scored.is_known[:, column] & (scores >= lowest))
    sign = 1 if kind == "wrong" else -1
    order = sorted(rows.tolist(), key=lambda row: (sign * scores[row], scored.subsets[row], scored.clips[row]))
    names = [(scored.subsets[row], scored.clips[row]) for row in order]
    table = pd.DataFrame(names, columns=["subset", "clip"])
    table["content"] = [(contents or {}).get(name) for name in names]
    return [
        GridClip(*name, scored.paths[row], scored.clip_labels[row], float(scores[row]), _is_judged(label, given))
        for name, row, given in zip(names, order, verdicts_per_clip(table, verdicts), strict=True)
    ]


def grid_verdicts(
    clips: Sequence[GridClip],
    marked: Collection[GridClip],
    label: str,
    kind: GridKind,
    reviewer: str,
    contents: Mapping[Name, str] | None = None,
) -> list[Verdict]:
    """The verdicts that an answer about clips stands for, in the order of the clips.

    Parameters
    ----------
    clips : sequence of GridClip
        All clips of the answer.
    marked : collection of GridClip
        Those of them in which the label is wrong, or missing.
    label : str
    kind : GridKind
    reviewer : str
    contents : mapping of (str, str) to str, optional
        Hashes of the samples by subset and clip, as far as they are known.
    """
    verdicts = []
    for clip in clips:
        answer: Answer = "right"
        after = clip.labels
        if clip in marked and kind == "wrong":
            answer, after = "wrong", tuple(each for each in clip.labels if each != label)
        elif clip in marked:
            answer, after = "add", (*clip.labels, label)
        content = (contents or {}).get(clip.name, "")
        verdicts.append(Verdict(clip.subset, clip.clip, label, answer, clip.labels, after, reviewer, content))
    return verdicts


def _is_judged(label: str, verdicts: Iterable[Verdict]) -> bool:
    return any(
        label in verdict.decisions or (verdict.label == label and verdict.answer == "unsure") for verdict in verdicts
    )
