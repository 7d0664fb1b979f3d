"""The verdicts that an answer to an offered clip stands for, and the names of labels that reviewers type.

Verdicts of one answer are given to `audiotag.data.verdicts.VerdictJournal.append` together, so that they are undone
together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import pandas as pd

from audiotag.checks import readable
from audiotag.data.label_names import MAX_LABEL_CHARS, LabelNames
from audiotag.data.verdicts import Verdict
from audiotag.errors import AudiotagError
from audiotag.review.labelling.state import LabellingState
from audiotag.wording import UNSAFE_CATEGORIES

MAX_LABELS_PER_CLIP = 50


def clean_label(text: str, labels: Iterable[str]) -> str:
    """The label that a reviewer means by a text: one of the vocabulary in its spelling there, or a new one.

    Parameters
    ----------
    text : str
        As typed. White space around and between words, and what a page or a terminal would obey, is removed.
    labels : iterable of str
        The vocabulary so far. Case, spaces, underscores and hyphens make no difference.

    Raises
    ------
    AudiotagError
        If nothing is left of the text, or it is too long.

    Examples
    --------
    >>> clean_label("  tawny\\u200e  OWL ", ["Tawny owl"]), clean_label("Tawny owl call", ["Tawny owl"])
    ('Tawny owl', 'Tawny owl call')
    """
    spaced = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
    plain = "".join(char for char in spaced if unicodedata.category(char) not in UNSAFE_CATEGORIES)
    label = " ".join(plain.split())
    if not any(char.isalnum() for char in label):
        raise AudiotagError(f"a label must have a letter or a digit, got {readable(text)}; type a name for the sound.")
    if len(label) > MAX_LABEL_CHARS:
        raise AudiotagError(
            f"a label must be at most {MAX_LABEL_CHARS} characters, got {len(label)}; shorten {readable(label)}."
        )
    return LabelNames(labels).find(label) or label


def label_verdicts(state: LabellingState, rows: Sequence[int], labels: Iterable[str], reviewer: str) -> list[Verdict]:
    """The verdicts by which clips get these labels and no others.

    Parameters
    ----------
    state : LabellingState
    rows : sequence of int
        One clip, the open clips of a whole cluster (``state.open_rows(state.material.cluster_rows(row))``), or any.
    labels : iterable of str
        As typed, see `clean_label`. Without any, no label fits: a negative for each label.
    reviewer : str

    Raises
    ------
    AudiotagError
        If a label cannot be used, or there are too many.
    """
    vocabulary = list(state.labels)
    after: dict[str, None] = {}
    for text in labels:
        label = clean_label(text, [*vocabulary, *after])
        after[label] = None
    if len(after) > MAX_LABELS_PER_CLIP:
        raise AudiotagError(f"a clip can have at most {MAX_LABELS_PER_CLIP} labels, got {len(after)}; remove some.")
    return [_verdict(state, row, tuple(after), reviewer) for row in dict.fromkeys(rows)]


def skip_verdicts(state: LabellingState, rows: Sequence[int], reviewer: str) -> list[Verdict]:
    """The verdicts by which clips are skipped: nothing is said about them, and they are offered after all others."""
    return [_verdict(state, row, None, reviewer) for row in dict.fromkeys(rows)]


def _verdict(state: LabellingState, row: int, after: tuple[str, ...] | None, reviewer: str) -> Verdict:
    clip, before = state.material.clips.iloc[row], state.given[row]
    content = "" if pd.isna(clip["content"]) else str(clip["content"])
    if after is None:
        return Verdict(clip["subset"], clip["clip"], "", "skip", before, before, reviewer, content)
    answer = "right" if set(before) == set(after) else "other"
    return Verdict(clip["subset"], clip["clip"], "", answer, before, after, reviewer, content)  # type: ignore[arg-type]
