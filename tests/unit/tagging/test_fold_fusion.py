"""Means follow their formulas, silence stays silence, and weights undo what was done to logits."""

import numpy as np
import pytest

from audiotag.tagging.evidence import Evidence
from audiotag.tagging.fold_fusion import clip_tags, fit_weights, fuse_folds, fuse_windows
from audiotag.tagging.result import Tags

LABELS = ("Bark", "Bell", "Hiss")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def logit(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


def some_scores(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.99, shape)


def evidence(scores: np.ndarray, augmented: np.ndarray | None = None, audible: np.ndarray | None = None) -> Evidence:
    windows = scores.shape[1]
    audible = np.ones(windows, dtype=bool) if audible is None else audible
    return Evidence("made.wav", float(windows), np.arange(windows), 1.0, audible, scores, augmented, ("A note.",))


def tags_of(of: Evidence, windows: str = "mean", combine: str = "mean", **options: object) -> Tags:
    return clip_tags(of, LABELS, options.pop("thresholds", (0.5, 0.5, 0.5)), windows, combine, **options)


@pytest.mark.parametrize("shape", [(1, 3), (5, 3), (5, 7, 3)])
def test_means_follow_their_formulas(shape: tuple[int, ...]) -> None:
    scores = some_scores(*shape)
    np.testing.assert_allclose(fuse_folds(scores, "mean"), scores.sum(axis=0) / len(scores))
    np.testing.assert_allclose(fuse_folds(scores, "geometric"), np.prod(scores, axis=0) ** (1 / len(scores)))
    scale, shift = some_scores(len(scores), seed=1) + 0.5, some_scores(len(scores), seed=2) - 0.5
    logits = np.stack([a * logit(one) + b for one, a, b in zip(scores, scale, shift, strict=True)])
    weighted = fuse_folds(scores, "weighted", np.stack([scale, shift], axis=1))
    np.testing.assert_allclose(weighted, sigmoid(logits.mean(axis=0)))


def test_one_low_score_pulls_the_geometric_mean_down() -> None:
    scores = np.array([[0.9], [0.9], [0.001]])
    assert fuse_folds(scores, "geometric")[0] < 0.1 < 0.5 < fuse_folds(scores, "mean")[0]


@pytest.mark.parametrize("combine", ["mean", "geometric", "weighted"])
def test_what_all_folds_score_zero_stays_zero(combine: str) -> None:
    scores = some_scores(3, 4, 3)
    scores[:, 1] = 0
    weights = np.array([[1.0, 5.0]] * 3)  # a shift that would raise it
    found = fuse_folds(scores, combine, weights)
    assert (found[1] == 0).all()
    assert (found[[0, 2, 3]] > 0).all()


@pytest.mark.parametrize("combine", ["mean", "geometric", "weighted"])
def test_scores_of_exactly_0_and_1_stay_scores(combine: str) -> None:
    scores = np.array([[0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.5, 1e-30]], dtype=np.float32)
    found = fuse_folds(scores, combine, np.array([[2.0, -1.0], [0.5, 1.0]]))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_equal_scores_of_all_folds_are_not_changed() -> None:
    scores = np.repeat(some_scores(1, 20), 4, axis=0)
    for combine in ("mean", "geometric", "weighted"):
        np.testing.assert_allclose(fuse_folds(scores, combine, np.array([[1.0, 0.0]] * 4)), scores[0])


@pytest.mark.parametrize("weights", [None, np.ones((2, 2))])
def test_weights_that_do_not_fit_the_folds_are_an_error(weights: np.ndarray | None) -> None:
    with pytest.raises(ValueError, match=r"weights must be \(folds, 2\) for 3 folds"):
        fuse_folds(some_scores(3, 2), "weighted", weights)


def fold_scores(scale: float, shift: float, clips: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a fold whose logits are right after scale and shift, and random targets from the right scores."""
    rng = np.random.default_rng(seed)
    right = rng.normal(-0.5, 2, (clips, 20))
    return sigmoid((right - shift) / scale), (rng.random(right.shape) < sigmoid(right)).astype(np.float32)


def test_fitted_weights_recover_how_over_and_under_confident_folds_are() -> None:
    wanted = {1: (0.4, 0.0), 2: (2.5, 0.0), 3: (1.0, -1.5), 4: (0.6, 0.8)}
    parts = [fold_scores(scale, shift, 1500, fold) for fold, (scale, shift) in wanted.items()]
    folds = np.repeat(list(wanted), 1500)
    shuffled = np.random.default_rng(0).permutation(len(folds))
    scores, targets = (np.concatenate(arrays)[shuffled] for arrays in zip(*parts, strict=True))
    found = fit_weights(scores, targets, folds[shuffled])
    np.testing.assert_allclose(found, list(wanted.values()), atol=0.05)


def test_logits_of_calibrated_folds_are_not_changed() -> None:
    parts = [fold_scores(1, 0, 2000, seed) for seed in range(3)]
    scores, targets = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    found = fit_weights(scores, targets, np.repeat([2, 5, 9], 2000))
    np.testing.assert_allclose(found, [[1, 0]] * 3, atol=0.04)


def test_fold_with_random_scores_gets_the_smallest_scale() -> None:
    _, targets = fold_scores(1, 0, 2000, 0)
    chance = sigmoid(np.random.default_rng(1).normal(0, 3, targets.shape))
    ((scale, _),) = fit_weights(chance, targets, np.zeros(len(targets)))
    assert scale == 0.05


def test_weights_of_a_perfect_fold_stay_finite() -> None:
    targets = np.eye(4, dtype=np.float32)[np.arange(40) % 4]
    for scores in (targets, 0.5 + 0.4 * (targets - 0.5), np.full_like(targets, 0.5)):
        weights = fit_weights(scores, targets, np.zeros(40))
        assert np.isfinite(weights).all()
        assert fuse_folds(scores[None], "weighted", weights).shape == targets.shape


def test_weights_lower_the_loss_of_an_ensemble_of_good_and_bad_folds() -> None:
    rng = np.random.default_rng(3)
    right = rng.normal(-0.5, 2, (2000, 20))
    targets = rng.random(right.shape) < sigmoid(right)
    folds = np.stack(
        [sigmoid(right + rng.normal(0, 1, right.shape)), sigmoid(6 * (right + rng.normal(0, 3, right.shape)))]
    )
    weights = np.concatenate([fit_weights(one[:1000], targets[:1000], np.zeros(1000)) for one in folds])

    def loss(scores: np.ndarray) -> float:
        return float(-np.mean(np.where(targets[1000:], np.log(scores), np.log(1 - scores))))

    unseen = folds[:, 1000:].clip(1e-7, 1 - 1e-7)
    assert loss(fuse_folds(unseen, "weighted", weights)) < 0.9 * loss(fuse_folds(unseen, "mean"))


def test_windows_are_combined_for_each_fold_before_folds_are() -> None:
    scores = np.array([[[0.9, 0.2, 0.1], [0.1, 0.4, 0.1]], [[0.1, 0.6, 0.3], [0.7, 0.0, 0.5]]])
    np.testing.assert_allclose(fuse_windows(scores, "max"), [[0.9, 0.4, 0.1], [0.7, 0.6, 0.5]])
    np.testing.assert_allclose(
        tags_of(evidence(scores), "max").scores, [0.8, 0.5, 0.3]
    )  # not max(mean) = 0.5, 0.4, 0.3
    np.testing.assert_allclose(tags_of(evidence(scores), "mean").scores, [0.45, 0.3, 0.25])
    geometric = tags_of(evidence(scores), "max", "geometric").scores
    np.testing.assert_allclose(geometric, np.sqrt([0.9 * 0.7, 0.4 * 0.6, 0.1 * 0.5]))


def test_timeline_combines_the_folds_of_each_window() -> None:
    scores = some_scores(3, 6, 3)
    for combine in ("mean", "geometric"):
        tags = tags_of(evidence(scores, augmented=some_scores(4, 3, 6, 3)), "max", combine)
        np.testing.assert_allclose(tags.timeline, fuse_folds(scores, combine))


@pytest.mark.parametrize("windows", ["mean", "max"])
def test_augmented_passes_count_three_quarters(windows: str) -> None:
    plain, augmented = some_scores(3, 6, 3), some_scores(4, 3, 6, 3, seed=1)
    over = {"mean": np.mean, "max": np.max}[windows]
    per_fold = 0.25 * over(plain, axis=1) + 0.75 * over(augmented, axis=2).mean(axis=0)
    np.testing.assert_allclose(tags_of(evidence(plain, augmented), windows).scores, per_fold.mean(axis=0))
    of_geometric = tags_of(evidence(plain, augmented), windows, "geometric").scores
    np.testing.assert_allclose(of_geometric, np.prod(per_fold, axis=0) ** (1 / 3))


def test_silent_windows_score_zero_whatever_the_networks_score() -> None:
    scores, augmented = some_scores(2, 4, 3), some_scores(4, 2, 4, 3, seed=1)
    scores[:, 2], augmented[:, :, 2] = 0.999, 0.999
    audible = np.array([True, True, False, True])
    found = tags_of(evidence(scores, augmented, audible), "max")
    of_audible = tags_of(evidence(scores[:, audible], augmented[:, :, audible]), "max")
    np.testing.assert_allclose(found.scores, of_audible.scores)
    assert (found.timeline[2] == 0).all()
    assert (found.timeline[audible] > 0).all()
    silence = tags_of(evidence(scores, augmented, np.zeros(4, dtype=bool)), thresholds=(0.0, 0.0, 0.0))
    assert silence.tags == ()
    assert {tag.folds_agreeing for tag in silence.ranking} == {0}


def test_folds_agree_where_their_own_score_reaches_the_threshold() -> None:
    scores = np.array([[[0.9, 0.3, 0.5]], [[0.6, 0.2, 0.5]], [[0.1, 0.1, 0.5]]])
    tags = tags_of(evidence(scores), thresholds=(0.6, 0.4, 0.5))
    assert {tag.label: tag.folds_agreeing for tag in tags.ranking} == {"Bark": 2, "Bell": 0, "Hiss": 3}
    assert [tag.label for tag in tags.tags] == ["Hiss"]
    assert tags.folds == 3


def test_ranking_has_every_label_and_equal_scores_are_in_the_cards_order() -> None:
    tags = tags_of(evidence(np.array([[[0.4, 0.7, 0.4]]])))
    assert [tag.label for tag in tags.ranking] == ["Bell", "Bark", "Hiss"]
    assert tags.notes == ("A note.",)
