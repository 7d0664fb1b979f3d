"""The quality of labels is cleanlab's, and the doubtful ones are those that its default filter finds."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
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


def test_doubtful_labels_are_those_of_cleanlab(given: np.ndarray, scores: np.ndarray) -> None:
    doubtful = is_doubtful(given, scores)
    assert 5 < doubtful.sum() < 100
    for label in range(5):
        one = scores[:, label].astype(float)
        issues = find_label_issues(given[:, label].astype(int), np.stack([1 - one, one], axis=1), n_jobs=1)
        assert np.array_equal(doubtful[:, label], issues)
    assert not doubtful[:, 5].any()  # nobody knows how such clips are scored
    assert (scores[doubtful & (given > 0)] <= 0.5).all()
    assert (scores[doubtful & (given == 0)] >= 0.5).all()


def test_nothing_is_doubtful_where_nothing_is_given_or_everything(scores: np.ndarray) -> None:
    assert not is_doubtful(np.zeros_like(scores), scores).any()
    assert not is_doubtful(np.ones_like(scores), scores).any()


def test_two_threads_do_not_disturb_each_other(given: np.ndarray, scores: np.ndarray) -> None:
    """cleanlab's filter keeps its data in global variables."""
    tasks = [(given[rows], scores[rows]) for rows in np.array_split(np.arange(200), 4)] * 4
    expected = [is_doubtful(*task) for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda task: is_doubtful(*task), tasks))
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))


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
