"""Paired differences are those of the metrics, and their intervals err as rarely as they claim."""

import math

import numpy as np
import pytest

from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.training.paired_bootstrap import MIN_DIFFERING_UNITS, Difference, sums_of


def random_truth(rng: np.random.Generator, clips: int, labels: int) -> np.ndarray:
    """Each clip has one label or two."""
    truth = np.eye(labels)[rng.integers(labels, size=clips)]
    return np.maximum(truth, np.eye(labels)[rng.integers(labels, size=clips)])


def scores_of(rng: np.random.Generator, truth: np.ndarray, skill: float) -> np.ndarray:
    return skill * truth + rng.normal(size=truth.shape)


def compared(truth: np.ndarray, first: np.ndarray, second: np.ndarray, units: np.ndarray | None = None) -> Difference:
    """The difference in lwlrap over all clips."""
    units = np.arange(len(truth)) if units is None else units
    return sums_of(truth, first, second, None, units).differences()[0]


def test_figures_are_those_of_the_metrics() -> None:
    rng = np.random.default_rng(0)
    truth = random_truth(rng, 60, 5)
    first, second = np.round(scores_of(rng, truth, 1), 1), scores_of(rng, truth, 2)  # the first has ties
    folds, fold_1 = np.arange(60) % 3 + 7, np.arange(60) % 3 == 0
    found = sums_of(truth, first, second, folds, np.arange(60)).differences(means=[range(2, 5)])
    assert (found[0].first, found[0].second) == pytest.approx((lwlrap(truth, first), lwlrap(truth, second)))
    assert (found[1].first, found[1].second) == pytest.approx((accuracy(truth, first), accuracy(truth, second)))
    assert found[2].second == pytest.approx(lwlrap(truth[fold_1], second[fold_1]))
    assert [result.second for result in found[5:10]] == pytest.approx(lwlrap_per_class(truth, second)[0].tolist())
    assert [result.clips for result in found] == [60, 60, 20, 20, 20, *truth.sum(axis=0), 60]
    assert found[-1].difference == pytest.approx(np.mean([result.difference for result in found[2:5]]))


def test_interval_is_that_of_recomputing_lwlrap_on_each_resample() -> None:
    rng = np.random.default_rng(1)
    truth = random_truth(rng, 80, 6)
    first, second = scores_of(rng, truth, 1), scores_of(rng, truth, 1.5)
    found = compared(truth, first, second)
    drawn = rng.integers(80, size=(4000, 80))
    redone = [lwlrap(truth[rows], second[rows]) - lwlrap(truth[rows], first[rows]) for rows in drawn]
    low, high = np.quantile(redone, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))


@pytest.mark.parametrize("clips", [10, 80])
def test_interval_excludes_zero_in_about_5_per_cent_of_equal_runs(clips: int) -> None:
    rng = np.random.default_rng(clips)
    excluded = 0
    for _ in range(200):
        truth = random_truth(rng, clips, 4)
        found = compared(truth, scores_of(rng, truth, 1), scores_of(rng, truth, 1))
        excluded += not found.low <= 0 <= found.high
    assert 2 <= excluded <= 20  # 10 are expected; fewer than 2 or more than 20 happen once in a thousand times


def test_clips_of_one_recording_are_resampled_together() -> None:
    rng = np.random.default_rng(2)
    truth = random_truth(rng, 50, 6)
    first, second = scores_of(rng, truth, 1), scores_of(rng, truth, 1.2)
    alone = compared(truth, first, second)
    four_of_each = [np.tile(values, (4, 1)) for values in (truth, first, second)]
    together = compared(*four_of_each, np.tile(np.arange(50), 4))
    apart = compared(*four_of_each, np.arange(200))
    assert (together.units, apart.units) == (50, 200)
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))
    # Four copies say no more than one; taken for different recordings, they would halve the interval.
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("differing", "conclusion"),
    [(MIN_DIFFERING_UNITS - 1, "cannot be told apart"), (MIN_DIFFERING_UNITS, "better")],
)
def test_a_few_recordings_are_not_enough_to_tell(differing: int, conclusion: str) -> None:
    truth = np.eye(2)[[0] * differing]
    wrong, right = 1 - truth, truth
    found = compared(truth, wrong, right)
    assert found.low > 0
    assert found.conclusion == conclusion
    assert compared(truth, right, wrong).conclusion == conclusion.replace("better", "worse")


def test_one_recording_has_no_interval() -> None:
    truth = np.eye(2)[[0, 0, 1]]
    found = compared(truth, 1 - truth, truth, np.zeros(3, dtype=int))
    assert (found.units, found.difference, math.isnan(found.low)) == (1, 0.5, True)
    assert found.conclusion == "cannot be told apart"
    assert found.to_dict()["low"] is None


def test_a_label_that_some_resamples_lack_still_has_an_interval() -> None:
    rng = np.random.default_rng(3)
    truth = np.eye(2)[[0] * 58 + [1] * 2]
    rare = sums_of(truth, scores_of(rng, truth, 0), truth, None, np.arange(60)).differences()[3]
    assert rare.clips == 2
    assert rare.low <= rare.difference <= rare.high
