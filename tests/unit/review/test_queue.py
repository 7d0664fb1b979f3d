"""The queue of one reviewer: which doubts are answered, by what, and what comes next."""

from pathlib import Path
from typing import Any

import pytest

from audiotag.data.verdicts import Verdict
from audiotag.review.answers import verdict_of
from audiotag.review.doubts import Doubt
from audiotag.review.queue import FEWEST_GAPS, LONGEST_GAP_S, QueueFilter, Said, doubt_id, next_open, what_was_said


def doubt(clip: str = "a.wav", label: str = "Bark", **others: Any) -> Doubt:
    values = {"kind": "wrong", "subset": "noisy", "path": Path(clip), "labels": (label,), "quality": 0.1} | others
    return Doubt(clip=clip, label=label, **values)


def answered(verdicts: list[Verdict], asked: Doubt, reviewer: str = "anna", **contents: str) -> str:
    """What the reviewer answered to a doubt; empty if nothing."""
    known = {("noisy", f"{clip}.wav"): content for clip, content in contents.items()}
    (verdict,) = what_was_said(verdicts, reviewer).about_all([asked], known)
    return verdict.answer if verdict else ""


def test_filter_lets_pass_what_has_all_that_it_names() -> None:
    asked = doubt(fold=3)
    assert QueueFilter().passes(asked)
    assert QueueFilter("noisy", "Bark", "wrong", 3).passes(asked)
    for other in ({"subset": "curated"}, {"label": "Meow"}, {"kind": "missing"}, {"fold": 1}):
        assert not QueueFilter(**other).passes(asked)
    assert not QueueFilter(fold=3).passes(doubt(fold=None))
    assert QueueFilter(clips=frozenset([("noisy", "a.wav")])).passes(asked)
    for clips in (frozenset[tuple[str, str]](), frozenset([("curated", "a.wav"), ("noisy", "b.wav")])):
        assert not QueueFilter(clips=clips).passes(asked)


def test_only_the_reviewers_own_verdict_answers_a_doubt() -> None:
    verdicts = [verdict_of(doubt(), "wrong", "ben")]
    assert answered(verdicts, doubt()) == ""
    assert answered(verdicts, doubt(), "ben") == "wrong"


def test_the_newest_verdict_counts() -> None:
    verdicts = [verdict_of(doubt(), answer, "anna") for answer in ("wrong", "right")]
    assert answered(verdicts, doubt()) == "right"


def test_unsure_does_not_replace_an_answer_as_it_takes_back_no_correction() -> None:
    verdicts = [verdict_of(doubt(), answer, "anna") for answer in ("skip", "wrong", "unsure")]
    assert answered(verdicts, doubt()) == "wrong"
    assert answered(verdicts[:1], doubt()) == "skip"


def test_a_label_that_another_answer_added_is_not_asked_for_again() -> None:
    added = verdict_of(doubt(), "other", "anna", "Howl")
    assert answered([added], doubt(label="Howl", labels=("Bark",), kind="missing")) == "other"
    assert answered([added], doubt(label="Hiss", labels=("Bark",), kind="missing")) == ""


def test_corrections_of_a_whole_clip_answer_all_its_labels() -> None:
    imported = Verdict("noisy", "a.wav", "", "other", ("Bark", "Hum"), ("Bark", "Howl"), "anna")
    for label in ("Bark", "Hum", "Howl"):
        assert answered([imported], doubt(label=label)) == "other"
    assert answered([imported], doubt(label="Hiss")) == ""


def test_a_verdict_on_a_copy_counts_where_the_content_is_known() -> None:
    verdicts = [verdict_of(doubt("copy.wav"), "wrong", "anna", content="f00")]
    assert answered(verdicts, doubt("a.wav")) == ""
    assert answered(verdicts, doubt("a.wav"), a="f00") == "wrong"
    assert answered(verdicts, doubt("a.wav"), a="ba5") == ""


def test_a_doubt_has_the_same_id_whatever_scores_it_comes_from() -> None:
    assert doubt_id(doubt(quality=0.1, kind="wrong")) == doubt_id(doubt(quality=0.9, kind="problem"))
    ids = {doubt_id(each) for each in (doubt(), doubt("b.wav"), doubt(label="Hum"), doubt(subset="curated"))}
    assert len(ids) == 4
    assert doubt_id(doubt("caf\udce9.wav"))


def test_next_is_the_first_open_one_after_a_place_then_from_the_beginning() -> None:
    is_open = [True, False, True, False]
    assert [next_open(is_open, after) for after in (-1, 0, 1, 2, 3)] == [0, 2, 2, 0, 0]
    assert next_open([False, False]) is next_open([]) is None


@pytest.mark.parametrize(
    ("times_s", "pace_s"),
    [
        ((), None),
        ((0.0, 4.0), None),  # too few to tell
        ((0.0, 4.0, 8.0, 13.0), 4.0),
        ((0.0, 4.0, 4.0 + LONGEST_GAP_S + 1, 130.0, 134.0, 138.0), 4.0),  # a break between two answers
        ((100.0, 4.0, 8.0, 12.0, 16.0), 4.0),  # the clock was set back
    ],
)
def test_pace_is_the_usual_time_between_answers(times_s: tuple[float, ...], pace_s: float | None) -> None:
    assert FEWEST_GAPS == 3
    assert Said({}, times_s).pace_s == pace_s
