"""An answer to a doubt changes exactly the labels that its text names, and says so in the verdict."""

from pathlib import Path

import pytest

from audiotag.data.corrections import corrected_labels
from audiotag.errors import AudiotagError
from audiotag.review.answers import MAX_NUMBERED, choices_of, describe_verdict, other_labels, verdict_of
from audiotag.review.doubts import Doubt, DoubtKind

SUGGESTIONS = (("Howl", 0.9), ("Growl", 0.5), ("Hiss", 0.1))


def doubt(
    kind: DoubtKind = "wrong",
    label: str = "Bark",
    labels: tuple[str, ...] = ("Bark", "Meow"),
    suggestions: tuple[tuple[str, float], ...] = SUGGESTIONS,
) -> Doubt:
    return Doubt(kind, "noisy", "a.wav", Path("a.wav"), labels, label, 0.1, suggestions=suggestions)


WRONG, MISSING = doubt(), doubt("missing", "Howl")


@pytest.mark.parametrize(
    ("asked", "answer", "other", "after", "decisions"),
    [
        (WRONG, "right", None, ("Bark", "Meow"), {"Bark": True}),
        (WRONG, "wrong", None, ("Meow",), {"Bark": False}),
        (WRONG, "add", None, ("Bark", "Meow", "Howl"), {"Bark": True, "Howl": True}),
        (WRONG, "add", "Hiss", ("Bark", "Meow", "Hiss"), {"Bark": True, "Hiss": True}),
        (WRONG, "other", "Growl", ("Meow", "Growl"), {"Bark": False, "Growl": True}),
        (WRONG, "unsure", None, ("Bark", "Meow"), {}),
        (WRONG, "skip", None, ("Bark", "Meow"), {}),
        (MISSING, "right", None, ("Bark", "Meow"), {"Howl": False}),
        (MISSING, "add", None, ("Bark", "Meow", "Howl"), {"Howl": True}),
        (MISSING, "other", "Growl", ("Bark", "Meow", "Growl"), {"Howl": False, "Growl": True}),
    ],
)
def test_answer_changes_and_decides_these_labels(
    asked: Doubt, answer: str, other: str | None, after: tuple[str, ...], decisions: dict[str, bool]
) -> None:
    verdict = verdict_of(asked, answer, "anna", other)
    assert (verdict.before, verdict.after) == (asked.labels, after)
    assert verdict.decisions == decisions


@pytest.mark.parametrize("kind", ["wrong", "contradiction", "problem"])
def test_a_given_label_can_be_removed_whatever_is_doubtful_about_it(kind: DoubtKind) -> None:
    asked = doubt(kind)
    assert [choice.key for choice in choices_of(asked)] == ["R", "W", "A", "1", "2", "3", "X", "S"]


def test_a_missing_label_is_not_among_the_others_and_cannot_be_removed() -> None:
    choices = choices_of(MISSING)
    assert [choice.key for choice in choices] == ["R", "A", "1", "2", "X", "S"]
    assert [choice.other for choice in choices if choice.answer == "other"] == ["Growl", "Hiss"]


@pytest.mark.parametrize("asked", [WRONG, MISSING, doubt(suggestions=()), doubt("missing", "Howl", ())])
def test_every_choice_gives_a_verdict_that_changes_the_labels_in_its_text(asked: Doubt) -> None:
    choices = choices_of(asked)
    assert len({choice.key for choice in choices}) == len(choices)
    for choice in choices:
        verdict = verdict_of(asked, choice.answer, "anna", choice.other)
        for label in set(verdict.before) ^ set(verdict.after):
            if not (label == asked.label and choice.text.endswith("instead")):
                assert label in choice.text
        assert set(corrected_labels(asked.labels, [verdict])) == set(verdict.after)


def test_without_another_label_there_is_nothing_to_add_beside_a_given_one() -> None:
    assert [choice.key for choice in choices_of(doubt(suggestions=()))] == ["R", "W", "X", "S"]
    with pytest.raises(AudiotagError, match=r"the answer add to Bark of a\.wav needs another label"):
        verdict_of(doubt(suggestions=()), "add", "anna")


def test_no_more_labels_are_numbered_than_there_are_digits() -> None:
    many = doubt(suggestions=tuple((f"L{number}", 0.5) for number in range(20)))
    assert [choice.key for choice in choices_of(many) if choice.answer == "other"] == list("123456789")
    assert len(other_labels(many)) > MAX_NUMBERED


@pytest.mark.parametrize(
    ("asked", "answer", "other", "message"),
    [
        (MISSING, "wrong", None, "does not have the label Howl"),
        (WRONG, "other", None, "needs another label"),
        (WRONG, "other", "Bark", "must be one that it does not have"),
        (WRONG, "other", "Meow", "must be one that it does not have"),
        (MISSING, "other", "Howl", "that is not in doubt, got Howl"),
        (WRONG, "add", "Meow", "must be one that it does not have"),
    ],
)
def test_answer_that_a_doubt_does_not_allow_is_refused(
    asked: Doubt, answer: str, other: str | None, message: str
) -> None:
    with pytest.raises(AudiotagError, match=message):
        verdict_of(asked, answer, "anna", other)


def test_verdict_has_the_clip_its_content_the_reviewer_and_the_note() -> None:
    verdict = verdict_of(WRONG, "wrong", "anna", content="f00", note="a door")
    assert (verdict.subset, verdict.clip, verdict.label) == ("noisy", "a.wav", "Bark")
    assert (verdict.content, verdict.reviewer, verdict.note) == ("f00", "anna", "a door")
    assert describe_verdict(verdict) == "wrong (removes Bark)"
    assert describe_verdict(verdict_of(WRONG, "skip", "anna")) == "skipped"
