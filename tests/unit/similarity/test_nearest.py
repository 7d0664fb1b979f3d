"""The nearest clips are those of a comparison with every vector, however many there are and however alike they are."""

import numpy as np
import pytest

from audiotag.similarity.nearest import COMPARED_ONE_BY_ONE, NearestClips
from audiotag.similarity.vectors import fused

MANY = COMPARED_ONE_BY_ONE + 500


def collection(clips: int, spread: float, seed: int = 0) -> np.ndarray:
    """Vectors as networks give them: not negative, around a few centres."""
    rng = np.random.default_rng(seed)
    centres = rng.exponential(size=(20, 3, 80))
    features = centres[rng.integers(20, size=clips)] + spread * rng.exponential(size=(clips, 3, 80))
    return fused(features).astype(np.float16)


def compared_with_all(vectors: np.ndarray, query: np.ndarray, count: int, leave_out: list[int]) -> np.ndarray:
    similarity = vectors.astype(np.float32) @ query.astype(np.float32)
    rows = [row for row in np.argsort(-similarity, kind="stable") if vectors[row].any() and row not in leave_out]
    return np.array(rows[:count], int)


@pytest.mark.parametrize("clips", [1, 12, MANY])
@pytest.mark.parametrize("spread", [0.05, 3.0])
def test_the_same_clips_are_found_as_by_a_comparison_with_all(clips: int, spread: float) -> None:
    vectors = collection(clips, spread)
    vectors[clips // 2] = 0
    nearest = NearestClips(vectors)
    for row in range(0, clips, max(1, clips // 25)):
        found = nearest.find(vectors[row], 10, [row])
        expected = compared_with_all(vectors, vectors[row], 10, [row])
        if not vectors[row].any():
            expected = expected[:0]
        similarity = vectors.astype(np.float32) @ vectors[row].astype(np.float32)
        np.testing.assert_allclose(found.similarities, similarity[expected], atol=1e-6)  # equal ones in any order
        assert row not in found.rows
        assert vectors[found.rows].any(axis=1).all()


def test_equal_vectors_are_all_found() -> None:
    vectors = collection(MANY, 0.5)
    vectors[100:140] = vectors[100]
    found = NearestClips(vectors).find(vectors[100], 39, [100])
    assert set(found.rows) == set(range(101, 140))
    np.testing.assert_allclose(found.similarities, 1, atol=2e-3)


def test_more_than_there_are_gives_all_that_are_not_silent_or_left_out() -> None:
    vectors = collection(MANY, 0.5)
    vectors[5:15] = 0
    found = NearestClips(vectors).find(vectors[0], 2 * MANY, [0, 1, 2])
    assert sorted(found.rows) == [3, 4, *range(15, MANY)]
    assert (np.diff(found.similarities) <= 0).all()


def test_silence_resembles_nothing() -> None:
    vectors = collection(MANY, 0.5)
    assert len(NearestClips(vectors).find(np.zeros(vectors.shape[1])).rows) == 0
    assert len(NearestClips(np.zeros_like(vectors)).find(vectors[0]).rows) == 0
    assert len(NearestClips(vectors[:0]).find(vectors[0]).rows) == 0
