"""Metrics equal scikit-learn's, or a result worked out by hand where scikit-learn has none."""

import math

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score

from audiotag.metrics import accuracy, best_f1_thresholds, lwlrap, lwlrap_per_class, multi_hot


def random_case(seed: int, levels: int | None = None, labelled: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores; few ``levels`` make many ties, some clips have no label."""
    rng = np.random.default_rng(seed)
    shape = (rng.integers(1, 60), rng.integers(2, 25))
    truth = (rng.random(shape) < rng.uniform(0.05, 0.5)) & (rng.random((shape[0], 1)) < labelled)
    scores = rng.standard_normal(shape) if levels is None else rng.integers(0, levels, shape)
    return truth.astype(float), scores.astype(float)


@pytest.mark.parametrize("levels", [None, 4, 1])
def test_lwlrap_equals_scikit_learns_weighted_lrap(levels: int | None) -> None:
    without_label = 0
    for seed in range(40):
        truth, scores = random_case(seed, levels)
        labelled = truth.sum(axis=1) > 0
        without_label += int((~labelled).sum())
        if not labelled.any():
            assert math.isnan(lwlrap(truth, scores))
            continue
        reference = label_ranking_average_precision_score(
            truth[labelled], scores[labelled], sample_weight=truth[labelled].sum(axis=1)
        )
        assert lwlrap(truth, scores) == pytest.approx(reference, abs=1e-12)
    assert without_label > 100


def test_the_weighted_sum_over_labels_is_lwlrap() -> None:
    for seed in range(20):
        truth, scores = random_case(seed, levels=6, labelled=1.0)
        per_class, weights = lwlrap_per_class(truth, scores)
        np.testing.assert_allclose(weights, truth.sum(axis=0) / truth.sum())
        assert np.nansum(per_class * weights) == pytest.approx(lwlrap(truth, scores), abs=1e-12)
        np.testing.assert_array_equal(np.isnan(per_class), truth.sum(axis=0) == 0)


def test_lwlrap_of_a_case_worked_by_hand() -> None:
    truth = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    scores = np.array([[0.9, 0.1, 0.5, 0.2], [0.5, 0.5, 0.1, 0.9], [1, 2, 3, 4]])
    per_class, weights = lwlrap_per_class(truth, scores)
    # Clip 1 ranks a first (precision 1/1) and b last (2/4); clip 2 ranks b third, tied with a (1/3).
    np.testing.assert_allclose(per_class, [1, (2 / 4 + 1 / 3) / 2, np.nan, np.nan])
    np.testing.assert_allclose(weights, [1 / 3, 2 / 3, 0, 0])
    assert lwlrap(truth, scores) == pytest.approx((1 + 2 / 4 + 1 / 3) / 3)


def test_a_perfect_ranking_has_lwlrap_1_and_only_the_order_of_scores_counts() -> None:
    truth, scores = random_case(3)
    assert lwlrap(truth, truth) == 1
    assert lwlrap(truth, np.exp(scores)) == lwlrap(truth, scores)


def test_accuracy_of_single_labels_is_top_1() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((200, 7))
    classes = rng.integers(0, 7, 200)
    assert accuracy(np.eye(7)[classes], scores) == np.mean(scores.argmax(axis=1) == classes)


def test_accuracy_counts_true_labels_among_the_k_best_scores_of_a_clip_with_k_labels() -> None:
    truth = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0]])
    scores = np.array([[0.9, 0.1, 0.5], [0.1, 0.2, 0.3], [0.9, 0.9, 0.9]])
    assert accuracy(truth, scores) == 2 / 3


def f1(truth: np.ndarray, given: np.ndarray) -> float:
    return 2 * float((truth * given).sum()) / float(truth.sum() + given.sum())


@pytest.mark.parametrize("levels", [None, 5])
def test_thresholds_have_the_best_f1_that_brute_force_finds(levels: int | None) -> None:
    for seed in range(30):
        truth, scores = random_case(seed, levels, labelled=0.7)
        if levels is not None:
            scores /= levels
        thresholds = best_f1_thresholds(truth, scores)
        labelled = truth.sum(axis=1) > 0  # clips without a label are left out
        truth, scores = truth[labelled], scores[labelled]
        for label, threshold in enumerate(thresholds):
            positives, column = truth[:, label], scores[:, label]
            if not positives.any():
                assert threshold == 1.0
                continue
            best = max(f1(positives, column >= candidate) for candidate in column)
            assert f1(positives, column >= threshold) == pytest.approx(best, abs=1e-12)


def test_a_threshold_lies_half_way_between_the_scores_it_separates() -> None:
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    scores = np.array([[0.9, 0.5], [0.7, 0.5], [0.3, 0.5], [0.1, 0.5]])
    np.testing.assert_allclose(best_f1_thresholds(truth, scores), [0.5, 0.25])  # no score is below 0.5, so half of it


@pytest.mark.parametrize("measure", [lwlrap, lwlrap_per_class, accuracy, best_f1_thresholds])
def test_nan_scores_and_scores_of_another_shape_are_refused(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(ValueError, match=r"scores must be numbers, got 1 NaN"):
        measure(np.ones((2, 2)), np.array([[0.1, np.nan], [0.2, 0.3]]))
    with pytest.raises(ValueError, match=r"both be \(clips, labels\), got \(2, 2\) and \(2, 3\)"):
        measure(np.ones((2, 2)), np.ones((2, 3)))


def test_multi_hot_has_a_one_for_each_label_and_refuses_an_unknown_label() -> None:
    assert multi_hot([("b", "a"), ()], ("a", "b", "c")).tolist() == [[1, 1, 0], [0, 0, 0]]
    with pytest.raises(KeyError, match="z"):
        multi_hot([("z",)], ("a",))
