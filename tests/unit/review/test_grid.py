"""Which clips a grid shows for a label, and which verdicts its answer stands for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.data.corrections import find_corrections
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.grid import GridClip, GridKind, GridReview, find_grid_clips, grid_verdicts
from audiotag.review.scored_clips import ScoredClips

LABELS = ("Bark", "Bell")
SUBSET = "curated"


def scored_clips(given: Sequence[tuple[str, ...]], scores: Sequence[tuple[float, float]]) -> ScoredClips:
    """Clips named a.wav, b.wav, … with these labels and scores of Bark and Bell."""
    names = [f"{chr(ord('a') + number)}.wav" for number in range(len(given))]
    hot = np.array([[label in labels for label in LABELS] for labels in given], np.float32)
    return ScoredClips(
        LABELS, [SUBSET] * len(given), names, [Path("/sounds") / name for name in names], list(given), [1] * len(given),
        np.array(scores, np.float64), hot, np.ones(hot.shape, bool),
    )  # fmt: skip


@pytest.fixture
def scored() -> ScoredClips:
    """Five clips with Bark, and four without it of which three score high."""
    given = [("Bark",), ("Bark", "Bell"), ("Bark",), ("Bark",), ("Bark",), ("Bell",), (), ("Bell",), ("Bell",)]
    bark = (0.9, 0.1, 0.5, 0.5, 0.7, 0.6, 0.95, 0.05, 0.5)
    return scored_clips(given, [(score, 0.3) for score in bark])


def names(clips: list[GridClip]) -> str:
    return "".join(clip.clip[0] for clip in clips)


def test_clips_with_the_label_come_lowest_score_first_and_the_others_highest_first(scored: ScoredClips) -> None:
    wrong = find_grid_clips(scored, "Bark", "wrong", [])
    assert names(wrong) == "bcdea"
    assert [clip.score for clip in wrong] == [0.1, 0.5, 0.5, 0.7, 0.9]
    assert wrong[0] == GridClip(SUBSET, "b.wav", Path("/sounds/b.wav"), ("Bark", "Bell"), 0.1, False)
    # The lowest quarter of the clips with Bark ends at 0.5.
    assert names(find_grid_clips(scored, "Bark", "missing", [])) == "gfi"


def test_only_selected_clips_are_shown_and_answered(scored: ScoredClips, tmp_path: Path) -> None:
    selected = frozenset([(SUBSET, "a.wav"), (SUBSET, "c.wav"), ("noisy", "b.wav")])
    review = GridReview(scored, VerdictJournal(tmp_path / "journal"), "Ada", "Bark", "wrong", only=selected)
    assert names(review.clips()) == "ca"
    given = review.answer([(SUBSET, "a.wav"), (SUBSET, "b.wav")], [], {})
    assert [verdict.clip for verdict in given] == ["a.wav"]


def test_a_label_that_no_fold_knew_is_missing_nowhere(scored: ScoredClips) -> None:
    scored.is_known[:] = False
    assert find_grid_clips(scored, "Bark", "missing", []) == []
    assert names(find_grid_clips(scored, "Bark", "wrong", [])) == "bcdea"


def test_a_label_that_no_clip_has_is_missing_nowhere() -> None:
    scored = scored_clips([("Bell",), ()], [(0.9, 0.9), (0.8, 0.1)])
    assert find_grid_clips(scored, "Bark", "missing", []) == []
    assert find_grid_clips(scored, "Bark", "wrong", []) == []


def judged(clips: list[GridClip]) -> str:
    return names([clip for clip in clips if clip.is_judged])


def verdict(clip: str, label: str = "Bark", answer: str = "right", content: str = "") -> Verdict:
    after = () if answer == "wrong" else ("Bark",)
    return Verdict(SUBSET, clip, label, answer, ("Bark",), after, "Ada", content)  # type: ignore[arg-type]


def test_a_verdict_on_the_label_judges_a_clip_and_one_on_another_label_does_not(scored: ScoredClips) -> None:
    verdicts = [
        verdict("a.wav"),
        verdict("b.wav", answer="wrong"),
        verdict("c.wav", label="Bell"),
        verdict("d.wav", answer="skip"),
        verdict("e.wav", answer="unsure"),
    ]
    assert judged(find_grid_clips(scored, "Bark", "wrong", verdicts)) == "bea"


def test_labels_that_are_given_all_at_once_judge_the_clip(scored: ScoredClips) -> None:
    assert judged(find_grid_clips(scored, "Bark", "wrong", [verdict("c.wav", label="")])) == "c"


def test_another_label_that_was_given_instead_judges_the_clip_for_it_too(scored: ScoredClips) -> None:
    other = Verdict(SUBSET, "f.wav", "Bell", "other", ("Bell",), ("Bark",), "Ada")
    assert judged(find_grid_clips(scored, "Bark", "missing", [other])) == "f"


def test_a_verdict_counts_for_copies_and_not_for_another_sound_of_the_same_name(scored: ScoredClips) -> None:
    contents = {(SUBSET, name): content for name, content in (("a.wav", "x"), ("b.wav", "x"), ("c.wav", "y"))}
    verdicts = [verdict("a.wav", content="x"), verdict("c.wav", content="z")]
    assert judged(find_grid_clips(scored, "Bark", "wrong", verdicts, contents)) == "ba"


def test_the_order_stays_when_clips_are_judged(scored: ScoredClips) -> None:
    before = find_grid_clips(scored, "Bark", "wrong", [])
    after = find_grid_clips(scored, "Bark", "wrong", [verdict("c.wav"), verdict("b.wav")])
    assert names(after) == names(before)


@pytest.mark.parametrize(
    ("kind", "answer", "after"),
    [("wrong", "wrong", [("Bell",), (), ("Bark",)]), ("missing", "add", [("Bell", "Bark"), ("Bark",), ("Bell",)])],
)
def test_marked_clips_lose_or_get_the_label_and_the_others_are_right(
    kind: GridKind, answer: str, after: list[tuple[str, ...]]
) -> None:
    given: list[tuple[str, ...]] = [("Bark", "Bell"), ("Bark",), ("Bark",)]
    if kind == "missing":
        given = [("Bell",), (), ("Bell",)]
    clips = [GridClip(SUBSET, f"{number}.wav", Path("x"), labels, 0.5) for number, labels in enumerate(given)]
    contents = {(SUBSET, "1.wav"): "abc"}
    verdicts = grid_verdicts(clips, clips[:2], "Bark", kind, "Ada", contents)
    assert [each.answer for each in verdicts] == [answer, answer, "right"]
    assert [each.before for each in verdicts] == given
    assert [each.after for each in verdicts] == after
    assert [each.content for each in verdicts] == ["", "abc", ""]
    assert {(each.label, each.reviewer) for each in verdicts} == {("Bark", "Ada")}
    assert [each.decisions["Bark"] for each in verdicts] == [kind == "missing"] * 2 + [kind == "wrong"]


@pytest.fixture
def journal(tmp_path: Path) -> VerdictJournal:
    return VerdictJournal(tmp_path / "verdicts.jsonl")


def review(scored: ScoredClips, journal: VerdictJournal, reviewer: str = "Ada", **contents: str) -> GridReview:
    by_name = {(SUBSET, f"{clip}.wav"): content for clip, content in contents.items()}
    return GridReview(scored, journal, reviewer, "Bark", "wrong", by_name)


def file_names(letters: str) -> list[tuple[str, str]]:
    return [(SUBSET, f"{letter}.wav") for letter in letters]


def test_one_undo_takes_back_a_whole_answer(scored: ScoredClips, journal: VerdictJournal) -> None:
    work = review(scored, journal)
    first = work.answer(file_names("bc"), [], {})
    work.answer(file_names("da"), file_names("e"), {})
    assert judged(work.clips()) == "bcdea"
    table = pd.DataFrame({"subset": scored.subsets, "clip": scored.clips, "labels": scored.clip_labels})
    assert [(each.clip, each.after) for each in find_corrections(table, journal.verdicts())] == [("e.wav", ())]
    assert [each.clip for each in journal.undo("Ada")] == ["d.wav", "e.wav", "a.wav"]
    assert journal.verdicts() == first
    assert judged(work.clips()) == "bc"


def test_an_answer_that_comes_twice_counts_once(scored: ScoredClips, journal: VerdictJournal) -> None:
    work = review(scored, journal)
    first = work.answer(file_names("bc"), file_names("d"), {})
    assert work.answer(file_names("bcd"), [], {}) == []
    later = work.answer(file_names("dea"), [], {})  # as from a window that was opened before
    assert [each.clip for each in later] == ["e.wav", "a.wav"]
    assert journal.verdicts() == first + later


def test_two_reviewers_do_not_see_each_others_verdicts(scored: ScoredClips, journal: VerdictJournal) -> None:
    review(scored, journal).answer(file_names("bcdea"), [], {})
    grace = review(scored, journal, "Grace")
    assert judged(grace.clips()) == ""
    grace.answer([], file_names("b"), {})
    assert judged(grace.clips()) == "b"
    assert len(journal.undo("Ada")) == 5
    assert judged(grace.clips()) == "b"


def test_a_measured_hash_is_written_before_one_that_was_computed(scored: ScoredClips, journal: VerdictJournal) -> None:
    computed = dict(zip(file_names("bcd"), ("one", "two", ""), strict=True))
    given = review(scored, journal, b="measured").answer(file_names("bcd"), [], computed)
    assert [each.content for each in given] == ["measured", "two", ""]


def test_names_of_clips_that_are_not_reviewed_are_left_out(scored: ScoredClips, journal: VerdictJournal) -> None:
    assert review(scored, journal).answer([("noisy", "b.wav"), (SUBSET, "f.wav")], [], {}) == []
    assert not journal.path.exists()
