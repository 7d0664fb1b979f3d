"""The vector of a clip has length 1, every fold counts the same, and silence has none."""

import numpy as np
import pytest

from audiotag.similarity.nearest import NearestClips, similarities
from audiotag.similarity.vectors import clip_vector, fused, window_vectors

RNG = np.random.default_rng(0)


def test_vector_has_length_1_and_silence_has_length_0() -> None:
    embeddings = RNG.random((5, 7, 12))
    assert np.linalg.norm(clip_vector(embeddings)) == pytest.approx(1)
    np.testing.assert_allclose(np.linalg.norm(window_vectors(embeddings), axis=1), 1, rtol=1e-6)
    assert not clip_vector(np.zeros((5, 7, 12))).any()


def test_a_fold_with_large_features_counts_no_more_than_another() -> None:
    embeddings = RNG.random((2, 4, 8))
    louder = embeddings * np.array([1, 100]).reshape(2, 1, 1)
    np.testing.assert_allclose(clip_vector(embeddings), clip_vector(louder), rtol=1e-5)


def test_similarity_is_the_mean_of_the_cosines_of_the_folds() -> None:
    a, b = RNG.random((2, 5, 16))
    cosines = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(a, b, strict=True)]
    assert similarities(fused(a)[None], fused(b))[0] == pytest.approx(np.mean(cosines), abs=1e-6)


def test_silent_windows_do_not_count() -> None:
    embeddings = RNG.random((3, 4, 8))
    with_silence = np.concatenate([embeddings, np.zeros((3, 6, 8))], axis=1)
    np.testing.assert_allclose(clip_vector(with_silence), clip_vector(embeddings), rtol=1e-6)


def test_nearest_are_the_most_similar_without_the_clip_itself_and_without_silence() -> None:
    vectors = fused(RNG.normal(size=(50, 3, 8)))
    vectors[7] = 0
    nearest = NearestClips(vectors)
    found = nearest.find(vectors[3], 10, [3]).rows
    expected = [row for row in np.argsort(-(vectors @ vectors[3])) if row not in (3, 7)][:10]
    assert found.tolist() == expected
    assert len(nearest.find(vectors[3], 1000).rows) == 49
