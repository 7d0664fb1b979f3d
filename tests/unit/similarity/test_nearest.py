"""The nearest clips are those of a comparison with every vector, however many there are and however alike they are."""

from pathlib import Path

import numpy as np
import pytest

from audiotag import state
from audiotag.similarity import nearest
from audiotag.similarity.bounded_search import BoundedSearch
from audiotag.similarity.graph_search import GraphSearch
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
    clips_found = NearestClips(vectors)
    for row in range(0, clips, max(1, clips // 25)):
        found = clips_found.find(vectors[row], 10, [row])
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


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A collection that is large enough for a graph."""
    monkeypatch.setattr(nearest, "EXACT_UP_TO", MANY - 1)
    vectors = collection(MANY, 1.0)
    vectors[7] = 0
    return vectors


def test_a_graph_finds_nearly_all_and_gives_exact_similarities(many: np.ndarray, tmp_path: Path) -> None:
    NearestClips(many, tmp_path).prepare()
    by_graph, exact = NearestClips(many, tmp_path), NearestClips(many)
    assert isinstance(by_graph._search, GraphSearch)
    hits = []
    for row in range(0, MANY, 50):
        found, expected = (search.find(many[row], 10, [row, 3]) for search in (by_graph, exact))
        assert not {row, 3, 7} & set(found.rows)
        similarity = many[found.rows].astype(np.float32) @ many[row].astype(np.float32)
        np.testing.assert_allclose(found.similarities, similarity, atol=1e-6)
        hits.append(len(set(found.rows) & set(expected.rows)) / 10)
    assert np.mean(hits) > 0.97


def test_a_graph_of_other_vectors_is_not_used(many: np.ndarray, tmp_path: Path) -> None:
    NearestClips(many, tmp_path).prepare()
    changed = many.copy()
    changed[100] = many[200]
    assert isinstance(NearestClips(changed, tmp_path)._search, BoundedSearch)
    assert isinstance(NearestClips(many[:-1], tmp_path)._search, BoundedSearch)
    assert state.take_sentences() == []


@pytest.mark.parametrize("at", [10, 5000, -10])
def test_a_damaged_graph_costs_a_sentence(many: np.ndarray, tmp_path: Path, at: int) -> None:
    NearestClips(many, tmp_path).prepare()
    path = tmp_path / nearest.GRAPH
    content = bytearray(path.read_bytes())
    content[at] ^= 0x55
    path.write_bytes(content)
    state.take_sentences()
    found = NearestClips(many, tmp_path).find(many[0], 5, [0])
    np.testing.assert_array_equal(found.rows, NearestClips(many).find(many[0], 5, [0]).rows)
    assert len(state.take_sentences()) == 1
