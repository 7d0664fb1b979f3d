"""A map keeps together what sounds alike, is the same for the same vectors, and new clips move no others."""

import numpy as np
import pytest

from audiotag.similarity import map_layout
from audiotag.similarity.map_layout import (
    NEIGHBOURS,
    nearest_neighbours,
    place_among,
    principal_components,
    umap_layout,
    vector_keys,
)

CLUSTERS, PER_CLUSTER, DIMENSIONS = 3, 25, 40


def ignore(done: int, total: int) -> None:
    """A progress that nobody looks at."""


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Three clusters of vectors of length 1, one after the other."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.standard_normal((CLUSTERS, DIMENSIONS)), PER_CLUSTER, axis=0)
    found = centres + 0.3 * rng.standard_normal(centres.shape)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def steps() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def umap(vectors: np.ndarray, steps: list[tuple[int, int]]) -> np.ndarray:
    return umap_layout(vectors, lambda done, total: steps.append((done, total)))


def nearest_is_of_the_same_cluster(positions: np.ndarray) -> bool:
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    cluster = np.repeat(np.arange(CLUSTERS), PER_CLUSTER)
    return bool((cluster[distance.argmin(axis=1)] == cluster).all())


def test_clips_of_a_cluster_are_together_by_both_methods(vectors: np.ndarray, umap: np.ndarray) -> None:
    assert umap.shape == (len(vectors), 2)
    assert nearest_is_of_the_same_cluster(umap)
    assert nearest_is_of_the_same_cluster(principal_components(vectors))


def test_the_same_vectors_give_the_same_map(vectors: np.ndarray, umap: np.ndarray) -> None:
    np.testing.assert_array_equal(umap_layout(vectors, ignore), umap)


def test_progress_goes_up_to_the_last_step(umap: np.ndarray, steps: list[tuple[int, int]]) -> None:
    done, totals = zip(*steps, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {1 + map_layout.EPOCHS} == {done[-1]}


def test_what_progress_raises_ends_the_computation(vectors: np.ndarray, umap: np.ndarray) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > 1:
            raise EnoughError

    with pytest.raises(EnoughError):
        umap_layout(vectors, stop)


def test_principal_components_are_those_of_a_singular_value_decomposition(vectors: np.ndarray) -> None:
    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    found = principal_components(vectors, 3)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :3] * values[:3]), atol=1e-4)
    np.testing.assert_array_equal(principal_components(vectors, DIMENSIONS + 2)[:, DIMENSIONS:], 0)


@pytest.mark.parametrize("clips", [0, 1, 2])
def test_few_clips_have_positions_too(vectors: np.ndarray, clips: int) -> None:
    found = principal_components(vectors[:clips])
    assert found.shape == (clips, 2)
    assert np.isfinite(found).all()


def test_neighbours_are_the_nearest_and_a_clip_is_its_own_first(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_layout, "BLOCK", 16)
    with_copy = np.concatenate([vectors, vectors[:1]])
    rows, distances = nearest_neighbours(with_copy, ignore)
    np.testing.assert_array_equal(rows[:, 0], np.arange(len(with_copy)))
    expected = np.sort(1 - with_copy @ with_copy.T, axis=1)[:, :NEIGHBOURS]
    np.testing.assert_allclose(distances, expected, atol=1e-5)
    assert rows[0, 1] == len(vectors)


def test_a_new_clip_is_placed_among_those_that_sound_like_it(vectors: np.ndarray, umap: np.ndarray) -> None:
    cluster = slice(PER_CLUSTER, 2 * PER_CLUSTER)
    (placed,) = place_among(vectors[cluster].mean(axis=0, keepdims=True), vectors, umap)
    low, high = umap[cluster].min(axis=0), umap[cluster].max(axis=0)
    assert (placed >= low).all()
    assert (placed <= high).all()


def test_keys_are_equal_where_vectors_are(vectors: np.ndarray) -> None:
    halves = vectors.astype(np.float16)
    keys = vector_keys(halves)
    assert len(set(keys.tolist())) == len(vectors)
    np.testing.assert_array_equal(vector_keys(halves[::-1]), keys[::-1])
