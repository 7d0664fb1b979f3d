"""The quality of labels is cleanlab's, and the doubtful ones are those that its confident learning counts."""

import numpy as np
import pytest
from cleanlab.count import compute_confident_joint
from cleanlab.filter import find_label_issues
from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

from audiotag.metrics import lwlrap
from audiotag.review.label_quality import clip_lwlrap, is_doubtful, label_quality, mean_scores


@pytest.fixture
def given() -> np.ndarray:
    rng = np.random.default_rng(3)
    given = (rng.random((200, 6)) < 0.2).astype(np.float32)
    given[:, 5] = 0  # a label that no clip has
    return given


@pytest.fixture
def scores(given: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.where(given > 0, rng.beta(3, 2, given.shape), rng.beta(1, 5, given.shape)).astype(np.float32)


def test_quality_is_that_of_cleanlab(given: np.ndarray, scores: np.ndarray) -> None:
    lists = [np.flatnonzero(row).tolist() for row in given]
    theirs = get_label_quality_scores_per_class(lists, scores.astype(float), adjust_pred_probs=True)
    assert np.array_equal(label_quality(given, scores), theirs)


def test_quality_falls_with_the_score_of_a_given_label_and_rises_with_that_of_another(
    given: np.ndarray, scores: np.ndarray
) -> None:
    quality = label_quality(given, scores)
    for label in range(5):
        for is_given, sign in ((1, 1), (0, -1)):
            rows = np.flatnonzero(given[:, label] == is_given)
            by_score = rows[np.argsort(scores[rows, label])]
            assert (sign * np.diff(quality[by_score, label]) >= -1e-7).all()


def test_quality_without_any_label_is_that_none_is_there(scores: np.ndarray) -> None:
    assert label_quality(np.zeros_like(scores), scores) == pytest.approx(1 - scores)


def test_doubtful_labels_are_those_off_the_diagonal_of_the_confident_joint(
    given: np.ndarray, scores: np.ndarray
) -> None:
    doubtful = is_doubtful(given, scores)
    for label in range(5):
        one = scores[:, label].astype(float)
        probabilities = np.stack([1 - one, one], axis=1)
        _, indices = compute_confident_joint(
            given[:, label].astype(int), probabilities, calibrate=False, return_indices_of_off_diagonals=True
        )
        assert np.flatnonzero(doubtful[:, label]).tolist() == sorted(indices)
        issues = find_label_issues(given[:, label].astype(int), probabilities, filter_by="confident_learning", n_jobs=1)
        assert set(np.flatnonzero(issues)) <= set(indices)
    assert not doubtful[:, 5].any()  # nobody knows how such clips are scored


def test_doubtful_labels_of_a_network_that_knows_nothing_are_those_of_cleanlab(given: np.ndarray) -> None:
    scores = np.random.default_rng(6).random(given.shape).astype(np.float32)
    doubtful = is_doubtful(given, scores)
    for label in range(5):
        one = scores[:, label].astype(float)
        _, indices = compute_confident_joint(
            given[:, label].astype(int),
            np.stack([1 - one, one], axis=1),
            calibrate=False,
            return_indices_of_off_diagonals=True,
        )
        assert np.flatnonzero(doubtful[:, label]).tolist() == sorted(indices)


def test_mean_scores_are_those_of_clips_with_and_without_the_label() -> None:
    given = np.array([[1, 0], [0, 0], [1, 0]])
    scores = np.array([[0.8, 0.1], [0.2, 0.3], [0.4, 0.5]])
    present, absent = mean_scores(given, scores)
    assert present == pytest.approx([0.6, np.nan], nan_ok=True)
    assert absent == pytest.approx([0.2, 0.3])


def test_lwlrap_of_each_clip_is_that_of_the_clip_alone(given: np.ndarray, scores: np.ndarray) -> None:
    ties = np.round(scores, 1)
    found = clip_lwlrap(given, ties)
    for row in range(len(given)):
        assert found[row] == pytest.approx(lwlrap(given[row : row + 1], ties[row : row + 1]), nan_ok=True)
    assert np.isnan(found).sum() == (given.sum(axis=1) == 0).sum() > 0
