"""Ranking runs: by the same clips, with the intervals of a comparison of two, and without flattering the choice."""

import numpy as np
import pandas as pd
import pytest

from audiotag.errors import AudiotagError
from audiotag.training.comparison import compare_held_out
from audiotag.training.held_out import HeldOutScores
from audiotag.training.ranking import lwlrap_of_choice, rank_runs
from audiotag.training.true_labels import TrueLabels

LABELS = ("Bark", "Bell", "Hiss")
COUNT = 60
NAMES = [f"{number:02}.wav" for number in range(COUNT)]
RIGHT = np.eye(3, dtype=np.float32)[np.arange(COUNT) % 3]
KEYS = [("curated", name) for name in NAMES]
# Two clips per recording.
TRUTH = TrueLabels(
    {key: (LABELS[number % 3],) for number, key in enumerate(KEYS)}, {key: at // 2 for at, key in enumerate(KEYS)}
)


def held_out(skill: float, seed: int, labels: tuple[str, ...] = LABELS) -> HeldOutScores:
    """Scores of all clips, right by ``skill`` above noise."""
    noise = np.random.default_rng(seed).normal(size=RIGHT.shape)
    clips = pd.DataFrame({"subset": "curated", "clip": NAMES, "fold": np.arange(COUNT) % 2 + 1})
    return HeldOutScores(labels, clips, (skill * RIGHT + noise).astype(np.float32), RIGHT)


def without(scores: HeldOutScores, count: int) -> HeldOutScores:
    """The same without the first clips, in reversed order."""
    rows = slice(None, count - 1 if count else None, -1)
    return HeldOutScores(scores.labels, scores.clips[rows], scores.scores[rows], scores.targets[rows])


RUNS = {"guesses": held_out(0, 0), "good": held_out(3, 1), "alike": held_out(3, 2)}


def test_the_best_is_first_and_what_cannot_be_told_apart_from_it_is_said() -> None:
    found = rank_runs(RUNS, TRUTH)
    assert {each.name for each in found.placed[:2]} == {"good", "alike"}
    assert [each.rank for each in found.placed] == [1, 2, 3]
    best, second, last = found.placed
    assert best.against_best is None
    assert second.against_best is not None
    assert last.against_best is not None
    assert second.against_best.conclusion == "cannot be told apart"
    assert last.against_best.conclusion == "worse"
    assert (found.clips, found.recordings) == (COUNT, COUNT // 2)
    assert all(each.low <= each.lwlrap <= each.high for each in found.placed)


def test_differences_and_intervals_are_those_of_a_comparison_of_two_runs() -> None:
    best, *others = rank_runs(RUNS, TRUTH).placed
    for each in others:
        pair = compare_held_out(RUNS[best.name], RUNS[each.name], TRUTH.labels, TRUTH.groups).lwlrap
        found = each.against_best
        assert found is not None
        assert (found.difference, found.low, found.high) == pytest.approx((pair.difference, pair.low, pair.high))
        assert (found.clips, found.units, found.differing_units) == (pair.clips, pair.units, pair.differing_units)
        assert (best.lwlrap, each.lwlrap) == pytest.approx((pair.first, pair.second))


def test_all_runs_are_measured_on_the_clips_that_all_of_them_held_out() -> None:
    short = without(RUNS["good"], 12)
    truth = TrueLabels({key: TRUTH.labels[key] for key in KEYS[:-2]} | {KEYS[20]: ()}, TRUTH.groups, [KEYS[-1]])
    found = rank_runs({"short": short, "all": RUNS["good"]}, truth)
    assert [each.lwlrap for each in found.placed] == [found.placed[0].lwlrap] * 2
    assert found.clips == COUNT - 12 - 2 - 1
    assert found.notes == (
        "12 clips were not held out by all of these runs, and do not count.",
        "1 clip is left out of the dataset by you, and does not count.",
        "1 clip is not in the dataset any more, and does not count.",
        "1 clip has no label to be scored by, and does not count.",
    )


def test_labels_in_another_order_are_the_same_and_others_are_refused() -> None:
    turned = RUNS["good"]
    turned = HeldOutScores(LABELS[::-1], turned.clips, turned.scores[:, ::-1], turned.targets)
    first, second = rank_runs({"good": RUNS["good"], "turned": turned}, TRUTH).placed
    assert first.lwlrap == second.lwlrap
    with pytest.raises(AudiotagError, match="the runs were trained on other labels"):
        rank_runs({"good": RUNS["good"], "other": held_out(3, 1, ("Bark", "Bell", "Siren"))}, TRUTH)


def test_runs_without_a_clip_in_common_cannot_be_ranked() -> None:
    ends = without(RUNS["good"], 30), without(RUNS["alike"], 0)
    first_half = HeldOutScores(LABELS, ends[1].clips[30:], ends[1].scores[30:], ends[1].targets[30:])
    with pytest.raises(AudiotagError, match="the runs held out no clip with a label in common"):
        rank_runs({"last": ends[0], "first": first_half}, TRUTH)


def test_a_choice_among_equal_guesses_is_worth_a_guess_although_the_best_looks_better() -> None:
    """Of 30 runs that guess, the best is above chance on its clips; what is expected of the choice is chance."""
    guesses = {str(seed): held_out(0, seed) for seed in range(30)}
    found = rank_runs(guesses, TRUTH)
    by_chance = (1 + 1 / 2 + 1 / 3) / 3
    assert found.placed[0].lwlrap > by_chance + 0.06
    assert found.of_choice == pytest.approx(by_chance, abs=0.04)


def test_a_choice_that_is_clear_costs_nothing() -> None:
    found = rank_runs({"guesses": RUNS["guesses"], "perfect": held_out(1000, 3)}, TRUTH)
    assert (found.placed[0].name, found.placed[0].lwlrap, found.of_choice) == ("perfect", 1, 1)


def test_one_run_or_one_recording_is_no_choice() -> None:
    assert rank_runs({"good": RUNS["good"]}, TRUTH).of_choice is None
    assert lwlrap_of_choice(np.ones((3, 2)), np.ones(3), np.zeros(3, dtype=int)) is None
