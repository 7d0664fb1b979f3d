"""Answer a doubt: which answers it allows, what each of them does to the clip's labels, and the verdict that it gives.

A label in doubt is one that the clip has, probably wrongly, or one that it does not have and that is probably missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from audiotag.data.verdicts import Answer, Verdict
from audiotag.errors import AudiotagError
from audiotag.review.doubts import Doubt

MAX_NUMBERED = 9  # other labels that have a key of their own


@dataclass(frozen=True)
class Choice:
    """An answer that a doubt allows.

    Attributes
    ----------
    answer : Answer
    key : str
        The key for it: a capital letter or a digit.
    text : str
        What it does, with the names of the labels.
    other : str or None
        The label that it adds instead of the one in doubt, or beside it.
    score : float or None
        Out-of-fold score of ``other``.
    """

    answer: Answer
    key: str
    text: str
    other: str | None = None
    score: float | None = None


def is_given(doubt: Doubt) -> bool:
    """Whether the clip has the label in doubt in the dataset's tables."""
    return doubt.label in doubt.labels


def other_labels(doubt: Doubt) -> tuple[tuple[str, float], ...]:
    """Labels that may be in the sound instead of the one in doubt, with their scores, the highest first."""
    return tuple(pair for pair in doubt.suggestions if pair[0] != doubt.label and pair[0] not in doubt.labels)


def choices_of(doubt: Doubt) -> tuple[Choice, ...]:
    """The answers that a doubt allows, each with its key: first those about its label, then other labels.

    Examples
    --------
    >>> from pathlib import Path
    >>> path = Path("a.wav")
    >>> wrong = Doubt("wrong", "curated", "a.wav", path, ("Bark",), "Bark", 0.1, suggestions=(("Howl", 0.9),))
    >>> [f"{choice.key}: {choice.text}" for choice in choices_of(wrong)]
    ['R: Bark is right', 'W: Remove Bark', 'A: Keep Bark, add Howl', '1: Howl instead', 'X: Unsure', 'S: Skip']
    >>> missing = Doubt("missing", "curated", "a.wav", path, ("Bark",), "Howl", 0.1, suggestions=(("Howl", 0.9),))
    >>> [f"{choice.key}: {choice.text}" for choice in choices_of(missing)]
    ['R: Right without Howl', 'A: Add Howl', 'X: Unsure', 'S: Skip']
    """
    label, others = doubt.label, other_labels(doubt)
    if is_given(doubt):
        about = [Choice("right", "R", f"{label} is right"), Choice("wrong", "W", f"Remove {label}")]
        if others:
            (first, score), *_ = others
            about.append(Choice("add", "A", f"Keep {label}, add {first}", first, score))
        numbered = "{} instead"
    else:
        about = [Choice("right", "R", f"Right without {label}"), Choice("add", "A", f"Add {label}")]
        numbered = "Add {} instead"
    instead = [
        Choice("other", str(number), numbered.replace("{}", other), other, score)
        for number, (other, score) in enumerate(others[:MAX_NUMBERED], start=1)
    ]
    return (*about, *instead, Choice("unsure", "X", "Unsure"), Choice("skip", "S", "Skip"))


def verdict_of(
    doubt: Doubt, answer: Answer, reviewer: str, other_label: str | None = None, content: str = "", note: str = ""
) -> Verdict:
    """The verdict that an answer to a doubt gives.

    Parameters
    ----------
    doubt : Doubt
    answer : Answer
        "right": the labels are right as they are; "wrong": the given label is not in the sound; "add": a missing label
        is, or, where the label in doubt is given, it is and so is ``other_label``; "other": ``other_label`` is, and
        the label in doubt is not; "unsure" and "skip": nothing is said about any label.
    reviewer : str
    other_label : str, optional
        Needed for "other"; for "add" to a given label, by default the suggestion with the highest score.
    content : str
        Hash of the clip's samples, if it is known.
    note : str

    Raises
    ------
    AudiotagError
        If the doubt does not allow the answer.
    """
    after = _labels_after(doubt, answer, other_label)
    return Verdict(
        doubt.subset, doubt.clip, doubt.label, answer, doubt.labels, after, reviewer, content=content, note=note
    )


def describe_verdict(verdict: Verdict) -> str:
    """An answer that was given, and what it changes.

    Examples
    --------
    >>> describe_verdict(Verdict("curated", "a.wav", "Bark", "other", ("Bark",), ("Howl",), "anna"))
    'other label (removes Bark, adds Howl)'
    >>> describe_verdict(Verdict("curated", "a.wav", "Bark", "right", ("Bark",), ("Bark",), "anna"))
    'right'
    """
    words = {"skip": "skipped", "other": "other label"}.get(verdict.answer, verdict.answer)
    removed = [label for label in verdict.before if label not in verdict.after]
    added = [label for label in verdict.after if label not in verdict.before]
    changes = [f"{verb} {', '.join(labels)}" for verb, labels in (("removes", removed), ("adds", added)) if labels]
    return f"{words} ({', '.join(changes)})" if changes else words


def _labels_after(doubt: Doubt, answer: Answer, other: str | None) -> tuple[str, ...]:
    """The clip's labels after an answer, in the order of the tables, followed by the new one."""
    labels, label, given = doubt.labels, doubt.label, is_given(doubt)
    if answer in ("right", "unsure", "skip"):
        return labels
    without = tuple(one for one in labels if one != label)
    if answer == "wrong":
        if not given:
            raise AudiotagError(
                f"{doubt.clip} does not have the label {label}, so it cannot be wrong; answer right, add or other."
            )
        return without
    if answer == "add" and not given:
        return (*labels, label)
    if answer == "add" and other is None:
        other = next((name for name, _ in other_labels(doubt)), None)
    if not other:
        raise AudiotagError(f"the answer {answer} to {label} of {doubt.clip} needs another label; name one.")
    if other == label or other in labels:
        raise AudiotagError(
            f"the other label of {doubt.clip} must be one that it does not have and that is not in doubt, got {other}."
        )
    return (*labels, other) if answer == "add" else (*without, other)
