"""Correct the labels of a dataset by what reviewers said about them; sounds and tables stay as they are.

The newest verdict of each reviewer counts. Where two reviewers disagree about a label of a clip, that label stays as
the dataset has it, until one of them changes the verdict.

A clip may have no label because nobody has said what it is, or because reviewers said that no label fits. Only the
latter is an example of what a label is not, so training uses it and leaves the former out (`clips_with_known_labels`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import UNDECIDED, Verdict

SOURCE_LABELS = "source_labels"  # column of corrected clips: the labels as the dataset's tables have them
HAS_NO_LABEL = "has_no_label"  # column of corrected clips: whether reviewers said that no label fits the clip
SHAPE = {"subset": str, "clip": str, "before": [str], "after": [str]}


@dataclass(frozen=True)
class Correction:
    """A clip whose labels differ from those in the dataset's tables, or to which reviewers say that no label fits.

    Attributes
    ----------
    subset, clip : str
    before, after : tuple[str, ...]
        Labels in the tables, and corrected. Both are empty for a clip without a label to which no label fits.
    """

    subset: str
    clip: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The correction as plain values, of the shape `SHAPE`."""
        values = asdict(self)
        return values | {"before": list(self.before), "after": list(self.after)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Correction:
        """Read the plain values of `to_dict`."""
        return cls(values["subset"], values["clip"], tuple(values["before"]), tuple(values["after"]))


def find_corrections(clips: pd.DataFrame, verdicts: Iterable[Verdict]) -> list[Correction]:
    """Find the clips whose labels the verdicts change, and those without a label to which, they say, no label fits.

    Parameters
    ----------
    clips : pandas.DataFrame
        As `verdicts_per_clip` takes them, with ``labels`` as in the dataset's tables.
    verdicts : iterable of Verdict
        Oldest first.
    """
    found = []
    of_clips = verdicts_per_clip(clips, verdicts)
    for subset, clip, labels, named in zip(clips["subset"], clips["clip"], clips["labels"], of_clips, strict=True):
        if named:
            after = corrected_labels(labels, named)
            if set(after) != set(labels) or (not labels and is_decided(labels, named)):
                found.append(Correction(subset, clip, tuple(labels), after))
    return found


def verdicts_per_clip(clips: pd.DataFrame, verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """The verdicts that count for each clip, oldest first.

    Parameters
    ----------
    clips : pandas.DataFrame
        ``subset`` and ``clip``; with ``content`` (hash of the samples, or NA) a verdict also counts for copies of the
        clip and for a clip that was renamed, and does not count for a clip whose file was replaced by another sound.
    verdicts : iterable of Verdict
        Oldest first.
    """
    # Verdicts with their places: clocks differ and are set back, so the order in the journal says which is newest.
    by_name: dict[tuple[str, str], dict[int, Verdict]] = {}
    by_content: dict[str, dict[int, Verdict]] = {}
    for place, verdict in enumerate(verdicts):
        by_name.setdefault((verdict.subset, verdict.clip), {})[place] = verdict
        if verdict.content:
            by_content.setdefault(verdict.content, {})[place] = verdict
    if not by_name:
        return [[] for _ in range(len(clips))]
    contents = clips["content"] if "content" in clips else [None] * len(clips)
    counting = []
    for subset, clip, content in zip(clips["subset"], clips["clip"], contents, strict=True):
        known = content if isinstance(content, str) and content else ""
        named = by_name.get((subset, clip), {})
        if known:
            same = {place: verdict for place, verdict in named.items() if verdict.content in ("", known)}
            named = same | by_content.get(known, {})
        counting.append([named[place] for place in sorted(named)])
    return counting


def corrected_labels(labels: Sequence[str], verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """The labels of one clip as its verdicts, oldest first, correct them; in the old order, followed by new ones."""
    settled = settled_labels(verdicts)
    kept = [label for label in labels if settled.get(label, True)]
    return (*kept, *sorted(label for label, is_in in settled.items() if is_in and label not in kept))


def is_decided(labels: Sequence[str], verdicts: Sequence[Verdict]) -> bool:
    """Whether the labels of a clip are known; it may be known to have no label.

    Parameters
    ----------
    labels : sequence of str
        In the dataset's tables.
    verdicts : sequence of Verdict
        Those that count for the clip, oldest first.

    Returns
    -------
    bool
        True if the clip has a label, had one that reviewers removed, or reviewers said that no label fits and do not
        disagree about any.
    """
    if labels or corrected_labels(labels, verdicts):
        return True
    said = {label for verdict in verdicts for label in verdict.decisions}
    if said - settled_labels(verdicts).keys():
        return False
    return any(not verdict.label and not verdict.after and verdict.answer not in UNDECIDED for verdict in verdicts)


def settled_labels(verdicts: Iterable[Verdict]) -> dict[str, bool]:
    """Each label of a clip about which the reviewers who decided agree, and whether it is in the sound."""
    by_label: dict[str, dict[str, bool]] = {}
    for verdict in verdicts:
        for label, is_in in verdict.decisions.items():
            by_label.setdefault(label, {})[verdict.reviewer] = is_in
    return {label: next(iter(said.values())) for label, said in by_label.items() if len(set(said.values())) == 1}


def apply_corrections(dataset: Dataset, corrections: Iterable[Correction]) -> Dataset:
    """The dataset with corrected labels; ``clips`` then also has `SOURCE_LABELS` and `HAS_NO_LABEL`.

    A correction of a clip that the dataset does not have, or whose labels in the tables have changed since, is left
    out. Labels that no table has join the vocabulary.
    """
    by_clip = {(correction.subset, correction.clip): correction for correction in corrections}
    if not by_clip:
        return dataset
    clips, changed, empty, labels = dataset.clips, [], [], set(dataset.labels)
    columns = (clips[column].tolist() for column in ("subset", "clip", "labels"))  # iterating a column is slow
    for subset, clip, before in zip(*columns, strict=True):
        correction = by_clip.get((subset, clip))
        is_current = correction is not None and set(correction.before) == set(before)
        changed.append(correction.after if correction is not None and is_current else before)
        empty.append(is_current and not changed[-1])
        labels.update(changed[-1])
    if not any(empty) and all(after == before for after, before in zip(changed, clips["labels"], strict=True)):
        return dataset
    changes = {SOURCE_LABELS: clips["labels"], "labels": pd.Series(changed, index=clips.index), HAS_NO_LABEL: empty}
    return replace(dataset, clips=clips.assign(**changes), labels=tuple(sorted(labels)))


def has_known_labels(clips: pd.DataFrame) -> pd.Series:
    """Whether each clip has a label, or reviewers said that no label fits; bool, with the index of the clips.

    Parameters
    ----------
    clips : pandas.DataFrame
        Of a dataset, corrected (`apply_corrections`) or not.
    """
    known = clips["labels"].map(bool).astype(bool)
    return known | clips[HAS_NO_LABEL] if HAS_NO_LABEL in clips else known


def clips_with_known_labels(dataset: Dataset) -> Dataset:
    """The dataset without the clips of which nobody has said what they are: nothing can be learnt from them."""
    is_known = has_known_labels(dataset.clips)
    if is_known.all():
        return dataset
    return replace(dataset, clips=dataset.clips[is_known].reset_index(drop=True))
