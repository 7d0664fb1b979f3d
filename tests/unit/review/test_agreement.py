"""Cohen's κ is that of scikit-learn, counts the newest decision of each reviewer, and never fails."""

import math
import random

import pytest

from audiotag.data.verdicts import Answer, Verdict
from audiotag.review.agreement import cohens_kappa, compare_reviewers, find_disagreements


def verdict(
    reviewer: str, clip: str, label: str, answer: Answer, before: str = "", after: str = "", time: float = 0.0
) -> Verdict:
    """Labels before and after are separated by spaces."""
    labels = tuple(before.split()), tuple(after.split())
    return Verdict("curated", clip, label, answer, *labels, reviewer, note=f"{reviewer} at {time:g}", time=time)


@pytest.mark.parametrize("seed", range(20))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = random.Random(seed)
    share = rng.random()
    answers = [(rng.random() < share, rng.random() < 0.5) for _ in range(rng.randint(2, 60))]
    answers += [(True, True), (False, False)]  # otherwise it may not be defined
    first, second = zip(*answers, strict=True)
    expected = metrics.cohen_kappa_score(first, second)
    assert cohens_kappa(answers) == pytest.approx(expected)


def test_kappa_of_one_answer_alone_is_not_defined() -> None:
    assert math.isnan(cohens_kappa([]))
    assert math.isnan(cohens_kappa([(True, True)] * 5))
    assert cohens_kappa([(True, False)] * 5) == 0


def test_reviewers_are_compared_on_the_labels_that_both_decided() -> None:
    verdicts = [
        verdict("Ann", "a", "Bark", "right", "Bark", "Bark"),
        verdict("Ann", "b", "Bark", "wrong", "Bark", ""),
        verdict("Ann", "c", "Bark", "right", "Bark", "Bark"),
        verdict("Ann", "d", "Bark", "unsure", "Bark", "Bark"),
        verdict("Bob", "a", "Bark", "right", "Bark", "Bark"),
        verdict("Bob", "b", "Bark", "right", "Bark", "Bark"),
        verdict("Bob", "d", "Bark", "wrong", "Bark", ""),
        verdict("Cid", "e", "Bark", "skip", "Bark", "Bark"),
    ]
    (pair,) = compare_reviewers(verdicts)
    assert (pair.first, pair.second, pair.common, pair.same) == ("Ann", "Bob", 2, 1)
    assert pair.sentence == (
        "Ann and Bob agree on 1 of 2 labels (50 %); Cohen’s κ is 0.00, of too few labels to rely on."
    )


def test_the_newest_decision_counts() -> None:
    verdicts = [
        verdict("Ann", "a", "Bark", "wrong", "Bark", "", time=1),
        verdict("Bob", "a", "Bark", "right", "Bark", "Bark", time=2),
    ]
    (found,) = find_disagreements(verdicts)
    assert (found.subset, found.clip, found.label) == ("curated", "a", "Bark")
    assert [(said.reviewer, said.is_in, said.time, said.note) for said in found.statements] == [
        ("Ann", False, 1, "Ann at 1"),
        ("Bob", True, 2, "Bob at 2"),
    ]
    assert found.sentence == "Bob hears Bark, Ann does not"
    changed = [*verdicts, verdict("Ann", "a", "Bark", "right", "Bark", "Bark", time=3)]
    assert find_disagreements(changed) == []
    assert compare_reviewers(changed)[0].same == 1
    undecided = [*verdicts, verdict("Ann", "a", "Bark", "unsure", "Bark", "Bark", time=3)]
    assert find_disagreements(undecided) == [found]


def test_other_label_is_two_decisions_and_all_labels_at_once_are_one_each() -> None:
    other = verdict("Ann", "a", "Bark", "other", "Bark Rain", "Rain Meow")
    at_once = verdict("Bob", "a", "", "other", "Bark Rain", "Meow")
    (pair,) = compare_reviewers([other, at_once])
    assert (pair.common, pair.same) == (2, 2)
    assert pair.sentence.startswith("Ann and Bob agree on 2 of 2 labels (100 %)")


def test_three_reviewers_are_three_pairs_and_one_disagreement() -> None:
    verdicts = [
        verdict("Bob", "a", "Bark", "right", "Bark", "Bark", time=1),
        verdict("Cid", "a", "Bark", "right", "Bark", "Bark", time=2),
        verdict("Ann", "a", "Bark", "wrong", "Bark", "", time=3),
    ]
    pairs = [(pair.first, pair.second, pair.common, pair.same) for pair in compare_reviewers(verdicts)]
    assert pairs == [("Ann", "Bob", 1, 0), ("Ann", "Cid", 1, 0), ("Bob", "Cid", 1, 1)]
    assert [found.sentence for found in find_disagreements(verdicts)] == ["Bob and Cid hear Bark, Ann does not"]
    both = compare_reviewers(verdicts)[2].sentence
    assert "κ is not defined, because both gave the same answer each time" in both


def test_nothing_to_compare_is_nothing_and_a_sentence() -> None:
    assert compare_reviewers([]) == []
    assert find_disagreements([]) == []
    (pair,) = compare_reviewers(
        [
            verdict("Ann", "a", "Bark", "right", "Bark", "Bark"),
            verdict("Bob", "b", "Bark", "right", "Bark", "Bark"),
        ]
    )
    assert pair.sentence == "Ann and Bob have not decided on the same labels yet."
    assert math.isnan(pair.observed)
