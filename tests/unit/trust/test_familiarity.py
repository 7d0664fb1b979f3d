"""What is like the training clips is familiar, by the share of held-out clips that are at least as far away."""

import numpy as np
import pytest

from audiotag.trust.familiarity import (
    KEPT_SHARE,
    MAX_DIRECTIONS,
    MAX_HELD_OUT,
    FamiliarSounds,
    fit_sounds,
    over_folds,
    threshold_of,
)

FEATURES, LABELS = 40, 3


def clips(count: int, seed: int, spread: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings around one direction per label, of any length, and their targets."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((LABELS, FEATURES)) / np.sqrt(FEATURES)
    labels = rng.integers(0, LABELS, count)
    embeddings = centres[labels] + spread * rng.standard_normal((count, FEATURES)) / np.sqrt(FEATURES)
    return embeddings * rng.uniform(0.5, 20, (count, 1)), np.eye(LABELS, dtype=bool)[labels]


@pytest.fixture(scope="module")
def sounds() -> FamiliarSounds:
    return fit_sounds(*clips(400, 1), clips(300, 2)[0])


def test_familiarity_of_clips_of_the_same_kind_is_uniform(sounds: FamiliarSounds) -> None:
    familiarity = sounds.familiarity(clips(2000, 3)[0])
    for share in (0.05, 0.25, 0.5, 0.75):
        assert (familiarity <= share).mean() == pytest.approx(share, abs=0.06)


def test_other_sounds_are_less_familiar_than_all_held_out_clips(sounds: FamiliarSounds) -> None:
    other = np.random.default_rng(4).standard_normal((50, FEATURES))
    assert (sounds.familiarity(other) == 1 / 301).all()


def test_length_of_an_embedding_does_not_count(sounds: FamiliarSounds) -> None:
    embeddings = clips(20, 5)[0]
    np.testing.assert_allclose(sounds.distances(embeddings), sounds.distances(7 * embeddings))


def test_distance_is_that_of_the_full_inverse_covariance() -> None:
    """With a variance of its own in every direction it is Mahalanobis' distance, up to the half precision it has."""
    rng = np.random.default_rng(6)
    features = 6
    mixed = rng.standard_normal((features, features))
    embeddings = rng.standard_normal((3000, features)) @ mixed + 30
    sounds = fit_sounds(embeddings, np.ones((3000, 1), bool), embeddings)
    assert len(sounds.directions) == features - 1  # the rest is one more direction
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    away = unit - unit.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(away.T))
    least = 0.03**2 * variances.mean()  # embeddings of length 1 do not differ at all in one direction
    wanted = np.sqrt(((away @ vectors) ** 2 / np.maximum(variances, least)).sum(axis=1))
    assert np.corrcoef(wanted, sounds.distances(embeddings))[0, 1] > 0.98


def test_arrays_stay_small_and_few_clips_are_enough() -> None:
    sounds = fit_sounds(*clips(400, 1), clips(MAX_HELD_OUT + 100, 2)[0])
    assert (len(sounds.directions), len(sounds.held_out)) == (MAX_DIRECTIONS, MAX_HELD_OUT)
    assert sounds.centres.dtype == sounds.directions.dtype == np.float16
    for count in (1, 2, 5):
        few = fit_sounds(*clips(count, 7), clips(1, 8)[0])
        assert np.isfinite(few.distances(clips(9, 9)[0])).all()


def test_a_fold_without_held_out_or_training_clips_finds_all_familiar() -> None:
    embeddings, targets = clips(50, 1)
    assert (fit_sounds(embeddings, targets, embeddings[:0]).familiarity(embeddings) == 1).all()
    assert (fit_sounds(embeddings[:0], targets[:0], embeddings).familiarity(embeddings) == 1).all()


def test_a_label_without_clips_draws_nothing() -> None:
    embeddings, targets = clips(100, 1)
    wider = np.column_stack([targets, np.zeros(len(targets), bool)])
    expected = fit_sounds(embeddings, targets, embeddings[:9]).distances(embeddings)
    np.testing.assert_array_equal(fit_sounds(embeddings, wider, embeddings[:9]).distances(embeddings), expected)


def test_threshold_keeps_its_share_of_right_tags() -> None:
    values = np.random.default_rng(1).random(777)
    assert KEPT_SHARE <= (values >= threshold_of(values)).mean() < KEPT_SHARE + 2 / 777
    assert threshold_of(np.empty(0)) == 0


def test_folds_are_combined_by_their_geometric_mean() -> None:
    np.testing.assert_allclose(over_folds(np.array([[0.5, 0.01], [0.5, 1.0]])), [0.5, 0.1])
